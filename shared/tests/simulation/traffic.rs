//! What an observer sees: the same frames, whatever a client does.

use mcmix_shared::{
    client::{Action, OpenToCalls},
    party::PartyId,
    program::Program,
};

use crate::world::World;

/// Idle, calling in vain, answering, ringing, chatting on one and on all slots, blocking,
/// removing: equal frames, round by round.
#[test]
fn frames_of_idle_dialing_and_chatting_clients_are_equal() {
    let names = ["Ada", "Bob", "Cy", "Dan", "Eve", "Fay", "Gus"];
    let mut world = World::new(&names, 41);
    let (chatty, partner, other, dialer, idle, shy) = (0, 1, 2, 3, 4, 5);
    world.pair(chatty, partner);
    world.pair(other, chatty);
    world.pair(shy, partner);
    let elsewhere = World::new(&["Zoe"], 42);
    let (link, zoe) = (elsewhere.link(0), elsewhere.key(0));
    world.act(dialer, Action::AddContact { link });
    world.act(shy, Action::SetOpenToCalls(OpenToCalls::Nobody));
    for node in &mut world.nodes {
        node.sent.clear();
    }
    for step in 0..120 {
        if step % 7 == 0 {
            world.act(dialer, Action::Call(zoe));
            world.look(chatty, Some(if step % 2 == 0 { partner } else { other }));
        }
        if step % 50 == 49 {
            world.act(dialer, Action::CancelCall(zoe));
        }
        if step % 4 == 0 {
            world.say(chatty, partner, &"long ".repeat(100));
            world.say(other, chatty, "short");
        }
        match step {
            10 => world.remove(other, chatty),
            15 => {
                world.add(other, chatty);
                world.call(other, chatty);
            }
            30 => world.block(partner, shy),
            40 => world.ring(chatty, partner),
            60 => world.unblock(partner, shy),
            _ => {}
        }
        if world.rings(chatty, other) {
            world.accept(chatty, other);
        }
        world.round(if step % 3 == 2 {
            world.next_dialing()
        } else {
            Program::Conversation
        });
        let expected = world.nodes[idle].sent.clone();
        assert_eq!(expected.len(), 3);
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
    world.pair(cut, partner);
    world.look(partner, Some(cut));
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
            world.next_dialing()
        } else {
            Program::Conversation
        });
        assert_eq!(
            world.nodes[partner].sent, world.nodes[idle].sent,
            "step {step}"
        );
    }
}

/// Rows of a conversation round are uploaded once, and about a hundred bytes more; of a dialing
/// round twice the head.
#[test]
fn a_round_costs_one_row_set_and_little_more() {
    let mut world = World::new(&["Ada"], 45);
    let shape = world.servers.deployment.shape();
    for program in [Program::Conversation, Program::Contacts, Program::Open] {
        world.nodes[0].sent.clear();
        world.round(program);
        let bytes: usize = world.nodes[0].sent.iter().map(|(_, len)| len).sum();
        let rows = shape.submission_bytes(program);
        println!("{program}: {bytes} bytes up, {rows} of rows");
        assert!(bytes <= rows + shape.heads_bytes(program) + 3 * (11 + 16) + 80);
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
