//! Without special instructions.

use core::array::from_fn;

use super::{Cell, Cells, PICKED, Simd, WORDS};
use crate::proof::clmul;

/// What every processor has.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Portable;

impl Simd for Portable {
    type Four = [u128; 4];
    type Table = Bytes;

    #[inline]
    fn load(self, cells: &Cells) -> Self::Four {
        let [a0, a1, b0, b1, c0, c1, d0, d1] = *cells;
        [[a0, a1], [b0, b1], [c0, c1], [d0, d1]].map(element)
    }

    #[inline]
    fn store(self, four: Self::Four) -> Cells {
        let [[a0, a1], [b0, b1], [c0, c1], [d0, d1]] = four.map(cell);
        [a0, a1, b0, b1, c0, c1, d0, d1]
    }

    #[inline]
    fn xor(self, [a0, a1, a2, a3]: Self::Four, [b0, b1, b2, b3]: Self::Four) -> Self::Four {
        [a0 ^ b0, a1 ^ b1, a2 ^ b2, a3 ^ b3]
    }

    #[inline]
    fn and(self, [a0, a1, a2, a3]: Self::Four, [b0, b1, b2, b3]: Self::Four) -> Self::Four {
        [a0 & b0, a1 & b1, a2 & b2, a3 & b3]
    }

    #[inline]
    fn add_product(
        self,
        mut sum: [Self::Four; 3],
        a: Self::Four,
        b: Self::Four,
    ) -> [Self::Four; 3] {
        let [low, middle, high] = &mut sum;
        let sums = low.iter_mut().zip(middle).zip(high);
        for (((low, middle), high), (a, b)) in sums.zip(a.into_iter().zip(b)) {
            let product = clmul::unreduced(a, b);
            *low ^= product[0];
            *middle ^= product[1];
            *high ^= product[2];
        }
        sum
    }

    #[inline]
    fn reduce(self, [low, middle, high]: [Self::Four; 3]) -> Self::Four {
        let [[l0, l1, l2, l3], [m0, m1, m2, m3], [h0, h1, h2, h3]] = [low, middle, high];
        [[l0, m0, h0], [l1, m1, h1], [l2, m2, h2], [l3, m3, h3]].map(clmul::reduce)
    }

    fn table(self, weights: &[Cell; 64]) -> Bytes {
        Bytes::new(weights)
    }

    fn pick(self, table: &Bytes, words: &[u64; PICKED]) -> [Cells; PICKED / 4] {
        table.pick(words)
    }
}

pub(in super::super) const fn element([low, high]: Cell) -> u128 {
    low as u128 | (high as u128) << 64
}

pub(in super::super) const fn cell(element: u128) -> Cell {
    [element as u64, (element >> 64) as u64]
}

/// Transposes, by swapping ever smaller squares.
#[inline(always)]
pub(super) fn transpose(words: &[u64; WORDS]) -> [Cells; 64] {
    let mut rows = [[0; 8]; 64];
    for (i, row) in rows.iter_mut().enumerate() {
        for (group, word) in row.iter_mut().enumerate() {
            *word = words[64 * group + i];
        }
    }
    swap::<32>(&mut rows, 0x0000_0000_ffff_ffff);
    swap::<16>(&mut rows, 0x0000_ffff_0000_ffff);
    swap::<8>(&mut rows, 0x00ff_00ff_00ff_00ff);
    swap::<4>(&mut rows, 0x0f0f_0f0f_0f0f_0f0f);
    swap::<2>(&mut rows, 0x3333_3333_3333_3333);
    swap::<1>(&mut rows, 0x5555_5555_5555_5555);
    rows
}

/// Swaps the upper bits of one row with the lower ones of the row `STEP` further.
#[inline(always)]
fn swap<const STEP: usize>(rows: &mut [Cells; 64], lower: u64) {
    for rows in rows.chunks_exact_mut(2 * STEP) {
        let (one, other) = rows.split_at_mut(STEP);
        for (one, other) in one.iter_mut().zip(other) {
            for (one, other) in one.iter_mut().zip(other) {
                let changed = (*one >> STEP ^ *other) & lower;
                *other ^= changed;
                *one ^= changed << STEP;
            }
        }
    }
}

/// The sums of weights for every byte of a word: 32 kB.
pub(in super::super) struct Bytes(Vec<[Cell; 256]>);

impl Bytes {
    pub(in super::super) fn new(weights: &[Cell; 64]) -> Self {
        let tables = weights.as_chunks::<8>().0.iter().map(|weights| {
            let mut table = [[0; 2]; 256];
            for (bit, [low, high]) in weights.iter().enumerate() {
                let (known, rest) = table.split_at_mut(1 << bit);
                for (sum, [a, b]) in rest.iter_mut().zip(known) {
                    *sum = [*a ^ low, *b ^ high];
                }
            }
            table
        });
        Self(tables.collect())
    }

    #[inline(always)]
    pub(super) fn pick(&self, words: &[u64; PICKED]) -> [Cells; PICKED / 4] {
        let mut out = [[0; 8]; PICKED / 4];
        let tables: &[_; 8] = self.0.first_chunk().expect("a word has eight bytes");
        for (out, words) in out.iter_mut().zip(words.as_chunks::<4>().0) {
            let picked = [words[0], words[1], words[2], words[3]].map(|word| {
                let bytes = word.to_le_bytes();
                let at: [Cell; 8] = from_fn(|i| tables[i][usize::from(bytes[i])]);
                at.iter().fold([0; 2], |[a, b], [c, d]| [a ^ c, b ^ d])
            });
            out.copy_from_slice(picked.as_flattened());
        }
        out
    }
}
