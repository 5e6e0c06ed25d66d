//! Whether, where and as what a round aborts does not depend on who is matched with whom: a deviation
//! drawn by a seed, before two worlds that differ in that alone.
//!
//! A change of a message is one of its length, or a sum. Zeros, say, in place of what the cheater would have
//! sent are another sum in the other world, whose shares are others; the cheater knows which.
//!
//! `MCMIX_ALL=1` runs thousands of seeds, best in release.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    attacks::play::{Deviation, Played, play},
    dialing::{self, Client, caller},
    probe::{Change, ChangeHint, Cheat, Listed},
};
use crate::{ConversationInput, DialingProgram, PartyId, Step, conversation, stream::Stream};

const MESSAGE_BYTES: usize = 8;

/// Numbers that follow from a seed.
struct Draw {
    stream: Stream,
    at: usize,
}

impl Draw {
    fn new(seed: u64) -> Self {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self {
            stream: Stream::new(&key),
            at: 0,
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.stream.xor(self.at, &mut bytes);
        self.at += 16;
        (u64::from_le_bytes(bytes) % bound as u64) as usize
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// What is computed on: the same clients, who hand in something else.
#[derive(Debug)]
enum Case {
    /// Tags and roles.
    Conversation([Vec<(u8, u8)>; 2]),
    /// Whom clients dial.
    Dialing(DialingProgram, [Vec<usize>; 2]),
}

impl Case {
    fn draw(draw: &mut Draw) -> Self {
        let rows = 2 + draw.below(3);
        let mut worlds = || {
            [0, 1].map(|_| {
                let rows = (0..rows).map(|_| draw.below(2 * rows));
                rows.collect::<Vec<_>>()
            })
        };
        let drawn = worlds();
        match draw.below(4) {
            0 => Self::Dialing(DialingProgram::Contacts, drawn),
            1 => Self::Dialing(DialingProgram::Open, drawn),
            // Few tags: they meet, and are used more than twice.
            _ => Self::Conversation(drawn.map(|rows| {
                rows.iter()
                    .map(|n| (n / 2 % 3) as u8)
                    .zip(rows.iter().map(|n| (n % 2) as u8))
                    .collect()
            })),
        }
    }

    /// Runs it in one of its worlds.
    fn play(&self, seed: u64, world: usize, deviation: &Deviation) -> Played {
        match self {
            Self::Conversation(worlds) => {
                let row = |(i, &(tag, role)): (u8, &(u8, u8))| {
                    [&[tag; 8][..], &[role], &[i; MESSAGE_BYTES]].concat()
                };
                let rows = (0..).zip(&worlds[world]).flat_map(row).collect::<Vec<_>>();
                play((seed, &rows), deviation, |context, [first, second]| {
                    context.begin(1)?;
                    let input = ConversationInput {
                        rows: worlds[world].len(),
                        message_bytes: MESSAGE_BYTES,
                        first,
                        second,
                    };
                    conversation(context, input)
                })
            }
            Self::Dialing(program, worlds) => {
                let clients = worlds[world].iter().enumerate();
                let clients: Vec<Client> = clients.map(|(i, &callee)| caller(i, callee)).collect();
                play(
                    (seed, &dialing::rows(&clients)),
                    deviation,
                    |context, shares| dialing::party(context, (1, *program), &clients, shares),
                )
            }
        }
    }
}

/// Draws who deviates, and how: one message, sometimes two, or P1's hint.
fn draw_deviation(draw: &mut Draw, honest: &Played, case: &Case) -> Deviation {
    const HINTS: [ChangeHint; 3] = [
        |hint: &mut Vec<u32>, _: &[Listed]| hint.rotate_left(1),
        |hint: &mut Vec<u32>, _: &[Listed]| hint.reverse(),
        |hint: &mut Vec<u32>, _: &[Listed]| hint[0] = hint[1],
    ];
    let cheater = draw.one(&PartyId::ALL);
    let mut deviation = Deviation::none(cheater);
    let is_conversation = matches!(case, Case::Conversation(_));
    if is_conversation && cheater == PartyId::P1 && draw.below(10) == 0 {
        deviation.hint = Some(draw.one(&HINTS));
        return deviation;
    }
    let sent: BTreeSet<(usize, Step)> = honest.sent[cheater.index()]
        .iter()
        .map(|(to, step)| (to.index(), *step))
        .collect();
    let sent: Vec<_> = sent.into_iter().collect();
    for _ in 0..=draw.below(3) / 2 {
        let (to, step) = draw.one(&sent);
        deviation.cheats.push(Cheat {
            to: PartyId::ALL[to],
            step,
            change: draw.one(&Change::SUMS),
            at: draw.below(1 << 20),
        });
    }
    deviation
}

/// How a round ended at each honest party.
fn ends(played: &Played, deviation: &Deviation) -> [String; 2] {
    deviation.honest().map(|party| {
        let end = &played.results[party.index()];
        end.as_ref()
            .err()
            .map_or_else(|| "well".to_owned(), ToString::to_string)
    })
}

fn seeds(few: u64, all: u64) -> core::ops::Range<u64> {
    if std::env::var_os("MCMIX_ALL").is_some() {
        0..all
    } else {
        0..few
    }
}

#[test]
fn aborts_are_the_same_whoever_is_matched() {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let seeds = seeds(300, 6000);
    for seed in seeds.clone() {
        let mut draw = Draw::new(seed);
        let case = Case::draw(&mut draw);
        let honest = case.play(seed, 0, &Deviation::none(PartyId::P0));
        let deviation = draw_deviation(&mut draw, &honest, &case);
        let played = [0, 1].map(|world| case.play(seed, world, &deviation));
        let [one, two] = played.each_ref().map(|played| ends(played, &deviation));
        assert_eq!(one, two, "seed {seed}: {case:?}, {deviation:?}");
        let kind = match &one {
            ends if ends.iter().all(|end| end == "well") => "nobody noticed",
            ends if ends.iter().any(|end| end.contains("proof")) => "a proof",
            _ => "something else",
        };
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    println!("{seeds:?}: {kinds:?}");
    assert!(kinds.len() > 2, "{kinds:?}");
}
