//! Attacks by name (docs/protocol.md §6 and §7). Mistakes of xtask/mistakes leave out a check: there tests
//! of these fail.

use std::sync::Mutex;

use super::{
    probe::{Change, Cheat},
    programs::Program,
};
use crate::{
    Error, PartyId, Phase, Replies, Step,
    verify::{STEPS, VERDICT},
    world::{World, reconstruct},
};

const P0: PartyId = PartyId::P0;
const P1: PartyId = PartyId::P1;
const P2: PartyId = PartyId::P2;

/// Runs conversations in which a party cheats so.
fn converse(
    seed: u64,
    world: usize,
    cheater: PartyId,
    cheats: &[Cheat],
    hint: Option<fn(&mut Vec<u32>)>,
) -> [Result<Replies, Error>; 3] {
    let program = Program::named("conversation");
    World::new(seed).run_each(&program.input(world), |context, first, second| {
        if context.party() == cheater {
            context.probe.cheats = cheats.to_vec();
            context.probe.hint = hint;
        }
        program.run(context, (1, world), [first, second])
    })
}

fn flip(to: PartyId, step: Step, at: usize) -> Cheat {
    Cheat {
        to,
        step,
        change: Change::FlipBit,
        at,
    }
}

/// Flipping a row of c on the way to its readers would tell from the opened list where that row's
/// partner stands.
#[test]
fn a_flipped_row_of_c_is_never_opened() {
    for (from, to, index) in [(P0, P2, 0), (P2, P0, 0), (P0, P1, 1), (P1, P0, 1)] {
        for row in 0..3 {
            let cheat = flip(to, Step::new(Phase::ShufflePayload, index), 8 * row);
            let results = converse(3, 0, from, &[cheat], None);
            for party in PartyId::ALL.into_iter().filter(|party| *party != from) {
                assert!(results[party.index()].is_err(), "{from} to {to}, row {row}");
            }
        }
    }
}

/// Adding something in a first hop and the same in a second, at a place guessed: whether it cancels
/// would tell where the row went.
#[test]
fn guessing_where_a_row_went_is_no_use() {
    for (first, second) in [(0, 0), (0, 1), (0, 2), (1, 0), (2, 1)] {
        let steps = [0, 1].map(|index| Step::new(Phase::ShufflePayload, index));
        let cheats = [
            flip(P2, steps[0], 8 * 4 * first),
            flip(P1, steps[1], 8 * 4 * second),
        ];
        let results = converse(4, 0, P0, &cheats, None);
        assert!(
            results[1].is_err() && results[2].is_err(),
            "{first}, {second}"
        );
    }
}

/// What clients get, if all three servers came to an end.
fn replies(results: [Result<Replies, Error>; 3]) -> Vec<u8> {
    let [Ok(p0), Ok(p1), Ok(p2)] = results else {
        panic!("{results:?}");
    };
    reconstruct(&[p0, p1, p2])
}

/// P1 can leave out of the bins what it likes, if it does so consistently: those rows meet nobody, and
/// nobody else notices.
#[test]
fn another_hint_only_denies() {
    let own = replies(converse(5, 1, P1, &[], None));
    let met = replies(converse(5, 0, P1, &[], None));
    assert_ne!(own, met);
    let turned: fn(&mut Vec<u32>) = |hint| hint.rotate_left(1);
    let swapped: fn(&mut Vec<u32>) = |hint| {
        let half = hint.len() / 2;
        hint.rotate_left(half);
    };
    for change in [turned, swapped] {
        for world in [0, 1] {
            assert_eq!(replies(converse(5, world, P1, &[], Some(change))), own);
        }
    }
}

/// A hint that is no permutation ends the round at once, whatever the tags are.
#[test]
fn a_hint_that_is_no_permutation_ends_the_round() {
    let twice: fn(&mut Vec<u32>) = |hint| hint[1] = hint[0];
    let beyond: fn(&mut Vec<u32>) = |hint| hint[0] = hint.len() as u32;
    for change in [twice, beyond] {
        for world in [0, 1] {
            let [_, _, p2] = converse(6, world, P1, &[], Some(change));
            assert!(matches!(p2, Err(Error::NotAPermutation { .. })), "{p2:?}");
        }
    }
}

/// Pads and rows without a tag match no value that a client can submit: here everyone's tag is zero.
#[test]
fn nobody_meets_a_pad() {
    for roles in [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1]] {
        let rows: Vec<u8> = roles
            .iter()
            .flat_map(|role| [&[0; 8][..], &[*role], &[*role; 8]].concat())
            .collect();
        for seed in 0..20 {
            let program = Program::named("conversation");
            let results = World::new(seed).run(&rows, |context, first, second| {
                program.run(context, (1, 0), [first, second])
            });
            let got = reconstruct(&results.expect("honest parties"));
            let own: Vec<u8> = roles.iter().flat_map(|role| [*role; 8]).collect();
            assert_eq!(got, own, "{roles:?}");
        }
    }
}

/// What honest parties send, in order: whatever is opened was verified before, and P0 gives its seeds
/// last of all.
#[test]
fn openings_come_after_verifications() {
    let program = Program::named("conversation");
    let sent = Mutex::new(Vec::new());
    let results = World::new(8).run(&program.input(0), |context, first, second| {
        let replies = program.run(context, (1, 0), [first, second])?;
        sent.lock()
            .unwrap()
            .push((context.party(), context.probe.sent.clone()));
        Ok(replies)
    });
    results.expect("honest parties");
    for (party, sent) in sent.into_inner().unwrap() {
        let at = |phase: Phase, last: bool| {
            let mut steps = sent.iter().map(|step: &Step| step.phase());
            let found = if last {
                steps.rposition(|it| it == phase)
            } else {
                steps.position(|it| it == phase)
            };
            found.unwrap_or_else(|| panic!("{party}: {phase}"))
        };
        // The first verification ends before lists are opened, the second before partners are.
        let verified: Vec<usize> = (0..sent.len())
            .filter(|&at| sent[at].phase() == Phase::Verify && sent[at].index() % STEPS == VERDICT)
            .collect();
        assert_eq!(verified.len(), 4, "two verifications, two messages each");
        assert!(
            verified[1] < at(Phase::OpenLists, false) && at(Phase::OpenLists, true) < verified[2]
        );
        assert!(verified[3] < at(Phase::OpenPartners, false));
    }
}

/// P0 gives no seeds before both others have told it that all is fixed.
#[test]
fn seeds_are_given_last() {
    for from in [P1, P2] {
        let cheat = Cheat {
            to: P0,
            step: Step::new(Phase::Deliver, 1),
            change: Change::Longer,
            at: 0,
        };
        let [p0, ..] = converse(9, 0, from, &[cheat], None);
        assert!(p0.is_err(), "{from}");
    }
}
