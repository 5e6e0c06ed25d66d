//! Products of shared bits (docs/protocol.md §4.1; Araki, Furukawa, Lindell, Nof, Ohara, CCS 2016).
//!
//! In:      two replicated vectors of w bits.     Out: their product, bit by bit.
//! Cost:    1 round, w bits a party.              Reveals: nothing.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).

use mcmix_shared::party::PartyId;

use crate::{
    context::Context,
    error::Error,
    share::{Share, Split},
    step::{Step, Vector},
    stream::{Purpose, Stream, Streams},
};

/// Worked on at a time: stays in the first-level cache.
const CACHED_BYTES: usize = 8 << 10;

/// Vectors without other structure are cut at words.
const WORD_BYTES: usize = 8;

/// Adds `x·y` without communication: `x_i y_i ^ x_i y_{i+1} ^ x_{i+1} y_i`.
#[inline]
pub(crate) fn add_product(out: &mut [u8], [x0, x1]: [&[u8]; 2], [y0, y1]: [&[u8]; 2]) {
    let xs = x0.iter().zip(x1);
    let ys = y0.iter().zip(y1);
    for (z, ((x0, x1), (y0, y1))) in out.iter_mut().zip(xs.zip(ys)) {
        *z ^= (x0 & (y0 ^ y1)) ^ (x1 & y0);
    }
}

/// This party's summand of a sharing of zero: `a_0 ^ a_1 ^ a_2 = 0`.
#[derive(Debug)]
struct Zero([Stream; 2]);

impl Zero {
    fn new(context: &Context, streams: &Streams, step: Step) -> Self {
        let party = context.party();
        Self([party.next(), party.prev()].map(|peer| streams.with(peer, step, Purpose::Zero)))
    }

    /// Overwrites `out` with zero's summand and what `local` adds to it, some units at a time.
    fn fill(&self, unit: usize, offset: usize, out: &mut [u8], local: impl Fn(usize, &mut [u8])) {
        let mut at = offset;
        for block in out.chunks_mut(unit * (CACHED_BYTES / unit).max(1)) {
            block.fill(0);
            let Self([next, prev]) = self;
            next.xor(at, block);
            prev.xor(at, block);
            local(at, block);
            at += block.len();
        }
    }
}

/// Computes a product that `local` adds to `len` bytes, some units at a time, and makes it
/// replicated.
pub(crate) fn replicated(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    (unit, len): (usize, usize),
    local: impl Fn(usize, &mut [u8]) + Sync,
) -> Result<Share, Error> {
    let zero = Zero::new(context, streams, step);
    let (prev, next) = (context.party().prev(), context.party().next());
    let mut first = context.scratch(len);
    let mut second = context.scratch(len);
    let fill = |offset: usize, out: &mut [u8]| zero.fill(unit, offset, out, &local);
    context.exchange([prev, next], step.of(unit), [&mut first, &mut second], fill)?;
    Ok(Share::new(first, second))
}

/// Computes a product as [`replicated`] does, opened to all three parties.
///
/// Only for what may be public: comparisons of shuffled rows (§4.6).
pub(crate) fn opened(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    len: usize,
    local: impl Fn(usize, &mut [u8]) + Sync,
) -> Result<Vec<u8>, Error> {
    let zero = Zero::new(context, streams, step);
    let (prev, next) = (context.party().prev(), context.party().next());
    let unit = WORD_BYTES;
    let mut sum = context.scratch(len);
    context.produce(&[prev, next], step.of(unit), &mut sum, |offset, out| {
        zero.fill(unit, offset, out, &local);
    })?;
    for peer in [prev, next] {
        context.recv_add(peer, step.of(unit), &mut sum)?;
    }
    Ok(sum)
}

/// Computes a product as [`replicated`] does, as a two-additive sharing: `from` sends its summand
/// to `to`, which becomes the second holder.
pub(crate) fn split(
    context: &mut Context,
    streams: &Streams,
    vector: Vector,
    ([from, to], rows): ([PartyId; 2], usize),
    local: impl Fn(usize, &mut [u8]) + Sync,
) -> Result<Split, Error> {
    let zero = Zero::new(context, streams, vector.step);
    let third = if from.next() == to {
        to.next()
    } else {
        from.next()
    };
    let row_bytes = vector.unit;
    let len = rows * row_bytes;
    let mut half = Vec::new();
    if context.party() == from {
        context.stream(to, vector, len, |offset, out| {
            zero.fill(row_bytes, offset, out, &local);
        })?;
    } else {
        half = context.scratch(len);
        context.fill(&mut half, row_bytes, |offset, out| {
            zero.fill(row_bytes, offset, out, &local);
        });
        if context.party() == to {
            context.recv_add(from, vector, &mut half)?;
        }
    }
    Ok(Split {
        holders: [third, to],
        row_bytes,
        rows,
        half,
    })
}

/// Multiplies two vectors.
pub(crate) fn and(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    x: &Share,
    y: &Share,
) -> Result<Share, Error> {
    replicated(context, streams, step, (WORD_BYTES, x.len()), product(x, y))
}

/// Returns the local part of a product of two vectors.
pub(crate) fn product<'a>(x: &'a Share, y: &'a Share) -> impl Fn(usize, &mut [u8]) + Sync + 'a {
    move |offset, out| {
        let part = |v: &'a [u8]| v.get(offset..offset + out.len()).unwrap_or_default();
        let (x, y) = (
            [part(&x.first), part(&x.second)],
            [part(&y.first), part(&y.second)],
        );
        add_product(out, x, y);
    }
}

/// Multiplies the two halves of every block of `2 * half` bytes.
pub(crate) fn and_halves(
    context: &mut Context,
    streams: &Streams,
    step: Step,
    x: &Share,
    half: usize,
) -> Result<Share, Error> {
    replicated(
        context,
        streams,
        step,
        (half, x.len() / 2),
        |offset, out| {
            let blocks = 2 * offset..2 * (offset + out.len());
            let first = x.first.get(blocks.clone()).unwrap_or_default();
            let second = x.second.get(blocks).unwrap_or_default();
            let pairs = first
                .chunks_exact(2 * half)
                .zip(second.chunks_exact(2 * half));
            for (z, (x0, x1)) in out.chunks_exact_mut(half).zip(pairs) {
                let (a0, b0) = x0.split_at(half);
                let (a1, b1) = x1.split_at(half);
                add_product(z, [a0, a1], [b0, b1]);
            }
        },
    )
}
