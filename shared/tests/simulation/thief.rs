//! Who stole a key, and nothing else: gets no outbox, ends nobody's call, and is shown as another
//! device.

use mcmix_shared::{
    client::{CallerDevice, ContactState, Notice, SendStatus},
    program::Program,
};

use crate::{
    forge::{Forged, forge},
    servers::{NodeId, StrayDial},
    world::World,
};

const A: NodeId = 0;
const B: NodeId = 1;
const THIEF: NodeId = 2;

/// Gives the thief the identity of somebody, and no more.
fn steal(world: &mut World, victim: NodeId) {
    let identity = world.nodes[victim].stored["identity"].clone();
    let records = [("identity".to_owned(), identity)].into_iter().collect();
    world.restore(THIEF, records);
}

/// Returns the secret key in somebody's identity record: a version byte stands in front.
fn secret_of(world: &World, victim: NodeId) -> [u8; 32] {
    world.nodes[victim].stored["identity"][1..33]
        .try_into()
        .unwrap()
}

/// Lets a forged call of `caller` reach `callee` in every round from now on, with everything that
/// a thief of the callee's key knows.
fn forge_calls(world: &mut World, callee: NodeId, caller: NodeId, flags: u8) {
    let realm = world.servers.deployment.realm();
    let forged = Forged {
        flags,
        seed: [9; 16],
        resume: [1; 8],
        until: world.servers.newest().0 + 90,
    };
    let message = forge(secret_of(world, callee), &world.key(caller), &realm, forged);
    world.servers.strays = vec![StrayDial {
        id: world.key(callee).id(&realm.deployment),
        pass: None,
        message,
    }];
}

/// A thief of the callee's key forges the call of a contact. Accepting it costs nothing: no text
/// leaves before a packet of that session opened, and the old session goes on.
#[test]
fn a_forged_call_gets_message_two_and_nothing_more() {
    let mut world = World::new(&["Ada", "Bob"], 4000);
    world.pair(A, B);
    world.settle();
    world.unplug(A);
    world.say(B, A, "for Ada alone");
    forge_calls(&mut world, B, A, 0);
    world.until("it rings", |world| world.rings(B, A));
    assert_eq!(
        world.nodes[B].view().incoming[0].device,
        CallerDevice::New,
        "it shows no secret of the pair"
    );
    world.accept(B, A);
    world.servers.strays.clear();
    world.cycles(30);
    assert!(matches!(
        world.statuses(B, A)[..],
        [SendStatus::Queued { .. }]
    ));
    assert!(matches!(world.state(B, A), ContactState::Answering { .. }));
    world.plug(A);
    world.until("the old session goes on", |world| {
        world.received(A, B) == ["for Ada alone"]
    });
    world.pass(31 * 86_400_000);
    world.cycles(3);
    assert!(world.is_paired(B, A), "back");
}

/// The same for somebody who is no contact yet: what one writes to them waits.
#[test]
fn texts_to_a_new_contact_wait_for_its_first_packet() {
    let mut world = World::new(&["Ada", "Bob"], 4010);
    forge_calls(&mut world, B, A, 0);
    world.round(Program::Open);
    assert!(world.rings(B, A));
    world.accept(B, A);
    world.say(B, A, "hello Ada");
    world.tap();
    world.cycles(40);
    assert!(matches!(
        world.statuses(B, A)[..],
        [SendStatus::Queued { .. }]
    ));
    let met = world.taps().iter().any(|tap| !tap.met.is_empty());
    assert!(!met);
}

/// A forged ring shows a notice and nothing else.
#[test]
fn a_forged_ring_shows_a_notice() {
    let mut world = World::new(&["Ada", "Bob"], 4020);
    world.pair(A, B);
    world.settle();
    forge_calls(&mut world, B, A, 2);
    world.cycles(3);
    assert!(world.was_told(B, |n| matches!(n, Notice::Rang { .. })));
    assert!(!world.rings(B, A) && world.are_paired(A, B));
}

/// A forged call in the name of somebody whom one calls ends nothing: both meeting points are
/// used, and the own call comes about.
#[test]
fn a_forged_call_ends_no_call_of_ones_own() {
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 4030 + seed);
        world.add(B, A);
        world.call(B, A);
        forge_calls(&mut world, B, A, 0);
        world.cycles(2);
        world.until("the own call rings", |world| world.rings(A, B));
        world.accept(A, B);
        world.until("they are a pair", |world| world.are_paired(A, B));
        world.servers.strays.clear();
        world.say(A, B, "x");
        world.say(B, A, "y");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
    }
}

/// A forged withdrawal, whose seed nobody but caller and callee know, takes nothing back.
#[test]
fn a_forged_withdrawal_takes_nothing_back() {
    let mut world = World::new(&["Ada", "Bob"], 4050);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    forge_calls(&mut world, B, A, 1);
    world.cycles(3);
    assert!(world.rings(B, A));
}

/// A thief of the caller's key calls in its name: the callee sees another device, and what it
/// wrote before waits until its person says so.
#[test]
fn a_thief_of_the_callers_key_gets_no_outbox() {
    let mut world = World::new(&["Ada", "Bob", "Tom"], 4060);
    world.pair(A, B);
    world.say(B, A, "hello");
    world.until("delivered", |world| world.all_delivered(B, A));
    world.settle();
    world.unplug(A);
    world.say(B, A, "secret");
    steal(&mut world, A);
    world.add(THIEF, B);
    world.call(THIEF, B);
    world.until("it rings", |world| world.rings(B, THIEF));
    assert_eq!(world.nodes[B].view().incoming[0].device, CallerDevice::New);
    world.accept(B, THIEF);
    world.until("a pair", |world| world.are_paired(B, THIEF));
    world.settle();
    assert!(world.was_told(B, |n| matches!(n, Notice::NewDevice { .. })));
    assert!(world.received(THIEF, B).is_empty());
    assert_eq!(world.statuses(B, A).last(), Some(&SendStatus::Held));
    world.reload(B);
    world.cycles(20);
    assert!(world.received(THIEF, B).is_empty(), "over a reload, too");
}

/// A thief of the callee's key, connected in its name, answers without the pair's secret: the
/// caller is shown another device, and its outbox waits.
#[test]
fn a_thief_of_the_callees_key_gets_no_outbox() {
    for first_contact in [false, true] {
        let mut world = World::new(&["Ada", "Bob", "Tom"], 4070);
        if first_contact {
            world.add(A, B);
        } else {
            world.pair(A, B);
            world.settle();
        }
        world.unplug(B);
        world.say(A, B, "for Bob");
        steal(&mut world, B);
        world.call(A, B);
        world.until("it rings there", |world| world.rings(THIEF, A));
        world.accept(THIEF, A);
        world.until("a pair", |world| world.are_paired(A, THIEF));
        world.settle();
        let told = world.was_told(A, |n| matches!(n, Notice::NewDevice { .. }));
        assert_eq!(
            told, !first_contact,
            "at the first contact nothing is known of any device"
        );
        if !first_contact {
            assert!(world.received(THIEF, A).is_empty());
            assert_eq!(world.statuses(A, B), [SendStatus::Held]);
            // Nor the pass secret: it dials Ada as a stranger does.
            world.tap();
            world.ring(THIEF, A);
            world.cycles(4);
            let taps = world.taps().iter();
            let mut contacts = taps.filter(|tap| tap.program == Program::Contacts);
            assert!(contacts.all(|tap| !tap.dialled.contains_key(&A)));
        }
    }
}

/// The same in the middle of calls of both: who answers by itself, because both call, is no less
/// careful.
#[test]
fn mutual_calls_with_a_thief_hold_the_outbox() {
    for seed in 0..6 {
        let mut world = World::new(&["Ada", "Bob", "Tom"], 4080 + seed);
        world.pair(A, B);
        world.settle();
        world.unplug(B);
        world.say(A, B, "for Bob");
        steal(&mut world, B);
        world.add(THIEF, A);
        world.call(A, B);
        world.call(THIEF, A);
        world.until("a pair", |world| world.are_paired(A, THIEF));
        world.settle();
        assert!(world.was_told(A, |n| matches!(n, Notice::NewDevice { .. })));
        assert!(world.received(THIEF, A).is_empty(), "seed {seed}");
        assert_eq!(world.statuses(A, B), [SendStatus::Held]);
    }
}
