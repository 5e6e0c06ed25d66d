//! The site: what a browser loads, laid out in `target/site/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::setup::wasm::Toolchain;
use crate::{place, process};

/// The profile that makes the Wasm small.
const PROFILE: &str = "web";

/// The most that a first visit may load. It is above the goal of 330,000, and only ever goes down.
const MOST_BYTES: u64 = 400_000;

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
    process::run(&mut tool).context("the site could not be laid out")?;
    check_size()
}

/// Fails if a first visit loads more than it should.
fn check_size() -> Result<()> {
    let bytes = first_visit(&folder())?;
    ensure!(
        bytes <= MOST_BYTES,
        "a first visit loads {bytes} bytes, at most {MOST_BYTES} are allowed: see `./mcmix size`"
    );
    Ok(())
}

/// Returns how many bytes a first visit loads, compressed as browsers ask for it: all but the demo.
fn first_visit(site: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(site)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_copy = name.ends_with(".br") || name.ends_with(".gz");
        if is_copy || name.starts_with("demo.") {
            continue;
        }
        let compressed = path.with_file_name(format!("{name}.br"));
        let loaded = if compressed.exists() {
            &compressed
        } else {
            &path
        };
        bytes += fs::metadata(loaded)?.len();
    }
    Ok(bytes)
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
    let loaded = first_visit(&folder())?;
    println!("{loaded:>9} bytes  that a first visit loads, of at most {MOST_BYTES}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_visit_is_all_but_the_demo_and_the_copies() {
        let folder = tempfile::TempDir::new().unwrap();
        for (name, bytes) in [
            ("index.html", 100),
            ("index.html.br", 40),
            ("index.html.gz", 50),
            ("tiny.svg", 7),
            ("demo.html", 1000),
            ("demo.html.br", 1000),
        ] {
            fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!(first_visit(folder.path()).unwrap(), 47);
    }
}
