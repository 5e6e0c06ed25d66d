//! Lines that strangers can cause: written at once, then at most once in a period, with what came
//! meanwhile.

use tokio::time::{Duration, Instant};

/// From one line to the next.
const PERIOD: Duration = Duration::from_secs(10);

/// What waits to be written, and until when.
#[derive(Debug)]
pub(crate) struct Seldom<T> {
    waiting: Option<T>,
    quiet_until: Option<Instant>,
}

impl<T: Default> Seldom<T> {
    pub(crate) const fn new() -> Self {
        Self {
            waiting: None,
            quiet_until: None,
        }
    }

    /// Adds to what waits, and returns all of it where a line may be written now.
    pub(crate) fn add(&mut self, now: Instant, add: impl FnOnce(&mut T)) -> Option<T> {
        add(self.waiting.get_or_insert_default());
        self.take(now)
    }

    /// Returns when what waits may be written, if something does.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.waiting.as_ref().and(self.quiet_until)
    }

    /// Returns what waits, where a line may be written now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<T> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        let waited = self.waiting.take()?;
        self.quiet_until = Some(now + PERIOD);
        Some(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_written_at_once_and_the_others_together() {
        let (mut seldom, start) = (Seldom::<u32>::new(), Instant::now());
        let one = |count: &mut u32| *count += 1;
        assert_eq!(seldom.due(), None);
        assert_eq!(seldom.add(start, one), Some(1));
        assert_eq!(seldom.due(), None);
        for _ in 0..1000 {
            assert_eq!(seldom.add(start, one), None);
        }
        assert_eq!(seldom.due(), Some(start + PERIOD));
        assert_eq!(seldom.take(start + PERIOD), Some(1000));
        // The line began a period of its own.
        assert_eq!(seldom.add(start + PERIOD, one), None);
        assert_eq!(seldom.add(start + 2 * PERIOD, one), Some(2));
    }
}
