//! One running browser with its driver.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tempfile::TempDir;
use thirtyfour::{Capabilities, WebDriver};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use xtask::ports;
use xtask::process::Group;

use crate::engine::Engine;

/// How long a driver, and then its browser, may take to start on a busy machine.
const START: Duration = Duration::from_secs(90);

/// How often a driver that is starting is tried.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a script may wait for something to happen on a page.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// A browser and its driver, both of which end with this value.
#[derive(Debug)]
pub struct Session {
    /// Which browser.
    pub engine: Engine,
    web: Option<WebDriver>,
    // Dropped in this order: the processes before the folder that they write to.
    _driver: Group,
    _display: Option<Display>,
    _profile: TempDir,
}

impl Session {
    /// Starts a driver and a browser with an empty profile.
    ///
    /// # Errors
    ///
    /// One of them is missing or does not start in time.
    pub async fn start(engine: Engine) -> Result<Self> {
        // Everything that the browser writes is in here, as one folder to remove.
        let profile = TempDir::with_prefix("mcmix-browser-")?;
        let [port] = ports::free()?;
        let mut command = engine.driver(port)?;
        command.env("TMPDIR", profile.path());
        command.env("HOME", profile.path());
        // Set, they keep WebKit's screenshots from ever returning.
        command.env_remove("WEBKIT_DISABLE_COMPOSITING_MODE");
        command.env_remove("WEBKIT_DISABLE_DMABUF_RENDERER");
        // One of its own: windows on one display take the focus from each other.
        let display = engine.needs_display().then(Display::start).transpose()?;
        if let Some(display) = &display {
            command.env("DISPLAY", &display.name);
        }
        let driver = Group::spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let starting = connect(engine, port);
        let web = timeout(START, starting)
            .await
            .with_context(|| format!("{engine} did not start in {} s", START.as_secs()))??;
        web.set_script_timeout(PATIENCE).await?;
        Ok(Self {
            engine,
            web: Some(web),
            _driver: driver,
            _display: display,
            _profile: profile,
        })
    }

    /// Returns the connection to the driver.
    ///
    /// # Errors
    ///
    /// None while the session lives.
    pub fn web(&self) -> Result<&WebDriver> {
        self.web.as_ref().context("the session has ended")
    }

    /// Sends Chromium a command of its `DevTools` protocol.
    ///
    /// # Errors
    ///
    /// It is another browser, or knows no such command.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<()> {
        self.web()?.cdp().send_raw(command, parameters).await?;
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver's group is ended as a whole: there is nothing to say goodbye to.
        if let Some(web) = self.web.take() {
            let _ = web.leak();
        }
    }
}

async fn connect(engine: Engine, port: u16) -> Result<WebDriver> {
    while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        sleep(GLANCE).await;
    }
    let Value::Object(wanted) = engine.capabilities() else {
        bail!("capabilities are an object");
    };
    let mut capabilities = Capabilities::new();
    for (name, value) in wanted {
        capabilities.set(name, value)?;
    }
    Ok(WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?)
}

/// A display that nobody looks at.
#[derive(Debug)]
struct Display {
    name: String,
    _server: Group,
}

impl Display {
    /// Starts one under a number that is free.
    ///
    /// # Errors
    ///
    /// Xvfb is missing or does not start.
    fn start() -> Result<Self> {
        let mut command = Command::new(xtask::setup::browsers::XVFB);
        command
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x1000x24",
                "-nolisten",
                "tcp",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = Group::spawn(&mut command)?;
        let mut number = String::new();
        let printed = server.stdout().context("Xvfb prints its number")?;
        BufReader::new(printed).read_line(&mut number)?;
        if number.trim().is_empty() {
            bail!("Xvfb did not start");
        }
        Ok(Self {
            name: format!(":{}", number.trim()),
            _server: server,
        })
    }
}
