//! Two people's session inside the conversation rows (docs/protocol.md §8).
//!
//! A dial match gives both sides the same random tag and each other's keys. From the tag come
//! the tags of all rounds, at once and without agreement. The keys of the rows come from
//! `Noise_KKpsk0_25519_ChaChaPoly_BLAKE2s`, run in the rows: the caller repeats message 1 until
//! message 2 comes, the callee repeats message 2 until the first packet comes. Then there is one
//! chain of keys for each direction and one key for each round; keys of past rounds are erased.
//!
//! Rows that do not open are treated as rows that met nobody.

mod handshake;
mod key_tree;
mod record;
mod row_cipher;

use core::{cmp::Ordering, fmt};

use rand_core::CryptoRng;

use crate::{
    identity::{ClientKey, Name, SecretKey},
    kdf::{self, Secret},
    noise::HandshakeSeed,
    program::RoundId,
    row::{Role, Tag},
};

use handshake::{ANSWER_BYTES, HELLO_BYTES, Hello};
use key_tree::KeyTree;
pub(crate) use record::SessionRecord;
pub(crate) use row_cipher::OVERHEAD_BYTES;
use row_cipher::{RowContext, open_row, seal_row};

const HELLO: u8 = 1;
const ANSWER: u8 = 2;
pub(crate) const PACKET: u8 = 3;

/// A start of a client: random, never used by two starts, carried in every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) u64);

/// The session with one person.
pub(crate) struct Session {
    own: ClientKey,
    peer: ClientKey,
    /// The dialing round of the match; rounds after it carry the session.
    matched_in: RoundId,
    tags: KeyTree,
    stage: Stage,
}

/// How far the key agreement is.
enum Stage {
    /// Caller: repeats message 1. It follows from psk and seed, but is kept, so that a caller's
    /// rows take no longer to write than others'.
    Calling {
        psk: Secret,
        seed: HandshakeSeed,
        name: Name,
        hello: Vec<u8>,
    },
    /// Callee: waits for message 1.
    Called { psk: Secret, seed: HandshakeSeed },
    /// Callee: repeats message 2.
    Answered { answer: Vec<u8>, chains: Chains },
    /// Both sides have keys.
    Established { chains: Chains },
}

/// One chain of row keys for each direction.
struct Chains {
    send: KeyTree,
    receive: KeyTree,
}

/// What a row of the other side brought.
#[derive(Debug)]
pub(crate) enum Received {
    /// Callee: message 1, with the name that the caller gives.
    Called { name: Option<Name> },
    /// Caller: message 2; both sides have keys now.
    Answered,
    /// Message 1 or 2 once more.
    Repeated,
    /// A packet of that start of the other side's client.
    Packet {
        /// Which start.
        epoch: Epoch,
        /// The packet in clear.
        packet: Vec<u8>,
        /// Whether it is the first that opened, which ends the callee's handshake.
        first: bool,
    },
}

/// The random secret of a match.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub(crate) struct DialTag([u8; 16]);

impl DialTag {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A match of a dialing round, seen from one side.
pub(crate) struct Match {
    pub(crate) round: RoundId,
    pub(crate) peer: ClientKey,
    pub(crate) tag: DialTag,
}

impl Session {
    /// Starts the caller's side; `name` is what the callee is shown.
    pub(crate) fn caller(
        secret: &SecretKey,
        met: &Match,
        name: Name,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let stage = |psk: Secret, seed: HandshakeSeed| {
            let agreement = handshake::Agreement {
                secret,
                peer: met.peer,
                round: met.round,
                psk: &psk,
                seed: &seed,
            };
            let hello = Hello::new(&agreement, &name).message;
            Stage::Calling {
                psk,
                seed,
                name,
                hello,
            }
        };
        Self::new(secret.client_key(), met, stage, rng)
    }

    /// Makes a session with nobody, for rows that meet nobody.
    pub(crate) fn decoy(own: ClientKey, rng: &mut impl CryptoRng) -> Self {
        let mut tree = || {
            let mut root = [0; 32];
            rng.fill_bytes(&mut root);
            KeyTree::new(Secret::from_bytes(root))
        };
        let (tags, send, receive) = (tree(), tree(), tree());
        Self {
            own,
            peer: SecretKey::generate(rng).client_key(),
            matched_in: RoundId(0),
            tags,
            stage: Stage::Established {
                chains: Chains { send, receive },
            },
        }
    }

    /// Starts the callee's side.
    pub(crate) fn callee(own: ClientKey, met: &Match, rng: &mut impl CryptoRng) -> Self {
        Self::new(own, met, |psk, seed| Stage::Called { psk, seed }, rng)
    }

    fn new(
        own: ClientKey,
        met: &Match,
        stage: impl FnOnce(Secret, HandshakeSeed) -> Stage,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let (lower, higher) = if own < met.peer {
            (own, met.peer)
        } else {
            (met.peer, own)
        };
        let root = |label| {
            let keys: [&[u8]; 3] = [
                lower.as_bytes(),
                higher.as_bytes(),
                &met.round.0.to_le_bytes(),
            ];
            kdf::derive(label, met.tag.as_bytes(), &keys)
        };
        let mut tags = KeyTree::new(root("tags"));
        tags.erase_before(met.round.next());
        let stage = stage(root("psk"), HandshakeSeed::random(rng));
        Self {
            own,
            peer: met.peer,
            matched_in: met.round,
            tags,
            stage,
        }
    }

    /// Returns the role of one's own rows: 0 for the smaller key.
    pub(crate) fn role(&self) -> Role {
        match self.own.cmp(&self.peer) {
            Ordering::Less => Role::Lower,
            Ordering::Equal | Ordering::Greater => Role::Higher,
        }
    }

    /// Returns the tag of a round; `None` for rounds that are over or before the match.
    pub(crate) fn tag(&self, round: RoundId) -> Option<Tag> {
        let key = self.tags.key(round)?;
        let (tag, _) = key
            .as_bytes()
            .split_first_chunk()
            .expect("a key has 32 bytes");
        Some(Tag(u64::from_le_bytes(*tag)))
    }

    /// Returns whether packets may be sent.
    pub(crate) fn is_established(&self) -> bool {
        matches!(self.stage, Stage::Established { .. })
    }

    /// Returns whether the other side has proved that it is there.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(
            self.stage,
            Stage::Answered { .. } | Stage::Established { .. }
        )
    }

    /// Writes the message of a row while keys are being agreed; `None` when there is none to send.
    pub(crate) fn handshake_message(
        &self,
        message_bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let (kind, body) = match &self.stage {
            Stage::Calling { hello, .. } => (HELLO, hello),
            Stage::Answered { answer, .. } => (ANSWER, answer),
            Stage::Called { .. } | Stage::Established { .. } => return None,
        };
        let mut message = vec![kind];
        message.extend_from_slice(body);
        let end = message.len();
        message.resize(message_bytes, 0);
        rng.fill_bytes(message.split_at_mut_checked(end)?.1);
        Some(message)
    }

    /// Seals a packet for a round; `None` without keys for it.
    pub(crate) fn seal(&self, round: RoundId, epoch: Epoch, packet: &[u8]) -> Option<Vec<u8>> {
        let Stage::Established { chains } = &self.stage else {
            return None;
        };
        let context = RowContext {
            round,
            sender: &self.own,
            receiver: &self.peer,
        };
        Some(seal_row(&chains.send.key(round)?, &context, epoch, packet))
    }

    /// Takes the message that a row of that round met; `None` if it met nobody of ours.
    pub(crate) fn open(
        &mut self,
        secret: &SecretKey,
        round: RoundId,
        message: &[u8],
    ) -> Option<Received> {
        let (kind, body) = message.split_first()?;
        match *kind {
            HELLO => self.open_hello(secret, body.get(..HELLO_BYTES)?),
            ANSWER => self.open_answer(secret, body.get(..ANSWER_BYTES)?),
            PACKET => self.open_packet(round, body),
            _ => None,
        }
    }

    fn open_hello(&mut self, secret: &SecretKey, hello: &[u8]) -> Option<Received> {
        match &self.stage {
            Stage::Called { psk, seed } => {
                let answer = handshake::answer(&self.agreement(secret, psk, seed), hello)?;
                let chains = Chains {
                    send: KeyTree::new(answer.split.responder),
                    receive: KeyTree::new(answer.split.initiator),
                };
                self.stage = Stage::Answered {
                    answer: answer.message,
                    chains,
                };
                self.erase_before(self.matched_in.next());
                Some(Received::Called { name: answer.name })
            }
            Stage::Answered { .. } => Some(Received::Repeated),
            Stage::Calling { .. } | Stage::Established { .. } => None,
        }
    }

    fn open_answer(&mut self, secret: &SecretKey, answer: &[u8]) -> Option<Received> {
        match &self.stage {
            Stage::Calling {
                psk, seed, name, ..
            } => {
                let split = Hello::new(&self.agreement(secret, psk, seed), name).finish(answer)?;
                let chains = Chains {
                    send: KeyTree::new(split.initiator),
                    receive: KeyTree::new(split.responder),
                };
                self.stage = Stage::Established { chains };
                self.erase_before(self.matched_in.next());
                Some(Received::Answered)
            }
            Stage::Established { .. } => Some(Received::Repeated),
            Stage::Called { .. } | Stage::Answered { .. } => None,
        }
    }

    fn open_packet(&mut self, round: RoundId, body: &[u8]) -> Option<Received> {
        let (Stage::Answered { chains, .. } | Stage::Established { chains }) = &self.stage else {
            return None;
        };
        let context = RowContext {
            round,
            sender: &self.peer,
            receiver: &self.own,
        };
        let (epoch, packet) = open_row(&chains.receive.key(round)?, &context, body)?;
        let first = !self.is_established();
        if first {
            self.establish();
        }
        Some(Received::Packet {
            epoch,
            packet,
            first,
        })
    }

    /// Ends the callee's handshake: the answer is no longer repeated.
    fn establish(&mut self) {
        let done = Stage::Answered {
            answer: Vec::new(),
            chains: Chains {
                send: KeyTree::empty(),
                receive: KeyTree::empty(),
            },
        };
        self.stage = match core::mem::replace(&mut self.stage, done) {
            Stage::Answered { chains, .. } => Stage::Established { chains },
            other => other,
        };
    }

    /// Erases the tags and keys of all earlier rounds.
    pub(crate) fn erase_before(&mut self, round: RoundId) {
        self.tags.erase_before(round);
        if let Stage::Answered { chains, .. } | Stage::Established { chains } = &mut self.stage {
            chains.send.erase_before(round);
            chains.receive.erase_before(round);
        }
    }

    fn agreement<'a>(
        &self,
        secret: &'a SecretKey,
        psk: &'a Secret,
        seed: &'a HandshakeSeed,
    ) -> handshake::Agreement<'a> {
        handshake::Agreement {
            secret,
            peer: self.peer,
            round: self.matched_in,
            psk,
            seed,
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            Stage::Calling { .. } => "Session(calling, ..)",
            Stage::Called { .. } => "Session(called, ..)",
            Stage::Answered { .. } => "Session(answered, ..)",
            Stage::Established { .. } => "Session(established, ..)",
        })
    }
}

#[cfg(test)]
mod tests;
