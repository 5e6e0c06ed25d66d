//! Which of two shared values is less, opened (docs/protocol.md §4.5).
//!
//! In:      pairs (x, y), each a 64-bit key and a 32-bit tie-break, bit-sliced.    Out: n bits.
//! Cost:    7 rounds, 237 bits a pair and party.    Reveals: the outcomes; see `sort`.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).
//!
//! Two-bit groups by a majority, then groups double: `less = less_hi ^ equal_hi·less_lo`. Equality is
//! worked out one level ahead, key and tie-break side by side.

use super::{BLOCK_BYTES, transpose};
use crate::{
    and::{add_product, opened, replicated},
    bytes,
    context::Context,
    error::Error,
    share::Share,
    step::Step,
    stream::Streams,
};

const WORD_BYTES: usize = 8;
/// Words of a key and of a tie-break.
const KEY: usize = 64;
const TIE: usize = 32;
/// Words of one side of a pair.
const SIDE: usize = KEY + TIE;
/// Bytes of a block of sliced pairs: x's side, then y's.
pub(crate) const PAIR_BYTES: usize = 2 * SIDE * WORD_BYTES;
/// Steps that [`less_than`] uses.
pub(crate) const ORDER_ROUNDS: u16 = 7;

/// What one party holds of 64 pairs to be compared.
#[derive(Debug)]
pub(crate) struct Pairs<'a> {
    /// Keys of x and of y.
    pub(crate) keys: [&'a mut [u8; BLOCK_BYTES]; 2],
    /// Tie-breaks of x and, in the upper half of each word, of y.
    pub(crate) ties: &'a mut [u8; BLOCK_BYTES],
}

impl Pairs<'_> {
    /// Slices one component of 64 pairs into a block.
    pub(crate) fn slice(self, out: &mut [u8; PAIR_BYTES]) {
        let [x, y] = self.keys;
        transpose(x);
        transpose(y);
        transpose(self.ties);
        let (out_x, out_y) = out.split_at_mut(SIDE * WORD_BYTES);
        let (x_key, x_tie) = out_x.split_at_mut(KEY * WORD_BYTES);
        let (y_key, y_tie) = out_y.split_at_mut(KEY * WORD_BYTES);
        x_key.copy_from_slice(x);
        y_key.copy_from_slice(y);
        // In bit-reversed order a word's lower half is at the even places.
        let both = self.ties.as_chunks::<{ 2 * WORD_BYTES }>().0;
        let ties = x_tie.as_chunks_mut::<WORD_BYTES>().0.iter_mut();
        for ((x, y), both) in ties.zip(y_tie.as_chunks_mut::<WORD_BYTES>().0).zip(both) {
            let (even, odd) = both.split_at(WORD_BYTES);
            x.copy_from_slice(even);
            y.copy_from_slice(odd);
        }
    }
}

/// Part of each block of a vector: `len` words from `at` on, of `stride`.
#[derive(Clone, Copy)]
struct Part<'a> {
    share: &'a Share,
    stride: usize,
    at: usize,
    len: usize,
}

impl<'a> Part<'a> {
    /// Returns both components of this part of one block.
    fn block(&self, block: usize) -> [&'a [u8]; 2] {
        let start = (block * self.stride + self.at) * WORD_BYTES;
        let range = start..start + self.len * WORD_BYTES;
        let part = |component: &'a [u8]| component.get(range.clone()).unwrap_or_default();
        [part(&self.share.first), part(&self.share.second)]
    }

    const fn lower(self) -> Self {
        Self {
            len: self.len / 2,
            ..self
        }
    }

    const fn upper(self) -> Self {
        Self {
            at: self.at + self.len / 2,
            len: self.len / 2,
            ..self
        }
    }
}

/// A level of the tree: in each block the order of `width` groups of the key's bits, the equality of
/// half as many groups of twice the size, and the same of the tie-break, half as many each.
struct Level {
    words: Share,
    width: usize,
}

impl Level {
    const fn stride(width: usize) -> usize {
        width + width / 2 + width / 2 + width / 4
    }

    fn part(&self, at: usize, len: usize) -> Part<'_> {
        Part {
            share: &self.words,
            stride: Self::stride(self.width),
            at,
            len,
        }
    }

    /// The order of the key's and of the tie-break's groups.
    fn less(&self) -> [Part<'_>; 2] {
        let width = self.width;
        [self.part(0, width), self.part(width + width / 2, width / 2)]
    }

    /// The equality of groups of twice the size.
    fn equal(&self) -> [Part<'_>; 2] {
        let width = self.width;
        [self.part(width, width / 2), self.part(2 * width, width / 4)]
    }
}

/// Both components of a sum, of up to half a block of words.
struct Sum {
    len: usize,
    words: [[u8; BLOCK_BYTES / 2]; 2],
}

impl Sum {
    fn of([a0, a1]: [&[u8]; 2], [b0, b1]: [&[u8]; 2]) -> Self {
        let mut sum = Self {
            len: a0.len(),
            words: [[0; BLOCK_BYTES / 2]; 2],
        };
        let [first, second] = &mut sum.words;
        for (sum, (a, b)) in first.iter_mut().zip(a0.iter().zip(b0)) {
            *sum = a ^ b;
        }
        for (sum, (a, b)) in second.iter_mut().zip(a1.iter().zip(b1)) {
            *sum = a ^ b;
        }
        sum
    }

    fn components(&self) -> [&[u8]; 2] {
        let [first, second] = &self.words;
        [first.split_at(self.len).0, second.split_at(self.len).0]
    }
}

/// Tells of each pair whether x is less than y, to everybody.
///
/// # Security
/// Only for pairs of shuffled rows whose tie-breaks are secret, random and distinct.
///
/// # Errors
/// Whatever a peer sends that it must not.
pub(crate) fn less_than(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    mut pairs: Share,
) -> Result<Vec<u8>, Error> {
    // With x inverted, two bits' equality is their sum, and the borrow of x - y a product.
    pairs.add_public(context.party(), |component| {
        for block in component.chunks_exact_mut(PAIR_BYTES) {
            bytes::invert(block.split_at_mut(SIDE * WORD_BYTES).0);
        }
    });
    let mut before = single_bits(context, streams, step, &pairs)?;
    let mut level = double_bits(context, streams, step.plus(1), &pairs, &before)?;
    pairs.recycle(context);
    for round in 2..ORDER_ROUNDS - 1 {
        let next = doubled(context, streams, step.plus(round), &before, &level)?;
        core::mem::replace(&mut before, core::mem::replace(&mut level, next))
            .words
            .recycle(context);
    }
    let less = keys_then_ties(
        context,
        streams,
        step.plus(ORDER_ROUNDS - 1),
        &before,
        &level,
    )?;
    before.words.recycle(context);
    level.words.recycle(context);
    Ok(less)
}

/// The sides x and y of key and tie-break.
fn sides(pairs: &Share) -> [[Part<'_>; 2]; 2] {
    let side = |at, len| {
        [0, SIDE].map(|y| Part {
            share: pairs,
            stride: 2 * SIDE,
            at: y + at,
            len,
        })
    };
    [side(0, KEY), side(KEY, TIE)]
}

/// Runs `block` for each block of a new level, with the block's number and its words.
fn new_level(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    (width, blocks): (usize, usize),
    block: impl Fn(usize, &mut [u8]) + Sync,
) -> Result<Level, Error> {
    let unit = Level::stride(width) * WORD_BYTES;
    let words = replicated(
        context,
        streams,
        step,
        (unit, blocks * unit),
        |offset, out| {
            for (number, out) in (offset / unit..).zip(out.chunks_exact_mut(unit)) {
                block(number, out);
            }
        },
    )?;
    Ok(Level { words, width })
}

fn blocks(pairs: &Share) -> usize {
    pairs.len() / PAIR_BYTES
}

/// Round 1: the lower bits' borrows, and the equality of pairs of bits. (A level of width 64 would
/// have the upper bits' borrows too; round 2 does without.)
fn single_bits(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    pairs: &Share,
) -> Result<Level, Error> {
    let unit = SIDE * WORD_BYTES;
    let words = replicated(
        context,
        streams,
        step,
        (unit, blocks(pairs) * unit),
        |offset, out| {
            for (block, out) in (offset / unit..).zip(out.chunks_exact_mut(unit)) {
                let mut rest = out;
                for [x, y] in sides(pairs) {
                    let (less, more) = rest.split_at_mut(x.len / 2 * WORD_BYTES);
                    let (equal, more) = more.split_at_mut(x.len / 2 * WORD_BYTES);
                    let (x_lo, y_lo) = (x.lower().block(block), y.lower().block(block));
                    add_product(less, x_lo, y_lo);
                    let lower = Sum::of(x_lo, y_lo);
                    let upper = Sum::of(x.upper().block(block), y.upper().block(block));
                    add_product(equal, lower.components(), upper.components());
                    rest = more;
                }
            }
        },
    )?;
    Ok(Level {
        words,
        width: KEY / 2,
    })
}

impl Level {
    /// The borrows of a level made by [`single_bits`], and the equality of pairs of bits.
    fn singles(&self) -> [[Part<'_>; 2]; 2] {
        let part = |at, len| Part {
            share: &self.words,
            stride: SIDE,
            at,
            len,
        };
        [
            [part(0, KEY / 2), part(KEY, TIE / 2)],
            [part(KEY / 2, KEY / 2), part(KEY + TIE / 2, TIE / 2)],
        ]
    }
}

/// Round 2: the order of pairs of bits, the majority of the upper bits and the borrow below; and the
/// equality of fours.
fn double_bits(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    pairs: &Share,
    singles: &Level,
) -> Result<Level, Error> {
    let [borrows, equals] = singles.singles();
    new_level(
        context,
        streams,
        step,
        (KEY / 2, blocks(pairs)),
        |block, out| {
            let mut rest = out;
            for (([x, y], borrow), equal) in sides(pairs).into_iter().zip(borrows).zip(equals) {
                let (less, more) = rest.split_at_mut(borrow.len * WORD_BYTES);
                let (equal_fours, more) = more.split_at_mut(equal.len / 2 * WORD_BYTES);
                let borrow = borrow.block(block);
                let x_hi = Sum::of(x.upper().block(block), borrow);
                let y_hi = Sum::of(y.upper().block(block), borrow);
                add_product(less, x_hi.components(), y_hi.components());
                let [own, _] = borrow;
                bytes::xor(less, own);
                add_product(
                    equal_fours,
                    equal.lower().block(block),
                    equal.upper().block(block),
                );
                rest = more;
            }
        },
    )
}

/// Rounds 3 to 6: the order of groups twice as large.
fn doubled(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    before: &Level,
    level: &Level,
) -> Result<Level, Error> {
    // The equality of this level's groups was worked out a level before.
    let equals = if level.width == KEY / 2 {
        let [_, equals] = before.singles();
        equals
    } else {
        before.equal()
    };
    let unit = Level::stride(level.width) * WORD_BYTES;
    let shape = (level.width / 2, level.words.len() / unit);
    new_level(context, streams, step, shape, |block, out| {
        let mut rest = out;
        for ((less, equal), ahead) in level.less().into_iter().zip(equals).zip(level.equal()) {
            let (doubled, more) = rest.split_at_mut(less.len / 2 * WORD_BYTES);
            let (equal_doubled, more) = more.split_at_mut(ahead.len / 2 * WORD_BYTES);
            add_product(
                doubled,
                equal.upper().block(block),
                less.lower().block(block),
            );
            let [own, _] = less.upper().block(block);
            bytes::xor(doubled, own);
            add_product(
                equal_doubled,
                ahead.lower().block(block),
                ahead.upper().block(block),
            );
            rest = more;
        }
    })
}

/// Round 7: the keys' order or, where keys are equal, the tie-breaks'; opened.
fn keys_then_ties(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    before: &Level,
    level: &Level,
) -> Result<Vec<u8>, Error> {
    let [key, tie] = level.less();
    let [equal, _] = level.equal();
    let [equal_halves, _] = before.equal();
    let blocks = level.words.len() / (Level::stride(level.width) * WORD_BYTES);
    opened(
        context,
        streams,
        step,
        blocks * WORD_BYTES,
        |offset, out| {
            for (block, out) in (offset / WORD_BYTES..).zip(out.chunks_exact_mut(WORD_BYTES)) {
                add_product(
                    out,
                    equal_halves.upper().block(block),
                    key.lower().block(block),
                );
                add_product(out, equal.block(block), tie.block(block));
                let [own, _] = key.upper().block(block);
                bytes::xor(out, own);
            }
        },
    )
}
