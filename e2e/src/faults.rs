//! The site as tests have it: a copy whose worker does on demand what no page can do to it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use xtask::site;

/// What is added to the worker's first script.
const FAULTS: &str = include_str!("faults.js");

/// Lays the copy out in a folder, and returns where.
///
/// # Errors
///
/// The site was not built.
pub(crate) fn lay_out(folder: &Path) -> Result<PathBuf> {
    let copy = folder.join("site");
    fs::create_dir_all(&copy)?;
    let mut changed = 0;
    for entry in fs::read_dir(site::folder())? {
        let entry = entry?;
        let (name, to) = (entry.file_name(), copy.join(entry.file_name()));
        let is_script = entry.path().extension().is_some_and(|it| it == "js");
        if !name.to_string_lossy().starts_with("engine.") {
            fs::hard_link(entry.path(), to)?;
        } else if is_script {
            fs::write(to, fs::read_to_string(entry.path())? + FAULTS)?;
            changed += 1;
        }
        // Its compressed copies stay out: they are of the script without faults.
    }
    if changed != 1 {
        bail!("{changed} scripts of the worker in the site, not one");
    }
    Ok(copy)
}
