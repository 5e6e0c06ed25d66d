//! Forward-secure keys for rounds: a binary tree of keys over all round numbers
//! (Goldreich, Goldwasser, Micali 1986).
//!
//! Kept are the roots of the subtrees that cover the rounds still to come. Erasing the past
//! costs at most 128 derivations however far the round numbers jump, and leaves nothing from
//! which an erased key could be derived again.
//!
//! A key is found, and taken, by the same number of derivations whatever was erased before: a
//! session in daily use, one that slept for a month and one with nobody cost the same.

use core::{fmt, hint::black_box, iter};

use serde::{Deserialize, Serialize};

use super::Lane;
use crate::{
    kdf::{Secret, hash},
    program::RoundId,
    row::Tag,
};

/// Levels between the root and the keys of rounds.
const HEIGHT: u32 = 64;

/// The keys of all rounds from some round on.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct KeyTree {
    /// The first round whose key is there.
    from: u64,
    /// The roots of the subtrees that [`cover`] gives, the earliest last; none when the last
    /// round is erased, too.
    keys: Vec<Secret>,
}

/// The rounds under one subtree: `first .. first + 2^height`.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    height: u32,
}

impl Span {
    /// Returns the largest subtree that begins at that round.
    fn at(first: u64) -> Self {
        let height = first.trailing_zeros();
        Self { first, height }
    }

    fn last(self) -> u64 {
        let rounds = 1_u64.checked_shl(self.height).unwrap_or(0);
        self.first | rounds.wrapping_sub(1)
    }
}

/// Returns the fewest subtrees that cover a round and all after it, the earliest first.
fn cover(from: u64) -> impl Iterator<Item = Span> {
    iter::successors(Some(Span::at(from)), |span| {
        span.last().checked_add(1).map(Span::at)
    })
}

#[derive(Clone, Copy)]
enum Half {
    Left,
    Right,
}

fn child(key: &Secret, half: Half) -> Secret {
    let byte = match half {
        Half::Left => 0,
        Half::Right => 1,
    };
    // One block of the hash function; what goes in always has this length.
    Secret::from_bytes(hash("tree", &[key.as_bytes(), &[byte]]))
}

fn half_of(round: u64, height: u32) -> Half {
    if round >> height & 1 == 0 {
        Half::Left
    } else {
        Half::Right
    }
}

impl KeyTree {
    pub(crate) fn new(root: Secret) -> Self {
        Self {
            from: 0,
            keys: vec![root],
        }
    }

    /// Returns whether what was stored is a tree.
    pub(super) fn is_sound(&self) -> bool {
        self.keys.is_empty() || self.keys.len() == cover(self.from).count()
    }

    /// Returns the first round whose key can still be derived.
    pub(super) fn first(&self) -> Option<RoundId> {
        (!self.keys.is_empty()).then_some(RoundId(self.from))
    }

    /// Returns the subtree of a round, its root, and where that stands among the keys.
    fn find(&self, round: u64) -> Option<(Span, &Secret, usize)> {
        if round < self.from {
            return None;
        }
        cover(self.from)
            .zip(self.keys.iter().enumerate().rev())
            .find(|(span, _)| round <= span.last())
            .map(|(span, (at, key))| (span, key, at))
    }

    /// Returns the key of a round; `None` once it is erased.
    pub(crate) fn key(&self, round: RoundId) -> Option<Secret> {
        let (span, root, _) = self.find(round.0)?;
        let mut key = root.clone();
        for height in (0..span.height).rev() {
            key = child(&key, half_of(round.0, height));
        }
        for _ in span.height..HEIGHT {
            black_box(child(&key, Half::Left));
        }
        Some(key)
    }

    /// Returns the tag of a round and lane; `None` once it is erased.
    pub(crate) fn tag(&self, round: RoundId, lane: Lane) -> Option<Tag> {
        let key = self.key(round)?;
        let (tags, _) = key.as_bytes().as_chunks::<8>();
        let tag = match lane {
            Lane::Text => tags.first(),
            Lane::Picture => tags.get(1),
        };
        tag.map(|tag| Tag(u64::from_le_bytes(*tag)))
    }

    /// Returns the key of a round and erases it, with those of all earlier rounds.
    pub(crate) fn take(&mut self, round: RoundId) -> Option<Secret> {
        let (span, _, _) = self.find(round.0)?;
        let key = self.cut(round.0)?;
        for _ in span.height..HEIGHT {
            black_box((child(&key, Half::Left), child(&key, Half::Right)));
        }
        Some(key)
    }

    /// Erases the keys of all earlier rounds.
    pub(crate) fn erase_before(&mut self, round: RoundId) {
        if let Some(last) = round.0.checked_sub(1) {
            self.cut(last);
        }
    }

    /// Takes a round's key out, keeping of its subtree what comes after it.
    fn cut(&mut self, round: u64) -> Option<Secret> {
        let (span, root, at) = self.find(round)?;
        let mut key = root.clone();
        self.keys.truncate(at);
        self.make_room();
        for height in (0..span.height).rev() {
            let (left, right) = (child(&key, Half::Left), child(&key, Half::Right));
            key = match half_of(round, height) {
                Half::Left => {
                    self.keys.push(right);
                    left
                }
                Half::Right => right,
            };
        }
        self.from = round.saturating_add(1);
        Some(key)
    }

    /// Makes room for all keys that a tree can have: a vector that grows leaves a copy of its
    /// keys behind.
    fn make_room(&mut self) {
        let most = usize::try_from(HEIGHT).expect("a small number");
        if self.keys.capacity() < most {
            let mut keys = Vec::with_capacity(most);
            keys.extend(self.keys.iter().cloned());
            self.keys = keys;
        }
    }
}

impl fmt::Debug for KeyTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyTree(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyTree, Lane};
    use crate::{kdf::Secret, program::RoundId};
    use proptest::prelude::*;

    fn tree() -> KeyTree {
        KeyTree::new(Secret::from_bytes([5; 32]))
    }

    fn key(tree: &KeyTree, round: u64) -> Option<[u8; 32]> {
        tree.key(RoundId(round)).map(|key| *key.as_bytes())
    }

    fn near(edge: u64) -> [u64; 4] {
        [
            edge.saturating_sub(1),
            edge,
            edge.saturating_add(1),
            u64::MAX,
        ]
    }

    proptest! {
        #[test]
        fn erasing_keeps_the_future_and_only_that(mut erased: Vec<u64>, rounds: Vec<u64>) {
            let (whole, mut tree) = (tree(), tree());
            erased.truncate(8);
            for &before in &erased {
                tree.erase_before(RoundId(before));
                prop_assert!(tree.is_sound());
            }
            let edge = erased.iter().copied().max().unwrap_or(0);
            for round in rounds.into_iter().chain(near(edge)) {
                let expected = (round >= edge).then(|| key(&whole, round).unwrap());
                prop_assert_eq!(key(&tree, round), expected);
            }
            prop_assert!(tree.keys.len() <= 64);
        }

        #[test]
        fn a_key_is_taken_once(mut rounds: Vec<u64>, small in 0..100_u64) {
            let (whole, mut tree) = (tree(), tree());
            rounds.truncate(8);
            rounds.push(small);
            rounds.sort_unstable();
            rounds.dedup();
            for &round in &rounds {
                let taken = tree.take(RoundId(round)).map(|key| *key.as_bytes());
                prop_assert_eq!(taken, key(&whole, round));
                prop_assert!(tree.take(RoundId(round)).is_none());
                prop_assert!(tree.is_sound());
                for later in near(round) {
                    let expected = (later > round).then(|| key(&whole, later).unwrap());
                    prop_assert_eq!(key(&tree, later), expected);
                }
            }
        }

        #[test]
        fn records_round_trip(before: u64) {
            let mut tree = tree();
            tree.erase_before(RoundId(before));
            let bytes = postcard::to_allocvec(&tree).unwrap();
            let again: KeyTree = postcard::from_bytes(&bytes).unwrap();
            prop_assert!(again.is_sound());
            prop_assert_eq!(key(&again, before), key(&tree, before));
        }

        #[test]
        fn any_record_is_survived(from: u64, keys in prop::collection::vec(any::<[u8; 32]>(), 0..70), round: u64) {
            let keys: Vec<_> = keys.into_iter().map(Secret::from_bytes).collect();
            let mut tree = KeyTree { from, keys };
            let _ = tree.is_sound();
            let _ = tree.key(RoundId(round));
            let _ = tree.take(RoundId(round));
            tree.erase_before(RoundId(round));
        }
    }

    #[test]
    fn nothing_is_left_after_the_last_round() {
        let mut tree = tree();
        tree.erase_before(RoundId(u64::MAX));
        assert!(tree.take(RoundId(u64::MAX)).is_some());
        assert!(tree.keys.is_empty() && tree.is_sound());
        assert!(tree.key(RoundId(u64::MAX)).is_none());
    }

    #[test]
    fn keys_and_tags_of_rounds_and_lanes_differ() {
        let tree = tree();
        let keys: Vec<_> = (0..32).map(|round| key(&tree, round).unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        let tags: Vec<_> = (0..32)
            .flat_map(|round| [Lane::Text, Lane::Picture].map(|lane| (RoundId(round), lane)))
            .map(|(round, lane)| tree.tag(round, lane).unwrap().0)
            .collect();
        let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len());
    }

    #[test]
    fn debug_hides_keys() {
        assert_eq!(format!("{:?}", tree()), "KeyTree(..)");
        assert_eq!(format!("{:?}", Secret::from_bytes([5; 32])), "Secret(..)");
    }
}
