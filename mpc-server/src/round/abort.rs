//! Aborts: rounds that a party ends since a check found that a peer deviates, and how many it takes
//! until no more are run (docs/protocol.md §3).
//!
//! They are counted for the deployment and not for a peer: whoever lies while it checks makes the
//! honest one's messages look wrong, so a count by suspect would blame an honest party first.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use mcmix_engine::Suspects;
use mcmix_shared::party::PartyId;

use super::clock::Time;
use crate::net::ACCOUNT_BYTES;

/// A round that a party ended since a check found that one of the other two deviates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The peer that told of it; none where it was found here.
    pub told_by: Option<PartyId>,
    /// Step, what was expected and what came, in words.
    pub account: String,
    /// Whom this party suspects.
    pub suspects: Suspects,
}

impl Abort {
    /// Takes a peer's word. Who says so falsely deviates itself, so both peers are suspected.
    pub fn told(me: PartyId, by: PartyId, account: String) -> Self {
        Self {
            told_by: Some(by),
            account,
            suspects: Suspects::of_check(me),
        }
    }

    /// Returns what the other peer is told of it.
    pub fn retold(&self) -> String {
        let mut account = match self.told_by {
            None => format!("{} (suspects {})", self.account, self.suspects),
            Some(peer) => format!("{peer} says: {}", self.account),
        };
        let fits = |&(at, _): &(usize, char)| at <= ACCOUNT_BYTES - 4;
        let last = account.char_indices().take_while(fits).last();
        if let Some((at, _)) = last.filter(|_| account.len() > ACCOUNT_BYTES) {
            account.truncate(at);
        }
        account
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.told_by {
            None => f.write_str(&self.account),
            // A peer's words: quoted, and what would break the line escaped.
            Some(peer) => write!(f, "{peer} says {:?}", self.account),
        }
    }
}

/// How many aborts within which time stop the rounds.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// So many.
    pub aborts: usize,
    /// Within so much time.
    pub within: Duration,
}

/// Counts aborts.
#[derive(Debug)]
pub struct Tally {
    patience: Patience,
    /// When the last ones were, the oldest first.
    times: VecDeque<Time>,
}

impl Tally {
    /// Makes a count of none.
    pub const fn new(patience: Patience) -> Self {
        Self {
            patience,
            times: VecDeque::new(),
        }
    }

    /// Counts one more and returns whether it was one too many.
    pub fn count(&mut self, now: Time) -> bool {
        let Patience { aborts, within } = self.patience;
        self.times.retain(|&time| now.saturating_sub(time) < within);
        self.times.push_back(now);
        self.times.len() >= aborts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Time {
        Duration::from_secs(secs)
    }

    #[test]
    fn so_many_within_the_time_are_too_many_and_slower_ones_never() {
        let patience = Patience {
            aborts: 3,
            within: at(10),
        };
        let counted = |times: &[u64]| {
            let mut tally = Tally::new(patience);
            let counted: Vec<_> = times.iter().map(|&secs| tally.count(at(secs))).collect();
            counted
        };
        assert_eq!(counted(&[0, 1, 2]), [false, false, true]);
        assert_eq!(counted(&[0, 1, 10, 10]), [false, false, false, true]);
        assert_eq!(counted(&[0, 9, 18, 27, 36]), [false; 5]);
    }

    #[test]
    fn accounts_name_who_says_so_and_stay_short() {
        let found = Abort {
            told_by: None,
            account: "P0 and P2 at open coins #0: an opened value and its hash differ".to_owned(),
            suspects: Suspects::Two(PartyId::P2, PartyId::P0),
        };
        let retold = "P0 and P2 at open coins #0: an opened value and its hash differ \
                      (suspects P2 or P0)";
        assert_eq!(found.retold(), retold);
        let told = Abort::told(PartyId::P0, PartyId::P1, found.retold());
        assert_eq!(told.suspects, Suspects::Two(PartyId::P1, PartyId::P2));
        assert_eq!(told.to_string(), format!("P1 says \"{retold}\""));
        let hostile = Abort::told(PartyId::P0, PartyId::P1, "é\n".repeat(80));
        assert!(!hostile.to_string().contains('\n'));
        assert!((200..=ACCOUNT_BYTES).contains(&hostile.retold().len()));
    }
}
