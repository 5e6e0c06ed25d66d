//! What this process has used, as the system counts it.

use std::fs;
use std::ops::Sub;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde::{Deserialize, Serialize};

/// Processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// In the program.
    pub user: Duration,
    /// In the kernel.
    pub kernel: Duration,
}

impl Cpu {
    /// Returns what this process has used so far.
    ///
    /// # Errors
    /// The system does not say.
    pub fn now() -> Result<Self> {
        Self::of(UsageWho::RUSAGE_SELF)
    }

    /// Returns what this thread has used so far.
    ///
    /// # Errors
    /// The system does not say.
    pub fn of_this_thread() -> Result<Self> {
        Self::of(UsageWho::RUSAGE_THREAD)
    }

    fn of(whom: UsageWho) -> Result<Self> {
        let usage = getrusage(whom).context("can't read the processor time used")?;
        Ok(Self {
            user: duration(usage.user_time()),
            kernel: duration(usage.system_time()),
        })
    }

    /// Returns both.
    pub fn total(self) -> Duration {
        self.user + self.kernel
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            kernel: self.kernel.saturating_sub(earlier.kernel),
        }
    }
}

fn duration(time: TimeVal) -> Duration {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    let micros = u64::try_from(time.tv_usec()).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Forgets the peak of this process's memory: the next one counts from here.
///
/// Where the system does not allow it, the peak stays that of the whole run so far.
pub fn reset_peak_memory() {
    let _kept = fs::write("/proc/self/clear_refs", "5");
}

/// Returns the peak of this process's memory, in bytes.
///
/// # Errors
/// The system does not say; this one is Linux.
pub fn peak_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("can't read the memory used")?;
    peak_in(&status).context("no peak memory in /proc/self/status")
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        let status = "Name:\tmcmix-bench\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(peak_in(status), Some(2048 * 1024));
        assert_eq!(peak_in("VmPeak: 1 kB"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        let before = Cpu::now().unwrap();
        assert!(peak_memory().unwrap() > 0);
        assert!((Cpu::now().unwrap() - before).total() < Duration::from_mins(1));
    }
}
