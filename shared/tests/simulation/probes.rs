//! What people see who try to learn what somebody does: the same, whatever it is.
//!
//! Each victim lives in two worlds. It does the same towards the probers and differs in all else.
//! What the probers' clients receive, and when, must be equal from round to round; in what order
//! rows stand, which one of them learns from a lying server, must be equally distributed.

use std::collections::BTreeMap;

use mcmix_shared::{
    client::{Action, ContactState, SendStatus},
    party::PartyId,
    program::Program,
};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{
    each_seed,
    servers::NodeId,
    stats::Comparison,
    world::{Setup, World},
};

const VICTIM: NodeId = 0;
/// A contact of the victim, accepted before, with a lying server.
const CONTACT: NodeId = 1;
/// Somebody with an invite link.
const STRANGER: NodeId = 2;
/// Those who make the difference between the worlds.
const OTHERS: core::ops::Range<NodeId> = 3..20;
/// Rounds in which the probers look.
const ROUNDS: usize = 60;
/// A client is back at a server that was there the last time.
const LONGEST_WAIT_MS: u64 = 1000;

/// What the victim does besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Nothing.
    Idle,
    /// Calls somebody who does not answer.
    Calls,
    /// Calls somebody who answers, and writes to them.
    CallsAndTalks,
    /// Answers somebody's call.
    Answers,
    /// Writes with one other contact.
    TalksToOne,
    /// Writes with five other contacts.
    TalksToFive,
    /// Has sixteen other contacts online.
    HasSixteen,
    /// Is called by strangers and contacts.
    IsCalled,
    /// Blocks somebody, removes somebody else.
    Blocks,
    /// Rings a contact.
    Rings,
    /// Talks with somebody whose wire the probers cut.
    TalksToTheCut,
}

impl Life {
    const ALL: [Self; 11] = [
        Self::Idle,
        Self::Calls,
        Self::CallsAndTalks,
        Self::Answers,
        Self::TalksToOne,
        Self::TalksToFive,
        Self::HasSixteen,
        Self::IsCalled,
        Self::Blocks,
        Self::Rings,
        Self::TalksToTheCut,
    ];

    const fn contacts(self) -> usize {
        match self {
            Self::Idle | Self::Calls | Self::CallsAndTalks | Self::Answers => 0,
            Self::TalksToOne | Self::IsCalled | Self::Rings | Self::TalksToTheCut => 1,
            Self::Blocks => 2,
            Self::TalksToFive => 5,
            Self::HasSixteen => 16,
        }
    }
}

/// How the victim treats the accepted prober, in both worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Has the conversation open.
    Looks,
    /// Does not.
    LooksAway,
}

/// What the probers saw.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sight {
    /// In each round: whether the contact's row met the victim's, and what showed on the
    /// probers' screens.
    rounds: Vec<(bool, String)>,
    /// Which row of the victim's it was.
    positions: Vec<usize>,
    /// Turns, modulo those of the quick slot, in which a row met.
    phases: Vec<u64>,
}

/// Lets somebody call the victim, who accepts, and returns how many rounds it took until they
/// were a pair.
fn befriend(world: &mut World, other: NodeId) -> usize {
    // A call begins once it is known where rounds are.
    world.converse();
    world.add(other, VICTIM);
    world.call(other, VICTIM);
    world.round(Program::Open);
    assert!(world.rings(VICTIM, other));
    world.accept(VICTIM, other);
    let mut rounds = 0;
    while !world.are_paired(VICTIM, other) {
        world.converse();
        rounds += 1;
        assert!(rounds < 200);
    }
    rest(world);
    rounds
}

/// The same rounds as with [`befriend`], in a world without that person.
fn befriend_nobody(world: &mut World, rounds: usize) {
    world.converse();
    world.round(Program::Open);
    world.conversations(rounds);
    rest(world);
}

/// Until the answer's task slot is free again, nobody is online.
fn rest(world: &mut World) {
    world.servers.skip(30, 0);
    world.pass(20_000);
    world.converse();
}

/// How the victim came by its other contacts: rounds until each was one.
type Past = Vec<usize>;

/// Returns what the probers see of a life, and the past that led to it. An idle life has another
/// one's past, so that the victim and the prober had the same rounds in both worlds.
fn look(seed: u64, life: Life, past: &Past, planted: Option<Life>) -> (Sight, Past) {
    let names: Vec<_> = (0..OTHERS.end).map(|i| format!("N{i}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let setup = Setup {
        quick_rounds: 32,
        ..Setup::new(50_000 + seed)
    };
    let mut world = World::sleeping(&names, setup);
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    for node in [VICTIM, CONTACT, STRANGER] {
        world.start(node);
    }
    befriend(&mut world, CONTACT);
    let others: Vec<_> = OTHERS.take(life.contacts()).collect();
    let own_past = others.iter().map(|other| {
        world.start(*other);
        befriend(&mut world, *other)
    });
    let own_past: Past = own_past.collect();
    for rounds in past {
        befriend_nobody(&mut world, *rounds);
    }
    // The same number of rounds in both worlds, and slots are free.
    let turn = world.servers.turn().0;
    let round = world.servers.newest().0;
    world.servers.skip(2000 - turn, 2000 - (round - turn));
    world.pass(4_000_000 - (world.now.0 - 1_000_000));
    let manner = if rng.next_u32() & 1 == 0 {
        Manner::Looks
    } else {
        Manner::LooksAway
    };
    if manner == Manner::Looks {
        world.look(VICTIM, Some(CONTACT));
        world.look(CONTACT, Some(VICTIM));
    }
    world.add(STRANGER, VICTIM);
    world.tap();
    let mut sight = Sight::default();
    let mut was_cut = false;
    for step in 0..ROUNDS {
        // What the victim does towards the probers, and they towards it: the same.
        let dice = rng.next_u32() % 16;
        // Not twice running: after a second failure a client waits longer.
        was_cut = dice == 5 && !was_cut;
        match dice {
            0 => world.say(VICTIM, CONTACT, "to the prober"),
            1 => world.say(CONTACT, VICTIM, "from the prober"),
            2 => world.call(STRANGER, VICTIM),
            3 => world.cancel(STRANGER, VICTIM),
            4 => world.ring(CONTACT, VICTIM),
            5 if was_cut => world.cut(VICTIM, PartyId::P2),
            _ => {}
        }
        if planted.is_some() && step == 20 {
            world.look(VICTIM, None);
        }
        live(&mut world, step, life, &others);
        let program = match step % 3 {
            2 => world.next_dialing(),
            _ => Program::Conversation,
        };
        world.round(program);
        if was_cut {
            // How long a client waits before it comes back is drawn, of no matter what: one round
            // is missed in both worlds, and the next is not.
            world.pass(LONGEST_WAIT_MS);
        }
        note(&world, &mut sight);
    }
    (sight, own_past)
}

/// What the victim does besides.
fn live(world: &mut World, step: usize, life: Life, others: &[NodeId]) {
    let free = OTHERS.start + others.len();
    match (life, step) {
        (Life::Calls | Life::CallsAndTalks, 3) => {
            world.start(free);
            world.add(VICTIM, free);
            world.call(VICTIM, free);
        }
        (Life::CallsAndTalks, _) if world.rings(free, VICTIM) => {
            world.accept(free, VICTIM);
            world.say(VICTIM, free, "so you are there");
        }
        (Life::Answers | Life::IsCalled, 3) => {
            world.start(free);
            world.add(free, VICTIM);
            world.call(free, VICTIM);
        }
        (Life::IsCalled, 10) => world.call(others[0], VICTIM),
        (Life::IsCalled, 30) => world.ring(others[0], VICTIM),
        (Life::Answers, _) if world.rings(VICTIM, free) => world.accept(VICTIM, free),
        (Life::TalksToOne | Life::TalksToFive | Life::HasSixteen, _) if step % 4 == 1 => {
            for other in others.iter().take(5) {
                world.say(VICTIM, *other, "to somebody else");
                world.say(*other, VICTIM, "from somebody else");
            }
        }
        (Life::Blocks, 5) => world.block(VICTIM, others[0]),
        (Life::Blocks, 9) => world.remove(VICTIM, others[1]),
        (Life::Rings, 7) => world.ring(VICTIM, others[0]),
        (Life::TalksToTheCut, 4) => world.say(VICTIM, others[0], &"long ".repeat(200)),
        (Life::TalksToTheCut, 10) => world.unplug(others[0]),
        (Life::TalksToTheCut, 40) => world.plug(others[0]),
        _ => {}
    }
}

/// Notes what the probers see of a round.
fn note(world: &World, sight: &mut Sight) {
    let tap = world.taps().last().unwrap();
    let meets = |node: NodeId| {
        let met = tap.met.iter();
        let met = met.filter(move |((from, _), (to, _))| *from == node && *to == VICTIM);
        met.map(|(_, (_, slot))| *slot).collect::<Vec<_>>()
    };
    let contact = meets(CONTACT);
    assert!(contact.len() <= 1, "never two rows of one pair");
    assert!(meets(STRANGER).is_empty());
    sight.positions.extend(&contact);
    if !contact.is_empty() {
        sight.phases.push(world.servers.turn().0 % 32);
    }
    let screen = |node: NodeId| {
        world.find(node, VICTIM).map(|contact| {
            let texts: Vec<_> = contact.messages.iter().map(|it| it.text.clone()).collect();
            let statuses: Vec<SendStatus> = world.statuses(node, VICTIM);
            let state: ContactState = contact.state;
            format!("{state:?} {statuses:?} {texts:?} {:?}", contact.rang)
        })
    };
    let dialled: BTreeMap<_, _> = tap
        .dialled
        .iter()
        .filter(|(node, _)| [CONTACT, STRANGER].contains(*node))
        .collect();
    let shown = format!("{:?} {:?} {dialled:?}", screen(CONTACT), screen(STRANGER));
    sight.rounds.push((!contact.is_empty(), shown));
}

/// Notes what is random, one answer of a run to each question.
fn ask(comparison: &mut Comparison, world: usize, sight: &Sight) {
    let met = sight.rounds.iter().filter(|(met, _)| *met).count();
    comparison.note(world, "rounds met", met as u64);
    let first = sight.rounds.iter().position(|(met, _)| *met);
    comparison.note(world, "first meeting", first.map_or(99, |step| step as u64));
    if let Some(phase) = sight.phases.first() {
        comparison.note(world, "phase of the first meeting", *phase);
    }
    for (question, at) in [
        ("row of the first meeting", 0),
        ("row of the second meeting", 1),
        ("row of the eighth meeting", 7),
        ("row of the twentieth meeting", 19),
    ] {
        if let Some(position) = sight.positions.get(at) {
            comparison.note(world, question, *position as u64);
        }
    }
    let same = sight.positions.windows(2).filter(|it| it[0] == it[1]);
    comparison.note(world, "rows that stay in place", same.count() as u64);
}

#[test]
fn probers_see_the_same_whatever_else_somebody_does() {
    let sights = each_seed(11, 5000, |seed| {
        let life = Life::ALL[usize::try_from(seed).unwrap() % Life::ALL.len()];
        let (busy, past) = look(seed, life, &Past::new(), None);
        let (idle, _) = look(seed, Life::Idle, &past, None);
        for (step, (a, b)) in idle.rounds.iter().zip(&busy.rounds).enumerate() {
            assert_eq!(a, b, "{life:?}, seed {seed}, step {step}");
        }
        [idle, busy]
    });
    let mut rows = Comparison::default();
    for (seed, worlds) in sights.iter().enumerate() {
        // Worlds of one seed share their randomness: each gives one side of the comparison.
        let world = seed % 2;
        ask(&mut rows, world, &worlds[world]);
    }
    assert_eq!(rows.leaks(), Vec::<String>::new());
}

/// Were the victim to look away from the prober's conversation because of somebody else, it
/// would show.
#[test]
fn a_planted_leak_is_found() {
    let mut found = 0;
    for seed in 0..6 {
        let (honest, _) = look(seed, Life::Idle, &Past::new(), None);
        let (planted, _) = look(seed, Life::Idle, &Past::new(), Some(Life::TalksToOne));
        found += usize::from(honest.rounds != planted.rounds);
    }
    assert!(found > 0);
}

/// In which rounds a row of one node met one of the other's.
fn meetings(world: &World, one: NodeId, other: NodeId) -> Vec<bool> {
    let meets = |((node, _), (with, _)): (&(NodeId, usize), &(NodeId, usize))| {
        (*node, *with) == (one, other)
    };
    let taps = world.taps().iter();
    taps.map(|tap| tap.met.iter().any(meets)).collect()
}

/// With nobody on the screen, and one place for all: in which rounds a contact's rows meet does
/// not depend on another contact, to whom much is written, or who is blocked.
#[test]
fn a_contact_sees_nothing_of_another() {
    let (ada, contacts) = (0, [1, 2]);
    for [probe, other] in [contacts, [2, 1]] {
        let seen = [0, 1, 2].map(|what| {
            let setup = Setup {
                quick_rounds: 2,
                ..Setup::new(61_000)
            };
            let mut world = World::with(&["Ada", "Bob", "Cy"], setup);
            for contact in contacts {
                world.pair(ada, contact);
                rest(&mut world);
            }
            world.say(ada, probe, &"to the prober ".repeat(200));
            match what {
                1 => world.say(ada, other, &"to another ".repeat(200)),
                2 => world.block(ada, other),
                _ => {}
            }
            world.tap();
            world.conversations(40);
            meetings(&world, probe, ada)
        });
        assert!(seen[0].contains(&true) && seen[0].contains(&false));
        assert!(seen.iter().all(|other| *other == seen[0]), "{seen:?}");
    }
}

/// Whom somebody calls sees as much of the task row whether an answer to a third person has its
/// share of it or not.
#[test]
fn who_is_called_sees_nothing_of_an_answer() {
    let (ada, bob, cy) = (0, 1, 2);
    let seen = [false, true].map(|answers| {
        let mut world = World::new(&["Ada", "Bob", "Cy"], 62_000);
        world.converse();
        world.add(cy, ada);
        world.call(cy, ada);
        world.round(Program::Open);
        world.add(ada, bob);
        world.call(ada, bob);
        world.round(Program::Contacts);
        world.round(Program::Open);
        assert!(world.rings(ada, cy) && world.rings(bob, ada));
        if answers {
            world.accept(ada, cy);
        }
        world.accept(bob, ada);
        world.tap();
        world.conversations(20);
        meetings(&world, bob, ada)
    });
    assert!(seen[0].contains(&true) && seen[0].contains(&false));
    assert_eq!(seen[0], seen[1]);
}

/// A row's place says nothing of what it carries: of a pair in the front slot, in the quick slot,
/// and of a call's answer, each stands in each place equally often.
#[test]
fn rows_stand_in_a_new_order_in_each_round() {
    let mut counts = [[0_u64; 3]; 2];
    for seed in 0..6 {
        let mut world = World::new(&["Ada", "Bob"], 60_000 + seed);
        world.pair(0, 1);
        world.settle();
        world.look(0, Some(1));
        world.look(1, Some(0));
        world.conversations(8);
        world.tap();
        for _ in 0..100 {
            world.act(0, Action::Touch);
            world.act(1, Action::Touch);
            world.converse();
        }
        for tap in world.taps() {
            for (node, slot) in tap.met.keys() {
                counts[*node][*slot] += 1;
            }
        }
    }
    for counts in counts {
        let total: u64 = counts.iter().sum();
        assert_eq!(total, 600);
        // A binomial of 600 and 1/3: mean 200, deviation 11.5; 1e-9 is at 6.1 of those.
        assert!(
            counts.iter().all(|count| (129..=271).contains(count)),
            "{counts:?}"
        );
    }
}
