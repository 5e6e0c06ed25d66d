//! What rounds cost: builds the program that measures them, and runs it.

use std::process::Command;

use anyhow::Result;

use crate::{place, process, say};

/// Measures rounds, with the options of `mcmix-bench`.
///
/// # Errors
///
/// The program does not build, or does not succeed.
pub fn run(options: &[&str]) -> Result<()> {
    say("building the benchmark: some minutes the first time");
    let mut cargo = process::cargo("build");
    cargo.args(["--quiet", "--release", "--package", "mcmix-bench"]);
    process::run(&mut cargo)?;
    let program = place::cargo_target().join("release/mcmix-bench");
    process::run(Command::new(program).args(options))
}
