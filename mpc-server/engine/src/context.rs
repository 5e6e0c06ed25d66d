//! What a party keeps from message to message and from round to round.

use core::{fmt, ops::Range};
use std::time::{Duration, Instant};

use mcmix_shared::party::PartyId;
use rayon::prelude::*;

use crate::{
    bytes,
    error::Error,
    link::Link,
    step::{Phase, Step},
    stream::{PairKeys, Streams},
};

/// Most rows in a round.
pub const MAX_ROWS: usize = 1 << 30;
/// Vectors are sent in chunks of about this size, so that sending overlaps computing.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Round (8), step (3), chunk (4), logical clock (4).
pub const HEADER_BYTES: usize = 19;

/// How many ways the sort splits at a time: wider saves rounds, narrower saves bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortWidth(u8);

impl SortWidth {
    /// Fewest bytes: binary splits.
    pub const NARROWEST: Self = Self(2);
    /// Fewest rounds.
    pub const WIDEST: Self = Self(16);

    /// Splits `ways` ways, 2 to 16.
    pub fn new(ways: u8) -> Self {
        Self(ways.clamp(Self::NARROWEST.0, Self::WIDEST.0))
    }

    /// Chooses for a round trip as measured between the parties.
    ///
    /// All parties must use the same width: the leader measures and tells the others.
    pub fn for_round_trip(round_trip: Duration) -> Self {
        match round_trip.as_micros() {
            0..1_000 => Self(2),
            1_000..5_000 => Self(4),
            5_000..20_000 => Self(6),
            _ => Self(8),
        }
    }

    /// Returns the number of ways.
    pub const fn ways(self) -> usize {
        self.0 as usize
    }
}

/// What the operator chooses.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Threads that this party computes with.
    pub threads: usize,
    /// How wide the sort is; equal at all parties.
    pub sort_width: SortWidth,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            sort_width: SortWidth::NARROWEST,
        }
    }
}

/// Counts of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Communication rounds: the longest chain of messages that ends at this party.
    pub rounds: u32,
    /// Bytes sent to the next party, headers included.
    pub sent_to_next: u64,
    /// Bytes sent to the previous party, headers included.
    pub sent_to_prev: u64,
    /// Wall time by phase, in order.
    pub phases: Vec<(Phase, Duration)>,
}

impl Statistics {
    /// Returns the wall time of the matcher.
    pub fn match_time(&self) -> Duration {
        self.sum(|phase| !phase.is_route())
    }

    /// Returns the wall time of the router.
    pub fn route_time(&self) -> Duration {
        self.sum(Phase::is_route)
    }

    fn sum(&self, include: impl Fn(Phase) -> bool) -> Duration {
        let phases = self.phases.iter();
        phases.filter(|(p, _)| include(*p)).map(|(_, t)| t).sum()
    }
}

/// One party's end of the computation: its keys, its link, its buffers.
///
/// Lives as long as the links to both peers do; [`Self::begin`] before each program.
pub struct Context {
    party: PartyId,
    keys: PairKeys,
    link: Box<dyn Link>,
    settings: Settings,
    workers: Option<rayon::ThreadPool>,
    /// The last round begun.
    last: Option<u64>,
    /// Whether a program may still run in it.
    open: bool,
    /// Longest chain of messages so far; a vector's chunks all carry what it was at their start.
    clock: u32,
    statistics: Statistics,
    phase_began: Option<(Phase, Instant)>,
    /// Frames that were read and can be filled again.
    frames: Vec<Vec<u8>>,
    /// Vectors to be used again.
    buffers: Vec<Vec<u8>>,
    #[cfg(test)]
    pub(crate) probe: crate::tests::probe::Probe,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("party", &self.party)
            .field("round", &self.last)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Makes a party's context over fresh links with fresh keys.
    pub fn new(
        party: PartyId,
        keys: PairKeys,
        link: impl Link + 'static,
        settings: Settings,
    ) -> Self {
        // Without a pool everything still works, on the calling thread.
        let workers = (settings.threads > 1).then(|| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(settings.threads)
                .thread_name(move |i| format!("mpc-{party}-{i}"))
                .build()
                .ok()
        });
        Self {
            party,
            keys,
            link: Box::new(link),
            settings,
            workers: workers.flatten(),
            last: None,
            open: false,
            clock: 0,
            statistics: Statistics::default(),
            phase_began: None,
            frames: Vec::new(),
            buffers: Vec::new(),
            #[cfg(test)]
            probe: Default::default(),
        }
    }

    /// Opens a round. Its number must be larger than any before under these keys.
    ///
    /// # Errors
    /// [`Error::RoundReused`].
    pub fn begin(&mut self, round: u64) -> Result<(), Error> {
        if let Some(last) = self.last.filter(|&last| round <= last) {
            return Err(Error::RoundReused { last, got: round });
        }
        self.last = Some(round);
        self.open = true;
        self.clock = 0;
        self.statistics = Statistics::default();
        self.phase_began = None;
        Ok(())
    }

    /// Sets the sort's width from the next round on; equal at all parties.
    pub fn set_sort_width(&mut self, width: SortWidth) {
        self.settings.sort_width = width;
    }

    /// Returns this party.
    pub const fn party(&self) -> PartyId {
        self.party
    }

    /// Returns the counts of the current or last round.
    pub const fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Returns an empty vector, with the memory of an earlier round if there is some.
    pub fn buffer(&mut self) -> Vec<u8> {
        // The largest first: payload vectors are the ones worth keeping.
        let largest =
            (0..self.buffers.len()).max_by_key(|&i| self.buffers.get(i).map(Vec::capacity));
        let mut buffer = largest.map_or_else(Vec::new, |i| self.buffers.swap_remove(i));
        buffer.clear();
        buffer
    }

    /// Keeps a vector's memory for later rounds.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        const KEPT: usize = 32;
        if buffer.capacity() > 0 && self.buffers.len() < KEPT {
            self.buffers.push(buffer);
        }
    }

    pub(crate) const fn sort_width(&self) -> SortWidth {
        self.settings.sort_width
    }

    /// Starts a program: each round runs one.
    pub(crate) fn enter(&mut self) -> Result<Streams, Error> {
        let round = self.last.filter(|_| self.open).ok_or(Error::NoRound)?;
        self.open = false;
        Ok(Streams::new(self.party, self.keys.clone(), round))
    }

    /// Marks the beginning of a phase, for the statistics.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.end_phase();
        tracing::trace!(%phase, "phase");
        self.phase_began = Some((phase, Instant::now()));
    }

    /// Marks the end of the last phase.
    pub(crate) fn end_phase(&mut self) {
        if let Some((phase, began)) = self.phase_began.take() {
            self.statistics.phases.push((phase, began.elapsed()));
        }
    }

    /// Returns a vector of `len` bytes of any content, from recycled memory if there is some.
    pub(crate) fn scratch(&mut self, len: usize) -> Vec<u8> {
        // The smallest that is large enough.
        let fit = (0..self.buffers.len())
            .filter_map(|i| Some((self.buffers.get(i)?.capacity(), i)))
            .filter(|&(capacity, _)| capacity >= len)
            .min();
        let mut buffer = fit.map_or_else(Vec::new, |(_, i)| self.buffers.swap_remove(i));
        buffer.resize(len, 0);
        buffer
    }

    // Chunks: local work and messages are cut at the same places.

    /// Fills `out` chunk by chunk, in parallel. `op` gets a chunk's byte offset and the chunk.
    pub(crate) fn fill(&self, out: &mut [u8], unit: usize, op: impl Fn(usize, &mut [u8]) + Sync) {
        let chunk = chunk_bytes(unit);
        match &self.workers {
            Some(workers) if out.len() > chunk => workers.install(|| {
                out.par_chunks_mut(chunk)
                    .enumerate()
                    .for_each(|(i, part)| op(i * chunk, part));
            }),
            _ => (0..)
                .zip(out.chunks_mut(chunk))
                .for_each(|(i, part)| op(i * chunk, part)),
        }
    }

    /// Fills `data` with `op` and sends it to the peers, chunk by chunk.
    pub(crate) fn produce(
        &mut self,
        to: &[PartyId],
        step: Step,
        unit: usize,
        data: &mut [u8],
        op: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let group = chunk_bytes(unit) * self.width();
        let mut cursors: Vec<_> = to
            .iter()
            .map(|&peer| self.outgoing(peer, step, unit, data.len()))
            .collect();
        for (i, part) in data.chunks_mut(group).enumerate() {
            self.fill(part, unit, |offset, chunk| op(i * group + offset, chunk));
            for out in &mut cursors {
                self.send_next(out, part)?;
            }
        }
        Ok(())
    }

    /// Sends `len` bytes made by `op`, chunk by chunk, without keeping them.
    pub(crate) fn stream(
        &mut self,
        to: PartyId,
        step: Step,
        unit: usize,
        len: usize,
        op: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let mut out = self.outgoing(to, step, unit, len);
        while self.stream_some(&mut out, &op)? {}
        Ok(())
    }

    /// Sends the next few chunks of a vector; `false` when there are no more.
    pub(crate) fn stream_some(
        &mut self,
        out: &mut Outgoing,
        op: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<bool, Error> {
        let mut frames = Vec::with_capacity(self.width());
        while frames.len() < self.width() {
            let Some(range) = out.next_range() else { break };
            let header = self.header(out, range.start);
            let mut frame = self.frames.pop().unwrap_or_default();
            frame.clear();
            frame.extend_from_slice(&header);
            frame.resize(HEADER_BYTES + range.len(), 0);
            frames.push((range, frame));
        }
        let fill = |(range, frame): &mut (Range<usize>, Vec<u8>)| {
            let body = frame.get_mut(HEADER_BYTES..).unwrap_or_default();
            op(range.start, body);
        };
        match &self.workers {
            Some(workers) if frames.len() > 1 => {
                workers.install(|| frames.par_iter_mut().for_each(fill));
            }
            _ => frames.iter_mut().for_each(fill),
        }
        for (_, frame) in frames {
            self.send_frame(out.to, out.step, frame)?;
        }
        Ok(out.at < out.len)
    }

    /// Sends a vector that is already there.
    pub(crate) fn send(
        &mut self,
        to: PartyId,
        step: Step,
        unit: usize,
        data: &[u8],
    ) -> Result<(), Error> {
        let mut out = self.outgoing(to, step, unit, data.len());
        self.send_next(&mut out, data)
    }

    /// Begins to send a vector: its place in the chain of messages is fixed here.
    pub(crate) fn outgoing(&self, to: PartyId, step: Step, unit: usize, len: usize) -> Outgoing {
        Outgoing {
            to,
            step,
            chunk: chunk_bytes(unit),
            at: 0,
            len,
            clock: self.clock,
        }
    }

    /// Sends the next part of a vector, a whole number of chunks or its end.
    fn send_next(&mut self, out: &mut Outgoing, part: &[u8]) -> Result<(), Error> {
        for chunk in part.chunks(out.chunk) {
            let header = self.header(out, out.at);
            out.at += chunk.len();
            let mut frame = self.frames.pop().unwrap_or_default();
            frame.clear();
            frame.reserve(HEADER_BYTES + chunk.len());
            frame.extend_from_slice(&header);
            frame.extend_from_slice(chunk);
            self.send_frame(out.to, out.step, frame)?;
        }
        Ok(())
    }

    /// Sends the first vector, as `fill` makes it, to the first peer while the second vector, as
    /// long, comes from the second peer.
    pub(crate) fn exchange(
        &mut self,
        [to, from]: [PartyId; 2],
        step: Step,
        unit: usize,
        [mine, theirs]: [&mut [u8]; 2],
        fill: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let group = chunk_bytes(unit) * self.width();
        let mut at = 0;
        let mut out = self.outgoing(to, step, unit, mine.len());
        for (i, part) in mine.chunks_mut(group).enumerate() {
            self.fill(part, unit, |offset, chunk| fill(i * group + offset, chunk));
            self.send_next(&mut out, part)?;
            // One group behind, so that the peer's is likely to be there.
            if i > 0 {
                self.recv_some(from, step, unit, theirs, &mut at, |_, out, got| {
                    out.copy_from_slice(got);
                })?;
            }
        }
        while at < theirs.len() {
            self.recv_some(from, step, unit, theirs, &mut at, |_, out, got| {
                out.copy_from_slice(got);
            })?;
        }
        Ok(())
    }

    /// Sends `data`, as `fill` makes it, to a peer and XORs the peer's into it.
    pub(crate) fn combine(
        &mut self,
        peer: PartyId,
        step: Step,
        unit: usize,
        data: &mut [u8],
        fill: impl Fn(usize, &mut [u8]) + Sync,
    ) -> Result<(), Error> {
        let group = chunk_bytes(unit) * self.width();
        let mut at = 0;
        let mut out = self.outgoing(peer, step, unit, data.len());
        for (i, start) in (0..data.len()).step_by(group).enumerate() {
            let end = data.len().min(start + group);
            let part = data.get_mut(start..end).unwrap_or_default();
            self.fill(part, unit, |offset, chunk| fill(start + offset, chunk));
            self.send_next(&mut out, part)?;
            if i > 0 {
                self.recv_some(peer, step, unit, data, &mut at, |_, out, got| {
                    bytes::xor(out, got)
                })?;
            }
        }
        while at < data.len() {
            self.recv_some(peer, step, unit, data, &mut at, |_, out, got| {
                bytes::xor(out, got)
            })?;
        }
        Ok(())
    }

    /// Receives a vector of `len` bytes.
    pub(crate) fn recv(
        &mut self,
        from: PartyId,
        step: Step,
        unit: usize,
        len: usize,
    ) -> Result<Vec<u8>, Error> {
        let mut data = self.scratch(len);
        self.recv_into(from, step, unit, &mut data, |_, out, got| {
            out.copy_from_slice(got)
        })?;
        Ok(data)
    }

    /// Receives a vector as long as `data` and hands it to `op` chunk by chunk: the chunk's
    /// offset, its place in `data`, and what came, of equal length.
    pub(crate) fn recv_into(
        &mut self,
        from: PartyId,
        step: Step,
        unit: usize,
        data: &mut [u8],
        op: impl Fn(usize, &mut [u8], &[u8]) + Sync,
    ) -> Result<(), Error> {
        let mut at = 0;
        while self.recv_some(from, step, unit, data, &mut at, &op)? {}
        Ok(())
    }

    /// Receives the next few chunks of a vector; `false` when all have come.
    #[expect(
        clippy::too_many_arguments,
        reason = "a cursor and a closure beside the usual four"
    )]
    pub(crate) fn recv_some(
        &mut self,
        from: PartyId,
        step: Step,
        unit: usize,
        data: &mut [u8],
        at: &mut usize,
        op: impl Fn(usize, &mut [u8], &[u8]) + Sync,
    ) -> Result<bool, Error> {
        let chunk = chunk_bytes(unit);
        let len = data.len();
        let rest = data.get_mut(*at..).unwrap_or_default();
        let mut parts = Vec::with_capacity(self.width());
        for part in rest.chunks_mut(chunk).take(self.width()) {
            let frame = self.recv_frame(from, step, *at / chunk, part.len())?;
            let offset = *at;
            *at += part.len();
            parts.push((offset, part, frame));
        }
        let consume = |(offset, part, frame): &mut (usize, &mut [u8], Vec<u8>)| {
            op(*offset, part, frame.get(HEADER_BYTES..).unwrap_or_default());
        };
        match &self.workers {
            Some(workers) if parts.len() > 1 => {
                workers.install(|| parts.par_iter_mut().for_each(consume));
            }
            _ => parts.iter_mut().for_each(consume),
        }
        for (_, _, frame) in parts {
            self.keep_frame(frame);
        }
        Ok(*at < len)
    }

    /// Notes what has been opened to this party, for tests of what a party sees.
    #[cfg(test)]
    pub(crate) fn saw(&mut self, step: Step, bytes: &[u8], row_bytes: usize) {
        self.probe.saw(step, bytes, row_bytes);
    }

    /// Nothing is noted outside tests.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests note what was seen")]
    pub(crate) const fn saw(&self, _: Step, _: &[u8], _: usize) {}

    /// Returns the step that a lookup's key belongs to; tests make the mistake of sharing one.
    #[cfg(test)]
    pub(crate) fn lookup_step(&self, step: Step) -> Step {
        self.probe.lookup_step(step)
    }

    /// Returns the step that a lookup's key belongs to: its own.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests make a mistake here")]
    pub(crate) const fn lookup_step(&self, step: Step) -> Step {
        step
    }

    /// Leaves tie-breaks as they are; tests make the mistake of doing without.
    #[cfg(test)]
    pub(crate) fn break_no_ties(&self, ties: &mut crate::reshare::ShuffledShare) {
        self.probe.break_no_ties(ties);
    }

    /// Leaves tie-breaks as they are.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests make a mistake here")]
    pub(crate) const fn break_no_ties(&self, _: &mut crate::reshare::ShuffledShare) {}

    fn width(&self) -> usize {
        self.workers.as_ref().map_or(1, |_| self.settings.threads)
    }

    fn keep_frame(&mut self, frame: Vec<u8>) {
        const KEPT: usize = 64;
        if self.frames.len() < KEPT {
            self.frames.push(frame);
        }
    }

    fn header(&self, out: &Outgoing, offset: usize) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        let round = self.last.unwrap_or_default().to_le_bytes();
        let fields = round.into_iter().chain(out.step.to_bytes());
        let fields = fields.chain(((offset / out.chunk) as u32).to_le_bytes());
        let fields = fields.chain(out.clock.to_le_bytes());
        header.iter_mut().zip(fields).for_each(|(h, f)| *h = f);
        header
    }

    fn send_frame(&mut self, to: PartyId, step: Step, frame: Vec<u8>) -> Result<(), Error> {
        let sent = if to == self.party.next() {
            &mut self.statistics.sent_to_next
        } else {
            &mut self.statistics.sent_to_prev
        };
        *sent += frame.len() as u64;
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

/// A vector that is sent a few chunks at a time.
#[derive(Debug)]
pub(crate) struct Outgoing {
    to: PartyId,
    step: Step,
    chunk: usize,
    at: usize,
    len: usize,
    clock: u32,
}

impl Outgoing {
    fn next_range(&mut self) -> Option<Range<usize>> {
        let range = self.at..self.len.min(self.at + self.chunk);
        self.at = range.end;
        (!range.is_empty()).then_some(range)
    }
}

/// Returns the length of a chunk: a whole number of `unit` bytes, at least one.
fn chunk_bytes(unit: usize) -> usize {
    unit * (CHUNK_BYTES / unit).max(1)
}
