//! The rule of silence: nothing that a delivered dial causes leaves the client, or stops leaving
//! it, before its person accepts. The same world is run twice, with dials and without, and all
//! that the victim sends is the same to the byte.

use mcmix_shared::{
    client::{Action, OpenToCalls},
    party::PartyId,
    program::Program,
};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    each_seed,
    node::Disk,
    servers::{Lie, StrayDial},
    world::World,
};

const VICTIM: usize = 0;
const PARTNER: usize = 1;
const FRIEND: usize = 2;
const STRANGER: usize = 3;
const CALLEE: usize = 4;

/// Whether dials reach the victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dials {
    No,
    Yes,
    /// And one is accepted, which must show: else the test shows nothing.
    Accepted,
}

/// All that the victim sent, round by round.
type Sent = Vec<(u64, Vec<(usize, usize)>)>;

fn run(seed: u64, dials: Dials) -> Sent {
    let names = ["Vic", "Pat", "Fay", "Sam", "Cal"];
    let mut world = World::new(&names, 10_000 + seed);
    world.pair(PARTNER, VICTIM);
    world.pair(VICTIM, FRIEND);
    world.conversations(30);
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut draw = |below: u64| rng.next_u64() % below;
    if draw(3) == 0 {
        let open = if draw(2) == 0 {
            OpenToCalls::Contacts
        } else {
            OpenToCalls::Nobody
        };
        world.act(VICTIM, Action::SetOpenToCalls(open));
    }
    let mut sent = Vec::new();
    for step in 0..70 {
        // What the victim does, and what happens to it, in both runs.
        match draw(24) {
            0 => world.look(VICTIM, Some(PARTNER)),
            1 => world.look(VICTIM, None),
            2 => world.say(VICTIM, PARTNER, &"text ".repeat(1 + step % 100)),
            3 => world.say(PARTNER, VICTIM, "hello"),
            4 => world.say(FRIEND, VICTIM, "hello"),
            5 => world.say(VICTIM, FRIEND, "hello"),
            6 => {
                world.add(VICTIM, CALLEE);
                world.call(VICTIM, CALLEE);
            }
            7 => world.cancel(VICTIM, CALLEE),
            8 => world.reload(VICTIM),
            9 => world.nodes[VICTIM].disk = Disk::Hangs,
            10 => {
                world.nodes[VICTIM].disk = Disk::Works;
                world.pump();
            }
            11 => world.cut(VICTIM, PartyId::P1),
            12 => world.ring(VICTIM, PARTNER),
            13 => {
                let link = world.link(CALLEE);
                world.act(VICTIM, Action::AddContact { link });
            }
            14 => world.lie_to(VICTIM, PartyId::P2, Lie::SaysMissed),
            15 => world.stop_lying(),
            16 => world.block(VICTIM, CALLEE),
            17 => world.unblock(VICTIM, CALLEE),
            18 => world.pass(8 * 86_400_000),
            _ => {}
        }
        let (others, kind) = (draw(12), draw(4));
        if dials != Dials::No {
            dial(&mut world, others, kind);
        }
        if dials == Dials::Accepted && world.rings(VICTIM, STRANGER) {
            world.accept(VICTIM, STRANGER);
        }
        world.round(match step % 3 {
            2 => world.next_dialing(),
            _ => Program::Conversation,
        });
        let victim = &mut world.nodes[VICTIM];
        sent.push((victim.transcript, core::mem::take(&mut victim.sent)));
    }
    sent
}

/// What others do towards the victim, and how it takes that without accepting.
fn dial(world: &mut World, what: u64, kind: u64) {
    let key = world.key(VICTIM);
    match what {
        0 => {
            world.add(STRANGER, VICTIM);
            world.call(STRANGER, VICTIM);
        }
        1 => world.cancel(STRANGER, VICTIM),
        2 => world.call(FRIEND, VICTIM),
        3 => world.cancel(FRIEND, VICTIM),
        4 => world.ring(FRIEND, VICTIM),
        5 => {
            // Garbage, also with the right pass.
            let id = key.id(&world.servers.deployment.realm().deployment);
            let pass = (kind == 0).then_some([7; 16]);
            let message = [u8::try_from(kind).unwrap(); 200];
            world.servers.strays = vec![StrayDial { id, pass, message }];
        }
        6 => world.servers.strays.clear(),
        7 => world.decline(VICTIM, STRANGER),
        8 => world.decline(VICTIM, FRIEND),
        9 => {
            let friend = world.key(FRIEND);
            world.act(VICTIM, Action::MarkRead(friend));
        }
        // Blocking a stranger is silent, too.
        10 if kind == 0
            && world.rings(VICTIM, STRANGER)
            && world.find(VICTIM, STRANGER).is_none() =>
        {
            world.block(VICTIM, STRANGER);
        }
        _ => {}
    }
}

#[test]
fn dials_that_nobody_accepts_change_nothing_that_is_sent() {
    let shows = each_seed(6, 1000, |seed| {
        let without = run(seed, Dials::No);
        let with = run(seed, Dials::Yes);
        for (step, (a, b)) in without.iter().zip(&with).enumerate() {
            assert_eq!(a, b, "seed {seed}, step {step}");
        }
        seed < 6 && run(seed, Dials::Accepted) != without
    });
    assert!(shows.contains(&true), "an accepted call would be found");
}
