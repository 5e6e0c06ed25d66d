//! Writing: order, length, several at once, taking back, drafts.

use mcmix_shared::client::{
    Action, ContactState, EndReason, MAX_QUEUED_TEXTS, MAX_TEXT_BYTES, Notice, Outbox, SendStatus,
};

use crate::world::World;

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;

#[test]
fn two_conversations_at_once() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 11);
    world.pair(A, B);
    world.pair(C, A);
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
    world.pair(A, B);
    world.look(A, Some(B));
    world.look(B, Some(A));
    let text = "ü".repeat(MAX_TEXT_BYTES / 2);
    world.say(A, B, &text);
    world.say(A, B, "short");
    for _ in 0..10 {
        world.act(A, Action::Touch);
        world.act(B, Action::Touch);
        world.cycles(10);
    }
    world.until("delivered", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), [text, "short".into()]);
}

#[test]
fn statuses_go_from_queued_to_sent_to_delivered() {
    let mut world = World::new(&["Ada", "Bob"], 13);
    world.pair(A, B);
    world.say(A, B, "x");
    let mut seen = world.statuses(A, B);
    for _ in 0..60 {
        world.converse();
        seen.extend(world.statuses(A, B));
    }
    seen.dedup();
    assert!(
        matches!(
            seen[..],
            [
                SendStatus::Queued { cancellable: true },
                SendStatus::Sent { .. },
                SendStatus::Delivered
            ]
        ),
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
    world.connect(A, B);
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

/// A skip item covers the numbers of what was cancelled: what was written later must not wait
/// for ever.
#[test]
fn texts_behind_cancelled_ones_arrive() {
    for which in 0..4_usize {
        let mut world = World::new(&["Ada", "Bob"], 140 + which as u64);
        world.pair(A, B);
        world.settle();
        world.unplug(B);
        for text in ["one", "two", "three", "four"] {
            world.say(A, B, &text.repeat(100));
        }
        let contact = world.key(B);
        let message = world.contact(A, B).messages[which].number;
        world.act(A, Action::CancelText { contact, message });
        let cancelled = world.statuses(A, B)[which] == SendStatus::Cancelled;
        world.plug(B);
        world.until("delivered", |world| world.all_delivered(A, B));
        assert_eq!(world.received(B, A).len(), 4 - usize::from(cancelled));
    }
}

#[test]
fn a_text_that_may_have_left_before_a_reload_cannot_be_taken_back() {
    let mut world = World::new(&["Ada", "Bob"], 15);
    world.pair(A, B);
    world.look(A, Some(B));
    world.conversations(5);
    world.say(A, B, "gone?");
    world.unplug(B);
    world.converse();
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
    for _ in 0..MAX_QUEUED_TEXTS - 1 {
        world.say(A, B, "x");
    }
    assert_eq!(world.contact(A, B).outbox, Outbox::Open);
    world.say(A, B, "the last that fits");
    assert_eq!(
        world.contact(A, B).outbox,
        Outbox::Full,
        "the page knows before it takes another"
    );
    let (contact, text) = (world.key(B), "one too many".to_owned());
    let draft = text.clone();
    world.act(
        A,
        Action::SetDraft {
            contact,
            text: draft,
        },
    );
    world.act(A, Action::SendText { contact, text });
    assert_eq!(world.statuses(A, B).len(), MAX_QUEUED_TEXTS);
    assert!(matches!(
        world.nodes[A].notices.pop(),
        Some(Notice::QueueFull { .. })
    ));
    assert_eq!(
        world.contact(A, B).draft,
        "one too many",
        "what was refused is still there"
    );
    world.reload(A);
    assert_eq!(world.contact(A, B).outbox, Outbox::Full);
    assert_eq!(world.contact(A, B).draft, "one too many");
}

/// Texts that wait for an absent contact go on waiting over reloads, and none vanishes.
#[test]
fn a_full_outbox_is_delivered_whole() {
    let mut world = World::new(&["Ada", "Bob"], 17);
    world.pair(A, B);
    world.settle();
    world.unplug(B);
    let texts: Vec<_> = (0..MAX_QUEUED_TEXTS).map(|i| format!("text {i}")).collect();
    for (count, text) in texts.iter().enumerate() {
        world.say(A, B, text);
        if count % 30 == 0 {
            world.reload(A);
            world.cycle();
        }
    }
    world.plug(B);
    for _ in 0..8 {
        world.look(A, Some(B));
        world.look(B, Some(A));
        world.cycles(20);
    }
    world.until("delivered", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), texts);
}

#[test]
fn drafts_survive_reloads_and_end_when_sent() {
    let mut world = World::new(&["Ada", "Bob"], 18);
    world.add(A, B);
    let contact = world.key(B);
    let text = String::from("half a thou");
    world.act(A, Action::SetDraft { contact, text });
    world.reload(A);
    assert_eq!(world.contact(A, B).draft, "half a thou");
    world.say(A, B, "half a thought");
    assert_eq!(world.contact(A, B).draft, "");
    world.reload(A);
    assert_eq!(world.contact(A, B).draft, "");
    assert_eq!(world.statuses(A, B).len(), 1);
}

#[test]
fn removing_while_offline_is_told_later() {
    let mut world = World::new(&["Ada", "Bob"], 19);
    world.pair(A, B);
    world.settle();
    world.unplug(A);
    world.remove(A, B);
    world.cycles(60);
    assert!(world.is_paired(B, A));
    world.reload(A);
    world.plug(A);
    world.until("Bob knows", |world| {
        matches!(
            world.state(B, A),
            ContactState::Known {
                ended: Some(EndReason::ByPeer)
            }
        )
    });
}

/// Removed and added again before the other side hears of it: both make a pair anew, and what
/// the other side wrote meanwhile arrives once its person sends it.
#[test]
fn calling_again_after_one_side_lost_its_data_goes_on() {
    let mut world = World::new(&["Ada", "Bob"], 20);
    world.pair(A, B);
    world.settle();
    world.say(B, A, "one");
    world.until("delivered", |world| world.all_delivered(B, A));
    world.unplug(B);
    world.remove(A, B);
    world.cycles(60);
    world.plug(B);
    assert!(world.is_paired(B, A));
    world.say(B, A, "two");
    world.add(A, B);
    world.connect(A, B);
    if !world.all_delivered(B, A) {
        world.send_held(B, A);
    }
    world.until("delivered", |world| world.all_delivered(B, A));
    assert_eq!(world.received(A, B), ["two"]);
}

#[test]
fn what_is_said_to_who_removed_us_is_not_acknowledged() {
    let mut world = World::new(&["Ada", "Bob"], 21);
    world.pair(A, B);
    world.settle();
    world.say(B, A, "do you read me?");
    world.remove(A, B);
    world.until("Bob knows", |world| {
        matches!(world.state(B, A), ContactState::Known { .. })
    });
    world.cycles(20);
    assert_ne!(world.statuses(B, A), [SendStatus::Delivered]);
}

/// Leaving tells the other side soon, also in the middle of a long text.
#[test]
fn an_end_does_not_wait_for_a_long_text() {
    let mut world = World::new(&["Ada", "Bob"], 22);
    world.pair(A, B);
    // Past the first ratchet: while it is under way, rows of two generations take turns.
    world.cycles(150);
    world.say(A, B, &"long ".repeat(3000));
    world.cycles(3);
    world.remove(A, B);
    let turn = world.servers.turn().0;
    world.until("Bob knows", |world| {
        matches!(world.state(B, A), ContactState::Known { .. })
    });
    let took = world.servers.turn().0 - turn;
    let turns = u64::from(world.servers.deployment.quick_rounds);
    assert!(took <= turns + 2, "{took} conversation rounds");
}

/// Whatever a name shows, a contact's is never replaced by what a caller says.
#[test]
fn a_caller_does_not_rename_a_contact() {
    let mut world = World::new(&["Ada", "Bob", "Cy"], 23);
    world.pair(A, B);
    let contact = world.key(A);
    let name = mcmix_shared::identity::Name::new("Countess").unwrap();
    world.act(B, Action::RenameContact { contact, name });
    let name = mcmix_shared::identity::Name::new("Cy").unwrap();
    world.act(A, Action::SetName(name));
    world.settle();
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    assert_eq!(world.nodes[B].view().incoming[0].name.as_str(), "Countess");
    world.accept(B, A);
    world.settle();
    assert_eq!(world.contact(B, A).name.as_str(), "Countess");
    // A stranger who calls themselves like a contact is shown as that.
    world.pair(C, A);
    assert!(world.find(A, C).is_some());
}
