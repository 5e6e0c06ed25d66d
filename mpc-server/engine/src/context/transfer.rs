//! Vectors on their way: cut into chunks, labelled, checked; computed and sent side by side.

use core::ops::Range;

use mcmix_shared::party::PartyId;
use rayon::prelude::*;

use super::Context;
use super::hashes::{Chain, Hash};
use crate::{
    bytes,
    error::Error,
    step::{Step, Vector},
};

/// Vectors are sent in chunks of about this size, so that sending overlaps computing.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Round (8), step (3), chunk (4), logical clock (4).
pub const HEADER_BYTES: usize = 19;
/// What of a header is hashed: all but the clock.
const PROVED_HEADER_BYTES: usize = HEADER_BYTES - 4;
/// Frames kept to be filled again.
const FRAMES_KEPT: usize = 16;

/// A vector that is sent a few chunks at a time.
#[derive(Debug)]
pub(crate) struct Outgoing {
    to: PartyId,
    vector: Vector,
    at: usize,
    len: usize,
    clock: u32,
}

/// A vector that is received a few chunks at a time.
#[derive(Debug)]
pub(crate) struct Incoming {
    from: PartyId,
    vector: Vector,
    at: usize,
}

impl Incoming {
    pub(crate) const fn new(from: PartyId, vector: Vector) -> Self {
        Self {
            from,
            vector,
            at: 0,
        }
    }
}

impl Outgoing {
    /// Returns where the next chunk before `end` stands.
    fn next_range(&mut self, end: usize) -> Option<Range<usize>> {
        let range = self.at..end.min(self.at + chunk_bytes(self.vector));
        self.at = range.end;
        (!range.is_empty()).then_some(range)
    }
}

/// Returns the length of a chunk: a whole number of units, at least one.
fn chunk_bytes(vector: Vector) -> usize {
    vector.unit * (CHUNK_BYTES / vector.unit).max(1)
}

impl Context {
    /// Fills `out` chunk by chunk, each a whole number of units, on this party's threads. `op`
    /// gets a chunk's offset and the chunk.
    ///
    /// # Panics
    /// If `unit` is 0.
    pub fn fill<T: Send>(&self, out: &mut [T], unit: usize, op: impl Fn(usize, &mut [T]) + Sync) {
        let chunk = unit * (CHUNK_BYTES / size_of::<T>() / unit).max(1);
        match &self.workers {
            Some(workers) if out.len() > chunk => workers.install(|| {
                let chunks = out.par_chunks_mut(chunk).enumerate();
                chunks.for_each(|(i, part)| op(i * chunk, part));
            }),
            _ => {
                for (i, part) in out.chunks_mut(chunk).enumerate() {
                    op(i * chunk, part);
                }
            }
        }
    }

    /// Fills vectors of one length side by side, as [`Self::fill`] does one.
    pub(crate) fn fill_all<const N: usize>(
        &self,
        vectors: [&mut [u8]; N],
        unit: usize,
        op: impl Fn(usize, [&mut [u8]; N]) + Sync,
    ) {
        let chunk = unit * (CHUNK_BYTES / unit).max(1);
        let len = vectors.first().map_or(0, |vector| vector.len());
        let mut chunks = vectors.map(|vector| vector.chunks_mut(chunk));
        let mut parts: Vec<_> = (0..len)
            .step_by(chunk)
            .map(|offset| (offset, chunks.each_mut().map(Iterator::next)))
            .collect();
        self.each(&mut parts, |(offset, parts)| {
            let parts = parts.each_mut();
            op(
                *offset,
                parts.map(|part| part.as_deref_mut().unwrap_or_default()),
            );
        });
    }

    /// Does the same to some things, on this party's threads.
    pub(crate) fn each<T: Send>(&self, things: &mut [T], op: impl Fn(&mut T) + Sync + Send) {
        side_by_side(self.workers.as_ref(), things, op);
    }

    /// Begins to send a vector: its place in the chain of messages is fixed here.
    pub(crate) const fn outgoing(&self, to: PartyId, vector: Vector, len: usize) -> Outgoing {
        Outgoing {
            to,
            vector,
            at: 0,
            len,
            clock: self.clock,
        }
    }

    /// Sends a vector that is already there.
    pub(crate) fn send(&mut self, to: PartyId, vector: Vector, data: &[u8]) -> Result<(), Error> {
        let mut out = self.outgoing(to, vector, data.len());
        self.send_next(&mut out, data)
    }

    /// Fills vectors of one length as `op` does, and sends the first of them chunk by chunk.
    pub(crate) fn produce<const N: usize>(
        &mut self,
        to: PartyId,
        vector: Vector,
        vectors: [&mut [u8]; N],
        op: impl Fn(usize, [&mut [u8]; N]) + Sync,
    ) -> Result<(), Error> {
        let group = self.group_bytes(vector);
        let len = vectors.first().map_or(0, |vector| vector.len());
        let mut out = self.outgoing(to, vector, len);
        let mut groups = vectors.map(|vector| vector.chunks_mut(group));
        for start in (0..len).step_by(group) {
            let mut parts = groups
                .each_mut()
                .map(|groups| groups.next().unwrap_or_default());
            let filled = parts.each_mut().map(|part| &mut **part);
            self.fill_all(filled, vector.unit, |offset, parts| {
                op(start + offset, parts);
            });
            if let Some(sent) = parts.first() {
                self.send_next(&mut out, sent)?;
            }
        }
        Ok(())
    }

    /// Sends `len` bytes made by `op`, chunk by chunk, without keeping them.
    pub(crate) fn stream(
        &mut self,
        to: PartyId,
        vector: Vector,
        len: usize,
        op: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let mut out = self.outgoing(to, vector, len);
        while self.stream_some(&mut out, &op)? {}
        Ok(())
    }

    /// Sends the next few chunks of a vector; `false` when there are no more.
    pub(crate) fn stream_some(
        &mut self,
        out: &mut Outgoing,
        op: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<bool, Error> {
        self.send_some(out, out.len, op)?;
        Ok(out.at < out.len)
    }

    /// Sends the next few chunks that stand before `end`, each made and hashed by one thread.
    fn send_some(
        &mut self,
        out: &mut Outgoing,
        end: usize,
        op: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let mut chunks = Vec::with_capacity(self.width());
        while chunks.len() < self.width() {
            let Some(range) = out.next_range(end) else {
                break;
            };
            let frame = self.frame(out, range.start, range.len());
            chunks.push((range, frame, None));
        }
        let chain = self.hashes.sent(self.party, out.to);
        let make = |(range, frame, hash): &mut (Range<usize>, Vec<u8>, Option<Hash>)| {
            frame.resize(HEADER_BYTES + range.len(), 0);
            op(
                range.start,
                frame.get_mut(HEADER_BYTES..).unwrap_or_default(),
            );
            *hash = hash_of(chain, out.vector.step, frame);
        };
        side_by_side(self.workers.as_ref(), &mut chunks, make);
        for (_, frame, hash) in chunks {
            self.send_frame(out.to, out.vector, frame, hash)?;
        }
        Ok(())
    }

    /// Sends `data`, as `fill` makes it, to a peer and XORs the peer's into it.
    pub(crate) fn combine(
        &mut self,
        peer: PartyId,
        vector: Vector,
        data: &mut [u8],
        fill: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let group = self.group_bytes(vector);
        let mut out = self.outgoing(peer, vector, data.len());
        let mut incoming = Incoming::new(peer, vector);
        for start in (0..data.len()).step_by(group) {
            let end = data.len().min(start + group);
            let part = data.get_mut(start..end).unwrap_or_default();
            self.fill(part, vector.unit, |offset, chunk| {
                fill(start + offset, chunk);
            });
            self.send_next(&mut out, part)?;
            if start > 0 {
                self.recv_some(&mut incoming, data, add)?;
            }
        }
        while self.recv_some(&mut incoming, data, add)? {}
        Ok(())
    }

    /// Receives a vector of `len` bytes.
    pub(crate) fn recv(
        &mut self,
        from: PartyId,
        vector: Vector,
        len: usize,
    ) -> Result<Vec<u8>, Error> {
        let mut data = self.scratch(len);
        let mut incoming = Incoming::new(from, vector);
        while self.recv_some(&mut incoming, &mut data, copy)? {}
        Ok(data)
    }

    /// Receives the next few chunks of a vector as long as `data` and has `op` put each into its
    /// place in `data`; `false` when all have come.
    pub(crate) fn recv_some(
        &mut self,
        incoming: &mut Incoming,
        data: &mut [u8],
        op: impl Fn(&mut [u8], &[u8]) + Sync,
    ) -> Result<bool, Error> {
        let Incoming { from, vector, at } = incoming;
        let chunk = chunk_bytes(*vector);
        let len = data.len();
        let rest = data.get_mut(*at..).unwrap_or_default();
        let mut parts = Vec::with_capacity(self.width());
        for part in rest.chunks_mut(chunk).take(self.width()) {
            let frame = self.recv_frame(*from, vector.step, *at / chunk, part.len())?;
            *at += part.len();
            parts.push((part, frame, None));
        }
        let chain = self.hashes.received(self.party, *from);
        let consume = |(part, frame, hash): &mut (&mut [u8], Vec<u8>, Option<Hash>)| {
            op(part, frame.get(HEADER_BYTES..).unwrap_or_default());
            *hash = hash_of(chain, vector.step, frame);
        };
        side_by_side(self.workers.as_ref(), &mut parts, consume);
        for (_, frame, hash) in parts {
            self.hashes.received(self.party, *from).add(hash);
            if self.frames.len() < FRAMES_KEPT {
                self.frames.push(frame);
            }
        }
        Ok(*at < len)
    }

    /// Chunks that are worked on side by side.
    fn width(&self) -> usize {
        self.workers.as_ref().map_or(1, |_| self.settings.threads)
    }

    fn group_bytes(&self, vector: Vector) -> usize {
        chunk_bytes(vector) * self.width()
    }

    /// Sends the next part of a vector: a whole number of chunks, or its end.
    fn send_next(&mut self, out: &mut Outgoing, part: &[u8]) -> Result<(), Error> {
        let start = out.at;
        let end = start + part.len();
        while out.at < end {
            self.send_some(out, end, |offset, chunk| {
                let from = part.get(offset - start..).unwrap_or_default();
                chunk.copy_from_slice(from.get(..chunk.len()).unwrap_or_default());
            })?;
        }
        Ok(())
    }

    /// Makes the frame of the chunk at `offset`, with its header only.
    fn frame(&mut self, out: &Outgoing, offset: usize, len: usize) -> Vec<u8> {
        let spare = self.frames.pop().or_else(|| self.link.spare());
        let mut frame = spare.unwrap_or_default();
        frame.clear();
        frame.reserve(HEADER_BYTES + len);
        frame.extend_from_slice(&self.last.unwrap_or_default().to_le_bytes());
        frame.extend_from_slice(&out.vector.step.to_bytes());
        frame.extend_from_slice(&((offset / chunk_bytes(out.vector)) as u32).to_le_bytes());
        frame.extend_from_slice(&out.clock.to_le_bytes());
        frame
    }

    fn send_frame(
        &mut self,
        to: PartyId,
        vector: Vector,
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests make a party cheat"))]
        mut frame: Vec<u8>,
        hash: Option<Hash>,
    ) -> Result<(), Error> {
        let step = vector.step;
        #[cfg(test)]
        let hash = if self.probe.cheat(to, step, vector.unit, &mut frame) {
            hash_of(self.hashes.sent(self.party, to), step, &frame)
        } else {
            hash
        };
        let sent = if to == self.party.next() {
            &mut self.statistics.sent_to_next
        } else {
            &mut self.statistics.sent_to_prev
        };
        *sent += frame.len() as u64;
        self.hashes.sent(self.party, to).add(hash);
        let result = self.link.send(to, frame);
        result.map_err(|source| Error::Link {
            peer: to,
            step,
            source,
        })
    }

    fn recv_frame(
        &mut self,
        peer: PartyId,
        step: Step,
        chunk: usize,
        expected: usize,
    ) -> Result<Vec<u8>, Error> {
        let frame = self.link.recv(peer);
        let frame = frame.map_err(|source| Error::Link { peer, step, source })?;
        let Some((header, body)) = frame.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Error::NoHeader {
                peer,
                step,
                got: frame.len(),
            });
        };
        let [
            r0,
            r1,
            r2,
            r3,
            r4,
            r5,
            r6,
            r7,
            s0,
            s1,
            s2,
            c0,
            c1,
            c2,
            c3,
            t0,
            t1,
            t2,
            t3,
        ] = *header;
        let round = u64::from_le_bytes([r0, r1, r2, r3, r4, r5, r6, r7]);
        let this = self.last.unwrap_or_default();
        if round != this {
            return Err(Error::WrongRound {
                peer,
                step,
                expected: this,
                got: round,
            });
        }
        if [s0, s1, s2] != step.to_bytes() {
            return Err(Error::WrongStep {
                peer,
                step,
                got: [s0, s1, s2],
            });
        }
        let got = u32::from_le_bytes([c0, c1, c2, c3]);
        if got != chunk as u32 {
            return Err(Error::WrongChunk {
                peer,
                step,
                expected: chunk as u32,
                got,
            });
        }
        if body.len() != expected {
            return Err(Error::WrongLength {
                peer,
                step,
                expected,
                got: body.len(),
            });
        }
        let clock = u32::from_le_bytes([t0, t1, t2, t3]).saturating_add(1);
        self.clock = self.clock.max(clock);
        self.statistics.rounds = self.clock;
        Ok(frame)
    }
}

/// Hashes a frame, all but its clock, if what it carries is proved.
fn hash_of(chain: &Chain, step: Step, frame: &[u8]) -> Option<Hash> {
    let (header, body) = frame.split_at_checked(HEADER_BYTES)?;
    let (proved, _clock) = header.split_at_checked(PROVED_HEADER_BYTES)?;
    step.is_proved().then(|| chain.hash([proved, body]))
}

/// Does the same to some things: on these threads if there are several, else on this one.
fn side_by_side<T: Send>(
    workers: Option<&rayon::ThreadPool>,
    things: &mut [T],
    op: impl Fn(&mut T) + Sync + Send,
) {
    match workers {
        Some(workers) if things.len() > 1 => {
            workers.install(|| things.par_iter_mut().for_each(op));
        }
        _ => things.iter_mut().for_each(op),
    }
}

fn copy(out: &mut [u8], got: &[u8]) {
    out.copy_from_slice(got);
}

fn add(out: &mut [u8], got: &[u8]) {
    bytes::xor(out, got);
}
