//! Calling: accepted, declined, unanswered, mutual, crowded, ended.

use mcmix_shared::{
    client::{
        Action, CallStage, Caller, CallerDevice, ContactState, EndReason, Notice, OpenToCalls,
        Paired,
    },
    program::Program,
};

use crate::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

fn ended(world: &World, node: usize, contact: usize) -> Option<EndReason> {
    match world.state(node, contact) {
        ContactState::Known { ended } => ended,
        _ => None,
    }
}

fn is_calling(world: &World, node: usize, contact: usize) -> bool {
    matches!(world.state(node, contact), ContactState::Calling { .. })
}

#[test]
fn first_contact_to_delivered_messages_both_ways() {
    let mut world = World::new(&["Ada", "Bob"], 1);
    world.add(A, B);
    world.say(A, B, "typed before the call");
    world.call(A, B);
    assert!(matches!(
        world.state(A, B),
        ContactState::Calling {
            stage: CallStage::Waiting | CallStage::Ringing { dials: 0, .. },
            paired: Paired::No
        }
    ));
    world.until("it rings", |world| world.rings(B, A));
    let incoming = world.nodes[B].view().incoming[0].clone();
    assert_eq!(
        (incoming.name.as_str(), incoming.caller, incoming.device),
        ("Ada", Caller::Stranger, CallerDevice::Known)
    );
    assert!(world.nodes[B].view().contacts.is_empty());
    world.say(A, B, "typed while it rings");
    world.cycles(3);
    assert!(!world.all_delivered(A, B));
    world.accept(B, A);
    world.until("they are a pair", |world| world.are_paired(A, B));
    world.say(B, A, "hello Ada 🦀");
    world.until("all is delivered", |w| {
        w.all_delivered(A, B) && w.all_delivered(B, A)
    });
    assert_eq!(
        world.received(B, A),
        ["typed before the call", "typed while it rings"]
    );
    assert_eq!(world.received(A, B), ["hello Ada 🦀"]);
    assert_eq!(world.contact(B, A).unread, 2);
    assert_eq!(world.contact(B, A).name.as_str(), "Ada");
    let key = world.key(A);
    world.act(B, Action::MarkRead(key));
    assert_eq!(world.contact(B, A).unread, 0);
    assert!(world.was_told(A, |n| matches!(n, Notice::Answered { .. })));
    assert!(world.servers.offences.is_empty());
}

/// Declining is silence: the caller sees what it sees when nobody is there.
#[test]
fn a_declined_call_keeps_the_queue_and_says_nothing() {
    let mut world = World::new(&["Ada", "Bob"], 2);
    world.add(A, B);
    world.call(A, B);
    world.say(A, B, "are you there?");
    world.until("it rings", |world| world.rings(B, A));
    world.decline(B, A);
    assert!(world.nodes[B].view().incoming.is_empty());
    world.cycles(20);
    assert!(!world.rings(B, A), "the same call does not ring again");
    assert!(is_calling(&world, A, B), "the caller can't tell");
    world.until("the caller gives up", |world| {
        ended(world, A, B) == Some(EndReason::NoAnswer)
    });
    assert!(
        world.nodes[B].view().contacts.is_empty() && world.nodes[B].stored_keys().is_empty(),
        "a declined stranger is forgotten"
    );
    assert_eq!(world.statuses(A, B).len(), 1);
    world.connect(A, B);
    world.until("delivered after all", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), ["are you there?"]);
}

#[test]
fn nobody_answers_who_is_closed_or_offline() {
    for offline in [false, true] {
        let mut world = World::new(&["Ada", "Bob"], 3);
        if offline {
            world.unplug(B);
        } else {
            world.act(B, Action::SetOpenToCalls(OpenToCalls::Nobody));
        }
        world.add(A, B);
        world.call(A, B);
        world.until("it is given up", |world| {
            ended(world, A, B) == Some(EndReason::NoAnswer)
        });
        assert!(world.was_told(A, |n| matches!(n, Notice::NoAnswer { .. })));
        assert!(world.nodes[B].view().incoming.is_empty());
    }
}

#[test]
fn one_call_waits_for_another() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 12);
    world.act(B, Action::SetOpenToCalls(OpenToCalls::Nobody));
    world.add(A, B);
    world.add(A, C);
    world.call(A, B);
    world.cycle();
    world.call(A, C);
    world.cycles(10);
    assert!(matches!(
        world.state(A, C),
        ContactState::Calling {
            stage: CallStage::Waiting,
            ..
        }
    ));
    assert!(!world.rings(C, A));
    world.cancel(A, B);
    world.until("the second begins", |world| world.rings(C, A));
}

#[test]
fn strangers_are_passed_over_where_only_contacts_may_call() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 4);
    world.act(B, Action::SetOpenToCalls(OpenToCalls::Contacts));
    world.add(B, A);
    for caller in [A, C] {
        world.add(caller, B);
        world.call(caller, B);
    }
    world.until("the contact rings", |world| world.rings(B, A));
    world.cycles(30);
    assert!(!world.rings(B, C));
}

#[test]
fn mutual_calls_are_accepted_by_themselves() {
    for seed in 0..20 {
        let mut world = World::new(&["Ada", "Bob"], 100 + seed);
        world.add(A, B);
        world.add(B, A);
        world.call(A, B);
        if seed % 2 == 1 {
            world.cycles(usize::try_from(seed).unwrap() / 4);
        }
        world.call(B, A);
        world.until("they are a pair", |world| world.are_paired(A, B));
        world.say(A, B, "ha");
        world.say(B, A, "ho");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
        world.settle();
        assert!(world.are_paired(A, B), "and they stay one");
        assert!(!world.rings(A, B) && !world.rings(B, A));
    }
}

#[test]
fn a_call_can_be_cancelled_while_it_rings() {
    let mut world = World::new(&["Ada", "Bob"], 5);
    world.add(A, B);
    world.add(B, A);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    world.cancel(A, B);
    world.until("it stops ringing", |world| !world.rings(B, A));
    assert_eq!(ended(&world, B, A), Some(EndReason::Missed));
    world.cycles(5);
    assert_eq!(ended(&world, A, B), Some(EndReason::ByUs));
    world.cycles(40);
    assert!(!world.rings(B, A));
}

/// Whoever is called back just when they cancel hears that call.
#[test]
fn a_cancelled_call_does_not_swallow_the_one_that_came_back() {
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 200 + seed);
        world.add(A, B);
        world.add(B, A);
        world.call(A, B);
        world.open(Program::Open);
        let round = world.close();
        world.cancel(A, B);
        world.call(B, A);
        world.compute(round, &[]);
        world.until("it rings", |world| world.rings(A, B));
        world.accept(A, B);
        world.until("they are a pair", |world| world.are_paired(A, B));
    }
}

/// The person who accepts in the very last moment is heard for 24 conversation rounds more.
#[test]
fn the_last_dial_still_counts() {
    for seed in 0..5 {
        let mut world = World::new(&["Ada", "Bob"], 300 + seed);
        world.add(A, B);
        world.call(A, B);
        world.until("all but over", |world| {
            matches!(
                world.state(A, B),
                ContactState::Calling {
                    stage: CallStage::Late,
                    ..
                }
            ) || !is_calling(world, A, B)
        });
        assert!(is_calling(&world, A, B));
        if world.rings(B, A) {
            world.accept(B, A);
            world.until("they are a pair", |world| world.are_paired(A, B));
        } else {
            // It rang out here at the same time.
            assert_eq!(ended(&world, B, A), None);
        }
    }
}

/// From Call to ringing: a stranger's in the next open round, a contact's in the next round of
/// any dialing program.
#[test]
fn a_call_dials_at_once() {
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 600 + seed);
        world.converse();
        world.add(A, B);
        world.call(A, B);
        world.round(Program::Contacts);
        assert!(!world.rings(B, A), "a stranger is not let in here");
        world.round(Program::Open);
        assert!(world.rings(B, A));
        world.accept(B, A);
        world.until("they are a pair", |world| world.are_paired(A, B));
        world.settle();
        for program in [Program::Contacts, Program::Open] {
            world.call(A, B);
            world.round(program);
            assert!(world.rings(B, A), "{program}");
            world.decline(B, A);
            world.cancel(A, B);
            world.cycles(10);
            assert!(world.are_paired(A, B), "the old session stays");
        }
    }
}

#[test]
fn a_row_that_came_too_late_keeps_no_call_alive() {
    for seed in 0..6 {
        let mut world = World::new(&["Ada", "Bob"], 400 + seed);
        world.act(B, Action::SetOpenToCalls(OpenToCalls::Nobody));
        world.add(A, B);
        world.call(A, B);
        world.round_too_late_for(A, Program::Open);
        world.until("it is given up", |world| {
            ended(world, A, B) == Some(EndReason::NoAnswer)
        });
    }
}

#[test]
fn who_cancels_and_calls_again_is_heard() {
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 500 + seed);
        world.add(A, B);
        world.call(A, B);
        world.until("it rings", |world| world.rings(B, A));
        world.decline(B, A);
        world.cancel(A, B);
        world.call(A, B);
        world.cycles(2);
        world.call(A, B);
        world.until("Bob hears of it", |world| world.rings(B, A));
    }
}

#[test]
fn an_unanswered_call_stops_ringing() {
    let mut world = World::new(&["Ada", "Bob"], 6);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    world.until("it is given up", |world| {
        ended(world, A, B) == Some(EndReason::NoAnswer)
    });
    world.until("it stops ringing", |world| !world.rings(B, A));
    assert!(world.nodes[B].stored_keys().is_empty());
}

/// A second answer waits, which looks like a slow person; it is not lost.
#[test]
fn a_second_answer_waits_for_the_first() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 7);
    for caller in [B, C] {
        world.add(caller, A);
        world.call(caller, A);
    }
    world.until("both ring", |world| world.rings(A, B) && world.rings(A, C));
    world.accept(A, B);
    world.accept(A, C);
    world.until("the first is a pair", |world| world.are_paired(A, B));
    assert!(!world.is_paired(A, C));
    world.until("the second is one, too", |world| world.are_paired(A, C));
    world.say(A, B, "both");
    world.say(A, C, "both");
    world.until("delivered", |w| {
        w.all_delivered(A, B) && w.all_delivered(A, C)
    });
}

#[test]
fn contacts_are_checked_when_added() {
    let mut world = World::new(&["Ada", "Bob"], 8);
    world.add(A, A);
    assert_eq!(world.nodes[A].notices.pop(), Some(Notice::OwnInvite));
    world.add(A, B);
    world.add(A, B);
    assert!(matches!(
        world.nodes[A].notices.pop(),
        Some(Notice::KnownContact { .. })
    ));
    let link = "hello".into();
    world.act(A, Action::AddContact { link });
    assert!(matches!(
        world.nodes[A].notices.pop(),
        Some(Notice::BadInvite(_))
    ));
    let contact = world.key(B);
    world.say(A, B, "x");
    let text = "half a thought".into();
    world.act(A, Action::SetDraft { contact, text });
    world.act(A, Action::RemoveContact(contact));
    assert!(world.nodes[A].view().contacts.is_empty());
    assert!(world.nodes[A].stored_keys().is_empty());
    world.add(A, B);
    assert_eq!(
        world.contact(A, B).draft,
        "",
        "a removed contact's draft does not come back"
    );
}

#[test]
fn a_removed_contact_is_told_that_it_is_over() {
    let mut world = World::new(&["Ada", "Bob"], 9);
    world.pair(A, B);
    world.settle();
    world.remove(A, B);
    assert!(world.nodes[A].view().contacts.is_empty());
    world.until("Bob knows", |world| {
        ended(world, B, A) == Some(EndReason::ByPeer)
    });
    assert!(world.was_told(B, |n| matches!(n, Notice::Ended { .. })));
    world.cycles(50);
    let all_farewells = |world: &World, node: usize| {
        world.nodes[node]
            .stored_keys()
            .iter()
            .filter(|key| key.starts_with("farewell"))
            .count()
    };
    assert_eq!(
        (all_farewells(&world, A), all_farewells(&world, B)),
        (1, 1),
        "places are kept for seven days"
    );
    world.pass(8 * 86_400_000);
    world.cycles(30);
    assert_eq!((all_farewells(&world, A), all_farewells(&world, B)), (0, 0));
    assert!(world.nodes[A].stored_keys().is_empty());
}

#[test]
fn a_call_does_not_go_on_by_itself_the_next_day() {
    let mut world = World::new(&["Ada", "Bob"], 10);
    world.converse();
    world.add(A, B);
    world.call(A, B);
    world.reload(A);
    assert!(is_calling(&world, A, B), "a reload changes nothing");
    world.unplug(A);
    world.pass(24 * 3_600_000);
    world.servers.skip(86_400, 43_200);
    world.plug(A);
    world.reload(A);
    world.cycles(2);
    assert_eq!(ended(&world, A, B), Some(EndReason::NoAnswer));
}
