//! Products of shared bits (docs/protocol.md §4.1; Araki, Furukawa, Lindell, Nof, Ohara, CCS 2016).
//!
//! In:      two replicated vectors of w bits.     Out: their product, bit by bit.
//! Cost:    1 round, w bits a party.              Reveals: nothing.
//! Secure:  one party that deviates, once proved (`verify`).
//!
//! `P_i` sends `z_i = x_i y_i ^ x_i y_{i+1} ^ x_{i+1} y_i ^ a_i ^ a_{i+1}`, with `a_i` from the stream
//! that it shares with the previous party and `a_{i+1}` from that with the next, to the previous one.

use std::sync::Arc;

use crate::{
    error::Error,
    round::Round,
    share::Share,
    step::{Step, Vector},
    stream::{Purpose, Stream},
    verify::{Product, Statement},
};

/// Worked on at a time: stays in the first-level cache.
const CACHED_BYTES: usize = 8 << 10;
/// Vectors are cut at words.
const WORD_BYTES: usize = 8;

/// A product whose summands have been sent.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pending {
    vector: Vector,
    number: usize,
    first: Vec<u8>,
}

/// Multiplies two vectors. 1 round.
pub(crate) fn and(round: &mut Round<'_>, step: Step, x: Share, y: Share) -> Result<Share, Error> {
    multiply(round, step, x, y)?.receive(round)
}

/// Sends this party's summands of a product.
pub(crate) fn multiply(
    round: &mut Round<'_>,
    step: Step,
    x: Share,
    y: Share,
) -> Result<Pending, Error> {
    let masks = Masks::new(round, step);
    let mut first = round.context.scratch(x.len());
    let (x_parts, y_parts) = ([x.first(), x.second()], [y.first(), y.second()]);
    let vector = step.of(WORD_BYTES);
    let to = round.party().prev();
    round
        .context
        .produce(to, vector, [&mut first], |offset, [out]| {
            let mut at = offset;
            for out in out.chunks_mut(CACHED_BYTES) {
                let part = |v: &'_ [u8]| at..(at + out.len()).min(v.len());
                let of = |v| <[u8]>::get(v, part(v)).unwrap_or_default();
                masks.product(at, out, [x_parts.map(of), y_parts.map(of)]);
                at += out.len();
            }
        })?;
    Ok(Pending::new(round, vector, [x, y], first))
}

/// Sends this party's summands of a product of `len` bytes, of operands that `write` writes some units
/// at a time: `x_i`, `x_{i+1}`, `y_i`, `y_{i+1}`. They are multiplied while they are in the cache.
pub(crate) fn multiply_written(
    round: &mut Round<'_>,
    vector: Vector,
    len: usize,
    write: impl Fn(usize, [&mut [u8]; 4]) + Sync,
) -> Result<Pending, Error> {
    let masks = Masks::new(round, vector.step);
    let mut vectors: [Vec<u8>; 5] = core::array::from_fn(|_| round.context.scratch(len));
    let piece = vector.unit * (CACHED_BYTES / vector.unit).max(1);
    let to = round.party().prev();
    let outs = vectors.each_mut().map(|vector| &mut vector[..]);
    round.context.produce(to, vector, outs, |offset, parts| {
        let mut pieces = parts.map(|part| part.chunks_mut(piece));
        let mut at = offset;
        while let [Some(out), Some(x0), Some(x1), Some(y0), Some(y1)] =
            pieces.each_mut().map(Iterator::next)
        {
            write(at, [&mut *x0, &mut *x1, &mut *y0, &mut *y1]);
            masks.product(at, out, [[x0, x1], [y0, y1]]);
            at += out.len();
        }
    })?;
    let [first, x0, x1, y0, y1] = vectors;
    let operands = [Share::new(x0, x1), Share::new(y0, y1)];
    Ok(Pending::new(round, vector, operands, first))
}

/// The streams that a party shares with its two peers.
struct Masks([Stream; 2]);

impl Masks {
    fn new(round: &Round<'_>, step: Step) -> Self {
        let party = round.party();
        let stream = |peer| round.streams.with(peer, step, Purpose::Zero);
        Self([party.prev(), party.next()].map(stream))
    }

    /// Overwrites `out` with this party's summand of some bytes of a product.
    #[inline]
    fn product(&self, at: usize, out: &mut [u8], [x, y]: [[&[u8]; 2]; 2]) {
        let Self(masks) = self;
        out.fill(0);
        for mask in masks {
            mask.xor(at, out);
        }
        add_product(out, x, y);
    }
}

/// Adds `x·y` without communication: `x_i y_i ^ x_i y_{i+1} ^ x_{i+1} y_i`.
#[inline]
pub(crate) fn add_product(out: &mut [u8], [x0, x1]: [&[u8]; 2], [y0, y1]: [&[u8]; 2]) {
    let xs = x0.iter().zip(x1);
    let ys = y0.iter().zip(y1);
    for (z, ((x0, x1), (y0, y1))) in out.iter_mut().zip(xs.zip(ys)) {
        *z ^= (x0 & (y0 ^ y1)) ^ (x1 & y0);
    }
}

impl Pending {
    fn new(round: &mut Round<'_>, vector: Vector, [x, y]: [Share; 2], first: Vec<u8>) -> Self {
        let number = round.state(Statement::Product(Product {
            step: vector.step,
            x,
            y,
            received: Arc::default(),
        }));
        Self {
            vector,
            number,
            first,
        }
    }

    /// Receives the next party's summands.
    pub(crate) fn receive(self, round: &mut Round<'_>) -> Result<Share, Error> {
        let party = round.party();
        let len = self.first.len();
        let second = round.context.recv(party.next(), self.vector, len)?;
        let second = Arc::new(second);
        round.unproved.receive_product(self.number, &second);
        Ok(Share::of(party, party.prev(), Arc::new(self.first), second))
    }
}
