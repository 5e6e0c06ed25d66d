//! What a party keeps from message to message and from round to round.

mod hashes;
mod transfer;

use core::fmt;
use std::time::{Duration, Instant};

use mcmix_shared::party::PartyId;

use crate::{
    context::hashes::Hashes,
    error::Error,
    link::Link,
    proof::Memory,
    round::Round,
    step::{Phase, Step},
    stream::{PairKeys, Streams},
};

/// Most rows in a round.
pub const MAX_ROWS: usize = 1 << 30;
/// Bytes of the largest vector whose memory is kept. With larger ones a party would hold much that it
/// has no use for at the time: a million rows have 160 MB of messages, and 300 MB in a proof.
pub(crate) const LARGEST_SPARE: usize = 1 << 26;
pub(crate) use transfer::Incoming;
pub use transfer::{CHUNK_BYTES, HEADER_BYTES};

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
    /// Wall time of making proofs and of examining those of the others; part of the phases' times.
    pub proof_time: Duration,
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

/// Memory to be used again.
struct Spare {
    buffer: Vec<u8>,
    /// Whether nothing has used it since the last round began.
    idle: bool,
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
    /// Of what is to be proved.
    hashes: Hashes,
    /// Frames that were read and can be filled again.
    frames: Vec<Vec<u8>>,
    /// Vectors to be used again.
    spares: Vec<Spare>,
    /// Memory of proofs.
    pub(crate) memory: Memory,
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
            hashes: Hashes::default(),
            frames: Vec::new(),
            spares: Vec::new(),
            memory: Memory::default(),
            #[cfg(test)]
            probe: crate::tests::probe::Probe::default(),
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
        // What a whole round had no use for, the next one hardly has.
        self.spares.retain(|spare| !spare.idle);
        self.spares.iter_mut().for_each(|spare| spare.idle = true);
        Ok(())
    }

    /// Goes on over another link, of the same pairs of parties: that of the next round, or, between
    /// two rounds, [`Closed`](crate::link::Closed).
    pub fn set_link(&mut self, link: impl Link + 'static) {
        self.link = Box::new(link);
    }

    /// Runs something in parallel (rayon's) on the threads that this party computes with.
    pub fn on_workers<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if let Some(workers) = &self.workers {
            return workers.install(work);
        }
        // Else it would run on all cores.
        match rayon::ThreadPoolBuilder::new().num_threads(1).build() {
            Ok(alone) => alone.install(work),
            Err(_) => work(),
        }
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

    /// Keeps a vector's memory, for as long as rounds have a use for it; not that of a large one.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        if (1..=LARGEST_SPARE).contains(&buffer.capacity()) {
            let idle = false;
            self.spares.push(Spare { buffer, idle });
        }
    }

    pub(crate) const fn sort_width(&self) -> SortWidth {
        self.settings.sort_width
    }

    /// Starts a program: each round runs one.
    pub(crate) fn enter(&mut self) -> Result<Round<'_>, Error> {
        let round = self.last.filter(|_| self.open).ok_or(Error::NoRound)?;
        self.open = false;
        let streams = Streams::new(self.party, self.keys.clone(), round);
        Ok(Round::new(self, streams))
    }

    /// Returns the number of the round under way.
    pub(crate) fn number(&self) -> u64 {
        self.last.unwrap_or_default()
    }

    /// Counts time as spent on proofs.
    pub(crate) fn count_proof(&mut self, began: Instant) {
        self.statistics.proof_time += began.elapsed();
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
    pub fn scratch(&mut self, len: usize) -> Vec<u8> {
        // The smallest that is large enough, but not by much: it is wanted elsewhere.
        let spares = self.spares.iter().enumerate();
        let fits = spares
            .filter(|(_, spare)| (len..=2 * len + CHUNK_BYTES).contains(&spare.buffer.capacity()));
        let fit = fits.min_by_key(|(_, spare)| spare.buffer.capacity());
        let Some((i, _)) = fit else {
            return vec![0; len];
        };
        let mut buffer = self.spares.swap_remove(i).buffer;
        buffer.resize(len, 0);
        buffer
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
}
