//! Which of two shared words is less, opened (docs/protocol.md §4.5).
//!
//! In:      pairs (x, y), each a word of 64 bits, bit-sliced.    Out: n bits.
//! Cost:    7 rounds, 157 bits a pair and party.    Reveals: the outcomes; see `sort`.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).
//!
//! Two-bit groups by a majority, then groups double: `less = less_hi ^ equal_hi·less_lo`. Equality is
//! worked out one level ahead.

use mcmix_shared::party::PartyId;

use super::{BLOCK_BYTES, Blocks, Word, slice_words};
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
/// Bytes of a component of 64 sliced pairs: x, then y.
const SIDES_BYTES: usize = 2 * BLOCK_BYTES;
/// Bytes of a block of 64 sliced pairs: both components.
pub(crate) const PAIRS_BYTES: usize = 2 * SIDES_BYTES;
/// Steps that [`less_than`] uses.
pub(crate) const ORDER_ROUNDS: u16 = 7;

/// Makes a block of up to 64 pairs (x, y) for [`less_than`]; `y` writes its part.
#[inline]
pub(crate) fn slice_pairs(
    party: PartyId,
    x: impl Iterator<Item = Word>,
    y: impl FnOnce(Blocks<'_>),
    block: &mut [u8; PAIRS_BYTES],
) {
    // With x inverted, two bits' equality is their sum, and the borrow of x - y a product.
    let [one, two] = match party {
        PartyId::P0 => [u64::MAX, 0],
        PartyId::P1 => [0, 0],
        PartyId::P2 => [0, u64::MAX],
    };
    if let ([x_first, y_first, x_second, y_second], []) = block.as_chunks_mut::<BLOCK_BYTES>() {
        let not_x = x.map(|[first, second]| [first ^ one, second ^ two]);
        slice_words(not_x, [x_first, x_second]);
        y([y_first, y_second]);
    }
}

/// Both components of some words of a block.
#[derive(Clone, Copy)]
struct Part<'a, const N: usize>([&'a [u8; N]; 2]);

/// Takes the next words of a component of a block.
#[inline]
fn next<'a, const N: usize>(rest: &mut &'a [u8]) -> &'a [u8; N] {
    // Blocks are cut up into parts as they were put together.
    let (part, after) = rest.split_first_chunk().unwrap_or((&[0; N], &[]));
    *rest = after;
    part
}

/// Both components of a sum.
struct Sum<const N: usize>([[u8; N]; 2]);

impl<'a, const N: usize> Part<'a, N> {
    /// Takes the next words of a block.
    #[inline]
    fn take(rest: &mut [&'a [u8]; 2]) -> Self {
        let [first, second] = rest;
        Self([next(first), next(second)])
    }

    #[inline]
    fn plus(self, Self([b0, b1]): Self) -> Sum<N> {
        let Self([a0, a1]) = self;
        let mut sum = Sum([*a0, *a1]);
        let Sum([first, second]) = &mut sum;
        bytes::xor(first, b0);
        bytes::xor(second, b1);
        sum
    }

    /// Adds this party's summand of the product, and of `own`, to the first words of `out`.
    #[inline]
    fn times(self, other: Self, own: Option<Self>, out: &mut [u8]) {
        if let Some(out) = out.first_chunk_mut::<N>() {
            let (Self([x0, x1]), Self([y0, y1])) = (self, other);
            add_product(out, [x0, x1], [y0, y1]);
            if let Some(Self([own, _])) = own {
                bytes::xor(out, own);
            }
        }
    }
}

impl<const N: usize> Sum<N> {
    #[inline]
    fn part(&self) -> Part<'_, N> {
        let Self([first, second]) = self;
        Part([first, second])
    }
}

/// Tells of each pair whether x is less than y, to everybody.
///
/// # Security
/// Only for pairs of shuffled rows whose words are distinct by secret random tie-breaks.
///
/// # Errors
/// Whatever a peer sends that it must not.
pub(crate) fn less_than(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    pairs: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let mut tree = Tree {
        blocks: pairs.len() / PAIRS_BYTES,
        step,
        context,
        streams,
    };
    let singles = tree.singles(&pairs)?;
    let pairs_of_bits = tree.pairs_of_bits(&pairs, &singles)?;
    tree.context.recycle(pairs);
    // Groups of 4 bits, 8, 16 and 32.
    let fours = tree.doubled::<128, 64>(singles, &pairs_of_bits, 256)?;
    let eights = tree.doubled::<64, 32>(pairs_of_bits, &fours, 256)?;
    let sixteens = tree.doubled::<32, 16>(fours, &eights, 128)?;
    let halves = tree.doubled::<16, 0>(eights, &sixteens, 64)?;
    tree.whole(sixteens, halves)
}

/// Half a block: the lower or upper ones of neighbouring bits.
const HALF: usize = BLOCK_BYTES / 2;

/// Bytes of a block of a level: the order of groups of bits and, from `equal` on, the equality of
/// groups of bits, in halves: lower and upper ones of neighbours.
struct Tree<'a> {
    blocks: usize,
    step: Step,
    context: &'a mut Context,
    streams: &'a Streams,
}

/// Takes the next two parts of a block.
#[inline]
fn two_parts<'a, const N: usize>(rest: &mut [&'a [u8]; 2]) -> [Part<'a, N>; 2] {
    [Part::take(rest), Part::take(rest)]
}

/// Returns lower and upper bits of x, then of y.
#[inline]
fn sides(pairs: &[u8], block: usize) -> [Part<'_, HALF>; 4] {
    let block = pairs.get(block * PAIRS_BYTES..).unwrap_or_default();
    let second = block.get(SIDES_BYTES..).unwrap_or_default();
    let rest = &mut [block, second];
    let ([x_lo, x_hi], [y_lo, y_hi]) = (two_parts(rest), two_parts(rest));
    [x_lo, x_hi, y_lo, y_hi]
}

/// Returns both components of the block at `block`, of `unit` bytes, from `from` on.
#[inline]
fn block(share: &Share, block: usize, unit: usize, from: usize) -> [&[u8]; 2] {
    let range = block * unit + from..(block + 1) * unit;
    [
        share.first.get(range.clone()).unwrap_or_default(),
        share.second.get(range).unwrap_or_default(),
    ]
}

impl Tree<'_> {
    /// Makes a level of blocks of `unit` bytes, in one round.
    fn level(
        &mut self,
        unit: usize,
        block: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<Share, Error> {
        let len = self.blocks * unit;
        let step = self.step;
        self.step = step.plus(1);
        replicated(
            self.context,
            self.streams,
            step,
            (unit, len),
            |offset, out| {
                let numbers = offset / unit..;
                for (number, out) in numbers.zip(out.chunks_exact_mut(unit)) {
                    block(number, out);
                }
            },
        )
    }

    /// Round 1: the lower bits' borrows, and the equality of pairs of bits. (The upper bits' borrows
    /// are not needed: round 2 does without.)
    fn singles(&mut self, pairs: &[u8]) -> Result<Share, Error> {
        self.level(BLOCK_BYTES, |number, out| {
            let [x_lo, x_hi, y_lo, y_hi] = sides(pairs, number);
            let (borrow, equal) = out.split_at_mut(HALF);
            x_lo.times(y_lo, None, borrow);
            let (lower, upper) = (x_lo.plus(y_lo), x_hi.plus(y_hi));
            lower.part().times(upper.part(), None, equal);
        })
    }

    /// Round 2: the order of pairs of bits, the majority of the upper bits and the borrow below; and
    /// the equality of fours.
    fn pairs_of_bits(&mut self, pairs: &[u8], singles: &Share) -> Result<Share, Error> {
        self.level(HALF + HALF / 2, |number, out| {
            let [_, x_hi, _, y_hi] = sides(pairs, number);
            let rest = &mut block(singles, number, BLOCK_BYTES, 0);
            let borrow = Part::take(rest);
            let (x, y) = (x_hi.plus(borrow), y_hi.plus(borrow));
            let (less, equal) = out.split_at_mut(HALF);
            x.part().times(y.part(), Some(borrow), less);
            let [lower, upper] = two_parts::<{ HALF / 2 }>(rest);
            lower.times(upper, None, equal);
        })
    }

    /// Rounds 3 to 6: the order of `LESS` bytes of groups twice as large as `level`'s, whose equality
    /// was worked out `before`, there behind `orders` bytes; and the equality of `EQUAL` bytes of
    /// groups twice as large again.
    fn doubled<const LESS: usize, const EQUAL: usize>(
        &mut self,
        before: Share,
        level: &Share,
        orders: usize,
    ) -> Result<Share, Error> {
        let units = [&before, level].map(|level| level.len() / self.blocks.max(1));
        let [unit_before, unit] = units;
        let next = self.level(LESS + EQUAL, |number, out| {
            let rest = &mut block(&before, number, unit_before, orders);
            let [_, equal] = two_parts::<LESS>(rest);
            let rest = &mut block(level, number, unit, 0);
            let [lower, upper] = two_parts::<LESS>(rest);
            let (less, equal_twice) = out.split_at_mut(LESS);
            equal.times(lower, Some(upper), less);
            if EQUAL > 0 {
                let [lower, upper] = two_parts::<EQUAL>(rest);
                lower.times(upper, None, equal_twice);
            }
        })?;
        before.recycle(self.context);
        Ok(next)
    }

    /// Round 7: the order of the whole, opened.
    fn whole(self, before: Share, halves: Share) -> Result<Vec<u8>, Error> {
        const ORDERS: usize = 4 * WORD_BYTES;
        let unit_before = before.len() / self.blocks.max(1);
        let Self {
            blocks,
            step,
            context,
            streams,
        } = self;
        let less = opened(
            context,
            streams,
            step,
            blocks * WORD_BYTES,
            |offset, out| {
                let numbers = offset / WORD_BYTES..;
                for (number, out) in numbers.zip(out.chunks_exact_mut(WORD_BYTES)) {
                    let rest = &mut block(&before, number, unit_before, ORDERS);
                    let [_, equal] = two_parts::<WORD_BYTES>(rest);
                    let rest = &mut block(&halves, number, 2 * WORD_BYTES, 0);
                    let [lower, upper] = two_parts::<WORD_BYTES>(rest);
                    equal.times(lower, Some(upper), out);
                }
            },
        )?;
        before.recycle(context);
        halves.recycle(context);
        Ok(less)
    }
}
