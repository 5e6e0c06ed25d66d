//! Joins the clock to what it needs: links, clients, lanes, the counter's file, the time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self as sync_mpsc, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mcmix_engine::{Settings, SortWidth};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::share::DigestKey;
use mcmix_shared::wire::{FailedReason, ServerFrame};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::abort::Patience;
use super::agree::CLAIM_BYTES;
use super::clock::{Cause, Clock, Halt, Input, Outcome, Output, Periods};
use super::counter::{self, Counter, CounterError};
use super::counts::{Counts, RoundCounts};
use super::lane::{self, Job, LaneSettings, RoundReport};
use super::pulse::Pulse;
use super::recent::{Ending, PastRound, Recent};
use super::stretch::Stretch;
use crate::clients::Clients;
use crate::config::Config;
use crate::intake::{Collector, OpenRound};
use crate::net::{Abandon, Link, PeerEvent, Peers, Position, RoundLink};

/// What client links and health checks see of the rounds.
#[derive(Debug)]
pub struct Rounds {
    /// The links that are not up.
    missing: Mutex<Vec<[PartyId; 2]>>,
    /// Beats with every round that went well, since the links came up or one failed.
    pulse: Pulse,
    /// Whether rounds were stopped, here or at a peer.
    halted: AtomicBool,
    counts: Counts,
    recent: Recent,
    /// Rounds that are being computed, or wait for it.
    computing: AtomicUsize,
    /// How long a message to the next and to the previous party and its answer take.
    round_trip_micros: [AtomicU64; 2],
}

impl Rounds {
    /// Makes rounds, one in each period at best, of which none went well yet.
    pub fn new(period: Duration) -> Self {
        Self {
            missing: Mutex::new(PartyId::ALL.map(|party| [party, party.next()]).into()),
            pulse: Pulse::new(period),
            halted: AtomicBool::new(false),
            counts: Counts::default(),
            recent: Recent::default(),
            computing: AtomicUsize::new(0),
            round_trip_micros: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Returns whether rounds were stopped after too many aborts, here or at a peer.
    pub fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Relaxed)
    }

    /// Returns what is counted of rounds.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns the last rounds, the oldest first.
    pub fn recent(&self) -> Vec<PastRound> {
        self.recent.all()
    }

    /// Returns how many rounds are being computed, or wait for it.
    pub fn computing(&self) -> usize {
        self.computing.load(Ordering::Relaxed)
    }

    /// Returns how long a message to the next and to the previous party and its answer take, as
    /// last measured; zero before.
    pub fn round_trips(&self) -> [Duration; 2] {
        let micros = self.round_trip_micros.each_ref();
        micros.map(|micros| Duration::from_micros(micros.load(Ordering::Relaxed)))
    }

    /// Returns whether all links are up and rounds complete, now.
    pub fn is_ready(&self) -> bool {
        self.missing().is_empty() && self.pulse.is_alive(Instant::now())
    }

    /// Returns the links that rounds need and that are not up, as far as is known here.
    pub fn missing(&self) -> Vec<[PartyId; 2]> {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.clone()
    }

    fn set_missing(&self, links: Vec<[PartyId; 2]>) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// Returns how long ago a round completed last, if one has since the start.
    pub fn since_completed(&self) -> Option<Duration> {
        self.pulse.since_completed(Instant::now())
    }

    /// Returns how long ago the last round completed, if links were up and none has failed since.
    pub fn age(&self) -> Option<Duration> {
        self.pulse.age(Instant::now())
    }
}

/// Why rounds can't be driven.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The counter can't be kept.
    #[error(transparent)]
    Counter(#[from] CounterError),
    /// The system gives no thread.
    #[error("can't start a thread: {0}")]
    Thread(std::io::Error),
    /// A thread that computes rounds has ended, which only a defect can make it do.
    #[error("the thread that computes {0} rounds has ended")]
    LaneEnded(&'static str),
}

/// What a round may take beyond its limit, which whoever computes it holds it to and knows better why
/// it was reached.
const GRACE: Duration = Duration::from_secs(2);

/// From one line about the rounds so far to the next.
const SUMMARY: Duration = Duration::from_mins(10);

/// How often clients are told again that rounds are stopped: less than they wait for a server that
/// says nothing.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// The names of the lanes.
const CONVERSATION: &str = "conversation";
const DIALING: &str = "dialing";

/// How a round that was computed went, or how else it ended.
type Computed = Result<RoundReport, Outcome>;

/// A round that is being computed here.
struct ComputedHere {
    opened: Instant,
    program: Program,
    abandon: Abandon,
}

/// A round that is open here.
struct OpenHere {
    opened: Instant,
    program: Program,
    turn: Turn,
    link: RoundLink,
    sort_width: SortWidth,
}

/// Runs the rounds of one party.
pub struct Driver {
    clock: Clock,
    started: Instant,
    counter: Counter,
    peers: Peers,
    peer_events: mpsc::Receiver<PeerEvent>,
    finished: mpsc::UnboundedReceiver<(RoundId, Computed)>,
    links: [Option<Link>; 2],
    me: PartyId,
    open: HashMap<RoundId, OpenHere>,
    computing: HashMap<RoundId, ComputedHere>,
    conversation: sync_mpsc::SyncSender<Job>,
    dialing: sync_mpsc::SyncSender<Job>,
    report: mpsc::UnboundedSender<(RoundId, Computed)>,
    rounds: Arc<Rounds>,
    collector: Arc<Collector>,
    clients: Arc<Clients>,
    limit_bytes: usize,
    patience: Patience,
    stretch: Stretch,
    halt: Option<Halt>,
    /// When clients are told again that rounds are stopped.
    tell_again: Option<Duration>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

impl Driver {
    /// Prepares the rounds of a party.
    ///
    /// # Errors
    /// When the counter can't be kept or there are no threads.
    pub fn new(
        config: &Config,
        deployment: &Deployment,
        (collector, clients): (&Arc<Collector>, &Arc<Clients>),
        (peers, peer_events): (Peers, mpsc::Receiver<PeerEvent>),
        stop: &CancellationToken,
    ) -> Result<Self, DriverError> {
        let (counter, position) = Counter::open(&config.state)?;
        peers.set_position(position);
        let periods = Periods::from(deployment);
        let patience = Patience {
            aborts: config.rounds.aborts,
            within: Duration::from_millis(config.rounds.aborts_within_ms),
        };
        let (report, finished) = mpsc::unbounded_channel();
        let limit = Duration::from_millis(config.rounds.limit_ms);
        let lane = |name| {
            let settings = LaneSettings {
                me: config.party,
                name,
                most_clients: config.clients.most_in_round(),
                limit,
                engine: Settings::default(),
            };
            let (report, me, clients) = (report.clone(), config.party, Arc::clone(clients));
            let egress = move |replies| clients.reply(replies);
            lane::start(settings, stop, egress, move |round, result| {
                let computed = result.map_err(|error| error.outcome(me));
                let _stopping = report.send((round, computed));
            })
            .map_err(DriverError::Thread)
        };
        Ok(Self {
            clock: Clock::new(
                config.party,
                (periods, patience),
                position,
                counter::from_time(SystemTime::now()),
            )
            .limiting(limit + GRACE),
            started: Instant::now(),
            counter,
            peers,
            peer_events,
            finished,
            links: [None, None],
            me: config.party,
            open: HashMap::new(),
            computing: HashMap::new(),
            conversation: lane(CONVERSATION)?,
            dialing: lane(DIALING)?,
            report,
            rounds: Arc::new(Rounds::new(periods.pacing().1)),
            collector: Arc::clone(collector),
            clients: Arc::clone(clients),
            limit_bytes: limit_bytes(config, deployment),
            patience,
            stretch: Stretch::NONE,
            halt: None,
            tell_again: None,
        })
    }

    /// Returns what client links and health checks see of the rounds.
    pub fn rounds(&self) -> Arc<Rounds> {
        Arc::clone(&self.rounds)
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// When the counter can't be kept any more.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), DriverError> {
        let mut summary = tokio::time::interval_at(tokio::time::Instant::now() + SUMMARY, SUMMARY);
        loop {
            let tick = self.clock.next_tick();
            let input = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                event = self.peer_events.recv() => match event {
                    Some(event) => self.peer_event(event),
                    None => return Ok(()),
                },
                Some((round, computed)) = self.finished.recv() => self.finish(round, computed),
                () = sleep_until(self.started, tick) => Input::Tick,
                _ = summary.tick() => {
                    self.summarize();
                    continue;
                }
                () = sleep_until(self.started, self.tell_again) => {
                    self.tell_stopped();
                    continue;
                }
            };
            // First, so that the time that this takes is none of the next round's.
            if self.clock.may_close(self.started.elapsed(), &input) {
                self.clients.settle().await;
            }
            self.note_round_trips();
            self.choose_sort_width();
            self.clock.set_need(self.collector.need());
            let outputs = self.clock.handle(self.started.elapsed(), input);
            self.remember().await?;
            for output in outputs {
                self.perform(output)?;
            }
            self.note_stretch();
            self.note_halt();
            let missing = self.clock.missing();
            if !missing.is_empty() {
                self.rounds.pulse.stop();
            }
            self.rounds.set_missing(missing);
            let computing = self.computing.len();
            self.rounds.computing.store(computing, Ordering::Relaxed);
        }
    }

    fn finish(&mut self, round: RoundId, computed: Computed) -> Input {
        let outcome = match computed {
            Ok(report) => {
                // One that was given up meanwhile was counted then.
                if let Some(ComputedHere {
                    opened, program, ..
                }) = self.computing.remove(&round)
                {
                    self.rounds.counts.done(program, &report);
                    let clients = report.clients;
                    self.note_end(round, program, opened, Ending::Done { clients });
                }
                self.rounds.pulse.beat(Instant::now());
                Outcome::Done
            }
            // The clock says that it is over, and then it is counted.
            Err(outcome) => outcome,
        };
        Input::Finished { round, outcome }
    }

    fn note_end(&self, round: RoundId, program: Program, opened: Instant, ending: Ending) {
        self.rounds.recent.add(PastRound {
            round,
            program,
            ending,
            took: opened.elapsed(),
            ended: Instant::now(),
        });
    }

    fn note_round_trips(&self) {
        for (noted, link) in self.rounds.round_trip_micros.iter().zip(&self.links) {
            let round_trip = link.as_ref().map(Link::round_trip).unwrap_or_default();
            let micros = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
            noted.store(micros, Ordering::Relaxed);
        }
    }

    fn summarize(&self) {
        let RoundCounts {
            done,
            failed,
            aborted,
        } = self.rounds.counts.all();
        let clients = self.clients.connected();
        tracing::info!(done, failed, aborted, clients, "rounds so far");
    }

    /// Says so when rounds begin to stay open longer, and when they no longer do.
    fn note_stretch(&mut self) {
        let before = std::mem::replace(&mut self.stretch, self.clock.stretch());
        match (before, self.stretch) {
            (Stretch::NONE, Stretch::NONE) => {}
            (_, Stretch::NONE) => tracing::info!("clients answer in time again"),
            (before, now) if before != now => tracing::info!(
                percent = now.percent(),
                "clients answer late: rounds stay open longer"
            ),
            _ => {}
        }
    }

    /// Says so when rounds were stopped, or go on.
    fn note_halt(&mut self) {
        let halt = self.clock.halt();
        if halt == self.halt {
            return;
        }
        self.halt = halt;
        self.rounds.halted.store(halt.is_some(), Ordering::Relaxed);
        self.clients.set_stopped(halt.is_some());
        let Patience { aborts, within } = self.patience;
        match halt {
            Some(Halt::Here) => tracing::error!(
                aborts,
                within_s = within.as_secs(),
                "rounds are stopped: one of the servers does not follow the protocol. Compare the \
                 three servers' logs; a restart of this server lets it take part again"
            ),
            Some(Halt::At(peer)) => tracing::error!(
                %peer,
                "rounds are stopped: that server says that it found too many aborts. They go on \
                 when its operator has restarted it"
            ),
            None => tracing::info!("no server stops rounds any more"),
        }
        if halt.is_some() {
            self.rounds.pulse.stop();
            self.tell_stopped();
        } else {
            self.tell_again = None;
        }
    }

    fn tell_stopped(&mut self) {
        self.clients.broadcast(&ServerFrame::Stopped);
        self.tell_again = Some(self.started.elapsed() + TELL_AGAIN);
    }

    /// Stores how far the rounds have come, before anybody is told.
    async fn remember(&mut self) -> Result<(), CounterError> {
        let position = self.clock.position();
        if position != Position::default() {
            self.counter.store(position).await?;
            self.peers.set_position(position);
        }
        Ok(())
    }

    /// A wider sort takes fewer rounds and more bytes: right where the round trip is long.
    fn choose_sort_width(&mut self) {
        let links = self.links.iter().flatten();
        let round_trip = links.map(Link::round_trip).max().unwrap_or_default();
        let width = SortWidth::for_round_trip(round_trip);
        self.clock
            .set_sort_ways(u8::try_from(width.ways()).unwrap_or(u8::MAX));
    }

    fn peer_event(&mut self, event: PeerEvent) -> Input {
        match event {
            PeerEvent::Up { link, position } => {
                let peer = link.peer();
                tracing::info!(%peer, "linked");
                *self.link_mut(peer) = Some(link);
                Input::LinkUp { peer, position }
            }
            PeerEvent::Control { from, control } => Input::Control { from, control },
            PeerEvent::Down { peer } => {
                tracing::info!(%peer, "link lost");
                *self.link_mut(peer) = None;
                Input::LinkDown { peer }
            }
        }
    }

    fn perform(&mut self, output: Output) -> Result<(), DriverError> {
        match output {
            Output::Open {
                round,
                program,
                turn,
                closes_in,
                sort_ways,
            } => {
                let open = OpenRound {
                    round,
                    program,
                    turn,
                    closes_at: Instant::now() + closes_in,
                };
                let Some(keys) = self.open_round(open, sort_ways) else {
                    return Ok(());
                };
                self.collector.open(open, keys);
                self.clients.open(open);
            }
            Output::Compute { round } => self.compute(round)?,
            Output::Fail {
                round,
                program,
                cause,
            } => {
                self.collector.freeze(round);
                let mut opened = self.open.remove(&round).map(|open| open.opened);
                if let Some(computed) = self.computing.remove(&round) {
                    computed.abandon.abandon();
                    opened = Some(computed.opened);
                }
                let ending = match cause {
                    Cause::Aborted => Ending::Aborted,
                    Cause::Broken | Cause::Told(_) | Cause::Late => Ending::Failed,
                };
                match opened {
                    Some(opened) => self.note_end(round, program, opened, ending),
                    // It had a result here, which is worth nothing.
                    None => self.rounds.recent.amend(round, ending),
                }
                self.rounds.pulse.stop();
                if cause != Cause::Aborted {
                    self.rounds.counts.failed(program);
                }
                let reason = match cause {
                    Cause::Broken => {
                        tracing::warn!(%round, %program, "over without a result");
                        FailedReason::Broken
                    }
                    Cause::Told(peer) => {
                        tracing::warn!(
                            %round,
                            %program,
                            "over without a result: {peer} says that it failed there, and its log says why"
                        );
                        FailedReason::Broken
                    }
                    Cause::Late => {
                        tracing::warn!(
                            %round,
                            %program,
                            "given up: computing it took longer than rounds.limit_ms and still \
                             goes on; a machine that is too slow or out of memory does this"
                        );
                        FailedReason::Broken
                    }
                    Cause::Aborted => FailedReason::Aborted,
                };
                self.clients.broadcast(&ServerFrame::Failed {
                    round,
                    program,
                    reason,
                });
            }
            Output::Abort {
                round,
                program,
                abort,
            } => {
                self.rounds.counts.aborted(program);
                tracing::error!(%round, %program, suspects = %abort.suspects, "aborted: {abort}");
            }
            Output::Tell { to, control } => {
                if let Some(link) = self.link_mut(to) {
                    link.control(control);
                }
            }
            Output::Cut { peer, misdeed } => {
                tracing::warn!(%peer, "cutting the link: {misdeed}");
                if let Some(link) = self.link_mut(peer) {
                    link.cut();
                }
            }
            Output::Decline { round, misdeed } => {
                tracing::warn!(%round, "not taking part in P0's round: {misdeed}");
            }
        }
        Ok(())
    }

    /// Opens the round on the links, and returns its keys with the previous and the next party.
    fn open_round(&mut self, open: OpenRound, sort_ways: u8) -> Option<[DigestKey; 2]> {
        let OpenRound {
            round,
            program,
            turn,
            ..
        } = open;
        // The clock opens nothing while a link is down.
        let [Some(next), Some(prev)] = self.links.clone() else {
            return None;
        };
        let keys = [&prev, &next].map(|link| link.key().digest_key(round));
        let link = RoundLink::open(round, next, prev, self.limit_bytes);
        let sort_width = SortWidth::new(sort_ways);
        let here = OpenHere {
            opened: Instant::now(),
            program,
            turn,
            link,
            sort_width,
        };
        self.open.insert(round, here);
        Some(keys)
    }

    fn compute(&mut self, round: RoundId) -> Result<(), DriverError> {
        let batch = self.collector.freeze(round);
        let (
            Some(batch),
            Some(OpenHere {
                opened,
                program,
                turn,
                link,
                sort_width,
            }),
        ) = (batch, self.open.remove(&round))
        else {
            return Ok(());
        };
        self.rounds.counts.collected(program, opened.elapsed());
        let computed = ComputedHere {
            opened,
            program,
            abandon: link.abandon_handle(),
        };
        self.computing.insert(round, computed);
        let (lane, name) = match program {
            Program::Conversation => (&self.conversation, CONVERSATION),
            Program::Contacts | Program::Open => (&self.dialing, DIALING),
        };
        let job = Job {
            program,
            batch,
            turn,
            link,
            sort_width,
        };
        match lane.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                tracing::warn!(%round, "not computed: earlier rounds still are");
                let _stopping = self.report.send((round, Err(Outcome::Failed)));
                Ok(())
            }
            Err(TrySendError::Disconnected(_)) => Err(DriverError::LaneEnded(name)),
        }
    }

    fn link_mut(&mut self, peer: PartyId) -> &mut Option<Link> {
        let [next, prev] = &mut self.links;
        if peer == self.me.next() { next } else { prev }
    }
}

async fn sleep_until(started: Instant, tick: Option<Duration>) {
    match tick {
        Some(tick) => tokio::time::sleep_until((started + tick).into()).await,
        None => std::future::pending().await,
    }
}

/// What a peer can need to send in one round at most, generously: a peer that sends more is
/// broken or hostile.
fn limit_bytes(config: &Config, deployment: &Deployment) -> usize {
    let shape = deployment.shape();
    let per_row = 4 * shape.message_bytes + 4096;
    let per_client = shape.slots * per_row + CLAIM_BYTES;
    (1 << 20) + config.clients.most_in_round().saturating_mul(per_client)
}
