//! Whether rounds go by: all three servers announce the same one, and its result comes back.

use std::time::Duration;

use futures_util::future::join_all;
use getrandom::SysRng;
use getrandom::rand_core::{CryptoRng, UnwrapErr};
use mcmix_shared::identity::ClientId;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::{ConversationRow, DIAL_MESSAGE_BYTES, DialRow, Pass, Submission};
use mcmix_shared::share::{combine, deal};
use mcmix_shared::wire::{ClientFrame, Refusal, ServerFrame, Submit};
use tokio::time::{Instant, timeout_at};

use super::finding::{Checks, Finding};
use super::link::Link;
use crate::round::clock::Periods;

/// Periods that a round is waited for, as long as clients wait: servers stretch them up to four times.
const PERIODS: u32 = 5;

/// Added to them: until a round has been computed, which may take 16 seconds, there is no next one.
const SLACK: Duration = Duration::from_secs(20);

/// How often a round is missed before that is held to be wrong.
const TRIES: u32 = 3;

/// Returns how long a round is waited for.
pub fn patience(deployment: &Deployment) -> Duration {
    let (_, period) = Periods::from(deployment).pacing();
    PERIODS * period + SLACK
}

/// Looks at the rounds that the servers announce over these links.
pub(super) async fn check(deployment: &Deployment, links: Vec<Option<Link>>, checks: &mut Checks) {
    let (pacing, _) = Periods::from(deployment).pacing();
    let within = patience(deployment);
    let mut links: Vec<_> = links.into_iter().flatten().collect();
    // What keeps doctor out is told already.
    if links.is_empty() {
        return;
    }
    let opened = announced(&mut links, pacing, within).await;
    let missing = PartyId::ALL.len() - links.len();
    let Some((round, program)) = checks.note("announced rounds", opened) else {
        return;
    };
    if missing > 0 {
        return;
    }
    let result = takes_part(deployment, &mut links, (round, program), within).await;
    checks.note("a round", result);
}

/// What all three announced.
type Announced = (RoundId, Program);

/// Waits until all announce the same round of the lane.
async fn announced(
    links: &mut [Link],
    lane: Program,
    within: Duration,
) -> Result<Announced, Finding> {
    let until = Instant::now() + within;
    let mut opened = Vec::new();
    for (party, open) in join_all(links.iter_mut().map(|it| open(it, lane, until))).await {
        let Some(open) = open? else {
            return Err(Finding::new(
                format!("{party} announces no round within {} s", within.as_secs()),
                format!(
                    "ask {party}'s /readyz, and then P0's: they name the link between servers \
                     that is missing, or say that rounds are stopped"
                ),
            ));
        };
        opened.push(open);
    }
    let newest = opened.iter().copied().max_by_key(|(round, _)| *round);
    let newest = newest.unwrap_or((RoundId(0), lane));
    for (link, have) in links.iter_mut().zip(&mut opened) {
        while have.0 < newest.0 {
            match open(link, lane, until).await {
                (_, Ok(Some(next))) => *have = next,
                (_, Err(finding)) => return Err(finding),
                (_, Ok(None)) => break,
            }
        }
    }
    if opened.iter().any(|open| *open != newest) {
        return Err(Finding::new(
            format!("the servers announce different rounds: {opened:?}"),
            "are all three of one deployment? Compare the addresses in the manifest with where \
             they lead, and the three logs",
        ));
    }
    Ok(newest)
}

/// Waits for an announcement.
async fn open(
    link: &mut Link,
    lane: Program,
    until: Instant,
) -> (PartyId, Result<Option<Announced>, Finding>) {
    let found = async {
        loop {
            match link.next().await {
                Ok(ServerFrame::Open(open)) if open.program.is_dialing() == lane.is_dialing() => {
                    return Ok((open.round, open.program));
                }
                Ok(ServerFrame::Stopped) => return Err(stopped()),
                Ok(_) => {}
                Err(finding) => return Err(finding),
            }
        }
    };
    let found = timeout_at(until, found).await;
    let found = found.map_or(Ok(None), |found| found.map(Some));
    (link.party, found)
}

fn stopped() -> Finding {
    Finding::new(
        "rounds are stopped: one of the servers does not follow the protocol",
        "compare the three logs, as the guide's \"When a server deviates\" says",
    )
}

/// Hands in for a round, and for the next ones where that comes too late, until a result comes back.
async fn takes_part(
    deployment: &Deployment,
    links: &mut [Link],
    mut announced: Announced,
    within: Duration,
) -> Result<(), Finding> {
    let mut rng = UnwrapErr(SysRng);
    for _ in 0..TRIES {
        let (round, program) = announced;
        let dealt = deal(&idle(deployment, program, &mut rng), &mut rng);
        for (link, share) in links.iter_mut().zip(dealt) {
            let submit = Submit {
                round,
                program,
                share,
            };
            link.send(&ClientFrame::Submit(submit)).await?;
        }
        let until = Instant::now() + within;
        let replies = join_all(links.iter_mut().map(|it| reply(it, round, until))).await;
        let replies = replies.into_iter().collect::<Result<Vec<_>, _>>()?;
        if let [Some(p0), Some(p1), Some(p2)] = replies.as_slice() {
            return fit(deployment, announced, [p0, p1, p2]);
        }
        announced = self::announced(links, program, within).await?;
    }
    Err(Finding::new(
        format!("what was handed in came too late for {TRIES} rounds one after the other"),
        "is the line from here so slow? Else make the manifest's periods longer, or give the \
         servers more processors",
    ))
}

/// Waits for the reply to what was handed in for a round; none where it came too late.
async fn reply(
    link: &mut Link,
    round: RoundId,
    until: Instant,
) -> Result<Option<Vec<u8>>, Finding> {
    let party = link.party;
    let found = async {
        loop {
            match link.next().await? {
                ServerFrame::Reply(reply) if reply.round == round => return Ok(Some(reply.body)),
                ServerFrame::Missed { round: of, .. } if of == round => return Ok(None),
                ServerFrame::Refused {
                    reason: Refusal::Late | Refusal::WrongRound,
                } => return Ok(None),
                ServerFrame::Refused { reason } => {
                    return Err(Finding::new(
                        format!("{party} refuses what was handed in: {reason}"),
                        "do its version and its manifest fit this program's?",
                    ));
                }
                ServerFrame::Failed {
                    round: of, reason, ..
                } if of == round => {
                    return Err(Finding::new(
                        format!("round {round} has no result: {reason}"),
                        "look for that round in the three logs, and run doctor again",
                    ));
                }
                ServerFrame::Stopped => return Err(stopped()),
                _ => {}
            }
        }
    };
    timeout_at(until, found).await.unwrap_or_else(|_| {
        Err(Finding::new(
            format!("{party} sends no result of round {round}"),
            "look for that round in the three logs; a machine that is too slow or a link that is \
             too slow between servers does this",
        ))
    })
}

fn fit(
    deployment: &Deployment,
    (round, program): Announced,
    bodies: [&[u8]; 3],
) -> Result<(), Finding> {
    let wrong = |what: String| {
        Err(Finding::new(
            format!("the three servers' results do not fit together: {what}"),
            "compare the three servers' versions and logs: one of them does not follow the protocol",
        ))
    };
    match combine(round, program, deployment.shape(), bodies) {
        Ok(rows) => match rows.iter().find_map(|row| row.disagreement.as_ref()) {
            None => Ok(()),
            Some(disagreement) => wrong(format!("{disagreement:?}")),
        },
        Err(error) => wrong(error.to_string()),
    }
}

/// Rows that meet nobody and dial nobody.
fn idle(deployment: &Deployment, program: Program, rng: &mut impl CryptoRng) -> Submission {
    let shape = deployment.shape();
    if program.is_dialing() {
        return Submission::dialing(&DialRow {
            id: ClientId(*Pass::random(rng).as_bytes()),
            pass: Pass::random(rng),
            own_pass: Pass::random(rng),
            message: [0; DIAL_MESSAGE_BYTES],
        });
    }
    let rows: Vec<_> = (0..shape.slots)
        .map(|_| ConversationRow::idle(shape.message_bytes, rng))
        .collect();
    Submission::conversation(shape, &rows)
}
