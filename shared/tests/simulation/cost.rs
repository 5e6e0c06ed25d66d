//! What a whole round costs a client in each state, to be counted: `./mcmix cost` does, and
//! `docs/protocol.md` §8.9 has the figures.
//!
//! Counted is what a node does while it [`is_measured`](crate::node::Node::is_measured), and
//! reported at each [`counted`].

use core::hint::black_box;

use mcmix_shared::{client::Action, program::Program};

use crate::world::World;

const CLIENT: usize = 0;
const FRIEND: usize = 1;
const STRANGER: usize = 2;
const OTHER: usize = 3;

/// What was counted up to here belongs together.
#[inline(never)]
fn counted(what: &str) {
    println!("counted: {}", black_box(what));
}

/// Brings the client into a state.
type Enter = fn(&mut World);

/// States of a client, each made from a pair that is settled, with a stranger about. All come to
/// two sessions: erasing old keys, after the rows left, costs the same for each.
const STATES: [(&str, Enter); 10] = [
    ("idle", |_| ()),
    ("calls a stranger", |world| world.call(CLIENT, STRANGER)),
    ("rings a contact", |world| world.ring(CLIENT, FRIEND)),
    ("is called", |world| world.call(STRANGER, CLIENT)),
    ("answers", |world| {
        world.call(STRANGER, CLIENT);
        world.until("it rings", |world| world.rings(CLIENT, STRANGER));
        world.accept(CLIENT, STRANGER);
    }),
    ("calls and answers", |world| {
        world.call(STRANGER, CLIENT);
        world.until("it rings", |world| world.rings(CLIENT, STRANGER));
        world.accept(CLIENT, STRANGER);
        world.call(CLIENT, FRIEND);
    }),
    ("writes", |world| {
        world.say(CLIENT, FRIEND, &"a long text ".repeat(100));
        world.say(FRIEND, CLIENT, &"and one back ".repeat(100));
    }),
    ("has the conversation open", |world| {
        world.look(CLIENT, Some(FRIEND));
        world.look(FRIEND, Some(CLIENT));
        world.conversations(6);
        world.say(CLIENT, FRIEND, &"a long text ".repeat(100));
        world.say(FRIEND, CLIENT, &"and one back ".repeat(100));
    }),
    ("has its friend cut off", |world| {
        world.look(CLIENT, Some(FRIEND));
        world.conversations(6);
        world.unplug(FRIEND);
        world.say(CLIENT, FRIEND, "a text");
    }),
    ("has blocked", |world| world.block(CLIENT, FRIEND)),
];

#[test]
#[ignore = "counted under callgrind"]
fn rounds() {
    for (state, enter) in STATES {
        let mut world = World::new(&["Client", "Friend", "Stranger", "Other"], 77);
        world.pair(CLIENT, FRIEND);
        if !state.contains("answers") {
            world.pair(CLIENT, OTHER);
        }
        world.add(CLIENT, STRANGER);
        world.add(STRANGER, CLIENT);
        world.conversations(30);
        enter(&mut world);
        // Erasing depends on the number of the round. The trees of a session that is just made are
        // cut once, after its rows left.
        let (round, turn) = (world.servers.newest().0, world.servers.turn().0);
        world.servers.skip(1000 - turn, 1000 - (round - turn));
        world.converse();
        for turn in 0..8 {
            let what = format!("conversation of turn {turn}");
            count(&mut world, Program::Conversation, &what, state);
        }
        for program in [Program::Contacts, Program::Open] {
            count(&mut world, program, &program.to_string(), state);
        }
    }
}

fn count(world: &mut World, program: Program, what: &str, state: &str) {
    world.act(CLIENT, Action::Touch);
    world.nodes[CLIENT].is_measured = true;
    world.open(program);
    counted(&format!("{what}, to send|{state}"));
    let round = world.close();
    world.compute(round, &[]);
    counted(&format!("{what}, to read|{state}"));
    world.nodes[CLIENT].is_measured = false;
}
