//! Lies about what is opened, and the order in which things are.

use super::play::{Deviation, P0, P1, P2, Played, run};
use crate::{
    Error, PartyId, Phase, Step,
    verify::{PROOF, STEPS, VERDICT},
};

/// Who reads, who sends it the component, the step, and a phase in which the reader would use it.
type Opening = (PartyId, PartyId, Step, Phase);

/// What everybody reads.
fn of_all(step: Step, then: Phase) -> [Opening; 3] {
    PartyId::ALL.map(|reader| (reader, reader.next(), step, then))
}

/// One component in which a bit is flipped, or another hash of it: its reader stops at once, whatever is
/// opened, and has used nothing of it.
fn nobody_believes(name: &str, openings: &[Opening]) {
    for &(reader, from, step, then) in openings {
        let hash_from = PartyId::ALL
            .into_iter()
            .find(|it| ![reader, from].contains(it));
        let lies = [(from, step), (hash_from.unwrap(), step.plus(1))];
        for (liar, step) in lies {
            for at in [0, 9] {
                let deviation = Deviation::flips(liar, &[(reader, step, at)]);
                for world in [0, 1] {
                    let played = run(name, (5, world), &deviation);
                    let end = &played.results[reader.index()];
                    let what = format!("{name}, {liar} to {reader}, {step}: {end:?}");
                    assert!(matches!(end, Err(Error::HashMismatch { .. })), "{what}");
                    assert!(!played.has_sent(reader, then), "{what}");
                }
            }
        }
    }
}

/// Two nonces, for two peers, would make an honest prover use other weights than an honest verifier, and
/// the other one's share tell it the difference: whoever is told another one proves nothing.
#[test]
fn nobody_is_told_another_nonce() {
    let nonce = Step::new(Phase::OpenCoins, 0);
    nobody_believes("conversation", &of_all(nonce, Phase::Verify));
    nobody_believes("contacts", &of_all(nonce, Phase::ShuffleRows));
}

/// List A changed on its way to P1 would be no hint but an oracle: P0 could make a value of a colluder
/// equal to one of list B that was opened to it, and see whether the two are matched.
#[test]
fn list_a_is_not_changed_on_its_way() {
    let list_a = (P1, P0, Step::new(Phase::OpenLists, 0), Phase::PlaceRows);
    nobody_believes("conversation", &[list_a]);
}

/// All other openings.
#[test]
fn nobody_believes_what_is_opened_alone() {
    let list_b = |reader| (reader, P1, Step::new(Phase::OpenLists, 2), Phase::LookUp);
    nobody_believes("conversation", &[list_b(P0), list_b(P2)]);
    let key = Step::new(Phase::OpenLists, 4);
    nobody_believes("conversation", &of_all(key, Phase::LookUp));
    let partners = Step::new(Phase::OpenPartners, 0);
    let readers = [(P1, P2), (P2, P1)].map(|(to, from)| (to, from, partners, Phase::Deliver));
    nobody_believes("conversation", &readers);
    let coins = Step::new(Phase::OpenCoins, 2);
    nobody_believes("contacts", &of_all(coins, Phase::ShuffleRows));
    let outcomes = Step::new(Phase::OpenOrder, 0);
    nobody_believes("contacts", &of_all(outcomes, Phase::CompareNeighbours));
}

/// A prover tells each verifier the hash of what the other one got: with another one the two would
/// examine it with different weights. They compare them, before either accepts.
#[test]
fn a_prover_that_names_two_roots_is_found_out() {
    for prover in PartyId::ALL {
        for verifier in [prover.next(), prover.prev()] {
            for phase in [0, 1] {
                let step = Step::new(Phase::Verify, phase * STEPS + PROOF);
                let deviation = Deviation::flips(prover, &[(verifier, step, 1)]);
                let played = run("conversation", (6, 0), &deviation);
                let ends = deviation.honest().map(|it| &played.results[it.index()]);
                for end in ends {
                    let found = matches!(end, Err(Error::DigestMismatch { .. }));
                    assert!(found, "{prover} to {verifier}: {end:?}");
                }
            }
        }
    }
}

/// Where in a list of frames the first or the last one of a phase is.
fn place(sent: &[(PartyId, Step)], phase: Phase, last: bool) -> usize {
    let mut steps = sent.iter().map(|(_, step)| step.phase());
    let found = if last {
        steps.rposition(|it| it == phase)
    } else {
        steps.position(|it| it == phase)
    };
    found.unwrap_or_else(|| panic!("nothing of {phase}"))
}

/// What honest parties send, in order: whatever is opened, the bins' key with it, was verified before.
#[test]
fn openings_come_after_verifications() {
    let Played { results, sent, .. } = run("conversation", (8, 0), &Deviation::none(P0));
    assert!(results.iter().all(Result::is_ok));
    for sent in sent {
        let at = |phase, last| place(&sent, phase, last);
        let is_verdict = |(_, step): &(PartyId, Step)| {
            step.phase() == Phase::Verify && step.index() % STEPS == VERDICT
        };
        // The first verification ends before lists are opened, the second before partners are.
        let verified: Vec<usize> = (0..sent.len())
            .filter(|&at| is_verdict(&sent[at]))
            .collect();
        assert_eq!(verified.len(), 4, "two verifications, two messages each");
        assert!(verified[1] < at(Phase::OpenLists, false));
        assert!(at(Phase::OpenLists, true) < verified[2]);
        assert!(verified[3] < at(Phase::OpenPartners, false));
    }
}
