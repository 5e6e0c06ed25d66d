//! A party that changes one of its messages: a named error, or listed as not detected yet
//! (docs/protocol.md §7).

use std::collections::BTreeSet;

use super::{
    dialing::{self, callers},
    dialing_both_told::{id, key},
    real_is_ideal::Program,
};
use crate::{
    BothToldInput, Context, ConversationInput, DialingProgram, Error, Link, LinkError, PartyId,
    Phase, Replies, Settings, Step, Suspects, conversation, conversation_by_sorting,
    dialing_both_told,
    link::memory::{self, MemoryLink},
    world::World,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    FlipLabel,
    FlipRound,
    FlipChunk,
    FlipBody,
    Truncate,
    Extend,
    Empty,
}

/// Changes one of the frames that a party sends.
struct Tamper {
    link: MemoryLink,
    /// Frames to let pass first; `None`: all.
    after: Option<usize>,
    change: Change,
}

impl Link for Tamper {
    fn send(&mut self, to: PartyId, mut frame: Vec<u8>) -> Result<(), LinkError> {
        if self.after == Some(0) {
            match self.change {
                Change::FlipRound => frame[0] ^= 1,
                Change::FlipLabel => frame[9] ^= 0x40,
                Change::FlipChunk => frame[11] ^= 1,
                // The lowest bit of the last row's first byte matters in every vector.
                Change::FlipBody => frame[19] ^= 1,
                Change::Truncate => frame.truncate(frame.len() - 1),
                Change::Extend => frame.push(0),
                Change::Empty => frame.clear(),
            }
        }
        self.after = self.after.and_then(|after| after.checked_sub(1));
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.link.recv(from)
    }
}

/// Whom the clients dial.
const CALLEES: [usize; 3] = [1, 1, 9];

type Run = fn(&mut Context, Vec<u8>, Vec<u8>) -> Result<Replies, Error>;

fn converse(
    program: Program,
    context: &mut Context,
    first: Vec<u8>,
    second: Vec<u8>,
) -> Result<Replies, Error> {
    context.begin(2)?;
    let rows = first.len() / 11;
    program(
        context,
        ConversationInput {
            rows,
            message_bytes: 2,
            first,
            second,
        },
    )
}

const PROGRAMS: [(&str, Run); 4] = [
    ("conversation", |context, first, second| {
        converse(conversation, context, first, second)
    }),
    ("sorting", |context, first, second| {
        converse(conversation_by_sorting, context, first, second)
    }),
    ("dialing", |context, first, second| {
        let clients = callers(&CALLEES);
        let program = DialingProgram::Contacts;
        dialing::party(context, (2, program), &clients, [first, second])
    }),
    ("both told", |context, first, second| {
        context.begin(2)?;
        let (ids, keys) = (0..first.len() / 8).map(|i| (id(i), key(i))).unzip();
        dialing_both_told(
            context,
            BothToldInput {
                ids,
                keys,
                first,
                second,
            },
        )
    }),
];

fn input(name: &str) -> Vec<u8> {
    if name == "dialing" {
        return dialing::rows(&callers(&CALLEES));
    }
    if name == "both told" {
        return [id(1), id(1), 7, id(3), id(3)]
            .into_iter()
            .flat_map(u64::to_le_bytes)
            .collect();
    }
    let row = |tag: u8, role: u8| [[tag; 8].as_slice(), &[role, tag, role]].concat();
    [row(1, 0), row(1, 1), row(2, 0), row(3, 1), row(3, 0)].concat()
}

/// Runs with the `after`-th frame of `by` changed.
fn run(
    name: &str,
    run: Run,
    by: PartyId,
    after: usize,
    change: Change,
) -> [Result<Replies, Error>; 3] {
    let mut party = PartyId::ALL.into_iter();
    let links = memory::connect().map(|link| {
        let after = (party.next() == Some(by)).then_some(after);
        Tamper {
            link,
            after,
            change,
        }
    });
    let settings = Settings {
        threads: 1,
        ..Settings::default()
    };
    World::with_links(4, settings, links).run_each(&input(name), run)
}

/// Every frame that a party sends in an honest run: its receiver and phase.
fn frames(name: &str, program: Run, by: PartyId) -> usize {
    (0..100_000)
        .find(|&after| {
            run(name, program, by, after, Change::Empty)
                .iter()
                .all(Result::is_ok)
        })
        .expect("a round ends")
}

/// A frame of the wrong label or length is an error that blames its sender.
#[test]
fn malformed_frames_are_blamed() {
    let changes = [
        Change::FlipLabel,
        Change::FlipRound,
        Change::FlipChunk,
        Change::Truncate,
        Change::Extend,
        Change::Empty,
    ];
    for (name, program) in PROGRAMS {
        for by in PartyId::ALL {
            for after in 0..frames(name, program, by) {
                for change in changes {
                    let results = run(name, program, by, after, change);
                    let blamed =
                        results
                            .iter()
                            .zip(PartyId::ALL)
                            .any(|(result, me)| match result {
                                Ok(_) | Err(Error::Link { .. }) => false,
                                Err(error) => error.suspects(me) == Suspects::One(by),
                            });
                    assert!(
                        blamed,
                        "{name}: {by}'s frame {after}, {change:?}: {results:?}"
                    );
                }
            }
        }
    }
}

/// One flipped bit in a frame's body never panics; the phases in which it may go unnoticed by the
/// servers are those that the protocol lists as not detected yet.
#[test]
fn flipped_bits_are_errors_or_listed() {
    let mut unnoticed = BTreeSet::new();
    let mut noticed = BTreeSet::new();
    for (name, program) in PROGRAMS {
        for by in PartyId::ALL {
            for after in 0..frames(name, program, by) {
                let results = run(name, program, by, after, Change::FlipBody);
                let honest = run(name, program, by, usize::MAX, Change::FlipBody);
                if results.iter().all(Result::is_ok) {
                    unnoticed.insert((name, results != honest));
                } else {
                    for error in results.into_iter().filter_map(Result::err) {
                        if let Error::NotAPermutation { step, .. }
                        | Error::NotAnOrder { step, .. }
                        | Error::HashMismatch { step, .. } = error
                        {
                            noticed.insert(step.phase());
                        }
                    }
                }
            }
        }
    }
    for phase in [Phase::OpenMatches, Phase::Deliver, Phase::OpenCoins] {
        assert!(noticed.contains(&phase), "no flip made {phase} fail");
    }
    assert!(
        !unnoticed.is_empty(),
        "active security has come: rewrite §7 and this test"
    );
}

/// A coin's component or its hash, told wrongly, ends the round where it is told. Of the two peers that
/// told it one lies, so both are suspected.
#[test]
fn wrong_coins_are_noticed() {
    let (name, program) = PROGRAMS[2];
    for by in PartyId::ALL {
        // First the component, to the previous party; then the hash, to the next.
        for (after, told) in [by.prev(), by.next()].into_iter().enumerate() {
            let results = run(name, program, by, after, Change::FlipBody);
            let error = results[told as usize].as_ref().expect_err("a wrong coin");
            let expected = Error::HashMismatch {
                peer: told.next(),
                other: told.prev(),
                step: Step::new(Phase::OpenCoins, 0),
            };
            assert_eq!(*error, expected);
            let both = Suspects::Two(told.next(), told.prev());
            assert_eq!(error.suspects(told), both);
        }
    }
}
