//! Sealed frames, and WebSocket frames between them.

use anyhow::Result;
use mcmix_shared::noise::SEAL_BYTES;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{ClientFrame, Refusal};
use tokio::io::AsyncWriteExt as _;

use super::Answer::{self, Closed, Cut, Refused};
use super::probe::{answer, frame, linked};
use super::target::MOST_REFUSALS;
use super::{Class, Target};
use crate::raw::{deal_idle, submit};

/// The server that is linked to.
const P1: PartyId = PartyId::P1;
/// Refusals that a server lets pile up for one link.
const BURST: usize = 50;
/// Byte of a submission that says for which program it is.
const PROGRAM: usize = 10;

pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "does-not-open",
        "a frame that is sealed by nobody",
        Cut(Refusal::Malformed),
        |it| Box::pin(unsealed(it, vec![7; 40])),
    ),
    Class::new(
        "too-short-to-open",
        "a message shorter than a seal",
        Cut(Refusal::Malformed),
        |it| Box::pin(unsealed(it, vec![7; SEAL_BYTES - 1])),
    ),
    Class::new(
        "replayed-frame",
        "a sealed frame twice",
        Cut(Refusal::Malformed),
        |it| Box::pin(replayed(it)),
    ),
    Class::new(
        "empty-frame",
        "an empty frame",
        Refused(Refusal::WrongSize),
        |it| Box::pin(sealed(it, b"")),
    ),
    Class::new(
        "frame-version",
        "a frame of another version",
        Refused(Refusal::UnsupportedVersion),
        |it| Box::pin(sealed(it, &[9, 1])),
    ),
    Class::new(
        "frame-kind",
        "a kind of frame that there is not",
        Refused(Refusal::UnknownKind),
        |it| Box::pin(sealed(it, &[2, 9])),
    ),
    Class::new(
        "servers-frame",
        "a server's kind of frame",
        Refused(Refusal::UnknownKind),
        |it| Box::pin(sealed(it, &[2, 134, 9])),
    ),
    Class::new(
        "frame-program",
        "a program that there is not",
        Refused(Refusal::WrongProgram),
        |it| Box::pin(unknown_program(it)),
    ),
    Class::new(
        "trailing-byte",
        "a share and one byte more",
        Refused(Refusal::WrongSize),
        |it| Box::pin(trailing(it)),
    ),
    Class::new(
        "short-share",
        "a share without its last byte",
        Refused(Refusal::WrongSize),
        |it| Box::pin(short_share(it)),
    ),
    Class::new(
        "others-share",
        "a share as another server gets it",
        Refused(Refusal::WrongSize),
        |it| Box::pin(others_share(it)),
    ),
    Class::new(
        "ready-twice",
        "says twice that it is there",
        Refused(Refusal::Repeated),
        |it| Box::pin(sealed(it, &[2, 1])),
    ),
    Class::new("text-when-linked", "text on a link", Closed(1003), |it| {
        Box::pin(raw(it, frame(0x81, b"hello")))
    }),
    Class::new(
        "fragment-when-linked",
        "empty continuation frames on a link",
        Closed(1003),
        |it| Box::pin(raw(it, frame(0x00, b"").repeat(10_000))),
    ),
    Class::new(
        "too-long-when-linked",
        "a message longer than any on a link",
        Closed(1009),
        |it| Box::pin(raw(it, frame(0x82, &[1; 1 << 16]))),
    ),
    Class::new(
        "close-when-linked",
        "a close frame on a link",
        Closed(1000),
        |it| Box::pin(raw(it, frame(0x88, b"\x03\xe8"))),
    ),
    Class::new(
        "ping-flood",
        "more pings than a link may cost",
        Cut(Refusal::TooFast),
        |it| Box::pin(raw(it, frame(0x89, b"").repeat(MOST_REFUSALS + 1))),
    ),
    Class::new(
        "pong-flood",
        "more pongs than a link may cost",
        Cut(Refusal::TooFast),
        |it| Box::pin(raw(it, frame(0x8a, b"").repeat(MOST_REFUSALS + 1))),
    ),
    Class::new(
        "refusal-flood",
        "more wrong frames than a link may cost",
        Cut(Refusal::TooFast),
        |it| Box::pin(refusal_flood(it)),
    ),
];

async fn sealed(target: &Target, frame: &[u8]) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    link.send(frame).await;
    answer(&mut link).await
}

async fn unsealed(target: &Target, message: Vec<u8>) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    link.send_unsealed(message).await;
    answer(&mut link).await
}

/// Sends any bytes over the link's socket.
async fn raw(target: &Target, bytes: Vec<u8>) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    // The server may hang up before all is sent.
    let _hung_up = link.socket.get_mut().write_all(&bytes).await;
    answer(&mut link).await
}

async fn replayed(target: &Target) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    let once = link.seal(&ClientFrame::Ready.encode());
    link.send_unsealed(once.clone()).await;
    link.send_unsealed(once).await;
    answer(&mut link).await
}

async fn refusal_flood(target: &Target) -> Result<Answer> {
    let mut link = linked(target, P1).await?;
    for _ in 0..MOST_REFUSALS / BURST {
        for _ in 0..BURST {
            link.send(&ClientFrame::Ready.encode()).await;
        }
        for _ in 0..BURST {
            link.refusal().await?;
        }
    }
    link.send(&ClientFrame::Ready.encode()).await;
    answer(&mut link).await
}

/// A submission that is well-formed, to P1.
fn submission(target: &Target) -> Vec<u8> {
    let [_, share, _] = deal_idle(&target.deployment, Program::Open);
    submit(RoundId(1), Program::Open, share)
}

async fn unknown_program(target: &Target) -> Result<Answer> {
    let mut frame = submission(target);
    frame
        .iter_mut()
        .skip(PROGRAM)
        .take(1)
        .for_each(|byte| *byte = 9);
    sealed(target, &frame).await
}

async fn trailing(target: &Target) -> Result<Answer> {
    let mut frame = submission(target);
    frame.push(0);
    sealed(target, &frame).await
}

async fn short_share(target: &Target) -> Result<Answer> {
    let mut frame = submission(target);
    frame.pop();
    sealed(target, &frame).await
}

async fn others_share(target: &Target) -> Result<Answer> {
    let [share, _, _] = deal_idle(&target.deployment, Program::Open);
    sealed(target, &submit(RoundId(1), Program::Open, share)).await
}
