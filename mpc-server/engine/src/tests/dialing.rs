//! Dialing is ideal: everyone gets a message that dials it, all callers are alike, and who is not
//! dialled gets a payload that no party could have written.

use proptest::prelude::*;

use crate::{
    Context, DialingInput, DialingProgram, Error, JoinedRows, PartyId, Replies, Settings,
    SortWidth, dialing,
    field::Multiplier,
    ideal,
    program::{DIAL_INPUT_BYTES, DIAL_MESSAGE_BYTES},
    stream::Stream,
    world::{World, reconstruct},
};
use DialingProgram::{Contacts, Open};

pub(super) type Id = [u8; 16];

/// Distinct ids, and passes.
pub(super) fn id(i: usize) -> Id {
    (i as u128 + 1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        .to_le_bytes()
}

/// What a client hands in, in the clear, but for its messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    /// Its own id.
    pub(super) id: Id,
    pub(super) own_pass: Id,
    pub(super) callee: Id,
    pub(super) pass: Id,
}

/// The i-th client of a round dials `callee`, with the callee's pass.
pub(super) fn caller(i: usize, callee: usize) -> Client {
    Client {
        id: id(i),
        own_pass: id(1000 + i),
        callee: id(callee),
        pass: id(1000 + callee),
    }
}

/// Everyone dials the client of this number.
pub(super) fn callers(callees: &[usize]) -> Vec<Client> {
    let clients = callees.iter().enumerate();
    clients.map(|(i, &callee)| caller(i, callee)).collect()
}

/// A round's rows in the clear; all messages and payloads are different.
pub(super) fn rows(clients: &[Client]) -> Vec<u8> {
    let mut rows = Vec::with_capacity(clients.len() * DIAL_INPUT_BYTES);
    for (i, client) in (0_u64..).zip(clients) {
        rows.extend([client.callee, client.pass, client.own_pass].concat());
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&i.to_le_bytes());
        rows.extend(Stream::new(&seed).bytes(2 * DIAL_MESSAGE_BYTES));
    }
    rows
}

/// Runs a party on its share of [`rows`].
pub(super) fn party(
    context: &mut Context,
    (round, program): (u64, DialingProgram),
    clients: &[Client],
    [first, second]: [Vec<u8>; 2],
) -> Result<Replies, Error> {
    context.begin(round)?;
    run_party(context, program, clients, [first, second])
}

/// Runs a party in a round that has begun.
pub(super) fn run_party(
    context: &mut Context,
    program: DialingProgram,
    clients: &[Client],
    [first, second]: [Vec<u8>; 2],
) -> Result<Replies, Error> {
    dialing(
        context,
        DialingInput {
            program,
            ids: clients.iter().map(|client| client.id).collect(),
            first,
            second,
        },
    )
}

fn run(world: &mut World, round: u64, program: DialingProgram, clients: &[Client]) -> Vec<u8> {
    let replies = world.run(&rows(clients), |context, first, second| {
        party(context, (round, program), clients, [first, second])
    });
    reconstruct(&replies.expect("honest parties"))
}

/// Whose message each client got; `None`: its own check row's payload.
fn outcome(rows: &[u8], replies: &[u8]) -> Vec<Option<usize>> {
    let [dialled, own] = [48, 48 + DIAL_MESSAGE_BYTES].map(|from| {
        let rows = rows.chunks(DIAL_INPUT_BYTES);
        let part = rows.map(move |row| &row[from..from + DIAL_MESSAGE_BYTES]);
        part.collect::<Vec<_>>()
    });
    let replies = replies.chunks(DIAL_MESSAGE_BYTES).enumerate();
    replies
        .map(|(client, reply)| {
            let caller = dialled.iter().position(|message| *message == reply);
            assert!(
                caller.is_some() || own[client] == reply,
                "client {client} got nobody's message"
            );
            caller
        })
        .collect()
}

fn assert_ideal(program: DialingProgram, clients: &[Client], replies: &[u8]) {
    let rows = rows(clients);
    let got = outcome(&rows, replies);
    let ids: Vec<Id> = clients.iter().map(|client| client.id).collect();
    let expected = ideal::dialing(program, &ids, &rows, |callees, callers| {
        let mut told = callees
            .iter()
            .filter_map(|&callee| Some((callee, got[callee]?)));
        let (first, heard) = told.next().expect("somebody is told");
        assert!(
            callers.contains(&heard),
            "{first} got {heard}'s message, not one of {callers:?}"
        );
        assert_eq!(told.next(), None, "two of {callees:?} are told");
        (first, heard)
    });
    assert_eq!(replies.len(), expected.len());
    assert!(replies == expected, "{program:?}: {got:?}");
}

const PROGRAMS: [DialingProgram; 2] = [Contacts, Open];

/// Clients of few ids and few passes, which so happen to meet, some of them more than once.
fn clients(max: usize) -> impl Strategy<Value = Vec<Client>> {
    let callee = prop_oneof![0..12_usize, any::<usize>()];
    let pass = 0..3_usize;
    let twin = prop_oneof![9 => Just(false), 1 => Just(true)];
    proptest::collection::vec((callee, pass.clone(), pass, twin), 1..=max).prop_map(|clients| {
        let count = clients.len();
        let client = |(i, (callee, pass, own_pass, twin))| Client {
            id: id(if twin { 3 } else { i }),
            own_pass: id(own_pass),
            callee: id(callee % (count + 5)),
            pass: id(pass),
        };
        clients.into_iter().enumerate().map(client).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn dialing_is_ideal(clients in clients(250), seed: u64, width in 2..17_u8) {
        let settings = Settings { threads: 1, sort_width: SortWidth::new(width) };
        let mut world = World::with_settings(seed, settings);
        for (round, program) in (1..).zip(PROGRAMS) {
            assert_ideal(program, &clients, &run(&mut world, round, program, &clients));
        }
    }
}

#[test]
fn dialing_is_ideal_for_cheaters() {
    let wrong_pass = |i: usize, callee| Client {
        pass: id(7),
        ..caller(i, callee)
    };
    let twins = |passes: [usize; 2]| {
        let twin = |i: usize| Client {
            id: id(0),
            own_pass: id(passes[i]),
            callee: id(0),
            pass: id(0),
        };
        vec![twin(0), twin(1), wrong_pass(2, 0)]
    };
    let zeros = Client {
        id: [0; 16],
        own_pass: [0; 16],
        callee: [0; 16],
        pass: [0; 16],
    };
    let mut world = World::new(11);
    let mut round = 0;
    for clients in [
        callers(&[3; 50]),
        callers(&[1, 0]),
        callers(&[1, 2, 2]),
        callers(&[0]),
        callers(&[5]),
        callers(&(0..20).collect::<Vec<_>>()),
        callers(&(0..20).map(|i| (i + 1) % 20).collect::<Vec<_>>()),
        (0..10).map(|i| wrong_pass(i, 4)).collect(),
        vec![
            wrong_pass(0, 1),
            caller(1, 0),
            caller(2, 1),
            wrong_pass(3, 1),
        ],
        twins([0, 0]),
        twins([0, 1]),
        vec![zeros, caller(1, 0)],
        vec![zeros, zeros],
    ] {
        for program in PROGRAMS {
            round += 1;
            let replies = run(&mut world, round, program, &clients);
            assert_ideal(program, &clients, &replies);
        }
    }
}

#[test]
fn nobody_connected_is_no_error() {
    let replies = World::new(1).run(&[], |context, first, second| {
        party(context, (1, Contacts), &[], [first, second])
    });
    assert!(reconstruct(&replies.unwrap()).is_empty());
}

#[test]
fn own_input_of_a_wrong_length_is_an_error() {
    let clients = callers(&[0, 1]);
    for len in [0, DIAL_INPUT_BYTES, 2 * DIAL_INPUT_BYTES - 1] {
        let result = World::new(1).run(&vec![0; len], |context, first, second| {
            party(context, (1, Open), &clients, [first, second])
        });
        let expected = 2 * DIAL_INPUT_BYTES;
        let error = result.expect_err("a wrong length");
        let (what, got) = ("first", len);
        assert_eq!(
            error,
            Error::Input {
                what,
                expected,
                got
            }
        );
    }
}

/// How often each of `outcomes` occurred: chi-square against the uniform distribution.
fn chi_square(outcomes: &[u32]) -> f64 {
    let total: u32 = outcomes.iter().sum();
    let expected = f64::from(total) / outcomes.len() as f64;
    let squares = outcomes.iter().map(|n| (f64::from(*n) - expected).powi(2));
    squares.sum::<f64>() / expected
}

/// Of nine who dial one client, itself among them, each is heard as often; others with a wrong pass
/// never are, but in the open program (chi-square, 8 and 11 degrees of freedom).
#[test]
fn every_caller_is_as_likely() {
    let mut clients = callers(&[4; 12]);
    for client in &mut clients[9..] {
        client.pass = id(0);
    }
    let rows = rows(&clients);
    let mut world = World::new(99);
    let mut round = 0;
    for (program, callers, limit) in [(Contacts, 9, 26.1), (Open, 12, 31.3)] {
        let mut heard = [0; 12];
        for _ in 0..1800 {
            round += 1;
            let got = outcome(&rows, &run(&mut world, round, program, &clients));
            heard[got[4].expect("somebody dials it")] += 1;
        }
        let (heard, others) = heard.split_at(callers);
        assert!(others.iter().all(|n| *n == 0), "a wrong pass: {others:?}");
        let chi2 = chi_square(heard);
        assert!(chi2 < limit, "chi-square {chi2} (p < 0.001): {heard:?}");
    }
}

/// A client that dials itself always hears itself, whoever else is dialled how often, also in rounds in
/// which its id and another one's agree in the lowest bits of what rows are sorted by (it knows when
/// that is so). Where rows are sorted by so few bits it hears itself the less often, the more others
/// dial that one.
#[test]
fn few_key_bits_would_tell_who_is_dialled() {
    for others in [0, 2] {
        // The last ones dial client 1, those before them nobody.
        let mut clients = callers(&[0, 9, 10, 11]);
        for (i, client) in clients.iter_mut().enumerate().skip(4 - others) {
            *client = caller(i, 1);
        }
        let rows = rows(&clients);
        let mut world = World::new(others as u64);
        let mut agree = 0;
        for round in 1..=120 {
            let replies = world.run(&rows, |context, first, second| {
                let replies = party(context, (round, Open), &clients, [first, second])?;
                Ok((replies, std::mem::take(&mut context.probe.seen)))
            });
            let [(p0, seen), (p1, _), (p2, _)] = replies.expect("honest parties");
            // The nonce comes before them.
            let coins = &seen[1].rows[0];
            let alpha = Multiplier::new(coins[..16].try_into().unwrap());
            let [own, other] = [0, 1].map(|i| alpha.upper(&clients[i].id) >> 2 & 0b11);
            agree += u32::from(own == other);
            let reply = reconstruct(&[p0, p1, p2]);
            assert_eq!(
                reply[..DIAL_MESSAGE_BYTES],
                rows[48..][..DIAL_MESSAGE_BYTES],
                "round {round}"
            );
        }
        assert!(agree > 15, "in {agree} rounds they agree");
    }
}

/// Adds `difference` to the payload of one client's check row in the first component.
struct Overwritten {
    rows: Vec<u8>,
    at: usize,
    difference: Vec<u8>,
}

impl JoinedRows for Overwritten {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn xor(&self, at: usize, out: &mut [u8]) {
        self.rows.xor(at, out);
        if at == self.at {
            self.difference.xor(0, out);
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        self.rows
    }
}

/// What a client whom nobody dials gets when one party writes a message of its own choice into its
/// check row, as well as it can: it takes away all that it knows of what stands there.
fn reply_to_undialled(writer: PartyId, message: &[u8], payload: Payload) -> Vec<u8> {
    let clients = callers(&[1, 5]);
    let mut rows = rows(&clients);
    let payload_at = 48 + DIAL_MESSAGE_BYTES;
    if payload == Payload::Zeros {
        rows[payload_at..][..DIAL_MESSAGE_BYTES].fill(0);
    }
    let replies = World::new(5).run(&rows, |context, mut first, mut second| {
        let mut difference = vec![0; DIAL_MESSAGE_BYTES];
        if payload == Payload::Zeros {
            // What is zero by agreement needs no shares.
            for component in [&mut first, &mut second] {
                component[payload_at..][..DIAL_MESSAGE_BYTES].fill(0);
            }
        }
        if context.party() == writer {
            difference = message.to_vec();
            for component in [&first, &second] {
                component.xor(payload_at, &mut difference);
            }
        }
        let at = payload_at;
        let overwritten = |rows, difference| Overwritten {
            rows,
            at,
            difference,
        };
        context.begin(1)?;
        dialing(
            context,
            DialingInput {
                program: Contacts,
                ids: clients.iter().map(|client| client.id).collect(),
                first: overwritten(first, difference),
                second: overwritten(second, vec![0; DIAL_MESSAGE_BYTES]),
            },
        )
    });
    let mut replies = reconstruct(&replies.expect("payload is not checked"));
    replies.truncate(DIAL_MESSAGE_BYTES);
    replies
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Payload {
    /// Random and unknown to every single party.
    Dealt,
    /// Mistake: the same for all.
    Zeros,
}

/// No party can answer in the place of nobody, past the pass: it does not know what it must take away.
/// With zeros as payload either of the two that hold a half of the payload can.
#[test]
fn nobody_writes_what_the_undialled_get() {
    let message = [0xab; DIAL_MESSAGE_BYTES];
    for writer in [PartyId::P0, PartyId::P2] {
        let reply = reply_to_undialled(writer, &message, Payload::Dealt);
        assert!(reply != message, "{writer} wrote a message");
        let reply = reply_to_undialled(writer, &message, Payload::Zeros);
        assert!(reply == message, "{writer}: zeros are caught");
    }
}

#[test]
fn debug_hides_the_input() {
    let input = DialingInput {
        program: Open,
        ids: vec![[213; 16]],
        first: vec![213; DIAL_INPUT_BYTES],
        second: vec![213; DIAL_INPUT_BYTES],
    };
    let shown = format!("{input:?}");
    assert_eq!(shown, "DialingInput { program: Open, rows: 1, .. }");
}
