//! How often false statements are accepted: over GF(2^8), by the best cheats known, against theory.

use core::iter::zip;

use super::{
    toy::{Byte, Toy},
    world::{Move, Product as Message, Random, World, random_map},
};
use crate::proof::{
    Ands, Hop, Shared,
    line::{fold_half, fold_words, point},
    plain::{self, Plain, Vectors},
};

const SIZE: f64 = 256.;

/// Levels at which a cheat lies: by a polynomial with as many roots as fit.
#[derive(Clone, Copy)]
struct Lies {
    first: First,
    halves: bool,
    last: bool,
}

/// By which polynomial a cheat lies at the first level.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Honest,
    Roots,
    /// One that vanishes where the second challenge is the square of the first.
    Curve,
}

const NONE: Lies = Lies {
    first: First::Honest,
    halves: false,
    last: false,
};
const ALL: Lies = Lies {
    first: First::Roots,
    halves: true,
    last: true,
};

/// A prover whose claim is off by `error`.
struct Cheat<'a> {
    lies: Lies,
    random: &'a mut Random,
    bits: Vec<Byte>,
    error: Byte,
    /// What it has added to the level's values.
    added: Vec<Byte>,
}

impl Cheat<'_> {
    /// Works out what a level's challenges have left of the error.
    fn settle(&mut self, challenges: &[Byte]) {
        let added = core::mem::take(&mut self.added);
        self.error = match challenges {
            [] => self.error,
            [r] if added.len() <= 4 => fold_half(self.error, &added, *r),
            r => fold_words(self.error, &added, &self.bits, r),
        };
    }

    fn lie(&mut self, values: &mut [Byte], last: &[Byte]) {
        self.settle(last);
        let lies = match values.len() {
            2 => self.lies.halves,
            4 => self.lies.last,
            _ => self.lies.first != First::Honest,
        };
        self.added = vec![Toy(0); values.len()];
        while lies && self.error != Toy(0) {
            let (shape, sum) = self.polynomial(values.len());
            if sum != Toy(0) {
                let scale = self.error * sum.inverse();
                self.added = shape.into_iter().map(|value| value * scale).collect();
                break;
            }
        }
        zip(values, &self.added).for_each(|(value, &added)| *value += added);
    }

    /// Two different elements that can be challenges.
    fn roots<const N: usize>(&mut self) -> [Byte; N] {
        let mut roots = [Toy(0); N];
        for i in 0..N {
            while roots[i] == Toy(0) || roots[..i].contains(&roots[i]) {
                roots[i] = Toy(2 + self.random.below(254) as u32);
            }
        }
        roots
    }

    /// A level's values of a polynomial with many roots, and what they make of the claim.
    fn polynomial(&mut self, values: usize) -> (Vec<Byte>, Byte) {
        let one = Toy(1);
        let at = |roots: &[Byte], x: Byte| {
            roots
                .iter()
                .fold(one, |product, &root| product * (x + root))
        };
        match values {
            2 => {
                let roots: [_; 2] = self.roots();
                (
                    vec![at(&roots, Toy(0)), one],
                    at(&roots, Toy(0)) + at(&roots, one),
                )
            }
            4 => {
                let roots: [_; 4] = self.roots();
                // Coefficients, the constant one first.
                let product = roots.iter().fold(vec![one], |product, &root| {
                    let mut next = vec![Toy(0); product.len() + 1];
                    for (i, &coefficient) in product.iter().enumerate() {
                        next[i] += coefficient * root;
                        next[i + 1] += coefficient;
                    }
                    next
                });
                let c2 = product[4];
                let middle = product[3] + c2;
                let c0 = product[2] + middle;
                (
                    vec![product[0], c0, middle + c2, c2],
                    at(&roots, Toy(0)) + at(&roots, one),
                )
            }
            _ => {
                let digits = self.bits.len().ilog2() as usize;
                let begun = if self.lies.first == First::Curve {
                    (2, curve())
                } else {
                    (0, vec![one])
                };
                let shape = (begun.0..digits).fold(begun.1, |shape, _| {
                    let roots: [_; 2] = self.roots();
                    let factors = [at(&roots, Toy(0)), at(&roots, one), one];
                    factors
                        .iter()
                        .flat_map(|&factor| shape.iter().map(move |&value| value * factor))
                        .collect()
                });
                let bits = self.bits.iter().enumerate();
                let sum = bits
                    .map(|(bit, &weight)| weight * shape[point(bit, digits)])
                    .sum();
                (shape[1..].to_vec(), sum)
            }
        }
    }
}

/// The values of `X_1 (X_0^2 + X_1)` over {0, 1, infinity}^2.
fn curve() -> Vec<Byte> {
    let [constant, line, square] = [[1, 1, 0], [0, 1, 0], [0, 1, 1]];
    let at = |i: usize| (line[i / 3] & square[i % 3]) ^ (square[i / 3] & constant[i % 3]);
    (0..9).map(|i| Toy(at(i))).collect()
}

type Side<'a> = (Vec<Ands<'a>>, Vec<Hop<'a>>);

fn plain(root: &[u8; 32], digits: u32, (ands, hops): &Side) -> Plain<Byte> {
    plain::ands(root, digits, ands)
        .or_else(|| plain::hops(root, hops))
        .unwrap()
}

/// Makes a true statement, changes its message, proves it all the same; returns whether it is accepted.
fn is_accepted(seed: u64, digits: u32, is_product: bool, lies: Lies) -> (bool, Plain<Byte>) {
    let mut random = Random::new(seed);
    let mut world = World::new(seed, &[], &[]);
    if is_product {
        world.products = vec![Message::new(&mut random, 4 << digits)];
    } else {
        let map = random_map(&mut random, 15, 15);
        world.moves = vec![Move::new(&mut random, vec![map], 3)];
    }
    let root = &world.root;
    let sides =
        |world: &World| [world.left(), world.right()].map(|side| plain(&world.root, digits, &side));
    let [left, right] = sides(&world);
    let truth = left.claim + right.claim;
    if is_product {
        // Not the first bit of a word, which has a weight of one.
        world.products[0].z[1] ^= 0b10;
    } else {
        world.moves[0].message[7] ^= 1;
    }
    let [left, right] = sides(&world);
    let prover = plain(root, digits, &world.prover());
    let bits = match &prover.vectors {
        Vectors::Words { bit_weights, .. } => bit_weights.clone(),
        Vectors::Rows { .. } => Vec::new(),
    };
    let error = left.claim + right.claim + truth;
    let mut cheat = Cheat {
        lies,
        random: &mut random,
        bits,
        error,
        added: Vec::new(),
    };
    let shared: [&Shared; 2] = world.shared.each_ref().map(|shared| &shared[0]);
    let [challenges, sent] = plain::prove(&prover, root, shared, |values, last| {
        cheat.lie(values, last);
    });
    cheat.settle(&challenges[challenges.len() - 1..]);
    let shares = shared[0].shares::<Byte>(sent.len());
    let answers = [
        left.answer(shared[0].masks(), &shares, &challenges),
        right.answer(shared[1].masks(), &sent, &challenges),
    ];
    let [f, h, p] = [0, 1, 2].map(|i| answers[0][i] + answers[1][i]);
    let accepted = f * h == p;
    assert_eq!(
        accepted,
        cheat.error == Toy(0),
        "accepted exactly if nothing is left of the error"
    );
    (accepted, prover)
}

/// Measures, and holds against what the levels' roots make one expect, and against the bound.
fn measure(trials: u32, digits: u32, is_product: bool, lies: Lies) {
    let outcomes: Vec<_> = (0..trials)
        .map(|i| is_accepted(20_000 + u64::from(i), digits, is_product, lies))
        .collect();
    let levels = outcomes[0].1.vectors.levels();
    let measured = f64::from(outcomes.iter().filter(|(accepted, _)| *accepted).count() as u32)
        / f64::from(trials);
    let root = |count: f64| count / (SIZE - 2.);
    let digits = f64::from(digits);
    // Each factor of a weight can be zero; a row's third one is of the part that goes beyond an element.
    let factors = if is_product { 2 } else { 3 };
    let mut rejected = (1. - 1. / SIZE).powi(factors);
    let mut bound = f64::from(factors) / SIZE;
    for [values, _] in levels {
        let (chance, most) = match values {
            2 => (f64::from(u8::from(lies.halves)) * root(2.), root(2.)),
            4 => (f64::from(u8::from(lies.last)) * root(4.), root(4.)),
            _ if lies.first == First::Roots => {
                (1. - (1. - root(2.)).powf(digits), root(2. * digits))
            }
            _ => (0., root(2. * digits)),
        };
        rejected *= 1. - chance;
        bound += most;
    }
    let expected = 1. - rejected;
    let deviation = (expected * rejected / f64::from(trials)).sqrt();
    assert!(
        (measured - expected).abs() < 4. * deviation,
        "{measured}, expected {expected} +- {deviation}"
    );
    assert!(measured < bound, "{measured}, at most {bound}");
}

/// Challenges that are powers t, t^2, t^4 of one fit bits that are packed, and let false statements pass
/// always.
#[test]
fn false_products_lying_on_a_curve() {
    let lies = Lies {
        first: First::Curve,
        ..NONE
    };
    let accepted = (0..400).filter(|seed| is_accepted(30_000 + seed, 3, true, lies).0);
    // Two factors of a weight, one root of the curve, two of what goes with it: five of 256.
    let accepted = accepted.count();
    assert!(accepted < 25, "{accepted} of 400");
}

#[test]
fn false_products_without_lies() {
    measure(3000, 3, true, NONE);
}

#[test]
fn false_products_lying_at_the_first_level() {
    measure(
        3000,
        3,
        true,
        Lies {
            first: First::Roots,
            ..NONE
        },
    );
}

#[test]
fn false_products_lying_at_halvings() {
    measure(
        3000,
        3,
        true,
        Lies {
            halves: true,
            ..NONE
        },
    );
}

#[test]
fn false_products_lying_at_the_last_level() {
    measure(3000, 3, true, Lies { last: true, ..NONE });
}

#[test]
fn false_products_lying_everywhere() {
    measure(3000, 3, true, ALL);
    measure(300, 6, true, ALL);
}

#[test]
fn false_hops() {
    for lies in [
        NONE,
        Lies {
            halves: true,
            ..NONE
        },
        Lies { last: true, ..NONE },
        ALL,
    ] {
        measure(2000, 0, false, lies);
    }
}
