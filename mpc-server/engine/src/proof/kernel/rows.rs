//! Rows of hops.

use core::ops::Range;

use super::{Element, Job, Simd, Unreduced, cell, cells, element, four, product, splat};
use crate::{
    map::NOTHING,
    proof::{root::LOW_WEIGHTS, simd::Cell, statement::Hop},
};

/// Weights of numbered rows, each a product of two.
pub(in crate::proof) struct RowWeights {
    /// By the lower digits of a row's number; followed by zeros, so that four can be loaded anywhere.
    low: Box<[Cell; LOW_WEIGHTS + 4]>,
    /// By the upper ones.
    high: Vec<Cell>,
}

impl RowWeights {
    pub(in crate::proof) fn new(low: &[Element], high: &[Element]) -> Self {
        let mut cells = Box::new([[0; 2]; LOW_WEIGHTS + 4]);
        cells
            .iter_mut()
            .zip(low)
            .for_each(|(out, &weight)| *out = cell(weight));
        let high = high.iter().map(|&weight| cell(weight)).collect();
        Self { low: cells, high }
    }

    /// The weights of four rows, numbered from `base` on; zeros where there is no such row.
    #[inline(always)]
    fn gather<S: Simd>(&self, simd: S, list: &[u32; 4], (rows, base): (usize, usize)) -> S::Four {
        let [mut low, mut high] = [[[0; 2]; 4]; 2];
        for ((&row, low), high) in list.iter().zip(&mut low).zip(&mut high) {
            let row = row as usize;
            let (at, number) = if row < rows {
                ((base + row) % LOW_WEIGHTS, base + row)
            } else {
                (LOW_WEIGHTS, 0)
            };
            *low = self.low[at];
            *high = self.high[number / LOW_WEIGHTS];
        }
        product(simd, simd.load(four(&low)), simd.load(four(&high)))
    }

    /// The lower weights of four rows in turn.
    #[inline(always)]
    fn low<S: Simd>(&self, simd: S, first: usize) -> S::Four {
        simd.load(
            self.low[first..]
                .as_flattened()
                .first_chunk()
                .expect("zeros follow"),
        )
    }
}

/// Cuts rows, numbered from `base` on, where the upper weight changes.
fn pieces(base: usize, rows: Range<usize>) -> impl Iterator<Item = (Range<usize>, usize, usize)> {
    let mut at = rows.start;
    core::iter::from_fn(move || {
        let number = base + at;
        let end = rows
            .end
            .min((number / LOW_WEIGHTS + 1) * LOW_WEIGHTS - base);
        let piece = at..end;
        at = end;
        (!piece.is_empty()).then_some((piece, number % LOW_WEIGHTS, number / LOW_WEIGHTS))
    })
}

/// Reads four rows' elements, and what goes beyond them; zeros where there are no more rows.
#[inline(always)]
fn read<const PARTS: usize>(rows: &[u8], row_bytes: usize, first: usize) -> [[Cell; 4]; PARTS] {
    let rows = rows.get(first * row_bytes..).unwrap_or_default();
    let mut out = [[[0; 2]; 4]; PARTS];
    if let (Some(bytes), Some(out)) = (rows.first_chunk(), out.first_mut()) {
        // The usual rows: their places are known here.
        match row_bytes {
            4 => *out = read_narrow::<4>(bytes),
            8 => *out = read_narrow::<8>(bytes),
            12 => *out = read_narrow::<12>(bytes),
            _ => return read_any(rows, row_bytes),
        }
        return [*out; PARTS];
    }
    read_any(rows, row_bytes)
}

/// Reads the first four rows of up to 16 bytes.
#[inline(always)]
fn read_narrow<const BYTES: usize>(rows: &[u8; 64]) -> [Cell; 4] {
    let mut out = [[0; 2]; 4];
    for (i, out) in out.iter_mut().enumerate() {
        let bytes = rows[i * BYTES..]
            .first_chunk()
            .expect("64 bytes are enough");
        *out = cell(Element(
            u128::from_le_bytes(*bytes) & u128::MAX >> (128 - 8 * BYTES),
        ));
    }
    out
}

#[inline(always)]
fn read_any<const PARTS: usize>(rows: &[u8], row_bytes: usize) -> [[Cell; 4]; PARTS] {
    let mut out = [[[0; 2]; 4]; PARTS];
    for i in 0..4 {
        for (part, out) in out.iter_mut().enumerate() {
            let len = (row_bytes - 16 * part).min(16);
            let rest = rows.get(i * row_bytes + 16 * part..).unwrap_or_default();
            let bits = if let Some(bytes) = rest.first_chunk::<16>() {
                u128::from_le_bytes(*bytes) & u128::MAX >> (128 - 8 * len)
            } else {
                let bytes = rest.get(..len).unwrap_or_default();
                bytes
                    .iter()
                    .rev()
                    .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
            };
            out[i] = cell(Element(bits));
        }
    }
    out
}

/// Reads rows as elements.
pub(in crate::proof) struct Elements<'a> {
    pub(in crate::proof) rows: &'a [u8],
    pub(in crate::proof) row_bytes: usize,
    /// The weight of what goes beyond an element.
    pub(in crate::proof) part: Element,
    pub(in crate::proof) out: &'a mut [Cell],
}

impl Job for Elements<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let part = splat(simd, cell(self.part));
        let Self {
            rows, row_bytes, ..
        } = *self;
        let (fours, rest) = self.out.as_chunks_mut::<4>();
        for (i, out) in fours.iter_mut().enumerate() {
            *out = cells(&simd.store(elements(simd, rows, row_bytes, 4 * i, part)));
        }
        let last = cells(&simd.store(elements(simd, rows, row_bytes, 4 * fours.len(), part)));
        rest.iter_mut()
            .zip(last)
            .for_each(|(out, cell)| *out = cell);
    }
}

/// Reads four rows.
#[inline(always)]
fn elements<S: Simd>(
    simd: S,
    rows: &[u8],
    row_bytes: usize,
    first: usize,
    part: S::Four,
) -> S::Four {
    if row_bytes <= 16 {
        let [elements] = read(rows, row_bytes, first);
        return simd.load(four(&elements));
    }
    let [low, high] = read::<2>(rows, row_bytes, first);
    simd.xor(
        simd.load(four(&low)),
        product(simd, simd.load(four(&high)), part),
    )
}

/// Weighs each row by the weight of the row that a list says.
pub(in crate::proof) struct Lookup<'a> {
    pub(in crate::proof) list: &'a [u32],
    /// Rows that there are to be listed, numbered from `base` on.
    pub(in crate::proof) rows: usize,
    pub(in crate::proof) base: usize,
    pub(in crate::proof) weights: &'a RowWeights,
    pub(in crate::proof) out: &'a mut [Cell],
}

/// Takes up to four entries of a list.
#[inline(always)]
fn padded(list: &[u32]) -> [u32; 4] {
    let mut four = [NOTHING; 4];
    four.iter_mut()
        .zip(list)
        .for_each(|(four, &row)| *four = row);
    four
}

impl Job for Lookup<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let Self {
            rows,
            base,
            weights,
            ..
        } = *self;
        let (lists, last) = self.list.as_chunks::<4>();
        let (fours, rest) = self.out.as_chunks_mut::<4>();
        for (list, out) in lists.iter().zip(fours) {
            *out = cells(&simd.store(weights.gather(simd, list, (rows, base))));
        }
        let last = simd.store(weights.gather(simd, &padded(last), (rows, base)));
        rest.iter_mut()
            .zip(cells(&last))
            .for_each(|(out, cell)| *out = cell);
    }
}

/// Rows to be weighed.
#[derive(Clone, Copy)]
pub(in crate::proof) enum Source<'a> {
    /// As they are.
    Rows(&'a [u8]),
    /// What a verifier claims of a hop.
    Claim(&'a Hop<'a>),
}

/// Sums up rows, each with its weight.
pub(in crate::proof) struct Weigh<'a> {
    pub(in crate::proof) source: Source<'a>,
    pub(in crate::proof) row_bytes: usize,
    /// Which rows; numbered from `base` on.
    pub(in crate::proof) range: Range<usize>,
    pub(in crate::proof) base: usize,
    pub(in crate::proof) weights: &'a RowWeights,
    /// The weight of what goes beyond an element.
    pub(in crate::proof) part: Element,
    pub(in crate::proof) out: Element,
}

impl Job for Weigh<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let Self {
            row_bytes, weights, ..
        } = *self;
        let mut claimed = Vec::new();
        for (piece, low, high) in pieces(self.base, self.range.clone()) {
            let bytes = piece.start * row_bytes..piece.end * row_bytes;
            let count = piece.len();
            let rows = match self.source {
                Source::Rows(rows) => rows.get(bytes).unwrap_or_default(),
                Source::Claim(hop) => {
                    claimed.clear();
                    claimed.resize(bytes.len(), 0);
                    hop.add_claim(piece.start, &mut claimed);
                    &claimed
                }
            };
            let mut sums = [Unreduced::zero(simd); 2];
            for first in (0..count).step_by(4) {
                let weights = weights.low(simd, low + first);
                if row_bytes <= 16 {
                    let [elements] = read(rows, row_bytes, first);
                    sums[0].add(simd, simd.load(four(&elements)), weights);
                } else {
                    for (sum, elements) in sums.iter_mut().zip(read::<2>(rows, row_bytes, first)) {
                        sum.add(simd, simd.load(four(&elements)), weights);
                    }
                }
            }
            let [lower, upper] = sums.map(|sum| sum.sum(simd));
            let high = element(weights.high[high]);
            self.out += high
                * if row_bytes <= 16 {
                    lower
                } else {
                    lower + self.part * upper
                };
        }
    }
}

/// Sums up, over a list, the product of the weights at both its ends.
pub(in crate::proof) struct Route<'a> {
    /// A part of a list, from entry `first` on.
    pub(in crate::proof) list: &'a [u32],
    pub(in crate::proof) first: usize,
    /// Weights of the list's places, numbered from there on.
    pub(in crate::proof) places: (&'a RowWeights, usize),
    /// Weights of what is listed: so many rows, numbered from there on.
    pub(in crate::proof) listed: (&'a RowWeights, usize),
    pub(in crate::proof) rows: usize,
    pub(in crate::proof) out: Element,
}

impl Job for Route<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let (places, base) = self.places;
        let (weights, listed_base) = self.listed;
        for (piece, low, high) in pieces(base + self.first, 0..self.list.len()) {
            let mut sum = Unreduced::zero(simd);
            let list = &self.list[piece];
            let (lists, last) = list.as_chunks::<4>();
            for (i, list) in lists.iter().enumerate() {
                let weights = weights.gather(simd, list, (self.rows, listed_base));
                sum.add(simd, weights, places.low(simd, low + 4 * i));
            }
            let weights = weights.gather(simd, &padded(last), (self.rows, listed_base));
            sum.add(simd, weights, places.low(simd, low + 4 * lists.len()));
            self.out += element(places.high[high]) * sum.sum(simd);
        }
    }
}
