//! The first message, and the link that it is to make.

use std::time::Instant;

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use mcmix_shared::noise::{HELLO_BYTES, Initiator};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{ClientFrame, Refusal};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use super::Answer::{self, Closed, Cut, HungUp, TimedOut};
use super::probe::{answer, end, frame, new_key, upgraded};
use super::{Class, Target};
use crate::raw::{RawLink, deal_idle, rng, soon, submit};

/// The server that is greeted.
const P2: PartyId = PartyId::P2;
/// Bytes of the first message before ML-KEM: an ephemeral key and a sealed one.
const OLD_HELLO_BYTES: usize = 96;

pub(super) const CLASSES: &[Class] = &[
    Class::new("empty-hello", "an empty hello", Closed(1008), |it| {
        Box::pin(greets(it, Vec::new()))
    }),
    Class::new(
        "short-hello",
        "a hello without its last byte",
        Closed(1008),
        |it| {
            Box::pin(greets(
                it,
                hello(it, P2, realm(it))[..]
                    .split_last()
                    .map_or(Vec::new(), |(_, most)| most.to_vec()),
            ))
        },
    ),
    Class::new(
        "old-hello",
        "a hello as long as before ML-KEM",
        Closed(1008),
        |it| Box::pin(greets(it, vec![9; OLD_HELLO_BYTES])),
    ),
    Class::new("random-hello", "a hello that is none", Closed(1008), |it| {
        Box::pin(greets(it, vec![9; HELLO_BYTES]))
    }),
    Class::new(
        "weak-point",
        "a hello whose one-time key is a point of small order",
        Closed(1008),
        |it| Box::pin(weak_point(it)),
    ),
    Class::new(
        "changed-hello",
        "a hello with one bit changed",
        Closed(1008),
        |it| Box::pin(changed_hello(it)),
    ),
    Class::new(
        "other-party",
        "a hello for another server",
        Closed(1008),
        |it| Box::pin(greets(it, hello(it, PartyId::P0, realm(it)))),
    ),
    Class::new(
        "other-deployment",
        "a hello for another deployment",
        Closed(1008),
        |it| Box::pin(greets(it, hello(it, P2, [7; 32]))),
    ),
    Class::new(
        "replayed-hello",
        "somebody's hello and first frame again",
        Closed(1008),
        |it| Box::pin(replayed_hello(it)),
    ),
    Class::new("never-ready", "a hello, then nothing", TimedOut, |it| {
        Box::pin(never_ready(it))
    }),
    Class::new(
        "pings-before-ready",
        "a hello, then pings, reads nothing",
        HungUp,
        |it| Box::pin(pings_before_ready(it)),
    ),
    Class::new(
        "submit-before-ready",
        "a share before it said that it is there",
        Cut(Refusal::Malformed),
        |it| Box::pin(submit_before_ready(it)),
    ),
    Class::new(
        "first-frame-version",
        "a first frame of version 1",
        Cut(Refusal::UnsupportedVersion),
        |it| Box::pin(first_frame(it, &[1, 1])),
    ),
    Class::new(
        "first-frame-empty",
        "an empty first frame",
        Cut(Refusal::WrongSize),
        |it| Box::pin(first_frame(it, b"")),
    ),
    Class::new(
        "first-frame-sealed",
        "a first frame that does not open",
        Cut(Refusal::Malformed),
        |it| Box::pin(does_not_open(it)),
    ),
];

fn realm(target: &Target) -> [u8; 32] {
    target.deployment.realm().deployment
}

/// Makes a first message by P2's key.
fn hello(target: &Target, party: PartyId, realm: [u8; 32]) -> Vec<u8> {
    let server = target.deployment.server(P2);
    Initiator::new(&realm, party, &new_key(), &server.key, &mut rng()).1
}

/// Sends a first message.
async fn greets(target: &Target, hello: Vec<u8>) -> Result<Answer> {
    let (mut socket, since) = upgraded(target, P2).await?;
    socket.send(Message::Binary(hello.into())).await?;
    end(&mut socket, since).await
}

async fn weak_point(target: &Target) -> Result<Answer> {
    let mut weak = hello(target, P2, realm(target));
    weak.iter_mut().take(32).for_each(|byte| *byte = 0);
    greets(target, weak).await
}

async fn changed_hello(target: &Target) -> Result<Answer> {
    let mut changed = hello(target, P2, realm(target));
    changed
        .iter_mut()
        .skip(40)
        .take(1)
        .for_each(|byte| *byte ^= 1);
    greets(target, changed).await
}

/// Sends again what it overheard: it can't read the answers, and the one who sent it first stays.
async fn replayed_hello(target: &Target) -> Result<Answer> {
    let server = target.deployment.server(P2);
    let (initiator, hello) =
        Initiator::new(&realm(target), P2, &new_key(), &server.key, &mut rng());
    let hello = Message::Binary(hello.into());
    let (mut socket, _) = upgraded(target, P2).await?;
    socket.send(hello.clone()).await?;
    let first = soon("the answer to the handshake", socket.next()).await?;
    let first = first
        .transpose()?
        .map(Message::into_data)
        .unwrap_or_default();
    let mut transport = initiator.finish(&first)?;
    let ready = Message::Binary(transport.seal(&ClientFrame::Ready.encode())?.into());
    socket.send(ready.clone()).await?;

    let (mut again, since) = upgraded(target, P2).await?;
    again.send(hello).await?;
    again.send(ready).await?;
    let answer = end(&mut again, since).await?;
    // The welcome and an announcement at least, which is more than a refusal's last words.
    for _ in 0..2 {
        let frame = soon("the first one's frames", socket.next()).await?;
        let frame = frame
            .transpose()?
            .map(Message::into_data)
            .unwrap_or_default();
        transport.open(&frame)?;
    }
    Ok(answer)
}

async fn greeted(target: &Target) -> Result<RawLink> {
    RawLink::greet(&target.deployment, P2, &new_key()).await
}

async fn never_ready(target: &Target) -> Result<Answer> {
    let since = Instant::now();
    end(&mut greeted(target).await?.socket, since).await
}

async fn pings_before_ready(target: &Target) -> Result<Answer> {
    let since = Instant::now();
    let mut link = greeted(target).await?;
    let ping = frame(0x89, &[1; 125]);
    while link.socket.get_mut().write_all(&ping).await.is_ok() {}
    end(&mut link.socket, since).await
}

async fn submit_before_ready(target: &Target) -> Result<Answer> {
    let [_, _, share] = deal_idle(&target.deployment, Program::Open);
    first_frame(target, &submit(RoundId(1), Program::Open, share)).await
}

async fn first_frame(target: &Target, frame: &[u8]) -> Result<Answer> {
    let mut link = greeted(target).await?;
    link.send(frame).await;
    answer(&mut link).await
}

async fn does_not_open(target: &Target) -> Result<Answer> {
    let mut link = greeted(target).await?;
    link.send_unsealed(vec![7; 18]).await;
    answer(&mut link).await
}
