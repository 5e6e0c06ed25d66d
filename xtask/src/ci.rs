//! What CI checks beside the tests.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::setup::ready;
use crate::setup::wasm::Toolchain;
use crate::{fuzz, place, process, say};

/// How long fetching the advisories may take.
const FETCH: Duration = Duration::from_mins(1);

/// Checks formatting and what we depend on, then lints and documents every crate, natively and for
/// Wasm; warnings fail.
///
/// # Errors
///
/// Something is not as it should be.
pub fn lint() -> Result<()> {
    say("checking the formatting");
    process::run(process::cargo("fmt").args(["--all", "--check"]))?;

    dependencies()?;

    say("linting");
    let native = ["--workspace", "--exclude", "mcmix-web"];
    let strict = ["--all-targets", "--", "--deny", "warnings"];
    process::run(process::cargo("clippy").args(native).args(strict))?;
    fuzz::lint()?;
    let mut clippy = Toolchain::provide()?.clippy()?;
    clippy.args(["--package", "mcmix-web", "--package", "mcmix-shared"]);
    process::run(clippy.args(["--", "--deny", "warnings"]))?;

    say("building the documentation");
    let mut doc = process::cargo("doc");
    doc.env("RUSTDOCFLAGS", "--deny warnings").arg("--no-deps");
    process::run(doc.args(native))
}

/// Checks licences, duplicates and sources of what we depend on (deny.toml), and its advisories where
/// those can be had.
fn dependencies() -> Result<()> {
    say("looking at what we depend on");
    let deny = ready::DENY.provide()?;
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&deny);
        command.current_dir(place::checkout()).args(arguments);
        command
    };
    // A warning is of an exception that nothing needs any more.
    let strict = ["check", "--deny", "warnings"];
    process::run(command(&strict).args(["licenses", "bans", "sources"]))?;
    if process::within(FETCH, &mut command(&["fetch", "db"])).is_err() {
        say("the advisories cannot be fetched here: left out");
        return Ok(());
    }
    process::run(command(&strict).arg("advisories"))
}
