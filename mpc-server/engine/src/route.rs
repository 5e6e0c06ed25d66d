//! The router (docs/protocol.md §6.6): moves every row's payload to the row that it is joined with.
//!
//! In:      `partners`, an involution on the wire ids held by (P0, P2), and payload rows.
//! Out:     the replies, in wire order.
//! Cost:    3 rounds, 4·L + 16 bytes a row of L.      Reveals: n.
//! Secure:  one semi-honest party. Tampering is not detected here (§7).
//!
//! A payload goes through one shuffle. Its halves are not masked once more at the end (no Z23): all
//! that is sent of them is masked for the re-sharing, and their holders keep the rest.

use mcmix_shared::party::PartyId;

use crate::{
    bytes,
    context::{Context, Incoming},
    error::Error,
    open,
    permutation::{Permutation, Rows},
    program::{Replies, RowSeeds},
    share::Split,
    shuffle::{Column, Known, Shuffle},
    step::{Phase, Step},
    stream::{Purpose, RowMasks, SEED_BYTES, Streams, xor_seed},
};

/// P0's or P2's half of the payload rows; P1's is never read.
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

const SHUFFLE: Step = Step::new(Phase::ShufflePayload, 0);
const ROWS: Step = Step::new(Phase::ShufflePayload, 1);
const OPEN: Step = Step::new(Phase::Deliver, 0);
const REPLIES: Step = Step::new(Phase::Deliver, 1);

/// Routes the payload.
pub(crate) fn route<H: Half>(
    context: &mut Context,
    streams: &Streams,
    partners: Split,
    payload: Payload,
    half: H,
) -> Result<Replies, Error> {
    let Payload {
        rows,
        row_bytes,
        silent,
        ..
    } = payload;
    debug_assert_eq!(partners.rows, rows);
    let roles = [PartyId::P0, PartyId::P2, PartyId::P1];
    context.phase(Phase::ShufflePayload);
    let shuffle = Shuffle::new(context, streams, SHUFFLE, roles, rows);
    let partners = Column::Secret(partners);
    match &shuffle.known {
        Known::S1 { p12, p13 } => {
            // The payload first: S2 sends its own before it waits for the partners.
            send_s1(context, streams, row_bytes, &half, (p12, p13))?;
            half.recycle(context);
            shuffle.send(context, streams, SHUFFLE, &partners)?;
            context.phase(Phase::Deliver);
            let replies = seeds(streams, rows - silent);
            context.end_phase();
            Ok(replies)
        }
        Known::S2 { p12, p23 } => {
            shuffle.send(context, streams, SHUFFLE, &partners)?;
            let got = swap_s2(context, streams, row_bytes, &half, p12)?;
            half.recycle(context);
            let partners = shuffle.receive(context, streams, SHUFFLE, partners)?;
            context.phase(Phase::Deliver);
            let opened = open::permutation(context, OPEN, partners)?;
            let order = p23.then(&opened.expect("S2 is a holder").inverse(), context);
            let got_rows = Rows::packed(&got, row_bytes);
            let reply_half = |first: usize, out: &mut [u8]| {
                order.gather(&got_rows, silent + first, out);
            };
            let replies = deliver(context, streams, PartyId::P1, payload, reply_half)?;
            context.recycle(got);
            Ok(replies)
        }
        Known::S3 { p13, p23 } => {
            half.recycle(context);
            let partners = shuffle.receive(context, streams, SHUFFLE, partners)?;
            let got = context.recv(PartyId::P2, ROWS.of(row_bytes), rows * row_bytes)?;
            context.phase(Phase::Deliver);
            let opened = open::permutation(context, OPEN, partners)?;
            let after_p13 = p23.then(&opened.expect("S3 is a holder").inverse(), context);
            let order = p13.then(&after_p13, context);
            let got_rows = Rows::packed(&got, row_bytes);
            let z13 = payload_masks(streams, PartyId::P0, row_bytes);
            let reply_half = |first: usize, out: &mut [u8]| {
                order.gather(&got_rows, silent + first, out);
                z13.xor_at(after_p13.part(silent + first, out.len() / row_bytes), out);
            };
            let replies = deliver(context, streams, PartyId::P2, payload, reply_half)?;
            context.recycle(got);
            Ok(replies)
        }
    }
}

fn payload_masks(streams: &Streams, peer: PartyId, row_bytes: usize) -> RowMasks {
    RowMasks::seekable(streams.with(peer, ROWS, Purpose::ShuffleMask), row_bytes)
}

/// S1: X' = p13(p12(X) ^ Z12) ^ Z13, to S2.
fn send_s1(
    context: &mut Context,
    streams: &Streams,
    row_bytes: usize,
    half: &impl Half,
    (p12, p13): (&Permutation, &Permutation),
) -> Result<(), Error> {
    let order = p12.then(p13, context);
    let z12 = payload_masks(streams, PartyId::P2, row_bytes);
    let z13 = payload_masks(streams, PartyId::P1, row_bytes);
    let len = order.as_slice().len() * row_bytes;
    context.stream(PartyId::P2, ROWS.of(row_bytes), len, |offset, out| {
        let (first, count) = (offset / row_bytes, out.len() / row_bytes);
        gather(half, row_bytes, order.part(first, count), out);
        z12.xor_at(p13.part(first, count), out);
        z13.xor_from(first, out);
    })
}

/// S2: Y' = p12(Y) ^ Z12, to S3, while X' comes from S1.
fn swap_s2(
    context: &mut Context,
    streams: &Streams,
    row_bytes: usize,
    half: &impl Half,
    p12: &Permutation,
) -> Result<Vec<u8>, Error> {
    let len = p12.as_slice().len() * row_bytes;
    let z12 = payload_masks(streams, PartyId::P0, row_bytes);
    let fill = |offset: usize, out: &mut [u8]| {
        let (first, count) = (offset / row_bytes, out.len() / row_bytes);
        gather(half, row_bytes, p12.part(first, count), out);
        z12.xor_from(first, out);
    };
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
    context.end_phase();
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
