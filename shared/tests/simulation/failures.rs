//! Reloads, lost rounds, lost links, failing storage.

use mcmix_shared::{
    client::{
        ContactState, Event, LinkStatus, Millis, Notice, SendStatus, StorageStatus, StoreFault,
    },
    party::PartyId,
    program::Program,
};
use proptest::prelude::*;

use crate::{node::Disk, world::World};

const A: usize = 0;
const B: usize = 1;

#[test]
fn a_reload_in_the_middle_goes_on() {
    let mut world = World::new(&["Ada", "Bob"], 21);
    world.pair(A, B);
    world.say(A, B, "before");
    world.round(Program::Conversation);
    world.reload(A);
    world.say(A, B, "after");
    world.say(B, A, "still here?");
    world.until("delivered", |w| {
        w.all_delivered(A, B) && w.all_delivered(B, A)
    });
    assert_eq!(world.received(B, A), ["before", "after"]);
    assert_eq!(world.received(A, B), ["still here?"]);
}

#[test]
fn a_reload_in_the_middle_of_a_round_goes_on() {
    let mut world = World::new(&["Ada", "Bob"], 22);
    world.pair(A, B);
    world.look(A, Some(B));
    world.look(B, Some(A));
    world.conversations(5);
    for text in ["one", "two", "three"] {
        world.say(A, B, text);
        world.say(B, A, text);
        world.open(Program::Conversation);
        // The same round is announced to the new start, which deals for it anew.
        world.reload(A);
        let round = world.close();
        world.compute(round, &[]);
        world.pass(1000);
    }
    world.until("delivered", |w| {
        w.all_delivered(A, B) && w.all_delivered(B, A)
    });
    assert_eq!(world.received(B, A), ["one", "two", "three"]);
    assert_eq!(world.received(A, B), ["one", "two", "three"]);
    assert!(world.servers.offences.is_empty());
}

#[test]
fn what_was_not_stored_was_not_acknowledged() {
    let mut world = World::new(&["Ada", "Bob"], 23);
    world.pair(A, B);
    world.nodes[B].disk = Disk::Hangs;
    world.say(A, B, "hold on to this");
    world.cycles(20);
    assert_eq!(world.received(B, A), ["hold on to this"]);
    assert_ne!(world.statuses(A, B), [SendStatus::Delivered]);
    assert_eq!(world.nodes[B].view().storage, StorageStatus::Saving);
    world.reload(B);
    assert!(world.received(B, A).is_empty());
    world.nodes[B].disk = Disk::Works;
    world.until("delivered", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), ["hold on to this"]);
}

#[test]
fn what_was_not_stored_was_not_sent() {
    let mut world = World::new(&["Ada", "Bob"], 24);
    world.pair(A, B);
    world.nodes[A].disk = Disk::Hangs;
    world.say(A, B, "lost with the crash");
    world.cycles(20);
    assert!(world.received(B, A).is_empty());
    world.reload(A);
    world.nodes[A].disk = Disk::Works;
    world.pump();
    assert!(world.statuses(A, B).is_empty());
    world.say(A, B, "typed again");
    world.until("delivered", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), ["typed again"]);
}

#[test]
fn a_call_that_was_not_stored_was_not_dialled() {
    let mut world = World::new(&["Ada", "Bob"], 33);
    world.add(A, B);
    world.converse();
    world.nodes[A].disk = Disk::Hangs;
    world.call(A, B);
    world.cycles(10);
    assert!(!world.rings(B, A));
    world.nodes[A].disk = Disk::Works;
    world.pump();
    world.until("it rings", |world| world.rings(B, A));
}

#[test]
fn an_acceptance_that_was_not_stored_was_not_sent() {
    let mut world = World::new(&["Ada", "Bob"], 32);
    world.add(A, B);
    world.say(A, B, "hello");
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    world.nodes[B].disk = Disk::Hangs;
    world.accept(B, A);
    world.cycles(20);
    assert!(!world.is_paired(A, B) && !world.is_paired(B, A));
    world.reload(B);
    world.nodes[B].disk = Disk::Works;
    world.pump();
    world.until("it rings again", |world| world.rings(B, A));
    world.accept(B, A);
    world.until("delivered", |world| world.all_delivered(A, B));
}

#[test]
fn failing_storage_is_told_once_and_forgotten_when_it_works() {
    let mut world = World::new(&["Ada", "Bob"], 25);
    world.add(A, B);
    world.nodes[A].disk = Disk::Hangs;
    world.say(A, B, "x");
    let batch = world.nodes[A].waiting[0].0;
    let causes = [
        (StoreFault::Refused, Notice::StorageFailing),
        (StoreFault::Full, Notice::StorageFull),
    ];
    for (fault, notice) in &causes {
        world.event(A, Event::StoreFailed(batch, *fault));
        world.event(A, Event::StoreFailed(batch, *fault));
        assert_eq!(world.nodes[A].view().storage, StorageStatus::Failing);
        let told = world.nodes[A].notices.iter().filter(|it| *it == notice);
        assert_eq!(told.count(), 1);
    }
    assert_eq!(world.nodes[A].view().notices.len(), 2);
    world.nodes[A].disk = Disk::Works;
    world.pump();
    assert_eq!(world.nodes[A].view().storage, StorageStatus::Saved);
    assert!(
        world.nodes[A].view().notices.is_empty(),
        "it lasts longer than its cause"
    );
}

/// Reloads at every point of a call, with and without the last changes stored.
#[test]
fn a_call_survives_reloads_at_any_point() {
    for point in 0..12 {
        for (who, disk) in [
            (A, Disk::Works),
            (B, Disk::Works),
            (A, Disk::Hangs),
            (B, Disk::Hangs),
        ] {
            let mut world = World::new(&["Ada", "Bob"], 300 + point);
            world.add(A, B);
            world.add(B, A);
            world.say(A, B, "hello");
            world.call(A, B);
            for step in 0..12 {
                if step == point {
                    world.nodes[who].disk = disk;
                }
                world.cycle();
                if step == point {
                    world.reload(who);
                    world.nodes[who].disk = Disk::Works;
                    world.pump();
                }
                if world.rings(B, A) {
                    world.accept(B, A);
                }
            }
            let mut after = 0;
            for _ in 0..100 {
                if world.are_paired(A, B) && world.all_delivered(A, B) {
                    after += 1;
                }
                if after > 10 {
                    break;
                }
                world.cycle();
                if world.rings(B, A) {
                    world.accept(B, A);
                }
                // A person whose call is not there any more calls again.
                if matches!(world.state(A, B), ContactState::Known { .. }) {
                    world.call(A, B);
                }
            }
            assert!(
                world.are_paired(A, B),
                "{who} reloaded at {point}, disk {disk:?}: {:?} {:?}",
                world.state(A, B),
                world.state(B, A)
            );
            assert_eq!(
                world.received(B, A),
                ["hello"],
                "{who} reloaded at {point}, disk {disk:?}"
            );
        }
    }
}

#[test]
fn a_lost_server_is_tried_again_with_growing_pauses() {
    let mut world = World::new(&["Ada", "Bob"], 26);
    world.pair(A, B);
    world.stop_server(PartyId::P1);
    let retry_in = |world: &World| match world.nodes[A].view().servers[1].status {
        LinkStatus::Waiting { retry_at } => Some(retry_at.since(world.now)),
        _ => None,
    };
    assert!((250..=500).contains(&retry_in(&world).unwrap()));
    world.say(A, B, "through it all");
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let wake_at = world.nodes[A].wake_at.unwrap();
        world.pass(wake_at.since(world.now));
        pauses.extend(retry_in(&world));
    }
    assert!(pauses.iter().max() > Some(&8_000), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= 30_000), "{pauses:?}");
    assert!(!world.nodes[A].view().connected());
    world.start_server(PartyId::P1);
    world.until("delivered", |world| {
        world.nodes[A].view().connected() && world.all_delivered(A, B)
    });
    assert_eq!(world.received(B, A), ["through it all"]);
    assert!(world.servers.offences.is_empty());
}

/// Whatever happens to the clock on the wall, a lost link comes back in time.
#[test]
fn a_clock_that_is_set_back_delays_no_reconnection() {
    for off in [-300_000, -7_200_000, -90_000_000, 7_200_000_i64] {
        let mut world = World::new(&["Ada"], 34);
        world.cycles(3);
        world.stop_server(PartyId::P1);
        world.pass(1_000);
        world.nodes[A].wall_off = off;
        world.start_server(PartyId::P1);
        for _ in 0..10 {
            world.pass(1_000);
        }
        assert!(world.nodes[A].view().connected(), "{off} ms");
        // And a link that fell silent is noticed.
        world.nodes[A].wall_off = 2 * off;
        world.pass(60_000);
        assert!(!world.nodes[A].view().connected(), "{off} ms");
    }
}

#[test]
fn pauses_differ_from_client_to_client() {
    let mut world = World::new(&["Ada", "Bob", "Cy", "Dan"], 27);
    world.stop_server(PartyId::P0);
    let retry = |node: usize| -> Millis {
        match world.nodes[node].view().servers[0].status {
            LinkStatus::Waiting { retry_at } => retry_at,
            other => panic!("{other:?}"),
        }
    };
    let distinct: std::collections::BTreeSet<_> = (0..4).map(retry).collect();
    assert!(distinct.len() > 1);
}

#[test]
fn a_silent_link_is_given_up() {
    let mut world = World::new(&["Ada"], 28);
    assert!(world.nodes[A].view().connected());
    world.pass(60_000);
    assert!(!world.nodes[A].view().connected());
    world.pass(1_000);
    assert!(world.nodes[A].view().connected());
}

/// Rounds whose successor is announced before they are replied to, as the servers do.
#[test]
fn overlapping_rounds_deliver_too() {
    let mut world = World::new(&["Ada", "Bob"], 29);
    world.pair(A, B);
    world.look(A, Some(B));
    world.look(B, Some(A));
    world.conversations(5);
    for i in 0..20 {
        world.say(A, B, &i.to_string());
        world.say(B, A, &i.to_string());
    }
    world.open(Program::Conversation);
    for _ in 0..50 {
        let round = world.close();
        world.open(Program::Conversation);
        world.compute(round, &[]);
        world.pass(500);
    }
    let expected: Vec<_> = (0..20).map(|i| i.to_string()).collect();
    assert_eq!(world.received(A, B), expected);
    assert_eq!(world.received(B, A), expected);
    assert!(world.all_delivered(A, B) && world.all_delivered(B, A));
}

/// A server restarts: rounds under way are finished over the next connection.
#[test]
fn a_restart_of_a_server_costs_no_round_under_way() {
    let mut world = World::new(&["Ada", "Bob"], 35);
    world.pair(A, B);
    world.look(A, Some(B));
    world.look(B, Some(A));
    world.conversations(5);
    world.say(A, B, "just then");
    world.open(Program::Conversation);
    for node in [A, B] {
        world.cut(node, PartyId::P2);
    }
    world.pass(600);
    assert!(world.nodes[A].view().connected());
    let round = world.close();
    world.compute(round, &[]);
    assert_eq!(world.received(B, A), ["just then"]);
    assert!(world.servers.offences.is_empty());
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Good,
    Late(usize),
    Failed,
    Cut(usize, PartyId),
    Reload(usize),
    CrashUnstored(usize),
    /// Somebody looks at the conversation, or no longer.
    Look(usize),
    LookAway(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    let party = prop::sample::select(PartyId::ALL.to_vec());
    prop_oneof![
        12 => Just(Fate::Good),
        3 => (0_usize..2).prop_map(Fate::Late),
        1 => Just(Fate::Failed),
        1 => (0_usize..2, party).prop_map(|(node, party)| Fate::Cut(node, party)),
        1 => (0_usize..2).prop_map(Fate::Reload),
        1 => (0_usize..2).prop_map(Fate::CrashUnstored),
        1 => (0_usize..2).prop_map(Fate::Look),
        1 => (0_usize..2).prop_map(Fate::LookAway),
    ]
}

fn suffer(world: &mut World, fate: Fate) {
    match fate {
        Fate::CrashUnstored(node) => world.nodes[node].disk = Disk::Hangs,
        Fate::Look(node) => world.look(node, Some(1 - node)),
        Fate::LookAway(node) => world.look(node, None),
        _ => {}
    }
    world.open(Program::Conversation);
    let round = world.close();
    match fate {
        Fate::Good | Fate::Look(_) | Fate::LookAway(_) => world.compute(round, &[]),
        Fate::Late(node) => world.compute(round, &[node]),
        Fate::Failed => world.fail(&round),
        Fate::Cut(node, party) => {
            world.cut(node, party);
            world.compute(round, &[]);
        }
        Fate::Reload(node) => {
            world.reload(node);
            world.compute(round, &[]);
        }
        Fate::CrashUnstored(node) => {
            world.compute(round, &[]);
            world.reload(node);
            world.nodes[node].disk = Disk::Works;
            world.pump();
        }
    }
    world.pass(1000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_message_arrives_once_and_in_order_whatever_is_lost(
        fates in prop::collection::vec(fate(), 0..100),
        lens in prop::collection::vec(1_usize..900, 1..6),
        seed in 0_u64..1000,
    ) {
        let mut world = World::new(&["Ada", "Bob"], seed);
        world.pair(A, B);
        let texts: Vec<_> = lens.iter().map(|&len| format!("{len} {}", "y".repeat(len))).collect();
        for text in &texts {
            world.say(A, B, text);
            world.say(B, A, text);
        }
        for fate in fates {
            suffer(&mut world, fate);
            for (from, to) in [(A, B), (B, A)] {
                let came = world.received(to, from);
                prop_assert!(texts.starts_with(&came), "once and in order");
                let delivered =
                    world.statuses(from, to).iter().filter(|s| **s == SendStatus::Delivered).count();
                prop_assert!(delivered <= came.len(), "delivered means stored there");
            }
        }
        world.until("all is delivered", |w| w.all_delivered(A, B) && w.all_delivered(B, A));
        prop_assert_eq!(&world.received(B, A), &texts);
        prop_assert_eq!(&world.received(A, B), &texts);
        prop_assert!(world.servers.offences.is_empty());
    }

    #[test]
    fn any_frame_of_a_server_is_survived(frames in prop::collection::vec((0_usize..3, any::<Vec<u8>>()), 1..20)) {
        let mut world = World::new(&["Ada"], 31);
        for (index, bytes) in frames {
            let party = PartyId::from_index(index).unwrap();
            world.event(A, Event::Frame(party, bytes));
        }
        world.pass(60_000);
        world.pass(1_000);
        prop_assert!(world.nodes[A].view().connected());
    }
}
