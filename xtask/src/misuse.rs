//! Three servers under all that strangers try (`e2e/native/src/misuse.rs`).

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process::{self, Group};
use crate::servers::{self, Build, Deployment, Plan, Servers};
use crate::{place, say};

/// Short, since honest clients complete one after each class.
const CONVERSATION_PERIOD_MS: u32 = 250;
const DIALING_PERIOD_MS: u32 = 400;

/// Sends bad inputs of those names, all where there is none, to three servers, and prints how each
/// was answered.
///
/// # Errors
///
/// Something does not build, a server ends, or an input is answered otherwise than it should be.
pub fn run(names: &[&str]) -> Result<()> {
    say("building");
    let program = servers::build(Build::Test)?;
    let misuse = ["--package", "mcmix-native", "--bin", "misuse"];
    process::run(process::cargo("build").args(misuse))?;
    let misuse = place::cargo_target().join("debug/misuse");

    let folder = place::fresh("misuse")?;
    let plan = Plan::on_free_ports(CONVERSATION_PERIOD_MS, DIALING_PERIOD_MS)?;
    let mut deployment = Deployment::write(&folder, program, plan)?;
    let mut command = Command::new(misuse);
    command.arg(&folder).args(
        [plan.clients, plan.peers, plan.admin]
            .map(|ports| ports.map(|it| it.to_string()).join(",")),
    );
    command
        .args(names)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // It is what the servers reach each other through, so it comes first and goes last.
    let mut strangers = Group::spawn(&mut command)?;
    let mut said = BufReader::new(strangers.stdout().context("no pipe")?);
    for settings in &mut deployment.settings {
        let mut line = String::new();
        said.read_line(&mut line)?;
        settings.extend(line.trim_end().split('\t').map(str::to_owned));
    }
    let mut servers = Servers::start(deployment)?;
    let ids: Vec<String> = servers.ids().map(|id| id.to_string()).collect();
    let mut stdin = strangers.stdin().context("no pipe")?;
    writeln!(stdin, "{}", ids.join(" "))?;
    io::copy(&mut said, &mut io::stdout())?;
    servers.check()?;
    match strangers.end()? {
        status if status.success() => Ok(()),
        status => bail!("not all was answered as it should be ({status})"),
    }
}
