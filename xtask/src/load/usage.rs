//! What another process has used, as the system counts it, thread by thread.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// The system's unit of processor time.
const TICKS_A_SECOND: u64 = 100;
/// Bytes of a page of memory.
const PAGE_BYTES: u64 = 4096;

/// What a process has used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// By the names of threads.
    threads: BTreeMap<String, Duration>,
    total: Duration,
    /// Bytes of memory that it has now.
    pub(super) resident: u64,
}

impl Usage {
    /// Returns what a process has used until now.
    pub(super) fn now(process: u32) -> Result<Self> {
        let folder = format!("/proc/{process}");
        let mut usage = Self::default();
        for task in fs::read_dir(format!("{folder}/task"))? {
            let stat = fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
            if let Some((name, time)) = read_stat(&stat) {
                *usage.threads.entry(name).or_default() += time;
            }
        }
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        (_, usage.total) = read_stat(&stat).context("no times in /proc/PID/stat")?;
        let pages = fs::read_to_string(format!("{folder}/statm"))?;
        let pages = pages
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse::<u64>().ok());
        usage.resident = PAGE_BYTES * pages.context("no size in /proc/PID/statm")?;
        Ok(usage)
    }

    /// Returns the processor time of threads whose names have a word.
    pub(super) fn part(&self, word: &str) -> Duration {
        let threads = self.threads.iter();
        threads
            .filter(|(name, _)| name.contains(word))
            .map(|(_, time)| *time)
            .sum()
    }

    /// Returns the processor time of all threads, those that have ended included.
    pub(super) const fn total(&self) -> Duration {
        self.total
    }
}

/// Reads name and processor time from a line of /proc/PID/stat.
fn read_stat(stat: &str) -> Option<(String, Duration)> {
    let (_, rest) = stat.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some((
        name.to_owned(),
        Duration::from_millis(ticks * 1000 / TICKS_A_SECOND),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whatever_the_name() {
        let line = "7 (P0 (odd) name) S 1 7 7 0 -1 4194560 9 8 7 6 150 50 0 0 20 0 12 0 77 1 2";
        let (name, time) = read_stat(line).unwrap();
        assert_eq!(
            (name.as_str(), time),
            ("P0 (odd) name", Duration::from_secs(2))
        );
        assert_eq!(read_stat("nothing"), None);
    }

    #[test]
    fn this_process_has_some() {
        let usage = Usage::now(std::process::id()).unwrap();
        assert!(usage.resident > 0 && usage.part("") <= usage.total() + Duration::from_secs(1));
    }
}
