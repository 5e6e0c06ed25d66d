//! A verifier can't test what it guesses of the other one's inputs.

use super::world::{Alone, World};
use crate::proof::{Shared, prove};

/// Bytes of the first level's challenges, of products and of hops.
const FIRST: usize = 6 * 16;

/// The first challenges, as the left verifier would work them out from a guess of all that is hidden,
/// and from what it takes for the other one's part of what is shared with the prover.
fn guessed(guess: &World, right: &[Shared; 2]) -> Vec<u8> {
    let (ands, hops) = guess.prover();
    let [left, _] = guess.shared.clone();
    let shared = [left, right.clone()];
    let proof = prove(&Alone::default(), &guess.root, (&ands, &hops), &shared);
    proof.challenges[..FIRST.min(proof.challenges.len() - 16)].to_vec()
}

/// What the right verifier is sent is masked by the left one's shares, which the left one knows: a
/// challenge that follows from it, and from public values alone, would tell whether a guess is right. The
/// salt, which the left one lacks, is in it.
#[test]
fn challenges_are_no_test_of_a_guess() {
    let worlds = [
        World::new(21, &[40], &[]),
        World::new(22, &[], &[(1, 9, 9, 8)]),
    ];
    for world in worlds {
        let seen = world.prove().challenges;
        let is_seen = |guessed: Vec<u8>| seen.starts_with(&guessed);
        let mut wrong = world.clone();
        for product in &mut wrong.products {
            product.x[1][3] ^= 1;
        }
        for hop in &mut wrong.moves {
            hop.rows[0][3] ^= 1;
        }
        let [own, other] = &world.shared;
        // With the salt it is a test, and nothing else hides the values.
        assert!(is_seen(guessed(&world, other)) && !is_seen(guessed(&wrong, other)));
        assert!(!is_seen(guessed(&world, own)), "without the salt");
    }
}
