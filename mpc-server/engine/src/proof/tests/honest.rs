//! True statements are accepted; whatever is changed, they are not.

use super::world::{Random, World};
use crate::proof::{Ands, shape};

/// Lengths of messages of products, around superblocks of 4,096 bytes.
const LENS: &[&[usize]] = &[&[], &[0], &[1], &[8, 0, 9], &[4096], &[4097], &[5000, 1, 8192, 123]];
/// Terms, inputs, outputs, bytes of a row.
const HOPS: &[&[(usize, usize, usize, usize)]] = &[
    &[],
    &[(1, 0, 0, 8)],
    &[(1, 0, 3, 8)],
    &[(1, 1, 1, 1)],
    &[(1, 5, 5, 4), (2, 7, 3, 8), (1, 3, 9, 12), (3, 2, 2, 16), (1, 6, 6, 20), (1, 3, 3, 32)],
    &[(1, 1500, 1100, 8), (2, 1025, 1030, 12)],
];

#[test]
fn true_statements_are_accepted() {
    for (seed, lens) in (0..).zip(LENS) {
        for (more, hops) in (0..).zip(HOPS) {
            let world = World::new(100 * seed + more, lens, hops);
            let proof = world.prove();
            let (ands, moves) = world.left();
            let shape = shape(&ands, &moves);
            assert_eq!(proof.challenges.len(), shape.challenge_bytes());
            assert_eq!(proof.values.len(), shape.value_bytes());
            assert_eq!(world.verify_left(&proof.challenges).unwrap().as_bytes().len(), shape.answer_bytes());
            assert!(world.accepts(&proof), "{lens:?} {hops:?}");
        }
    }
}

