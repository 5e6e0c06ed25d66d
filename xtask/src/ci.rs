//! What CI checks beside the tests.

use std::process::Command;

use anyhow::Result;

use crate::setup::wasm::Toolchain;
use crate::{place, process, say};

/// Checks formatting, then lints and documents every crate, natively and for Wasm; warnings fail.
///
/// # Errors
///
/// Something is not as it should be.
pub fn lint() -> Result<()> {
    say("checking the formatting");
    process::run(cargo().args(["fmt", "--all", "--check"]))?;

    say("linting");
    let native = ["--workspace", "--exclude", "mcmix-web"];
    let strict = ["--all-targets", "--", "--deny", "warnings"];
    process::run(cargo().arg("clippy").args(native).args(strict))?;
    let mut clippy = Toolchain::provide()?.clippy()?;
    clippy.args(["--package", "mcmix-web", "--package", "mcmix-shared"]);
    process::run(clippy.args(["--", "--deny", "warnings"]))?;

    say("building the documentation");
    let mut doc = cargo();
    doc.env("RUSTDOCFLAGS", "--deny warnings")
        .args(["doc", "--no-deps"]);
    process::run(doc.args(native))
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(place::checkout());
    cargo
}
