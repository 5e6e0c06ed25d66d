//! Well-formed frames at the wrong time, shares that do not fit, and too many of oneself.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use getrandom::rand_core::Rng as _;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::share::DealtShare;
use mcmix_shared::wire::{ClientFrame, MissedReason, Open, Refusal, ServerFrame};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio_tungstenite::{MaybeTlsStream, client_async};

use super::Answer::{self, Cut, GoesOn, HungUp, LeftOut, Refused};
use super::crowd::MEMBERS;
use super::probe::{answer, end, frame, linked, new_key};
use super::target::{MOST_CLIENTS, MOST_REFUSALS};
use super::{Beside, Class, Target};
use crate::raw::{RawClient, RawLink, deal_idle, rng, submit};
use crate::socket::request;

/// The server that is linked to.
const P1: PartyId = PartyId::P1;
const PROGRAM: Program = Program::Conversation;
/// Connections of one client, one after the other.
const JOINS: usize = 200;

pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "early",
        "a share for a round to come",
        Refused(Refusal::Early),
        |it| Box::pin(at_round(it, |open| RoundId(open.round.0 + 1000))),
    ),
    Class::new(
        "ancient",
        "a share for a round of long ago",
        Refused(Refusal::WrongRound),
        |it| Box::pin(at_round(it, |_| RoundId(1))),
    ),
    Class::new(
        "last-number",
        "a share for the last round there can be",
        Refused(Refusal::Early),
        |it| Box::pin(at_round(it, |_| RoundId(u64::MAX))),
    ),
    Class::new(
        "late",
        "a share for the round before",
        Refused(Refusal::Late),
        |it| Box::pin(late(it)),
    ),
    Class::new(
        "wrong-program",
        "a share of another program than the round's",
        Refused(Refusal::WrongProgram),
        |it| Box::pin(wrong_program(it)),
    ),
    Class::new(
        "repeated",
        "two shares for one round",
        Refused(Refusal::Repeated),
        |it| Box::pin(repeated(it)),
    ),
    Class::new(
        "mismatch",
        "shares that do not fit together",
        LeftOut(MissedReason::Mismatch),
        |it| Box::pin(mismatch(it)),
    ),
    Class::new(
        "two-of-three",
        "shares to two servers",
        LeftOut(MissedReason::Absent),
        |it| Box::pin(two_of_three(it)),
    ),
    Class::new(
        "random-shares",
        "shares of random bytes",
        LeftOut(MissedReason::Mismatch),
        |it| Box::pin(random_shares(it)),
    ),
    Class::new(
        "two-windows",
        "one key in two windows",
        Cut(Refusal::Replaced),
        |it| Box::pin(two_windows(it)),
    ),
    Class::new(
        "joins-and-leaves",
        "one key joins and leaves 200 times",
        GoesOn,
        |it| Box::pin(joins_and_leaves(it)),
    ),
    Class::new(
        "leaves-with-share",
        "leaves as soon as its shares are sent",
        GoesOn,
        |it| Box::pin(leaves_with_share(it)),
    ),
    Class::new("reads-nothing", "a link that reads nothing", HungUp, |it| {
        Box::pin(reads_nothing(it))
    }),
    Class::new(
        "too-many",
        "more clients than there is room for",
        Cut(Refusal::TooManyConnections),
        |it| Box::pin(too_many(it)),
    )
    .beside(Beside::Crowd),
    Class::new("half-closed", "closes its half once linked", HungUp, |it| {
        Box::pin(half_closed(it))
    }),
];

fn share(target: &Target, program: Program) -> DealtShare {
    let [_, share, _] = deal_idle(&target.deployment, program);
    share
}

/// Waits for the next round: the one that is open may be about to close.
async fn next_round(link: &mut RawLink) -> Result<RoundId> {
    link.open_round(PROGRAM).await?;
    Ok(link.open_round(PROGRAM).await?.round)
}

/// Hands in for a round that is chosen when one is open.
async fn at_round(target: &Target, choose: impl FnOnce(Open) -> RoundId) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    let round = choose(link.open_round(PROGRAM).await?);
    link.send(&submit(round, PROGRAM, share(target, PROGRAM)))
        .await;
    answer(&mut link).await
}

async fn late(target: &Target) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    let earlier = link.open_round(PROGRAM).await?.round;
    link.open_round(PROGRAM).await?;
    link.send(&submit(earlier, PROGRAM, share(target, PROGRAM)))
        .await;
    answer(&mut link).await
}

async fn wrong_program(target: &Target) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    let round = next_round(&mut link).await?;
    link.send(&submit(round, Program::Open, share(target, Program::Open)))
        .await;
    answer(&mut link).await
}

async fn repeated(target: &Target) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    let round = next_round(&mut link).await?;
    for _ in 0..2 {
        link.send(&submit(round, PROGRAM, share(target, PROGRAM)))
            .await;
    }
    answer(&mut link).await
}

/// Hands in shares, and returns why those servers leave the client out, which all say alike.
async fn left_out(target: &Target, shares: [Option<DealtShare>; 3]) -> Result<Answer> {
    let told = shares.each_ref().map(Option::is_some);
    let mut client = RawClient::connect(&target.deployment, &new_key()).await?;
    // The one that is open may be about to close.
    client.open_round(PROGRAM).await?;
    let handed_in = client.submit(PROGRAM, shares).await?;
    let mut answers = Vec::new();
    for (link, is_told) in client.links.iter_mut().zip(told) {
        if is_told {
            let missed = |frame| match frame {
                ServerFrame::Missed { round, reason, .. } if round == handed_in => Some(Ok(reason)),
                ServerFrame::Reply(reply) if reply.round == handed_in => {
                    Some(Err(anyhow::anyhow!("it got a reply")))
                }
                _ => None,
            };
            answers.push(link.find(missed).await??);
        }
    }
    let first = *answers.first().context("somebody is told")?;
    ensure!(answers.iter().all(|&other| other == first), "{answers:?}");
    Ok(Answer::LeftOut(first))
}

async fn mismatch(target: &Target) -> Result<Answer> {
    let deal = || deal_idle(&target.deployment, PROGRAM);
    let ([p0, _, p2], [_, p1, _]) = (deal(), deal());
    Box::pin(left_out(target, [p0, p1, p2].map(Some))).await
}

async fn two_of_three(target: &Target) -> Result<Answer> {
    let [p0, p1, _] = deal_idle(&target.deployment, PROGRAM);
    Box::pin(left_out(target, [Some(p0), Some(p1), None])).await
}

async fn random_shares(target: &Target) -> Result<Answer> {
    let shape = target.deployment.shape();
    let random = |party| {
        let mut bytes = vec![0; DealtShare::encoded_bytes(party, shape, PROGRAM)];
        rng().fill_bytes(&mut bytes);
        DealtShare::decode(party, shape, PROGRAM, &bytes)
    };
    let [p0, p1, p2] = PartyId::ALL.map(random);
    Box::pin(left_out(target, [Some(p0?), Some(p1?), Some(p2?)])).await
}

async fn two_windows(target: &Target) -> Result<Answer> {
    let key = new_key();
    let mut first = RawLink::connect(&target.deployment, P1, &key).await?;
    let mut second = RawLink::connect(&target.deployment, P1, &key).await?;
    let seen = answer(&mut first).await?;
    let goes_on = answer(&mut second).await?;
    ensure!(goes_on == Answer::GoesOn, "the second window: {goes_on}");
    Ok(seen)
}

async fn joins_and_leaves(target: &Target) -> Result<Answer> {
    let key = new_key();
    for _ in 0..JOINS {
        let mut link = RawLink::greet(&target.deployment, P1, &key).await?;
        link.send(&ClientFrame::Ready.encode()).await;
    }
    answer(&mut RawLink::connect(&target.deployment, P1, &key).await?).await
}

async fn leaves_with_share(target: &Target) -> Result<Answer> {
    let key = new_key();
    let mut client = RawClient::connect(&target.deployment, &key).await?;
    let shares = deal_idle(&target.deployment, PROGRAM).map(Some);
    client.submit(PROGRAM, shares).await?;
    drop(client);
    answer(&mut RawLink::connect(&target.deployment, P1, &key).await?).await
}

/// Pings so that answers pile up. Then, as frames can't be written to it, it is dropped.
async fn reads_nothing(target: &Target) -> Result<Answer> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(2048)?;
    let stream = socket.connect(target.at(P1).clients).await?;
    let request = request(&target.deployment.server(P1).url)?;
    let (socket, _) = client_async(request, MaybeTlsStream::Plain(stream)).await?;
    let mut link = RawLink::over(&target.deployment, P1, &new_key(), socket).await?;
    link.send(&ClientFrame::Ready.encode()).await;
    let pings = frame(0x89, &[1; 125]).repeat(MOST_REFUSALS);
    link.socket.get_mut().write_all(&pings).await?;
    // Whoever reads sees that it is told of rounds meanwhile.
    let mut other = linked(target, P1).await?;
    for _ in 0..2 {
        other.open_round(PROGRAM).await?;
    }
    end(&mut link.socket, Instant::now()).await
}

async fn too_many(target: &Target) -> Result<Answer> {
    let mut kept = Vec::new();
    loop {
        let mut link = RawLink::greet(&target.deployment, P1, &new_key()).await?;
        link.send(&ClientFrame::Ready.encode()).await;
        match link.next().await? {
            Some(ServerFrame::Welcome(_)) => kept.push(link),
            Some(ServerFrame::Refused { reason }) => {
                link.farewell().await?;
                ensure!(link.closed == Some(1008), "closed with {:?}", link.closed);
                let most = MOST_CLIENTS - MEMBERS;
                ensure!(kept.len() == most, "room for {}, not {most}", kept.len());
                return Ok(Answer::Cut(reason));
            }
            other => bail!("expected a welcome or a refusal, got {other:?}"),
        }
    }
}

/// Says that nothing more will come, and reads on.
async fn half_closed(target: &Target) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    link.socket.get_mut().shutdown().await?;
    answer(&mut link).await
}
