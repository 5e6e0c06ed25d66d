//! The distribution's compiler, and a standard library for wasm32 built from its sources.
//!
//! rustup's compilers do not build the distribution's sources, and the distribution has no
//! package with the target's library. So its compiler builds its sources once, into a folder
//! in the cache that is named after the compiler; from then on builds are ordinary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::apt::{self, Package};
use super::wasm::TARGET;
use crate::{place, process, say};

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const SOURCES: &str = "/usr/lib/rustlib/src/rust/library";

/// The oldest compiler that builds us.
const NEEDED: &str = env!("CARGO_PKG_RUST_VERSION");

const COMPILER: [Package; 3] = [
    Package {
        name: "rustc-web",
        brings: RUSTC,
    },
    Package {
        name: "cargo-web",
        brings: CARGO,
    },
    Package {
        name: "rust-web-src",
        brings: SOURCES,
    },
];

/// The distribution's compiler with a standard library for wasm32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysroot {
    folder: PathBuf,
    linker: PathBuf,
}

impl Sysroot {
    /// Returns the distribution's cargo, set to build with this.
    pub fn cargo(&self) -> Command {
        let mut command = distribution_cargo();
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
        command
    }

    /// Returns the compiler's flags that make it use this.
    pub fn flags(&self) -> [String; 2] {
        ["--sysroot".to_owned(), self.folder.display().to_string()]
    }
}

/// Returns the distribution's cargo, with its own compiler whatever the caller's environment says.
fn distribution_cargo() -> Command {
    let mut command = Command::new(CARGO);
    for name in ["CARGO", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        command.env_remove(name);
    }
    command.env("RUSTC", RUSTC);
    command
}

/// Returns the sysroot of the distribution's present compiler, if it was built.
///
/// # Errors
///
/// The compiler is there and does not run.
pub fn find() -> Result<Option<Sysroot>> {
    if !Path::new(RUSTC).exists() {
        return Ok(None);
    }
    let version = Version::read()?;
    if !version.is_new_enough() {
        return Ok(None);
    }
    let sysroot = version.sysroot()?;
    let complete = sysroot.folder.is_dir() && sysroot.linker.exists();
    Ok(complete.then_some(sysroot))
}

/// Installs what is missing, builds the standard library where that was not done, and returns both.
///
/// # Errors
///
/// A package cannot be installed, or the standard library does not build.
pub fn provide() -> Result<Sysroot> {
    apt::provide("building for Wasm", &COMPILER)?;
    let mut version = Version::read()?;
    if !version.is_new_enough() {
        say(format_args!(
            "the distribution's compiler is {}, {NEEDED} is needed",
            version.release
        ));
        apt::install("building for Wasm", &COMPILER.map(|package| package.name))?;
        version = Version::read()?;
    }
    if !version.is_new_enough() {
        bail!(
            "the distribution has no newer compiler than {}",
            version.release
        );
    }
    let sysroot = version.sysroot()?;
    if !sysroot.linker.exists() {
        apt::install("linking Wasm", &[&format!("lld-{}", version.llvm)])?;
    }
    if !sysroot.folder.is_dir() {
        say(
            "missing: the standard library for Wasm; building it from the distribution's sources, once: about two minutes",
        );
        build(&version, &sysroot.folder)?;
    }
    Ok(sysroot)
}

/// Installs the distribution's clippy where it is missing.
///
/// # Errors
///
/// It cannot be installed.
pub fn provide_clippy() -> Result<()> {
    let clippy = Package {
        name: "rust-web-clippy",
        brings: "/usr/bin/cargo-clippy",
    };
    apt::provide("linting Wasm", &[clippy])
}

/// What `rustc -vV` says of the distribution's compiler.
struct Version {
    release: String,
    commit: String,
    llvm: String,
}

impl Version {
    fn read() -> Result<Self> {
        let printed = process::quietly(Command::new(RUSTC).arg("-vV"))?;
        let field = |name: &str| {
            let mut lines = printed.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.with_context(|| format!("rustc -vV tells no {name}"))
        };
        let llvm = field("LLVM version")?;
        Ok(Self {
            release: field("release")?.to_owned(),
            commit: field("commit-hash")?.to_owned(),
            llvm: llvm.split('.').next().unwrap_or(llvm).to_owned(),
        })
    }

    fn is_new_enough(&self) -> bool {
        let parts = |text: &str| -> Vec<u32> {
            text.split('.')
                .map_while(|part| part.parse().ok())
                .collect()
        };
        parts(&self.release) >= parts(NEEDED)
    }

    fn sysroot(&self) -> Result<Sysroot> {
        let short = self.commit.get(..9).unwrap_or(&self.commit);
        Ok(Sysroot {
            folder: place::cache()?.join(format!("sysroot-{}-{short}", self.release)),
            linker: format!("/usr/bin/wasm-ld-{}", self.llvm).into(),
        })
    }
}

/// Builds the standard library as a dependency of an empty crate, and keeps all but that crate.
fn build(version: &Version, folder: &Path) -> Result<()> {
    let work = folder.with_extension("building");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(work.join("src"))?;
    fs::write(work.join("Cargo.toml"), MANIFEST)?;
    fs::write(work.join("src/lib.rs"), "#![no_std]\n")?;

    // Bitcode is what lets the site's build optimise across crates, std included.
    let sources = fs::canonicalize(SOURCES)?;
    let sources = sources.parent().unwrap_or(&sources);
    let flags = format!(
        "-Cembed-bitcode=yes\u{1f}--remap-path-prefix={}=/rustc/{}",
        sources.display(),
        version.commit
    );
    let mut cargo = distribution_cargo();
    cargo
        .current_dir(&work)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .args(["build", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro");
    process::quietly(&mut cargo).context("the standard library does not build")?;

    let finished = work.join("sysroot");
    let libraries = finished.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries)?;
    for entry in fs::read_dir(work.join("target").join(TARGET).join("release/deps"))? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default();
        let library = file
            .extension()
            .is_some_and(|extension| extension == "rlib");
        if library && !name.to_string_lossy().starts_with("libempty-") {
            fs::copy(&file, libraries.join(name))?;
        }
    }
    // Last, and in one step: a folder of this name is complete.
    fs::rename(&finished, folder)?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

const MANIFEST: &str = r#"
[package]
name = "empty"
edition = "2024"

[profile.release]
opt-level = 3
codegen-units = 1

[workspace]
"#;

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_compare_as_numbers() {
        let version = |release: &str| Version {
            release: release.to_owned(),
            commit: String::new(),
            llvm: String::new(),
        };
        assert!(!version("1.9.9").is_new_enough());
        assert!(!version("1.85.0").is_new_enough());
        assert!(version("1.95.0").is_new_enough());
        assert!(version("1.100.0").is_new_enough());
        assert!(version("2.0.0-nightly").is_new_enough());
    }
}
