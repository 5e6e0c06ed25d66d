//! What an observer sees: the same frames, whatever a client does.

use mcmix_shared::{client::Action, party::PartyId, program::Program};

use crate::world::World;

/// Idle, dialing in vain, ringing, chatting on one and on all slots: equal frames, round by round.
#[test]
fn frames_of_idle_dialing_and_chatting_clients_are_equal() {
    let names = ["Ada", "Bob", "Cy", "Dan", "Eve", "Fay"];
    let mut world = World::new(&names, 41);
    let (chatty, partner, other, dialer, idle) = (0, 1, 2, 3, 4);
    world.meet(chatty, partner);
    world.meet(chatty, other);
    let nobody = World::new(&["Zoe"], 42).link(0);
    let zoe = World::new(&["Zoe"], 42).key(0);
    world.act(dialer, Action::AddContact { link: nobody });
    for node in &mut world.nodes {
        node.sent.clear();
    }
    for step in 0..30 {
        if step % 7 == 0 {
            world.act(dialer, Action::Call(zoe));
        }
        world.say(chatty, partner, &"long ".repeat(100));
        world.say(other, chatty, "short");
        if step == 10 {
            let key = world.key(other);
            world.act(chatty, Action::EndConversation(key));
        }
        if step == 15 {
            world.call(chatty, other);
        }
        world.round(if step % 3 == 2 {
            Program::Dialing
        } else {
            Program::Conversation
        });
        let expected = world.nodes[idle].sent.clone();
        for (node, name) in world.nodes.iter_mut().zip(names) {
            assert_eq!(node.sent, expected, "{name} in step {step}");
            node.sent.clear();
        }
    }
}

/// Whoever is cut off, and however, nobody else's frames say who was talking with them.
#[test]
fn the_partner_of_a_cut_client_looks_like_everyone_else() {
    let names = ["Ada", "Bob", "Eve"];
    let mut world = World::new(&names, 44);
    let (cut, partner, idle) = (0, 1, 2);
    world.meet(cut, partner);
    world.say(partner, cut, &"under way ".repeat(100));
    for step in 0..60 {
        match step {
            5 => world.cut(cut, PartyId::P1),
            15 => world.unplug(cut),
            50 => world.plug(cut),
            _ => {}
        }
        for node in &mut world.nodes {
            node.sent.clear();
        }
        world.round(if step % 3 == 2 {
            Program::Dialing
        } else {
            Program::Conversation
        });
        assert_eq!(
            world.nodes[partner].sent, world.nodes[idle].sent,
            "step {step}"
        );
    }
}

#[test]
fn the_meter_counts_what_is_sent() {
    let mut world = World::new(&["Ada"], 43);
    world.cycles(3);
    let total: usize = world.nodes[0].sent.iter().map(|(_, len)| len).sum();
    let view = world.nodes[0].view();
    assert_eq!(view.traffic.sent_bytes, total as u64);
    assert!(view.traffic.received_bytes > 0);
    assert_eq!(view.online(), Some(1));
}
