//! The router (docs/protocol.md §6.6): moves every row's payload to the row that it is joined with.
//!
//! In:      of each row the way to its partner, as a sum of replicated vectors, and payload rows.
//! Out:     the replies, in wire order.
//! Cost:    6 rounds (2 hops, 1 more of verification, opening, replies, release), 4·L + 24 bytes a row
//!          of L.
//! Reveals: n.
//! Secure:  one party that deviates can garble payload, or deny it, in rows that it names by source or
//!          by destination, and no more: where rows go is proved.
//!
//! Way ^ wire id is the wire id of the row's partner; P1 and P2 open all of them in an order that each
//! knows half of. P0 never sees them, so that a third permutation would hide nothing. The payload goes
//! the same way in two halves, one message each, masked by output position.

use std::sync::Arc;

use mcmix_shared::party::PartyId;

use crate::{
    bytes,
    context::{Context, Incoming},
    error::Error,
    hop::{self, Known},
    map::Map,
    open::{self, Reader},
    permutation::{Permutation, Rows},
    program::{Replies, RowSeeds},
    round::Round,
    share::{Pair, Share},
    step::{PAYLOAD, Phase, Step},
    stream::{Purpose, RowMasks, SEED_BYTES, Streams, xor_seed},
};

/// Bytes of a wire id.
pub(crate) const WIRE_ID_BYTES: usize = 4;

/// A summand of the ways from every row to its partner, 4 bytes a row.
#[derive(Debug)]
pub(crate) struct Ways {
    pub(crate) share: Share,
    /// How its rows were moved, if they are not in wire order: P0 and P2 know it.
    pub(crate) order: Option<Arc<Permutation>>,
}

impl Ways {
    /// What puts its rows into the order of `then`, at P0 and P2.
    fn map(&self, then: &Permutation, context: &Context) -> Map {
        match &self.order {
            Some(order) => Map::from(&order.inverse(context).then(then, context)),
            None => Map::from(then),
        }
    }
}

/// P0's or P2's half of the payload rows; P1 has none.
pub(crate) trait Half: Sync {
    /// Writes a row over `out`.
    fn write(&self, row: usize, out: &mut [u8]);

    /// Gives its memory up.
    fn recycle(self, context: &mut Context);
}

/// Writes the rows named by `order` over `out`.
fn gather(half: &impl Half, row_bytes: usize, order: &[u32], out: &mut [u8]) {
    for (&row, out) in order.iter().zip(out.chunks_exact_mut(row_bytes)) {
        half.write(row as usize, out);
    }
}

/// What is routed, beside the halves.
pub(crate) struct Payload {
    pub(crate) rows: usize,
    pub(crate) row_bytes: usize,
    /// Rows at the beginning that get no reply.
    pub(crate) silent: usize,
    /// What P1 and P2 XOR into the replies: a sharing, in wire order, between the two.
    pub(crate) addend: Option<Vec<u8>>,
}

const FIRST: Step = Step::new(Phase::ShufflePayload, 0);
const SECOND: Step = Step::new(Phase::ShufflePayload, 1);
const ROWS: Step = Step::new(Phase::ShufflePayload, PAYLOAD);
const OPEN: Step = Step::new(Phase::OpenPartners, 0);
const REPLIES: Step = Step::new(Phase::Deliver, 0);
const CAME: Step = Step::new(Phase::Deliver, 1);

/// Who opens the shuffled partners.
const READERS: [Reader; 2] = [
    Reader {
        party: PartyId::P1,
        from: PartyId::P2,
    },
    Reader {
        party: PartyId::P2,
        from: PartyId::P1,
    },
];

/// Routes the payload.
pub(crate) fn route<H: Half>(
    round: &mut Round<'_>,
    ways: Vec<Ways>,
    payload: Payload,
    half: H,
) -> Result<Replies, Error> {
    let Payload {
        rows, row_bytes, ..
    } = payload;
    let party = round.party();
    round.context.phase(Phase::ShufflePayload);
    let [p12, p13] = hop::draw_each(round, [(FIRST, Pair::P20, rows), (SECOND, Pair::P01, rows)]);
    let maps = ways.iter().map(|ways| {
        let map = p12.as_ref().map(|p12| ways.map(p12, round.context));
        Known::new(Pair::P20, [rows, rows], map)
    });
    let maps: Vec<_> = maps.collect();
    let terms = maps.iter().zip(ways).map(|(map, ways)| (map, ways.share));
    let mut partners = hop::hop(round, FIRST, terms.collect(), WIRE_ID_BYTES)?;
    if let Some(p12) = &p12 {
        // Of each row its own wire id, where the first permutation has put it.
        partners.add_known(party, Pair::P20, |rows| {
            for (row, id) in rows.as_chunks_mut().0.iter_mut().zip(p12.as_slice()) {
                *row = (u32::from_le_bytes(*row) ^ id).to_le_bytes();
            }
        });
    }
    let map = Known::permutation(Pair::P01, p13.as_ref(), rows);
    let pending = hop::send(round, SECOND, vec![(&map, partners)], WIRE_ID_BYTES)?;
    let got = match (party, &p12, &p13) {
        (PartyId::P0, Some(p12), Some(p13)) => {
            send_x(round, row_bytes, &half, (p12, p13))?;
            Vec::new()
        }
        (PartyId::P2, Some(p12), _) => swap_y(round, row_bytes, &half, p12)?,
        _ => Vec::new(),
    };
    half.recycle(round.context);
    round.prove()?;
    let partners = pending.receive(round)?;
    let got = match party {
        PartyId::P1 => round
            .context
            .recv(PartyId::P2, ROWS.of(row_bytes), rows * row_bytes)?,
        _ => got,
    };
    let [partners] = round.verify([partners])?;

    round.context.phase(Phase::OpenPartners);
    let opened = open::send(round, OPEN, partners, WIRE_ID_BYTES, &READERS)?;
    let Some(opened) = opened.receive(round)? else {
        return release_seeds(round, rows - payload.silent);
    };
    let opened = Permutation::from_opened(&opened).ok_or(Error::NotAPermutation {
        peer: party.next(),
        step: OPEN,
    })?;
    round.context.phase(Phase::Deliver);
    let silent = payload.silent;
    let after = opened.inverse(round.context);
    let got_rows = Rows::packed(&got, row_bytes);
    let (streams, context) = (&round.streams, &mut *round.context);
    let replies = match &p13 {
        // P1: its half is still to be moved by p13, and unmasked.
        Some(p13) => {
            let order = p13.then(&after, context);
            let z13 = payload_masks(streams, PartyId::P0, SECOND, row_bytes);
            deliver(context, streams, PartyId::P2, payload, |first, out| {
                order.gather(&got_rows, silent + first, out);
                z13.xor_at(after.part(silent + first, out.len() / row_bytes), out);
            })
        }
        None => deliver(context, streams, PartyId::P1, payload, |first, out| {
            after.gather(&got_rows, silent + first, out);
        }),
    }?;
    context.recycle(got);
    context.send(PartyId::P0, CAME.of(1), &[0])?;
    context.end_phase();
    Ok(replies)
}

/// P0: gives its seeds when both of the others have told it that the other one's half came. Earlier,
/// what somebody gets could be seen before all of it is fixed.
fn release_seeds(round: &mut Round<'_>, rows: usize) -> Result<Replies, Error> {
    round.context.phase(Phase::Deliver);
    for peer in [PartyId::P1, PartyId::P2] {
        round.context.recv(peer, CAME.of(1), 1)?;
    }
    let replies = seeds(&round.streams, rows);
    round.context.end_phase();
    Ok(replies)
}

fn payload_masks(streams: &Streams, peer: PartyId, step: Step, row_bytes: usize) -> RowMasks {
    RowMasks::new(streams.with(peer, step, Purpose::PayloadMask), row_bytes)
}

/// P0: X' = p13(p12(X) ^ Z12) ^ Z13, to P2.
fn send_x(
    round: &mut Round<'_>,
    row_bytes: usize,
    half: &impl Half,
    (p12, p13): (&Permutation, &Permutation),
) -> Result<(), Error> {
    let order = p12.then(p13, round.context);
    let z12 = payload_masks(&round.streams, PartyId::P2, FIRST, row_bytes);
    let z13 = payload_masks(&round.streams, PartyId::P1, SECOND, row_bytes);
    let len = order.as_slice().len() * row_bytes;
    round
        .context
        .stream(PartyId::P2, ROWS.of(row_bytes), len, |offset, out| {
            let (first, count) = (offset / row_bytes, out.len() / row_bytes);
            gather(half, row_bytes, order.part(first, count), out);
            z12.xor_at(p13.part(first, count), out);
            z13.xor_from(first, out);
        })
}

/// P2: Y' = p12(Y) ^ Z12, to P1, while X' comes from P0.
fn swap_y(
    round: &mut Round<'_>,
    row_bytes: usize,
    half: &impl Half,
    p12: &Permutation,
) -> Result<Vec<u8>, Error> {
    let len = p12.as_slice().len() * row_bytes;
    let z12 = payload_masks(&round.streams, PartyId::P0, FIRST, row_bytes);
    let fill = |offset: usize, out: &mut [u8]| {
        let (first, count) = (offset / row_bytes, out.len() / row_bytes);
        gather(half, row_bytes, p12.part(first, count), out);
        z12.xor_from(first, out);
    };
    let context = &mut *round.context;
    let mut got = context.scratch(len);
    let mut outgoing = context.outgoing(PartyId::P1, ROWS.of(row_bytes), len);
    let mut incoming = Incoming::new(PartyId::P0, ROWS.of(row_bytes));
    let copy = |out: &mut [u8], got: &[u8]| out.copy_from_slice(got);
    while context.stream_some(&mut outgoing, fill)? {
        context.recv_some(&mut incoming, &mut got, copy)?;
    }
    while context.recv_some(&mut incoming, &mut got, copy)? {}
    Ok(got)
}

/// Rows that follow each other.
pub(crate) struct Packed {
    pub(crate) row_bytes: usize,
    pub(crate) bytes: Vec<u8>,
}

impl Half for Packed {
    fn write(&self, row: usize, out: &mut [u8]) {
        let at = row * self.row_bytes;
        if let Some(row) = self.bytes.get(at..at + self.row_bytes) {
            out.copy_from_slice(row);
        }
    }

    fn recycle(self, context: &mut Context) {
        context.recycle(self.bytes);
    }
}

/// P1 and P2 re-share the rows in wire order: y0 and y1 from seeds, y2 from their exchange.
fn deliver(
    context: &mut Context,
    streams: &Streams,
    peer: PartyId,
    payload: Payload,
    half: impl Fn(usize, &mut [u8]) + Sync,
) -> Result<Replies, Error> {
    let Payload {
        rows,
        row_bytes,
        silent,
        addend,
    } = payload;
    let rows = rows - silent;
    let seeds = reply_seeds(streams, PartyId::P0, rows);
    let mut replies = context.scratch(rows * row_bytes);
    context.combine(peer, REPLIES.of(row_bytes), &mut replies, |offset, out| {
        let first = offset / row_bytes;
        half(first, out);
        if let Some(addend) = &addend {
            bytes::xor(out, addend.get(offset..).unwrap_or_default());
        }
        for (row, seed) in out
            .chunks_exact_mut(row_bytes)
            .zip(seeds.iter().skip(first))
        {
            xor_seed(seed, row);
        }
    })?;
    context.recycle(addend.unwrap_or_default());
    Ok(Replies::Rows {
        row_bytes,
        bytes: replies,
        seeds,
    })
}

/// P0's replies: the seeds that it shares with P2 (y0) and with P1 (y1).
fn seeds(streams: &Streams, rows: usize) -> Replies {
    let [y0, y1] = [PartyId::P2, PartyId::P1].map(|peer| reply_seeds(streams, peer, rows));
    let seeds = y0.into_iter().zip(y1).map(|(y0, y1)| RowSeeds { y0, y1 });
    Replies::Seeds(seeds.collect())
}

/// The seeds of a component of the replies: shared between P0 and P1 or P2.
fn reply_seeds(streams: &Streams, peer: PartyId, rows: usize) -> Vec<[u8; SEED_BYTES]> {
    let mut seeds = vec![[0; SEED_BYTES]; rows];
    let stream = streams.with(peer, REPLIES, Purpose::Replies);
    stream.xor(0, seeds.as_flattened_mut());
    seeds
}
