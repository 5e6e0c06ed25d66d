//! All tests: those of every crate, then those in browsers.

use anyhow::{Result, bail};

use crate::servers::{self, Build};
use crate::{process, say, setup, site};

/// Which trials in browsers to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trials {
    /// One engine, or several that play together; all where there is none.
    pub browser: Option<String>,
    /// How often each scenario is played; once where there is none.
    pub repeat: Option<String>,
    /// How many pages are killed in the scenario that kills pages, which alone is played then.
    pub kills: Option<String>,
    /// One scenario; all where there is none.
    pub scenario: Option<String>,
}

impl Trials {
    /// Reads `[--browser NAME] [--repeat N] [--kills N] [SCENARIO]`.
    ///
    /// # Errors
    ///
    /// There is something else.
    pub fn parse(mut words: &[&str]) -> Result<Self> {
        let mut trials = Self::default();
        loop {
            let value;
            (value, words) = match words {
                [] => return Ok(trials),
                ["--browser", value, rest @ ..] => {
                    (trials.browser.replace((*value).to_owned()), rest)
                }
                ["--repeat", value, rest @ ..] => {
                    (trials.repeat.replace((*value).to_owned()), rest)
                }
                ["--kills", value, rest @ ..] => (trials.kills.replace((*value).to_owned()), rest),
                [value, rest @ ..] if !value.starts_with('-') => {
                    (trials.scenario.replace((*value).to_owned()), rest)
                }
                [other, ..] => {
                    bail!("expected --browser, --repeat, --kills or a scenario, got '{other}'")
                }
            };
            if let Some(twice) = value {
                bail!("'{twice}' and then another of its kind");
            }
        }
    }
}

/// Runs every test there is.
///
/// # Errors
///
/// The set-up fails, something does not build, or a test fails.
pub fn all() -> Result<()> {
    setup::all()?;
    say("running the tests of the crates");
    let browsers = ["--exclude", "mcmix-web", "--exclude", "mcmix-e2e"];
    process::run(process::cargo("test").arg("--workspace").args(browsers))?;
    for package in ["mcmix-e2e", "mcmix-web"] {
        process::run(process::cargo("test").args(["--package", package, "--lib"]))?;
    }
    in_browsers(&Trials::default())
}

/// Runs the tests in browsers.
///
/// # Errors
///
/// As [`all`].
pub fn in_browsers(trials: &Trials) -> Result<()> {
    build_for_browsers()?;
    say("running the tests in browsers");
    let browser = trials.browser.as_deref();
    let browser = browser.map(|name| format!("{name}/")).unwrap_or_default();
    let default = trials.kills.as_ref().map_or("", |_| "kills");
    let scenario = trials.scenario.as_deref().unwrap_or(default);
    let mut cargo = process::cargo("test");
    cargo.args(["--package", "mcmix-e2e", "--test", "browsers", "--"]);
    cargo.arg(format!("{browser}{scenario}"));
    if let Some(repeat) = &trials.repeat {
        cargo.env("MCMIX_E2E_REPEAT", repeat);
    }
    if let Some(kills) = &trials.kills {
        cargo.env("MCMIX_E2E_KILLS", kills);
    }
    process::run(&mut cargo)
}

/// Takes pictures of the main views into `target/shots/`, or of the demo alone into a file.
///
/// # Errors
///
/// The set-up fails, something does not build, or a view does not come up.
pub fn shots(options: &[&str]) -> Result<()> {
    build_for_browsers()?;
    say("taking pictures of the main views");
    let shots = ["--quiet", "--package", "mcmix-e2e", "--bin", "shots"];
    process::run(process::cargo("run").args(shots).arg("--").args(options))
}

/// Builds what browsers are to see.
fn build_for_browsers() -> Result<()> {
    setup::all()?;
    say("building the page");
    site::build()?;
    site::build_frozen_run()?;
    say("building the server");
    servers::build(Build::Test).map(drop)
}
