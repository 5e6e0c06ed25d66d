//! Moving rows by a map that two parties know (docs/protocol.md §4.2): of hops all shuffles, their
//! inverses, the lookup and the router are made.
//!
//! In:      replicated vectors, a map for each known to the same two parties.
//! Out:     the sum of what the maps make of them, replicated.
//! Cost:    1 round, 2 messages of the output's size.      Reveals: nothing.
//! Secure:  one party that deviates, once proved (`verify`).
//!
//! With the pair (a, b) and the third party c: a sends b `m_a = F(x_ca) ^ y_ca`, b sends a
//! `m_b = F(x_bc) ^ y_bc`, where the y are the output's components, from streams that each shares with
//! c; the third is `y_ab = F(x_ab) ^ m_a ^ m_b`.

use std::sync::Arc;

use mcmix_shared::party::PartyId;

use crate::{
    bytes,
    context::Context,
    error::Error,
    map::{self, Map},
    permutation::Permutation,
    round::Round,
    share::{Pair, Share},
    step::Step,
    stream::Purpose,
    verify::{Moved, Statement},
};

/// A map as one party has it: the third one knows no more than its size.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) pair: Pair,
    pub(crate) map: Option<Arc<Map>>,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

impl Known {
    /// A map that the pair has made, both the same.
    pub(crate) fn new(pair: Pair, [inputs, outputs]: [usize; 2], map: Option<Map>) -> Self {
        Self {
            pair,
            map: map.map(Arc::new),
            inputs,
            outputs,
        }
    }

    /// The inverse of a permutation.
    pub(crate) fn inverse(&self, context: &Context) -> Self {
        let map = self.map.as_deref().map(|map| match map {
            Map::Gather { from, .. } => Map::Gather {
                from: map::invert(from, self.inputs, context),
                inputs: self.outputs,
            },
            Map::Scatter { to, .. } => Map::Gather {
                from: to.clone(),
                inputs: self.outputs,
            },
        });
        Self::new(self.pair, [self.outputs, self.inputs], map)
    }

    /// A permutation that the pair knows. Local.
    pub(crate) fn permutation(pair: Pair, permutation: Option<&Permutation>, rows: usize) -> Self {
        Self::new(pair, [rows, rows], permutation.map(Map::from))
    }
}

/// Draws the permutation of a pair, at its parties. Local.
pub(crate) fn draw(round: &Round<'_>, step: Step, pair: Pair, rows: usize) -> Option<Permutation> {
    let [drawn] = draw_each(round, [(step, pair, rows)]);
    drawn
}

/// Draws permutations side by side. Local.
pub(crate) fn draw_each<const N: usize>(
    round: &Round<'_>,
    which: [(Step, Pair, usize); N],
) -> [Option<Permutation>; N] {
    let mut drawn = which.map(|(step, pair, rows)| {
        let peer = pair.other(round.party());
        let stream = peer.map(|peer| round.streams.with(peer, step, Purpose::Permutation));
        (stream, rows, None)
    });
    round.context.each(&mut drawn, |(stream, rows, drawn)| {
        *drawn = stream.as_ref().map(|it| Permutation::random(it, *rows));
    });
    drawn.map(|(_, _, drawn)| drawn)
}

/// A hop whose messages have been sent.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pending {
    step: Step,
    pair: Pair,
    row_bytes: usize,
    number: usize,
    /// At one of the pair: `y` with the third party, and `F(x) ^ m` of what both have; at the third
    /// party: both of its components.
    components: [Vec<u8>; 2],
}

/// Moves rows. 1 round.
pub(crate) fn hop(
    round: &mut Round<'_>,
    step: Step,
    terms: Vec<(&Known, Share)>,
    row_bytes: usize,
) -> Result<Share, Error> {
    send(round, step, terms, row_bytes)?.receive(round)
}

/// Moves several vectors, rows of so many bytes, at once; the i-th uses step `step + i`. 1 round.
pub(crate) fn hop_each<const N: usize>(
    round: &mut Round<'_>,
    step: Step,
    moves: [(&Known, Share, usize); N],
) -> Result<[Share; N], Error> {
    let mut pending = Vec::with_capacity(N);
    for (index, (known, share, row_bytes)) in (0..).zip(moves) {
        pending.push(send(
            round,
            step.plus(index),
            vec![(known, share)],
            row_bytes,
        )?);
    }
    let mut shares = core::array::from_fn(|_| Share::default());
    for (share, pending) in shares.iter_mut().zip(pending) {
        *share = pending.receive(round)?;
    }
    Ok(shares)
}

/// XORs what the maps make of the components that this party shares with `peer` into `out`.
fn add_moved(
    round: &Round<'_>,
    terms: &[(&Known, Share)],
    peer: PartyId,
    row_bytes: usize,
    out: &mut [u8],
) {
    for (known, share) in terms {
        if let Some(map) = &known.map {
            let rows = share.with(round.party(), peer);
            map.add(round.context, rows, row_bytes, out);
        }
    }
}

/// Sends this party's message of a hop.
pub(crate) fn send(
    round: &mut Round<'_>,
    step: Step,
    terms: Vec<(&Known, Share)>,
    row_bytes: usize,
) -> Result<Pending, Error> {
    let party = round.party();
    let (pair, outputs) = terms
        .first()
        .map_or((Pair::P01, 0), |(known, _)| (known.pair, known.outputs));
    let third = pair.third;
    let len = outputs * row_bytes;
    let context = &mut *round.context;
    let mut expand = |peer| {
        let stream = round.streams.with(peer, step, Purpose::Mask);
        let mut out = context.scratch(len);
        context.fill(&mut out, 16, |offset, chunk| {
            chunk.fill(0);
            stream.xor(offset, chunk);
        });
        out
    };
    let components = match pair.other(party) {
        None => [expand(party.prev()), expand(party.next())],
        Some(other) => {
            let y = expand(third);
            let mut common = context.scratch(len);
            context.fill(&mut common, 1, |offset, chunk| {
                let y = y.get(offset..).unwrap_or_default();
                chunk.copy_from_slice(y.get(..chunk.len()).unwrap_or_default());
            });
            add_moved(round, &terms, third, row_bytes, &mut common);
            round.context.send(other, step.of(row_bytes), &common)?;
            add_moved(round, &terms, other, row_bytes, &mut common);
            [y, common]
        }
    };
    let terms = terms.into_iter().map(|(known, share)| {
        let share = match pair.other(party) {
            Some(_) => share.only(party, third),
            None => share,
        };
        (known.clone(), share)
    });
    let moved = Moved {
        step,
        pair,
        terms: terms.collect(),
        row_bytes,
        outputs,
        received: Arc::default(),
    };
    let number = round.state(Statement::Moved(moved));
    Ok(Pending {
        step,
        pair,
        row_bytes,
        number,
        components,
    })
}

impl Pending {
    /// Receives the other one's message.
    pub(crate) fn receive(self, round: &mut Round<'_>) -> Result<Share, Error> {
        let party = round.party();
        let [one, two] = self.components;
        let Some(other) = self.pair.other(party) else {
            return Ok(Share::new(one, two));
        };
        let mut common = two;
        let vector = self.step.of(self.row_bytes);
        let received = round.context.recv(other, vector, common.len())?;
        round.context.fill(&mut common, 1, |offset, chunk| {
            bytes::xor(chunk, received.get(offset..).unwrap_or_default());
        });
        round.unproved.receive_moved(self.number, received);
        Ok(Share::of(party, other, Arc::new(common), Arc::new(one)))
    }
}
