//! Computes rounds, one after the other, on a thread of its own: one lane for conversation, one for
//! both dialing programs.

use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mcmix_engine::link::Closed;
use mcmix_engine::{
    Context, DialingProgram, LinkError, PairKeys, PartyId, Replies, Settings, SortWidth,
    Statistics, Suspects, conversation, dialing,
};
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::share::ReplyPart;
use tokio_util::sync::CancellationToken;

use super::abort::Abort;
use super::agree::{AgreeError, Terms, agree};
use super::clock::Outcome;
use crate::egress;
use crate::intake::Batch;
use crate::log::EACH_ROUND;
use crate::net::RoundLink;
use crate::vital;

/// What all rounds of a lane have in common.
#[derive(Clone, Copy, Debug)]
pub struct LaneSettings {
    /// This party.
    pub me: PartyId,
    /// What it is called.
    pub name: &'static str,
    /// Clients in one round at most.
    pub most_clients: usize,
    /// Time that a round has.
    pub limit: Duration,
    /// What the engine computes with.
    pub engine: Settings,
}

/// One round to compute.
#[derive(Debug)]
pub struct Job {
    /// The program.
    pub program: Program,
    /// This party's submissions.
    pub batch: Batch,
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
    /// Clients that took part.
    pub clients: u32,
    /// Wall time of ordering the submissions.
    pub order: Duration,
    /// Wall time of the agreement.
    pub agree: Duration,
    /// Bytes that the agreement sent to the next and to the previous party.
    pub agree_sent: [u64; 2],
    /// Wall time from the agreement to the replies' parts.
    pub compute: Duration,
    /// Wall time of writing the replies.
    pub reply: Duration,
    /// The engine's counts.
    pub statistics: Statistics,
}

/// Rounds that may wait for a lane: where the one before was given up, it may still be computed.
const WAITING: usize = 4;

/// Starts a lane's thread; it ends when the sender is dropped, and `stop` is cancelled where it ends
/// for another reason. `egress` gets what every round comes to, `finished` hears of every round how it went.
///
/// # Errors
/// When the system gives no thread.
pub fn start(
    settings: LaneSettings,
    stop: &CancellationToken,
    egress: impl Fn(egress::Replies) + Send + 'static,
    finished: impl Fn(RoundId, Result<RoundReport, RoundError>) + Send + 'static,
) -> std::io::Result<mpsc::SyncSender<Job>> {
    let (sender, jobs) = mpsc::sync_channel::<Job>(WAITING);
    let name = format!("{}-{}", settings.me, settings.name);
    vital::thread(name, stop, move || {
        let mut lane = Lane::new(settings);
        for job in jobs {
            let round = job.link.round();
            let result = lane.run(job);
            let result = result.map(|(replies, report)| {
                egress(replies);
                report
            });
            finished(round, result);
        }
        Ok::<_, Infallible>(())
    })?;
    Ok(sender)
}

/// One lane's engine. Its context, and with it its buffers, live as long as the links.
#[derive(Debug)]
pub struct Lane {
    settings: LaneSettings,
    context: Option<(PairKeys, Context)>,
}

impl Lane {
    /// Makes a lane that has computed nothing yet.
    pub const fn new(settings: LaneSettings) -> Self {
        Self {
            settings,
            context: None,
        }
    }

    /// Agrees on the clients, computes, and returns what they are sent.
    ///
    /// # Errors
    /// Says which peer or step the round failed at.
    pub fn run(&mut self, job: Job) -> Result<(egress::Replies, RoundReport), RoundError> {
        let program = job.program;
        self.run_with(job, |context, batch| compute(context, program, batch))
    }

    /// The same with another computation.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_with(
        &mut self,
        job: Job,
        compute: impl FnOnce(&mut Context, Batch) -> Result<Replies, mcmix_engine::Error>,
    ) -> Result<(egress::Replies, RoundReport), RoundError> {
        let round = job.link.round();
        let span = tracing::info_span!("round", %round, program = %job.program);
        let _entered = span.enter();
        let result = self.run_inside(round, job, compute);
        if let Some((_, context)) = &mut self.context {
            context.set_link(Closed);
        }
        match &result {
            Ok((replies, report)) => tracing::info!(
                target: EACH_ROUND,
                clients = replies.kept.len(),
                left_out = replies.left_out.len(),
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

    fn run_inside(
        &mut self,
        round: RoundId,
        job: Job,
        compute: impl FnOnce(&mut Context, Batch) -> Result<Replies, mcmix_engine::Error>,
    ) -> Result<(egress::Replies, RoundReport), RoundError> {
        let Job {
            program,
            batch,
            turn,
            mut link,
            sort_width,
        } = job;
        let mut laps = Laps::start();
        link.limit(self.settings.limit);
        let terms = Terms {
            me: self.settings.me,
            round,
            program,
            turn,
            sort_ways: u8::try_from(sort_width.ways()).unwrap_or(u8::MAX),
            most_clients: self.settings.most_clients,
        };
        let context = self.context(&link);
        let mut batch = context.on_workers(|| batch.in_order());
        let mut report = RoundReport {
            order: laps.next(),
            ..RoundReport::default()
        };
        let verdicts = context.on_workers(|| agree(&mut link, &terms, batch.members()))?;
        report.agree = laps.next();
        report.agree_sent = link.sent();
        let left_out = batch.leave_out(&verdicts);
        let kept: Vec<_> = batch.members().iter().map(|it| it.client).collect();
        report.clients = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        let mut bodies = Vec::new();
        if !kept.is_empty() {
            context.set_link(link);
            context.begin(round.0)?;
            context.set_sort_width(sort_width);
            let replies = compute(context, batch)?;
            report.compute = laps.next();
            report.statistics = context.statistics().clone();
            bodies = write(context, round, kept.len(), &replies);
            take_back(context, replies);
            report.reply = laps.next();
        }
        let replies = egress::Replies {
            round,
            program,
            kept,
            bodies,
            left_out,
        };
        Ok((replies, report))
    }

    /// Returns the context of the links that have these keys.
    fn context(&mut self, link: &RoundLink) -> &mut Context {
        let [next, prev] = link.links().map(|link| *link.key().as_bytes());
        let keys = PairKeys { next, prev };
        let LaneSettings { me, engine, .. } = self.settings;
        let fresh = || Context::new(me, keys.clone(), Closed, engine);
        let (_, context) = match self.context.take() {
            Some((used, context)) if used == keys => self.context.insert((used, context)),
            _ => self.context.insert((keys.clone(), fresh())),
        };
        context
    }
}

/// Times one thing after the other.
struct Laps(Instant);

impl Laps {
    fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since this was last called.
    fn next(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

/// Runs a program on what clients dealt.
fn compute(
    context: &mut Context,
    program: Program,
    batch: Batch,
) -> Result<Replies, mcmix_engine::Error> {
    let dial = match program {
        Program::Conversation => return conversation(context, batch.into_conversation()),
        Program::Contacts => DialingProgram::Contacts,
        Program::Open => DialingProgram::Open,
    };
    dialing(context, batch.into_dialing(dial))
}

/// Keeps the replies' memory for the next round. P2's was that of its submissions, and the next
/// ones come with theirs.
fn take_back(context: &mut Context, replies: Replies) {
    if let Replies::Rows { bytes, .. } = replies
        && context.party() != PartyId::P2
    {
        context.recycle(bytes);
    }
}

/// Writes this party's part of the replies to so many clients.
fn write(context: &Context, round: RoundId, clients: usize, replies: &Replies) -> Vec<u8> {
    let me = context.party();
    let (rows, row_bytes) = match replies {
        Replies::Seeds(seeds) => (seeds.len(), 0),
        Replies::Rows {
            row_bytes, seeds, ..
        } => (seeds.len(), *row_bytes),
    };
    let each = rows.checked_div(clients).unwrap_or(1).max(1);
    let part = |row: usize| match replies {
        Replies::Seeds(seeds) => seeds.get(row).map(|it| ReplyPart::Seeds([&it.y0, &it.y1])),
        Replies::Rows { bytes, seeds, .. } => {
            let y2 = bytes.get(row * row_bytes..(row + 1) * row_bytes)?;
            let seed = seeds.get(row)?;
            Some(match me {
                PartyId::P0 | PartyId::P1 => ReplyPart::Row { y2, y1_seed: seed },
                PartyId::P2 => ReplyPart::Digest { y2, y0_seed: seed },
            })
        }
    };
    let unit = ReplyPart::bytes(me, row_bytes);
    let mut bodies = vec![0; rows * unit];
    context.fill(&mut bodies, unit, |offset, out| {
        let first = offset / unit;
        for (row, out) in (first..).zip(out.chunks_exact_mut(unit)) {
            if let Some(part) = part(row) {
                part.write(round, row % each, out);
            }
        }
    });
    bodies
}

#[cfg(test)]
mod tests {
    use mcmix_engine::Phase;
    use mcmix_shared::identity::SecretKey;
    use mcmix_shared::row::Shape;
    use mcmix_shared::share::{DealtShare, reply_body_bytes};

    use super::*;
    use crate::clients::Client;
    use crate::intake::Member;
    use crate::net::memory;

    const ROUND: RoundId = RoundId(7);
    const PROGRAM: Program = Program::Conversation;
    const SHAPE: Shape = Shape {
        slots: 3,
        message_bytes: 128,
    };

    /// What two clients deal to a party: any bytes, the same ones where two parties hold them.
    fn batch(me: PartyId, link: &RoundLink) -> Batch {
        let mut batch = Batch::new(me, PROGRAM, SHAPE, 10);
        let [next, prev] = link.links().map(|link| link.key().digest_key(ROUND));
        let keys = [prev, next];
        for client in [1, 2] {
            let [s0, s1] = [client, client ^ 0xff].map(|byte| vec![byte; 16]);
            let bytes = match me {
                PartyId::P0 => [s0, s1].concat(),
                PartyId::P1 => [s1, vec![client; SHAPE.heads_bytes(PROGRAM)]].concat(),
                PartyId::P2 => [vec![client; SHAPE.submission_bytes(PROGRAM)], s0].concat(),
            };
            let share = DealtShare::decode(me, SHAPE, PROGRAM, &bytes).unwrap();
            let key = SecretKey::from_bytes([client; 32]).client_key();
            let client = Client::new(key, &[0; 32]);
            let member = Member::new(client, 0, &share, &keys);
            batch.put(member, share).unwrap();
        }
        batch
    }

    /// Runs a round at all three parties.
    fn run(change: memory::Change) -> [Result<(egress::Replies, RoundReport), RoundError>; 3] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let mut links = memory::open(ROUND, change).into_iter();
        let links = PartyId::ALL.map(|party| (party, links.next().unwrap()));
        let ends = links.each_ref().map(|(_, link)| link.abandon_handle());
        std::thread::scope(|scope| {
            let threads = links.map(|(me, link)| {
                let ends = &ends;
                scope.spawn(move || {
                    let result = Lane::new(settings(me)).run(job(me, link));
                    if result.is_err() {
                        // As where peers are told of it.
                        ends.iter().for_each(crate::net::Abandon::abandon);
                    }
                    result
                })
            });
            threads.map(|thread| thread.join().unwrap())
        })
    }

    fn settings(me: PartyId) -> LaneSettings {
        LaneSettings {
            me,
            name: "test",
            most_clients: 10,
            limit: Duration::from_mins(1),
            engine: Settings::default(),
        }
    }

    fn job(me: PartyId, link: RoundLink) -> Job {
        Job {
            program: PROGRAM,
            batch: batch(me, &link),
            turn: Turn(1),
            link,
            sort_width: SortWidth::new(2),
        }
    }

    /// Nobody would hear of the round otherwise, and P0 would wait for it for ever.
    #[test]
    fn a_lane_that_panics_stops_the_party() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let (me, stop) = (PartyId::P0, CancellationToken::new());
        let lane = start(settings(me), &stop, |_| {}, |_, _| panic!("a defect")).unwrap();
        let [link, ..] = memory::open(ROUND, |_, frame| frame);
        link.abandon_handle().abandon();
        lane.send(job(me, link)).unwrap();
        let stopped = tokio::time::timeout(Duration::from_mins(1), stop.cancelled());
        assert!(runtime.block_on(stopped).is_ok());
    }

    #[test]
    fn all_get_replies_of_a_round_that_ends_well() {
        for (me, result) in PartyId::ALL.into_iter().zip(run(|_, frame| frame)) {
            let (replies, _) = result.unwrap();
            let lengths: Vec<_> = replies.each().map(|(_, body)| body.len()).collect();
            assert_eq!(lengths, [reply_body_bytes(me, SHAPE, PROGRAM); 2]);
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
        let [p0, p1, p2] = &ends;
        assert!(p0.is_err() && p2.is_err());
        assert!(matches!(
            p1,
            Err(RoundError::Engine(
                mcmix_engine::Error::DigestMismatch { .. }
            ))
        ));
    }
}
