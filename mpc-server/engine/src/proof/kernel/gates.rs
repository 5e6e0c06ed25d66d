//! Words of gates: the first level of the products.
//!
//! 128 words are a block, four of them a superblock. 128 bits at one place of a block's words are an
//! element as they are, so that one product weighs 128 gates.

use super::{Element, Job, Simd, Unreduced, cell, product, splat};
use crate::{
    proof::{
        line::point,
        simd::{Cell, Cells, PICKED, WORDS},
        statement::Ands,
    },
    stream::Stream,
};

pub(in crate::proof) const SUPERBLOCK_BYTES: usize = 8 * WORDS;
const BLOCKS: usize = WORDS / 128;
const DIGITS: usize = 6;
/// Values of {0, 1, infinity}^6.
const VALUES: usize = 729;

/// Some superblocks of one message.
#[derive(Clone, Copy)]
pub(in crate::proof) struct Span<'a> {
    pub(in crate::proof) message: &'a Ands<'a>,
    /// The first one, in the message.
    pub(in crate::proof) first: usize,
    pub(in crate::proof) count: usize,
    /// The first one, among all messages'.
    pub(in crate::proof) number: usize,
}

impl Span<'_> {
    fn superblocks(&self) -> core::ops::Range<usize> {
        self.first..self.first + self.count
    }

    /// Draws the weights of the blocks, those of a superblock side by side.
    fn weights(&self, stream: &Stream) -> Vec<Cells> {
        let mut bytes = vec![0; self.count * BLOCKS * 16];
        stream.xor(self.number * BLOCKS * 16, &mut bytes);
        let words = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|word| u64::from_le_bytes(*word));
        let words: Vec<u64> = words.collect();
        words.as_chunks::<8>().0.to_vec()
    }
}

/// Adds a superblock's words of a vector of bytes; there are none beyond its end.
#[inline(always)]
fn add_words(words: &mut [u64; WORDS], vector: &[u8], superblock: usize) {
    let rest = vector
        .get(superblock * SUPERBLOCK_BYTES..)
        .unwrap_or_default();
    let (bytes, last) = rest
        .get(..SUPERBLOCK_BYTES)
        .unwrap_or(rest)
        .as_chunks::<8>();
    for (word, bytes) in words.iter_mut().zip(bytes) {
        *word ^= u64::from_le_bytes(*bytes);
    }
    if let Some(word) = words.get_mut(bytes.len()) {
        *word ^= last
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
}

#[inline(always)]
fn sum_of(parts: [&[u8]; 2], superblock: usize) -> [u64; WORDS] {
    let mut words = [0; WORDS];
    for part in parts {
        add_words(&mut words, part, superblock);
    }
    words
}

/// Where the value of each bit's place stands among those of {0, 1, infinity}^6.
const POINTS: [usize; 64] = {
    let mut points = [0; 64];
    let mut bits = 0;
    while bits < 64 {
        points[bits] = point(bits, DIGITS);
        bits += 1;
    }
    points
};

/// Sums up the products' values over {0, 1, infinity}^6 of the bits' places.
pub(in crate::proof) struct Values<'a> {
    pub(in crate::proof) span: Span<'a>,
    pub(in crate::proof) weights: Stream,
    /// 729 values.
    pub(in crate::proof) out: Vec<Element>,
}

impl Job for Values<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let mut sums = vec![Unreduced::zero(simd); VALUES];
        let mut values = [(); 2].map(|()| vec![[0; 8]; VALUES]);
        let factors = self.span.message.factors();
        for (superblock, weights) in self
            .span
            .superblocks()
            .zip(self.span.weights(&self.weights))
        {
            for (values, factor) in values.iter_mut().zip(factors) {
                let rows = simd.transpose(&sum_of(factor, superblock));
                for (row, point) in rows.iter().zip(POINTS) {
                    values[point] = *row;
                }
                for digit in 0..DIGITS - 1 {
                    extend(values, 3_usize.pow(digit as u32));
                }
            }
            let [f, h] = &values;
            add_products(simd, &mut sums, f, h, simd.load(&weights));
        }
        self.out = sums.into_iter().map(|sum| sum.sum(simd)).collect();
    }
}

/// Adds the values at infinity of one digit, of which a step is `step`: lower ones have them.
#[inline(always)]
fn extend(values: &mut [Cells], step: usize) {
    for values in values.chunks_exact_mut(3 * step) {
        let (at_0, rest) = values.split_at_mut(step);
        let (at_1, leading) = rest.split_at_mut(step);
        for (leading, (at_0, at_1)) in leading.iter_mut().zip(at_0.iter().zip(at_1.iter())) {
            for (leading, (at_0, at_1)) in leading.iter_mut().zip(at_0.iter().zip(at_1)) {
                *leading = *at_0 ^ *at_1;
            }
        }
    }
}

/// Multiplies values, with the last digit's at infinity on the way, and weighs the products.
#[inline(always)]
fn add_products<S: Simd>(
    simd: S,
    sums: &mut [Unreduced<S>],
    f: &[Cells],
    h: &[Cells],
    weight: S::Four,
) {
    const THIRD: usize = VALUES / 3;
    let (at_0, rest) = sums.split_at_mut(THIRD);
    let (at_1, leading) = rest.split_at_mut(THIRD);
    let (f0, f1) = f.split_at(THIRD);
    let (h0, h1) = h.split_at(THIRD);
    let sums = at_0.iter_mut().zip(at_1).zip(leading);
    let values = f0.iter().zip(f1).zip(h0.iter().zip(h1));
    for (((at_0, at_1), leading), ((f0, f1), (h0, h1))) in sums.zip(values) {
        let (f0, f1) = (simd.load(f0), simd.load(f1));
        let (h0, h1) = (simd.load(h0), simd.load(h1));
        at_0.add(simd, simd.and(f0, h0), weight);
        at_1.add(simd, simd.and(f1, h1), weight);
        leading.add(simd, simd.and(simd.xor(f0, f1), simd.xor(h0, h1)), weight);
    }
}

/// Folds words by the first challenges: what is left of f and h, 128 cells of each a block.
pub(in crate::proof) struct FoldWords<'a> {
    pub(in crate::proof) span: Span<'a>,
    pub(in crate::proof) weights: Stream,
    /// What the challenges make of each bit.
    pub(in crate::proof) bits: &'a [Cell; 64],
    pub(in crate::proof) out: [&'a mut [Cell]; 2],
}

impl Job for FoldWords<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let table = simd.table(self.bits);
        let lanes: [Cell; 128] = core::array::from_fn(|lane| cell(Element(1 << lane)));
        let lanes = lanes.as_flattened().as_chunks::<8>().0;
        let [f, h] = self.span.message.factors();
        let [out_f, out_h] = &mut self.out;
        let outs = out_f
            .chunks_exact_mut(WORDS)
            .zip(out_h.chunks_exact_mut(WORDS));
        let weights = self.span.weights(&self.weights);
        for ((superblock, weights), (out_f, out_h)) in
            self.span.superblocks().zip(&weights).zip(outs)
        {
            let words = sum_of(f, superblock);
            let blocks = words
                .as_chunks::<128>()
                .0
                .iter()
                .zip(weights.as_chunks::<2>().0);
            for ((words, weight), out) in blocks.zip(out_f.as_flattened_mut().chunks_exact_mut(256))
            {
                let weight = splat(simd, *weight);
                let halves = words
                    .as_chunks::<PICKED>()
                    .0
                    .iter()
                    .zip(lanes.chunks_exact(PICKED / 4));
                for ((words, lanes), out) in halves.zip(out.chunks_exact_mut(2 * PICKED)) {
                    let picked = simd.pick(&table, words);
                    let outs = out.as_chunks_mut::<8>().0.iter_mut();
                    for ((out, picked), lanes) in outs.zip(&picked).zip(lanes) {
                        let weights = product(simd, simd.load(lanes), weight);
                        *out = simd.store(product(simd, simd.load(picked), weights));
                    }
                }
            }
            let words = sum_of(h, superblock);
            let words = words.as_chunks::<PICKED>().0.iter();
            for (words, out) in words.zip(out_h.as_flattened_mut().chunks_exact_mut(2 * PICKED)) {
                out.copy_from_slice(simd.pick(&table, words).as_flattened());
            }
        }
    }
}

/// Sums up, for every block, what the challenges make of its words, weighed by their places.
pub(in crate::proof) struct Functional<'a> {
    pub(in crate::proof) span: Span<'a>,
    /// What the first challenges make of each bit.
    pub(in crate::proof) bits: &'a [Cell; 64],
    /// What the last challenges make of each place in a block: for f and for h.
    pub(in crate::proof) lanes: [&'a [Cell; 128]; 2],
    /// A sum for every block, of f and of h.
    pub(in crate::proof) out: [&'a mut [Element]; 2],
}

impl Job for Functional<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let table = simd.table(self.bits);
        let factors = self.span.message.factors().into_iter().zip(self.lanes);
        for ((factor, lanes), out) in factors.zip(&mut self.out) {
            let lanes = lanes.as_flattened().as_chunks::<8>().0;
            for (superblock, out) in self.span.superblocks().zip(out.chunks_exact_mut(BLOCKS)) {
                let words = sum_of(factor, superblock);
                for (words, out) in words.as_chunks::<128>().0.iter().zip(out) {
                    let mut sum = Unreduced::zero(simd);
                    let halves = words.as_chunks::<PICKED>().0.iter();
                    for (words, lanes) in halves.zip(lanes.chunks_exact(PICKED / 4)) {
                        for (picked, lane) in simd.pick(&table, words).iter().zip(lanes) {
                            sum.add(simd, simd.load(picked), simd.load(lane));
                        }
                    }
                    *out = sum.sum(simd);
                }
            }
        }
    }
}

/// Weighs what a verifier claims: a sum for each bit's place.
pub(in crate::proof) struct Claim<'a> {
    pub(in crate::proof) span: Span<'a>,
    pub(in crate::proof) weights: Stream,
    pub(in crate::proof) out: Vec<Element>,
}

impl Job for Claim<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let message = self.span.message;
        let mut sums = [Unreduced::zero(simd); 64];
        let mut claim = [0; SUPERBLOCK_BYTES];
        for (superblock, weights) in self
            .span
            .superblocks()
            .zip(self.span.weights(&self.weights))
        {
            let offset = superblock * SUPERBLOCK_BYTES;
            let len = (message.len() - offset).min(SUPERBLOCK_BYTES);
            claim.fill(0);
            message.add_claim(offset, claim.split_at_mut(len).0);
            let rows = simd.transpose(&sum_of([&claim, &[]], 0));
            let weights = simd.load(&weights);
            for (sum, row) in sums.iter_mut().zip(&rows) {
                sum.add(simd, simd.load(row), weights);
            }
        }
        self.out = sums.into_iter().map(|sum| sum.sum(simd)).collect();
    }
}
