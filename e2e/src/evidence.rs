//! What a failed scenario leaves in `target/e2e/`: screenshots, pages, logs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use xtask::place;

use crate::session::Session;

/// Returns the folder for what a scenario leaves, empty.
///
/// # Errors
///
/// It cannot be made.
pub fn folder(trial: &str) -> Result<PathBuf> {
    let folder = place::target()
        .join("e2e")
        .join(trial.replace(['/', ' '], "-"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Saves what a browser shows and logged.
///
/// # Errors
///
/// The browser does not answer, or the folder cannot be written.
pub async fn collect(session: &Session, folder: &Path, name: &str) -> Result<()> {
    let web = session.web()?;
    fs::write(folder.join(format!("{name}.html")), web.source().await?)?;
    // Chromium alone gives its log.
    if let Ok(log) = web.browser_log().await {
        let lines: Vec<String> = log.iter().map(|entry| format!("{entry:?}")).collect();
        fs::write(folder.join(format!("{name}.log")), lines.join("\n"))?;
    }
    fs::write(
        folder.join(format!("{name}.png")),
        web.screenshot_as_png().await?,
    )?;
    Ok(())
}
