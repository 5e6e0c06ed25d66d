//! Two clients, three rounds, and everything that can come between: all orders of dealing,
//! storing, replies, one restart and one lost reply, each run from the start.
//!
//! What one client does before a round closes changes nothing for the other, so only the order
//! of one client's own events is varied; where two orders are the same, one is run.

use mcmix_shared::{
    client::{MessageKind, Millis, SendStatus},
    party::PartyId,
    program::{Program, RoundId, Turn},
};

use crate::{
    each_seed,
    node::{Disk, Records},
    servers::NodeId,
    world::{Setup, World},
};

const A: NodeId = 0;
const B: NodeId = 1;
const NAMES: [&str; 2] = ["Ada", "Bob"];
const ROUNDS: usize = 3;
/// Calm rounds after which all must be well.
const MOST_ROUNDS: usize = 64;

/// A way through all choices; what it does not say yet is the first of each.
#[derive(Debug, Default)]
struct Way {
    /// What was chosen, and of how many.
    taken: Vec<(usize, usize)>,
    at: usize,
}

impl Way {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.taken.len() {
            self.taken.push((0, of));
        }
        let (taken, before) = self.taken[self.at];
        assert_eq!(before, of, "the same way leads to the same choices");
        self.at += 1;
        taken
    }

    /// Goes on to the next way, if there is one.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((taken, of)) = self.taken.pop() {
            if taken + 1 < of {
                self.taken.push((taken + 1, of));
                return true;
            }
        }
        false
    }
}

/// What may go wrong, and how often.
#[derive(Clone, Copy, Debug)]
struct Mishaps {
    restarts: usize,
    /// Who may start again.
    who: &'static [NodeId],
    lost_replies: usize,
    /// The next round was dealt for when the reply comes.
    late_replies: usize,
    /// The next round opens before all is stored.
    late_stores: usize,
    together: usize,
}

/// Where all runs start: what both have stored, and where the rounds are.
struct Start {
    setup: Setup,
    stored: [Records; 2],
    now: Millis,
    round: RoundId,
    turn: Turn,
    /// What they do just before the first round; it need not be stored yet when it opens.
    action: fn(&mut World),
    /// Calm rounds after which they say something more.
    more: usize,
}

impl Start {
    fn of(world: &World, setup: Setup, action: fn(&mut World)) -> Self {
        Self {
            setup,
            stored: [A, B].map(|node| world.nodes[node].stored.clone()),
            now: world.now,
            round: world.servers.newest(),
            turn: world.servers.turn(),
            action,
            more: 0,
        }
    }

    fn world(&self) -> World {
        let mut world = World::sleeping(&NAMES, self.setup);
        world.now = self.now;
        world.servers.skip(self.turn.0, self.round.0 - self.turn.0);
        for node in [A, B] {
            world.restore(node, self.stored[node].clone());
            world.nodes[node].disk = Disk::Hangs;
        }
        (self.action)(&mut world);
        world
    }

    /// Runs all ways and returns how many there are.
    fn explore(&self, mishaps: Mishaps) -> usize {
        let mut way = Way::default();
        let mut ways = 0;
        loop {
            self.run(&mut way, mishaps);
            ways += 1;
            if !way.next() {
                return ways;
            }
        }
    }

    /// Returns how often, if nothing goes wrong, something waits to be stored where it matters.
    fn waits(&self) -> usize {
        let none = Mishaps { together: 0, ..ONE };
        self.run(&mut Way::default(), none)
    }

    fn run(&self, way: &mut Way, left: Mishaps) -> usize {
        let mut run = Run {
            world: self.world(),
            way,
            left,
            happened: Vec::new(),
            waits: 0,
        };
        run.may_restart(&[A, B]);
        for _ in 0..ROUNDS {
            run.round();
        }
        run.calm(self.more);
        run.waits
    }
}

/// One run: both disks store when they are told to.
struct Run<'a> {
    world: World,
    way: &'a mut Way,
    left: Mishaps,
    happened: Vec<String>,
    /// How often something waited to be stored where it matters.
    waits: usize,
}

impl Run<'_> {
    /// Chooses whether something goes wrong that may.
    fn happens(&mut self, what: &str, node: NodeId, left: fn(&mut Mishaps) -> &mut usize) -> bool {
        if self.left.together == 0 || *left(&mut self.left) == 0 || self.way.choose(2) == 0 {
            return false;
        }
        *left(&mut self.left) -= 1;
        self.left.together -= 1;
        self.happened.push(format!("{}: {what}", NAMES[node]));
        true
    }

    fn waits(&mut self, node: NodeId) -> bool {
        let waits = !self.world.nodes[node].waiting.is_empty();
        self.waits += usize::from(waits);
        waits
    }

    fn store(&mut self, node: NodeId) {
        self.world.nodes[node].disk = Disk::Works;
        self.world.pump();
        self.world.nodes[node].disk = Disk::Hangs;
    }

    /// One of them may start again, with or without what waits to be stored; returns who did.
    fn may_restart(&mut self, who: &[NodeId]) -> Option<NodeId> {
        let mut restarted = None;
        for &node in who {
            let waits = self.waits(node);
            if self.left.who.contains(&node)
                && self.happens("starts again", node, |left| &mut left.restarts)
            {
                if waits && self.way.choose(2) == 1 {
                    self.happened.push("with all stored".into());
                    self.store(node);
                }
                self.world.reload(node);
                restarted = Some(node);
            }
        }
        restarted
    }

    fn round(&mut self) {
        self.happened.push("a round opens".into());
        for node in [A, B] {
            if self.waits(node) && !self.happens("stores late", node, |left| &mut left.late_stores)
            {
                self.store(node);
            }
        }
        self.world.open(Program::Conversation);
        self.world.speed_up();
        self.may_restart(&[A, B]);
        let round = self.world.close();
        self.happened.push("it closes".into());
        let restarted = self.may_restart(&[A, B]);
        let mut heard = Vec::new();
        // Who does not know the round any more takes no reply.
        for node in [A, B].into_iter().filter(|node| Some(*node) != restarted) {
            if self.happens("loses the reply", node, |left| &mut left.lost_replies) {
                self.world.cut(node, PartyId::P1);
            } else if self.happens("gets the reply late", node, |left| &mut left.late_replies) {
                self.world.slow_down(node, PartyId::P2);
            } else {
                heard.push(node);
            }
        }
        self.world.compute(round, &[]);
        self.world.pass(667);
        self.happened.push("replies come".into());
        // For whoever has no reply it is as if they had started again before.
        self.may_restart(&heard);
    }

    fn said(&self, from: NodeId, to: NodeId) -> Vec<String> {
        let messages = self.world.contact(from, to).messages;
        let own = messages
            .iter()
            .filter(|it| it.kind != MessageKind::Received);
        own.map(|it| it.text.clone()).collect()
    }

    /// Nothing goes wrong any more: what was said arrives, also after some more rounds.
    fn calm(&mut self, more: usize) {
        for node in [A, B] {
            self.world.nodes[node].disk = Disk::Works;
        }
        self.world.pump();
        self.arrive();
        if more > 0 {
            self.world.conversations(more);
            say(&mut self.world, "later");
            self.arrive();
        }
    }

    fn arrive(&mut self) {
        let world = &mut self.world;
        for _ in 0..MOST_ROUNDS {
            if world.rings(B, A) {
                world.accept(B, A);
            }
            world.open(Program::Conversation);
            world.speed_up();
            let round = world.close();
            world.compute(round, &[]);
            world.pass(667);
            if world.are_paired(A, B) && world.all_delivered(A, B) && world.all_delivered(B, A) {
                break;
            }
        }
        let (world, happened) = (&self.world, &self.happened);
        let states = [world.state(A, B), world.state(B, A)];
        assert!(world.are_paired(A, B), "{states:?} after {happened:?}");
        for (from, to) in [(A, B), (B, A)] {
            let said = self.said(from, to);
            assert!(said.iter().any(|text| text == STORED), "lost: {happened:?}");
            assert_eq!(world.received(to, from), said, "after {happened:?}");
            let statuses = world.statuses(from, to);
            let delivered = statuses.iter().all(|it| *it == SendStatus::Delivered);
            assert!(delivered, "{statuses:?} after {happened:?}");
        }
        assert!(world.servers.offences.is_empty(), "after {happened:?}");
    }
}

/// What each says to the other before the start.
const STORED: &str = "stored";

fn say(world: &mut World, text: &str) {
    world.say(A, B, text);
    world.say(B, A, text);
}

/// A pair whose turn every round is, so that all that follows happens in a few rounds.
fn setup(seed: u64) -> Setup {
    Setup {
        quick_rounds: 1,
        ..Setup::new(seed)
    }
}

/// Two who have been a pair for long, each as the other.
fn texts() -> Start {
    let setup = setup(40_000);
    let mut world = World::with(&NAMES, setup);
    world.pair(A, B);
    world.settle();
    say(&mut world, STORED);
    Start::of(&world, setup, |world| say(world, "not stored yet"))
}

/// A call rings, and is accepted as the runs start.
fn call(seed: u64) -> Start {
    let setup = setup(seed);
    let mut world = World::with(&NAMES, setup);
    world.add(A, B);
    world.add(B, A);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    say(&mut world, STORED);
    Start::of(&world, setup, |world| {
        world.accept(B, A);
        say(world, "not stored yet");
    })
}

/// The first ratchet is under way, that many rounds after the two became a pair.
fn ratchet(rounds: u64) -> Start {
    let setup = setup(41_000);
    let mut world = World::with(&NAMES, setup);
    world.pair(A, B);
    world.conversations(usize::try_from(rounds).unwrap());
    say(&mut world, STORED);
    let start = Start::of(&world, setup, |world| say(world, "not stored yet"));
    Start { more: 16, ..start }
}

const ONE: Mishaps = Mishaps {
    restarts: 1,
    who: &[A, B],
    lost_replies: 1,
    late_replies: 1,
    late_stores: 1,
    together: 1,
};

/// A restart of one, and a lost reply or what is stored late.
const TWO: Mishaps = Mishaps {
    who: &[A],
    late_replies: 0,
    together: 2,
    ..ONE
};

/// Everything that may go wrong, together.
const ALL: Mishaps = Mishaps { together: 4, ..ONE };

/// Explores the ways with one mishap, and checks that each is among them: both nodes may start
/// again before the first round, and in each round before and after it closes and after the
/// replies; in each round, too, both may lose the reply or get it late; and where something waits
/// to be stored, it may be stored before a restart, or after the next round opens.
fn explore_each_mishap(start: &Start) -> usize {
    let ways = start.explore(ONE);
    let (restarts, replies) = (1 + 3 * ROUNDS, 2 * ROUNDS);
    let waits = start.waits();
    assert_eq!(ways, 1 + 2 * (restarts + replies) + waits);
    assert!(
        waits >= 4,
        "both have something to store when the first round opens"
    );
    ways
}

#[test]
fn texts_both_ways() {
    let start = texts();
    assert_eq!(explore_each_mishap(&start), 45);
    assert_eq!(start.explore(TWO), 215);
}

#[test]
fn a_call_that_was_just_accepted() {
    each_seed(1, 12, |seed| explore_each_mishap(&call(seed)));
}

/// In the third round the asker enters the next generation.
#[test]
fn a_ratchet_under_way() {
    assert_eq!(explore_each_mishap(&ratchet(25)), 47);
    each_seed(0, 30, |rounds| explore_each_mishap(&ratchet(rounds)));
}

#[test]
#[ignore = "takes minutes"]
fn all_mishaps_together() {
    for (what, start) in [
        ("texts", texts()),
        ("a call", call(0)),
        ("a ratchet", ratchet(25)),
    ] {
        println!("{what}: {} ways", start.explore(ALL));
    }
}
