//! Keys of rounds go, whatever one server withholds: from the device, and from what it stored.

use mcmix_shared::party::PartyId;

use crate::{
    node::{Node, Records},
    servers::Lie,
    world::World,
};

const ADA: usize = 0;
const BOB: usize = 1;
/// Conversation rounds of which a device that is read may open rows.
const AT_MOST: u64 = 64;

/// The first round of which a row opens to somebody with those records.
fn first_readable(world: &World, stored: &Records) -> u64 {
    let mut thief = Node::new(&world.servers.deployment, "Thief", 0);
    thief.stored = stored.clone();
    thief.reload(&world.servers.deployment);
    thief.client.first_readable_round().unwrap().0
}

/// Goes through conversation rounds and returns the most of them that opened at any time, from the
/// device and from its storage.
fn most_readable(world: &mut World, rounds: u64, reload_every: u64) -> [u64; 2] {
    let mut most = [0; 2];
    for step in 0..rounds {
        world.converse();
        if step % reload_every == reload_every - 1 {
            world.reload(ADA);
        }
        let newest = world.servers.newest().0;
        let live = world.nodes[ADA].client.first_readable_round().unwrap().0;
        let stored = first_readable(world, &world.nodes[ADA].stored);
        for (most, first) in most.iter_mut().zip([live, stored]) {
            *most = (*most).max(newest + 1 - first);
        }
    }
    most
}

fn talking(seed: u64) -> World {
    let mut world = World::new(&["Ada", "Bob"], seed);
    world.pair(ADA, BOB);
    world.settle();
    world.conversations(40);
    world
}

#[test]
fn keys_of_few_rounds_are_there_in_quiet() {
    let mut world = talking(900);
    let [device, stored] = most_readable(&mut world, 70, u64::MAX);
    assert!(device <= 1, "{device}");
    assert!(stored <= AT_MOST, "{stored}");
}

#[test]
fn a_server_that_withholds_keeps_no_keys_alive() {
    let lies = [Lie::WithholdsReplies, Lie::SaysMissed, Lie::GarblesAll];
    for ((seed, party), lie) in (910..).zip(PartyId::ALL).zip(lies) {
        for reload_every in [u64::MAX, 23] {
            let mut world = talking(seed);
            world.lie_to(ADA, party, lie);
            let most = most_readable(&mut world, 130, reload_every);
            assert!(
                most.iter().all(|most| *most <= AT_MOST),
                "{party} {lie:?}, reloads every {reload_every}: {most:?}"
            );
        }
    }
}
