//! Equality and order of shared values, bit-sliced (docs/protocol.md §4.5).
//!
//! 64 rows make a block of 64 words, one word for each bit, in bit-reversed order: so the two halves
//! of a block are the upper and lower bits of neighbouring pairs, at every level of a tree.
//!
//! Equality, in: n differences of 64 bits.    Out: n bits, set where the difference is zero.
//! Cost:    6 rounds, 63 bits a row and party.    Reveals: nothing.
//!
//! Order, in: pairs of a 64-bit key and a 32-bit tie-break, sliced.    Out: n bits, opened.
//! Cost:    7 rounds, 237 bits a pair and party.    Reveals: the outcomes; see `sort`.

use crate::{
    and::{add_product, and_halves, opened, replicated},
    context::Context,
    error::Error,
    share::Share,
    step::Step,
    stream::Streams,
};

/// Rows of a bit-sliced block.
pub(crate) const BLOCK_ROWS: usize = 64;
/// Bytes of a block of 64-bit values.
pub(crate) const BLOCK_BYTES: usize = 512;
/// Steps that [`is_zero`] uses.
pub(crate) const EQUAL_ROUNDS: u16 = 6;

/// Tells of each 64-bit value whether it is zero. Bits after the last row are of any value.
pub(crate) fn is_zero(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    values: Share,
) -> Result<Share, Error> {
    let mut bits = slice(context, values);
    bits.add_public(context.party(), |component| {
        component.iter_mut().for_each(|byte| *byte = !*byte);
    });
    let mut half = BLOCK_BYTES / 2;
    for level in 0..EQUAL_ROUNDS {
        let next = and_halves(context, streams, step.plus(level), &bits, half)?;
        core::mem::replace(&mut bits, next).recycle(context);
        half /= 2;
    }
    Ok(bits)
}

/// Turns rows of 64 bits into bit-sliced blocks. Local.
pub(crate) fn slice(context: &mut Context, values: Share) -> Share {
    let Share { first, second } = values;
    let [first, second] = [first, second].map(|mut rows| {
        rows.resize(rows.len().next_multiple_of(BLOCK_BYTES), 0);
        context.fill(&mut rows, BLOCK_BYTES, |_, out| {
            out.as_chunks_mut::<BLOCK_BYTES>()
                .0
                .iter_mut()
                .for_each(transpose);
        });
        rows
    });
    Share::new(first, second)
}

/// Transposes 64 rows of 64 bits: afterwards bit r of the word in place reverse(b) is what bit b of
/// word r was.
pub(crate) fn transpose(block: &mut [u8; BLOCK_BYTES]) {
    let mut words = [0_u64; BLOCK_ROWS];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    swap::<32>(&mut words, 0x0000_0000_ffff_ffff);
    swap::<16>(&mut words, 0x0000_ffff_0000_ffff);
    swap::<8>(&mut words, 0x00ff_00ff_00ff_00ff);
    swap::<4>(&mut words, 0x0f0f_0f0f_0f0f_0f0f);
    swap::<2>(&mut words, 0x3333_3333_3333_3333);
    swap::<1>(&mut words, 0x5555_5555_5555_5555);
    for (bytes, from) in block.as_chunks_mut::<8>().0.iter_mut().zip(BIT_REVERSED) {
        if let Some(word) = words.get(from) {
            *bytes = word.to_le_bytes();
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

/// Swaps the off-diagonal quarters of every square of 2N by 2N bits.
#[inline]
fn swap<const N: usize>(words: &mut [u64; BLOCK_ROWS], low: u64) {
    for square in words.chunks_exact_mut(2 * N) {
        let (top, bottom) = square.split_at_mut(N);
        for (t, b) in top.iter_mut().zip(bottom) {
            let moved = ((*t >> N) ^ *b) & low;
            *b ^= moved;
            *t ^= moved << N;
        }
    }
}

/// Words of a sliced pair: 64 of the key and 32 of the tie-break of x, then those of y.
const KEY: usize = 64;
const TIE: usize = 32;
const SIDE: usize = (KEY + TIE) * WORD_BYTES;
/// Bytes of a block of sliced pairs.
pub(crate) const PAIR_BYTES: usize = 2 * SIDE;
const WORD_BYTES: usize = 8;
/// Steps that [`less_than`] uses.
pub(crate) const ORDER_ROUNDS: u16 = 7;

/// What one party holds of 64 pairs to be compared: (key, tie-break) of x and of y.
pub(crate) struct Pairs<'a> {
    pub(crate) keys: [&'a mut [u8; BLOCK_BYTES]; 2],
    pub(crate) ties: &'a mut [u8; BLOCK_BYTES],
}

impl Pairs<'_> {
    /// Slices 64 pairs of one component into a block. `ties` has x's in the lower half of each word.
    pub(crate) fn slice(self, out: &mut [u8; PAIR_BYTES]) {
        let [x, y] = self.keys;
        transpose(x);
        transpose(y);
        transpose(self.ties);
        let (out_x, out_y) = out.split_at_mut(SIDE);
        let (x_key, x_tie) = out_x.split_at_mut(KEY * WORD_BYTES);
        let (y_key, y_tie) = out_y.split_at_mut(KEY * WORD_BYTES);
        x_key.copy_from_slice(x);
        y_key.copy_from_slice(y);
        // In bit-reversed order the lower half of a word's bits are the words at even places.
        let words = self.ties.as_chunks::<{ 2 * WORD_BYTES }>().0;
        let places = x_tie.as_chunks_mut::<WORD_BYTES>().0.iter_mut();
        for ((x, y), word) in places.zip(y_tie.as_chunks_mut::<WORD_BYTES>().0).zip(words) {
            let (lower, upper) = word.split_at(WORD_BYTES);
            x.copy_from_slice(lower);
            y.copy_from_slice(upper);
        }
    }
}

/// Part of a vector of blocks: `words` words from `at` on in each block of `stride` words.
#[derive(Clone, Copy)]
struct Words<'a> {
    share: &'a Share,
    stride: usize,
    at: usize,
    words: usize,
}

impl<'a> Words<'a> {
    fn of(share: &'a Share, stride: usize, at: usize, words: usize) -> Self {
        Self {
            share,
            stride,
            at,
            words,
        }
    }

    /// Returns both components of this part in one block.
    fn block(&self, block: usize) -> [&'a [u8]; 2] {
        let start = (block * self.stride + self.at) * WORD_BYTES;
        let range = start..start + self.words * WORD_BYTES;
        let part = |component: &'a [u8]| component.get(range.clone()).unwrap_or_default();
        [part(&self.share.first), part(&self.share.second)]
    }

    fn lower(&self) -> Self {
        Self {
            words: self.words / 2,
            ..*self
        }
    }

    fn upper(&self) -> Self {
        Self {
            at: self.at + self.words / 2,
            words: self.words / 2,
            ..*self
        }
    }
}

/// XORs two components' parts into fresh arrays.
fn sum(a: [&[u8]; 2], b: [&[u8]; 2]) -> [[u8; BLOCK_BYTES / 2]; 2] {
    let [a0, a1] = a;
    let [b0, b1] = b;
    [(a0, b0), (a1, b1)].map(|(a, b)| {
        let mut out = [0; BLOCK_BYTES / 2];
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a ^ b;
        }
        out
    })
}

fn parts<'a>(out: &mut &'a mut [u8], words: usize) -> &'a mut [u8] {
    out.split_off_mut(..words * WORD_BYTES).unwrap_or_default()
}

/// Tells of each pair whether x < y, to everybody.
///
/// Two-bit groups by a majority, then groups double: less = less_hi ^ equal_hi·less_lo. Equality is
/// worked out one level ahead.
///
/// # Security
/// Only for pairs of shuffled rows whose tie-breaks are secret, random and distinct.
pub(crate) fn less_than(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    mut pairs: Share,
) -> Result<Vec<u8>, Error> {
    // With x inverted, equality of two bits is their sum, and a borrow their product.
    pairs.add_public(context.party(), |component| {
        for block in component.chunks_exact_mut(PAIR_BYTES) {
            let (x, _) = block.split_at_mut(SIDE);
            x.iter_mut().for_each(|byte| *byte = !*byte);
        }
    });
    let blocks = pairs.len() / PAIR_BYTES;
    let side = SIDE / WORD_BYTES;
    let key = [0, side].map(|at| Words::of(&pairs, 2 * side, at, KEY));
    let tie = [KEY, side + KEY].map(|at| Words::of(&pairs, 2 * side, at, TIE));

    // Round 1: lower bits' borrows and pairs' equality.
    let stride = KEY + TIE;
    let shape = |words: usize| (words * WORD_BYTES, blocks * words * WORD_BYTES);
    let first = replicated(context, streams, step, shape(stride), |offset, out| {
        let first_block = offset / (stride * WORD_BYTES);
        for (block, mut out) in (first_block..).zip(out.chunks_exact_mut(stride * WORD_BYTES)) {
            for [x, y] in [key, tie] {
                let (x_lo, y_lo) = (x.lower().block(block), y.lower().block(block));
                add_product(parts(&mut out, x.words / 2), x_lo, y_lo);
                let equal_lo = sum(x_lo, y_lo);
                let equal_hi = sum(x.upper().block(block), y.upper().block(block));
                let [lo, hi] = [&equal_lo, &equal_hi].map(|[a, b]| [a.as_slice(), b.as_slice()]);
                add_product(parts(&mut out, x.words / 2), lo, hi);
            }
        }
    })?;
    let borrow = [
        Words::of(&first, stride, 0, KEY / 2),
        Words::of(&first, stride, KEY, TIE / 2),
    ];
    let mut equal_at = [KEY / 2, KEY + TIE / 2];

    // Round 2: pairs' order, and equality of fours.
    let mut width = KEY / 2;
    let stride_2 = level_words(width);
    let mut less = replicated(
        context,
        streams,
        step.plus(1),
        shape(stride_2),
        |offset, out| {
            let first_block = offset / (stride_2 * WORD_BYTES);
            for (block, mut out) in (first_block..).zip(out.chunks_exact_mut(stride_2 * WORD_BYTES))
            {
                for (([x, y], borrow), equal_at) in [key, tie].into_iter().zip(borrow).zip(equal_at)
                {
                    let lo = borrow.block(block);
                    let x_hi = sum(x.upper().block(block), lo);
                    let y_hi = sum(y.upper().block(block), lo);
                    let [x_hi, y_hi] = [&x_hi, &y_hi].map(|[a, b]| [a.as_slice(), b.as_slice()]);
                    let part = parts(&mut out, borrow.words);
                    add_product(part, x_hi, y_hi);
                    crate::bytes::xor(part, lo.first().copied().unwrap_or_default());
                    let equal = Words::of(&first, stride, equal_at, borrow.words);
                    let part = parts(&mut out, borrow.words / 2);
                    add_product(part, equal.lower().block(block), equal.upper().block(block));
                }
            }
        },
    )?;
    pairs.recycle(context);

    // Rounds 3 to 6: fours' order and eights' equality, and so on.
    let (mut equal, mut equal_stride) = (first, stride);
    for level in 2..ORDER_ROUNDS - 1 {
        let (stride, next_stride) = (level_words(width), level_words(width / 2));
        let next = replicated(
            context,
            streams,
            step.plus(level),
            shape(next_stride),
            |offset, out| {
                let first_block = offset / (next_stride * WORD_BYTES);
                for (block, mut out) in
                    (first_block..).zip(out.chunks_exact_mut(next_stride * WORD_BYTES))
                {
                    let mut at = 0;
                    for (words, equal_at) in [width, width / 2].into_iter().zip(equal_at) {
                        let this = Words::of(&less, stride, at, words);
                        let equal = Words::of(&equal, equal_stride, equal_at, words);
                        let part = parts(&mut out, words / 2);
                        add_product(part, equal.upper().block(block), this.lower().block(block));
                        let [hi, _] = this.upper().block(block);
                        crate::bytes::xor(part, hi);
                        let ahead = Words::of(&less, stride, at + words, words / 2);
                        let part = parts(&mut out, words / 4);
                        add_product(part, ahead.lower().block(block), ahead.upper().block(block));
                        at += words + words / 2;
                    }
                }
            },
        )?;
        equal_at = [width, width + width / 2 + width / 2];
        equal_stride = stride;
        core::mem::replace(&mut equal, core::mem::replace(&mut less, next)).recycle(context);
        width /= 2;
    }

    // Round 7: keys' order, or where they are equal the tie-breaks'; opened.
    let stride = level_words(width);
    let key = Words::of(&less, stride, 0, 2);
    let key_equal = Words::of(&less, stride, 2, 1);
    let tie = Words::of(&less, stride, 3, 1);
    let upper_equal = Words::of(&equal, equal_stride, equal_at[0], 2).upper();
    let result = opened(
        context,
        streams,
        step.plus(6),
        blocks * WORD_BYTES,
        |offset, out| {
            for (block, out) in (offset / WORD_BYTES..).zip(out.chunks_exact_mut(WORD_BYTES)) {
                add_product(out, upper_equal.block(block), key.lower().block(block));
                add_product(out, key_equal.block(block), tie.block(block));
                let [hi, _] = key.upper().block(block);
                crate::bytes::xor(out, hi);
            }
        },
    )?;
    less.recycle(context);
    equal.recycle(context);
    Ok(result)
}

/// Words of a block at the level with `width` groups of the key: order and, one level ahead,
/// equality, of the key and of the tie-break.
const fn level_words(width: usize) -> usize {
    width + width / 2 + width / 2 + width / 4
}

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
            for at in 0..64 {
                assert_eq!(bit(&block, BIT_REVERSED[at], row), bit(&before, row, at));
            }
        }
    }
}
