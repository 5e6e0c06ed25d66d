//! Over a field of four elements, all masks enumerated: what a verifier gets from the other one is the
//! same for every value that it does not know.
//!
//! What the prover sends to the right verifier is covered by the left one's shares, what it sends to the
//! left one are hashes: both are taken as given here.

use core::iter::zip;

use super::{
    toy::{Four, Toy},
    world::Random,
};
use crate::proof::{
    field::Field,
    plain::{Plain, Vectors, words},
    root::Product,
};

const DIGITS: u32 = 1;

const fn four(element: u32) -> Four {
    Toy(element)
}

/// How masks of the other verifier are drawn.
type Masks = fn(u32) -> [Four; 2];

/// As they must be: 16 pairs.
fn all(i: u32) -> [Four; 2] {
    [four(i % 4), four(i / 4)]
}

/// Lists, in order, what the verifier of `own` masks can get from the other one.
fn views(
    [prover, other]: &[Plain<Four>; 2],
    own: [Four; 2],
    given: &[Four],
    challenges: &[Four],
    masks: Masks,
) -> Vec<[Four; 3]> {
    let views = (0..16).map(|i| {
        let theirs = masks(i);
        let (mut values, mut at) = (Vec::new(), 0);
        prover.prove(
            [own[0] + theirs[0], own[1] + theirs[1]],
            &mut |level, count| {
                values.extend(level);
                at += count;
                challenges[at - count..at].to_vec()
            },
        );
        let shares: Vec<_> = zip(values, given)
            .map(|(value, &given)| value + given)
            .collect();
        other.answer(theirs, &shares, challenges)
    });
    let mut views: Vec<_> = views.collect();
    views.sort_unstable();
    views
}

/// Returns whether, for any challenges, all worlds look the same to the verifier whose part is fixed.
fn all_look_alike(worlds: &[[Plain<Four>; 2]], masks: Masks) -> bool {
    let mut random = Random::new(3);
    let levels = worlds[0][0].vectors.levels();
    let [values, count] = [0, 1].map(|i| levels.iter().map(|level| level[i]).sum::<usize>());
    (0..1 << count).all(|bits: u32| {
        let challenges: Vec<_> = (0..count).map(|i| four(2 + (bits >> i & 1))).collect();
        let given = Four::read(&random.bytes(values));
        let own = [four(1), four(3)];
        let views = worlds
            .iter()
            .map(|world| views(world, own, &given, &challenges, masks));
        let views: Vec<_> = views.collect();
        views.iter().all(|view| view == &views[0])
    })
}

/// Two words of two gates: a verifier knows its x, y and claim; the other's, all 256, are hidden.
fn products() -> Vec<[Plain<Four>; 2]> {
    let bits = |v: u32| -> Vec<bool> { (0..4).map(|i| v >> i & 1 == 1).collect() };
    let (x, y, claim) = (0b0110, 0b1010, 0b0011);
    let worlds = (0..256).map(|hidden: u32| {
        let (their_x, their_y) = (hidden & 15, hidden >> 4);
        let (f, h) = (x ^ their_x, y ^ their_y);
        let prover = words(&[5; 32], DIGITS, [&bits(f), &bits(h), &bits(0)]);
        let other = words(
            &[5; 32],
            DIGITS,
            [&bits(their_x), &bits(their_y), &bits(claim ^ f & h)],
        );
        [prover, other]
    });
    worlds.collect()
}

fn rows(f: [Four; 3], h: [Four; 3], claim: Four) -> Plain<Four> {
    let (f, h) = (f.to_vec(), h.to_vec());
    Plain {
        product: Product::Hops,
        claim,
        vectors: Vectors::Rows { f, h },
    }
}

fn any_three() -> impl Iterator<Item = [Four; 3]> {
    (0..64).map(|i| [four(i % 4), four(i / 4 % 4), four(i / 16)])
}

const FIXED: [Four; 3] = [four(2), four(0), four(3)];
const NONE: [Four; 3] = [four(0); 3];

/// The verifier that knows the map sees a message; rows and their mask are hidden.
fn hidden_rows() -> Vec<[Plain<Four>; 2]> {
    let worlds = any_three().map(|h| {
        let product: Four = zip(FIXED, h).map(|(f, h)| f * h).sum();
        [rows(FIXED, h, four(0)), rows(NONE, h, product + four(1))]
    });
    worlds.collect()
}

/// The verifier that knows the rows and their mask; the map and the message are hidden.
fn hidden_maps() -> Vec<[Plain<Four>; 2]> {
    let worlds = any_three().map(|f| {
        let product: Four = zip(f, FIXED).map(|(f, h)| f * h).sum();
        [rows(f, FIXED, four(0)), rows(f, NONE, product + four(1))]
    });
    worlds.collect()
}

#[test]
fn a_verifier_sees_nothing_of_what_it_lacks() {
    assert!(all_look_alike(&products(), all));
    assert!(all_look_alike(&hidden_rows(), all));
    assert!(all_look_alike(&hidden_maps(), all));
}

/// Masks that are not two independent ones would show.
#[test]
fn broken_masks_are_seen() {
    let broken: [Masks; 3] = [
        |_| [four(0); 2],
        |i| [four(i % 4); 2],
        |i| [four(i % 4), four(0)],
    ];
    for masks in broken {
        assert!(!all_look_alike(&products(), masks));
        assert!(!all_look_alike(&hidden_rows(), masks) || !all_look_alike(&hidden_maps(), masks));
    }
}
