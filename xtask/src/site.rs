//! The site: what a browser loads, laid out in `target/site/`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::setup::wasm::Toolchain;
use crate::{place, process};

/// The profile that makes the Wasm small.
const PROFILE: &str = "web";

/// Returns where the site is.
pub fn folder() -> PathBuf {
    place::target().join("site")
}

/// Builds the site.
///
/// # Errors
///
/// There is no compiler for Wasm, or the app does not build.
pub fn build() -> Result<()> {
    let toolchain = Toolchain::provide()?;
    let app = build_app(&toolchain)?;
    let mut tool = process::cargo("run");
    tool.args(["--quiet", "--package", "mcmix-site", "--"]);
    tool.args([app, place::checkout().join("www"), folder()]);
    process::run(&mut tool).context("the site could not be laid out")
}

/// Returns where [`build_frozen_run`] leaves its program.
pub fn frozen_run() -> PathBuf {
    place::target().join("frozen.wasm")
}

/// Builds, as the app is built, the program that checks a frozen run (`shared/examples/frozen.rs`).
///
/// # Errors
///
/// There is no compiler for Wasm, or it does not build.
pub fn build_frozen_run() -> Result<()> {
    let toolchain = Toolchain::provide()?;
    let mut cargo = toolchain.cargo("build");
    cargo.args(["--package", "mcmix-shared", "--example", "frozen"]);
    process::run(cargo.args(["--profile", PROFILE]))?;
    let built = toolchain.built(PROFILE).join("examples/frozen.wasm");
    fs::copy(built, frozen_run())?;
    Ok(())
}

/// Prints how large the app is, as built, as laid out, and compressed.
///
/// # Errors
///
/// The site does not build.
pub fn size() -> Result<()> {
    build()?;
    let toolchain = Toolchain::provide()?;
    let built = fs::metadata(app(&toolchain))?.len();
    println!("{built:>9} bytes  as the compiler left it");
    for entry in fs::read_dir(folder())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.contains(".wasm") {
            println!("{:>9} bytes  {name}", entry.metadata()?.len());
        }
    }
    Ok(())
}

fn build_app(toolchain: &Toolchain) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo("build");
    cargo.args(["--package", "mcmix-web", "--profile", PROFILE]);
    process::run(&mut cargo)?;
    Ok(app(toolchain))
}

fn app(toolchain: &Toolchain) -> PathBuf {
    toolchain.built(PROFILE).join("mcmix-web.wasm")
}
