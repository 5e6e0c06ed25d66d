//! Halving folds.

use super::{Element, Job, Simd, Unreduced, cell, product, splat};
use crate::proof::simd::Cells;

/// Sums up the values of a halving, p(0) and p(infinity), of f and h.
pub(in crate::proof) struct Sums<'a> {
    /// f and h.
    pub(in crate::proof) lower: [&'a [Cells]; 2],
    /// Shorter where there are zeros beyond.
    pub(in crate::proof) upper: [&'a [Cells]; 2],
    pub(in crate::proof) out: [Element; 2],
}

impl Job for Sums<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let [f, h] = self.lower;
        let [f_upper, h_upper] = self.upper;
        let mut sums = [Unreduced::zero(simd); 2];
        for (i, (f, h)) in f.iter().zip(h).enumerate() {
            let (f, h) = (simd.load(f), simd.load(h));
            sums[0].add(simd, f, h);
            let df = simd.xor(f, get(simd, f_upper, i));
            let dh = simd.xor(h, get(simd, h_upper, i));
            sums[1].add(simd, df, dh);
        }
        self.out = sums.map(|sum| sum.sum(simd));
    }
}

/// Folds f and h by a challenge, and sums up the values of the next halving.
pub(in crate::proof) struct Fold<'a> {
    pub(in crate::proof) challenge: Element,
    /// f and h: the first and the second quarter, which get what is left.
    pub(in crate::proof) lower: [[&'a mut [Cells]; 2]; 2],
    /// The third and the fourth; shorter where there are zeros beyond.
    pub(in crate::proof) upper: [[&'a [Cells]; 2]; 2],
    pub(in crate::proof) out: [Element; 2],
}

impl Job for Fold<'_> {
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S) {
        let challenge = splat(simd, cell(self.challenge));
        let [[f0, f1], [h0, h1]] = &mut self.lower;
        let [[f2, f3], [h2, h3]] = self.upper;
        let mut sums = [Unreduced::zero(simd); 2];
        let lower = f0
            .iter_mut()
            .zip(f1.iter_mut())
            .zip(h0.iter_mut().zip(h1.iter_mut()));
        for (i, ((f0, f1), (h0, h1))) in lower.enumerate() {
            let (f0, f1) = (
                fold(simd, f0, get(simd, f2, i), challenge),
                fold(simd, f1, get(simd, f3, i), challenge),
            );
            let (h0, h1) = (
                fold(simd, h0, get(simd, h2, i), challenge),
                fold(simd, h1, get(simd, h3, i), challenge),
            );
            sums[0].add(simd, f0, h0);
            sums[1].add(simd, simd.xor(f0, f1), simd.xor(h0, h1));
        }
        self.out = sums.map(|sum| sum.sum(simd));
    }
}

/// Folds four pairs, in the place of their first values.
#[inline(always)]
fn fold<S: Simd>(simd: S, at_0: &mut Cells, at_1: S::Four, challenge: S::Four) -> S::Four {
    let lower = simd.load(at_0);
    let folded = simd.xor(lower, product(simd, simd.xor(lower, at_1), challenge));
    *at_0 = simd.store(folded);
    folded
}

#[inline(always)]
fn get<S: Simd>(simd: S, cells: &[Cells], i: usize) -> S::Four {
    simd.load(cells.get(i).unwrap_or(&[0; 8]))
}
