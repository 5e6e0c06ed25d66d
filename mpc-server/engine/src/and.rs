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
    step::Step,
    stream::Purpose,
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
    step: Step,
    len: usize,
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
    let party = round.party();
    let len = x.len();
    let masks = [party.prev(), party.next()].map(|peer| round.streams.with(peer, step, Purpose::Zero));
    let mut first = round.context.scratch(len);
    let (x_parts, y_parts) = ([x.first(), x.second()], [y.first(), y.second()]);
    round
        .context
        .produce(&[party.prev()], step.of(WORD_BYTES), &mut first, |offset, out| {
            let mut at = offset;
            for out in out.chunks_mut(CACHED_BYTES) {
                out.fill(0);
                for mask in &masks {
                    mask.xor(at, out);
                }
                let part = |v: &'_ [u8]| at..(at + out.len()).min(v.len());
                let of = |v| <[u8]>::get(v, part(v)).unwrap_or_default();
                add_product(out, x_parts.map(of), y_parts.map(of));
                at += out.len();
            }
        })?;
    let number = round.state(Statement::Product(Product {
        step,
        x,
        y,
        received: Arc::default(),
    }));
    Ok(Pending {
        step,
        len,
        number,
        first,
    })
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
    /// Receives the next party's summands.
    pub(crate) fn receive(self, round: &mut Round<'_>) -> Result<Share, Error> {
        let party = round.party();
        let step = self.step.of(WORD_BYTES);
        let second = round.context.recv(party.next(), step, self.len)?;
        let second = Arc::new(second);
        round.unproved.receive_product(self.number, &second);
        Ok(Share::of(party, party.prev(), Arc::new(self.first), second))
    }
}
