//! The definition of the proof, as a test: to a party, whose inputs and keys are fixed, all that it
//! receives is uniformly random over the key that it lacks, whatever the inputs are.
//!
//! Messages are taken from the links, so that a new one can't be forgotten. Each bit is as often
//! one as zero, no two words share a mask, and no value comes twice. What is opened, and P1's hint, is
//! looked at as values instead: lists stand in every order. Hashes of what is opened, digests of weights
//! and the last share of a proof follow from what their receiver holds; that they do is what it checks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::{
    probe::Sight,
    programs::{Program, WORLDS},
};
use crate::{
    Link, LinkError, PartyId, Phase, Replies, Settings, Step,
    context::HEADER_BYTES,
    link::memory,
    verify::{STEPS, VERDICT},
    world::World,
};

/// Runs of a program before one party.
const RUNS: u64 = 640;
/// Deviations of a fair coin's count of ones: of 100,000 bits one is off by chance in 1e-10.
const DEVIATIONS: f64 = 8.0;
/// Bytes of which no two may share a mask.
const WORD: usize = 4;
/// Bytes that never come up twice in one run by chance.
const VALUE: usize = 8;

/// Sender, label and chunk, body.
type Message = (PartyId, Vec<u8>, Vec<u8>);

/// Notes what one party receives.
struct Tap<L> {
    link: L,
    received: Option<Arc<Mutex<Vec<Message>>>>,
}

impl<L: Link> Link for Tap<L> {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        let frame = self.link.recv(from)?;
        if let Some(received) = &self.received {
            let (header, body) = frame.split_at(HEADER_BYTES);
            let message = (from, header[8..15].to_vec(), body.to_vec());
            received.lock().unwrap().push(message);
        }
        Ok(frame)
    }
}

/// What one party got.
struct View {
    /// In the order of each link; last of each round the replies that it hands to clients.
    messages: Vec<Message>,
    opened: Vec<Sight>,
}

/// Three parties, with the run's own key between two of them; what the viewer receives.
fn world(viewer: PartyId, run: u64) -> (World, Arc<Mutex<Vec<Message>>>) {
    let mut keys = [[1; 32], [2; 32], [3; 32]];
    let lacking = &mut keys[viewer.next().index()];
    lacking[..8].copy_from_slice(&run.to_le_bytes());
    let received = Arc::new(Mutex::new(Vec::new()));
    let mut parties = PartyId::ALL.into_iter();
    let links = memory::connect().map(|link| Tap {
        link,
        received: (parties.next() == Some(viewer)).then(|| Arc::clone(&received)),
    });
    let settings = Settings {
        threads: 1,
        ..Settings::default()
    };
    (World::with_keys(7, keys, settings, links), received)
}

/// Runs a case before a party, for so many rounds.
fn view((program, input): (&Program, usize), viewer: PartyId, run: u64, rounds: u64) -> View {
    let (mut world, received) = world(viewer, run);
    let (mut messages, mut opened) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        let results = world.run(&program.input(input), |context, first, second| {
            let replies = program.run(context, (round, input), [first, second])?;
            Ok((replies, std::mem::take(&mut context.probe.seen)))
        });
        let (replies, seen) = results
            .expect("honest parties")
            .into_iter()
            .nth(viewer.index())
            .unwrap();
        let mut received = std::mem::take(&mut *received.lock().unwrap());
        // The two links are read in an order that depends on threads only.
        received.sort_by_key(|(from, ..)| *from);
        messages.extend(received.into_iter().filter_map(uniform_part));
        if let Replies::Rows { bytes, .. } = replies {
            messages.push((viewer, b"replies".to_vec(), bytes));
        }
        opened.extend(seen);
    }
    View { messages, opened }
}

/// What of a message must be uniform.
fn uniform_part((from, label, mut body): Message) -> Option<Message> {
    let step = Step::from_bytes([label[0], label[1], label[2]]).unwrap();
    match step.phase() {
        // Values, which are looked at when they are open, and hashes of them.
        Phase::OpenLists | Phase::OpenPartners | Phase::OpenOrder => return None,
        Phase::OpenCoins if step.index() % 2 == 1 => return None,
        // The hint is looked at as a permutation.
        Phase::PlaceRows if step.index() == 0 => return None,
        // Both have come: an empty message.
        Phase::Deliver if step.index() == 1 => return None,
        // A verifier's answer: a digest, then f, h and p of each inner product.
        Phase::Verify if step.index() % STEPS == VERDICT => {
            let answer = body.split_off(32);
            let kept = answer.chunks(48).flat_map(|product| &product[..32]);
            body = kept.copied().collect();
        }
        _ => {}
    }
    Some((from, label, body))
}

/// Counts over runs.
#[derive(Default)]
struct Counts {
    /// Sender, label, first byte, of each message.
    messages: Vec<(PartyId, Vec<u8>, usize)>,
    first: Vec<u8>,
    ones: Vec<u32>,
    /// Of each word, a hash of how it differs from the first run's in each of them.
    changes: Vec<u64>,
    /// Where values came up twice in one run.
    repeated: BTreeMap<String, u32>,
    runs: u64,
}

impl Counts {
    fn note(&mut self, messages: &[Message]) {
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|it| it.2.iter().copied())
            .collect();
        if self.runs == 0 {
            let mut at = 0;
            for (from, label, body) in messages {
                self.messages.push((*from, label.clone(), at));
                at += body.len();
            }
            self.ones = vec![0; 8 * bytes.len()];
            self.changes = vec![0; bytes.len() / WORD];
            self.first.clone_from(&bytes);
        }
        self.runs += 1;
        assert_eq!(bytes.len(), self.first.len(), "always the same sizes");
        for (byte, ones) in bytes.iter().zip(self.ones.chunks_exact_mut(8)) {
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += u32::from(byte >> bit & 1);
            }
        }
        let mut seen = HashSet::new();
        for (from, label, body) in messages {
            for value in body.chunks_exact(VALUE) {
                if !seen.insert(value) {
                    let name = format!("{from}, phase {} {label:?}", label[0]);
                    *self.repeated.entry(name).or_default() += 1;
                }
            }
        }
        let words = bytes.chunks_exact(WORD).zip(self.first.chunks_exact(WORD));
        for (hash, (word, first)) in self.changes.iter_mut().zip(words) {
            for (byte, first) in word.iter().zip(first) {
                *hash = (*hash ^ u64::from(byte ^ first)).wrapping_mul(0x0100_0000_01b3);
                *hash ^= *hash >> 29;
            }
        }
    }

    /// Names the message in which a byte stands.
    fn name(&self, byte: usize) -> String {
        let (from, label, start) = self.messages.iter().rfind(|it| it.2 <= byte).unwrap();
        let phase = label.first().copied().unwrap_or_default();
        format!("{from}, phase {phase} {label:?} at {}", byte - start)
    }

    /// What is not as random as it must be, one line each.
    fn faults(&self) -> Vec<String> {
        let runs = self.runs as f64;
        let limit = DEVIATIONS * runs.sqrt() / 2.0;
        let mut faults = BTreeMap::new();
        for (bit, ones) in self.ones.iter().enumerate() {
            if (f64::from(*ones) - runs / 2.0).abs() > limit {
                let fault = || format!("bit {} is one in {ones} of {runs} runs", bit % 8);
                faults.entry(self.name(bit / 8)).or_insert_with(fault);
            }
        }
        let mut seen: HashMap<u64, usize> = HashMap::new();
        for (word, change) in self.changes.iter().enumerate() {
            if let Some(before) = seen.insert(*change, word) {
                let fault = || format!("the mask of {}", self.name(before * WORD));
                faults.entry(self.name(word * WORD)).or_insert_with(fault);
            }
        }
        let repeated = self.repeated.iter();
        let repeated = repeated.map(|(name, times)| (name.clone(), format!("{times} repeat")));
        let faults = faults.into_iter().chain(repeated);
        faults
            .map(|(name, fault)| format!("{name}: {fault}"))
            .collect()
    }
}

/// How often each outcome came up, of what was opened in one step.
type Outcomes = BTreeMap<(Step, String), BTreeMap<Vec<u8>, u32>>;

/// Notes the order of an opened permutation, and else where each value stands.
fn note_opened(outcomes: &mut Outcomes, opened: &[Sight]) {
    for Sight { step, rows } in opened {
        let mut note = |what: String, outcome| {
            let outcomes = outcomes.entry((*step, what)).or_default();
            *outcomes.entry(outcome).or_default() += 1;
        };
        match step.phase() {
            Phase::OpenPartners | Phase::Sort => note("order".into(), rows.concat()),
            Phase::OpenLists if rows.len() > 1 => {
                for (place, value) in (0..).zip(rows) {
                    note(format!("{value:?}"), vec![place]);
                }
            }
            // Where the first row of list A, or the first pad, stands: one of 256 parts.
            Phase::PlaceRows => {
                let first = rows.iter().position(|row| row == &[0; 4]).unwrap();
                note("hint".into(), vec![(first * 8 / rows.len()) as u8]);
            }
            // Coins: uniform, and checked as such.
            _ => {}
        }
    }
}

/// What does not stand in every order equally often, one line each. Chances of 1e-9.
fn disorder(outcomes: &Outcomes, rows: usize) -> Vec<String> {
    let mut faults = Vec::new();
    for ((step, what), counts) in outcomes {
        let total: u32 = counts.values().sum();
        let kinds = match step.phase() {
            Phase::OpenLists => rows,
            Phase::PlaceRows => 8,
            _ => (1..=rows).product(),
        };
        // A value that came up now and then is a random one.
        if u64::from(total) < RUNS / 8 {
            continue;
        }
        let expected = f64::from(total) / kinds as f64;
        let unseen = (kinds - counts.len().min(kinds)) as f64 * expected;
        let squares = counts.values().map(|n| (f64::from(*n) - expected).powi(2));
        let chi_square = squares.sum::<f64>() / expected + unseen;
        if chi_square > 2.0 * kinds as f64 + 40.0 {
            faults.push(format!(
                "{step}, {what}: chi-square {chi_square:.0} of {kinds}"
            ));
        }
    }
    faults
}

/// Runs a case before a party many times and returns what is not as random as it must be.
fn faults(case: (&Program, usize), viewer: PartyId, rounds: u64) -> Vec<String> {
    let (mut messages, mut coins) = (Counts::default(), Counts::default());
    let mut outcomes = Outcomes::new();
    for run in 0..RUNS {
        let view = view(case, viewer, run, rounds);
        messages.note(&view.messages);
        // Of what a coin is made is sent, so its masks are known.
        let opened = view.opened.iter();
        let is_coin = |sight: &&Sight| match sight.step.phase() {
            Phase::OpenCoins => true,
            // The bins' key, beside lists.
            Phase::OpenLists => sight.rows.len() == 1,
            _ => false,
        };
        let drawn = opened.filter(is_coin);
        let drawn = drawn.map(|sight| (viewer, b"coins".to_vec(), sight.rows.concat()));
        coins.note(&drawn.collect::<Vec<_>>());
        note_opened(&mut outcomes, &view.opened);
    }
    assert!(messages.messages.len() > 4, "messages were seen");
    let disorder = disorder(&outcomes, case.0.rows);
    [messages.faults(), coins.faults(), disorder].concat()
}

/// Every party's view of a program is uniform, in each of so many worlds.
fn check(name: &str, worlds: usize) {
    let (program, rounds) = (Program::named(name), 1);
    for world in 0..worlds {
        for viewer in PartyId::ALL {
            let faults = faults((&program, world), viewer, rounds);
            assert_eq!(
                faults,
                Vec::<String>::new(),
                "{name}, world {world}, before {viewer}"
            );
        }
    }
}

#[test]
fn conversations_are_uniform_to_each_party() {
    check("conversation", WORLDS);
}

#[test]
fn sorting_conversations_are_uniform_to_each_party() {
    check("sorting", 1);
}

#[test]
fn dials_are_uniform_to_each_party() {
    check("contacts", WORLDS);
}

#[test]
fn open_dials_are_uniform_to_each_party() {
    check("open", 1);
}
