//! Firefox's driver, which the distribution does not package.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{place, process, say};

const VERSION: &str = "0.37.1";

/// Returns the driver: the one on `PATH`, or our own, built where it is missing.
///
/// # Errors
///
/// It does not build.
pub fn provide() -> Result<PathBuf> {
    if let Some(found) = place::program("geckodriver") {
        return Ok(found);
    }
    let folder = place::cache()?.join(format!("geckodriver-{VERSION}"));
    let driver = folder.join("bin/geckodriver");
    if driver.exists() {
        return Ok(driver);
    }
    say(format_args!(
        "missing: geckodriver, which drives Firefox; building version {VERSION}, once: a minute or a few"
    ));
    let work = folder.with_extension("building");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--locked", "geckodriver", "--version", VERSION])
        // A driver waits for its browser: it gains nothing from an optimiser.
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .args(["--debug", "--root"])
        .arg(&folder)
        .arg("--target-dir")
        .arg(&work);
    process::quietly(&mut cargo).context("geckodriver does not build")?;
    fs::remove_dir_all(&work)?;
    Ok(driver)
}
