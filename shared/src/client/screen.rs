//! Whose conversation is on the screen. It has the front slot four rounds later.
//!
//! The delay hides in which round somebody looked; one slot only, so that what a partner sees
//! depends on its own conversation alone.

use std::collections::VecDeque;

use crate::identity::ClientKey;

/// Conversation rounds from the screen to the front slot.
pub(super) const FRONT_DELAY: usize = 4;
/// Conversation rounds without a touch after which nobody counts as looking.
const IDLE_TURNS: u64 = 60;

/// Whose conversation is on the screen.
#[derive(Debug, Default)]
pub(super) struct Screen {
    looks_at: Option<ClientKey>,
    /// Conversation rounds since the last touch.
    untouched: u64,
    /// Who was looked at in the last rounds, the oldest first.
    past: VecDeque<Option<ClientKey>>,
}

impl Screen {
    pub(super) fn look(&mut self, at: Option<ClientKey>) {
        self.looks_at = at;
        self.touch();
    }

    pub(super) fn touch(&mut self) {
        self.untouched = 0;
    }

    /// Returns whose conversation a person is looking at.
    pub(super) fn looks_at(&self) -> Option<ClientKey> {
        self.looks_at.filter(|_| self.untouched < IDLE_TURNS)
    }

    /// Counts a conversation round and returns who has its front slot.
    pub(super) fn front(&mut self) -> Option<ClientKey> {
        self.past.push_back(self.looks_at());
        self.untouched = self.untouched.saturating_add(1);
        if self.past.len() <= FRONT_DELAY {
            return None;
        }
        self.past.pop_front().flatten()
    }

    pub(super) fn forget(&mut self, person: ClientKey) {
        self.looks_at = self.looks_at.filter(|it| *it != person);
        for past in &mut self.past {
            *past = past.filter(|it| *it != person);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SecretKey;

    #[test]
    fn the_front_slot_follows_four_rounds_later_and_ends_with_silence() {
        let ada = SecretKey::from_bytes([1; 32]).client_key();
        let mut screen = Screen::default();
        screen.look(Some(ada));
        let first: Vec<_> = (0..4).map(|_| screen.front()).collect();
        assert_eq!(first, [None; 4]);
        for _ in 0..60 {
            assert_eq!(screen.front(), Some(ada));
        }
        assert_eq!(
            screen.front(),
            None,
            "nobody touched anything for 60 rounds"
        );
        screen.touch();
        let next: Vec<_> = (0..5).map(|_| screen.front()).collect();
        assert_eq!(next[4], Some(ada));
        screen.look(None);
        let next: Vec<_> = (0..5).map(|_| screen.front()).collect();
        assert_eq!((next[3], next[4]), (Some(ada), None));
    }
}
