//! What takes time, four elements at a time; each part of it a [`Job`] that a thread can do by itself.
#![expect(
    clippy::indexing_slicing,
    reason = "sizes follow from the statement's, which the caller has checked"
)]
#![expect(
    clippy::inline_always,
    reason = "what is not inlined would not be compiled for the instructions that were chosen"
)]

mod gates;
mod halve;
mod rows;

pub(super) use gates::{Claim, FoldWords, Functional, SUPERBLOCK_BYTES, Span, Values};
pub(super) use halve::{Fold, Sums};
pub(super) use rows::{Elements, Lookup, Route, RowWeights, Source, Weigh};

use super::{
    field::Element,
    simd::{Cell, Cells, Job, Simd},
};

pub(super) const fn element([low, high]: Cell) -> Element {
    Element(low as u128 | (high as u128) << 64)
}

pub(super) const fn cell(Element(element): Element) -> Cell {
    [element as u64, (element >> 64) as u64]
}

/// A sum of products that is still to be reduced.
#[derive(Clone, Copy)]
struct Unreduced<S: Simd>([S::Four; 3]);

impl<S: Simd> Unreduced<S> {
    #[inline(always)]
    fn zero(simd: S) -> Self {
        Self([simd.load(&[0; 8]); 3])
    }

    #[inline(always)]
    fn add(&mut self, simd: S, a: S::Four, b: S::Four) {
        self.0 = simd.add_product(self.0, a, b);
    }

    /// Reduces and adds up the four sums.
    #[inline(always)]
    fn sum(self, simd: S) -> Element {
        let [a0, a1, b0, b1, c0, c1, d0, d1] = simd.store(simd.reduce(self.0));
        element([a0 ^ b0 ^ c0 ^ d0, a1 ^ b1 ^ c1 ^ d1])
    }
}

/// Multiplies.
#[inline(always)]
fn product<S: Simd>(simd: S, a: S::Four, b: S::Four) -> S::Four {
    simd.reduce(simd.add_product([simd.load(&[0; 8]); 3], a, b))
}

/// Four times the same element.
#[inline(always)]
fn splat<S: Simd>(simd: S, [low, high]: Cell) -> S::Four {
    simd.load(&[low, high, low, high, low, high, low, high])
}

/// Takes four cells for a vector.
#[inline(always)]
fn four(cells: &[Cell; 4]) -> &Cells {
    cells
        .as_flattened()
        .first_chunk()
        .expect("four cells have eight words")
}

/// Takes a vector for four cells.
#[inline(always)]
fn cells(&[a, b, c, d, e, f, g, h]: &Cells) -> [Cell; 4] {
    [[a, b], [c, d], [e, f], [g, h]]
}
