//! The round counter's memory: a file, so that no round number is ever used twice.
//!
//! The file is always ahead of the counter by up to a block, so it is written rarely and a
//! restart skips what was reserved. Where the file is lost, P0 starts from the time.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mcmix_shared::program::RoundId;

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
    #[error("{} does not hold a round number; delete it to start from the time", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// The counter's file.
#[derive(Debug)]
pub struct Counter {
    path: PathBuf,
    reserved: RoundId,
}

impl Counter {
    /// Opens the counter of a state folder and returns the newest round that may have been used.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn open(state: &Path, now: SystemTime) -> Result<(Self, RoundId), CounterError> {
        let path = state.join("round");
        let io = |source| CounterError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(state).map_err(io)?;
        let last = match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse() {
                Ok(round) => RoundId(round),
                Err(_) => return Err(CounterError::Malformed { path }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => from_time(now),
            Err(error) => return Err(io(error)),
        };
        let mut counter = Self {
            path,
            reserved: last,
        };
        counter.reserve(last.next())?;
        Ok((counter, last))
    }

    /// Makes sure that the file is not behind a round that is about to be used.
    ///
    /// # Errors
    /// When the file can't be written; the round must not be used then.
    pub fn reserve(&mut self, round: RoundId) -> Result<(), CounterError> {
        if round <= self.reserved {
            return Ok(());
        }
        let reserved = RoundId(round.0.saturating_add(BLOCK));
        let new = self.path.with_extension("new");
        let write = || -> io::Result<()> {
            let mut file = fs::File::create(&new)?;
            writeln!(file, "{reserved}")?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            // A new name lasts once its folder is written, too.
            let folder = self.path.parent().unwrap_or(Path::new("."));
            fs::File::open(folder)?.sync_all()
        };
        write().map_err(|source| CounterError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.reserved = reserved;
        Ok(())
    }
}

fn from_time(now: SystemTime) -> RoundId {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH + EPOCH)
        .unwrap_or_default();
    RoundId(since.as_secs() * 10 + u64::from(since.subsec_millis() / 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + EPOCH + Duration::from_secs(7);
        let (mut counter, first) = Counter::open(folder.path(), now).unwrap();
        assert_eq!(first, RoundId(70));
        counter.reserve(RoundId(5000)).unwrap();
        let (_, again) = Counter::open(folder.path(), now).unwrap();
        assert!(again >= RoundId(5000));
        fs::write(folder.path().join("round"), "x").unwrap();
        let error = Counter::open(folder.path(), now).unwrap_err();
        assert!(matches!(error, CounterError::Malformed { .. }));
    }
}
