//! A call: message 1 in a dial, message 2 in conversation rows, and the session's first secret
//! (docs/protocol.md §8.1 to §8.3).
//!
//! `Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s`. Both messages are pure functions of stored seeds: the
//! same bytes in every round, so that an answer does not tell which dial arrived, and a client
//! that starts again seals nothing new.
//!
//! Cost of each function below: the same Diffie-Hellmans, hashes and sealings whatever comes in
//! and whatever comes out; what does not open is carried on with as if it had.

mod message;
mod payload;
mod resolver;

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub(crate) use payload::{CallKind, CallPayload, Place, Places, Validity};

use crate::{
    identity::{ClientKey, Name, SecretKey},
    kdf::{self, Secret},
    manifest::Realm,
    program::RoundId,
    row::DIAL_MESSAGE_BYTES,
    session::KeyTree,
};
use message::{Caller, Message1};
use resolver::Products;

/// Bytes of message 1, the sealed message of a dial.
pub(crate) const MESSAGE_BYTES: usize = DIAL_MESSAGE_BYTES;

/// C, from which all secrets of one call follow. Stored with the call's payload before the first
/// dial, and used for no other.
#[derive(Clone, Debug)]
pub(crate) struct CallSecret(pub(crate) Secret);

impl CallSecret {
    /// Returns s, which the payload carries and the meeting point follows from.
    pub(crate) fn meeting_seed(&self) -> MeetingSeed {
        MeetingSeed(kdf::truncate(
            kdf::derive("call", self.0.as_bytes(), &[]).as_bytes(),
        ))
    }
}

/// s: names a call, and gives caller and callee the tags at which they meet.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct MeetingSeed([u8; 16]);

impl MeetingSeed {
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for MeetingSeed {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for MeetingSeed {}

impl fmt::Debug for MeetingSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MeetingSeed(..)")
    }
}

/// Names a resume secret to whoever has it.
#[derive(Clone)]
pub(crate) struct ResumeId([u8; 8]);

impl ResumeId {
    /// Returns the name of a resume secret.
    pub(crate) fn of(secret: &Secret) -> Self {
        let hash = kdf::derive("resume id", secret.as_bytes(), &[]);
        Self(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    /// Makes a name of nothing, for who has no resume secret.
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        Self(rng.next_u64().to_le_bytes())
    }

    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl PartialEq for ResumeId {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for ResumeId {}

impl fmt::Debug for ResumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeId(..)")
    }
}

/// Seals message 1: the same bytes each time.
pub(crate) fn seal(
    secret: &SecretKey,
    realm: &Realm,
    callee: &ClientKey,
    call: &CallSecret,
    payload: &CallPayload,
) -> [u8; MESSAGE_BYTES] {
    Caller::new(secret, realm, callee.as_bytes(), call, &payload.to_bytes()).message
}

/// Seals a message 1 that nobody can open, by the steps of [`seal`]: for a key that is drawn, so
/// that there is no secret half to it.
pub(crate) fn seal_to_nobody(
    secret: &SecretKey,
    realm: &Realm,
    rng: &mut impl CryptoRng,
) -> [u8; MESSAGE_BYTES] {
    let nobody = Secret::random(rng);
    let call = CallSecret(Secret::random(rng));
    let payload = idle_payload(&call, rng);
    Caller::new(secret, realm, nobody.as_bytes(), &call, &payload.to_bytes()).message
}

fn idle_payload(call: &CallSecret, rng: &mut impl CryptoRng) -> CallPayload {
    CallPayload {
        kind: CallKind::Call,
        validity: Validity::Stands,
        name: Name::new("nobody").expect("a name"),
        seed: call.meeting_seed(),
        resume: ResumeId::random(rng),
        until: RoundId(rng.next_u64()),
        places: Places::new(0xff).expect("eight bits"),
    }
}

/// A call that came in a dial.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Who sealed it, or whoever holds the callee's key (docs/threat-model.md).
    pub(crate) caller: ClientKey,
    /// What it says.
    pub(crate) payload: CallPayload,
    /// Message 1, which [`answer`] needs.
    pub(crate) message: [u8; MESSAGE_BYTES],
}

/// Reads a payload in clear.
pub(crate) fn read_payload(bytes: &[u8]) -> Option<CallPayload> {
    CallPayload::from_bytes(bytes.try_into().ok()?)
}

/// Writes a payload in clear.
pub(crate) fn write_payload(payload: &CallPayload) -> Vec<u8> {
    payload.to_bytes().to_vec()
}

/// Opens message 1; `None` where it is garbage, for somebody else, or a check row's reply.
pub(crate) fn open(secret: &SecretKey, realm: &Realm, message: &[u8]) -> Option<Received> {
    let seed = Secret::from_bytes([0; 32]);
    let (_, received) = Message1::read(secret, realm, message, &seed)?;
    received
}

/// The callee's seed of message 2: drawn at Accept, stored before message 2 leaves, used for one
/// answer.
#[derive(Clone, Debug)]
pub(crate) struct AnswerSeed(pub(crate) Secret);

/// The callee's side of an agreement.
pub(crate) struct Answer {
    /// Message 2 as a row's message, the same bytes in every round.
    pub(crate) row: Vec<u8>,
    /// `S_0`.
    pub(crate) secret: Secret,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer(..)")
    }
}

/// Answers message 1 with the place that the pair gets; `None` if it does not open or the row is
/// too short.
///
/// `resume` is the secret that the caller named, if the callee has it for that caller's key.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one input of message 2, and none belongs to another"
)]
pub(crate) fn answer(
    secret: &SecretKey,
    realm: &Realm,
    message: &[u8],
    resume: Option<&Secret>,
    place: Place,
    seed: &AnswerSeed,
    row_bytes: usize,
) -> Option<Answer> {
    let info: [&[u8]; 2] = [message, &[place.code()]];
    let ephemeral = kdf::derive("e2", seed.0.as_bytes(), &info);
    let (message1, received) = Message1::read(secret, realm, message, &ephemeral)?;
    let mut row = vec![0; row_bytes];
    let (message2, rest) = row.split_at_mut_checked(message::ANSWER_BYTES)?;
    let meeting = message1.meeting_seed();
    let split = message1.answer(&message::psk(&meeting, resume), place, message2)?;
    kdf::expand("fill", seed.0.as_bytes(), &info, rest);
    received.map(|_| Answer { row, secret: split })
}

/// Whether the answer showed the resume secret that the caller named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// It did: whoever answers has the state of the pair.
    Same,
    /// It did not: a new device, a lost state, or a thief of the callee's key.
    New,
}

/// The caller's side of an agreement.
pub(crate) struct Answered {
    /// `S_0`.
    pub(crate) secret: Secret,
    /// The place that the callee chose.
    pub(crate) place: Place,
    /// Whether the callee has the pair's state.
    pub(crate) device: Device,
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answered(..)")
    }
}

/// Reads the row that a caller met at the meeting point; `None` if it is no answer to this call.
///
/// Tries the resume secret and none, always both; `resume` is the secret that the payload names.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one input of message 2, and none belongs to another"
)]
pub(crate) fn read_answer(
    secret: &SecretKey,
    realm: &Realm,
    callee: &ClientKey,
    call: &CallSecret,
    payload: &CallPayload,
    resume: Option<&Secret>,
    row: &[u8],
) -> Option<Answered> {
    let message2 = row.get(..message::ANSWER_BYTES)?;
    let bytes = payload.to_bytes();
    // A secret that nobody else can have, where there is none to try.
    let nothing = kdf::derive("no resume", call.0.as_bytes(), &[]);
    let products = Products::default();
    let attempt = |resume: Option<&Secret>| {
        Caller::again(secret, realm, callee.as_bytes(), call, &bytes, &products)
            .finish(&message::psk(&payload.seed, resume), message2)
    };
    let with = attempt(Some(resume.unwrap_or(&nothing)));
    let without = attempt(None);
    let answered = |(secret, place), device| {
        payload.places.contains(place).then_some(Answered {
            secret,
            place,
            device,
        })
    };
    match (with, without, resume) {
        (Some(opened), _, Some(_)) => answered(opened, Device::Same),
        (_, Some(opened), _) => answered(opened, Device::New),
        _ => None,
    }
}

/// Returns the tags at which caller and callee meet; generation 0 of their session keeps them.
pub(crate) fn meeting_tags(
    realm: &Realm,
    seed: &MeetingSeed,
    caller: &ClientKey,
    callee: &ClientKey,
) -> KeyTree {
    let (lower, higher, side) = if caller < callee {
        (caller, callee, 0)
    } else {
        (callee, caller, 1)
    };
    KeyTree::new(kdf::derive(
        "rendezvous",
        seed.as_bytes(),
        &[
            lower.as_bytes(),
            higher.as_bytes(),
            &[side],
            &realm.to_bytes(),
        ],
    ))
}

/// A call of a client's own making, of nobody and to nobody: what it answers and reads in every
/// round in which it has no call or no answer, so that its rounds take as long as others'.
pub(crate) struct IdleCall {
    other: ClientKey,
    call: CallSecret,
    payload: CallPayload,
}

impl IdleCall {
    /// Makes one; once for each start of a client.
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        let other = SecretKey::generate(rng);
        let call = CallSecret(Secret::random(rng));
        let payload = idle_payload(&call, rng);
        Self {
            other: other.client_key(),
            call,
            payload,
        }
    }

    /// Does what [`read_answer`] does; nothing comes of it.
    pub(crate) fn read_answer(&self, secret: &SecretKey, realm: &Realm, row: &[u8]) {
        let answered = read_answer(
            secret,
            realm,
            &self.other,
            &self.call,
            &self.payload,
            None,
            row,
        );
        core::hint::black_box(answered);
    }
}

impl fmt::Debug for IdleCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdleCall(..)")
    }
}

#[cfg(test)]
mod tests;
