//! What this machine lacks, and how it gets it.
//!
//! Each part looks first, says one line if something is missing, and does nothing when nothing is.

pub mod apt;
pub mod browsers;
pub mod geckodriver;
pub mod passive;
pub mod ready;
pub mod sysroot;
pub mod verifpal;
pub mod wasm;

use anyhow::Result;

/// Sets up what building and testing need.
///
/// # Errors
///
/// Something is missing and cannot be had.
pub fn all() -> Result<()> {
    wasm::Toolchain::provide()?;
    browsers::provide()?;
    Ok(())
}
