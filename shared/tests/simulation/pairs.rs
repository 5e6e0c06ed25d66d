//! Pairs: how soon texts arrive, rings, connecting again, leaving, blocking.

use std::collections::BTreeSet;

use mcmix_shared::{
    client::{
        Action, CallStage, CallerDevice, ConnectAgain, ContactState, EndReason, Notice, RingState,
        SendStatus,
    },
    identity::ClientId,
    program::Program,
};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    servers::StrayDial,
    world::{Setup, World},
};

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

/// Makes a world in which the first node has all others as contacts, and nobody has a slot left
/// from that.
pub(crate) fn hub(contacts: usize, setup: Setup) -> World {
    let names: Vec<_> = (0..=contacts).map(|i| format!("N{i}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut world = World::with(&names, setup);
    for contact in 1..=contacts {
        world.unplug(contact);
    }
    for contact in 1..=contacts {
        world.plug(contact);
        world.pair(contact, 0);
        // The answer's task slot is the next one's.
        world.conversations(26);
        world.unplug(contact);
    }
    for contact in 1..=contacts {
        world.plug(contact);
    }
    world.settle();
    world
}

/// Mean and greatest of a list.
pub(crate) fn summary(waits: &[u64]) -> (f64, u64) {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mean = waits.iter().sum::<u64>() as f64 / waits.len() as f64;
    (mean, *waits.iter().max().unwrap())
}

/// Counts the conversation rounds from a moment of the day until a one-row text has arrived.
fn quick_waits(world: &mut World, contacts: usize, samples: usize, seed: u64) -> Vec<u64> {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut waits = Vec::new();
    for sample in 0..samples {
        let contact = 1 + sample % contacts;
        let idle = usize::try_from(rng.next_u64() % 9).unwrap();
        world.conversations(idle);
        world.say(A, contact, "knock knock");
        let came = world.received(contact, A).len();
        let turn = world.servers.turn().0;
        while world.received(contact, A).len() == came {
            world.converse();
            assert!(world.servers.turn().0 - turn < 2000, "never");
        }
        waits.push(world.servers.turn().0 - turn);
    }
    waits
}

/// A text of one row to a contact who is online and has nothing open arrives within F
/// conversation rounds, up to some 20 contacts.
#[test]
fn a_text_to_a_contact_arrives_within_its_turn() {
    for (contacts, quick_rounds) in [(1, 8), (8, 32)] {
        let setup = Setup {
            quick_rounds,
            ..Setup::new(700)
        };
        let mut world = hub(contacts, setup);
        // The first ratchet, which is due after pairing, costs a turn now and then.
        world.conversations(32 * 20);
        let waits = quick_waits(&mut world, contacts, 16, 1);
        let (mean, most) = summary(&waits);
        println!("{contacts} contacts, F = {quick_rounds}: {mean:.1} rounds, at most {most}");
        assert!(most <= quick_rounds.into(), "{waits:?}");
    }
}

/// The same for many contacts, measured.
#[test]
#[ignore = "takes minutes"]
fn measure_texts_to_many_contacts() {
    for quick_rounds in [8, 32] {
        for contacts in [1, 8, 20, 64] {
            let setup = Setup {
                quick_rounds,
                ..Setup::new(701)
            };
            let mut world = hub(contacts, setup);
            world.conversations(32 * 20);
            let waits = quick_waits(&mut world, contacts, 128, 2);
            let (mean, most) = summary(&waits);
            println!("{contacts} contacts, F = {quick_rounds}: {mean:.1} rounds, at most {most}");
        }
    }
}

/// Both have the conversation on their screens: texts arrive in the next round.
#[test]
fn texts_on_both_screens_arrive_in_the_next_round() {
    let mut waits = Vec::new();
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 720 + seed);
        world.pair(A, B);
        world.settle();
        world.look(A, Some(B));
        world.look(B, Some(A));
        world.conversations(4);
        for text in 0..20 {
            let (from, to) = if text % 3 == 0 { (B, A) } else { (A, B) };
            let came = world.received(to, from).len();
            world.act(A, Action::Touch);
            world.act(B, Action::Touch);
            world.say(from, to, &format!("{text}"));
            let turn = world.servers.turn().0;
            while world.received(to, from).len() == came {
                world.converse();
            }
            waits.push(world.servers.turn().0 - turn);
            world.conversations(text % 2);
        }
    }
    waits.sort_unstable();
    let (mean, most) = summary(&waits);
    let (p50, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    println!("both on screen: mean {mean:.2}, p50 {p50}, p99 {p99}, at most {most} rounds");
    assert!(p50 <= 1 && p99 <= 2, "{waits:?}");
}

/// From opening the conversation on both sides it takes four rounds, not before.
#[test]
fn the_front_slot_comes_four_rounds_after_the_screen() {
    let mut world = World::new(&["Ada", "Bob"], 740);
    world.pair(A, B);
    world.settle();
    world.tap();
    world.look(A, Some(B));
    world.look(B, Some(A));
    world.conversations(40);
    let met: Vec<_> = world.taps().iter().map(|tap| !tap.met.is_empty()).collect();
    let quick = met[..4].iter().filter(|met| **met).count();
    assert!(quick <= 1, "quick turns alone: {met:?}");
    assert!(met[4..].iter().all(|met| *met), "{met:?}");
    // Without a touch for 60 rounds, or hidden, it ends.
    world.conversations(30);
    world.tap();
    world.conversations(16);
    let met = world
        .taps()
        .iter()
        .filter(|tap| !tap.met.is_empty())
        .count();
    assert_eq!(met, 2, "two turns of the quick slot");
}

/// A friend's call while a hundred strangers dial in every round: the next contacts round.
#[test]
fn a_friend_gets_through_a_crowd() {
    for seed in 0..5 {
        let mut world = World::new(&["Ada", "Bob"], 760 + seed);
        world.pair(A, B);
        world.settle();
        let realm = world.servers.deployment.realm();
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let strays = (0..100).map(|_| {
            let (mut pass, mut message) = ([0; 16], [0; 200]);
            rng.fill_bytes(&mut pass);
            rng.fill_bytes(&mut message);
            StrayDial {
                id: world.key(B).id(&realm.deployment),
                pass: Some(pass),
                message,
            }
        });
        world.servers.strays = strays.collect();
        world.call(A, B);
        world.round(Program::Contacts);
        assert!(world.rings(B, A), "seed {seed}");
    }
}

/// Who removed a contact changes nothing at once, so that the removed one can't tell; a week
/// later its pass is worth nothing any more, and others still get through.
#[test]
fn passes_change_every_week_for_contacts_alone() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 770);
    world.pair(A, B);
    world.pair(C, B);
    world.settle();
    world.block(B, C);
    world.tap();
    world.ring(C, B);
    world.round(Program::Contacts);
    assert_eq!(
        world.taps()[0].dialled.get(&B),
        Some(&C),
        "the pass is still good, and nobody sees that it does not ring"
    );
    world.cycles(10);
    world.pass(8 * 86_400_000);
    world.cycles(60);
    world.tap();
    for caller in [C, A] {
        world.ring(caller, B);
        world.round(world.next_dialing());
        world.round(world.next_dialing());
        let taps = world.taps().iter();
        let contacts = taps.filter(|tap| tap.program == Program::Contacts);
        let came: Vec<_> = contacts.filter_map(|tap| tap.dialled.get(&B)).collect();
        assert_eq!(came.contains(&&caller), caller == A, "{caller}");
        world.cycles(10);
    }
}

#[test]
fn a_ring_asks_for_attention_and_nothing_else() {
    let mut world = World::new(&["Ada", "Bob"], 780);
    world.pair(A, B);
    world.settle();
    world.ring(A, B);
    assert!(matches!(
        world.state(A, B),
        ContactState::Paired {
            ring: RingState::Ringing | RingState::Waiting,
            ..
        }
    ));
    world.dial();
    assert!(world.was_told(B, |n| matches!(n, Notice::Rang { .. })));
    assert!(world.contact(B, A).rang.is_some());
    assert!(!world.rings(B, A), "nobody is asked to accept");
    world.cycles(20);
    assert!(
        !world.was_told(B, |n| matches!(n, Notice::Rang { .. })),
        "each ring shows once"
    );
    assert!(world.are_paired(A, B));
    assert!(matches!(
        world.state(A, B),
        ContactState::Paired {
            ring: RingState::Quiet,
            ..
        }
    ));
    let key = world.key(A);
    world.act(B, Action::MarkRead(key));
    assert!(world.contact(B, A).rang.is_none());
    world.ring(A, B);
    world.cycles(2);
    assert!(
        world.contact(B, A).rang.is_some(),
        "the next one shows again"
    );
}

/// The callee's network goes right after Accept, while the caller is already talking: it heals
/// by itself.
#[test]
fn a_callee_who_is_cut_after_accepting_heals() {
    for seed in 0..12_usize {
        let mut world = World::new(&["Ada", "Bob"], 800 + seed as u64);
        world.add(A, B);
        world.call(A, B);
        world.say(A, B, "first words");
        world.until("it rings", |world| world.rings(B, A));
        world.accept(B, A);
        world.conversations(seed % 6);
        if seed % 2 == 0 {
            world.until("the caller has heard", |world| world.is_paired(A, B));
        }
        let talks = world.is_paired(A, B);
        world.unplug(B);
        world.say(A, B, "are you there?");
        // Who has not heard of the answer calls for thirty dialing rounds and a little longer.
        world.cycles(if talks { 100 } else { 15 });
        world.reload(B);
        world.plug(B);
        world.until("delivered", |world| {
            world.are_paired(A, B) && world.all_delivered(A, B)
        });
        assert_eq!(world.received(B, A), ["first words", "are you there?"]);
    }
}

/// Both press Call; a round later one of them is reloaded. They meet by themselves.
#[test]
fn two_who_call_each_other_meet_in_spite_of_reloads() {
    for seed in 0..24 {
        let mut world = World::new(&["Ada", "Bob"], 830 + seed);
        world.add(A, B);
        world.add(B, A);
        world.call(A, B);
        world.call(B, A);
        for step in 0..8 {
            world.cycle();
            if step == seed % 8 {
                world.reload(if seed < 12 { A } else { B });
            }
        }
        world.until("they are a pair", |world| world.are_paired(A, B));
        world.say(A, B, "x");
        world.say(B, A, "y");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
    }
}

/// Both sides remove each other at once, add each other again, and are a pair anew.
#[test]
fn both_remove_and_add_again() {
    for seed in 0..6 {
        let mut world = World::new(&["Ada", "Bob"], 860 + seed);
        world.pair(A, B);
        world.settle();
        world.remove(A, B);
        if seed % 2 == 0 {
            world.remove(B, A);
        } else {
            world.cycles(20);
            world.remove(B, A);
        }
        world.cycles(10);
        world.pair(A, B);
        world.say(A, B, "again");
        world.say(B, A, "yes");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        // The farewells of the old session do not end the new one.
        world.settle();
        assert!(world.are_paired(A, B));
    }
}

/// Removed and added again while the farewell is still being said.
#[test]
fn an_old_farewell_ends_no_newer_session() {
    for seed in 0..8 {
        let mut world = World::new(&["Ada", "Bob"], 880 + seed);
        world.pair(A, B);
        world.settle();
        world.unplug(B);
        world.remove(A, B);
        world.cycles(5);
        world.plug(B);
        world.add(A, B);
        world.connect(A, B);
        world.settle();
        assert!(world.are_paired(A, B));
        world.say(B, A, "still here");
        world.until("delivered", |world| world.all_delivered(B, A));
    }
}

/// A backup has contacts and messages, and no sessions. Whoever has restored one is offered to
/// connect again; the other side sees that it is another device.
#[test]
fn a_restored_backup_connects_again() {
    for restored_calls in [true, false] {
        let mut world = World::new(&["Ada", "Bob"], 900);
        world.pair(A, B);
        world.say(A, B, "one");
        world.say(B, A, "two");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        world.settle();
        let backup = world.backup(A);
        // Backups hold no secrets of sessions, not even those by which they are taken up again.
        world.say(B, A, "while you were away");
        world.unplug(A);
        world.cycles(10);
        world.plug(A);
        world.restore(A, backup);
        assert!(matches!(world.state(A, B), ContactState::Known { .. }));
        world.say(A, B, "three");
        world.cycles(3);
        let (caller, callee) = if restored_calls { (A, B) } else { (B, A) };
        world.call(caller, callee);
        world.until("it rings", |world| world.rings(callee, caller));
        world.accept(callee, caller);
        world.until("they are a pair", |world| world.is_paired(A, B));
        world.settle();
        assert!(world.are_paired(A, B));
        for (node, other) in [(A, B), (B, A)] {
            if world.statuses(node, other).contains(&SendStatus::Held) {
                world.send_held(node, other);
            }
        }
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        assert_eq!(world.received(B, A), ["one", "three"]);
        assert_eq!(world.received(A, B), ["two", "while you were away"]);
    }
}

/// After seven days without meeting, either may connect again; the other is asked, and the old
/// session stays until the new one is heard.
#[test]
fn connecting_again_is_offered_after_seven_days() {
    let mut world = World::new(&["Ada", "Bob"], 910);
    world.pair(A, B);
    world.settle();
    let again = |world: &World| match world.state(A, B) {
        ContactState::Paired { again, .. } => Some(again),
        _ => None,
    };
    assert_eq!(again(&world), Some(ConnectAgain::NotNeeded));
    world.unplug(B);
    world.pass(6 * 86_400_000);
    world.cycles(2);
    assert_eq!(again(&world), Some(ConnectAgain::NotNeeded));
    world.pass(86_400_000);
    world.cycles(2);
    assert_eq!(again(&world), Some(ConnectAgain::Offered));
    world.call(A, B);
    world.cycles(3);
    world.plug(B);
    world.until("it rings", |world| world.rings(B, A));
    assert_eq!(
        world.nodes[B].view().incoming[0].device,
        CallerDevice::Known
    );
    world.say(B, A, "over the old session");
    world.until("delivered", |world| world.all_delivered(B, A));
    world.accept(B, A);
    world.until("they are a pair", |world| world.are_paired(A, B));
    assert!(!world.was_told(A, |n| matches!(n, Notice::NewDevice { .. })));
    assert!(!world.was_told(B, |n| matches!(n, Notice::NewDevice { .. })));
}

/// A blocked contact sees an absence. What it wrote meanwhile arrives once it is unblocked.
#[test]
fn blocking_is_an_absence_and_unblocking_loses_nothing() {
    let mut world = World::new(&["Ada", "Bob"], 920);
    world.pair(A, B);
    world.settle();
    world.block(B, A);
    world.say(A, B, "can you hear me?");
    world.say(B, A, "not sent while blocked");
    world.ring(A, B);
    world.cycles(40);
    assert!(world.received(B, A).is_empty() && world.received(A, B).is_empty());
    assert!(!world.was_told(B, |n| matches!(n, Notice::Rang { .. })));
    assert!(world.is_paired(A, B));
    world.reload(B);
    world.unblock(B, A);
    world.until("delivered", |w| {
        w.all_delivered(A, B) && w.all_delivered(B, A)
    });
    assert_eq!(world.received(B, A), ["can you hear me?"]);
    assert_eq!(world.received(A, B), ["not sent while blocked"]);
}

#[test]
fn blocked_strangers_do_not_ring() {
    let mut world = World::new(&["Ada", "Bob"], 925);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    world.block(B, A);
    assert!(!world.rings(B, A));
    assert_eq!(world.nodes[B].view().blocked, [world.key(A)]);
    world.cycles(60);
    assert!(!world.rings(B, A));
    world.unblock(B, A);
    world.call(A, B);
    world.until("it rings again", |world| world.rings(B, A));
}

/// Texts written before a call from another device wait for the person's word.
#[test]
fn a_new_device_holds_what_was_written_before() {
    let mut world = World::new(&["Ada", "Bob"], 930);
    world.pair(A, B);
    world.settle();
    world.unplug(A);
    world.say(B, A, "for your eyes only");
    let identity = world.nodes[A].stored["identity"].clone();
    let records = [("identity".to_owned(), identity)].into_iter().collect();
    world.restore(A, records);
    world.plug(A);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    assert_eq!(world.nodes[B].view().incoming[0].device, CallerDevice::New);
    world.accept(B, A);
    world.until("they are a pair", |world| world.are_paired(A, B));
    assert!(world.was_told(B, |n| matches!(n, Notice::NewDevice { .. })));
    world.settle();
    assert_eq!(world.statuses(B, A), [SendStatus::Held]);
    assert!(world.received(A, B).is_empty());
    world.say(B, A, "and this is new");
    world.until("the new one arrives", |world| {
        world.received(A, B) == ["and this is new"]
    });
    world.reload(B);
    assert_eq!(world.statuses(B, A)[0], SendStatus::Held);
    world.send_held(B, A);
    world.until("delivered", |world| world.all_delivered(B, A));
}

/// A call waits in its slot, late answers are heard, and what its person sees says so.
#[test]
fn stages_of_a_call_are_shown() {
    let mut world = World::new(&["Ada", "Bob"], 940);
    world.unplug(B);
    world.add(A, B);
    world.call(A, B);
    let mut stages = Vec::new();
    for _ in 0..100 {
        if let ContactState::Calling { stage, .. } = world.state(A, B) {
            stages.push(match stage {
                CallStage::Waiting => 'w',
                CallStage::Ringing { .. } => 'r',
                CallStage::Late => 'l',
                CallStage::Withdrawing => 'x',
            });
        }
        world.cycle();
    }
    stages.dedup();
    let stages: String = stages.into_iter().collect();
    assert!(stages == "wrl" || stages == "rl", "{stages}");
    assert_eq!(
        world.state(A, B),
        ContactState::Known {
            ended: Some(EndReason::NoAnswer)
        }
    );
}

/// Ids are those of the deployment: a stray dial to another deployment's id reaches nobody.
#[test]
fn ids_carry_the_deployment() {
    let mut world = World::new(&["Ada"], 950);
    world.tap();
    let elsewhere = world.key(A).id(&[7; 32]);
    assert_ne!(elsewhere, ClientId([0; 16]));
    world.servers.strays = vec![StrayDial {
        id: elsewhere,
        pass: None,
        message: [0; 200],
    }];
    world.round(Program::Open);
    assert!(world.taps()[0].dialled.is_empty());
}

/// From a backup one goes on with contacts and what was said; sessions are made anew, and the other
/// side is warned of a device that it does not know.
#[test]
fn a_backup_has_no_sessions() {
    let mut world = World::new(&["Ada", "Bob"], 77);
    world.pair(A, B);
    world.say(A, B, "before");
    world.until("delivered", |world| world.all_delivered(A, B));
    let backup = world.nodes[A].client.backup();
    let kinds: BTreeSet<_> = backup
        .iter()
        .map(|record| record.key.split('/').next().unwrap_or_default())
        .collect();
    let expected = ["contact", "identity", "message", "servers", "settings"];
    assert_eq!(kinds, expected.into_iter().collect());
    world.say(A, B, "lost with the old device");

    let records = backup.into_iter().map(|record| (record.key, record.value));
    world.restore(A, records.collect());
    let texts = |world: &World, of: usize, with: usize| -> Vec<String> {
        let view = world.nodes[of].view();
        let contact = view.contact(world.nodes[with].key()).unwrap();
        contact.messages.iter().map(|it| it.text.clone()).collect()
    };
    assert_eq!(texts(&world, A, B), ["before"]);
    assert!(!world.is_paired(A, B));
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    let caller = &world.nodes[B].view().incoming[0];
    assert_eq!(
        caller.device,
        CallerDevice::New,
        "no warning of a new device"
    );
    world.accept(B, A);
    world.until("paired", |world| world.are_paired(A, B));
    world.say(A, B, "after");
    world.until("delivered", |world| world.all_delivered(A, B));
    assert!(texts(&world, B, A).contains(&"after".to_owned()));
}
