//! When something began, and whether its time is over.
//!
//! A time-out takes its rounds *and* half of their periods of time: servers that run fast, or
//! numbers that jump, end nothing early.

use serde::{Deserialize, Serialize};

use super::Millis;
use crate::{manifest::Deployment, program::RoundId};

/// Where the rounds were, and the clock on the wall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    /// The newest round.
    pub(super) round: u64,
    /// Conversation rounds announced so far.
    pub(super) turn: u64,
    /// Milliseconds since 1970.
    pub(super) wall: u64,
}

/// How long something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasts {
    /// That many conversation rounds.
    Conversations(u64),
    /// That many dialing rounds.
    Dials(u64),
    /// That many days, whatever the rounds do.
    Days(u64),
}

const DAY_MS: u64 = 86_400_000;

impl Moment {
    pub(super) const fn round(self) -> RoundId {
        RoundId(self.round)
    }

    /// Returns the dialing rounds since then: one counter numbers all rounds, and the turn
    /// counts the others.
    pub(super) const fn dials_since(self, then: Self) -> u64 {
        let (now, before) = (
            self.round.saturating_sub(self.turn),
            then.round.saturating_sub(then.turn),
        );
        now.saturating_sub(before)
    }

    pub(super) const fn turns_since(self, then: Self) -> u64 {
        self.turn.saturating_sub(then.turn)
    }

    /// Returns whether that many milliseconds went by. A clock that went back says nothing.
    const fn went_by(self, then: Self, millis: u64) -> bool {
        self.wall < then.wall || self.wall - then.wall >= millis
    }

    /// Returns whether what began then and lasts that long is over.
    pub(super) fn is_over(self, then: Self, lasts: Lasts, pace: Pace) -> bool {
        match lasts {
            Lasts::Conversations(count) => {
                self.turns_since(then) >= count
                    && self.went_by(then, count.saturating_mul(pace.conversation_ms) / 2)
            }
            Lasts::Dials(count) => {
                self.dials_since(then) >= count
                    && self.went_by(then, count.saturating_mul(pace.dialing_ms) / 2)
            }
            Lasts::Days(days) => {
                self.wall >= then.wall && self.went_by(then, days.saturating_mul(DAY_MS))
            }
        }
    }

    /// Returns whether that round came, and half the time that it takes from then on.
    pub(super) fn is_past(self, then: Self, round: RoundId, pace: Pace) -> bool {
        let ahead = round.0.saturating_sub(then.round);
        self.round >= round.0 && self.went_by(then, pace.millis_of(ahead) / 2)
    }

    /// Returns the round that comes after so many conversation and dialing rounds.
    pub(super) const fn ahead(self, conversations: u64, dials: u64, pace: Pace) -> RoundId {
        let (c, d) = (pace.conversation_ms, pace.dialing_ms);
        let millis = conversations
            .saturating_mul(c)
            .saturating_add(dials.saturating_mul(d));
        let rounds = millis.div_ceil(c).saturating_add(millis.div_ceil(d));
        RoundId(self.round.saturating_add(rounds))
    }

    pub(super) const fn wall(self) -> Millis {
        Millis(self.wall)
    }
}

/// How often rounds come, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) conversation_ms: u64,
    pub(super) dialing_ms: u64,
}

impl Pace {
    pub(super) fn of(deployment: &Deployment) -> Self {
        Self {
            conversation_ms: u64::from(deployment.conversation_period_ms).max(1),
            dialing_ms: u64::from(deployment.dialing_period_ms).max(1),
        }
    }

    /// Returns about how long that many rounds of both programs take.
    const fn millis_of(self, rounds: u64) -> u64 {
        // 1/c + 1/d rounds a millisecond.
        let (c, d) = (self.conversation_ms, self.dialing_ms);
        rounds
            .saturating_mul(c)
            .saturating_div(c.saturating_add(d))
            .saturating_mul(d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        conversation_ms: 1000,
        dialing_ms: 2000,
    };

    #[test]
    fn a_time_out_needs_its_rounds_and_half_of_their_time() {
        let then = Moment {
            round: 100,
            turn: 60,
            wall: 1_000_000,
        };
        let at = |round, turn, wall| Moment { round, turn, wall };
        let lasts = Lasts::Conversations(10);
        assert!(!at(115, 69, 1_009_000).is_over(then, lasts, PACE));
        assert!(
            !at(115, 70, 1_004_999).is_over(then, lasts, PACE),
            "rounds that run fast"
        );
        assert!(at(115, 70, 1_005_000).is_over(then, lasts, PACE));
        assert!(
            at(115, 70, 5).is_over(then, lasts, PACE),
            "a clock that was set back"
        );
        assert!(at(112, 62, 1_010_000).is_over(then, Lasts::Dials(10), PACE));
        assert!(!at(112, 63, 1_010_000).is_over(then, Lasts::Dials(10), PACE));
        assert!(!at(9999, 99, 1_000_000 + 86_399_999).is_over(then, Lasts::Days(1), PACE));
        assert!(at(100, 60, 1_000_000 + 86_400_000).is_over(then, Lasts::Days(1), PACE));
    }

    #[test]
    fn rounds_ahead_count_both_programs() {
        let then = Moment {
            round: 100,
            turn: 60,
            wall: 0,
        };
        let until = then.ahead(0, 30, PACE);
        assert_eq!(until, RoundId(190));
        assert!(
            !Moment {
                round: 190,
                turn: 0,
                wall: 29_999
            }
            .is_past(then, until, PACE)
        );
        assert!(
            Moment {
                round: 190,
                turn: 0,
                wall: 30_000
            }
            .is_past(then, until, PACE)
        );
    }
}
