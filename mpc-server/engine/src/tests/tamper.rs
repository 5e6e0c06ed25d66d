//! A party that changes one of its messages: every message of every program, taken from the transcript,
//! so that a new one can't be forgotten (docs/protocol.md §7).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use super::{
    probe::{Change, Cheat},
    programs::{Program, WORLDS},
};
use crate::{
    Error, Link, LinkError, PartyId, Phase, Replies, Settings, Step,
    context::HEADER_BYTES,
    link::memory::{self, MemoryLink},
    stream::xor_seed,
    verify::{PROOF, STEPS, VERDICT},
    world::World,
};

/// Receiver, step and whether it is the step's first frame.
type Sent = (PartyId, Step);

/// Notes what a party sends; a careless cheat changes it only here, when it is hashed.
struct Tap {
    link: MemoryLink,
    sent: Arc<Mutex<Vec<Sent>>>,
    careless: Option<Cheat>,
}

impl Link for Tap {
    fn send(&mut self, to: PartyId, mut frame: Vec<u8>) -> Result<(), LinkError> {
        let step = Step::from_bytes([frame[8], frame[9], frame[10]]).unwrap();
        self.sent.lock().unwrap().push((to, step));
        let cheat = self
            .careless
            .take_if(|cheat| (cheat.to, cheat.step) == (to, step));
        if let Some(cheat) = cheat {
            cheat.change.make(&mut frame, 1, cheat.at);
        }
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.link.recv(from)
    }
}

/// Whether a cheater's own hashes are of what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    Consistent,
    Careless,
}

/// What came of a run.
struct Outcome {
    results: [Result<Replies, Error>; 3],
    sent: [Vec<Sent>; 3],
    cheated: bool,
}

fn run(program: &Program, world: usize, cheat: Option<(PartyId, Care, Cheat)>) -> Outcome {
    let sent: [Arc<Mutex<Vec<Sent>>>; 3] = [0, 1, 2].map(|_| Arc::default());
    let mut parties = PartyId::ALL.into_iter().zip(sent.iter().cloned());
    let links = memory::connect().map(|link| {
        let (party, sent) = parties.next().unwrap();
        let careless = cheat.filter(|it| it.0 == party && it.1 == Care::Careless);
        Tap {
            link,
            sent,
            careless: careless.map(|it| it.2),
        }
    });
    let settings = Settings {
        threads: 1,
        ..Settings::default()
    };
    let cheated = Mutex::new(false);
    let results = World::with_links(7, settings, links).run_each(
        &program.input(world),
        |context, first, second| {
            let consistent = cheat.filter(|it| it.0 == context.party() && it.1 == Care::Consistent);
            context.probe.cheats = consistent.map(|it| it.2).into_iter().collect();
            let result = program.run(context, (2, world), [first, second]);
            *cheated.lock().unwrap() |= context.probe.cheated;
            result
        },
    );
    let cheated = cheated.into_inner().unwrap() || cheat.is_some_and(|it| it.1 == Care::Careless);
    Outcome {
        results,
        sent: sent.map(|sent| std::mem::take(&mut *sent.lock().unwrap())),
        cheated,
    }
}

/// Every message of an honest run, each once.
fn messages(program: &Program, world: usize) -> Vec<(PartyId, PartyId, Step)> {
    let honest = run(program, world, None);
    let of = |(from, sent): (PartyId, &Vec<Sent>)| {
        let mut seen = BTreeSet::new();
        let all = sent
            .iter()
            .filter(move |(to, step)| seen.insert((to.index(), *step)));
        all.map(move |(to, step)| (from, *to, *step))
            .collect::<Vec<_>>()
    };
    PartyId::ALL
        .into_iter()
        .zip(&honest.sent)
        .flat_map(of)
        .collect()
}

fn is_opening(step: Step) -> bool {
    matches!(
        step.phase(),
        Phase::OpenLists | Phase::OpenPartners | Phase::OpenOrder
    )
}

/// Found by its hash, at once.
fn is_coin(step: Step) -> bool {
    step.phase() == Phase::OpenCoins
}

/// Nobody proves what a step carries: payload on its way, and replies.
fn is_free(step: Step) -> bool {
    !step.is_proved() && step.phase() != Phase::Verify
}

/// How many verifications a party had begun when it sent a message.
fn verifications(sent: &[Sent], message: Sent) -> usize {
    let before = sent.iter().take_while(|it| **it != message);
    let begun =
        before.filter(|(_, step)| step.phase() == Phase::Verify && step.index() % STEPS == PROOF);
    // One message to each verifier.
    begun.count() / 2
}

/// How many times an honest party opened something after it had taken part in so many verifications and
/// one more.
fn opened_after(sent: &[Sent], verifications: usize) -> usize {
    let mut verified = 0;
    let later = sent.iter().filter(|(_, step)| {
        verified += usize::from(step.phase() == Phase::Verify && step.index() % STEPS == VERDICT);
        is_opening(*step) && verified > 2 * verifications
    });
    later
        .map(|(_, step)| step.phase())
        .collect::<BTreeSet<_>>()
        .len()
}

/// What clients get: `None` where the servers' parts do not fit.
fn replies(results: &[Result<Replies, Error>; 3]) -> Vec<Option<Vec<u8>>> {
    let [
        Ok(Replies::Seeds(seeds)),
        Ok(Replies::Rows {
            row_bytes,
            bytes: y2,
            seeds: y1,
        }),
        Ok(Replies::Rows {
            bytes: copy,
            seeds: y0,
            ..
        }),
    ] = results
    else {
        return Vec::new();
    };
    let rows = y2
        .chunks_exact(*row_bytes)
        .zip(copy.chunks_exact(*row_bytes));
    rows.zip(seeds.iter().zip(y0.iter().zip(y1)))
        .map(|((row, copy), (seeds, (y0, y1)))| {
            let mut out = row.to_vec();
            xor_seed(&seeds.y0, &mut out);
            xor_seed(&seeds.y1, &mut out);
            (row == copy && seeds.y0 == *y0 && seeds.y1 == *y1).then_some(out)
        })
        .collect()
}

/// Checks what must come of a changed message.
fn check(program: &Program, world: usize, cheater: PartyId, (care, cheat): (Care, Cheat)) {
    let outcome = run(program, world, Some((cheater, care, cheat)));
    if !outcome.cheated {
        return;
    }
    let what = || {
        format!(
            "{}: {cheater} to {}, {}: {:?}, {care:?}",
            program.name, cheat.to, cheat.step, cheat.change
        )
    };
    let honest: Vec<usize> = (0..3).filter(|&party| party != cheater.index()).collect();
    let failed = honest
        .iter()
        .filter(|&&party| outcome.results[party].is_err())
        .count();
    let whole = !matches!(cheat.change, Change::Shorter | Change::Longer);
    if is_free(cheat.step) && whole {
        // Garbled or denied, in those rows alone that were changed.
        assert_eq!(failed, 0, "{}", what());
        let (got, before) = (
            replies(&outcome.results),
            replies(&run(program, world, None).results),
        );
        let changed = got
            .iter()
            .zip(&before)
            .filter(|(got, before)| got != before)
            .count();
        let most = match cheat.change {
            Change::FlipBit | Change::FlipTwoLanes => 1,
            Change::SwapRows => 2,
            _ => before.len(),
        };
        assert!(
            got.len() == before.len() && changed <= most,
            "{}: {changed} rows",
            what()
        );
        return;
    }
    if cheat.step.phase() == Phase::Deliver {
        assert!(failed > 0, "{}", what());
        return;
    }
    assert_eq!(failed, 2, "{}: {:?}", what(), outcome.results);
    // What the cheater itself has hashed differs from what was received, so weights do, too: the message
    // is one of those that they depend on.
    let hashed = cheat.step.is_proved() && !is_opening(cheat.step) && !is_coin(cheat.step);
    if care == Care::Careless && hashed && cheat.step.phase() != Phase::PlaceRows {
        let errors = honest
            .iter()
            .filter_map(|&party| outcome.results[party].as_ref().err());
        let found = errors.filter(|error| matches!(error, Error::DigestMismatch { .. }));
        assert!(found.count() > 0, "{}: {:?}", what(), outcome.results);
    }
    // Nothing more is opened; after a lie in a verification, at most by one of the two.
    let begun = verifications(&outcome.sent[cheater.index()], (cheat.to, cheat.step));
    let in_proof = cheat.step.phase() == Phase::Verify;
    let begun = if in_proof {
        usize::from(cheat.step.index() / STEPS)
    } else {
        begun
    };
    let opened = honest
        .iter()
        .map(|&party| opened_after(&outcome.sent[party], begun));
    let opened: Vec<usize> = opened.collect();
    if in_proof {
        assert!(
            opened.contains(&0) && opened.iter().all(|&n| n <= 1),
            "{}: {opened:?}",
            what()
        );
    } else if !is_opening(cheat.step) {
        assert_eq!(opened, [0, 0], "{}", what());
    }
}

/// Every message, changed in every way, by a cheater whose own hashes are of what it sent, and by one
/// whose are not.
fn every_change_is_noticed(name: &str) {
    let program = Program::named(name);
    let all = messages(&program, 0);
    assert!(all.len() > 40, "{name}: {} messages", all.len());
    for (number, (from, to, step)) in all.into_iter().enumerate() {
        for change in Change::ALL {
            let at = 7 * number + 3;
            let cheat = Cheat {
                to,
                step,
                change,
                at,
            };
            check(&program, number % WORLDS, from, (Care::Consistent, cheat));
        }
        let cheat = Cheat {
            to,
            step,
            change: Change::FlipBit,
            at: number,
        };
        check(&program, number % WORLDS, from, (Care::Careless, cheat));
    }
}

/// Where and how a run ended at each honest party.
fn ends(outcome: &Outcome) -> [Option<String>; 3] {
    outcome
        .results
        .each_ref()
        .map(|result| result.as_ref().err().map(ToString::to_string))
}

/// Whether and where a round aborts does not depend on who is matched with whom.
fn aborts_say_nothing(name: &str) {
    let program = Program::named(name);
    for (number, (from, to, step)) in messages(&program, 0).into_iter().enumerate() {
        for change in [Change::FlipBit, Change::SwapRows] {
            let cheat = Cheat {
                to,
                step,
                change,
                at: 11 * number + 5,
            };
            let outcomes =
                [0, 1].map(|world| run(&program, world, Some((from, Care::Consistent, cheat))));
            let [one, two] = outcomes.each_ref().map(ends);
            // Two that wait for each other end as threads go; who noticed is always the same.
            let noticed = |ends: [Option<String>; 3]| {
                ends.map(|end| end.filter(|end| !end.contains("closed")))
            };
            assert_eq!(
                noticed(one),
                noticed(two),
                "{name}: {from} to {to}, {step}: {change:?}"
            );
        }
    }
}

#[test]
fn every_change_in_a_conversation_is_noticed() {
    every_change_is_noticed("conversation");
}

#[test]
fn every_change_in_a_sorting_conversation_is_noticed() {
    every_change_is_noticed("sorting");
}

#[test]
fn every_change_in_dialing_is_noticed() {
    every_change_is_noticed("contacts");
    every_change_is_noticed("open");
}

#[test]
fn every_change_in_dialing_as_in_the_paper_is_noticed() {
    every_change_is_noticed("both told");
}

#[test]
fn aborts_of_conversations_say_nothing() {
    aborts_say_nothing("conversation");
    aborts_say_nothing("sorting");
}

#[test]
fn aborts_of_dialing_say_nothing() {
    aborts_say_nothing("contacts");
    aborts_say_nothing("both told");
}

/// Labels, too: a frame of another round, step or chunk is its sender's fault.
#[test]
fn wrong_labels_are_their_senders_fault() {
    struct Label {
        link: MemoryLink,
        byte: Option<usize>,
    }
    impl Link for Label {
        fn send(&mut self, to: PartyId, mut frame: Vec<u8>) -> Result<(), LinkError> {
            if let Some(byte) = self.byte.take() {
                frame.truncate(frame.len().max(HEADER_BYTES));
                frame[byte] ^= 1;
            }
            self.link.send(to, frame)
        }
        fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
            self.link.recv(from)
        }
    }
    let program = Program::named("conversation");
    for byte in [0, 8, 9, 11] {
        let mut parties = PartyId::ALL.into_iter();
        let links = memory::connect().map(|link| Label {
            link,
            byte: (parties.next() == Some(PartyId::P2)).then_some(byte),
        });
        let settings = Settings {
            threads: 1,
            ..Settings::default()
        };
        let results = World::with_links(7, settings, links)
            .run_each(&program.input(0), |context, first, second| {
                program.run(context, (2, 0), [first, second])
            });
        let blamed = results.iter().filter_map(|result| result.as_ref().err());
        let wrong = blamed.filter(|error| {
            matches!(
                error,
                Error::WrongRound {
                    peer: PartyId::P2,
                    ..
                } | Error::WrongStep {
                    peer: PartyId::P2,
                    ..
                } | Error::WrongChunk {
                    peer: PartyId::P2,
                    ..
                }
            )
        });
        assert_eq!(wrong.count(), 1, "byte {byte}");
    }
}
