//! The three browser engines, their drivers, and fonts for what people write.

use std::path::PathBuf;

use anyhow::Result;

use super::apt::{self, Package};
use super::geckodriver;

/// Chromium.
pub const CHROMIUM: &str = "/usr/bin/chromium";
/// Chromium's driver.
pub const CHROMEDRIVER: &str = "/usr/bin/chromedriver";
/// Firefox.
pub const FIREFOX: &str = "/usr/bin/firefox-esr";
/// WebKitGTK's small browser.
pub const MINI_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
/// WebKitGTK's driver.
pub const WEBKIT_DRIVER: &str = "/usr/bin/WebKitWebDriver";
/// A display for WebKitGTK, which has no headless mode.
pub const XVFB: &str = "/usr/bin/Xvfb";

const PACKAGES: [Package; 8] = [
    Package {
        name: "chromium",
        brings: CHROMIUM,
    },
    Package {
        name: "chromium-driver",
        brings: CHROMEDRIVER,
    },
    Package {
        name: "firefox-esr",
        brings: FIREFOX,
    },
    Package {
        name: "libwebkit2gtk-4.1-0",
        brings: MINI_BROWSER,
    },
    Package {
        name: "webkit2gtk-driver",
        brings: WEBKIT_DRIVER,
    },
    Package {
        name: "xvfb",
        brings: XVFB,
    },
    Package {
        name: "fonts-dejavu-core",
        brings: "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    },
    Package {
        name: "fonts-noto-color-emoji",
        brings: "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf",
    },
];

/// Installs what is missing and returns geckodriver, whose place varies.
///
/// # Errors
///
/// A package cannot be installed, or geckodriver does not build.
pub fn provide() -> Result<PathBuf> {
    apt::provide("the cross-browser tests", &PACKAGES)?;
    geckodriver::provide()
}
