//! One of the three parties, as a process of its own: a server without clients.

use core::mem;
use std::io::{self, BufRead as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use base64ct::{Base64, Encoding as _};
use mcmix_engine::program::{BOTH_TOLD_ROW_BYTES, DIAL_INPUT_BYTES};
use mcmix_engine::{
    BothToldInput, Context, DialingProgram, JoinedRows as _, Link as _, LinkError, PairKeys,
    PartyId, Replies, Settings, SortWidth, conversation, conversation_by_sorting, dialing,
    dialing_both_told,
};
use mcmix_server::keys::TlsIdentity;
use mcmix_server::net::{Link, PeerEvent, PeerSettings, Peers, Pins, RoundLink, TlsContext};
use mcmix_server::round::agree::{Terms, agree};
use mcmix_server::round::collect::{Collector, Entry, Frozen, OpenRound};
use mcmix_server::round::dealt::Dealt;
use mcmix_server::round::lane::{Current, reply_bytes, take_back};
use mcmix_shared::program::{RoundId, Turn};
use mcmix_shared::wire::Submit;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::{Answer, Order, PartyReport, Setup, Times};
use crate::crowd::{Case, Crowd, short};
use crate::options::Algorithm;
use crate::usage::{self, Cpu};

/// The round in which the round trip is measured. Those that count come after it.
const ROUND_TRIP_ROUND: RoundId = RoundId(1);
/// Rows that each user hands in.
const ROWS_EACH: usize = 1;
/// Time for both links to come up, and for a round.
const PATIENCE: Duration = Duration::from_hours(1);

/// Runs a party until its standard input ends, which it does when the process that started it
/// does.
///
/// # Errors
/// Something fails; the reason was handed to the process that started this one.
pub fn run() -> Result<()> {
    let orders = orders();
    match serve(&orders) {
        Ok(()) => Ok(()),
        Err(error) => {
            let reason = format!("{error:#}");
            answer(&Answer::Failed { reason })
        }
    }
}

/// Reads orders on a thread of its own, so that no computation outlives whoever wanted it.
fn orders() -> mpsc::Receiver<Result<Order, serde_json::Error>> {
    let (sender, orders) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(serde_json::from_str(&line)).is_err() {
                return;
            }
        }
        std::process::exit(0);
    });
    orders
}

fn answer(answer: &Answer) -> Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

fn serve(orders: &mpsc::Receiver<Result<Order, serde_json::Error>>) -> Result<()> {
    let next = || Ok::<Order, anyhow::Error>(orders.recv()??);
    let Order::Set(setup) = next()? else {
        bail!("expected to be set up first");
    };
    let runtime = Runtime::new().context("can't start the links' threads")?;
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("can't listen on this machine")?;
    let address = listener.local_addr()?.to_string();
    answer(&Answer::Listening { address })?;

    let Order::Link { address } = next()? else {
        bail!("expected to be told where the next party is");
    };
    let links = link_up(&runtime, &setup, listener, address)?;
    let mut party = Party::new(&setup, links)?;
    answer(&Answer::Done)?;
    loop {
        let done = match next()? {
            Order::MeasureRoundTrip => {
                let time = party.round_trip()?;
                Answer::RoundTrip { time }
            }
            Order::SortWidth { ways } => {
                party.sort_width = SortWidth::new(ways);
                Answer::Done
            }
            Order::Open { round } => {
                party.open(RoundId(round))?;
                Answer::Done
            }
            Order::Compute => {
                party.compute()?;
                Answer::Done
            }
            Order::Report { sample } => Answer::Report(Box::new(party.report(&sample)?)),
            Order::Set(_) | Order::Link { .. } => bail!("set up and linked already"),
        };
        answer(&done)?;
    }
}

/// The links with the next and the previous party.
type Links = [Link; 2];

fn link_up(
    runtime: &Runtime,
    setup: &Setup,
    listener: TcpListener,
    next_address: String,
) -> Result<Links> {
    let me = party_id(setup)?;
    let pin = |text: &str| text.parse().map_err(|error| anyhow!("{error}"));
    let pins = Pins {
        next: pin(&setup.next_fingerprint)?,
        prev: pin(&setup.prev_fingerprint)?,
    };
    let identity = TlsIdentity::read(&setup.certificate, &setup.key)?;
    let settings = PeerSettings {
        me,
        next_address,
        tls: TlsContext::new(identity, pins),
        deployment: *b"mcmix-bench: no such deployment.",
        idle: PATIENCE,
        delay: setup.delay,
    };
    let _inside = runtime.enter();
    let (_peers, mut events) = Peers::start(
        settings,
        listener,
        &TaskTracker::new(),
        &CancellationToken::new(),
    );
    let (mut next, mut prev) = (None, None);
    loop {
        match events.blocking_recv() {
            Some(PeerEvent::Up { link, .. }) if link.peer() == me.next() => next = Some(link),
            Some(PeerEvent::Up { link, .. }) => prev = Some(link),
            Some(PeerEvent::Down { peer }) => bail!("the link with {peer} is down"),
            Some(PeerEvent::Control { .. }) => {}
            None => bail!("no links"),
        }
        if let (Some(next), Some(prev)) = (&next, &prev) {
            let links = [next.clone(), prev.clone()];
            runtime.spawn(async move { while events.recv().await.is_some() {} });
            return Ok(links);
        }
    }
}

fn party_id(setup: &Setup) -> Result<PartyId> {
    let party = PartyId::ALL.get(setup.party).copied();
    party.context("expected party 0, 1 or 2")
}

struct Party {
    me: PartyId,
    case: Case,
    links: Links,
    context: Context,
    current: Current,
    sort_width: SortWidth,
    crowd: Crowd,
    collector: Collector,
    open: Option<(RoundId, RoundLink)>,
    /// Time spent on taking in.
    intake: Duration,
    last: Option<Computed>,
}

/// A round that is computed but not reported yet.
struct Computed {
    before: Cpu,
    /// Of the thread that computed it.
    alone: Cpu,
    round: RoundId,
    /// Whose rows were computed on, in the order of ids.
    entries: Vec<Entry>,
    agree_sent: [u64; 2],
    times: Times,
    replies: Replies,
}

impl Party {
    fn new(setup: &Setup, links: Links) -> Result<Self> {
        let me = party_id(setup)?;
        let current = Current::default();
        let [next, prev] = links.each_ref().map(|link| *link.key().as_bytes());
        let settings = Settings {
            threads: setup.threads,
            ..Settings::default()
        };
        let party = Self {
            me,
            case: setup.case,
            context: Context::new(me, PairKeys { next, prev }, current.clone(), settings),
            links,
            current,
            sort_width: SortWidth::NARROWEST,
            crowd: Crowd::new(setup.case),
            collector: Collector::new(me, setup.case.shape(), setup.case.users),
            open: None,
            intake: Duration::ZERO,
            last: None,
        };
        party.current.set(Some(party.round_link(ROUND_TRIP_ROUND)));
        Ok(party)
    }

    fn round_link(&self, round: RoundId) -> RoundLink {
        let [next, prev] = self.links.clone();
        let mut link = RoundLink::open(round, next, prev, usize::MAX);
        link.limit(PATIENCE);
        link
    }

    /// Measures how long a message to the next party and its answer take, while nothing else
    /// does: the shortest of a few.
    fn round_trip(&self) -> Result<Duration> {
        const TIMES: usize = 10;
        let (next, prev) = (self.me.next(), self.me.prev());
        let mut link = self.current.clone();
        let mut shortest = Duration::MAX;
        for _ in 0..TIMES {
            let began = Instant::now();
            link.send(next, vec![0])?;
            let question = link.recv(prev)?;
            link.send(prev, question)?;
            link.recv(next)?;
            shortest = shortest.min(began.elapsed());
        }
        Ok(shortest)
    }

    /// Opens a round and takes its submissions in, as clients' links do.
    fn open(&mut self, round: RoundId) -> Result<()> {
        /// Dealt at a time, which is what clients do and not measured.
        const AT_ONCE: usize = 1 << 12;
        let program = self.case.algorithm.program();
        let link = self.round_link(round);
        let open = OpenRound {
            round,
            program,
            turn: Turn(round.0),
            closes_at: Instant::now() + PATIENCE,
        };
        self.collector.open(open, self.pair_keys());
        let mut people = self.crowd.people().peekable();
        while people.peek().is_some() {
            let submits: Vec<_> = people
                .by_ref()
                .take(AT_ONCE)
                .map(|person| {
                    let share = self.crowd.deal(&person, self.me);
                    let submit = Submit {
                        round,
                        program,
                        share,
                    };
                    ((person.id, person.key), submit)
                })
                .collect();
            let began = Instant::now();
            for (client, submit) in submits {
                let taken = self.collector.submit(client, 0, submit);
                taken.map_err(|refusal| anyhow!("a submission is refused: {refusal:?}"))?;
            }
            self.intake += began.elapsed();
        }
        self.open = Some((round, link));
        usage::reset_peak_memory();
        Ok(())
    }

    fn pair_keys(&self) -> PairKeys {
        let [next, prev] = self.links.each_ref().map(|link| *link.key().as_bytes());
        PairKeys { next, prev }
    }

    /// Does what a server does from the close of a round to its replies.
    fn compute(&mut self) -> Result<()> {
        let Some((round, link)) = self.open.take() else {
            bail!("no round is open");
        };
        let before = Cpu::now()?;
        let alone = Cpu::of_this_thread()?;
        let mut times = Times {
            intake: mem::take(&mut self.intake),
            ..Times::default()
        };
        let mut laps = Laps::start();
        let frozen = self.collector.freeze(round);
        let Frozen { entries, dealt } = frozen.context("the round is not open")?;
        times.close = laps.next();

        let mut link = Counting {
            link,
            me: self.me,
            sent: [0; 2],
        };
        let users = entries.len();
        let terms = Terms {
            me: self.me,
            round,
            program: self.case.algorithm.program(),
            turn: Turn(0),
            sort_ways: 0,
            most_clients: users,
        };
        let verdicts = agree(&mut link, &terms, &entries)?;
        if verdicts.iter().any(Result::is_err) {
            bail!("the parties did not agree on everyone");
        }
        let agree_sent = link.sent;
        self.current.set(Some(link.link));
        times.agree = laps.next();

        let context = &mut self.context;
        context.begin(round.0)?;
        context.set_sort_width(self.sort_width);
        let replies = match self.case.algorithm {
            Algorithm::Conversation => {
                let input = dealt.into_conversation(&entries);
                times.close += laps.next();
                conversation(context, input)?
            }
            Algorithm::ConversationBySorting => {
                let input = dealt.into_conversation(&entries);
                times.close += laps.next();
                conversation_by_sorting(context, input)?
            }
            Algorithm::DialingContacts => {
                let input = dealt.into_dialing(DialingProgram::Contacts, &entries);
                times.close += laps.next();
                dialing(context, input)?
            }
            Algorithm::DialingOpen => {
                let input = dealt.into_dialing(DialingProgram::Open, &entries);
                times.close += laps.next();
                dialing(context, input)?
            }
            Algorithm::DialingBothTold => {
                let input = both_told_input(dealt, &entries);
                times.close += laps.next();
                dialing_both_told(context, input)?
            }
        };
        laps.next();
        std::hint::black_box(reply_bytes(context, round, ROWS_EACH, &replies));
        times.reply = laps.next();
        times.total = laps.total();
        times.matching = context.statistics().match_time();
        times.routing = context.statistics().route_time();
        times.proving = context.statistics().proof_time;
        self.last = Some(Computed {
            before,
            alone: Cpu::of_this_thread()? - alone,
            round,
            entries,
            agree_sent,
            times,
            replies,
        });
        Ok(())
    }

    /// Reports the last round, with this party's replies to some clients.
    fn report(&mut self, sample: &[[u8; 16]]) -> Result<PartyReport> {
        let computed = self.last.take().context("no round is computed")?;
        let cpu = Cpu::now()? - computed.before;
        let peak_memory = usage::peak_memory()?;
        self.current.set(None);
        let statistics = self.context.statistics();
        let report = PartyReport {
            times: computed.times,
            cpu,
            alone: computed.alone,
            peak_memory,
            rounds: statistics.rounds,
            sent: [statistics.sent_to_next, statistics.sent_to_prev],
            agree_sent: computed.agree_sent,
            phases: statistics
                .phases
                .iter()
                .map(|(phase, time)| (phase.to_string(), *time))
                .collect(),
            replies: self.sample(&computed, sample)?,
        };
        take_back(&mut self.context, computed.replies);
        Ok(report)
    }

    fn sample(&self, computed: &Computed, ids: &[[u8; 16]]) -> Result<Vec<String>> {
        let reply = |id: &[u8; 16]| {
            let row = computed
                .entries
                .binary_search_by_key(id, |entry| entry.id.0);
            let row = row.ok().context("no such client")?;
            let reply = match &computed.replies {
                Replies::Seeds(seeds) => seeds.get(row).map(|seeds| Replies::Seeds(vec![*seeds])),
                Replies::Rows {
                    row_bytes,
                    bytes,
                    seeds,
                } => bytes
                    .get(row * row_bytes..(row + 1) * row_bytes)
                    .zip(seeds.get(row))
                    .map(|(bytes, seed)| Replies::Rows {
                        row_bytes: *row_bytes,
                        bytes: bytes.to_vec(),
                        seeds: vec![*seed],
                    }),
            };
            let reply = reply.context("fewer replies than clients")?;
            let body = reply_bytes(&self.context, computed.round, ROWS_EACH, &reply);
            Ok(Base64::encode_string(&body))
        };
        ids.iter().map(reply).collect()
    }
}

/// Returns what the paper's dialing program takes: of every id the first half, which shares as the
/// whole does.
fn both_told_input(dealt: Dealt, entries: &[Entry]) -> BothToldInput {
    let input = dealt.into_dialing(DialingProgram::Open, entries);
    let [first, second] = [input.first, input.second].map(|component| {
        let mut halves = vec![0; entries.len() * BOTH_TOLD_ROW_BYTES];
        for (at, half) in (0..)
            .step_by(DIAL_INPUT_BYTES)
            .zip(halves.chunks_exact_mut(BOTH_TOLD_ROW_BYTES))
        {
            component.xor(at, half);
        }
        halves
    });
    BothToldInput {
        ids: entries.iter().map(|entry| short(&entry.id.0)).collect(),
        keys: entries.iter().map(|entry| *entry.key.as_bytes()).collect(),
        first,
        second,
    }
}

/// Times one thing after the other.
struct Laps {
    began: Instant,
    last: Instant,
}

impl Laps {
    fn start() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            last: now,
        }
    }

    /// Returns the time since this was last called.
    fn next(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(mem::replace(&mut self.last, now))
    }

    fn total(&self) -> Duration {
        self.last.duration_since(self.began)
    }
}

/// Counts what the agreement sends.
struct Counting {
    link: RoundLink,
    me: PartyId,
    sent: [u64; 2],
}

impl mcmix_engine::Link for Counting {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        let [next, prev] = &mut self.sent;
        let sent = if to == self.me.next() { next } else { prev };
        *sent += frame.len() as u64;
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.link.recv(from)
    }
}
