//! What a device that was read opens, and what it does not: the implementation says it
//! ([`Session::opens`]), a thief who then only watches tries it on every row that ever left, and
//! the two must agree. Then each promise of docs/protocol.md §8.7 by itself, and all of them
//! with either half of the hybrid broken.

use std::collections::BTreeMap;

use super::{
    super::{
        Lane, RatchetKind, Session,
        generation::Generation,
        pieces::{Cut, Incoming},
        ratchet::{ANSWER_BYTES, Asked, OFFER_BYTES, Step},
        role,
        row_cipher::{RowContext, open_row},
    },
    REALM, Reach, Row, keys,
    world::{CALM, Fate, Part, Reply, World, read},
};
use crate::{kdf::Secret, program::RoundId};

/// Which half of the hybrid the thief can break at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Neither,
    X25519,
    MlKem,
    Both,
}

/// Somebody who read what a device stores at some time and sees all rows, before and after.
struct Thief {
    own: crate::identity::ClientKey,
    peer: crate::identity::ClientKey,
    /// What it has of each generation.
    has: BTreeMap<u32, Vec<Generation>>,
    asked: Option<Asked>,
    broken: Broken,
    offers: Vec<(u32, Asked)>,
    answers: BTreeMap<u32, Incoming>,
}

impl Thief {
    fn new(device: &Session, broken: Broken, world: &World) -> Self {
        let state = device.to_record();
        let mut has: BTreeMap<u32, Vec<Generation>> = BTreeMap::new();
        for generation in [Some(state.current), state.next.map(|next| next.generation)] {
            let generation = generation.into_iter();
            generation.for_each(|live| has.entry(live.number).or_default().push(live));
        }
        let (own, peer) = (device.own, device.peer);
        let asked = device.state.asked.clone();
        let mut answers = BTreeMap::new();
        if asked.is_some() {
            // The pieces of an answer that the device has already.
            answers.insert(
                device.state.current.number + 1,
                device.state.incoming.clone(),
            );
        }
        Self {
            own,
            peer,
            has,
            asked,
            broken,
            offers: world.offers.clone(),
            answers,
        }
    }

    /// Tries all that it has on a row.
    fn read(&mut self, row: &Row) -> Reach {
        let mut reach = Reach {
            packet: false,
            tag: false,
        };
        let mut opened = None;
        for generation in self.has.values_mut().flatten() {
            reach.tag |= generation
                .tags
                .tag(row.round, row.lane)
                .is_some_and(|tag| tag.0 == row.tag);
            let receiver = if row.sender == self.own {
                self.peer
            } else {
                self.own
            };
            let context = RowContext {
                realm: &REALM,
                round: row.round,
                lane: row.lane,
                sender: &row.sender,
                receiver: &receiver,
            };
            let key = if row.sender == self.own {
                generation.clone().take_sending_key(row.round, row.lane)
            } else {
                generation.receiving_key(row.round, row.lane)
            };
            let packet = key.and_then(|key| open_row(&key, &context, &row.message));
            opened = opened.or(packet);
        }
        if let Some(packet) = opened {
            reach.packet = true;
            self.learn(&packet);
        }
        reach
    }

    /// Collects answers, and steps to the next generation where it can.
    fn learn(&mut self, packet: &[u8]) {
        let Some(piece) = read(packet) else { return };
        if piece.kind != RatchetKind::Answer {
            return;
        }
        let cut = Cut {
            left: piece.left,
            bytes: &piece.bytes,
        };
        let piece_bytes = if piece.bytes.len() == 200 || piece.bytes.len() == 140 {
            200
        } else {
            104
        };
        let incoming = self.answers.entry(piece.generation).or_default();
        if let Some(answer) = incoming.take(&cut, ANSWER_BYTES, piece_bytes) {
            self.step(piece.generation, &answer);
        }
    }

    fn step(&mut self, generation: u32, answer: &[u8]) {
        let Some(roots) = self.has.get(&(generation - 1)) else {
            return;
        };
        let roots: Vec<Secret> = roots.iter().map(|live| live.root.clone()).collect();
        let offers = self
            .offers
            .iter()
            .filter(|(number, _)| *number == generation);
        let mut known: Vec<Asked> = Vec::new();
        match self.broken {
            Broken::Neither => {}
            Broken::Both => known.extend(offers.map(|(_, asked)| asked.clone())),
            // The other half is a guess.
            Broken::X25519 => known.extend(offers.map(|(_, asked)| Asked {
                kem: [Secret::from_bytes([0; 32]), Secret::from_bytes([0; 32])],
                ..asked.clone()
            })),
            Broken::MlKem => known.extend(offers.map(|(_, asked)| Asked {
                x25519: Secret::from_bytes([0; 32]),
                ..asked.clone()
            })),
        }
        known.extend(self.asked.clone());
        for (root, asked) in roots
            .iter()
            .flat_map(|root| known.iter().map(move |asked| (root, asked)))
        {
            let step = Step { root, generation };
            if let Some(secret) = asked.finish(step, answer) {
                let own = role(&self.own, &self.peer);
                let next = Generation::expand(generation, secret, own, None);
                self.has.entry(generation).or_default().push(next);
            }
        }
    }
}

/// What the device of one side, read when `wire` was so long, says and what a thief finds.
struct Theft {
    device: Session,
    at: usize,
}

impl Theft {
    fn of(world: &World, side: usize) -> Self {
        let side = [&world.lower, &world.higher][side];
        Self {
            device: side.thief(),
            at: world.wire.len(),
        }
    }

    /// Whether each row opened, in the order in which they left. Rows that left before are tried
    /// last, too: nothing that is learnt later may open them.
    fn found(&self, world: &World, broken: Broken) -> Vec<Reach> {
        let mut thief = Thief::new(&self.device, broken, world);
        for row in &world.wire {
            thief.read(row);
        }
        world.wire.iter().map(|row| thief.read(row)).collect()
    }

    fn said(&self, world: &World) -> Vec<Reach> {
        world
            .wire
            .iter()
            .map(|row| self.device.opens(row))
            .collect()
    }
}

fn fates(world: &mut World, trouble: u32) -> [Fate; 2] {
    let mut fate = || Fate {
        part: match world.one_in(trouble) {
            true => Part::Absent,
            false if world.one_in(6) => Part::Front,
            false => Part::Quick,
        },
        reply: match world.one_in(trouble) {
            true => Reply::Lost,
            false if world.one_in(20) => Reply::Forgotten,
            false => Reply::Comes,
        },
    };
    [fate(), fate()]
}

/// The harness: ping-pong (no trouble), absences and losses; a device read in every twentieth
/// round on either side.
#[test]
fn what_the_implementation_says_is_what_really_opens() {
    for (seed, trouble) in (0..4).flat_map(|seed| [2, 4, u32::MAX].map(|trouble| (seed, trouble))) {
        let mut world = World::new(seed);
        world.piece_bytes = if seed % 2 == 0 { 200 } else { 104 };
        let mut thefts = Vec::new();
        for round in 0..100 {
            let [lower, higher] = fates(&mut world, trouble);
            world.run(lower, higher);
            if round % 20 == 13 {
                thefts.extend([0, 1].map(|side| Theft::of(&world, side)));
            }
        }
        // Whoever reads seeds has to wait for the answer.
        let goal = world.generation() + 1;
        world.calm_until(goal, 60);
        for theft in thefts {
            let (said, found) = (theft.said(&world), theft.found(&world, Broken::Neither));
            for ((row, said), found) in world.wire.iter().zip(said).zip(found) {
                assert_eq!(
                    said, found,
                    "seed {seed}, trouble {trouble}, read after {}: {:?} of generation {}",
                    theft.at, row.round, row.generation
                );
            }
        }
    }
}

/// Runs until the asker of generation `goal` has drawn its seeds, or `None` for before that.
fn run_to(world: &mut World, generation: u32, mut done: impl FnMut(&World) -> bool) {
    for _ in 0..200 {
        if world.generations() == [generation; 2] && done(world) {
            return;
        }
        world.calm_round();
    }
    panic!("never there");
}

fn opened_generations(theft: &Theft, world: &World, broken: Broken) -> Vec<u32> {
    let found = theft.found(world, broken);
    let rows = world.wire.iter().zip(&found);
    let mut numbers: Vec<u32> = rows
        .filter(|(_, reach)| reach.packet || reach.tag)
        .map(|(row, _)| row.generation)
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Where in a generation a device is read.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Before the next offer's seeds are drawn.
    BeforeTheOffer,
    /// After it, before an answer.
    Offered,
    /// The answer exists.
    Answered,
}

fn reached(world: &World, moment: Moment) -> bool {
    let asked = |side: &Session| side.state.asked.is_some();
    let answered = |side: &Session| side.state.next.is_some();
    let sides = [&world.lower.session, &world.higher.session];
    match moment {
        Moment::BeforeTheOffer => !sides.into_iter().any(asked),
        Moment::Offered => sides.into_iter().any(asked) && !sides.into_iter().any(answered),
        Moment::Answered => sides.into_iter().any(answered),
    }
}

/// Device read at t, by somebody who then only watches: everything until the first generation
/// whose offer was made after t, tags included.
///
/// The asker's device after its offer opens the generation that it leads to, the answerer's
/// after its answer; neither opens any other.
#[test]
fn a_device_read_opens_until_the_first_offer_after_it() {
    for seed in 0..3 {
        for (moment, asker_also, answerer_also) in [
            (Moment::BeforeTheOffer, false, false),
            (Moment::Offered, true, false),
            (Moment::Answered, true, true),
        ] {
            let mut world = World::new(seed);
            run_to(&mut world, 3, |world| reached(world, moment));
            // Generation 4 is even: the greater key asks for it.
            let (answerer, asker) = (Theft::of(&world, 0), Theft::of(&world, 1));
            world.calm_until(7, 200);
            for (theft, also) in [(asker, asker_also), (answerer, answerer_also)] {
                let expected = if also { vec![3, 4] } else { vec![3] };
                let opened = opened_generations(&theft, &world, Broken::Neither);
                assert_eq!(opened, expected, "seed {seed}, {moment:?}");
            }
        }
    }
}

/// The same with either half of the hybrid broken, at any time: nothing changes. With both
/// broken all later generations open, so the test could fail; none before does even then.
#[test]
fn either_half_of_the_hybrid_heals_alone() {
    for seed in 0..3 {
        for moment in [Moment::BeforeTheOffer, Moment::Offered, Moment::Answered] {
            let mut world = World::new(seed);
            run_to(&mut world, 3, |world| reached(world, moment));
            let thefts = [Theft::of(&world, 0), Theft::of(&world, 1)];
            world.calm_until(7, 200);
            for theft in thefts {
                let whole = opened_generations(&theft, &world, Broken::Neither);
                for half in [Broken::X25519, Broken::MlKem] {
                    assert_eq!(opened_generations(&theft, &world, half), whole, "{half:?}");
                }
                let both = opened_generations(&theft, &world, Broken::Both);
                assert_eq!(both, [3, 4, 5, 6, 7], "both halves");
            }
        }
    }
}

/// Without a device, breaking both halves opens nothing: offers and answers travel sealed, and
/// the old root is part of the next secret.
#[test]
fn breaking_both_halves_opens_nothing_without_a_device() {
    let mut world = World::new(1);
    let [lower, higher] = keys();
    let stranger = Session::new(
        &REALM,
        lower,
        higher,
        Secret::from_bytes([1; 32]),
        super::KeyTree::new(Secret::from_bytes([2; 32])),
    );
    let theft = Theft {
        device: stranger,
        at: 0,
    };
    world.calm_until(3, 200);
    assert!(opened_generations(&theft, &world, Broken::Both).is_empty());
}

/// From everything stored in the middle of a generation no row before opens that one sent, none
/// that one received but the last few whose keys are kept, and no tag but those.
#[test]
fn no_earlier_row_opens() {
    let mut world = World::new(1);
    world.pace = 1;
    world.calm_until(1, 40);
    for _ in 0..100 {
        world.calm_round();
    }
    let thefts = [Theft::of(&world, 0), Theft::of(&world, 1)];
    let now = world.round;
    for theft in thefts {
        for broken in [Broken::Neither, Broken::Both] {
            let found = theft.found(&world, broken);
            for (row, reach) in world.wire.iter().zip(found) {
                let kept = row.round.0 >= now - world.keep && row.generation == 1;
                let received = row.sender != theft.device.own;
                assert_eq!(reach.packet, kept && received, "{row:?}");
                assert_eq!(reach.tag, kept, "{row:?}");
            }
        }
    }
}

/// Nothing stored in a generation is its secret, or anything else from which its own past could
/// be derived: the root leads to the next generation alone.
#[test]
fn a_generations_secret_is_erased_when_expanded() {
    let [lower, higher] = keys();
    let secret = Secret::from_bytes([0xa7; 32]);
    let tags = super::KeyTree::new(Secret::from_bytes([2; 32]));
    let session = Session::new(&REALM, lower, higher, secret.clone(), tags);
    let bytes = postcard::to_allocvec(&session.to_record()).unwrap();
    let holds = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
    assert!(!holds(secret.as_bytes()));
    let state = &session.state;
    assert!(holds(state.current.root.as_bytes()));
    // Expanding the root as if it were the secret gives none of the generation's keys.
    let again = Generation::expand(0, state.current.root.clone(), role(&lower, &higher), None);
    let key = |generation: &Generation| {
        let key = generation.receiving_key(RoundId(5), Lane::Text);
        *key.unwrap().as_bytes()
    };
    assert_ne!(key(&again), key(&state.current));
}

/// The seeds of an offer are there while it is under way, and gone with the generation.
#[test]
fn seeds_and_old_generations_are_erased() {
    let mut world = World::new(1);
    run_to(&mut world, 0, |world| reached(world, Moment::Answered));
    let asked = world
        .lower
        .session
        .state
        .asked
        .clone()
        .expect("odd ones are the smaller key's");
    let old = world.lower.session.state.current.root.clone();
    let holds = |stored: &[u8], wanted: &Secret| {
        stored.windows(32).any(|window| window == wanted.as_bytes())
    };
    for secret in [&asked.x25519, &asked.kem[0], &asked.kem[1], &old] {
        assert!(holds(&world.lower.stored, secret));
    }
    world.calm_until(1, 60);
    for secret in [&asked.x25519, &asked.kem[0], &asked.kem[1], &old] {
        assert!(!holds(&world.lower.stored, secret));
        assert!(!holds(&world.higher.stored, secret));
    }
}

/// Both halves, the old root, the generation and both messages go into the next secret.
#[test]
fn all_that_was_agreed_goes_into_the_next_secret() {
    let step = |root, generation, dh, shared, offer, answer| {
        let root = Secret::from_bytes([root; 32]);
        let step = Step {
            root: &root,
            generation,
        };
        let shared = Secret::from_bytes([shared; 32]);
        *step
            .secret(&[dh; 32], &shared, &[offer; 32], &[answer; 32])
            .as_bytes()
    };
    let secrets = [
        step(1, 2, 3, 4, 5, 6),
        step(9, 2, 3, 4, 5, 6),
        step(1, 9, 3, 4, 5, 6),
        step(1, 2, 9, 4, 5, 6),
        step(1, 2, 3, 9, 5, 6),
        step(1, 2, 3, 4, 9, 6),
        step(1, 2, 3, 4, 5, 9),
    ];
    let distinct: std::collections::BTreeSet<_> = secrets.iter().collect();
    assert_eq!(distinct.len(), secrets.len());
    assert_eq!(OFFER_BYTES.div_ceil(200), 7);
    assert_eq!(ANSWER_BYTES.div_ceil(200), 6);
    assert_eq!(OFFER_BYTES.div_ceil(104), 12);
    assert_eq!(ANSWER_BYTES.div_ceil(104), 11);
    // The fate of a calm round, in which nothing is lost.
    assert_eq!(CALM.reply, Reply::Comes);
}
