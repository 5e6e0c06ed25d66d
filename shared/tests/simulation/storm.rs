//! Random people doing random things over failing rounds that overlap, and then calm.

use mcmix_shared::{
    client::{Action, CallState, SendStatus},
    party::PartyId,
    program::Program,
};
use proptest::prelude::*;

use crate::{node::Disk, world::World};

const NAMES: [&str; 3] = ["Ada", "Bob", "Cy"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Call(usize, usize),
    Accept(usize, usize),
    HangUp(usize, usize),
    Say(usize, usize),
    Conversation,
    Dialing,
    /// A round that somebody misses.
    Miss(Program, usize),
    Reload(usize),
    HangDisk(usize),
    Cut(usize, PartyId),
}

fn step() -> impl Strategy<Value = Step> {
    let pair = (0_usize..3, 1_usize..3).prop_map(|(a, offset)| (a, (a + offset) % 3));
    let node = 0_usize..3;
    let program = prop::sample::select(Program::ALL.to_vec());
    let party = prop::sample::select(PartyId::ALL.to_vec());
    prop_oneof![
        2 => pair.clone().prop_map(|(a, b)| Step::Call(a, b)),
        3 => pair.clone().prop_map(|(a, b)| Step::Accept(a, b)),
        1 => pair.clone().prop_map(|(a, b)| Step::HangUp(a, b)),
        2 => pair.prop_map(|(a, b)| Step::Say(a, b)),
        8 => Just(Step::Conversation),
        4 => Just(Step::Dialing),
        2 => (program, node.clone()).prop_map(|(program, node)| Step::Miss(program, node)),
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
    fn new(seed: u64, slots: u8) -> Self {
        let mut world = World::with(&NAMES, seed, slots, 160);
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

    fn round(&mut self, next: Program, late: &[usize]) {
        let round = self.world.close();
        self.world.open(next);
        self.world.compute(round, late);
        self.world.pass(400);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call(a, b) => self.world.call(a, b),
            Step::Accept(a, b) => self.world.accept(a, b),
            Step::HangUp(a, b) => {
                let key = self.world.key(b);
                self.world.act(a, Action::EndConversation(key));
            }
            Step::Say(a, b) => {
                self.count += 1;
                let text = format!("{} {}", self.count, "z".repeat(self.count * 37 % 300));
                self.world.say(a, b, &text);
                // What is not stored is lost by a reload, as it should be.
                if self.world.nodes[a].disk == Disk::Works {
                    self.said.push((a, b, text));
                }
            }
            Step::Conversation => self.round(Program::Conversation, &[]),
            Step::Dialing => self.round(Program::Dialing, &[]),
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

    /// Everybody's disk works and everybody calls, accepts and goes on.
    fn calm(&mut self) {
        for node in 0..3 {
            self.world.nodes[node].disk = Disk::Works;
        }
        self.world.pump();
        for _ in 0..150 {
            for a in 0..3 {
                for b in (0..3).filter(|b| *b != a) {
                    if self.world.rings(a, b) {
                        self.world.accept(a, b);
                    }
                    let over = matches!(
                        self.world.state(a, b),
                        CallState::Idle | CallState::Ended(_)
                    );
                    if over {
                        self.world.call(a, b);
                    }
                }
            }
            self.round(Program::Dialing, &[]);
            self.round(Program::Conversation, &[]);
            self.round(Program::Conversation, &[]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn after_any_storm_everybody_talks_and_has_every_text_once(
        steps in prop::collection::vec(step(), 0..120),
        seed in 0_u64..1000,
    ) {
        let mut storm = Storm::new(seed, 2);
        for step in steps {
            storm.step(step);
        }
        storm.calm();
        let pairs = (0..3).flat_map(|a| (0..3).map(move |b| (a, b)));
        for (a, b) in pairs.filter(|(a, b)| a != b) {
                let (x, y) = (storm.world.state(a, b), storm.world.state(b, a));
                prop_assert!(storm.world.talks(a, b), "{} {:?}, {} {:?}", NAMES[a], x, NAMES[b], y);
                let came = storm.world.received(b, a);
                let said = storm.said(a, b);
                let mut rest = came.iter();
                let in_order = said.iter().all(|text| rest.any(|other| other == text));
                prop_assert!(in_order, "from {} to {}: {:?} of {:?}", NAMES[a], NAMES[b], came, said);
                let distinct: std::collections::BTreeSet<_> = came.iter().collect();
                prop_assert_eq!(distinct.len(), came.len(), "each text once");
                let open = storm.world.statuses(a, b).into_iter().filter(|status| {
                    !matches!(status, SendStatus::Delivered | SendStatus::Cancelled)
                });
                prop_assert_eq!(open.count(), 0);
        }
        prop_assert!(storm.world.servers.offences.is_empty());
    }
}
