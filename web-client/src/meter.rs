//! Traffic per second over the last rounds.

use std::collections::VecDeque;

use mcmix_shared::client::{Millis, Traffic};

/// How long the meter looks back, in milliseconds.
const WINDOW: u64 = 20_000;
/// Less than that says nothing: traffic comes in bursts, one a round.
const LEAST: u64 = 5_000;

/// Remembers how much had been moved when.
#[derive(Debug, Default)]
pub struct Meter {
    samples: VecDeque<(Millis, u64)>,
}

impl Meter {
    /// Takes a reading, and returns bytes per second over the window, once it is long
    /// enough.
    pub fn read(&mut self, now: Millis, traffic: Traffic) -> Option<u64> {
        let total = traffic.sent_bytes + traffic.received_bytes;
        self.samples.push_back((now, total));
        while self.samples.len() > 2
            && self
                .samples
                .front()
                .is_some_and(|(then, _)| now.since(*then) > WINDOW)
        {
            self.samples.pop_front();
        }
        let (then, before) = *self.samples.front()?;
        let span = now.since(then);
        (span >= LEAST).then(|| total.saturating_sub(before) * 1000 / span)
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;
    use mcmix_shared::client::{Millis, Traffic};

    fn at(second: u64) -> (Millis, Traffic) {
        let traffic = Traffic {
            sent_bytes: second * 600,
            received_bytes: second * 400,
        };
        (Millis(second * 1000), traffic)
    }

    #[test]
    fn reads_the_rate_of_steady_traffic() {
        let mut meter = Meter::default();
        let (now, traffic) = at(0);
        assert_eq!(meter.read(now, traffic), None);
        for second in 1..100 {
            let (now, traffic) = at(second);
            assert_eq!(meter.read(now, traffic), (second >= 5).then_some(1000));
        }
        assert!(meter.samples.len() < 25);
    }

    #[test]
    fn forgets_a_pause() {
        let mut meter = Meter::default();
        let (start, traffic) = at(0);
        meter.read(start, traffic);
        for second in 1000..1030 {
            meter.read(
                Millis(second * 1000),
                Traffic {
                    sent_bytes: 0,
                    received_bytes: 0,
                },
            );
        }
        assert_eq!(meter.read(Millis(1_030_000), Traffic::default()), Some(0));
    }
}
