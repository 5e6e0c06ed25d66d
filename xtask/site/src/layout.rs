//! Files of a folder, read and written as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::compress;

/// Files by their path relative to the folder, with `/` between its parts.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Reads a folder and those within it, less the words about it (`README.md`).
///
/// # Errors
///
/// Something in it cannot be read.
pub(crate) fn read(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            let within = read(&entry.path())?.into_iter();
            files.extend(within.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else if name != "README.md" {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

/// Writes files and their compressed copies into a folder, in place of all that it held.
///
/// # Errors
///
/// Something cannot be written.
pub(crate) fn write(files: &Files, folder: &Path) -> Result<()> {
    let next = folder.with_extension("next");
    let _ = fs::remove_dir_all(&next);
    for (path, bytes) in files {
        let file = next.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, bytes)?;
        for (suffix, copy) in compress::copies(bytes)? {
            fs::write(next.join(format!("{path}.{suffix}")), copy)?;
        }
    }
    let _ = fs::remove_dir_all(folder);
    fs::rename(&next, folder)?;
    Ok(())
}
