//! How long clients take to answer an announcement, counted from one close to the next.
//!
//! What comes after its round has closed counts with the time that it took: where work piles up,
//! everything comes late, and the rounds that are open get no answer at all. A client counts once,
//! with what came first.

use std::collections::HashSet;
use std::time::Duration;

use mcmix_shared::identity::ClientId;

/// Parts of a period in which times are counted.
pub const PARTS: u16 = 32;
/// Periods of which times are told apart; what takes longer takes that long.
pub const PERIODS: u16 = 4;
const BINS: usize = (PERIODS * PARTS) as usize;
/// With fewer who answer, nothing is concluded from how long they take.
const FEWEST: u32 = 64;
/// Shares of those who answer, in 64ths.
const SHARES: [u32; 3] = [48, 56, 63];

/// How long it takes until all have answered, in 32nds of a period; 0 where too few do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need(pub u16);

/// Counts how long clients took, as this party sees it.
#[derive(Debug)]
pub struct Answers {
    period: Duration,
    counted: HashSet<ClientId>,
    bins: [u32; BINS],
}

impl Answers {
    /// Makes one of no answers, for rounds of that period.
    pub fn new(period: Duration) -> Self {
        Self {
            period,
            counted: HashSet::new(),
            bins: [0; BINS],
        }
    }

    /// Counts an answer that came so long after its round was announced, if it is its client's first.
    pub fn note(&mut self, client: ClientId, took: Duration) {
        if !self.counted.insert(client) {
            return;
        }
        let parts = took.as_nanos() * u128::from(PARTS) / self.period.as_nanos().max(1);
        let bin = usize::try_from(parts).unwrap_or(BINS).min(BINS - 1);
        if let Some(count) = self.bins.get_mut(bin) {
            *count += 1;
        }
    }

    /// Begins anew.
    pub fn restart(&mut self) {
        self.counted.clear();
        self.bins = [0; BINS];
    }

    /// Returns how long it takes until all have answered.
    ///
    /// Servers and lines that are busy work answers off one after the other, so if three quarters
    /// take a time, all of them take a third more. Of the times that follow from three shares the
    /// shortest counts: whoever has less than a quarter of the keys that answer can't lengthen it by
    /// being late.
    pub fn need(&self) -> Need {
        let all: u32 = self.bins.iter().sum();
        if all < FEWEST {
            return Need::default();
        }
        let whole = |share: u32| {
            let mut came = 0_u32;
            let bins = self.bins.iter().take_while(|&&count| {
                came += count;
                u64::from(came) * 64 < u64::from(all) * u64::from(share)
            });
            let parts = u32::try_from(bins.count() + 1).unwrap_or(u32::MAX);
            parts.saturating_mul(64) / share
        };
        let need = SHARES.map(whole).into_iter().min().unwrap_or_default();
        Need(u16::try_from(need).unwrap_or(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    /// Lets so many clients answer, each after so many thousandths of a period.
    fn answers(all: impl IntoIterator<Item = (u32, u64)>) -> Answers {
        let mut answers = Answers::new(PERIOD);
        let mut next = 0_u128;
        for (clients, millis) in all {
            for _ in 0..clients {
                next += 1;
                answers.note(ClientId(next.to_le_bytes()), Duration::from_millis(millis));
            }
        }
        answers
    }

    #[test]
    fn who_is_served_one_after_the_other_needs_until_the_last() {
        for (millis, parts) in [(500, 16), (1000, 32), (1500, 48), (2000, 64), (3000, 96)] {
            let evenly = (1..=1000).map(|i| (1, millis * i / 1000));
            let need = answers(evenly).need().0;
            assert!(need.abs_diff(parts) <= 2, "{millis} ms: {need}");
        }
        assert!(answers([(1000, 60_000)]).need() >= Need(PERIODS * PARTS));
    }

    /// Who has less than a quarter of the keys that answer, and is late with all of them, adds a
    /// third at most to what the slowest of the others needs.
    #[test]
    fn a_few_who_are_always_late_lengthen_nothing() {
        for late in [1, 10, 100, 300] {
            for took in [1100, 3000, 60_000] {
                let need = answers([(1000, 600), (late, took)]).need();
                assert!(need.0 <= PARTS, "{late} after {took} ms: {need:?}");
            }
        }
        // Half of them can.
        assert!(answers([(1000, 600), (1000, 60_000)]).need().0 > 4 * PARTS);
    }

    #[test]
    fn where_few_answer_nothing_is_concluded() {
        assert_eq!(answers([(FEWEST - 1, 60_000)]).need(), Need(0));
        assert_ne!(answers([(FEWEST, 60_000)]).need(), Need(0));
    }

    #[test]
    fn a_client_counts_once() {
        let mut answers = answers([(1000, 200)]);
        let need = answers.need();
        let one = ClientId([7; 16]);
        for _ in 0..10_000 {
            answers.note(one, 10 * PERIOD);
        }
        assert_eq!(answers.need(), need);
        answers.restart();
        assert_eq!(answers.need(), Need(0));
    }
}
