//! Plays a program in which one party cheats.

use std::sync::Mutex;

use crate::{
    Context, Error, Link, LinkError, PartyId, Phase, Replies, Settings, Step,
    link::memory::{self, MemoryLink},
    tests::{
        probe::{Change, ChangeHint, Cheat, Listed},
        programs::Program,
    },
    world::{World, reconstruct},
};

pub(super) const P0: PartyId = PartyId::P0;
pub(super) const P1: PartyId = PartyId::P1;
pub(super) const P2: PartyId = PartyId::P2;

/// Bytes of a message in conversations of [`rows`].
const MESSAGE_BYTES: usize = 8;

/// One party's deviation.
#[derive(Clone, Debug)]
pub(in crate::tests) struct Deviation {
    pub(in crate::tests) cheater: PartyId,
    pub(in crate::tests) cheats: Vec<Cheat>,
    pub(in crate::tests) hint: Option<ChangeHint>,
}

impl Deviation {
    /// None: a party that is honest.
    pub(in crate::tests) const fn none(cheater: PartyId) -> Self {
        Self {
            cheater,
            cheats: Vec::new(),
            hint: None,
        }
    }

    pub(super) fn hint(change: ChangeHint) -> Self {
        Self {
            hint: Some(change),
            ..Self::none(P1)
        }
    }

    pub(super) fn flips(cheater: PartyId, flips: &[(PartyId, Step, usize)]) -> Self {
        let cheat = |&(to, step, at)| Cheat {
            to,
            step,
            change: Change::FlipBit,
            at,
        };
        Self {
            cheats: flips.iter().map(cheat).collect(),
            ..Self::none(cheater)
        }
    }

    pub(in crate::tests) fn honest(&self) -> [PartyId; 2] {
        [self.cheater.next(), self.cheater.prev()]
    }
}

/// What came of it.
pub(in crate::tests) struct Played {
    pub(in crate::tests) results: [Result<Replies, Error>; 3],
    /// What each party has sent, frame by frame.
    pub(in crate::tests) sent: [Vec<(PartyId, Step)>; 3],
    /// List A as P1 knew it.
    pub(super) listed: Vec<Listed>,
}

/// A link on which what is sent to somebody who has stopped is lost. So how a party ends follows from
/// what it receives, not from how fast another one stops.
struct Lossy(MemoryLink);

impl Link for Lossy {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        let _lost = self.0.send(to, frame);
        Ok(())
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.0.recv(from)
    }
}

/// Runs parties of which one deviates.
pub(in crate::tests) fn play(
    (seed, input): (u64, &[u8]),
    deviation: &Deviation,
    party: impl Fn(&mut Context, [Vec<u8>; 2]) -> Result<Replies, Error> + Sync,
) -> Played {
    let sent: [Mutex<Vec<_>>; 3] = Default::default();
    let listed = Mutex::new(Vec::new());
    let settings = Settings {
        threads: 1,
        ..Settings::default()
    };
    let mut world = World::with_links(seed, settings, memory::connect().map(Lossy));
    let results = world.run_each(input, |context, first, second| {
        if context.party() == deviation.cheater {
            context.probe.cheats.clone_from(&deviation.cheats);
            context.probe.hint = deviation.hint;
        }
        let result = party(context, [first, second]);
        let me = context.party().index();
        *sent[me].lock().unwrap() = core::mem::take(&mut context.probe.sent);
        if me == 1 {
            *listed.lock().unwrap() = core::mem::take(&mut context.probe.listed);
        }
        result
    });
    Played {
        results,
        sent: sent.map(|sent| sent.into_inner().unwrap()),
        listed: listed.into_inner().unwrap(),
    }
}

/// Runs a program in one of its worlds.
pub(super) fn run(name: &str, (seed, world): (u64, usize), deviation: &Deviation) -> Played {
    let program = Program::named(name);
    play(
        (seed, &program.input(world)),
        deviation,
        |context, shares| program.run(context, (1, world), shares),
    )
}

/// Runs a conversation of some rows.
pub(super) fn converse(seed: u64, rows: &[u8], deviation: &Deviation) -> Played {
    let program = Program::named("conversation");
    play((seed, rows), deviation, |context, shares| {
        program.run(context, (1, 0), shares)
    })
}

/// Rows of (tag, role), the i-th with a message of which every byte is i.
pub(super) fn rows(of: &[(u8, u8)]) -> Vec<u8> {
    let row =
        |(i, &(tag, role)): (u8, &(u8, u8))| [&[tag; 8][..], &[role], &[i; MESSAGE_BYTES]].concat();
    (0..).zip(of).flat_map(row).collect()
}

/// A tag of [`rows`] as lists have it.
pub(super) fn value(tag: u8) -> u64 {
    u64::from_le_bytes([tag; 8]) & !0b11
}

impl Played {
    /// What clients get, if all three servers came to an end.
    pub(super) fn replies(self) -> Vec<u8> {
        let [Ok(p0), Ok(p1), Ok(p2)] = self.results else {
            panic!("{:?}", self.results);
        };
        reconstruct(&[p0, p1, p2])
    }

    /// Whose message each row of [`rows`] got.
    pub(super) fn heard(self) -> Vec<u8> {
        let replies = self.replies();
        let messages = replies.chunks_exact(MESSAGE_BYTES);
        messages
            .map(|message| {
                assert!(message.iter().all(|byte| *byte == message[0]));
                message[0]
            })
            .collect()
    }

    pub(super) fn has_sent(&self, party: PartyId, phase: Phase) -> bool {
        let mut sent = self.sent[party.index()].iter();
        sent.any(|(_, step)| step.phase() == phase)
    }

    /// Both honest parties have stopped because of a proof, or since the other one did, and neither has
    /// sent anything of the phase in which something is opened.
    pub(super) fn assert_proof_fails_before(&self, deviation: &Deviation, opening: Phase) {
        for party in deviation.honest() {
            let end = self.results[party.index()].as_ref().expect_err("noticed");
            let is_proof = matches!(
                end,
                Error::ProofRejected { .. } | Error::DigestMismatch { .. } | Error::Link { .. }
            );
            assert!(is_proof, "{party}: {end}, {deviation:?}");
            assert!(
                !self.has_sent(party, opening),
                "{party} opened, {deviation:?}"
            );
        }
    }
}
