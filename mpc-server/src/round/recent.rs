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

    /// Returns them, the oldest first.
    pub(super) fn all(&self) -> Vec<PastRound> {
        let rounds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rounds.iter().copied().collect()
    }
}
