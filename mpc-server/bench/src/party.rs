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
    BothToldInput, Context, DialingProgram, Error, JoinedRows as _, Link as _, PartyId, Replies,
    Settings, SortWidth, conversation, conversation_by_sorting, dialing, dialing_both_told,
};
use mcmix_server::clients::Client;
use mcmix_server::egress;
use mcmix_server::intake::{Batch, Collector, OpenRound};
use mcmix_server::keys::TlsIdentity;
use mcmix_server::net::{Link, PeerEvent, PeerSettings, Peers, Pins, RoundLink, TlsContext};
use mcmix_server::round::lane::{Job, Lane, LaneSettings, RoundReport};
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
        strands: setup.strands,
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
    lane: Lane,
    sort_width: SortWidth,
    crowd: Crowd,
    collector: Collector,
    /// Open from the start: who is told first to measure must find the others listening.
    unmeasured: RoundLink,
    open: Option<(RoundId, RoundLink)>,
    /// Time spent on taking in.
    intake: Duration,
    last: Option<Computed>,
}

/// A round that is computed but not reported yet.
struct Computed {
    cpu: Cpu,
    /// Of the thread that computed it.
    alone: Cpu,
    times: Times,
    report: RoundReport,
    replies: egress::Replies,
}

fn round_link([next, prev]: Links, round: RoundId) -> RoundLink {
    let mut link = RoundLink::open(round, next, prev, usize::MAX);
    link.limit(PATIENCE);
    link
}

impl Party {
    fn new(setup: &Setup, links: Links) -> Result<Self> {
        let me = party_id(setup)?;
        let lane = LaneSettings {
            me,
            name: "bench",
            most_clients: setup.case.users,
            limit: PATIENCE,
            engine: Settings {
                threads: setup.threads,
                ..Settings::default()
            },
        };
        Ok(Self {
            me,
            case: setup.case,
            unmeasured: round_link(links.clone(), ROUND_TRIP_ROUND),
            lane: Lane::new(lane),
            links,
            sort_width: SortWidth::NARROWEST,
            crowd: Crowd::new(setup.case),
            collector: Collector::new(me, setup.case.shape(), setup.case.users),
            open: None,
            intake: Duration::ZERO,
            last: None,
        })
    }

    /// Measures how long a message to the next party and its answer take, while nothing else
    /// does: the shortest of a few.
    fn round_trip(&mut self) -> Result<Duration> {
        const TIMES: usize = 10;
        let (next, prev) = (self.me.next(), self.me.prev());
        let link = &mut self.unmeasured;
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
        let link = round_link(self.links.clone(), round);
        let open = OpenRound {
            round,
            program,
            turn: Turn(round.0),
            closes_at: Instant::now() + PATIENCE,
        };
        let [next, prev] = &self.links;
        let keys = [prev, next].map(|link| link.key().digest_key(round));
        self.collector.open(open, keys);
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
                    let client = Client {
                        id: person.id,
                        key: person.key,
                    };
                    (client, submit)
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

    /// Does what a server does from the close of a round to its replies.
    fn compute(&mut self) -> Result<()> {
        let Some((round, link)) = self.open.take() else {
            bail!("no round is open");
        };
        let before = Cpu::now()?;
        let alone = Cpu::of_this_thread()?;
        let began = Instant::now();
        let batch = self.collector.freeze(round);
        let job = Job {
            program: self.case.algorithm.program(),
            batch: batch.context("the round is not open")?,
            turn: Turn(0),
            link,
            sort_width: self.sort_width,
        };
        let algorithm = self.case.algorithm;
        let (replies, report) = self
            .lane
            .run_with(job, |context, batch| run_program(algorithm, context, batch))?;
        if !replies.left_out.is_empty() {
            bail!("the parties did not agree on everyone");
        }
        let times = Times {
            intake: mem::take(&mut self.intake),
            close: report.order,
            agree: report.agree,
            matching: report.statistics.match_time(),
            routing: report.statistics.route_time(),
            proving: report.statistics.proof_time,
            reply: report.reply,
            total: began.elapsed(),
        };
        self.last = Some(Computed {
            cpu: Cpu::now()? - before,
            alone: Cpu::of_this_thread()? - alone,
            times,
            report,
            replies,
        });
        Ok(())
    }

    /// Reports the last round, with this party's replies to some clients.
    fn report(&mut self, sample: &[[u8; 16]]) -> Result<PartyReport> {
        let computed = self.last.take().context("no round is computed")?;
        let statistics = computed.report.statistics;
        Ok(PartyReport {
            times: computed.times,
            cpu: computed.cpu,
            alone: computed.alone,
            peak_memory: usage::peak_memory()?,
            rounds: statistics.rounds,
            sent: [statistics.sent_to_next, statistics.sent_to_prev],
            agree_sent: computed.report.agree_sent,
            phases: statistics
                .phases
                .iter()
                .map(|(phase, time)| (phase.to_string(), *time))
                .collect(),
            replies: bodies(&computed.replies, sample)?,
        })
    }
}

/// Returns what some clients are sent.
fn bodies(replies: &egress::Replies, ids: &[[u8; 16]]) -> Result<Vec<String>> {
    let all: Vec<_> = replies.each().collect();
    let body = |id: &[u8; 16]| {
        let at = all.binary_search_by_key(id, |(client, _)| client.id.0);
        let (_, body) = at
            .ok()
            .and_then(|at| all.get(at))
            .context("no such client")?;
        Ok(Base64::encode_string(body))
    };
    ids.iter().map(body).collect()
}

/// Runs the program that is measured.
fn run_program(
    algorithm: Algorithm,
    context: &mut Context,
    batch: Batch,
) -> Result<Replies, Error> {
    match algorithm {
        Algorithm::Conversation => conversation(context, batch.into_conversation()),
        Algorithm::ConversationBySorting => {
            conversation_by_sorting(context, batch.into_conversation())
        }
        Algorithm::DialingContacts => {
            dialing(context, batch.into_dialing(DialingProgram::Contacts))
        }
        Algorithm::DialingOpen => dialing(context, batch.into_dialing(DialingProgram::Open)),
        Algorithm::DialingBothTold => dialing_both_told(context, both_told_input(batch)),
    }
}

/// Returns what the paper's dialing program takes: of every id the first half, which shares as the
/// whole does.
fn both_told_input(batch: Batch) -> BothToldInput {
    let clients: Vec<_> = batch.members().iter().map(|it| it.client).collect();
    let input = batch.into_dialing(DialingProgram::Open);
    let [first, second] = [input.first, input.second].map(|component| {
        let mut halves = vec![0; clients.len() * BOTH_TOLD_ROW_BYTES];
        for (at, half) in (0..)
            .step_by(DIAL_INPUT_BYTES)
            .zip(halves.chunks_exact_mut(BOTH_TOLD_ROW_BYTES))
        {
            component.xor(at, half);
        }
        halves
    });
    BothToldInput {
        ids: clients.iter().map(|client| short(&client.id.0)).collect(),
        keys: clients
            .iter()
            .map(|client| *client.key.as_bytes())
            .collect(),
        first,
        second,
    }
}
