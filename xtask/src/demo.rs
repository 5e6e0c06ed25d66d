//! The demo: three servers and the page on this machine.

use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::servers::{self, Build, Deployment, Plan, Servers};
use crate::{place, say, site};

/// How often the servers are looked at.
const GLANCE: Duration = Duration::from_millis(500);

/// Programs that open an address in the user's browser.
const OPENERS: [&str; 3] = ["xdg-open", "open", "sensible-browser"];

/// Whether to show the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// In the user's browser.
    InBrowser,
    /// The user opens it.
    ByHand,
}

/// Builds everything, starts three servers, and keeps them running until Ctrl-C.
///
/// # Errors
///
/// Something does not build, a port is taken, or a server ends.
pub fn run(open: Open) -> Result<()> {
    let plan = Plan::DEMO;
    let busy = plan.busy();
    if !busy.is_empty() {
        let busy: Vec<String> = busy.iter().map(u16::to_string).collect();
        bail!(
            "ports in use: {}; end what listens there (another demo?), then run this again",
            busy.join(", ")
        );
    }
    say("building the page");
    site::build()?;
    say("building the server");
    let program = servers::build(Build::Release)?;

    // Before the servers start, so that no Ctrl-C can leave them behind.
    let (interrupt, interrupted) = mpsc::channel();
    ctrlc::set_handler(move || {
        let _ = interrupt.send(());
    })?;
    let folder = place::target().join("demo");
    let deployment = Deployment::write(&folder, program, plan)?;
    let mut servers = Servers::start(deployment)?;

    let url = plan.url();
    say(format_args!(
        "three servers are running; their logs are in {}",
        folder.display()
    ));
    say(
        "open the page in two windows, create an identity in each, copy an invite link from one to the other, call, accept, chat",
    );
    println!("\n    {url}\n");
    if open == Open::InBrowser {
        show(&url);
    }
    say("Ctrl-C ends all three");
    while interrupted.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {
        servers.check()?;
    }
    say("ending the servers");
    Ok(())
}

fn show(url: &str) {
    let opened = OPENERS.iter().find(|opener| {
        let mut command = Command::new(opener);
        command
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    });
    if opened.is_none() {
        say("no browser was found: open the address yourself");
    }
}
