//! The three browser engines, and how each is started.

use core::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};
use xtask::setup::{browsers, geckodriver};

/// A browser engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Blink, as in Chromium.
    Chromium,
    /// Gecko, as in Firefox.
    Firefox,
    /// WebKit, as in its GTK port.
    WebKit,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// Returns whether a worker's sockets go on while the page is busy. Gecko and WebKit carry them
    /// over the page's thread.
    pub(crate) const fn carries_sockets_apart(self) -> bool {
        matches!(self, Self::Chromium)
    }

    /// Returns whether it needs a display: WebKitGTK has no headless mode.
    pub const fn needs_display(self) -> bool {
        matches!(self, Self::WebKit)
    }

    /// Returns the command that starts its driver on that port.
    ///
    /// # Errors
    ///
    /// The driver is missing and cannot be built.
    pub fn driver(self, port: u16) -> Result<Command> {
        let program = match self {
            Self::Chromium => PathBuf::from(browsers::CHROMEDRIVER),
            Self::Firefox => geckodriver::provide()?,
            Self::WebKit => PathBuf::from(browsers::WEBKIT_DRIVER),
        };
        let mut command = Command::new(program);
        command.arg(format!("--port={port}"));
        if self == Self::Firefox {
            // Else two drivers side by side use one port to talk to their browsers.
            command.arg("--websocket-port=0");
        }
        Ok(command)
    }

    /// Returns what to ask its driver for.
    pub(crate) fn capabilities(self) -> Value {
        match self {
            Self::Chromium => json!({
                "browserName": "chrome",
                "goog:loggingPrefs": { "browser": "ALL" },
                "goog:chromeOptions": { "binary": browsers::CHROMIUM, "args": [
                    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                    "--no-first-run", "--no-default-browser-check",
                    "--disable-background-networking", "--disable-component-update",
                    "--disable-sync", "--disable-default-apps", "--disable-extensions",
                    "--disable-domain-reliability", "--metrics-recording-only", "--no-pings",
                    "--window-size=1280,900",
                ] },
            }),
            Self::Firefox => json!({
                "browserName": "firefox",
                "moz:firefoxOptions": {
                    "binary": browsers::FIREFOX,
                    "args": ["-headless", "--width=1280", "--height=900"],
                },
            }),
            Self::WebKit => json!({
                "browserName": "MiniBrowser",
                "webkitgtk:browserOptions": {
                    "binary": browsers::MINI_BROWSER,
                    "args": ["--automation"],
                },
            }),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::WebKit => "webkit",
        })
    }
}
