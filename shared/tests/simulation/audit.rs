//! Leaks that an audit measured in version 1 of the protocol, each as a test. What the caller
//! learnt there from a match or none, it learns from nothing now: a dial is never answered but by
//! a person.

use mcmix_shared::{
    client::{Action, ContactState, OpenToCalls},
    program::Program,
};

use crate::{servers::NodeId, world::World};

const VICTIM: NodeId = 0;
const PROBER: NodeId = 1;
const OTHER: NodeId = 2;

/// What a prober's client has to show of a victim after it called once, in each round.
fn probe(world: &mut World, rounds: usize) -> Vec<String> {
    world.add(PROBER, VICTIM);
    world.call(PROBER, VICTIM);
    world.tap();
    let mut seen = Vec::new();
    for step in 0..rounds {
        world.round(match step % 3 {
            1 => world.next_dialing(),
            _ => Program::Conversation,
        });
        let tap = world.taps().last().unwrap();
        let met = tap.met.keys().any(|(node, _)| *node == PROBER);
        let dialled = tap.dialled.contains_key(&PROBER);
        let state: ContactState = world.state(PROBER, VICTIM);
        seen.push(format!("{met} {dialled} {state:?}"));
    }
    seen
}

/// Version 1: open to nobody and not calling, 0 of 100 probes matched; calling, 48.
#[test]
fn who_is_open_to_nobody_and_calls_looks_like_who_does_not() {
    for seed in 0..10 {
        let seen = [false, true].map(|calls| {
            let mut world = World::new(&["Vic", "Pro", "Oth"], 3000 + seed);
            world.act(VICTIM, Action::SetOpenToCalls(OpenToCalls::Nobody));
            if calls {
                world.add(VICTIM, OTHER);
                world.call(VICTIM, OTHER);
            }
            probe(&mut world, 30)
        });
        assert_eq!(seen[0], seen[1], "seed {seed}");
    }
}

/// Version 1: open to contacts, 100 probes of a contact fell to 44.
#[test]
fn who_is_open_to_contacts_and_calls_looks_the_same_to_a_contact() {
    for seed in 0..10 {
        let seen = [false, true].map(|calls| {
            let mut world = World::new(&["Vic", "Pro", "Oth"], 3100 + seed);
            world.act(VICTIM, Action::SetOpenToCalls(OpenToCalls::Contacts));
            world.add(VICTIM, PROBER);
            if calls {
                world.add(VICTIM, OTHER);
                world.call(VICTIM, OTHER);
            }
            probe(&mut world, 30)
        });
        assert_eq!(seen[0], seen[1], "seed {seed}");
    }
}

/// Version 1: with one slot, cutting the partner's wire for 14 rounds made the victim match 5 of 5
/// probes; cutting another's 0 of 5.
#[test]
fn cutting_a_partners_wire_shows_no_prober_whose_partner_it_was() {
    for seed in 0..5 {
        let seen = [0, 1].map(|cut| {
            let mut world = World::new(&["Vic", "Pro", "Ann", "Ben"], 3200 + seed);
            world.pair(VICTIM, OTHER);
            world.look(VICTIM, Some(OTHER));
            world.look(OTHER, Some(VICTIM));
            world.conversations(8);
            world.unplug(OTHER + cut);
            probe(&mut world, 42)
        });
        assert_eq!(seen[0], seen[1], "seed {seed}");
    }
}

/// Version 1: two strangers who said nothing took two of three slots for 30 rounds, unseen, and
/// could do so again. Now a friend who calls meanwhile is answered in the very same round.
#[test]
fn silent_strangers_take_no_slots() {
    for seed in 0..5 {
        let rounds = [false, true].map(|strangers| {
            let mut world = World::new(&["Vic", "Fay", "Sam", "Sue"], 3300 + seed);
            if strangers {
                for stranger in [2, 3] {
                    world.add(stranger, VICTIM);
                    world.call(stranger, VICTIM);
                }
            }
            world.cycles(30);
            world.add(1, VICTIM);
            world.call(1, VICTIM);
            while !world.rings(VICTIM, 1) {
                // Two strangers dial, too: in *open* their calls may come first.
                world.round(Program::Open);
            }
            world.accept(VICTIM, 1);
            let turn = world.servers.turn().0;
            world.until("they are a pair", |world| world.are_paired(VICTIM, 1));
            world.servers.turn().0 - turn
        });
        assert!(rounds[0].abs_diff(rounds[1]) <= 24, "{rounds:?}");
    }
}

/// The prober's own client is all that it has: what it stores and shows is the same to the byte.
#[test]
fn all_that_a_prober_stores_is_the_same() {
    for open in [OpenToCalls::Everyone, OpenToCalls::Nobody] {
        let stored = [false, true].map(|busy| {
            let mut world = World::new(&["Vic", "Pro", "Oth"], 3400);
            world.act(VICTIM, Action::SetOpenToCalls(open));
            if busy {
                world.add(VICTIM, OTHER);
                world.call(VICTIM, OTHER);
                world.block(VICTIM, PROBER);
            }
            world.add(PROBER, VICTIM);
            world.call(PROBER, VICTIM);
            world.cycles(60);
            (
                world.nodes[PROBER].stored.clone(),
                world.nodes[PROBER].transcript,
            )
        });
        assert!(stored[0] == stored[1]);
    }
}
