//! Where things are: the checkout, what is built from it, what the set-up keeps.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Returns the root of the checkout.
pub fn checkout() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// Returns the folder in the checkout for what our commands leave: the site, the demo's state, logs.
pub fn target() -> PathBuf {
    checkout().join("target")
}

/// Returns a folder of that name in [`target`], with nothing in it.
///
/// # Errors
///
/// It can't be emptied or made.
pub fn fresh(name: &str) -> Result<PathBuf> {
    let folder = target().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Returns the folder that cargo builds into: `CARGO_TARGET_DIR`, or [`target`].
pub fn cargo_target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(target, |dir| checkout().join(dir))
}

/// Returns where the set-up keeps what is worth keeping beyond one checkout.
///
/// # Errors
///
/// Neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.filter(|dir| dir.is_absolute());
    base.or_else(|| env::home_dir().map(|home| home.join(".cache")))
        .map(|base| base.join("mcmix"))
        .context("no folder for the cache: set HOME or XDG_CACHE_HOME")
}

/// Returns the folder in which cargo keeps the sources of other crates.
pub fn cargo_home() -> Option<PathBuf> {
    let set = env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// Returns the first program of that name on `PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let paths = env::var_os("PATH")?;
    env::split_paths(&paths)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
