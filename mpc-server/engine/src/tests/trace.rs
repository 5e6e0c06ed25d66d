//! Same trace: what is sent depends on the number of rows only.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::real_is_ideal::{Program, rows};
use crate::{
    ConversationInput, Link, LinkError, PartyId, Settings, conversation, link::memory, world::World,
};

/// Notes the size and label of every frame sent.
struct Tap<L> {
    link: L,
    sent: Arc<Mutex<Vec<Frame>>>,
}

impl<L: Link> Link for Tap<L> {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        let label = frame[8..11].to_vec();
        self.sent.lock().unwrap().push((to, frame.len(), label));
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.link.recv(from)
    }
}

/// Receiver, size and label.
type Frame = (PartyId, usize, Vec<u8>);
type Trace = [Vec<Frame>; 3];

fn trace(program: Program, seed: u64, rows: &[u8], message_bytes: usize) -> Trace {
    let sent = [0, 1, 2].map(|_| Arc::default());
    let mut taps = sent.iter().cloned();
    let links = memory::connect().map(|link| Tap {
        link,
        sent: taps.next().unwrap(),
    });
    let settings = Settings {
        threads: 1,
        ..Settings::default()
    };
    let mut world = World::with_links(seed, settings, links);
    let count = rows.len() / (9 + message_bytes);
    let replies = world.run(rows, |context, first, second| {
        context.begin(1)?;
        program(
            context,
            ConversationInput {
                rows: count,
                message_bytes,
                first,
                second,
            },
        )
    });
    replies.expect("honest parties");
    sent.map(|sent: Arc<Mutex<Vec<_>>>| std::mem::take(&mut *sent.lock().unwrap()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn conversations_look_alike(one in rows(150, 16), seeds: (u64, u64)) {
        let idle = vec![0; one.len()];
        prop_assert_eq!(
            trace(conversation, seeds.0, &one, 16),
            trace(conversation, seeds.1, &idle, 16)
        );
    }
}

/// Eighteen rounds and at most 4·L + 305 bytes a row, for any number of rows.
#[test]
fn conversation_costs_what_is_said() {
    for (rows, slack) in [(3, 20_000), (1000, 20_000), (20_000, 40_000)] {
        let mut world = World::new(1);
        let input = vec![0; rows * (9 + 256)];
        world
            .run(&input, |context, first, second| {
                context.begin(1)?;
                conversation(
                    context,
                    ConversationInput {
                        rows,
                        message_bytes: 256,
                        first,
                        second,
                    },
                )
            })
            .expect("honest parties");
        let statistics = world.statistics();
        let rounds = statistics.iter().map(|s| s.rounds).max();
        assert_eq!(rounds, Some(18), "{rows} rows");
        let sent: u64 = statistics
            .iter()
            .map(|s| s.sent_to_next + s.sent_to_prev)
            .sum();
        let bound = rows * (4 * 256 + 305) + slack;
        assert!(
            sent <= bound as u64,
            "{rows} rows: {sent} bytes, bound {bound}"
        );
    }
}

/// Dialing's messages follow from the opened order: everyone dials one id, or all dial different
/// ones in such a way that the same order comes out; the wires carry the same.
#[test]
fn dials_look_alike_but_for_the_order() {
    use super::dialing_both_told::{id, key};
    use crate::{BothToldInput, Phase, dialing_both_told};

    let rows = 80;
    let run = |callees: &[u64]| {
        let sent = [0, 1, 2].map(|_| Arc::default());
        let mut taps = sent.iter().cloned();
        let links = memory::connect().map(|link| Tap {
            link,
            sent: taps.next().unwrap(),
        });
        let settings = Settings {
            threads: 1,
            ..Settings::default()
        };
        let mut world = World::with_links(8, settings, links);
        let input: Vec<u8> = callees
            .iter()
            .flat_map(|callee| callee.to_le_bytes())
            .collect();
        let orders = world.run(&input, |context, first, second| {
            context.begin(1)?;
            let (ids, keys) = (0..rows).map(|i| (id(i), key(i))).unzip();
            dialing_both_told(
                context,
                BothToldInput {
                    ids,
                    keys,
                    first,
                    second,
                },
            )?;
            let mut seen = context.probe.seen.iter();
            let order = seen
                .find(|sight| sight.step.phase() == Phase::Sort)
                .unwrap();
            Ok(order.rows.iter().map(|p| p[0]).collect::<Vec<u8>>())
        });
        let [order, _, _] = orders.expect("honest parties");
        let trace: Trace =
            sent.map(|sent: Arc<Mutex<Vec<_>>>| std::mem::take(&mut *sent.lock().unwrap()));
        (order, trace)
    };
    // The j-th of the order is row j when callees ascend: so positions' rows become known.
    let ascending: Vec<u64> = (0..rows as u64).collect();
    let (position_of_row, _) = run(&ascending);
    let (order, trace_of_equals) = run(&vec![id(0); rows]);
    let row_at = |position: u8| position_of_row.iter().position(|p| *p == position).unwrap();
    let mut callees = vec![0; rows];
    for (rank, position) in order.iter().enumerate() {
        callees[row_at(*position)] = rank as u64;
    }
    let (same_order, trace_of_distinct) = run(&callees);
    assert_eq!(order, same_order);
    assert_eq!(trace_of_equals, trace_of_distinct);
}
