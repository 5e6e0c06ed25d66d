//! One generation of a session's keys and tags.

use core::hint::black_box;

use serde::{Deserialize, Serialize};

use super::{KeyTree, Lane, row_cipher::lane_key};
use crate::{
    kdf::{self, Secret},
    program::RoundId,
    row::Role,
};

/// What `S_g` is expanded into; `S_g` itself is gone.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Generation {
    /// g.
    pub(super) number: u32,
    pub(super) tags: KeyTree,
    sending: Sending,
    receiving: KeyTree,
    /// Shows a later call's other side that one still has this session's state.
    pub(super) resume: Secret,
    /// `RK_g`, from which the next generation follows with what the two agree on then.
    pub(super) root: Secret,
    /// Whether a packet of it opened.
    pub(super) opened: bool,
}

impl Generation {
    /// Expands `S_g`, which is erased; generation 0 has the tags of its meeting point instead of
    /// its own.
    #[expect(clippy::needless_pass_by_value, reason = "nobody may have it any more")]
    pub(super) fn expand(number: u32, secret: Secret, own: Role, meeting: Option<KeyTree>) -> Self {
        let derive = |label, info: &[u8]| kdf::derive(label, secret.as_bytes(), &[info]);
        let rows = |sender: Role| KeyTree::new(derive("rows", &[sender.code()]));
        let peer = match own {
            Role::Lower => Role::Higher,
            Role::Higher => Role::Lower,
        };
        Self {
            number,
            tags: meeting.unwrap_or_else(|| KeyTree::new(derive("tags", &[]))),
            sending: Sending {
                tree: rows(own),
                spare: None,
            },
            receiving: rows(peer),
            resume: derive("resume", &[]),
            root: derive("root", &[]),
            opened: false,
        }
    }

    /// Takes the key of a row to send out of what is stored.
    pub(super) fn take_sending_key(&mut self, round: RoundId, lane: Lane) -> Option<Secret> {
        self.sending.take(round, lane)
    }

    /// Returns the key of a row to receive.
    pub(super) fn receiving_key(&self, round: RoundId, lane: Lane) -> Option<Secret> {
        let leaf = self.receiving.key(round)?;
        Some(lane_key(&leaf, lane))
    }

    /// Erases the keys and tags of all earlier rounds.
    pub(super) fn erase_before(&mut self, round: RoundId) {
        self.tags.erase_before(round);
        self.receiving.erase_before(round);
        self.sending.erase_before(round);
    }

    /// Returns the first round of which a key or a tag is still there.
    pub(super) fn first(&self) -> Option<RoundId> {
        let trees = [&self.tags, &self.sending.tree, &self.receiving];
        trees.into_iter().filter_map(KeyTree::first).min()
    }

    /// Returns whether what was stored is a generation.
    pub(super) fn is_sound(&self) -> bool {
        self.tags.is_sound() && self.receiving.is_sound() && self.sending.tree.is_sound()
    }

    /// Returns whether the key of a row that one sends is still there.
    #[cfg(test)]
    pub(super) fn has_sending_key(&self, round: RoundId, lane: Lane) -> bool {
        self.sending
            .tree
            .first()
            .is_some_and(|first| first <= round)
            || self
                .sending
                .spare
                .as_ref()
                .is_some_and(|spare| spare.fits(round, lane))
    }

    /// Returns whether the key of a row that one receives is still there.
    #[cfg(test)]
    pub(super) fn has_receiving_key(&self, round: RoundId) -> bool {
        self.receiving.first().is_some_and(|first| first <= round)
    }
}

/// The keys of the rows to send. A key is there until it is taken.
#[derive(Clone, Serialize, Deserialize)]
struct Sending {
    tree: KeyTree,
    /// The key of the other lane of the last round.
    spare: Option<Spare>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Spare {
    round: u64,
    lane: u8,
    key: Secret,
}

impl Spare {
    fn fits(&self, round: RoundId, lane: Lane) -> bool {
        self.round == round.0 && self.lane == lane.code()
    }
}

impl Sending {
    /// Takes a key, by the same steps whether the round's other lane was taken before or not.
    fn take(&mut self, round: RoundId, lane: Lane) -> Option<Secret> {
        if let Some(spare) = self.spare.take_if(|spare| spare.fits(round, lane)) {
            let mut scratch = KeyTree::new(spare.key.clone());
            black_box(split(&scratch.take(round)?, round, lane));
            return Some(spare.key);
        }
        let (key, spare) = split(&self.tree.take(round)?, round, lane);
        self.spare = Some(spare);
        Some(key)
    }

    fn erase_before(&mut self, round: RoundId) {
        self.tree.erase_before(round);
        self.spare.take_if(|spare| spare.round < round.0);
    }
}

/// Derives a lane's key and keeps the other's.
fn split(leaf: &Secret, round: RoundId, lane: Lane) -> (Secret, Spare) {
    let other = match lane {
        Lane::Text => Lane::Picture,
        Lane::Picture => Lane::Text,
    };
    let spare = Spare {
        round: round.0,
        lane: other.code(),
        key: lane_key(leaf, other),
    };
    (lane_key(leaf, lane), spare)
}
