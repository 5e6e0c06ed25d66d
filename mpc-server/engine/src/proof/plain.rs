//! The proof in its plain form: over any field, for words of 2^digits gates, one value after the other.
//!
//! To be read beside the papers; what runs (`inner`) equals it bit by bit.

use core::iter::zip;

use super::{
    Ands, Hop, Shared,
    field::Field,
    line::{dot, fold_half, fold_words, folding, halve, halvings},
    root::{Chain, HASH_BYTES, LOW_WEIGHTS, Product, Weight, Weights},
};

use crate::map::{Map, NOTHING};

/// Blocks in the superblock that every message begins anew.
const BLOCKS: usize = 4;

/// An inner product `<f, h>` that is claimed, as one party has it: the prover all of `f` and `h`, the
/// verifiers shares of them and of the claim.
#[derive(Clone)]
pub(super) struct Plain<F> {
    pub(super) product: Product,
    pub(super) vectors: Vectors<F>,
    pub(super) claim: F,
}

#[derive(Clone)]
pub(super) enum Vectors<F> {
    /// `f = weight · Σ bit_weight · bit` alike: of each word there is a sum of products of bits.
    Words {
        f: Vec<Vec<bool>>,
        h: Vec<Vec<bool>>,
        word_weights: Vec<F>,
        bit_weights: Vec<F>,
    },
    Rows {
        f: Vec<F>,
        h: Vec<F>,
    },
}

/// States products: their first level is over all digits of a bit's place in its word.
pub(super) fn ands<F: Field>(
    root: &[u8; HASH_BYTES],
    digits: u32,
    ands: &[Ands],
) -> Option<Plain<F>> {
    let gates = 1 << digits;
    let unit = BLOCKS * F::BITS * gates;
    let [mut f, mut h, mut claim] = [const { Vec::new() }; 3];
    for message in ands {
        let mut claimed = vec![0; message.len()];
        message.add_claim(0, &mut claimed);
        let [x, y] = message.factors();
        for (parts, all) in zip([x, y, [&claimed, &[]]], [&mut f, &mut h, &mut claim]) {
            let bit = |i: usize| sum_at(parts, i);
            all.extend((0..message.len() * 8).map(bit));
            all.resize(all.len().next_multiple_of(unit), false);
        }
    }
    (!f.is_empty()).then(|| words(root, digits, [&f, &h, &claim]))
}

/// States that the claimed bits are those of f times those of h.
pub(super) fn words<F: Field>(
    root: &[u8; HASH_BYTES],
    digits: u32,
    bits: [&[bool]; 3],
) -> Plain<F> {
    let gates = 1 << digits;
    let [f, h, claim] =
        bits.map(|bits| bits.chunks(gates).map(<[bool]>::to_vec).collect::<Vec<_>>());
    let weights = Weights(root);
    let blocks = weights.draw::<F>(Weight::Block, f.len().div_ceil(F::BITS));
    let lanes = (0..F::BITS).map(|lane| F::from_bits(1 << lane));
    let lanes: Vec<F> = lanes.collect();
    let word_weights = blocks
        .iter()
        .flat_map(|&block| lanes.iter().map(move |&lane| block * lane));
    let word_weights: Vec<F> = word_weights.collect();
    let mut bit_weights = weights.draw(Weight::Bit, gates);
    bit_weights[0] = F::ONE;
    let claim = zip(&claim, &word_weights).map(|(word, &weight)| weight * pick(word, &bit_weights));
    let claim = claim.sum();
    Plain {
        product: Product::Ands,
        claim,
        vectors: Vectors::Words {
            f,
            h,
            word_weights,
            bit_weights,
        },
    }
}

/// States hops: `f` are the weights of output rows, taken back through the map, `h` the input rows.
pub(super) fn hops<F: Field>(root: &[u8; HASH_BYTES], hops: &[Hop]) -> Option<Plain<F>> {
    let outputs: usize = hops.iter().map(Hop::outputs).sum();
    let weights = Weights(root);
    let low = weights.draw::<F>(Weight::Low, LOW_WEIGHTS);
    let high = weights.draw::<F>(Weight::High, outputs.div_ceil(LOW_WEIGHTS));
    let row_weights = (0..outputs).map(|row| low[row % LOW_WEIGHTS] * high[row / LOW_WEIGHTS]);
    let row_weights: Vec<F> = row_weights.collect();
    let bits = hops
        .iter()
        .map(|hop| 8 * hop.row_bytes())
        .max()
        .unwrap_or(0);
    let mut part_weights = vec![F::ONE];
    part_weights.extend(weights.draw::<F>(Weight::Part, bits.div_ceil(F::BITS)));
    let elements = |rows: &[u8], row_bytes| {
        let rows = rows.chunks_exact(row_bytes);
        rows.map(|row| dot(&parts(row), &part_weights))
            .collect::<Vec<F>>()
    };
    let (mut f, mut h, mut claim) = (Vec::new(), Vec::new(), F::ZERO);
    let mut first = 0;
    for hop in hops {
        let weights = &row_weights[first..first + hop.outputs()];
        first += hop.outputs();
        let row_bytes = hop.row_bytes();
        for term in hop.terms() {
            let mut back = vec![F::ZERO; term.inputs];
            if let Some(map) = term.map {
                for (output, input) in entries(map) {
                    back[input] += weights[output];
                }
            }
            let mut rows = elements(term.rows, row_bytes);
            rows.resize(term.inputs, F::ZERO);
            f.extend(back);
            h.extend(rows);
        }
        let mut claimed = vec![0; hop.outputs() * row_bytes];
        hop.add_claim(0, &mut claimed);
        claim += dot(&elements(&claimed, row_bytes), weights);
    }
    (outputs > 0).then_some(Plain {
        product: Product::Hops,
        claim,
        vectors: Vectors::Rows { f, h },
    })
}

/// Lists all (output, input) that a map connects.
pub(super) fn entries(map: &Map) -> Vec<(usize, usize)> {
    let (list, is_gather) = match map {
        Map::Gather { from, .. } => (from, true),
        Map::Scatter { to, .. } => (to, false),
    };
    let places = list
        .iter()
        .enumerate()
        .filter(|(_, listed)| **listed != NOTHING);
    let pairs = places.map(|(place, &listed)| (place, listed as usize));
    pairs
        .map(|(place, listed)| {
            if is_gather {
                (place, listed)
            } else {
                (listed, place)
            }
        })
        .collect()
}

/// Cuts a row into elements.
fn parts<F: Field>(row: &[u8]) -> Vec<F> {
    let bit = |i: usize| {
        row.get(i / 8)
            .map_or(0, |byte| u128::from(byte >> (i % 8) & 1))
    };
    let part = |first| {
        (0..F::BITS)
            .rev()
            .fold(0, |bits, i| bits << 1 | bit(first + i))
    };
    let firsts = (0..8 * row.len()).step_by(F::BITS);
    firsts.map(|first| F::from_bits(part(first))).collect()
}

/// Returns bit `i` of a sum of two vectors.
fn sum_at(vectors: [&[u8]; 2], i: usize) -> bool {
    let bytes = vectors.iter().filter_map(|vector| vector.get(i / 8));
    bytes.fold(0, |sum, byte| sum ^ byte) >> (i % 8) & 1 == 1
}

/// Sums up the weights of the bits that are set.
fn pick<F: Field>(word: &[bool], weights: &[F]) -> F {
    zip(word, weights)
        .filter(|(bit, _)| **bit)
        .map(|(_, &weight)| weight)
        .sum()
}

/// Returns a word's values over {0, 1, infinity}^digits.
fn extend(word: &[bool], digits: u32) -> Vec<bool> {
    if digits == 0 {
        return word.to_vec();
    }
    // The uppermost digit first: it stays the most significant one.
    let (at_0, at_1) = word.split_at(word.len() / 2);
    let leading: Vec<bool> = zip(at_0, at_1).map(|(a, b)| a ^ b).collect();
    [at_0, at_1, &leading]
        .iter()
        .flat_map(|half| extend(half, digits - 1))
        .collect()
}

impl<F: Field> Vectors<F> {
    fn digits(&self) -> u32 {
        match self {
            Self::Words { bit_weights, .. } => bit_weights.len().ilog2(),
            Self::Rows { .. } => 0,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Words { f, .. } => f.len(),
            Self::Rows { f, .. } => f.len(),
        }
    }

    /// Returns the values and the challenges of each level.
    pub(super) fn levels(&self) -> Vec<[usize; 2]> {
        let digits = self.digits();
        let first = (digits > 0).then(|| [3_usize.pow(digits) - 1, digits as usize]);
        let halvings = halvings(self.len());
        let rest = (1..=halvings).map(|level| [if level == halvings { 4 } else { 2 }, 1]);
        first.into_iter().chain(rest).collect()
    }

    /// Returns the values of the first level, but for the first, which the claim implies.
    fn values(&self) -> Vec<F> {
        let Self::Words {
            f, h, word_weights, ..
        } = self
        else {
            return Vec::new();
        };
        let digits = self.digits();
        let mut values = vec![F::ZERO; 3_usize.pow(digits)];
        for ((f, h), &weight) in zip(f, h).zip(word_weights) {
            for (value, (f, h)) in zip(&mut values, zip(extend(f, digits), extend(h, digits))) {
                if f & h {
                    *value += weight;
                }
            }
        }
        values.split_off(1)
    }

    /// Returns f and h after the first level.
    fn folded(&self, challenges: &[F]) -> [Vec<F>; 2] {
        match self {
            Self::Words {
                f, h, word_weights, ..
            } => {
                let weights = folding(challenges);
                let [f, h] = [f, h].map(|words| {
                    words
                        .iter()
                        .map(|word| pick(word, &weights))
                        .collect::<Vec<_>>()
                });
                [
                    zip(f, word_weights)
                        .map(|(f, &weight)| f * weight)
                        .collect(),
                    h,
                ]
            }
            Self::Rows { f, h } => [f.clone(), h.clone()],
        }
    }
}

impl<F: Field> Plain<F> {
    pub(super) fn is_ands(&self) -> bool {
        self.product == Product::Ands
    }

    /// Proves: `ask` takes each level's values and returns its challenges.
    pub(super) fn prove(&self, masks: [F; 2], ask: &mut impl FnMut(Vec<F>, usize) -> Vec<F>) {
        let digits = self.vectors.digits();
        let first = if digits > 0 {
            ask(self.vectors.values(), digits as usize)
        } else {
            Vec::new()
        };
        let [mut f, mut h] = self.vectors.folded(&first);
        let len = 1 << halvings(f.len());
        f.resize(len, F::ZERO);
        h.resize(len, F::ZERO);
        halve(f, h, masks, |values| ask(values, 1)[0]);
    }

    /// Returns this verifier's shares of f(r), h(r) and p(r), from its shares of all levels' values.
    pub(super) fn answer(&self, [u, v]: [F; 2], values: &[F], challenges: &[F]) -> [F; 3] {
        let digits = self.vectors.digits() as usize;
        let (first, rest) = challenges.split_at(digits);
        let [f, h] = self.vectors.folded(first);
        let backwards: Vec<F> = rest.iter().rev().copied().collect();
        let weights = folding(&backwards);
        let last = backwards[0] * (backwards[0] + F::ONE);
        let mut values = values;
        let mut claim = self.claim;
        for (level, [count, _]) in self.vectors.levels().into_iter().enumerate() {
            let (now, later) = values.split_at(count);
            values = later;
            claim = match &self.vectors {
                Vectors::Words { bit_weights, .. } if level == 0 => {
                    fold_words(claim, now, bit_weights, first)
                }
                Vectors::Words { .. } => fold_half(claim, now, rest[level - 1]),
                Vectors::Rows { .. } => fold_half(claim, now, rest[level]),
            };
        }
        [
            dot(&f, &weights) + last * u,
            dot(&h, &weights) + last * v,
            claim,
        ]
    }
}

/// Proves as `prove`, with shares for the left verifier and a chain of challenges: returns challenges
/// and the right verifier's shares. `lie` sees each level's values and the challenges of the level before.
pub(super) fn prove<F: Field>(
    plain: &Plain<F>,
    root: &[u8; HASH_BYTES],
    [left, right]: [&Shared; 2],
    mut lie: impl FnMut(&mut [F], &[F]),
) -> [Vec<F>; 2] {
    let levels = plain.vectors.levels();
    let count: usize = levels.iter().map(|[values, _]| values).sum();
    let mut shares = left.shares::<F>(count).into_iter();
    let mut chain = Chain::new(root, plain.product, &right.salt);
    let [[u0, v0], [u1, v1]] = [left.masks::<F>(), right.masks()];
    let [mut challenges, mut sent, mut last] = [const { Vec::new() }; 3];
    plain.prove([u0 + u1, v0 + v1], &mut |mut values, count| {
        lie(&mut values, &last);
        let now: Vec<F> = zip(values, &mut shares)
            .map(|(value, share)| value + share)
            .collect();
        let r = chain.next(&now, count);
        sent.extend(now);
        challenges.extend(&r);
        last.clone_from(&r);
        r
    });
    [challenges, sent]
}

/// Returns the challenges that follow from the right verifier's shares.
pub(super) fn challenges<F: Field>(
    plain: &Plain<F>,
    root: &[u8; HASH_BYTES],
    right: &Shared,
    mut values: &[F],
) -> Vec<F> {
    let mut chain = Chain::new(root, plain.product, &right.salt);
    let mut all = Vec::new();
    for [count, challenges] in plain.vectors.levels() {
        let (now, later) = values.split_at(count);
        values = later;
        all.extend(chain.next(now, challenges));
    }
    all
}
