//! The distribution's packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{place, process, say};

/// A package, and a file by which to tell that it is there.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Its name in the archive.
    pub name: &'static str,
    /// A file that it brings.
    pub brings: &'static str,
}

/// Installs those of the packages that are missing, and says what for.
///
/// # Errors
///
/// Something is missing and this system has no `apt-get`, we are not root, or `apt-get` fails.
pub fn provide(purpose: &str, packages: &[Package]) -> Result<()> {
    let missing: Vec<_> = packages
        .iter()
        .filter(|package| !Path::new(package.brings).exists())
        .map(|package| package.name)
        .collect();
    install(purpose, &missing)
}

/// Installs packages, and says what for. Nothing happens where none is named.
///
/// # Errors
///
/// As [`provide`].
pub fn install(purpose: &str, names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let listed = names.join(" ");
    if place::program("apt-get").is_none() {
        bail!(
            "missing for {purpose}: {listed} (Debian's names); install them, then run this again"
        );
    }
    if !nix::unistd::geteuid().is_root() {
        bail!("missing for {purpose}: run 'sudo apt-get install {listed}', then run this again");
    }
    say(format_args!(
        "missing for {purpose}: {listed}; installing with apt-get"
    ));
    // Lists that were never fetched, or long ago, name no package, an old one, or one that is gone.
    // Where they cannot be fetched, what is missing may still be had.
    let _ = apt_get(&["update"]);
    apt_get(&[&["install"], names].concat()).context("apt-get could not install them")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["--yes", "--quiet", "--no-install-recommends"])
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(arguments);
    process::quietly(&mut command).map(drop)
}
