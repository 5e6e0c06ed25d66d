//! A deployment on this machine: three configurations, and three processes that run them.

use std::env;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::{self, Group};
use crate::{place, ports, site};

/// How long three servers may take until rounds run.
const START: Duration = Duration::from_mins(1);

/// How often they are asked.
const GLANCE: Duration = Duration::from_millis(50);

/// How long an answer to such a question may take.
const ANSWER: Duration = Duration::from_secs(2);

/// How the server program was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As tests are: soon done.
    Test,
    /// As what is installed: fast.
    Release,
}

/// Builds the server program and returns it.
///
/// # Errors
///
/// It does not build.
pub fn build(how: Build) -> Result<PathBuf> {
    let mut cargo = process::cargo("build");
    cargo.args(["--package", "mcmix-server", "--bin", "mcmix-server"]);
    if how == Build::Release {
        cargo.arg("--release");
    }
    process::run(&mut cargo)?;
    Ok(program(how))
}

/// Returns where the server program is once it was built.
pub fn program(how: Build) -> PathBuf {
    let profile = match how {
        Build::Test => "debug",
        Build::Release => "release",
    };
    place::cargo_target().join(profile).join("mcmix-server")
}

/// What a deployment on this machine is to be like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Ports for clients, P0's first.
    pub clients: [u16; 3],
    /// Ports for the other servers.
    pub peers: [u16; 3],
    /// Ports for operators.
    pub admin: [u16; 3],
    /// Milliseconds from one conversation round to the next.
    pub conversation_period_ms: u32,
    /// Milliseconds from one dialing round to the next.
    pub dialing_period_ms: u32,
}

/// How fast rounds follow each other in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// So that the test is soon over.
    Quick,
    /// So that no browser misses a round.
    Unhurried,
}

impl Plan {
    /// The demo's: ports that people can remember, a round every second.
    pub const DEMO: Self = Self {
        clients: [8000, 8001, 8002],
        peers: [8100, 8101, 8102],
        admin: [8200, 8201, 8202],
        conversation_period_ms: 1000,
        dialing_period_ms: 2000,
    };

    /// Returns one with free ports, for tests. Calls ring for a number of rounds, so rounds that
    /// are too short leave a busy machine no time to answer.
    ///
    /// # Errors
    ///
    /// There are no free ports.
    pub fn for_test(pace: Pace) -> Result<Self> {
        let (conversation_period_ms, dialing_period_ms) = match pace {
            Pace::Quick => (400, 500),
            Pace::Unhurried => (800, 1200),
        };
        Self::on_free_ports(conversation_period_ms, dialing_period_ms)
    }

    /// Returns one with free ports and those periods, in milliseconds.
    ///
    /// # Errors
    ///
    /// There are no free ports.
    pub fn on_free_ports(conversation_period_ms: u32, dialing_period_ms: u32) -> Result<Self> {
        Ok(Self {
            clients: ports::free()?,
            peers: ports::free()?,
            admin: ports::free()?,
            conversation_period_ms,
            dialing_period_ms,
        })
    }

    /// Returns those of its ports that something else has.
    pub fn busy(&self) -> Vec<u16> {
        let all = [self.clients, self.peers, self.admin];
        let mut ports: Vec<u16> = all.into_iter().flatten().collect();
        ports.retain(|port| !ports::is_free(*port));
        ports
    }

    /// Returns the address of the page, which P0 serves.
    pub fn url(&self) -> String {
        let [port, ..] = self.clients;
        format!("http://127.0.0.1:{port}/")
    }
}

/// Three configurations with their keys, in a folder.
#[derive(Clone, Debug)]
pub struct Deployment {
    folder: PathBuf,
    program: PathBuf,
    plan: Plan,
    /// What is set for each server on top of its configuration, as `KEY=VALUE`.
    pub settings: [Vec<String>; 3],
}

impl Deployment {
    /// Writes a deployment. Keys that are there already stay, so that people who used it before
    /// can go on.
    ///
    /// # Errors
    ///
    /// The server program refuses.
    pub fn write(folder: &Path, program: PathBuf, plan: Plan) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut command = server(&program);
        command.arg("demo-config").arg("--folder").arg(folder);
        command.arg("--page").arg(site::folder());
        for (flag, ports) in [
            ("--client-ports", plan.clients),
            ("--peer-ports", plan.peers),
            ("--admin-ports", plan.admin),
        ] {
            command.args([flag, &ports.map(|port| port.to_string()).join(",")]);
        }
        for (flag, period) in [
            ("--conversation-period-ms", plan.conversation_period_ms),
            ("--dialing-period-ms", plan.dialing_period_ms),
        ] {
            command.args([flag, &period.to_string()]);
        }
        process::quietly(&mut command)?;
        Ok(Self {
            folder: folder.to_owned(),
            program,
            plan,
            settings: [const { Vec::new() }; 3],
        })
    }

    /// Tells clients other ports, on which something forwards to the servers.
    ///
    /// # Errors
    ///
    /// The manifest is not there.
    pub fn announce(&self, clients: [u16; 3]) -> Result<()> {
        let manifest = self.folder.join("deployment.json");
        let mut text = fs::read_to_string(&manifest)?;
        for (port, other) in self.plan.clients.into_iter().zip(clients) {
            text = text.replace(&format!(":{port}/"), &format!(":{other}/"));
        }
        Ok(fs::write(manifest, text)?)
    }

    /// Returns what it was planned to be like.
    pub fn plan(&self) -> Plan {
        self.plan
    }

    fn start(&self, party: usize) -> Result<Group> {
        let log = |name: &str| {
            File::options()
                .create(true)
                .append(true)
                .open(self.folder.join(name))
        };
        let log = log(&format!("party{party}.log"))?;
        let settings = self.settings.get(party).into_iter().flatten();
        let mut command = server(&self.program);
        command
            .args(["run", "--config"])
            .arg(self.folder.join(format!("party{party}.toml")))
            .args(settings.flat_map(|setting| ["--set", setting]))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        Group::spawn(&mut command)
    }

    /// Returns the end of a server's log.
    fn last_words(&self, party: usize) -> String {
        let log = fs::read_to_string(self.folder.join(format!("party{party}.log")));
        let log = log.unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(5)..)
            .unwrap_or_default()
            .join("\n")
    }
}

/// Three server processes, which end with this value.
#[derive(Debug)]
pub struct Servers {
    deployment: Deployment,
    running: [Option<Group>; 3],
}

impl Servers {
    /// Starts three servers and waits until rounds run.
    ///
    /// # Errors
    ///
    /// One ends, or is not ready in time.
    pub fn start(deployment: Deployment) -> Result<Self> {
        let mut servers = Self {
            deployment,
            running: [None, None, None],
        };
        for (party, server) in servers.running.iter_mut().enumerate() {
            *server = Some(servers.deployment.start(party)?);
        }
        servers.wait_ready()?;
        Ok(servers)
    }

    /// Returns the numbers of the processes that run.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.running.iter().flatten().map(Group::id)
    }

    /// Ends one server, as a crash would.
    pub fn kill(&mut self, party: usize) {
        if let Some(mut server) = self.running.get_mut(party).and_then(Option::take) {
            server.kill();
        }
    }

    /// Starts servers again that were ended, and waits until rounds run.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub fn revive(&mut self, parties: &[usize]) -> Result<()> {
        for party in parties {
            let server = self.deployment.start(*party)?;
            if let Some(place) = self.running.get_mut(*party) {
                *place = Some(server);
            }
        }
        self.wait_ready()
    }

    /// Returns the first server that ended without being told to.
    ///
    /// # Errors
    ///
    /// There is one: its last words are in the error.
    pub fn check(&mut self) -> Result<()> {
        for (party, server) in self.running.iter_mut().enumerate() {
            let ended = server.as_mut().map(Group::ended).transpose()?.flatten();
            if let Some(status) = ended {
                let words = self.deployment.last_words(party);
                bail!("server P{party} ended ({status}):\n{words}");
            }
        }
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        for (party, port) in self.deployment.plan.clients.into_iter().enumerate() {
            while !is_ready(port) {
                self.check()?;
                if start.elapsed() > START {
                    let words = self.deployment.last_words(party);
                    bail!(
                        "server P{party} was not ready in {} s:\n{words}",
                        START.as_secs()
                    );
                }
                thread::sleep(GLANCE);
            }
        }
        Ok(())
    }
}

/// Returns the server program, undisturbed by variables of ours that it would take for its own.
fn server(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("MCMIX_") {
            command.env_remove(name);
        }
    }
    command
}

fn is_ready(port: u16) -> bool {
    ask(port).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

fn ask(port: u16) -> Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("no answer")?;
    Ok(answer)
}
