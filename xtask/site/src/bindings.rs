//! The Wasm and the JavaScript that connects it with the browser.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::layout::{self, Files};

/// Returns `NAME.js`, `NAME_bg.wasm` and snippets, if any, for what cargo built as `NAME.wasm`.
///
/// # Errors
///
/// The file is not there, or was built against another version of `wasm-bindgen`.
pub(crate) fn generate(app: &Path) -> Result<Files> {
    let folder = app.with_extension("bindings");
    // Snippets of an earlier build must not stay.
    let _ = fs::remove_dir_all(&folder);
    Bindgen::new()
        .input_path(app)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // boot.js fetches the Wasm itself, with its hash.
        .omit_default_module_path(true)
        .web(true)?
        .generate(&folder)
        .with_context(|| format!("no bindings for {}", app.display()))?;
    layout::read(&folder)
}
