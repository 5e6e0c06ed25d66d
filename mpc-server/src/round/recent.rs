//! The last rounds, as clients were told of them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use mcmix_shared::program::{Program, RoundId};

/// Rounds that are remembered.
pub const REMEMBERED: usize = 60;

/// How a round ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a result.
    Done {
        /// Clients that took part.
        clients: u32,
    },
    /// Without one, for a link or the time.
    Failed,
    /// A check found that a server deviates.
    Aborted,
}

/// A round that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRound {
    /// Its number.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// How it ended.
    pub ending: Ending,
    /// How long it took, from its announcement on.
    pub took: Duration,
    /// When it was over.
    pub ended: Instant,
}

/// Remembers the last rounds.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<PastRound>>);

impl Recent {
    pub(super) fn add(&self, past: PastRound) {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rounds.len() == REMEMBERED {
            rounds.pop_front();
        }
        rounds.push_back(past);
    }

    /// Corrects how a round ended, where it is remembered.
    pub(super) fn amend(&self, round: RoundId, ending: Ending) {
        let mut rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for past in rounds.iter_mut().filter(|past| past.round == round) {
            past.ending = ending;
        }
    }

    /// Returns them, the oldest first.
    pub(super) fn all(&self) -> Vec<PastRound> {
        let rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rounds_are_kept_and_a_result_that_is_worth_nothing_is_none() {
        let recent = Recent::default();
        let most = u64::try_from(REMEMBERED).unwrap();
        for round in 0..=most {
            recent.add(PastRound {
                round: RoundId(round),
                program: Program::Open,
                ending: Ending::Done { clients: 1 },
                took: Duration::ZERO,
                ended: Instant::now(),
            });
        }
        recent.amend(RoundId(most), Ending::Aborted);
        // Long forgotten.
        recent.amend(RoundId(0), Ending::Aborted);
        let all = recent.all();
        let rounds: Vec<_> = all.iter().map(|past| past.round.0).collect();
        assert!(rounds.into_iter().eq(1..=most));
        let (last, others) = all.split_last().unwrap();
        assert_eq!(last.ending, Ending::Aborted);
        let done = Ending::Done { clients: 1 };
        assert!(others.iter().all(|past| past.ending == done));
    }
}
