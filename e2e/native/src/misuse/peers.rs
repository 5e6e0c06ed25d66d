//! The port that one peer dials.

use anyhow::Result;
use futures_util::future::try_join_all;
use mcmix_shared::party::PartyId;

use super::Answer::{self, GoesOn, HungUp};
use super::http::CLIENT_HELLO;
use super::probe::Bare;
use super::target::Readiness;
use super::{Beside, Class, Target};

/// The server at whose port strangers are.
const P0: PartyId = PartyId::P0;
/// Connections that may not have knocked yet.
const PLACES: usize = 128;
/// Connections that try to keep the peer out.
const STRANGERS: usize = 400;

pub(super) const CLASSES: &[Class] = &[
    Class::new("peer-garbage", "garbage at the peer port", HungUp, |it| {
        Box::pin(says(it, b"GET / HTTP/1.1\r\n\r\n".to_vec()))
    }),
    Class::new("peer-tls", "TLS without a knock", HungUp, |it| {
        Box::pin(says(it, CLIENT_HELLO.to_vec()))
    }),
    Class::new(
        "peer-long-knock",
        "announces a knock of 64 KiB",
        HungUp,
        |it| Box::pin(says(it, b"mcmix k1\xff\xff".to_vec())),
    ),
    Class::new("peer-empty-knock", "a knock of no bytes", HungUp, |it| {
        Box::pin(says(it, b"mcmix k1\x00\x00".to_vec()))
    }),
    Class::new(
        "peer-other-knock",
        "the knock of another certificate",
        HungUp,
        |it| Box::pin(other_knock(it)),
    ),
    Class::new(
        "peer-forged-knock",
        "the peer's knock with one bit changed",
        HungUp,
        |it| Box::pin(forged_knock(it)),
    ),
    Class::new(
        "peer-replayed-knock",
        "the peer's knock again, then TLS",
        HungUp,
        |it| Box::pin(replayed_knock(it)),
    ),
    Class::new(
        "peer-knock-twice",
        "the peer's knock again, over two connections",
        HungUp,
        |it| Box::pin(knock_twice(it)),
    ),
    Class::new(
        "peer-bare-connects",
        "one connection too many that says nothing",
        HungUp,
        |it| Box::pin(bare_connects(it)),
    ),
    Class::new(
        "peer-bare-connects-link-down",
        "400 such while the link is down",
        GoesOn,
        |it| Box::pin(bare_connects_link_down(it)),
    )
    .beside(Beside::Nobody),
];

async fn says(target: &Target, bytes: Vec<u8>) -> Result<Answer> {
    Bare::saying(target.at(P0).peers, &bytes).await?.end().await
}

/// P2 dials P0; P0 dials P1.
async fn other_knock(target: &Target) -> Result<Answer> {
    says(target, target.relay(PartyId::P1).knock().await?).await
}

async fn forged_knock(target: &Target) -> Result<Answer> {
    let mut knock = target.relay(P0).knock().await?;
    // The last bytes are the signature.
    knock.iter_mut().rev().take(1).for_each(|byte| *byte ^= 1);
    says(target, knock).await
}

async fn replayed_knock(target: &Target) -> Result<Answer> {
    let knock = target.relay(P0).knock().await?;
    says(target, [&knock, CLIENT_HELLO].concat()).await
}

/// A knock has a place once at a time, whichever of two is read first.
async fn knock_twice(target: &Target) -> Result<Answer> {
    let knock = target.relay(P0).knock().await?;
    let port = target.at(P0).peers;
    let mut one = Bare::saying(port, &knock).await?;
    let mut other = Bare::saying(port, &knock).await?;
    tokio::select! {
        end = one.end() => end,
        end = other.end() => end,
    }
}

/// The oldest gives way.
async fn bare_connects(target: &Target) -> Result<Answer> {
    let port = target.at(P0).peers;
    let mut oldest = Bare::open(port).await?;
    let _others = try_join_all((0..PLACES).map(|_| Bare::open(port))).await?;
    oldest.end().await
}

/// Strangers take all places, and the peer comes in nevertheless.
async fn bare_connects_link_down(target: &Target) -> Result<Answer> {
    let (relay, port) = (target.relay(P0), target.at(P0).peers);
    relay.cut();
    let strangers = async {
        target.until(Readiness::NotAll).await?;
        try_join_all((0..STRANGERS).map(|_| Bare::open(port))).await
    };
    let strangers = strangers.await;
    relay.mend();
    let _strangers = strangers?;
    target.until(Readiness::All).await?;
    Ok(Answer::GoesOn)
}
