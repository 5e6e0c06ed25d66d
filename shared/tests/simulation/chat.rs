//! Talking: order, length, several at once, taking back, ending.

use mcmix_shared::client::{
    Action, CallState, EndReason, MAX_QUEUED_TEXTS, MAX_TEXT_BYTES, Notice, SendStatus,
};

use crate::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

#[test]
fn two_conversations_at_once() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 11);
    world.meet(A, B);
    world.meet(C, A);
    for i in 0..5 {
        world.say(A, B, &format!("to Bob {i}"));
        world.say(A, C, &format!("to Cy {i}"));
        world.say(B, A, &format!("from Bob {i}"));
        world.say(C, A, &format!("from Cy {i}"));
    }
    world.until("all is delivered", |w| {
        [(A, B), (A, C), (B, A), (C, A)]
            .iter()
            .all(|(from, to)| w.all_delivered(*from, *to))
    });
    let numbered = |what: &str| (0..5).map(|i| format!("{what} {i}")).collect::<Vec<_>>();
    assert_eq!(world.received(B, A), numbered("to Bob"));
    assert_eq!(world.received(C, A), numbered("to Cy"));
    assert_eq!(world.received(A, B), numbered("from Bob"));
    assert_eq!(world.received(A, C), numbered("from Cy"));
}

#[test]
fn a_text_of_the_greatest_length_arrives_whole() {
    let mut world = World::new(&["Ada", "Bob"], 12);
    world.meet(A, B);
    let text = "ü".repeat(MAX_TEXT_BYTES / 2);
    world.say(A, B, &text);
    world.say(A, B, "short");
    world.until("delivered", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), [text, "short".into()]);
}

#[test]
fn statuses_go_from_queued_to_sent_to_delivered() {
    let mut world = World::new(&["Ada", "Bob"], 13);
    world.meet(A, B);
    world.say(A, B, "x");
    assert_eq!(
        world.statuses(A, B),
        [SendStatus::Queued { cancellable: true }]
    );
    let mut seen = Vec::new();
    for _ in 0..10 {
        world.round(mcmix_shared::program::Program::Conversation);
        seen.extend(world.statuses(A, B));
    }
    seen.dedup();
    assert!(
        matches!(seen[..], [SendStatus::Sent { .. }, SendStatus::Delivered]),
        "{seen:?}"
    );
}

#[test]
fn a_queued_text_can_be_taken_back_and_a_sent_one_not() {
    let mut world = World::new(&["Ada", "Bob"], 14);
    world.add(A, B);
    world.say(A, B, "never mind");
    world.say(A, B, "hello");
    let cancel = |world: &mut World, index: usize| {
        let contact = world.key(B);
        let message = world.contact(A, B).messages[index].number;
        world.act(A, Action::CancelText { contact, message });
    };
    cancel(&mut world, 0);
    assert_eq!(world.statuses(A, B)[0], SendStatus::Cancelled);
    world.meet(A, B);
    world.until("delivered", |world| {
        world.statuses(A, B)[1] == SendStatus::Delivered
    });
    cancel(&mut world, 1);
    assert_eq!(
        world.nodes[A].notices.last(),
        Some(&Notice::TooLateToCancel)
    );
    assert_eq!(world.received(B, A), ["hello"]);
}

#[test]
fn a_text_that_may_have_left_before_a_reload_cannot_be_taken_back() {
    let mut world = World::new(&["Ada", "Bob"], 15);
    world.meet(A, B);
    world.say(A, B, "gone?");
    world.reload(A);
    assert_eq!(
        world.statuses(A, B),
        [SendStatus::Queued { cancellable: false }]
    );
}

#[test]
fn limits_are_kept_and_told() {
    let mut world = World::new(&["Ada", "Bob"], 16);
    world.add(A, B);
    world.say(A, B, &"x".repeat(MAX_TEXT_BYTES + 1));
    assert!(matches!(
        world.nodes[A].notices.pop(),
        Some(Notice::TextTooLong { .. })
    ));
    world.say(A, B, " \n ");
    assert!(world.statuses(A, B).is_empty());
    for _ in 0..=MAX_QUEUED_TEXTS {
        world.say(A, B, "x");
    }
    assert_eq!(world.statuses(A, B).len(), MAX_QUEUED_TEXTS);
    assert!(matches!(
        world.nodes[A].notices.pop(),
        Some(Notice::QueueFull { .. })
    ));
}

#[test]
fn ending_tells_the_other_side_and_keeps_what_was_not_delivered() {
    let mut world = World::new(&["Ada", "Bob"], 17);
    world.meet(A, B);
    world.unplug(B);
    world.say(A, B, "you left");
    world.cycles(2);
    let key = world.key(B);
    world.act(A, Action::EndConversation(key));
    assert_eq!(world.state(A, B), CallState::Ended(EndReason::ByUs));
    world.plug(B);
    world.until("Bob knows", |world| {
        world.state(B, A) == CallState::Ended(EndReason::ByPeer)
    });
    world.cycles(20);
    assert_ne!(world.statuses(A, B), [SendStatus::Cancelled]);
    assert_eq!(world.nodes[A].view().free_slots, 3);
    world.meet_with_known();
    world.until("delivered after all", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), ["you left"]);
}

impl World {
    fn meet_with_known(&mut self) {
        self.call(B, A);
        self.until("it rings", |world| world.rings(A, B));
        self.accept(A, B);
        self.until("they talk", |world| world.talks(A, B));
    }
}

#[test]
fn ending_while_offline_is_told_later() {
    let mut world = World::new(&["Ada", "Bob"], 18);
    world.meet(A, B);
    world.unplug(A);
    let key = world.key(B);
    world.act(A, Action::EndConversation(key));
    world.cycles(60);
    assert_eq!(world.state(B, A), CallState::Talking);
    world.reload(A);
    world.plug(A);
    world.until("Bob knows", |world| {
        world.state(B, A) == CallState::Ended(EndReason::ByPeer)
    });
}

#[test]
fn calling_again_after_one_side_lost_its_data_goes_on() {
    let mut world = World::new(&["Ada", "Bob"], 19);
    world.meet(A, B);
    world.say(B, A, "one");
    world.until("delivered", |world| world.all_delivered(B, A));
    // Ada removes Bob and calls anew before Bob hears that it was over.
    world.unplug(B);
    let key = world.key(B);
    world.act(A, Action::RemoveContact(key));
    world.cycles(60);
    world.plug(B);
    assert_eq!(world.state(B, A), CallState::Talking);
    world.say(B, A, "two");
    world.add(A, B);
    world.call(A, B);
    world.until("they talk again by themselves", |world| world.talks(A, B));
    world.until("delivered", |world| world.all_delivered(B, A));
    assert_eq!(world.received(A, B), ["two"]);
}

#[test]
fn what_a_removed_contact_says_is_not_acknowledged() {
    let mut world = World::new(&["Ada", "Bob"], 20);
    world.meet(A, B);
    let key = world.key(B);
    world.say(B, A, "do you read me?");
    world.act(A, Action::RemoveContact(key));
    world.until("Bob knows", |world| {
        world.state(B, A) == CallState::Ended(EndReason::ByPeer)
    });
    world.cycles(10);
    assert!(matches!(
        world.statuses(B, A)[..],
        [SendStatus::Sent { .. }]
    ));
}
