//! Whether rounds complete now, judged when asked.
//!
//! A peer that freezes ends nothing: its link stays up and its round stays open for as long as
//! limits allow. What shows is that no further round completes. How long that may take nobody
//! knows beforehand, since a round may well take longer than a period; so it is held against how
//! long it took lately.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Added to what is expected: machines are busy, wires slow, and periods can be 50 ms.
const SLACK: Duration = Duration::from_millis(500);

/// When rounds completed.
#[derive(Debug)]
pub(super) struct Pulse {
    period: Duration,
    last: Mutex<Option<Beat>>,
    /// When a round completed last, whatever was since.
    completed: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy, Debug)]
struct Beat {
    at: Instant,
    /// The longest time between two rounds lately. Half of it is forgotten with each round.
    gap: Duration,
}

impl Pulse {
    /// Expects a round in each period at best; none has completed.
    pub(super) const fn new(period: Duration) -> Self {
        Self {
            period,
            last: Mutex::new(None),
            completed: Mutex::new(None),
        }
    }

    /// Notes that a round has completed.
    pub(super) fn beat(&self, now: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let gap = last.map_or(Duration::ZERO, |last| {
            now.saturating_duration_since(last.at).max(last.gap / 2)
        });
        *last = Some(Beat { at: now, gap });
        *self
            .completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Notes that no rounds complete, until one does.
    pub(super) fn stop(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns how long ago the last round completed, if none has failed since.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.beaten()
            .map(|last| now.saturating_duration_since(last.at))
    }

    /// Returns how long ago a round completed last, if one has since the start.
    pub(super) fn since_completed(&self, now: Instant) -> Option<Duration> {
        let completed = *self
            .completed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        completed.map(|at| now.saturating_duration_since(at))
    }

    /// Returns whether rounds complete: the next one is not overdue by as much as it may take.
    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.beaten().is_some_and(|last| {
            let most = 2 * last.gap.max(self.period) + SLACK;
            now.saturating_duration_since(last.at) <= most
        })
    }

    fn beaten(&self) -> Option<Beat> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    /// Lets rounds complete with so many seconds between them, and says when it is.
    fn run(pulse: &Pulse, start: Instant, seconds: &[u64]) -> Instant {
        let mut now = start;
        for &gap in seconds {
            let later = now + Duration::from_secs(gap);
            assert!(pulse.is_alive(later), "{gap} seconds");
            pulse.beat(later);
            now = later;
        }
        now
    }

    fn begun() -> (Pulse, Instant) {
        let (pulse, start) = (Pulse::new(PERIOD), Instant::now());
        assert!(!pulse.is_alive(start));
        pulse.beat(start);
        (pulse, start)
    }

    #[test]
    fn silence_shows_after_two_periods() {
        let (pulse, start) = begun();
        let now = run(&pulse, start, &[1, 1, 1]);
        assert!(pulse.is_alive(now + 2 * PERIOD));
        assert!(!pulse.is_alive(now + 2 * PERIOD + 2 * SLACK));
        assert_eq!(pulse.age(now + PERIOD), Some(PERIOD));
    }

    #[test]
    fn rounds_that_are_slow_or_become_slower_count_as_completing() {
        let (pulse, start) = begun();
        let now = run(&pulse, start, &[1, 2, 4, 8, 9, 9, 1, 8, 9]);
        assert!(!pulse.is_alive(now + 3 * Duration::from_secs(9)));
        // What was slow once is not expected for ever.
        let now = run(&pulse, now, &[1; 8]);
        assert!(!pulse.is_alive(now + 3 * PERIOD));
    }

    #[test]
    fn after_a_failure_one_round_has_to_complete() {
        let (pulse, start) = begun();
        let now = run(&pulse, start, &[1, 2, 4]);
        pulse.stop();
        assert!(!pulse.is_alive(now));
        assert_eq!(pulse.age(now), None);
        assert_eq!(pulse.since_completed(now + PERIOD), Some(PERIOD));
        // What was before is forgotten.
        pulse.beat(now);
        assert!(pulse.is_alive(now) && !pulse.is_alive(now + 3 * PERIOD));
    }
}
