//! Forward-secure keys for rounds: a binary tree of keys over all round numbers
//! (Goldreich, Goldwasser, Micali 1986).
//!
//! Kept are the roots of the subtrees that cover the rounds still to come. Erasing the past
//! costs at most 64 derivations however far the round numbers jump, and leaves nothing from
//! which an erased key could be derived again.

use core::fmt;

use crate::{
    kdf::{Secret, derive},
    program::RoundId,
};

/// The keys of all rounds from some round on.
#[derive(Clone)]
pub(crate) struct KeyTree {
    /// Disjoint subtrees, the earliest last.
    nodes: Vec<Node>,
}

/// The subtree over the rounds `first .. first + 2^height`.
#[derive(Clone)]
struct Node {
    first: u64,
    height: u8,
    key: Secret,
}

impl Node {
    fn last(&self) -> u64 {
        self.first | low_bits(self.height)
    }

    fn covers(&self, round: u64) -> bool {
        (self.first..=self.last()).contains(&round)
    }

    /// Returns the child of that half; `None` for a leaf.
    fn child(&self, half: Half) -> Option<Self> {
        let height = self.height.checked_sub(1)?;
        let (byte, first) = match half {
            Half::Left => (0, self.first),
            Half::Right => (1, self.first | (1 << height)),
        };
        let key = derive("tree", self.key.as_bytes(), &[&[byte]]);
        Some(Self { first, height, key })
    }
}

#[derive(Clone, Copy)]
enum Half {
    Left,
    Right,
}

fn low_bits(count: u8) -> u64 {
    1_u64
        .checked_shl(count.into())
        .map_or(u64::MAX, |bit| bit - 1)
}

impl KeyTree {
    pub(crate) fn new(root: Secret) -> Self {
        Self {
            nodes: vec![Node {
                first: 0,
                height: 64,
                key: root,
            }],
        }
    }

    /// Makes a tree of which everything is erased.
    pub(crate) fn empty() -> Self {
        Self { nodes: Vec::new() }
    }

    /// Returns the key of a round; `None` once it is erased.
    pub(crate) fn key(&self, round: RoundId) -> Option<Secret> {
        let mut node = self.nodes.iter().find(|node| node.covers(round.0))?.clone();
        while node.height > 0 {
            let bit = round.0 >> (node.height - 1) & 1;
            node = node.child(if bit == 0 { Half::Left } else { Half::Right })?;
        }
        Some(node.key.clone())
    }

    /// Erases the keys of all earlier rounds.
    pub(crate) fn erase_before(&mut self, round: RoundId) {
        while let Some(node) = self.nodes.pop_if(|node| node.first < round.0) {
            if node.last() >= round.0 {
                self.nodes.extend(node.child(Half::Right));
                self.nodes.extend(node.child(Half::Left));
            }
        }
    }

    /// Returns the subtrees for storage, the earliest last: first round, height, key.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u64, u8, [u8; 32])> {
        self.nodes
            .iter()
            .map(|node| (node.first, node.height, *node.key.as_bytes()))
    }

    /// Takes back what [`Self::parts`] gave; `None` if those are no subtrees in order.
    pub(crate) fn from_parts(parts: Vec<(u64, u8, [u8; 32])>) -> Option<Self> {
        let mut nodes: Vec<Node> = Vec::with_capacity(parts.len());
        for (first, height, key) in parts {
            let aligned = height <= 64 && first & low_bits(height) == 0;
            let earlier = |next: &Node| first | low_bits(height) < next.first;
            if !aligned || !nodes.last().is_none_or(earlier) {
                return None;
            }
            nodes.push(Node {
                first,
                height,
                key: Secret::from_bytes(key),
            });
        }
        Some(Self { nodes })
    }
}

impl fmt::Debug for KeyTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyTree(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::KeyTree;
    use crate::{kdf::Secret, program::RoundId};
    use proptest::prelude::*;

    fn tree() -> KeyTree {
        KeyTree::new(Secret::from_bytes([5; 32]))
    }

    fn key(tree: &KeyTree, round: u64) -> Option<[u8; 32]> {
        tree.key(RoundId(round)).map(|key| *key.as_bytes())
    }

    proptest! {
        #[test]
        fn erasing_keeps_the_future_and_only_that(mut erased: Vec<u64>, rounds: Vec<u64>) {
            let (whole, mut tree) = (tree(), tree());
            erased.truncate(8);
            for &before in &erased {
                tree.erase_before(RoundId(before));
            }
            let edge = erased.iter().copied().max().unwrap_or(0);
            let near = [edge.saturating_sub(1), edge, edge.saturating_add(1), u64::MAX];
            for round in rounds.into_iter().chain(near) {
                let expected = (round >= edge).then(|| key(&whole, round).unwrap());
                prop_assert_eq!(key(&tree, round), expected);
            }
            prop_assert!(tree.nodes.len() <= 65);
        }

        #[test]
        fn parts_round_trip(before: u64) {
            let mut tree = tree();
            tree.erase_before(RoundId(before));
            let again = KeyTree::from_parts(tree.parts().collect()).unwrap();
            prop_assert_eq!(key(&again, before), key(&tree, before));
        }

        #[test]
        fn any_parts_are_survived(parts: Vec<(u64, u8, [u8; 32])>, round: u64) {
            if let Some(mut tree) = KeyTree::from_parts(parts) {
                let _ = tree.key(RoundId(round));
                tree.erase_before(RoundId(round));
            }
        }
    }

    #[test]
    fn keys_of_rounds_differ() {
        let keys: Vec<_> = (0..32).map(|round| key(&tree(), round).unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn debug_hides_keys() {
        assert_eq!(format!("{:?}", tree()), "KeyTree(..)");
        assert_eq!(format!("{:?}", Secret::from_bytes([5; 32])), "Secret(..)");
    }
}
