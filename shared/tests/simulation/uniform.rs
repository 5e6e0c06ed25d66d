//! What a client hands to each server is uniformly random to it, whatever the client's rows are.
//!
//! Frames are taken as they come out of the links, so that a new one, or a new field, can't be
//! forgotten: all but what was announced must be as often one as zero in each bit, also after what
//! the server can take off itself, the expansions of the seeds that it has; no two words share a
//! mask; nothing comes twice; and two servers have in common what docs/protocol.md §2 says, no more.

use std::collections::{BTreeMap, BTreeSet};

use mcmix_shared::{
    identity::ClientId,
    party::PartyId,
    program::Program,
    row::{ConversationRow, DIAL_MESSAGE_BYTES, DialRow, Pass, Role, Shape, Submission, Tag},
    share::{CHECK_PAYLOAD_AT, Component, DealtShare, check_payload, deal},
};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use crate::{servers::NodeId, world::World};

/// Rounds of each program.
const ROUNDS: usize = 128;
/// Deviations of a fair coin's count of ones: of 100,000 bits one is off by chance in 1e-10.
const DEVIATIONS: f64 = 8.0;
/// Bytes of which no two may share a mask.
const WORD: usize = 4;
/// Bytes that never come up twice by chance.
const VALUE: usize = 16;
/// Bytes of a frame in front of the share: version, kind, round, program.
const HEADER_BYTES: usize = 11;
/// The kind of a frame that hands in.
const SUBMIT: u8 = 2;

/// Counts over rounds what one server got in them.
#[derive(Default)]
struct Counts {
    rounds: u32,
    first: Vec<u8>,
    ones: Vec<u32>,
    /// Of each word, a hash of how it differs from the first round's in each of them.
    changes: Vec<u64>,
    seen: BTreeSet<Vec<u8>>,
    repeated: bool,
}

impl Counts {
    fn note(&mut self, bytes: &[u8]) {
        if self.rounds == 0 {
            self.first = bytes.to_vec();
            self.ones = vec![0; 8 * bytes.len()];
            self.changes = vec![0; bytes.len() / WORD];
        }
        self.rounds += 1;
        assert_eq!(bytes.len(), self.first.len(), "always the same sizes");
        for (byte, ones) in bytes.iter().zip(self.ones.chunks_exact_mut(8)) {
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += u32::from(byte >> bit & 1);
            }
        }
        let words = bytes.chunks_exact(WORD).zip(self.first.chunks_exact(WORD));
        for (hash, (word, first)) in self.changes.iter_mut().zip(words) {
            for (byte, first) in word.iter().zip(first) {
                *hash = (*hash ^ u64::from(byte ^ first)).wrapping_mul(0x0100_0000_01b3);
                *hash ^= *hash >> 29;
            }
        }
        for value in bytes.chunks_exact(VALUE) {
            self.repeated |= !self.seen.insert(value.to_vec());
        }
    }

    /// Panics unless all was as random as it must be.
    fn check(&self, what: &str) {
        let rounds = f64::from(self.rounds);
        let limit = DEVIATIONS * rounds.sqrt() / 2.0;
        for (bit, ones) in self.ones.iter().enumerate() {
            let off = (f64::from(*ones) - rounds / 2.0).abs();
            let (byte, bit) = (bit / 8, bit % 8);
            assert!(
                off <= limit,
                "{what}: byte {byte}, bit {bit} is predictable"
            );
        }
        let distinct: BTreeSet<_> = self.changes.iter().collect();
        assert_eq!(
            distinct.len(),
            self.changes.len(),
            "{what}: a mask serves twice"
        );
        assert!(!self.repeated, "{what}: something comes twice");
    }
}

/// What a server has of a submission, and what it can make of that: all with each choice of its
/// own seeds' expansions taken off, of the rows and of the check row's payload.
fn view(share: &DealtShare, payload: &[u8]) -> Vec<u8> {
    let mut view = share.encode();
    let party = share.party();
    let parts = share.clone().into_components();
    let check = parts.check.map(Component::Seed);
    let parts = [
        (Some(parts.first), party.index()),
        (Some(parts.second), party.next().index()),
        (check, 2),
    ];
    let (mut seeds, mut explicit) = (Vec::new(), Vec::new());
    for (part, number) in &parts {
        match part {
            Some(Component::Seed(seed)) => seeds.push((seed, CHECK_PAYLOAD_AT[*number])),
            Some(Component::Explicit(bytes)) => explicit.clone_from(bytes),
            None => {}
        }
    }
    for choice in 1..1 << seeds.len() {
        let (mut row, mut payload) = (explicit.clone(), payload.to_vec());
        let all = seeds.iter().enumerate();
        for (_, (seed, at)) in all.filter(|(i, _)| choice >> i & 1 == 1) {
            seed.xor_into(&mut row);
            seed.xor_at(*at, &mut payload);
        }
        view.extend([row, payload].concat());
    }
    view
}

/// The payload of the check row that goes with a deal; none in a conversation round.
fn payload(shares: &[DealtShare; 3]) -> Vec<u8> {
    let [p0, _, p2] = shares.clone().map(DealtShare::into_components);
    match (&p0.first, &p0.second, &p2.check) {
        (Component::Seed(s0), Component::Seed(s1), Some(s2)) => check_payload([s0, s1, s2]).into(),
        _ => Vec::new(),
    }
}

/// What all servers got: the view of each, and what two of them have in common.
#[derive(Default)]
struct Sights {
    views: [Counts; 3],
    /// All that was ever dealt.
    dealt: BTreeSet<Vec<u8>>,
}

impl Sights {
    fn note(&mut self, shares: &[DealtShare; 3], heads: usize) {
        let payload = payload(shares);
        let mut holders: BTreeMap<Vec<u8>, Vec<PartyId>> = BTreeMap::new();
        for (counts, share) in self.views.iter_mut().zip(shares) {
            counts.note(&view(share, &payload));
            let bytes = share.encode();
            // P2's s0 and s2 stand behind rows of any length.
            let last = bytes.rchunks_exact(VALUE).take(2);
            let values: BTreeSet<_> = bytes.chunks_exact(VALUE).chain(last).collect();
            for value in values {
                let holders = holders.entry(value.to_vec()).or_default();
                holders.push(share.party());
            }
        }
        let [p0, p1, p2] = PartyId::ALL;
        let mut common: Vec<_> = holders.values().filter(|all| all.len() > 1).collect();
        common.sort();
        let mut expected = vec![vec![p0, p1], vec![p0, p2]];
        expected.resize(2 + heads / VALUE, vec![p1, p2]);
        assert!(common.into_iter().eq(&expected), "two have more in common");
        for value in holders.into_keys() {
            assert!(self.dealt.insert(value), "something is dealt again");
        }
    }

    fn check(&self, what: &str) {
        for (counts, party) in self.views.iter().zip(PartyId::ALL) {
            counts.check(&format!("{what}, to {party}"));
        }
    }
}

const SHAPE: Shape = Shape {
    slots: 3,
    message_bytes: 160,
};

/// Rows that are all one byte.
fn submission(program: Program, fill: u8) -> Submission {
    if program.is_dialing() {
        return Submission::dialing(&DialRow {
            id: ClientId([fill; 16]),
            pass: Pass::from_bytes([fill; 16]),
            own_pass: Pass::from_bytes([fill; 16]),
            message: [fill; DIAL_MESSAGE_BYTES],
        });
    }
    let row = || ConversationRow {
        tag: Tag(u64::from_le_bytes([fill; 8])),
        role: Role::Lower,
        message: vec![fill; SHAPE.message_bytes],
    };
    Submission::conversation(SHAPE, &[row(), row(), row()])
}

/// Shares are random by the seeds alone, whatever is dealt.
#[test]
fn shares_of_any_rows_are_uniform_to_each_server() {
    for program in [Program::Conversation, Program::Open] {
        for fill in [0, 0xff] {
            let mut sights = Sights::default();
            let mut rng = ChaCha12Rng::seed_from_u64(fill.into());
            for _ in 0..ROUNDS {
                let shares = deal(&submission(program, fill), &mut rng);
                sights.note(&shares, SHAPE.heads_bytes(program));
            }
            sights.check(&format!("{program} of {fill}"));
        }
    }
}

const CLIENT: NodeId = 0;
const PARTNER: NodeId = 1;
const STRANGER: NodeId = 2;

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// Nothing.
    Idle,
    /// Writes to a partner, rings it, calls a stranger.
    Busy,
}

/// The frames of one client in many rounds, from its first one on.
fn frames_of(life: Life) -> Vec<(PartyId, usize)> {
    let mut world = World::sleeping(&["Ada", "Bob", "Cy"], crate::world::Setup::new(60_000));
    world.tap();
    for node in [CLIENT, PARTNER] {
        world.start(node);
    }
    if matches!(life, Life::Busy) {
        world.pair(CLIENT, PARTNER);
        world.add(CLIENT, STRANGER);
    }
    let greetings = world.servers.heard.iter();
    let greetings = greetings.filter(|heard| heard.node == CLIENT).take(3);
    let greetings: Vec<_> = greetings.map(|heard| heard.frame.clone()).collect();
    assert_eq!(greetings, vec![vec![2, 1]; 3], "a greeting says nothing");
    world.servers.heard.clear();
    let shape = world.servers.deployment.shape();
    let mut sights: BTreeMap<u8, Sights> = BTreeMap::new();
    let mut frames = Vec::new();
    for step in 0..3 * ROUNDS {
        if matches!(life, Life::Busy) {
            match step % 20 {
                0 => world.look(CLIENT, Some(PARTNER)),
                1 => world.say(CLIENT, PARTNER, &"text ".repeat(50)),
                2 => world.call(CLIENT, STRANGER),
                3 => world.ring(CLIENT, PARTNER),
                _ => {}
            }
        }
        let program = Program::ALL[step % 3];
        world.round(program);
        let heard = core::mem::take(&mut world.servers.heard);
        let heard: Vec<_> = heard.into_iter().filter(|it| it.node == CLIENT).collect();
        let round = world.servers.newest().0.to_le_bytes();
        let header = [&[2, SUBMIT][..], &round, &[program.code()]].concat();
        assert_eq!(heard.len(), 3, "one frame to each server");
        let share = |party: PartyId| {
            let frame = &heard.iter().find(|it| it.party == party).unwrap().frame;
            let (head, share) = frame.split_at(HEADER_BYTES);
            assert_eq!(head, header, "what is in clear was announced");
            DealtShare::decode(party, shape, program, share).unwrap()
        };
        let sights = sights.entry(program.code()).or_default();
        sights.note(&PartyId::ALL.map(share), shape.heads_bytes(program));
        frames.extend(heard.iter().map(|it| (it.party, it.frame.len())));
    }
    for (program, sights) in sights {
        sights.check(&format!(
            "{life:?}, {}",
            Program::from_code(program).unwrap()
        ));
    }
    frames
}

/// From round to round, too, and through the whole client, whatever it does.
#[test]
fn all_that_a_client_sends_is_uniform_to_each_server() {
    assert_eq!(frames_of(Life::Idle), frames_of(Life::Busy));
}
