//! True statements are accepted; whatever is changed, they are not.

use rayon::prelude::*;

use super::world::{HOPS, LENS, Random, World};
use crate::proof::{Answer, Memory, Proof, ProofError, Workers, prove, shape};

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
            assert!(world.accepts(&proof), "{lens:?} {hops:?}");
        }
    }
}

#[test]
fn a_shape_is_the_same_at_all_parties() {
    let world = World::new(1, &[100, 5000], &[(2, 30, 20, 12), (1, 7, 90, 4)]);
    let [prover, left, right] =
        [world.prover(), world.left(), world.right()].map(|(ands, hops)| shape(&ands, &hops));
    assert_eq!(prover, left);
    assert_eq!(prover, right);
}

/// Threads that compute side by side.
#[derive(Default)]
struct Threads(Memory);

impl Workers for Threads {
    fn each<T: Send>(&self, things: &mut [T], op: impl Fn(&mut T) + Sync + Send) {
        things.par_iter_mut().for_each(op);
    }

    fn memory(&self) -> &Memory {
        &self.0
    }
}

/// So large that they are cut into parts everywhere.
#[test]
fn large_statements_are_accepted() {
    let world = World::new(
        10,
        &[600_000, 9],
        &[(1, 70_000, 70_001, 8), (2, 20_000, 30_000, 20)],
    );
    let proof = world.prove();
    assert!(world.accepts(&proof));
    let (ands, hops) = world.prover();
    // Once more, in memory that was used.
    let threads = Threads::default();
    prove(&threads, &world.root, (&ands, &hops), &world.shared);
    let again = prove(&threads, &world.root, (&ands, &hops), &world.shared);
    assert_eq!(proof.challenges, again.challenges);
    assert_eq!(proof.values, again.values);
    let mut world = world;
    world.products[0].z[599_999] ^= 1;
    assert!(!world.accepts(&proof));
    world.products[0].z[599_999] ^= 1;
    world.moves[0].message[8 * 70_000] ^= 1;
    assert!(!world.accepts(&proof));
}

fn small() -> World {
    World::new(11, &[40, 7], &[(2, 9, 8, 8), (1, 5, 5, 20)])
}

fn changed(bytes: &[u8], at: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << random.below(8);
    bytes
}

#[test]
fn a_changed_proof_is_rejected() {
    let world = small();
    let Proof { challenges, values } = world.prove();
    let mut random = Random::new(12);
    for element in 0..values.len() / 16 {
        let at = 16 * element + random.below(16);
        let values = changed(&values, at, &mut random);
        assert!(
            !world.accepts(&Proof {
                challenges: challenges.clone(),
                values
            }),
            "byte {at}"
        );
    }
    for at in 0..challenges.len() {
        let challenges = changed(&challenges, at, &mut random);
        // Also without comparing challenges.
        let right = world.verify_right(&values).unwrap().1;
        let left = world.verify_left(&challenges);
        assert!(
            !left.is_ok_and(|left| left.accepts(right.as_bytes())),
            "byte {at}"
        );
    }
}

#[test]
fn a_changed_answer_is_rejected() {
    let world = small();
    let proof = world.prove();
    let mut random = Random::new(13);
    let left = world.verify_left(&proof.challenges).unwrap();
    let right = world.verify_right(&proof.values).unwrap().1;
    assert!(left.accepts(right.as_bytes()));
    for at in 0..right.as_bytes().len() {
        assert!(
            !left.accepts(&changed(right.as_bytes(), at, &mut random)),
            "byte {at}"
        );
        assert!(
            !right.accepts(&changed(left.as_bytes(), at, &mut random)),
            "byte {at}"
        );
    }
    assert!(!left.accepts(&[]));
    assert!(!left.accepts(&right.as_bytes()[16..]));
    assert!(!Answer(Vec::new()).accepts(right.as_bytes()));
}

fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.below(bytes.len());
    bytes[at] ^= 1 << random.below(8);
}

type Change = Box<dyn Fn(&mut World, &mut Random)>;

/// Wherever a party has something else than the others.
#[test]
fn a_changed_statement_is_rejected() {
    let world = small();
    let proof = world.prove();
    let other = World::new(14, &[40, 7], &[(2, 9, 8, 8), (1, 5, 5, 20)]);
    let mut random = Random::new(15);
    let mut changes: Vec<Change> = Vec::new();
    for i in 0..2 {
        changes.push(Box::new(move |world, random| {
            flip(&mut world.products[i].z, random);
        }));
        changes.push(Box::new(move |world, random| {
            flip(&mut world.moves[i].message, random);
        }));
        changes.push(Box::new(move |world, random| {
            let terms = world.moves[i].rows.len();
            flip(&mut world.moves[i].rows[random.below(terms)], random);
        }));
        for side in 0..2 {
            changes.push(Box::new(move |world, random| {
                flip(&mut world.products[i].x[side], random);
            }));
            changes.push(Box::new(move |world, random| {
                flip(&mut world.products[i].y[side], random);
            }));
            let mask = other.products[i].masks[side].clone();
            changes.push(Box::new(move |world, _| {
                world.products[i].masks[side] = mask.clone();
            }));
        }
        let mask = other.moves[i].mask.clone();
        changes.push(Box::new(move |world, _| world.moves[i].mask = mask.clone()));
        let map = other.moves[i].maps[0].clone();
        changes.push(Box::new(move |world, _| {
            world.moves[i].maps[0] = map.clone();
        }));
    }
    changes.push(Box::new(|world, random| flip(&mut world.root, random)));
    changes.push(Box::new(|world, _| world.products.swap(0, 1)));
    for (i, change) in changes.iter().enumerate() {
        for _ in 0..10 {
            let mut world = world.clone();
            change(&mut world, &mut random);
            assert!(!world.accepts(&proof), "change {i}");
        }
    }
}

/// Rows and blocks are numbered through all messages: else these would cancel out.
#[test]
fn equal_changes_in_two_messages_do_not_cancel() {
    let mut world = World::new(16, &[64, 64], &[(1, 6, 6, 8), (1, 6, 6, 8)]);
    let hops = world.moves.split_off(0);
    for product in &mut world.products {
        product.z[5] ^= 4;
    }
    assert!(!world.accepts(&world.prove()));
    world.products.clear();
    world.moves = hops;
    for hop in &mut world.moves {
        hop.message[9] ^= 4;
    }
    assert!(!world.accepts(&world.prove()));
}

#[test]
fn what_a_prover_sends_is_looked_at() {
    let world = small();
    let Proof {
        mut challenges,
        values,
    } = world.prove();
    let length = |got, expected| Some(ProofError::Length { expected, got });
    assert_eq!(
        world.verify_left(&challenges[1..]).err(),
        length(challenges.len() - 1, challenges.len())
    );
    let longer = [&values[..], &[0]].concat();
    assert_eq!(
        world.verify_right(&longer).err(),
        length(values.len() + 1, values.len())
    );
    for special in [0, 1] {
        let at = challenges.len() - 16;
        challenges[at..].fill(0);
        challenges[at] = special;
        assert_eq!(
            world.verify_left(&challenges).err(),
            Some(ProofError::Challenge)
        );
    }
}

#[test]
fn nothing_secret_is_printed() {
    let world = small();
    let proof = world.prove();
    let (ands, hops) = world.left();
    let answer = world.verify_left(&proof.challenges).unwrap();
    assert_eq!(
        format!("{proof:?} {answer:?} {:?}", world.shared[0][0]),
        "Proof(..) Answer(..) Shared(..)"
    );
    assert_eq!(
        format!("{:?} {:?}", ands[0], hops[0]),
        "Ands(40 bytes, ..) Hop(8 rows, ..)"
    );
}
