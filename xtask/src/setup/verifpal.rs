//! The tool that checks the symbolic models.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{place, process, say};

/// What a model means depends on the tool: a newer one is a change to look at.
const VERSION: &str = "1.6.7";

/// Returns the tool, built where it is missing.
///
/// # Errors
///
/// It does not build.
pub fn provide() -> Result<PathBuf> {
    let folder = place::cache()?.join(format!("verifpal-{VERSION}"));
    let tool = folder.join("bin/verifpal");
    if tool.exists() {
        return Ok(tool);
    }
    say(format_args!(
        "missing: verifpal, which checks the models; building version {VERSION}, once: about five minutes"
    ));
    let work = folder.with_extension("building");
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--locked", "verifpal", "--version", VERSION])
        // It names the compiler that its author has; ours builds it too.
        .args(["--ignore-rust-version", "--root"])
        .arg(&folder)
        .arg("--target-dir")
        .arg(&work);
    process::quietly(&mut cargo).context("verifpal does not build")?;
    fs::remove_dir_all(&work)?;
    Ok(tool)
}
