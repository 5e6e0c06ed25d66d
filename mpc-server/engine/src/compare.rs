//! Equality of shared values, and bit-slicing (docs/protocol.md §4.5).
//!
//! 64 rows make a block of 64 words, one word for each bit, in bit-reversed order: so the two halves
//! of a block are the upper and lower bits of neighbouring pairs, at every level of a tree.
//!
//! In:      n differences of 64 bits.    Out: n bits, set where the difference is zero.
//! Cost:    6 rounds, 63 bits a row and party.    Reveals: nothing.

#![expect(
    clippy::indexing_slicing,
    reason = "indices below 64, into arrays of as many"
)]

pub(crate) mod order;

use crate::{and::and, context::Context, error::Error, round::Round, share::Share, step::Step};

/// Rows of a bit-sliced block.
pub(crate) const BLOCK_ROWS: usize = 64;
/// Bytes of a block of 64-bit values.
pub(crate) const BLOCK_BYTES: usize = 512;
/// Steps that [`is_zero`] uses.
pub(crate) const EQUAL_ROUNDS: u16 = 6;

/// Tells of each 64-bit value whether it is zero. Bits after the last row are of any value.
pub(crate) fn is_zero(round: &mut Round<'_>, step: Step, values: Share) -> Result<Share, Error> {
    let mut bits = slice(round.context, values);
    bits.add_public(round.party(), |component| {
        crate::bytes::invert(component);
    });
    let mut half = BLOCK_BYTES / 2;
    for level in 0..EQUAL_ROUNDS {
        let [x, y] = bits.halves(round.context, half);
        let product = and(round, step.plus(level), x, y)?;
        core::mem::replace(&mut bits, product).recycle(round.context);
        half /= 2;
    }
    Ok(bits)
}

/// Turns rows of 64 bits into bit-sliced blocks. Local.
fn slice(context: &Context, values: Share) -> Share {
    values.map_components(|mut rows| {
        rows.resize(rows.len().next_multiple_of(BLOCK_BYTES), 0);
        context.fill(&mut rows, BLOCK_BYTES, |_, out| {
            for block in out.as_chunks_mut::<BLOCK_BYTES>().0 {
                transpose(block);
            }
        });
        rows
    })
}

/// Transposes 64 rows of 64 bits: afterwards bit r of the word in place reverse(b) is what bit b of
/// word r was.
fn transpose(block: &mut [u8; BLOCK_BYTES]) {
    let rows = block.as_chunks::<8>().0.iter();
    let words = transposed(rows.map(|row| [u64::from_le_bytes(*row), 0]));
    let places = block.as_chunks_mut::<8>().0.iter_mut();
    for (place, bit) in places.zip(BIT_REVERSED) {
        let [word, _] = words[bit % COLUMN_BITS];
        *place = word.to_le_bytes();
    }
}

/// Both of this party's components of 64 bits.
pub(crate) type Word = [u64; 2];
/// Bits of a word, of which wider values take more than one.
pub(crate) const COLUMN_BITS: usize = 64;

/// Transposes up to 64 words: the b-th of the result is bit b of all, for each component.
#[inline]
pub(crate) fn transposed(rows: impl Iterator<Item = Word>) -> [Word; COLUMN_BITS] {
    let mut words = [[0; 2]; COLUMN_BITS];
    words.iter_mut().zip(rows).for_each(|(w, row)| *w = row);
    // Three levels at a time, of eight words in registers.
    for at in 0..8 {
        let mut eight = core::array::from_fn(|i| words[at + 8 * i]);
        swap::<4, 32>(&mut eight, 0x0000_0000_ffff_ffff);
        swap::<2, 16>(&mut eight, 0x0000_ffff_0000_ffff);
        swap::<1, 8>(&mut eight, 0x00ff_00ff_00ff_00ff);
        for (i, word) in eight.into_iter().enumerate() {
            words[at + 8 * i] = word;
        }
    }
    for eight in words.as_chunks_mut::<8>().0 {
        swap::<4, 4>(eight, 0x0f0f_0f0f_0f0f_0f0f);
        swap::<2, 2>(eight, 0x3333_3333_3333_3333);
        swap::<1, 1>(eight, 0x5555_5555_5555_5555);
    }
    words
}

/// Transposes 64 times the same word.
#[inline]
pub(crate) fn repeated(word: Word) -> [Word; COLUMN_BITS] {
    core::array::from_fn(|bit| word.map(|component| (component >> bit & 1).wrapping_neg()))
}

/// Swaps the off-diagonal quarters of every square of 2·BITS by 2·BITS bits, of rows that are N
/// words apart.
#[inline]
fn swap<const N: usize, const BITS: u32>(words: &mut [Word; 8], low: u64) {
    for square in words.chunks_exact_mut(2 * N) {
        let (top, bottom) = square.split_at_mut(N);
        for (top, bottom) in top.iter_mut().zip(bottom) {
            for (t, b) in top.iter_mut().zip(bottom) {
                let moved = ((*t >> BITS) ^ *b) & low;
                *b ^= moved;
                *t ^= moved << BITS;
            }
        }
    }
}

/// The six-bit numbers with their bits in reversed order.
const BIT_REVERSED: [usize; BLOCK_ROWS] = {
    let mut order = [0; BLOCK_ROWS];
    let mut i = 0;
    while i < BLOCK_ROWS {
        order[i] = ((i as u8).reverse_bits() >> 2) as usize;
        i += 1;
    }
    order
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    #[test]
    fn transposes() {
        let mut block = [0; BLOCK_BYTES];
        Stream::new(&[3; 16]).xor(0, &mut block);
        let before = block;
        transpose(&mut block);
        let bit =
            |b: &[u8; BLOCK_BYTES], row: usize, at: usize| b[row * 8 + at / 8] >> (at % 8) & 1;
        for row in 0..64 {
            for (at, place) in BIT_REVERSED.into_iter().enumerate() {
                assert_eq!(bit(&block, place, row), bit(&before, row, at));
            }
        }
    }
}
