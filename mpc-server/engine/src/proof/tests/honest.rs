//! True statements are accepted; whatever is changed, they are not.

use super::world::{HOPS, LENS, World};
use crate::proof::shape;

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

