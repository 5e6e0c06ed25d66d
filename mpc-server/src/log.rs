//! The log: lines on standard output, written by a thread of their own.
//!
//! Whoever takes the lines may stop doing so: a pipe closes, a disk is full, a terminal stands still.
//! Then lines are lost, and nobody waits. The next one that can be written says how many.

use std::io::{self, IsTerminal, Write};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Registry, reload};

/// Names the variable of the environment that sets how much is logged.
pub const VARIABLE: &str = "RUST_LOG";

/// Lines that wait to be written; further ones are lost.
const WAITING: usize = 4096;

/// A level of our own: `info` without a line for each round.
const SUMMARY: &str = "summary";
/// The part of the program that writes that line, and nothing else: what else a round logs says which
/// round it is of.
pub(crate) const EACH_ROUND: &str = "mcmix_server::round::lane::done";

/// How much is logged.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels(Targets);

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: an object a line.
    Json,
}

impl Default for Levels {
    fn default() -> Self {
        Self(Targets::new().with_default(LevelFilter::INFO))
    }
}

/// A text that sets no level.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no level; expected off, error, warn, summary, info, debug or trace, and perhaps another \
     one for a part of the program, such as info,mcmix_server::net=debug"
)]
pub struct NoLevel(String);

impl FromStr for Levels {
    type Err = NoLevel;

    /// Reads levels, with commas between: one for everything, which is `info` where there is none,
    /// and others as `part=level`.
    fn from_str(text: &str) -> Result<Self, NoLevel> {
        let parts = text.split(',').map(str::trim);
        parts
            .filter(|part| !part.is_empty())
            .try_fold(Self::default(), |Self(levels), part| {
                if part == SUMMARY {
                    let levels = levels.with_default(LevelFilter::INFO);
                    return Ok(Self(levels.with_target(EACH_ROUND, LevelFilter::WARN)));
                }
                let (target, level) = part.split_once('=').unwrap_or(("", part));
                let level: LevelFilter = level.parse().map_err(|_| NoLevel(part.to_owned()))?;
                Ok(Self(match target {
                    "" if part.contains('=') => return Err(NoLevel(part.to_owned())),
                    "" => levels.with_default(level),
                    target => levels.with_target(target, level),
                }))
            })
    }
}

impl Levels {
    /// Returns what the environment says, or else these.
    ///
    /// # Errors
    /// When it names no level: a misspelt one would silence everything.
    pub fn or_environment(self) -> Result<Self, NoLevel> {
        match std::env::var_os(VARIABLE) {
            // Set to nothing it says nothing, as where a container's settings name it.
            Some(text) if !text.is_empty() => text.to_string_lossy().parse(),
            _ => Ok(self),
        }
    }
}

/// Writes what waits when it is dropped, unless that takes long.
#[derive(Debug)]
pub struct Log {
    levels: reload::Handle<Targets, Registry>,
    /// Waits for the lines that wait, when dropped; where they can't be written it says so on the
    /// standard output, which may be what takes nothing.
    writes: Option<WorkerGuard>,
}

/// Time that the last lines have to be written.
const FAREWELL: Duration = Duration::from_secs(2);

impl Drop for Log {
    fn drop(&mut self) {
        let writes = self.writes.take();
        wait_for(FAREWELL, move || drop(writes));
    }
}

/// Waits until something is done, but no longer than that.
fn wait_for(time: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        work();
        // Where it took too long nobody waits any more.
        let _late = done.send(());
    });
    let _in_time = is_done.recv_timeout(time);
}

impl Log {
    /// Logs as much as that from now on.
    pub fn set(&self, levels: Levels) {
        // The log is there as long as this is.
        let _set = self.levels.reload(levels.0);
    }
}

/// Starts the log of this process. Panics are written to it, too: the standard error stream may take
/// no more than the standard output.
pub fn start(levels: Levels, format: Format) -> Log {
    let (lines, guard) = lines(io::stdout());
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(lines)
        .with_target(false)
        .with_ansi(io::stdout().is_terminal())
        // It would be said on the standard error stream, and panic where that is closed.
        .log_internal_errors(false);
    let layer = match format {
        Format::Text => layer.boxed(),
        Format::Json => layer.json().flatten_event(true).boxed(),
    };
    let (levels, handle) = reload::Layer::new(levels.0);
    tracing_subscriber::registry()
        .with(layer.with_filter(levels))
        .init();
    std::panic::set_hook(Box::new(|panic| tracing::error!("a defect: {panic}")));
    Log {
        levels: handle,
        writes: Some(guard),
    }
}

/// Starts the thread that writes.
fn lines(to: impl Write + Send + 'static) -> (Lines, WorkerGuard) {
    let (lines, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING)
        .thread_name("log")
        .finish(Counting { to, lost: 0 });
    let told = Arc::default();
    (Lines { lines, told }, guard)
}

/// Counts lines that can't be written, and says how many before the next one that can.
struct Counting<W> {
    to: W,
    lost: usize,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_all(line).map(|()| line.len())
    }

    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        let told = match self.lost {
            0 => Ok(()),
            lost => self.to.write_all(lost_lines(lost).as_bytes()),
        };
        let written = told.and_then(|()| {
            self.lost = 0;
            self.to.write_all(line)
        });
        written.inspect_err(|_| self.lost += 1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn lost_lines(count: usize) -> String {
    format!("{count} lines were lost: nobody took them\n")
}

/// Lines on their way to the thread that writes them.
#[derive(Clone, Debug)]
struct Lines {
    lines: NonBlocking,
    /// Lost lines that were told of.
    told: Arc<AtomicUsize>,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let lost = || self.lines.error_counter().dropped_lines();
        let (before, told) = (lost(), self.told.load(Ordering::Relaxed));
        if before > told {
            let text = lost_lines(before - told);
            self.lines.clone().write_all(text.as_bytes())?;
            // Unless that was lost, too.
            if lost() == before {
                self.told.store(before, Ordering::Relaxed);
            }
        }
        self.lines.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_done_is_not_waited_for() {
        let (hold, until_dropped) = mpsc::channel::<()>();
        wait_for(Duration::ZERO, move || {
            let _dropped = until_dropped.recv();
        });
        drop(hold);
        let (done, is_done) = mpsc::channel();
        wait_for(Duration::from_mins(1), move || done.send(()).unwrap());
        assert_eq!(is_done.try_recv(), Ok(()));
    }

    #[test]
    fn what_is_no_level_is_refused_and_silences_nothing() {
        for text in ["inof", "info,dbug", "mcmix_server=loud", "=info", "a=b=c"] {
            let error = text.parse::<Levels>().unwrap_err().to_string();
            assert!(
                error.contains("is no level") && error.contains("debug"),
                "{error}"
            );
        }
        for (text, level) in [
            ("", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("summary", LevelFilter::INFO),
            (" off ", LevelFilter::OFF),
            ("mcmix_sever=debug", LevelFilter::INFO),
            ("mcmix_server::net=trace, warn", LevelFilter::WARN),
        ] {
            let Levels(targets) = text.parse().unwrap();
            assert_eq!(targets.default_level(), Some(level), "{text}");
        }
    }

    #[test]
    fn a_summary_has_no_line_for_each_round() {
        let Levels(targets) = SUMMARY.parse().unwrap();
        let info = tracing::Level::INFO;
        assert!(!targets.would_enable(EACH_ROUND, &info));
        assert!(targets.would_enable(EACH_ROUND, &tracing::Level::WARN));
        assert!(targets.would_enable("mcmix_server::round::driver", &info));
        // The span that names the round.
        assert!(targets.would_enable("mcmix_server::round::lane", &info));
    }

    /// Writes a line for each that it is allowed.
    struct Slow(mpsc::Receiver<()>, mpsc::Sender<String>);

    impl Write for Slow {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _no_more_limits = self.0.recv();
            let text = String::from_utf8_lossy(line).into_owned();
            let _gone = self.1.send(text);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk that is full so many times.
    struct Full(usize, Vec<u8>);

    impl Write for Full {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            if self.0 > 0 {
                self.0 -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.write(line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_can_not_be_written_are_counted() {
        let to = Full(3, Vec::new());
        let mut counting = Counting { to, lost: 0 };
        let written =
            [1, 2, 3, 4, 5].map(|line| counting.write_all(format!("{line}\n").as_bytes()));
        assert_eq!(
            written.map(|it| it.is_ok()),
            [false, false, false, true, true]
        );
        let text = String::from_utf8(counting.to.1).unwrap();
        assert_eq!(text, format!("{}4\n5\n", lost_lines(3)));
    }

    #[test]
    fn lines_that_nobody_takes_are_lost_and_counted() {
        let (allow, allowed) = mpsc::channel();
        let (wrote, written) = mpsc::channel();
        let (mut lines, _guard) = lines(Slow(allowed, wrote));
        for _ in 0..2 * WAITING {
            lines.write_all(b"line\n").unwrap();
        }
        drop(allow);
        // Until there is room again.
        let mut text = written.recv().unwrap();
        while !text.contains("lines were lost") {
            lines.write_all(b"line\n").unwrap();
            text = written.recv().unwrap();
        }
        let lost = text.split(' ').next().unwrap().parse::<usize>().unwrap();
        assert!((WAITING - 2..2 * WAITING).contains(&lost), "{lost}");
    }
}
