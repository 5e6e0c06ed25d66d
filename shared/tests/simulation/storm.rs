//! Random people doing random things over failing rounds that overlap, and then calm.

use mcmix_shared::{
    client::{ConnectAgain, ContactState, SendStatus},
    party::PartyId,
    program::Program,
};
use proptest::prelude::*;

use crate::{
    node::Disk,
    world::{Setup, World},
};

const NAMES: [&str; 3] = ["Ada", "Bob", "Cy"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Call(usize, usize),
    Ring(usize, usize),
    Accept(usize, usize),
    Decline(usize, usize),
    Cancel(usize, usize),
    Block(usize, usize),
    Unblock(usize, usize),
    Look(usize, usize),
    Say(usize, usize),
    Conversation,
    Dialing,
    /// A round that somebody misses.
    Miss(Kind, usize),
    Reload(usize),
    HangDisk(usize),
    Cut(usize, PartyId),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Conversation,
    Dialing,
}

fn step() -> impl Strategy<Value = Step> {
    let pair = (0_usize..3, 1_usize..3).prop_map(|(a, offset)| (a, (a + offset) % 3));
    let node = 0_usize..3;
    let kind = prop::sample::select(vec![Kind::Conversation, Kind::Dialing]);
    let party = prop::sample::select(PartyId::ALL.to_vec());
    prop_oneof![
        3 => pair.clone().prop_map(|(a, b)| Step::Call(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::Ring(a, b)),
        5 => pair.clone().prop_map(|(a, b)| Step::Accept(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::Decline(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::Cancel(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::Block(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::Unblock(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::Look(a, b)),
        3 => pair.prop_map(|(a, b)| Step::Say(a, b)),
        16 => Just(Step::Conversation),
        8 => Just(Step::Dialing),
        3 => (kind, node.clone()).prop_map(|(kind, node)| Step::Miss(kind, node)),
        1 => node.clone().prop_map(Step::Reload),
        1 => node.clone().prop_map(Step::HangDisk),
        1 => (node, party).prop_map(|(node, party)| Step::Cut(node, party)),
    ]
}

struct Storm {
    world: World,
    /// Texts said, by sender and receiver.
    said: Vec<(usize, usize, String)>,
    count: usize,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let setup = Setup {
            message_bytes: 160,
            ..Setup::new(seed)
        };
        let mut world = World::with(&NAMES, setup);
        for a in 0..3 {
            for b in (0..3).filter(|b| *b != a) {
                world.add(a, b);
            }
        }
        // One round is always open, so that rounds overlap.
        world.open(Program::Conversation);
        Self {
            world,
            said: Vec::new(),
            count: 0,
        }
    }

    fn round(&mut self, next: Kind, late: &[usize]) {
        let next = match next {
            Kind::Conversation => Program::Conversation,
            Kind::Dialing => self.world.next_dialing(),
        };
        let round = self.world.close();
        self.world.open(next);
        self.world.compute(round, late);
        self.world.pass(667);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call(a, b) => self.world.call(a, b),
            Step::Ring(a, b) => self.world.ring(a, b),
            Step::Accept(a, b) => self.world.accept(a, b),
            Step::Decline(a, b) => self.world.decline(a, b),
            Step::Cancel(a, b) => self.world.cancel(a, b),
            Step::Block(a, b) => self.world.block(a, b),
            Step::Unblock(a, b) => self.world.unblock(a, b),
            Step::Look(a, b) => self.world.look(a, Some(b)),
            Step::Say(a, b) => {
                self.count += 1;
                let text = format!("{} {}", self.count, "z".repeat(self.count * 37 % 300));
                self.world.say(a, b, &text);
                // What is not stored is lost by a reload, as it should be.
                if self.world.nodes[a].disk == Disk::Works {
                    self.said.push((a, b, text));
                }
            }
            Step::Conversation => self.round(Kind::Conversation, &[]),
            Step::Dialing => self.round(Kind::Dialing, &[]),
            Step::Miss(next, node) => self.round(next, &[node]),
            Step::Reload(node) => {
                self.world.reload(node);
                self.world.nodes[node].disk = Disk::Works;
                self.world.pump();
            }
            Step::HangDisk(node) => self.world.nodes[node].disk = Disk::Hangs,
            Step::Cut(node, party) => self.world.cut(node, party),
        }
    }

    fn said(&self, from: usize, to: usize) -> Vec<String> {
        let said = self.said.iter().filter(|(a, b, _)| (*a, *b) == (from, to));
        said.map(|(_, _, text)| text.clone()).collect()
    }

    /// What everybody's person does in calm times, once.
    fn press(&mut self) {
        for a in 0..3 {
            for b in (0..3).filter(|b| *b != a) {
                self.world.unblock(a, b);
                if self.world.rings(a, b) {
                    self.world.accept(a, b);
                }
                match self.world.state(a, b) {
                    ContactState::Known { .. }
                    | ContactState::Paired {
                        again: ConnectAgain::Offered,
                        ..
                    }
                    | ContactState::Answering {
                        call_back: ConnectAgain::Offered,
                        ..
                    } => self.world.call(a, b),
                    _ => {}
                }
                if self.world.statuses(a, b).contains(&SendStatus::Held) {
                    self.world.send_held(a, b);
                }
            }
        }
    }

    /// Everybody's disk works and everybody accepts, calls and goes on.
    fn calm(&mut self) {
        for node in 0..3 {
            self.world.nodes[node].disk = Disk::Works;
        }
        self.world.pump();
        for _ in 0..500 {
            self.press();
            self.round(Kind::Dialing, &[]);
            self.round(Kind::Conversation, &[]);
            self.round(Kind::Conversation, &[]);
            if self.is_calm() {
                return;
            }
        }
    }

    fn pairs() -> impl Iterator<Item = (usize, usize)> {
        let all = (0..3).flat_map(|a| (0..3).map(move |b| (a, b)));
        all.filter(|(a, b)| a != b)
    }

    fn is_calm(&self) -> bool {
        Self::pairs().all(|(a, b)| self.world.are_paired(a, b) && self.world.all_delivered(a, b))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn after_any_storm_all_are_pairs_and_have_every_text_once(
        steps in prop::collection::vec(step(), 0..160),
        seed in 0_u64..1000,
    ) {
        let mut storm = Storm::new(seed);
        for step in steps {
            storm.step(step);
        }
        storm.calm();
        for (a, b) in Storm::pairs() {
            let (x, y) = (storm.world.state(a, b), storm.world.state(b, a));
            prop_assert!(storm.world.are_paired(a, b), "{} {:?}, {} {:?}", NAMES[a], x, NAMES[b], y);
            let came = storm.world.received(b, a);
            let said = storm.said(a, b);
            let mut rest = came.iter();
            let in_order = said.iter().all(|text| rest.any(|other| other == text));
            prop_assert!(in_order, "from {} to {}: {:?} of {:?}", NAMES[a], NAMES[b], came, said);
            let distinct: std::collections::BTreeSet<_> = came.iter().collect();
            prop_assert_eq!(distinct.len(), came.len(), "each text once");
            prop_assert!(storm.world.all_delivered(a, b));
        }
        prop_assert!(storm.world.servers.offences.is_empty());
    }
}
