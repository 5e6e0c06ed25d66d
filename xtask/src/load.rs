//! Three servers under many real clients: what a client and round costs them, and who was left out.

mod surge;
mod usage;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use self::usage::Usage;
use crate::process::{self, Group};
use crate::servers::{self, Build, Deployment, Plan, Servers};
use crate::{place, say};

/// What is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Clients.
    pub clients: u32,
    /// Milliseconds from one conversation round to the next; a dialing round comes with every
    /// second one.
    pub period_ms: u32,
    /// Seconds that are measured.
    pub seconds: u64,
    /// Clients that join in a second.
    pub joins: u32,
    /// Whether they only take part, for a tenth of a whole client's work.
    pub light: bool,
    /// Clients that come as well for a third of the time, and are gone then.
    pub surge: u32,
}

impl Load {
    /// Reads `[--light] [--clients N] [--period-ms MS] [--seconds S] [--joins N] [--surge N]`.
    ///
    /// # Errors
    ///
    /// There is something else.
    pub fn parse(mut words: &[&str]) -> Result<Self> {
        let mut load = Self {
            clients: 2000,
            period_ms: 1000,
            seconds: 30,
            joins: 200,
            light: false,
            surge: 0,
        };
        while let [option, rest @ ..] = words {
            if *option == "--light" {
                load.light = true;
                words = rest;
                continue;
            }
            let [value, rest @ ..] = rest else {
                bail!("expected a value after {option}");
            };
            let number = || value.parse().with_context(|| format!("{option} {value}"));
            match *option {
                "--clients" => load.clients = number()?,
                "--period-ms" => load.period_ms = number()?,
                "--seconds" => load.seconds = number()?.into(),
                "--joins" => load.joins = number()?,
                "--surge" => load.surge = number()?,
                other => bail!(
                    "expected --clients, --period-ms, --seconds, --joins or --surge, got {other}"
                ),
            }
            words = rest;
        }
        match words {
            [] => Ok(load),
            [other, ..] => bail!("expected a value after {other}"),
        }
    }
}

/// How long clients may take to join, beside what their number takes.
const JOIN: Duration = Duration::from_mins(2);

/// Lets clients use three servers, and prints what it cost these.
///
/// # Errors
///
/// Something does not build, a server ends, or not all clients get in.
pub fn run(load: Load) -> Result<()> {
    say("building");
    let program = servers::build(Build::Release)?;
    let swarm = ["--release", "--package", "mcmix-native", "--bin", "swarm"];
    process::run(process::cargo("build").args(swarm))?;
    let swarm = place::cargo_target().join("release/swarm");

    let folder = place::fresh("load")?;
    let plan = Plan::on_free_ports(load.period_ms, 2 * load.period_ms)?;
    let mut servers = Servers::start(Deployment::write(&folder, program, plan)?)?;
    let idle = used(&servers)?;
    let join = |clients| Swarm::start(&swarm, &folder, load, clients);
    let mut swarms = join(load.clients)?;
    let log = folder.join("party0.log");
    say(format_args!("{} clients join", load.clients));
    let patience = JOIN + Duration::from_secs((load.clients / load.joins.max(1)).into());
    let began = Instant::now();
    while rounds(&log)?
        .last()
        .is_none_or(|round| round.clients < load.clients)
    {
        servers.check()?;
        if began.elapsed() > patience {
            let last = rounds(&log)?.pop();
            bail!("not all clients got in; the last round was {last:?}");
        }
        thread::sleep(Duration::from_millis(200));
    }
    lag(&mut swarms)?;
    if load.surge > 0 {
        return surge::run(load, &log, &mut servers, || join(load.surge));
    }
    let (before, began) = (rounds(&log)?.len(), Instant::now());
    let start = used(&servers)?;
    thread::sleep(Duration::from_secs(load.seconds));
    let end = used(&servers)?;
    let took = began.elapsed();
    let lag = lag(&mut swarms)?;
    servers.check()?;
    let rounds = rounds(&log)?.split_off(before);
    report(load, &rounds, (took, lag), [&idle, &start, &end]);
    Ok(())
}

fn used(servers: &Servers) -> Result<Vec<Usage>> {
    servers.ids().map(Usage::now).collect()
}

/// Clients in one process: each has three sockets, of which a process may have some thousands.
const CLIENTS_A_PROCESS: u32 = 5000;

/// A process of clients.
struct Swarm(Group);

impl Swarm {
    fn start(program: &Path, folder: &Path, load: Load, clients: u32) -> Result<Vec<Self>> {
        let processes = clients.div_ceil(CLIENTS_A_PROCESS).max(1);
        let share = |all: u32, i: u32| all / processes + u32::from(i < all % processes);
        (0..processes)
            .map(|i| {
                let mut command = Command::new(program);
                command
                    .arg(folder.join("deployment.json"))
                    .arg(if load.light { "light" } else { "whole" })
                    .args([share(clients, i), share(load.joins, i).max(1)].map(|n| n.to_string()))
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped());
                Ok(Self(Group::spawn(&mut command)?))
            })
            .collect()
    }

    /// Asks for the longest time between two looks since this was last asked.
    fn lag(&mut self) -> Result<Duration> {
        let (stdin, stdout) = self.0.pipes().context("no pipes to the clients")?;
        writeln!(stdin)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let (longest, _looks) = line.trim().split_once(' ').context("no answer")?;
        Ok(Duration::from_millis(longest.parse()?))
    }
}

/// Returns how far the clients were behind at worst since this was last asked.
fn lag(swarms: &mut [Swarm]) -> Result<Duration> {
    let lags: Result<Vec<_>> = swarms.iter_mut().map(Swarm::lag).collect();
    Ok(lags?.into_iter().max().unwrap_or_default())
}

/// One finished conversation round, as a server's log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Round {
    clients: u32,
    left_out: u32,
}

/// Reads the conversation rounds that a server finished.
fn rounds(log: &Path) -> Result<Vec<Round>> {
    let text = fs::read_to_string(log)?;
    let lines = text
        .lines()
        .filter(|line| line.contains("program=conversation"));
    Ok(lines.filter_map(Round::read).collect())
}

impl Round {
    /// Returns the share of so many clients that had no part in it.
    fn missing(self, clients: u32) -> f64 {
        1.0 - f64::from(self.clients.min(clients)) / f64::from(clients.max(1))
    }

    fn read(line: &str) -> Option<Self> {
        let field = |name: &str| {
            let (_, rest) = line.split_once(name)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            clients: field(" clients=")?,
            left_out: field(" left_out=")?,
        })
    }
}

fn report(
    load: Load,
    rounds: &[Round],
    (took, lag): (Duration, Duration),
    [idle, start, end]: [&[Usage]; 3],
) {
    let all = f64::from(load.clients);
    let shares: Vec<f64> = rounds
        .iter()
        .map(|round| round.missing(load.clients))
        .collect();
    let worst = shares.iter().copied().fold(0.0, f64::max);
    let count = f64::from(u32::try_from(rounds.len()).unwrap_or(u32::MAX));
    let mean = shares.iter().sum::<f64>() / count.max(1.0);
    println!(
        "{} clients, a round every {} ms: {} rounds in {:.1} s; clients missing in a round: {:.3} % \
         on average, {:.3} % at worst; the clients' longest pause: {} ms",
        load.clients,
        load.period_ms,
        rounds.len(),
        took.as_secs_f64(),
        100.0 * mean,
        100.0 * worst,
        lag.as_millis(),
    );
    let client_rounds = all * count;
    let micros = |time: Duration| 1e6 * time.as_secs_f64() / client_rounds;
    let mut total = 0.0;
    println!("\nprocessor time of a client and conversation round, dialing rounds included:\n");
    println!(
        "| party | sockets | computing | links and the rest | all | resident bytes a connection |"
    );
    println!("|---|---|---|---|---|---|");
    for (party, ((idle, start), end)) in idle.iter().zip(start).zip(end).enumerate() {
        let part = |name: &str| micros(end.part(name).saturating_sub(start.part(name)));
        let (sockets, computing) = (
            part("clients"),
            part("mpc") + part("conversation") + part("dialing"),
        );
        let spent = micros(end.total().saturating_sub(start.total()));
        total += spent;
        let resident = end.resident.saturating_sub(idle.resident) / u64::from(load.clients.max(1));
        println!(
            "| P{party} | {sockets:.1} µs | {computing:.1} µs | {:.1} µs | {spent:.1} µs | {resident} |",
            spent - sockets - computing,
        );
    }
    println!("\nall three together: {total:.1} µs");
    let joins = idle.iter().zip(start);
    let joins = joins.map(|(idle, start)| start.total().saturating_sub(idle.total()));
    let joining = 1e6 * joins.sum::<Duration>().as_secs_f64() / (3.0 * all);
    println!(
        "joining, with the rounds of that time: {joining:.0} µs a client and party, so {:.0} a second \
         and core",
        1e6 / joining,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let load = Load::parse(&["--clients", "10", "--seconds", "5"]).unwrap();
        assert_eq!((load.clients, load.seconds, load.period_ms), (10, 5, 1000));
        let surge = Load::parse(&["--surge", "7"]).unwrap();
        assert_eq!((surge.surge, load.surge), (7, 0));
        for wrong in [
            &["--clients"][..],
            &["--clients", "many"],
            &["--people", "3"],
        ] {
            assert!(Load::parse(wrong).is_err());
        }
    }

    #[test]
    fn a_round_is_read_from_the_log() {
        let line =
            "INFO round{round=7 program=conversation}: done clients=1998 left_out=2 agree_ms=3";
        let round = Round {
            clients: 1998,
            left_out: 2,
        };
        assert_eq!(Round::read(line), Some(round));
        assert_eq!(Round::read("INFO running"), None);
    }
}
