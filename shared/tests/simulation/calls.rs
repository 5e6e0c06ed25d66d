//! Calling: accepted, declined, unanswered, mutual, crowded.

use mcmix_shared::{
    client::{Action, CallState, Caller, EndReason, Notice, OpenToCalls},
    program::Program,
};

use crate::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;

#[test]
fn first_contact_to_delivered_messages_both_ways() {
    let mut world = World::new(&["Ada", "Bob"], 1);
    world.add(A, B);
    world.say(A, B, "typed before the call");
    world.call(A, B);
    assert!(matches!(
        world.state(A, B),
        CallState::Calling { attempt: 1, .. }
    ));
    world.until("it rings", |world| world.rings(B, A));
    let incoming = world.nodes[B].view().incoming[0].clone();
    assert_eq!(
        (incoming.name.as_str(), incoming.caller),
        ("Ada", Caller::Stranger)
    );
    assert!(world.nodes[B].view().contacts.is_empty());
    world.until("the caller hears it ring", |world| {
        world.state(A, B) == CallState::Ringing
    });
    world.say(A, B, "typed while it rings");
    world.cycles(3);
    assert!(!world.all_delivered(A, B));
    world.accept(B, A);
    world.until("they talk", |world| world.talks(A, B));
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
    assert!(
        world.nodes[A]
            .notices
            .iter()
            .any(|n| matches!(n, Notice::Answered { .. }))
    );
    assert!(world.servers.offences.is_empty());
}

#[test]
fn a_declined_call_keeps_the_queue() {
    let mut world = World::new(&["Ada", "Bob"], 2);
    world.add(A, B);
    world.call(A, B);
    world.say(A, B, "are you there?");
    world.until("it rings", |world| world.rings(B, A));
    let key = world.key(A);
    world.act(B, Action::Decline(key));
    assert!(world.nodes[B].view().incoming.is_empty());
    world.until("the caller knows", |world| {
        world.state(A, B) == CallState::Ended(EndReason::Declined)
    });
    world.cycles(40);
    assert!(
        world.nodes[B].view().contacts.is_empty(),
        "a declined stranger is forgotten"
    );
    assert!(
        !world.nodes[B]
            .stored_keys()
            .iter()
            .any(|key| key.starts_with("contact"))
    );
    assert_eq!(world.statuses(A, B).len(), 1);
    assert_eq!(world.nodes[A].view().free_slots, 3);
    world.meet_again();
    world.until("delivered after all", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), ["are you there?"]);
}

impl World {
    fn meet_again(&mut self) {
        self.call(A, B);
        self.until("it rings again", |world| world.rings(B, A));
        self.accept(B, A);
        self.until("they talk", |world| world.talks(A, B));
    }
}

#[test]
fn nobody_answers_who_is_closed_or_offline() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 3);
    world.act(B, Action::SetOpenToCalls(OpenToCalls::Nobody));
    world.unplug(C);
    for callee in [B, C] {
        world.add(A, callee);
        world.call(A, callee);
    }
    world.until("both are given up", |world| {
        [B, C]
            .iter()
            .all(|callee| world.state(A, *callee) == CallState::Ended(EndReason::NoAnswer))
    });
    assert!(
        world.nodes[A]
            .notices
            .iter()
            .any(|n| matches!(n, Notice::NoAnswer { .. }))
    );
    assert!(world.nodes[B].view().incoming.is_empty());
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
    world.cycles(20);
    assert!(!world.rings(B, C));
}

#[test]
fn mutual_calls_are_accepted_by_themselves() {
    for seed in 0..20 {
        let mut world = World::new(&["Ada", "Bob"], 100 + seed);
        world.add(A, B);
        world.add(B, A);
        world.call(A, B);
        world.call(B, A);
        world.until("they talk", |world| world.talks(A, B));
        world.say(A, B, "ha");
        world.say(B, A, "ho");
        world.until("delivered", |w| {
            w.all_delivered(A, B) && w.all_delivered(B, A)
        });
    }
}

#[test]
fn a_call_can_be_cancelled_while_it_rings() {
    let mut world = World::new(&["Ada", "Bob"], 5);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    let key = world.key(B);
    world.act(A, Action::CancelCall(key));
    assert_eq!(world.state(A, B), CallState::Ended(EndReason::ByUs));
    world.until("it stops ringing", |world| !world.rings(B, A));
}

/// Whoever is called back just when they cancel was met by a call that is no more.
#[test]
fn a_cancelled_call_does_not_swallow_the_one_that_came_back() {
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 200 + seed);
        world.add(A, B);
        world.add(B, A);
        world.call(A, B);
        world.open(Program::Dialing);
        let round = world.close();
        let key = world.key(B);
        world.act(A, Action::CancelCall(key));
        world.call(B, A);
        world.compute(round, &[]);
        world.until("it rings", |world| world.rings(A, B));
    }
}

#[test]
fn the_last_row_that_dials_still_counts() {
    let mut rang = 0;
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 300 + seed);
        world.act(B, Action::SetOpenToCalls(OpenToCalls::Nobody));
        world.add(A, B);
        world.call(A, B);
        while !matches!(world.state(A, B), CallState::Calling { attempt, of } if attempt == of) {
            world.cycle();
        }
        // The next round is handed in to before this one is over.
        world.open(Program::Dialing);
        let round = world.close();
        world.act(B, Action::SetOpenToCalls(OpenToCalls::Everyone));
        world.open(Program::Dialing);
        let last = world.close();
        world.compute(round, &[]);
        world.compute(last, &[]);
        if matches!(world.state(A, B), CallState::Ended(EndReason::NoAnswer)) {
            world.cycles(20);
            assert!(!world.rings(B, A));
        } else {
            world.until("it rings", |world| world.rings(B, A));
            rang += 1;
        }
    }
    assert!(rang > 0);
}

#[test]
fn a_call_dials_at_once() {
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 600 + seed);
        world.add(A, B);
        world.call(A, B);
        world.round(Program::Dialing);
        assert_eq!(world.state(A, B), CallState::Connecting);
    }
}

#[test]
fn a_row_that_came_too_late_keeps_no_call_alive() {
    for seed in 0..6 {
        let mut world = World::new(&["Ada", "Bob"], 400 + seed);
        world.act(B, Action::SetOpenToCalls(OpenToCalls::Nobody));
        world.add(A, B);
        world.call(A, B);
        world.round_too_late_for(A, Program::Dialing);
        world.until("it is given up", |world| {
            world.state(A, B) == CallState::Ended(EndReason::NoAnswer)
        });
    }
}

#[test]
fn who_cancels_and_calls_again_is_heard() {
    let mut met = 0;
    for seed in 0..10 {
        let mut world = World::new(&["Ada", "Bob"], 500 + seed);
        world.add(A, B);
        world.add(B, A);
        world.call(A, B);
        world.call(B, A);
        while matches!(world.state(A, B), CallState::Calling { .. }) {
            world.round(Program::Dialing);
        }
        met += usize::from(world.state(A, B) == CallState::Connecting);
        let key = world.key(B);
        world.act(A, Action::CancelCall(key));
        world.call(A, B);
        world.until("Bob hears of it", |world| {
            world.rings(B, A) || world.talks(A, B)
        });
    }
    assert!(met > 0);
}

#[test]
fn an_unanswered_call_stops_ringing() {
    let mut world = World::new(&["Ada", "Bob"], 6);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    world.until("it is given up", |world| {
        world.state(A, B) == CallState::Ended(EndReason::NoAnswer)
    });
    world.until("it stops ringing", |world| !world.rings(B, A));
}

#[test]
fn conversations_fill_the_slots_and_no_more() {
    let mut world = World::with(&["Ada", "Bob", "Cy", "Dan"], 7, 2, 160);
    world.meet(A, B);
    world.meet(C, A);
    assert_eq!(world.nodes[A].view().free_slots, 0);
    world.add(A, D);
    world.call(A, D);
    assert_eq!(world.state(A, D), CallState::Idle);
    assert_eq!(
        world.nodes[A].notices.last(),
        Some(&Notice::SlotsFull { slots: 2 })
    );
    world.add(D, A);
    world.call(D, A);
    world.until("a busy callee does not answer", |world| {
        world.state(D, A) == CallState::Ended(EndReason::NoAnswer)
    });
    let key = world.key(B);
    world.act(A, Action::EndConversation(key));
    world.call(A, D);
    world.until("a free slot can be used at once", |world| {
        world.rings(D, A) || world.talks(A, D)
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
    world.act(
        A,
        Action::AddContact {
            link: "hello".into(),
        },
    );
    assert!(matches!(
        world.nodes[A].notices.pop(),
        Some(Notice::BadInvite(_))
    ));
    let key = world.key(B);
    world.say(A, B, "x");
    world.act(A, Action::RemoveContact(key));
    assert!(world.nodes[A].view().contacts.is_empty());
    assert_eq!(world.nodes[A].stored_keys(), ["identity", "settings"]);
}

#[test]
fn a_removed_contact_is_told_that_it_is_over() {
    let mut world = World::new(&["Ada", "Bob"], 9);
    world.meet(A, B);
    let key = world.key(B);
    world.act(A, Action::RemoveContact(key));
    assert!(world.nodes[A].view().contacts.is_empty());
    world.until("Bob knows", |world| {
        world.state(B, A) == CallState::Ended(EndReason::ByPeer)
    });
    world.cycles(5);
    assert_eq!(world.nodes[A].stored_keys(), ["identity", "settings"]);
}

#[test]
fn a_call_does_not_go_on_by_itself_the_next_day() {
    let mut world = World::new(&["Ada", "Bob"], 10);
    world.add(A, B);
    world.call(A, B);
    world.reload(A);
    assert!(
        matches!(world.state(A, B), CallState::Calling { .. }),
        "a reload changes nothing"
    );
    world.pass(24 * 3_600_000);
    world.reload(A);
    assert_eq!(world.state(A, B), CallState::Ended(EndReason::NoAnswer));
}
