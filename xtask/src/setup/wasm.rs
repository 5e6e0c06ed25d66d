//! A compiler for wasm32: rustup's where it can be had, else the distribution's.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::sysroot;
use crate::{place, process, say};

/// The target.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// How long rustup may take to download the target (about 20 MB).
const DOWNLOAD: Duration = Duration::from_mins(1);

/// Forces one of the two ways: `rustup` or `distribution`.
const CHOICE: &str = "MCMIX_WASM";

/// Where the standard library for wasm32 comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The toolchain on `PATH` has it.
    Rustup,
    /// The distribution's compiler, with a standard library that we built.
    Distribution(sysroot::Sysroot),
}

impl Toolchain {
    /// Finds a toolchain, or sets one up.
    ///
    /// # Errors
    ///
    /// Neither way works on this machine, or `MCMIX_WASM` names a third.
    pub fn provide() -> Result<Self> {
        match env::var(CHOICE).as_deref() {
            Ok("rustup") if rustup_has_it()? => Ok(Self::Rustup),
            Ok("rustup") => add_with_rustup().map(|()| Self::Rustup),
            Ok("distribution") => sysroot::provide().map(Self::Distribution),
            Ok(other) => bail!("{CHOICE} is 'rustup' or 'distribution', got '{other}'"),
            Err(_) => Self::find_or_add(),
        }
    }

    fn find_or_add() -> Result<Self> {
        if rustup_has_it()? {
            return Ok(Self::Rustup);
        }
        if let Some(sysroot) = sysroot::find()? {
            return Ok(Self::Distribution(sysroot));
        }
        say(format_args!(
            "missing: the {TARGET} target; adding it with rustup"
        ));
        if let Err(error) = add_with_rustup() {
            say(format_args!(
                "rustup cannot ({error:#}): taking the distribution's compiler"
            ));
            return sysroot::provide().map(Self::Distribution);
        }
        Ok(Self::Rustup)
    }

    /// Returns `cargo subcommand --target wasm32-unknown-unknown` for this toolchain.
    ///
    /// Wasm is built into a folder of its own, so that the two compilers never share one.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Rustup => Command::new("cargo"),
            Self::Distribution(sysroot) => sysroot.cargo(),
        };
        command
            .current_dir(place::checkout())
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags().join("\u{1f}"))
            .args([subcommand, "--target", TARGET, "--target-dir"])
            .arg(self.target_dir());
        command
    }

    /// Returns `cargo clippy` for this toolchain.
    ///
    /// # Errors
    ///
    /// The distribution's clippy cannot be installed.
    pub fn clippy(&self) -> Result<Command> {
        if let Self::Distribution(_) = self {
            sysroot::provide_clippy()?;
        }
        Ok(self.cargo("clippy"))
    }

    /// Returns the compiler's flags. What is served names no folder of the machine that built it.
    fn flags(&self) -> Vec<String> {
        let mut flags = match self {
            Self::Rustup => Vec::new(),
            Self::Distribution(sysroot) => sysroot.flags().to_vec(),
        };
        flags.push(format!(
            "--remap-path-prefix={}=/mcmix",
            place::checkout().display()
        ));
        if let Some(home) = place::cargo_home() {
            flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
        }
        flags
    }

    /// Returns where `cargo` leaves what it built in that profile.
    pub fn built(&self, profile: &str) -> PathBuf {
        self.target_dir().join(TARGET).join(profile)
    }

    fn target_dir(&self) -> PathBuf {
        place::cargo_target().join(match self {
            Self::Rustup => "wasm",
            Self::Distribution(_) => "wasm-distribution",
        })
    }
}

/// Returns whether the compiler on `PATH` has a standard library for the target.
fn rustup_has_it() -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(place::checkout());
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let folder = process::quietly(&mut rustc)?;
    Ok(Path::new(folder.trim()).is_dir())
}

fn add_with_rustup() -> Result<()> {
    place::program("rustup").context("rustup is not there")?;
    let mut rustup = Command::new("rustup");
    rustup.current_dir(place::checkout());
    rustup.args(["target", "add", TARGET]);
    process::within(DOWNLOAD, &mut rustup)
}
