//! The page built twice from nothing, in two folders: every file must be the same, bit for bit.
//!
//! What a host serves can be compared with it, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::{place, process, say};

/// Folders whose names differ in length: none of it may be in what is built.
const FOLDERS: [&str; 2] = ["reproduced", "reproduced-in-another-folder"];

/// The site's files and what is in them.
type Files = BTreeMap<String, Vec<u8>>;

/// Builds what is committed, twice, and compares.
///
/// # Errors
///
/// It does not build, or a file differs.
pub fn run() -> Result<()> {
    let [first, second] = FOLDERS;
    let (first, second) = (read(&build(first)?)?, read(&build(second)?)?);
    let differing = differing(&first, &second);
    ensure!(
        differing.is_empty(),
        "two builds differ in {}",
        differing.join(", ")
    );
    for name in first.keys() {
        println!("{name}");
    }
    say(format_args!(
        "two builds from nothing have the same {} files",
        first.len()
    ));
    Ok(())
}

/// Builds the site in a clone with a target folder of its own, and returns where it is.
fn build(name: &str) -> Result<PathBuf> {
    let clone = place::fresh(name)?;
    say(format_args!("building the page in {}", clone.display()));
    let mut git = Command::new("git");
    git.args(["clone", "--quiet"]).arg(place::checkout());
    process::run(git.arg(&clone))?;
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&clone)
        .env("CARGO_TARGET_DIR", clone.join("target"))
        .args(["run", "--quiet", "--package", "xtask", "--", "site"]);
    process::run(&mut cargo)?;
    Ok(clone.join("target/site"))
}

fn read(site: &Path) -> Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(site)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}

/// Returns the names of what is in one of both, or differs.
fn differing(first: &Files, second: &Files) -> Vec<String> {
    let names = first.keys().chain(second.keys());
    let mut names: Vec<String> = names
        .filter(|name| first.get(*name) != second.get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_difference_is_found() {
        let files = |list: &[(&str, &str)]| -> Files {
            let file = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
            list.iter().map(file).collect()
        };
        let first = files(&[("a", "1"), ("b", "2")]);
        assert!(differing(&first, &first).is_empty());
        let second = files(&[("b", "3"), ("c", "4")]);
        assert_eq!(differing(&first, &second), ["a", "b", "c"]);
    }
}
