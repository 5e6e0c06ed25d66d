//! Other programs: run to their end, or kept running in a process group of their own.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::place;

/// How often a process that should end is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a process may take to end by itself once asked.
const GRACE: Duration = Duration::from_secs(5);

/// Returns `cargo SUBCOMMAND` for this checkout.
pub fn cargo(subcommand: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(place::checkout()).arg(subcommand);
    cargo
}

/// Runs a program to its end, its output passing through.
///
/// # Errors
///
/// It does not start, or does not succeed.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| starting(command))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a program to its end and returns what it printed; shows nothing unless it fails.
///
/// # Errors
///
/// It does not start, or does not succeed: then all that it printed is in the error.
pub fn quietly(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| starting(command))?;
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let printed = String::from_utf8_lossy(&stdout).into_owned();
    if !status.success() {
        let complaint = String::from_utf8_lossy(&stderr);
        bail!("{} failed: {status}\n{printed}{complaint}", shown(command));
    }
    Ok(printed)
}

/// Runs a program and everything that it starts for at most `limit`; shows nothing.
///
/// # Errors
///
/// It does not start, does not succeed, or is not done in time and was ended.
pub fn within(limit: Duration, command: &mut Command) -> Result<()> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut group = Group::spawn(command)?;
    match group.wait(limit)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => bail!("{} failed: {status}", shown(command)),
        None => bail!("{} was not done in {} s", shown(command), limit.as_secs()),
    }
}

/// A program in a process group of its own, which ends with this value, children and all.
#[derive(Debug)]
pub struct Group {
    leader: Child,
}

impl Group {
    /// Starts a program as leader of a new group: the terminal's Ctrl-C does not reach it.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let leader = command
            .process_group(0)
            .spawn()
            .with_context(|| starting(command))?;
        Ok(Self { leader })
    }

    /// Returns what the program prints, once, where that was piped.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.leader.stdout.take()
    }

    /// Returns the program's standard input, once, where that was piped.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.leader.stdin.take()
    }

    /// Returns the program's standard input and output, where they were piped.
    pub fn pipes(&mut self) -> Option<(&mut ChildStdin, &mut ChildStdout)> {
        self.leader.stdin.as_mut().zip(self.leader.stdout.as_mut())
    }

    /// Returns the program's number.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// Returns how the program ended, if it has.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.leader.try_wait()?)
    }

    /// Waits for the program's end.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn end(&mut self) -> Result<ExitStatus> {
        Ok(self.leader.wait()?)
    }

    /// Waits for the program's end, at most `limit`.
    fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if start.elapsed() > limit {
                return Ok(None);
            }
            thread::sleep(GLANCE);
        }
    }

    /// Asks the group to end, and ends what is left of it after a while.
    pub fn stop(&mut self) {
        if matches!(self.leader.try_wait(), Ok(None)) {
            self.signal(Signal::SIGTERM);
            let _ = self.wait(GRACE);
        }
        self.kill();
    }

    /// Ends the group at once, as a crash would.
    pub fn kill(&mut self) {
        // The leader may be gone while what it started is not: the group keeps its id.
        self.signal(Signal::SIGKILL);
        let _ = self.leader.wait();
    }

    fn signal(&self, signal: Signal) {
        if let Ok(id) = i32::try_from(self.leader.id()) {
            let _ = killpg(Pid::from_raw(id), signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns the program with its arguments, as a user would type it.
fn shown(command: &Command) -> String {
    let words = core::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn starting(command: &Command) -> String {
    format!("{} does not start", command.get_program().display())
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};

    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_tells_what_was_printed() {
        let error = quietly(&mut sh("echo out; echo err >&2; exit 3")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("out\nerr"), "{text}");
    }

    #[test]
    fn time_runs_out_for_the_whole_group() {
        let start = Instant::now();
        let error = within(Duration::from_millis(100), &mut sh("sleep 60 & sleep 60")).unwrap_err();
        assert!(error.to_string().contains("was not done"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_stopped_group_leaves_no_child() {
        let mut command = sh("sleep 60 & echo started; wait");
        let mut group = Group::spawn(command.stdout(Stdio::piped())).unwrap();
        let mut printed = BufReader::new(group.leader.stdout.take().unwrap());
        printed.read_line(&mut String::new()).unwrap();
        group.kill();
        // The child holds the pipe open for as long as it lives.
        assert_eq!(printed.read(&mut [0]).unwrap(), 0);
    }
}
