//! All programs give the ideal functionality's outputs at 100,000 rows, cheaters among them.
//!
//! Slow without optimisation: `cargo test --release -p mcmix-engine -- --ignored`.

#![allow(
    clippy::cast_possible_truncation,
    reason = "cuts bytes and positions out of words"
)]

use std::collections::HashMap;

use mcmix_engine::{
    BothToldInput, ConversationInput, DialingInput, DialingProgram, Settings, conversation,
    conversation_by_sorting, dialing, dialing_both_told, ideal,
    world::{World, reconstruct},
};

const ROWS: usize = 100_000;

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Pairs, pairs of one role, triples, one tag a thousand times, extreme tags, idle rows.
fn rows(message_bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for i in 0..ROWS as u64 {
        let (tag, role) = match i % 10 {
            0..=5 => (mix(i / 2), i % 2),
            6 => (mix(i / 20), 0),
            7 => (mix((1 << 40) | (i / 30)), mix(i)),
            8 if i < 10_000 => (u64::MAX, mix(i)),
            8 => (mix((1 << 50) | i), 1),
            _ => (i % 5, mix(i)),
        };
        out.extend(tag.to_le_bytes());
        out.push((mix(role) as u8 & 0xfe) | (role as u8 & 1));
        out.extend(
            mix(!i)
                .to_le_bytes()
                .into_iter()
                .cycle()
                .take(message_bytes),
        );
    }
    out
}

fn two_threads() -> Settings {
    Settings {
        threads: 2,
        ..Settings::default()
    }
}

#[test]
#[ignore = "slow without optimisation"]
fn conversations() {
    let rows = rows(40);
    let expected = ideal::conversation(&rows, 40);
    let mut world = World::with_settings(1, two_threads());
    for (round, program) in [
        (1, conversation as fn(&mut _, _) -> _),
        (2, conversation_by_sorting),
    ] {
        let replies = world.run(&rows, |context, first, second| {
            context.begin(round)?;
            program(
                context,
                ConversationInput {
                    rows: ROWS,
                    message_bytes: 40,
                    first,
                    second,
                },
            )
        });
        assert!(
            reconstruct(&replies.unwrap()) == expected,
            "round {round} differs"
        );
    }
}

/// Clients who dial one of them or nobody, with the right pass, a wrong one, or of two who share an id.
fn dials(program: DialingProgram, clients: u64, round: u64, world: &mut World) {
    let id = |i: u64| (u128::from(mix(i)) << 64 | u128::from(mix(!i))).to_le_bytes();
    let pass = |i: u64| id((1 << 40) | i);
    // Ten ids are had twice.
    let ids: Vec<_> = (0..clients)
        .map(|i| id(if i % 10_000 == 9 { i - 1 } else { i }))
        .collect();
    let rows: Vec<u8> = (0..clients)
        .flat_map(|i| {
            let callee = match i % 10 {
                0..=2 => i,
                3 | 4 => mix(i) % 1000,
                5 => 7,
                6 => 0,
                7 => i + 1,
                _ => 1 << 50 | i,
            };
            let pass_of = if i % 7 == 3 { i } else { callee };
            let own_pass = if i % 20_000 == 9 { i - 1 } else { i };
            let head = [id(callee), pass(pass_of), pass(own_pass)].concat();
            let message = |kind: u64| {
                let words = (0..25).map(move |at| mix(i << 8 | kind << 5 | at));
                words.flat_map(u64::to_le_bytes)
            };
            head.into_iter()
                .chain(message(0))
                .chain(message(1))
                .collect::<Vec<_>>()
        })
        .collect();
    let replies = world.run(&rows, |context, first, second| {
        context.begin(round)?;
        let ids = ids.clone();
        dialing(
            context,
            DialingInput {
                program,
                ids,
                first,
                second,
            },
        )
    });
    let replies = reconstruct(&replies.expect("honest parties"));
    let messages = rows.chunks(448).filter_map(|row| row.get(48..248));
    let by_message: HashMap<&[u8], usize> = messages.zip(0..).collect();
    let heard = replies.chunks(200).map(|reply| by_message.get(reply));
    let heard: Vec<Option<&usize>> = heard.collect();
    let expected = ideal::dialing(program, &ids, &rows, |callees, callers| {
        let mut told = callees
            .iter()
            .filter_map(|&callee| Some((callee, **heard.get(callee)?.as_ref()?)));
        let (told, whose) = told.next().expect("one is told");
        assert!(callers.contains(&whose), "{told} heard {whose}");
        (told, whose)
    });
    assert!(replies == expected, "{program:?} of {clients}");
}

#[test]
#[ignore = "slow without optimisation"]
fn one_is_told() {
    let mut world = World::with_settings(3, two_threads());
    dials(DialingProgram::Contacts, ROWS as u64, 1, &mut world);
    dials(DialingProgram::Open, ROWS as u64, 2, &mut world);
}

/// So many rows have tie-breaks that take words of more than 64 bits.
#[test]
#[ignore = "slow without optimisation"]
fn one_is_told_of_many() {
    let mut world = World::with_settings(4, two_threads());
    dials(DialingProgram::Contacts, 140_000, 1, &mut world);
}

#[test]
#[ignore = "slow without optimisation"]
fn both_are_told() {
    let id = |i: u64| mix((1 << 60) | i);
    let ids: Vec<u64> = (0..ROWS as u64).map(id).collect();
    let callee = |i: u64| match i % 10 {
        0..=2 => id(i),
        3 | 4 => id(mix(i) % 1000),
        5 => id(7),
        6 => id(0),
        7 => id(i + 1),
        _ => mix(!i),
    };
    let callees: Vec<u64> = (0..ROWS as u64).map(callee).collect();
    let keys: Vec<[u8; 32]> = (0..ROWS as u64)
        .map(|i| std::array::from_fn(|at| i.to_le_bytes()[at % 8]))
        .collect();
    let input: Vec<u8> = callees
        .iter()
        .flat_map(|callee| callee.to_le_bytes())
        .collect();
    let replies = World::with_settings(2, two_threads()).run(&input, |context, first, second| {
        context.begin(1)?;
        let (ids, keys) = (ids.clone(), keys.clone());
        dialing_both_told(
            context,
            BothToldInput {
                ids,
                keys,
                first,
                second,
            },
        )
    });
    let replies = reconstruct(&replies.unwrap());
    let real: Vec<usize> = replies
        .chunks_exact(48)
        .map(|reply| u64::from_le_bytes(reply[..8].try_into().unwrap()) as usize)
        .collect();
    let allowed = ideal::both_told_partners(&ids, &callees, |callee, callers| {
        assert!(
            callers.contains(&real[callee]),
            "{callee} is matched with {}",
            real[callee]
        );
        real[callee]
    });
    assert!(real == allowed);
    for (i, reply) in replies.chunks_exact(48).enumerate() {
        assert_eq!(reply[32..], replies[real[i] * 48..][32..48]);
        assert_eq!(reply[32..] == [0; 16], real[i] == i);
    }
}
