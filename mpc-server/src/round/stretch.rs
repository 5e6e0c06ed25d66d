//! How long rounds stay open while clients answer late: the period stretches, and shrinks again
//! (docs/protocol.md §3).
//!
//! A window that closes on time whoever has answered does not recover from too much work: what comes
//! late is thrown away, the next round's answers come later still, and the work never ends.

use std::time::Duration;

use crate::intake::answers::{Need, PARTS, PERIODS};

/// By how much periods are longer than they are at best, in 32nds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch(u16);

impl Stretch {
    /// Periods as the manifest has them.
    pub const NONE: Self = Self(PARTS);
    /// The most. Clients wait for a frame for five periods and some seconds.
    pub const MOST: Self = Self(PERIODS * PARTS);

    /// Returns whether a period may have to stay longer than it is at best for that.
    pub const fn is_needed_for(need: Need) -> bool {
        leaving_room(need) > PARTS
    }

    /// Returns how long a period is.
    pub fn of(self, period: Duration) -> Duration {
        period * u32::from(self.0) / u32::from(PARTS)
    }

    /// Returns how long a period is, in hundredths of what it is at best.
    pub const fn percent(self) -> u32 {
        100 * self.0 as u32 / PARTS as u32
    }

    /// Returns the stretch of the next round, where clients needed that long in the last one.
    ///
    /// It begins where they need more than the period, leaves them a quarter more than they need,
    /// and ends where that is a period again, so that it does not come and go. It at most doubles,
    /// as health checks expect, and at most halves: of what is left to do peers tell a round later.
    #[must_use]
    pub fn next(self, need: Need) -> Self {
        if self == Self::NONE && need.0 <= PARTS {
            return self;
        }
        let wanted = leaving_room(need);
        let least = (self.0 / 2).max(PARTS);
        let most = (self.0 * 2).min(Self::MOST.0);
        Self(wanted.clamp(least, most))
    }
}

const fn leaving_room(need: Need) -> u16 {
    need.0.saturating_mul(5) / 4
}

#[cfg(test)]
mod tests;
