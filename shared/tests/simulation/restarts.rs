//! Starting again: in an open round, with changes that were not stored, from an older copy of
//! the profile. No pad, no key with its nonce, no tag in two rows of a round meets two plaintexts.

use std::collections::{BTreeMap, BTreeSet};

use mcmix_shared::{
    party::PartyId,
    program::{Program, RoundId},
    row::DIAL_HEAD_BYTES,
};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    deals::deals,
    each_seed,
    node::Disk,
    servers::{Dealt, NodeId, split_row},
    world::World,
};

const A: NodeId = 0;
const B: NodeId = 1;
const C: NodeId = 2;

/// Checks that nothing that a node ever dealt uses a key and nonce for two plaintexts.
fn check(world: &World, node: NodeId) -> usize {
    let shape = world.servers.deployment.shape();
    let deals = deals(&world.servers.dealt, node);
    // What a nonce or an ephemeral key stands in front of.
    let mut sealed: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut once = |nonce: &[u8], all: &[u8], what: &str| {
        let before = sealed.entry(nonce.to_vec()).or_insert_with(|| all.to_vec());
        assert_eq!(before, all, "{what}: a nonce is used for two messages");
    };
    for deal in &deals {
        if deal.program.is_dialing() {
            let message = &deal.rows[DIAL_HEAD_BYTES..];
            once(&message[..32], message, "dial");
            continue;
        }
        let mut tags = BTreeSet::new();
        for slot in 0..shape.slots {
            let (head, message) = split_row(shape, &deal.rows, slot);
            assert!(
                tags.insert(head[..8].to_vec()),
                "round {}: two rows of one tag",
                deal.round
            );
            once(&message[..12], message, "row");
        }
    }
    deals.len()
}

/// People do what people do, while one of them starts again and again, also in open rounds, also
/// from older copies of the profile.
#[test]
fn no_key_and_nonce_meets_two_plaintexts() {
    let twice = each_seed(12, 500, |seed| {
        let mut world = World::new(&["Ada", "Bob", "Cy"], 2000 + seed);
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let mut draw = |below: u64| rng.next_u64() % below;
        world.pair(A, B);
        world.tap();
        let mut copy = world.nodes[A].stored.clone();
        for step in 0..60 {
            match draw(16) {
                0 => world.say(A, B, &"text ".repeat(1 + step % 60)),
                1 => world.say(B, A, "hello"),
                2 => world.look(A, Some(B)),
                3 => world.look(B, Some(A)),
                4 => {
                    world.add(A, C);
                    world.call(A, C);
                }
                5 => world.cancel(A, C),
                6 => {
                    world.add(C, A);
                    world.call(C, A);
                }
                7 => world.ring(A, B),
                8 => copy = world.nodes[A].stored.clone(),
                9 => world.nodes[A].disk = Disk::Hangs,
                _ => {}
            }
            for (callee, caller) in [(A, C), (C, A), (B, A), (A, B)] {
                if world.rings(callee, caller) {
                    world.accept(callee, caller);
                }
            }
            world.open(match step % 3 {
                1 => world.next_dialing(),
                _ => Program::Conversation,
            });
            match draw(8) {
                0 => world.reload(A),
                1 => world.restore(A, copy.clone()),
                2 => world.cut(A, PartyId::P1),
                _ => {}
            }
            world.nodes[A].disk = Disk::Works;
            world.pump();
            let round = world.close();
            world.compute(round, &[]);
            world.pass(667);
        }
        let rounds = world.taps().len();
        let deals = [A, B, C].map(|node| check(&world, node));
        deals.iter().any(|deals| *deals > rounds)
    });
    assert!(twice.contains(&true), "rounds were dealt for twice");
}

/// The check finds a pad that is used twice.
#[test]
#[should_panic(expected = "a pad is used twice")]
fn a_planted_reuse_is_found() {
    let mut world = World::new(&["Ada"], 2900);
    world.tap();
    world.conversations(3);
    let first = world.servers.dealt[0].clone();
    world.servers.dealt.push(Dealt {
        round: RoundId(first.round.0 + 1),
        ..first
    });
    check(&world, A);
}

/// An older copy of the profile starts a new stream: what is written then arrives, although the
/// other side has acknowledged more than this copy ever numbered.
#[test]
fn a_rolled_back_profile_goes_on() {
    for later in [1_u32, 5, 30] {
        let mut world = World::new(&["Ada", "Bob"], 2950 + u64::from(later));
        world.pair(A, B);
        world.look(A, Some(B));
        world.look(B, Some(A));
        world.say(A, B, "before");
        world.say(B, A, "before");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        let copy = world.nodes[A].stored.clone();
        for text in 0..later {
            world.say(A, B, &format!("forgotten {text}"));
            world.say(B, A, &format!("came {text}"));
        }
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        world.restore(A, copy);
        world.look(A, Some(B));
        world.say(A, B, "after");
        world.say(B, A, "after");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        assert_eq!(world.received(B, A).last().unwrap(), "after");
        assert_eq!(world.received(A, B).last().unwrap(), "after");
        let came = world.received(B, A);
        let distinct: BTreeSet<_> = came.iter().collect();
        assert_eq!(distinct.len(), came.len());
    }
}
