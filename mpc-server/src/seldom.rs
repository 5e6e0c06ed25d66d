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

/// From one line to the next that says the same, at first and in the end.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_mins(10);

/// Lines about something that goes wrong again and again: written at once where it is new, then more
/// and more seldom.
#[derive(Debug, Default)]
pub(crate) struct Fading {
    text: String,
    pause: Duration,
    quiet_until: Option<Instant>,
    times: u64,
}

impl Fading {
    /// Counts once more, and returns how often it was where a line may be written now.
    pub(crate) fn add(&mut self, now: Instant, text: &str) -> Option<u64> {
        if self.text != text {
            *self = Self {
                text: text.to_owned(),
                ..Self::default()
            };
        }
        self.times += 1;
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LAST_PAUSE);
        self.quiet_until = Some(now + self.pause);
        Some(self.times)
    }

    /// Forgets: it went well.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_of_more_and_more_seldom() {
        let (mut fading, start) = (Fading::default(), Instant::now());
        let mut told = Vec::new();
        for second in 0..3600 {
            let now = start + Duration::from_secs(second);
            if let Some(times) = fading.add(now, "can't reach P1") {
                told.push((second, times));
            }
        }
        let seconds: Vec<_> = told.iter().map(|(second, _)| *second).collect();
        assert_eq!(
            seconds,
            [0, 10, 30, 70, 150, 310, 630, 1230, 1830, 2430, 3030]
        );
        assert!(told.iter().all(|(second, times)| *times == second + 1));
        // Something else is told of at once, and so is the same once it was well between.
        let now = start + Duration::from_hours(1);
        assert_eq!(fading.add(now, "P1 hung up"), Some(1));
        assert_eq!(fading.add(now, "P1 hung up"), None);
        fading.reset();
        assert_eq!(fading.add(now, "P1 hung up"), Some(1));
    }

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
