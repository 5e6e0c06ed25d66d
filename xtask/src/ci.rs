//! What CI checks beside the tests.

use anyhow::Result;

use crate::setup::wasm::Toolchain;
use crate::{process, say};

/// Checks formatting, then lints and documents every crate, natively and for Wasm; warnings fail.
///
/// # Errors
///
/// Something is not as it should be.
pub fn lint() -> Result<()> {
    say("checking the formatting");
    process::run(process::cargo("fmt").args(["--all", "--check"]))?;

    say("linting");
    let native = ["--workspace", "--exclude", "mcmix-web"];
    let strict = ["--all-targets", "--", "--deny", "warnings"];
    process::run(process::cargo("clippy").args(native).args(strict))?;
    let mut clippy = Toolchain::provide()?.clippy()?;
    clippy.args(["--package", "mcmix-web", "--package", "mcmix-shared"]);
    process::run(clippy.args(["--", "--deny", "warnings"]))?;

    say("building the documentation");
    let mut doc = process::cargo("doc");
    doc.env("RUSTDOCFLAGS", "--deny warnings").arg("--no-deps");
    process::run(doc.args(native))
}
