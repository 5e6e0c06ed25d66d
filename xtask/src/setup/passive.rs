//! The benchmark of the passive engine: what security against a cheating server is compared with.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{place, process, say};

/// The last commit that had it.
const COMMIT: &str = "b09eab3";

/// Returns the program, built where it is missing.
///
/// # Errors
///
/// The checkout lacks the commit, or it does not build.
pub fn provide() -> Result<PathBuf> {
    let folder = place::cache()?.join(format!("passive-{COMMIT}"));
    let program = folder.join("mcmix-bench");
    if program.exists() {
        return Ok(program);
    }
    say(format_args!(
        "missing: the benchmark of the passive engine; building commit {COMMIT}, once: some minutes"
    ));
    let work = folder.with_extension("building");
    fs::create_dir_all(&work)?;
    let sources = work.with_extension("tar");
    let mut git = Command::new("git");
    git.current_dir(place::checkout())
        .args(["archive", "--format=tar", COMMIT, "--output"])
        .arg(&sources);
    process::quietly(&mut git).context("a shallow clone lacks it: git fetch --unshallow")?;
    let mut tar = Command::new("tar");
    process::quietly(tar.arg("-xf").arg(&sources).arg("-C").arg(&work))?;
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&work)
        .args(["build", "--release", "--locked", "--package", "mcmix-bench"])
        .args(["--target-dir", "target"]);
    process::quietly(&mut cargo).context("the passive engine does not build")?;
    fs::create_dir_all(&folder)?;
    fs::rename(work.join("target/release/mcmix-bench"), &program)?;
    fs::remove_file(sources)?;
    fs::remove_dir_all(&work)?;
    Ok(program)
}
