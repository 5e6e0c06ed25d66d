//! A whole run, frozen byte for byte: from first contact to delivered texts.
//!
//! Links, frames, shares, calls, row keys and packets all show in what the clients send, so a
//! change of any of them changes these numbers, and a Wasm build that differed from a native one
//! would not reach them (examples/frozen.rs runs this file in both).

use crate::world::World;

const ADA: u64 = 0xde19_9034_d02c_a5b5;
const BOB: u64 = 0x04b7_f567_63bd_66e5;

/// Runs two clients from seeds; panics where they send anything else than what is frozen.
pub(crate) fn check() {
    let mut world = World::new(&["Ada", "Bob"], 51);
    world.pair(0, 1);
    world.say(0, 1, "frozen");
    world.say(1, 0, &"ледяной ".repeat(60));
    world.until("delivered", |w| {
        w.all_delivered(0, 1) && w.all_delivered(1, 0)
    });
    world.reload(0);
    world.say(0, 1, "after a reload");
    world.until("delivered", |w| w.all_delivered(0, 1));
    // Long enough for a ratchet to complete in the quick slot.
    world.cycles(100);
    world.say(1, 0, "after a ratchet");
    world.until("delivered", |w| w.all_delivered(1, 0));
    let transcripts = [0, 1].map(|node| world.nodes[node].transcript);
    assert_eq!(transcripts, [ADA, BOB], "got {transcripts:#018x?}");
}

#[test]
fn what_two_clients_send_is_frozen() {
    check();
}
