//! Same trace: what is sent depends on the number of rows only.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::{
    dialing::{self, Client, callers},
    real_is_ideal::{Program, rows},
};
use crate::{
    Context, ConversationInput, DialingProgram, Error, Link, LinkError, PartyId, Phase, Settings,
    conversation,
    field::tests::{inverse, product},
    link::memory,
    world::World,
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

/// Runs parties and returns what they return and what they sent.
fn traced<T: Send>(
    seed: u64,
    input: &[u8],
    party: impl Fn(&mut Context, Vec<u8>, Vec<u8>) -> Result<T, Error> + Sync,
) -> ([T; 3], Trace) {
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
    let results = World::with_links(seed, settings, links).run(input, party);
    let trace = sent.map(|sent: Arc<Mutex<Vec<_>>>| std::mem::take(&mut *sent.lock().unwrap()));
    (results.expect("honest parties"), trace)
}

fn trace(program: Program, seed: u64, rows: &[u8], message_bytes: usize) -> Trace {
    let count = rows.len() / (9 + message_bytes);
    let (_, trace) = traced(seed, rows, |context, first, second| {
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
    trace
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

/// Twenty-four rounds, at most 4·L + 450 bytes a row and 90 kB; with few rows, whose bins are mostly empty,
/// 20 kB more.
#[test]
fn conversation_costs_what_is_said() {
    for (rows, proofs) in [(3, 110_000), (1000, 95_000), (20_000, 90_000)] {
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
        assert_eq!(rounds, Some(24), "{rows} rows");
        let sent: u64 = statistics
            .iter()
            .map(|s| s.sent_to_next + s.sent_to_prev)
            .sum();
        let bound = rows * (4 * 256 + 450) + proofs;
        assert!(
            sent <= bound as u64,
            "{rows} rows: {sent} bytes, bound {bound}"
        );
    }
}

/// What parties send when these clients dial, and the order that is opened.
fn dialing_trace(seed: u64, program: DialingProgram, clients: &[Client]) -> (Vec<u32>, Trace) {
    let ([order, _, _], trace) = traced(seed, &dialing::rows(clients), |context, first, second| {
        dialing::party(context, (1, program), clients, [first, second])?;
        let mut sights = context.probe.seen.iter();
        let order = sights.find(|sight| sight.step.phase() == Phase::Sort);
        let positions = order.unwrap().rows.iter();
        Ok(positions
            .map(|row| u32::from_le_bytes(row[..].try_into().unwrap()))
            .collect())
    });
    (order, trace)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// So few rows are sorted in one batch, whatever the order.
    #[test]
    fn dials_of_few_look_alike(callees in proptest::collection::vec(0..180_usize, 1..180), seeds: (u64, u64)) {
        let idle = vec![usize::MAX - 2000; callees.len()];
        let (_, one) = dialing_trace(seeds.0, DialingProgram::Contacts, &callers(&callees));
        let (_, other) = dialing_trace(seeds.1, DialingProgram::Open, &callers(&idle));
        prop_assert_eq!(one, other);
    }
}

/// Where it takes more batches, messages follow from the opened order: everyone dials one id, or all
/// dial different ones in such a way that the same order comes out; the wires carry the same.
#[test]
fn dials_of_many_look_alike_but_for_the_order() {
    const SEED: u64 = 8;
    let count = 400;
    let ([coins, _, _], _) = traced(
        SEED,
        &dialing::rows(&callers(&[0])),
        |context, first, second| {
            dialing::party(
                context,
                (1, DialingProgram::Open),
                &callers(&[0]),
                [first, second],
            )?;
            // The nonce comes before it.
            Ok(context.probe.seen[1].rows[0].clone())
        },
    );
    // The coin of a round depends on its number alone, so ids can be made that rows are sorted by.
    let alpha = u128::from_le_bytes(coins[..16].try_into().unwrap());
    let id_sorted = |by: usize| product(inverse(alpha), (by as u128) << 66).to_le_bytes();
    let clients = |callees: &[usize]| {
        let mut clients = callers(callees);
        for (i, (client, callee)) in clients.iter_mut().zip(callees).enumerate() {
            (client.id, client.callee) = (id_sorted(1_000_000 + i), id_sorted(*callee));
        }
        clients
    };
    let run = |callees: &[usize]| dialing_trace(SEED, DialingProgram::Open, &clients(callees));
    // Who dials in ascending order comes first: so positions' rows become known.
    let (position_of_row, _) = run(&(0..count).collect::<Vec<_>>());
    let (order, trace_of_equals) = run(&vec![5000; count]);
    let mut callees = vec![0; count];
    for (rank, position) in order[..count].iter().enumerate() {
        let row = position_of_row.iter().position(|p| p == position).unwrap();
        callees[row] = rank;
    }
    let (same_order, trace_of_distinct) = run(&callees);
    assert_eq!(order, same_order);
    let sorting = |(_, _, label): &&Frame| label[0] == Phase::Sort as u8;
    let last = trace_of_equals[0].iter().rfind(sorting).unwrap();
    assert!(last.2[1] >= 14, "one batch only");
    assert_eq!(trace_of_equals, trace_of_distinct);
}

/// Nineteen rounds and nine for each batch of comparisons; besides what is proved, 2,700 bytes a client and
/// six times the messages at most.
#[test]
fn dialing_costs_what_is_said() {
    for (clients, batches) in [(1, 1), (30, 1), (180, 1)] {
        let clients = callers(&vec![0; clients]);
        let mut world = World::new(1);
        let run = world.run(&dialing::rows(&clients), |context, first, second| {
            dialing::party(
                context,
                (1, DialingProgram::Contacts),
                &clients,
                [first, second],
            )
        });
        run.expect("honest parties");
        let statistics = world.statistics();
        let rounds = statistics.iter().map(|s| s.rounds).max().unwrap();
        assert!(rounds <= 20 + 9 * batches, "{rounds} rounds");
        let sent = statistics.iter().map(|s| s.sent_to_next + s.sent_to_prev);
        let sent = sent.sum::<u64>() as usize;
        let rows = 2 * clients.len();
        // Comparisons and equality are bit-sliced, of 64 at a time; three proofs, with headers.
        let blocks = (rows * (rows - 1) / 2).div_ceil(64);
        let sliced = blocks * 8 * (3 * 154 + 6) + rows.div_ceil(64) * 8 * 3 * 66;
        let bound = sliced + clients.len() * (2 * 140 + 6 * 200) + 2 * 45_000;
        assert!(sent < bound, "{rows} rows: {sent} bytes, bound {bound}");
    }
}

/// Dialing's messages follow from the opened order: everyone dials one id, or all dial different
/// ones in such a way that the same order comes out; the wires carry the same.
#[test]
fn dials_look_alike_but_for_the_order() {
    use super::dialing_both_told::{id, key};
    use crate::{BothToldInput, dialing_both_told};

    let rows = 80;
    let run = |callees: &[u64]| {
        let input: Vec<u8> = callees
            .iter()
            .flat_map(|callee| callee.to_le_bytes())
            .collect();
        let ([order, _, _], trace) = traced(8, &input, |context, first, second| {
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
