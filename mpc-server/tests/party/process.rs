//! A server as a process of its own.

use std::io::PipeWriter;
use std::process::{Child, Command, ExitStatus, Stdio};

use mcmix_shared::party::PartyId;

use crate::world::{World, soon, until};

const SERVER: &str = env!("CARGO_BIN_EXE_mcmix-server");

/// A server as a process of its own, killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(world: &World, party: PartyId) -> Self {
        Self::spawn(Command::new(SERVER), world, party)
    }

    /// Starts a server whose log, and all else that it writes, goes into a pipe.
    pub(crate) fn start_with_log(log: PipeWriter, world: &World, party: PartyId) -> Self {
        let mut command = command(Command::new(SERVER), world, party);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        Self(command.spawn().unwrap())
    }

    /// Starts a server that the system gives only so many files and sockets.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_with_files(most: usize, world: &World, party: PartyId) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {most} && exec \"$0\" \"$@\"");
        shell.arg("-c").arg(script).arg(SERVER);
        Self::spawn(shell, world, party)
    }

    /// Returns how many files and sockets it has open.
    #[cfg(target_os = "linux")]
    pub(crate) fn files(&self) -> usize {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.0.id()));
        open.unwrap().count()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Returns how it ended, where it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().unwrap()
    }

    /// Waits until it has ended.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        soon("a server to end", until(|| self.ended().is_some())).await;
        self.0.wait().unwrap()
    }

    fn spawn(shell: Command, world: &World, party: PartyId) -> Self {
        let mut command = command(shell, world, party);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

fn command(mut command: Command, world: &World, party: PartyId) -> Command {
    command.args(["run", "--set", "clients.handshake_ms=600000", "--config"]);
    command.arg(world.config(party));
    // It goes before what a test's file says.
    command.env_remove("RUST_LOG");
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        self.0.wait().unwrap();
    }
}
