//! The round counter's memory: a file, so that no round number is ever used twice.
//!
//! The file holds a round number and a turn. The number is ahead of the counter by up to a block,
//! so a restart skips what was reserved; the turn is exact, since peers know how far we can have
//! come. Where the file is lost, peers know; where all three are lost, P0 starts from the time.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mcmix_shared::program::{RoundId, Turn};

use crate::net::Position;

/// Numbers that are reserved at a time.
const BLOCK: u64 = 1000;
/// From 1970 to 2026-01-01; the time counts from there in tenths of a second, so it is ahead of
/// any counter that opens fewer than ten rounds a second.
const EPOCH: Duration = Duration::from_hours(490_896);

/// Why the counter can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum CounterError {
    /// The file can't be read or written.
    #[error("can't keep the round counter in {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold a round number and a turn; delete it to learn them from the peers", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// The counter's file.
#[derive(Debug)]
pub struct Counter {
    file: File,
    stored: Position,
}

/// Where it is, and how it is written.
#[derive(Clone, Debug)]
struct File {
    path: PathBuf,
}

impl Counter {
    /// Opens the counter of a state folder and returns how far rounds may have come; nowhere, where
    /// there is no file.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn open(state: &Path) -> Result<(Self, Position), CounterError> {
        let path = state.join("round");
        let io = |source| CounterError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(state).map_err(io)?;
        let stored = match fs::read_to_string(&path) {
            Ok(text) => {
                read(&text).ok_or_else(|| CounterError::Malformed { path: path.clone() })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Position::default(),
            Err(error) => return Err(io(error)),
        };
        let file = File { path };
        // Better now than in the first round.
        file.write(stored)?;
        Ok((Self { file, stored }, stored))
    }

    /// Makes sure that the file is not behind a position that is about to be announced. A slow disk
    /// holds up whoever waits for this, and nobody else.
    ///
    /// # Errors
    /// When the file can't be written; the round must not be used then.
    pub async fn store(&mut self, position: Position) -> Result<(), CounterError> {
        let round = if position.round > self.stored.round {
            RoundId(position.round.0.saturating_add(BLOCK))
        } else {
            self.stored.round
        };
        let turn = position.turn;
        let stored = Position { round, turn };
        if stored != self.stored {
            let file = self.file.clone();
            let write = tokio::task::spawn_blocking(move || file.write(stored));
            write.await.unwrap_or_else(|error| {
                let (path, source) = (self.file.path.clone(), io::Error::other(error));
                Err(CounterError::Io { path, source })
            })?;
            self.stored = stored;
        }
        Ok(())
    }
}

impl File {
    fn write(&self, Position { round, turn }: Position) -> Result<(), CounterError> {
        // Always as long: it can be written over where the disk has no room for a new one.
        let text = format!("{:<47}\n", format!("{round} {turn}"));
        let written = self.replace(&text).or_else(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                // At a first start there is nothing to write over; that the disk is full says more.
                self.overwrite(&text).map_err(|_| error)
            }
            _ => Err(error),
        });
        written.map_err(|source| CounterError::Io {
            path: self.path.clone(),
            source,
        })
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        // A new name lasts once its folder is written, too.
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()
    }

    /// Writes it within one sector, which disks write whole or not at all.
    fn overwrite(&self, text: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

/// Looks whether a state folder's counter can be read, where there is one.
///
/// # Errors
/// When it can't.
pub fn look(state: &Path) -> Result<(), CounterError> {
    let path = state.join("round");
    match fs::read_to_string(&path) {
        Ok(text) if read(&text).is_none() => Err(CounterError::Malformed { path }),
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(CounterError::Io { path, source })
        }
        _ => Ok(()),
    }
}

/// Reads what [`File::write`] wrote; a number alone is an older version's, without turns.
fn read(text: &str) -> Option<Position> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let round = RoundId(numbers.next()?.ok()?);
    let turn = Turn(numbers.next().unwrap_or(Ok(0)).ok()?);
    numbers.next().is_none().then_some(Position { round, turn })
}

/// Returns the number from which rounds start where nobody knows of any.
pub fn from_time(now: SystemTime) -> RoundId {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH + EPOCH)
        .unwrap_or_default();
    RoundId(since.as_secs() * 10 + u64::from(since.subsec_millis() / 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(round: u64, turn: u64) -> Position {
        Position {
            round: RoundId(round),
            turn: Turn(turn),
        }
    }

    /// As long as there was room once.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_full_disk_stops_no_rounds() {
        let folder = tempfile::tempdir().unwrap();
        let (mut counter, _) = Counter::open(folder.path()).unwrap();
        let new = folder.path().join("round.new");
        std::os::unix::fs::symlink("/dev/full", &new).unwrap();
        for (round, turn) in [(5000, 70), (u64::MAX - BLOCK, u64::MAX), (u64::MAX, 1)] {
            counter.store(position(round, turn)).await.unwrap();
            let text = fs::read_to_string(folder.path().join("round")).unwrap();
            let stored = position(round.saturating_add(BLOCK), turn);
            assert_eq!(read(&text), Some(stored));
        }
    }

    #[tokio::test]
    async fn the_counter_never_goes_back_and_turns_are_exact() {
        let folder = tempfile::tempdir().unwrap();
        let (mut counter, first) = Counter::open(folder.path()).unwrap();
        assert_eq!(first, Position::default());
        for (round, turn) in [(5000, 70), (5001, 71), (5002, 71), (5003, 72)] {
            counter.store(position(round, turn)).await.unwrap();
            let (_, again) = Counter::open(folder.path()).unwrap();
            assert_eq!(again, position(5000 + BLOCK, turn));
        }
        counter.store(position(6001, 72)).await.unwrap();
        let (_, again) = Counter::open(folder.path()).unwrap();
        assert_eq!(again, position(6001 + BLOCK, 72));
    }

    #[test]
    fn other_files_are_named_and_older_ones_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("round");
        for text in ["", "x", "1 x", "1 2 3"] {
            fs::write(&file, text).unwrap();
            let error = Counter::open(folder.path()).unwrap_err();
            assert!(matches!(error, CounterError::Malformed { .. }), "{text}");
        }
        fs::write(&file, "7\n").unwrap();
        let (_, older) = Counter::open(folder.path()).unwrap();
        assert_eq!(older, position(7, 0));
    }

    #[test]
    fn the_time_counts_in_tenths_of_a_second() {
        let now = SystemTime::UNIX_EPOCH + EPOCH + Duration::from_millis(7250);
        assert_eq!(from_time(now), RoundId(72));
    }
}
