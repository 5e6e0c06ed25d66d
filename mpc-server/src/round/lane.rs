//! Computes rounds, one after the other, on a thread of its own: one lane for conversation, one for
//! both dialing programs.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mcmix_engine::{
    Context, DialingProgram, LinkError, PairKeys, PartyId, Replies, Settings, SortWidth,
    Statistics, Suspects, conversation, dialing,
};
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::row::Shape;
use mcmix_shared::share::{REPLY_DIGEST_BYTES, reply_body_bytes, row_digest, seed_digest};
use mcmix_shared::wire::{Reply, ServerFrame};

use super::abort::Abort;
use super::agree::{AgreeError, Terms, Verdicts, agree};
use super::clock::Outcome;
use super::collect::{Entry, Frozen};
use super::dealt::Dealt;
use crate::clients::Clients;
use crate::net::RoundLink;

/// What all rounds of a lane have in common.
#[derive(Clone, Debug)]
pub struct LaneSettings {
    /// This party.
    pub me: PartyId,
    /// What it is called.
    pub name: &'static str,
    /// The deployment's sizes.
    pub shape: Shape,
    /// Clients in one round at most.
    pub most_clients: usize,
    /// Time that a round has.
    pub limit: Duration,
    /// Where replies go.
    pub clients: Arc<Clients>,
}

/// One round to compute.
#[derive(Debug)]
pub struct Job {
    /// The program.
    pub program: Program,
    /// This party's submissions.
    pub frozen: Frozen,
    /// The turn.
    pub turn: Turn,
    /// The links.
    pub link: RoundLink,
    /// How wide the sort is.
    pub sort_width: SortWidth,
}

/// Why a round has no result.
#[derive(Debug, thiserror::Error)]
pub enum RoundError {
    /// The parties did not agree on the clients.
    #[error(transparent)]
    Agree(#[from] AgreeError),
    /// The computation failed.
    #[error(transparent)]
    Engine(#[from] mcmix_engine::Error),
}

impl RoundError {
    /// Returns how the round ended, as the clock is told: what a peer can only have done by
    /// deviating is an abort. A link that fails is none, nor is time that ran out: whoever does
    /// that on purpose learns no more than if the round went well, since nothing is opened before it
    /// was verified, and somebody on the way between servers can do it, too.
    pub fn outcome(&self, me: PartyId) -> Outcome {
        let (is_link, suspects) = match self {
            Self::Agree(error) => (matches!(error, AgreeError::Link { .. }), error.suspects(me)),
            Self::Engine(error) => (
                matches!(error, mcmix_engine::Error::Link { .. }),
                error.suspects(me),
            ),
        };
        if is_link || suspects == Suspects::Nobody {
            return Outcome::Failed;
        }
        Outcome::Aborted(Abort {
            told_by: None,
            account: self.to_string(),
            suspects,
        })
    }

    /// Returns whether the round had been given up from outside, where the reason is known.
    const fn is_abandoned(&self) -> bool {
        matches!(
            self,
            Self::Agree(AgreeError::Link {
                source: LinkError::Abandoned,
                ..
            }) | Self::Engine(mcmix_engine::Error::Link {
                source: LinkError::Abandoned,
                ..
            })
        )
    }
}

/// How a round went.
#[derive(Clone, Debug, Default)]
pub struct RoundReport {
    /// Clients whose rows were computed on.
    pub kept: usize,
    /// Clients that were left out.
    pub missed: usize,
    /// Wall time of the agreement.
    pub agree: Duration,
    /// Wall time from the agreement to the replies.
    pub compute: Duration,
    /// The engine's counts.
    pub statistics: Statistics,
}

/// Starts a lane's thread; it ends when the sender is dropped. `finished` hears of every round.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    settings: LaneSettings,
    finished: impl Fn(RoundId, Result<RoundReport, RoundError>) + Send + 'static,
) -> std::io::Result<mpsc::Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new()
        .name(format!("{}-{}", settings.me, settings.name))
        .spawn(move || {
            let mut lane = Lane::new(settings);
            for job in jobs {
                let round = job.link.round();
                finished(round, lane.run(job));
            }
        })?;
    Ok(sender)
}

/// The round that the engine's context talks through now.
#[derive(Clone, Debug, Default)]
pub struct Current(Arc<Mutex<Option<RoundLink>>>);

impl Current {
    fn with<T>(
        &self,
        act: impl FnOnce(&mut RoundLink) -> Result<T, LinkError>,
    ) -> Result<T, LinkError> {
        let mut link = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(link.as_mut().ok_or(LinkError::Abandoned)?)
    }

    /// Goes on to another round, or to none.
    pub fn set(&self, link: Option<RoundLink>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = link;
    }
}

impl mcmix_engine::Link for Current {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        self.with(|link| link.send(to, frame))
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.with(|link| link.recv(from))
    }
}

/// One lane's engine. Its context, and with it its buffers, live as long as the links.
pub struct Lane {
    settings: LaneSettings,
    current: Current,
    context: Option<(PairKeys, Context)>,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Lane {
    /// Makes a lane that has computed nothing yet.
    pub fn new(settings: LaneSettings) -> Self {
        Self {
            settings,
            current: Current::default(),
            context: None,
        }
    }

    /// Agrees on the clients, computes, and sends the replies.
    ///
    /// # Errors
    /// Says which peer or step the round failed at.
    pub fn run(&mut self, job: Job) -> Result<RoundReport, RoundError> {
        let round = job.link.round();
        let span = tracing::info_span!("round", %round, program = %job.program);
        let _entered = span.enter();
        let result = self.run_inside(round, job);
        self.current.set(None);
        match &result {
            Ok(report) => tracing::info!(
                clients = report.kept,
                left_out = report.missed,
                agree_ms = report.agree.as_millis(),
                compute_ms = report.compute.as_millis(),
                communication_rounds = report.statistics.rounds,
                "done"
            ),
            // Aborts and rounds given up are told where all that ends a round comes together.
            Err(error) if error.is_abandoned() => tracing::debug!("failed: {error}"),
            Err(error) => match error.outcome(self.settings.me) {
                Outcome::Aborted(_) => tracing::debug!("failed: {error}"),
                Outcome::Done | Outcome::Failed => tracing::warn!("failed: {error}"),
            },
        }
        result
    }

    fn run_inside(&mut self, round: RoundId, job: Job) -> Result<RoundReport, RoundError> {
        let Job {
            program,
            frozen: Frozen { entries, dealt },
            turn,
            mut link,
            sort_width,
        } = job;
        let started = Instant::now();
        link.limit(self.settings.limit);
        let [next, prev] = link.links();
        let keys = PairKeys {
            next: *next.key().as_bytes(),
            prev: *prev.key().as_bytes(),
        };
        let settings = &self.settings;
        let terms = Terms {
            me: settings.me,
            round,
            program,
            turn,
            sort_ways: u8::try_from(sort_width.ways()).unwrap_or(u8::MAX),
            most_clients: settings.most_clients,
        };
        let verdicts = agree(&mut link, &terms, &entries)?;
        let agreed = Instant::now();
        let kept = self.leave_out((round, program), entries, &verdicts);
        let mut report = RoundReport {
            kept: kept.len(),
            missed: verdicts.len() - kept.len(),
            agree: agreed - started,
            ..RoundReport::default()
        };
        if !kept.is_empty() {
            self.current.set(Some(link));
            let settings = self.settings.clone();
            let context = self.context(&keys);
            context.begin(round.0)?;
            context.set_sort_width(sort_width);
            let replies = compute(context, program, &kept, dealt)?;
            report.statistics = context.statistics().clone();
            let each = settings.shape.rows(program);
            let bodies = reply_bytes(context, round, each, &replies);
            settings.reply((round, program), &kept, &bodies);
            take_back(context, replies);
        }
        self.settings.clients.set_online(program, kept.len());
        report.compute = agreed.elapsed();
        Ok(report)
    }

    /// Returns the context of the links that have these keys.
    fn context(&mut self, keys: &PairKeys) -> &mut Context {
        let (me, current) = (self.settings.me, &self.current);
        let fresh = || Context::new(me, keys.clone(), current.clone(), Settings::default());
        let (_, context) = match self.context.take() {
            Some((used, context)) if used == *keys => self.context.insert((used, context)),
            _ => self.context.insert((keys.clone(), fresh())),
        };
        context
    }

    /// Tells those who are left out, and returns the others.
    fn leave_out(
        &self,
        (round, program): (RoundId, Program),
        entries: Vec<Entry>,
        verdicts: &Verdicts,
    ) -> Vec<Entry> {
        let missed = entries.iter().zip(verdicts).filter_map(|(entry, verdict)| {
            let reason = verdict.err()?;
            let frame = ServerFrame::Missed {
                round,
                program,
                reason,
            };
            Some((entry.id, entry.key, frame))
        });
        self.settings.clients.send_each(missed);
        let judged = entries.into_iter().zip(verdicts);
        judged
            .filter_map(|(entry, verdict)| verdict.is_ok().then_some(entry))
            .collect()
    }
}

impl LaneSettings {
    /// Sends every client this party's part of its reply.
    fn reply(&self, (round, program): (RoundId, Program), kept: &[Entry], bodies: &[u8]) {
        let bodies = bodies.chunks_exact(reply_body_bytes(self.me, self.shape, program));
        let frames = kept.iter().zip(bodies).map(|(entry, body)| {
            let reply = Reply {
                round,
                program,
                body: body.to_vec(),
            };
            (entry.id, entry.key, ServerFrame::Reply(reply))
        });
        self.clients.send_each(frames);
    }
}

/// Runs a program on what those who are kept dealt.
fn compute(
    context: &mut Context,
    program: Program,
    kept: &[Entry],
    dealt: Dealt,
) -> Result<Replies, RoundError> {
    let dial = match program {
        Program::Conversation => return Ok(conversation(context, dealt.into_conversation(kept))?),
        Program::Contacts => DialingProgram::Contacts,
        Program::Open => DialingProgram::Open,
    };
    Ok(dialing(context, dealt.into_dialing(dial, kept))?)
}

/// Keeps the replies' memory for the next round. P2's was that of its submissions, and the next
/// ones come with theirs.
pub fn take_back(context: &mut Context, replies: Replies) {
    if let Replies::Rows { bytes, .. } = replies
        && context.party() != PartyId::P2
    {
        context.recycle(bytes);
    }
}

/// Joins this party's reply bodies to all rows, of which a submission has `each`: P0's seeds, P1's
/// rows and digests, P2's digests.
pub fn reply_bytes(context: &Context, round: RoundId, each: usize, replies: &Replies) -> Vec<u8> {
    match replies {
        Replies::Seeds(seeds) => {
            let seeds = seeds.iter().flat_map(|row| [row.y0, row.y1]);
            seeds.flatten().collect()
        }
        Replies::Rows {
            row_bytes,
            bytes,
            seeds,
        } => {
            let keeps_rows = context.party() == PartyId::P1;
            let shown = if keeps_rows { *row_bytes } else { 0 };
            let unit = shown + REPLY_DIGEST_BYTES;
            let mut bodies = vec![0; seeds.len() * unit];
            context.fill(&mut bodies, unit, |offset, part| {
                let first = offset / unit;
                let rows = bytes.chunks_exact(*row_bytes).zip(seeds).enumerate();
                for ((row, (y2, seed)), out) in rows.skip(first).zip(part.chunks_exact_mut(unit)) {
                    let (kept, digest) = out.split_at_mut(shown);
                    digest.copy_from_slice(&if keeps_rows {
                        kept.copy_from_slice(y2);
                        seed_digest(round, row % each, seed)
                    } else {
                        row_digest(round, row % each, seed, y2)
                    });
                }
            });
            bodies
        }
    }
}

#[cfg(test)]
mod tests {
    use mcmix_engine::Phase;
    use mcmix_shared::identity::SecretKey;
    use mcmix_shared::share::DealtShare;
    use mcmix_shared::wire::Submit;

    use super::*;
    use crate::clients::Outgoing;
    use crate::net::memory;
    use crate::round::collect::{Collector, OpenRound};

    const ROUND: RoundId = RoundId(7);
    const PROGRAM: Program = Program::Conversation;
    const SHAPE: Shape = Shape {
        slots: 3,
        message_bytes: 128,
    };

    /// What two clients deal to a party: any bytes, the same ones where two parties hold them.
    fn frozen(me: PartyId, link: &RoundLink) -> Frozen {
        let collector = Collector::new(me, SHAPE, 10);
        let open = OpenRound {
            round: ROUND,
            program: PROGRAM,
            turn: Turn(1),
            closes_at: Instant::now(),
        };
        let [next, prev] = link.links().map(|link| *link.key().as_bytes());
        collector.open(open, PairKeys { next, prev });
        for client in [1, 2] {
            let [s0, s1] = [client, client ^ 0xff].map(|byte| vec![byte; 16]);
            let bytes = match me {
                PartyId::P0 => [s0, s1].concat(),
                PartyId::P1 => [s1, vec![client; SHAPE.heads_bytes(PROGRAM)]].concat(),
                PartyId::P2 => [vec![client; SHAPE.submission_bytes(PROGRAM)], s0].concat(),
            };
            let submit = Submit {
                round: ROUND,
                program: PROGRAM,
                share: DealtShare::decode(me, SHAPE, PROGRAM, &bytes).unwrap(),
            };
            let key = SecretKey::from_bytes([client; 32]).client_key();
            collector
                .submit((key.id(&[0; 32]), key), 0, submit)
                .unwrap();
        }
        collector.freeze(ROUND).unwrap()
    }

    /// Runs a round at all three parties. Returns how it ended at each, and how many clients it handed a
    /// reply to.
    fn run(change: memory::Change) -> [(Result<RoundReport, RoundError>, usize); 3] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let mut links = memory::open(ROUND, change).into_iter();
        let links = PartyId::ALL.map(|party| (party, links.next().unwrap()));
        let ends = links.each_ref().map(|(_, link)| link.abandon_handle());
        std::thread::scope(|scope| {
            let threads = links.map(|(me, link)| {
                let ends = &ends;
                scope.spawn(move || {
                    let clients = Clients::new([0; 32], 10);
                    let keys = [1, 2].map(|byte| SecretKey::from_bytes([byte; 32]).client_key());
                    let places = keys.map(|key| clients.join(key).unwrap());
                    let mut lane = Lane::new(LaneSettings {
                        me,
                        name: "test",
                        shape: SHAPE,
                        most_clients: 10,
                        limit: Duration::from_mins(1),
                        clients,
                    });
                    let result = lane.run(Job {
                        program: PROGRAM,
                        frozen: frozen(me, &link),
                        turn: Turn(1),
                        link,
                        sort_width: SortWidth::new(2),
                    });
                    if result.is_err() {
                        // As where peers are told of it.
                        ends.iter().for_each(crate::net::Abandon::abandon);
                    }
                    let queues = places.map(|mut place| {
                        std::iter::from_fn(|| place.queue.try_recv().ok())
                            .filter(|outgoing| is_reply(me, outgoing))
                            .count()
                    });
                    (result, queues.iter().sum())
                })
            });
            threads.map(|thread| thread.join().unwrap())
        })
    }

    fn is_reply(me: PartyId, outgoing: &Outgoing) -> bool {
        let Outgoing::Frame(bytes) = outgoing else {
            return false;
        };
        let frame = ServerFrame::decode(me, SHAPE, bytes).unwrap();
        matches!(frame, ServerFrame::Reply(_))
    }

    #[test]
    fn all_get_replies_of_a_round_that_ends_well() {
        for (result, replies) in run(|_, frame| frame) {
            assert_eq!((result.unwrap().kept, replies), (2, 2));
        }
    }

    /// P2 lies to P1 in a last message of the round's last verification. P1 stops; what P0 has computed
    /// is as good as ever, but its clients get nothing, for it has not heard from P1 that all is fixed.
    #[test]
    fn nobody_gets_a_reply_of_a_round_that_was_aborted() {
        let ends = run(|way, mut frame| {
            // Round, step, chunk and clock stand before what is sent.
            let label = [Phase::Verify as u8, 15, 0];
            if way == (PartyId::P2, PartyId::P1)
                && frame.starts_with(&ROUND.0.to_le_bytes())
                && frame[8..].starts_with(&label)
            {
                frame[19] ^= 1;
            }
            frame
        });
        let [p0, p1, _] = &ends;
        assert!(p0.0.is_err());
        assert!(matches!(
            p1.0,
            Err(RoundError::Engine(
                mcmix_engine::Error::DigestMismatch { .. }
            ))
        ));
        assert_eq!(ends.map(|(_, replies)| replies), [0; 3]);
    }
}
