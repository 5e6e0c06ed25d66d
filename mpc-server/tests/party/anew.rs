//! Clients that come back over another connection in the middle of a round.

use mcmix_shared::identity::SecretKey;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::{ConversationRow, Submission};
use mcmix_shared::share::{DealtShare, deal};
use mcmix_shared::wire::{MissedReason, Refusal, ServerFrame};

use crate::world::World;
use mcmix_native::raw::{RawClient, RawLink, rng, submit};

const PROGRAM: Program = Program::Conversation;

fn key() -> SecretKey {
    SecretKey::from_bytes([1; 32])
}

/// Rows that meet nobody, so that the client gets back what it handed in.
fn deal_message(world: &World, fill: u8) -> [DealtShare; 3] {
    let shape = world.deployment().shape();
    let row = || ConversationRow {
        message: vec![fill; shape.message_bytes],
        ..ConversationRow::idle(shape.message_bytes, &mut rng())
    };
    let rows: Vec<_> = (0..shape.slots).map(|_| row()).collect();
    deal(&Submission::conversation(shape, &rows), &mut rng())
}

/// Takes part in the next round, then comes back over new connections while it is open.
async fn come_back(world: &World) -> (RawClient, RoundId) {
    loop {
        let mut old = RawClient::connect(world.deployment(), &key())
            .await
            .unwrap();
        let shares = deal_message(world, 11).map(Some);
        let round = old.submit(PROGRAM, shares.clone()).await.unwrap();
        old.send(round, PROGRAM, shares).await;
        for link in &mut old.links {
            // So the first one was taken.
            assert_eq!(link.refusal().await.unwrap(), Refusal::Repeated);
        }
        let mut new = RawClient::connect(world.deployment(), &key())
            .await
            .unwrap();
        for link in &mut old.links {
            assert_eq!(link.farewell().await.unwrap(), Some(Refusal::Replaced));
        }
        let mut opens = 0;
        for link in &mut new.links {
            opens += u8::from(link.open_round(PROGRAM).await.unwrap().round == round);
        }
        // On a busy machine the round may be over.
        if opens == 3 {
            return (new, round);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_over_a_newer_connection_replaces_the_older_one() {
    let world = World::start_slow().await;
    let (mut client, round) = Box::pin(come_back(&world)).await;
    let shares = deal_message(&world, 22).map(Some);
    client.send(round, PROGRAM, shares).await;
    let rows = client.reply(round, PROGRAM).await.unwrap().unwrap();
    assert!(
        rows.iter()
            .all(|row| row.message.iter().all(|&byte| byte == 22))
    );
    assert!(rows.iter().all(|row| row.disagreement.is_none()));
}

/// Where one server did not get the second share in time, what they have does not fit together.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_dealt_again_to_some_is_left_out() {
    let world = World::start_slow().await;
    for spared in 0..3 {
        let (mut client, round) = Box::pin(come_back(&world)).await;
        let mut shares = deal_message(&world, 22).map(Some);
        shares[spared] = None;
        client.send(round, PROGRAM, shares).await;
        for link in &mut client.links {
            let reason = link.find(|frame| missed(&frame, round)).await.unwrap();
            assert_eq!(reason, MissedReason::Mismatch);
        }
    }
}

fn missed(frame: &ServerFrame, expected: RoundId) -> Option<MissedReason> {
    match frame {
        ServerFrame::Missed { round, reason, .. } if *round == expected => Some(*reason),
        ServerFrame::Reply(reply) if reply.round == expected => {
            panic!("a reply to round {expected}")
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_share_over_the_same_connection_is_refused() {
    let world = World::start().await;
    let mut link = RawLink::connect(world.deployment(), mcmix_shared::party::PartyId::P1, &key())
        .await
        .unwrap();
    loop {
        let round = link.open_round(PROGRAM).await.unwrap().round;
        for fill in [1, 2] {
            let [_, share, _] = deal_message(&world, fill);
            link.send(&submit(round, PROGRAM, share)).await;
        }
        match link.refusal().await.unwrap() {
            // A busy machine let the round close before.
            Refusal::Late | Refusal::WrongRound => {}
            reason => break assert_eq!(reason, Refusal::Repeated),
        }
    }
}

/// A client may finish over its next connection what is under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_goes_to_the_connection_that_is_there_when_it_is_ready() {
    // Peers take so long that a round is computed for some seconds after it closed; and it is open
    // for longer, else a server would have closed it when the last one has announced it.
    let world = World::start_slow_with(&["peers.delay_ms=120"]).await;
    let mut old = RawClient::connect(world.deployment(), &key())
        .await
        .unwrap();
    let round = old
        .submit(PROGRAM, deal_message(&world, 33).map(Some))
        .await
        .unwrap();
    for link in &mut old.links {
        // The next one opens when this one has closed.
        link.open_round(PROGRAM).await.unwrap();
    }
    let mut new = RawClient::connect(world.deployment(), &key())
        .await
        .unwrap();
    for link in &mut old.links {
        assert_eq!(link.farewell().await.unwrap(), Some(Refusal::Replaced));
    }
    let rows = new.reply(round, PROGRAM).await.unwrap().unwrap();
    assert!(
        rows.iter()
            .all(|row| row.message.iter().all(|&byte| byte == 33))
    );
}
