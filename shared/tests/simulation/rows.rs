//! Rows in clear: without the callee's key those of callers and of idle clients look alike, even
//! to somebody who sees them whole.

use std::collections::{BTreeMap, BTreeSet};

use curve25519_dalek::montgomery::MontgomeryPoint;
use mcmix_shared::{program::Program, row::DIAL_HEAD_BYTES};

use crate::{
    deals::deals,
    each_seed,
    servers::{NodeId, split_row},
    world::World,
};

const NAMES: [&str; 4] = ["Idle", "Calls a stranger", "Rings a contact", "Callee"];
const CALLERS: [NodeId; 2] = [1, 2];
const CALLEE: NodeId = 3;

/// Fields of a dialing row: who is called, with which pass, one's own pass; of the message the
/// ephemeral key, and what is sealed.
const FIELDS: [(&str, core::ops::Range<usize>); 5] = [
    ("id", 0..16),
    ("pass", 16..32),
    ("own pass", 32..48),
    ("ephemeral key", 48..80),
    ("sealed", 80..DIAL_HEAD_BYTES + 200),
];

/// Bits that were ones, of all.
#[derive(Clone, Copy, Debug, Default)]
struct Ones {
    ones: u32,
    all: u32,
}

impl Ones {
    fn note(&mut self, bytes: &[u8]) {
        self.ones += bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
        self.all += 8 * u32::try_from(bytes.len()).unwrap();
    }

    /// As many as of a fair coin, but for a chance of 1e-9.
    fn is_fair(self) -> bool {
        let (ones, all) = (f64::from(self.ones), f64::from(self.all));
        (ones - all / 2.0).abs() <= 6.1 * (all / 4.0).sqrt()
    }
}

/// Whether it is the x coordinate of a point, as only half of all bytes are, and none with the
/// last bit set.
fn is_point(key: &[u8]) -> bool {
    let key: [u8; 32] = key.try_into().unwrap();
    key[31] < 128 && MontgomeryPoint(key).to_edwards(0).is_some()
}

fn calling(seed: u64) -> World {
    let mut world = World::new(&NAMES, seed);
    let [stranger, contact] = CALLERS;
    world.pair(contact, CALLEE);
    world.add(stranger, CALLEE);
    world.tap();
    world.call(stranger, CALLEE);
    world.ring(contact, CALLEE);
    world
}

#[test]
fn dials_of_callers_look_like_those_of_the_idle() {
    let mut ones: BTreeMap<(NodeId, &str), Ones> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let dealt = each_seed(25, 400, |seed| {
        let mut world = calling(7000 + seed);
        for _ in 0..2 {
            world.dial();
        }
        world.servers.dealt
    });
    for dealt in dealt {
        for (node, name) in NAMES.iter().enumerate().take(CALLEE) {
            let deals = deals(&dealt, node);
            assert_eq!(deals.len(), 2);
            for deal in deals {
                assert_eq!(deal.rows.len(), DIAL_HEAD_BYTES + 200);
                assert!(is_point(&deal.rows[FIELDS[3].1.clone()]), "{name}");
                for (field_name, range) in FIELDS {
                    let field = &deal.rows[range];
                    // Two rounds of a call have the callee's id, and the message, in common.
                    if seen.insert(field.to_vec()) {
                        ones.entry((node, field_name)).or_default().note(field);
                    } else {
                        assert!(CALLERS.contains(&node), "{name}: {field_name} comes again");
                    }
                }
            }
        }
    }
    for ((node, field), ones) in ones {
        // The last bit of a key is never set.
        let fair = field == "ephemeral key" || ones.is_fair();
        assert!(fair, "{}, {field}: {ones:?}", NAMES[node]);
        println!("{}, {field}: {ones:?}", NAMES[node]);
    }
}

/// Until the callee answers, a caller's conversation rows are noise as well.
#[test]
fn rows_of_callers_look_like_those_of_the_idle() {
    let mut ones: BTreeMap<NodeId, Ones> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let dealt = each_seed(6, 100, |seed| {
        let mut world = calling(7500 + seed);
        world.dial();
        world.servers.dealt.clear();
        world.conversations(4);
        (world.servers.deployment.shape(), world.servers.dealt)
    });
    for (shape, dealt) in dealt {
        for (node, name) in NAMES.iter().enumerate().take(CALLEE) {
            for deal in deals(&dealt, node) {
                assert_eq!(deal.program, Program::Conversation);
                for slot in 0..shape.slots {
                    let (head, message) = split_row(shape, &deal.rows, slot);
                    for part in [&head[..8], &message[..12], message] {
                        assert!(seen.insert(part.to_vec()), "{name} repeats itself");
                    }
                    ones.entry(node).or_default().note(&head[..8]);
                    ones.entry(node).or_default().note(message);
                }
            }
        }
    }
    assert_eq!(ones.len(), 3);
    for (node, ones) in ones {
        assert!(ones.is_fair(), "{}: {ones:?}", NAMES[node]);
    }
}
