//! What clients can do wrong whose answer depends on others; `tests/misuse.rs` has the long list.

use mcmix_native::raw::{RawClient, RawLink, deal_idle};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{MissedReason, Refusal, ServerFrame};

use crate::world::World;

fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes([byte; 32])
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_do_not_fit_leave_out_their_owner_alone() {
    let world = World::start().await;
    let deployment = world.deployment();
    let [mut cheat, mut lazy, mut honest] = [
        RawClient::connect(deployment, &key(1)).await.unwrap(),
        RawClient::connect(deployment, &key(2)).await.unwrap(),
        RawClient::connect(deployment, &key(3)).await.unwrap(),
    ];
    for program in Program::ALL {
        let deal = || deal_idle(deployment, program);
        let ([p0, _, p2], [_, p1, _]) = (deal(), deal());
        let [own_p0, own_p1, _] = deal();
        let (cheated, skipped, submitted) = tokio::join!(
            cheat.submit(program, [p0, p1, p2].map(Some)),
            lazy.submit(program, [Some(own_p0), Some(own_p1), None]),
            honest.submit(program, deal().map(Some)),
        );
        let (cheated, skipped) = (cheated.unwrap(), skipped.unwrap());
        for link in &mut cheat.links {
            let reason = link.find(|frame| missed(&frame, cheated)).await.unwrap();
            assert_eq!(reason, MissedReason::Mismatch);
        }
        let [p0, p1, _] = &mut lazy.links;
        for link in [p0, p1] {
            let reason = link.find(|frame| missed(&frame, skipped)).await.unwrap();
            assert_eq!(reason, MissedReason::Absent);
        }
        let rows = honest.reply(submitted.unwrap(), program).await;
        let rows = rows.unwrap().unwrap();
        assert_eq!(rows.len(), deployment.shape().rows(program));
        assert!(rows.iter().all(|row| row.disagreement.is_none()));
    }
}

fn missed(frame: &ServerFrame, expected: RoundId) -> Option<MissedReason> {
    match frame {
        ServerFrame::Missed { round, reason, .. } if *round == expected => Some(*reason),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_handshake_replaces_nobody() {
    let world = World::start().await;
    let deployment = world.deployment();
    let connected = RawLink::connect(deployment, PartyId::P0, &key(1)).await;
    let mut present = connected.unwrap();
    let greeted = RawLink::greet(deployment, PartyId::P0, &key(1)).await;
    let mut replayed = greeted.unwrap();
    replayed.send_unsealed(vec![7; 18]).await;
    let farewell = replayed.farewell().await.unwrap();
    assert_eq!(farewell, Some(Refusal::Malformed));
    for _ in 0..2 {
        present.open_round(Program::Conversation).await.unwrap();
    }
}
