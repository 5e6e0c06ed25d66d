//! What rounds cost: builds the program that measures them, and runs it.

use std::process::Command;

use anyhow::Result;

use crate::setup::passive;
use crate::{place, process, say};

/// Measures rounds, with the options of `mcmix-bench`, where `--passive` names no program: it is
/// built here.
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
    let mut bench = Command::new(program);
    for option in options {
        bench.arg(option);
        if *option == "--passive" {
            bench.arg(passive::provide()?);
        }
    }
    process::run(&mut bench)
}
