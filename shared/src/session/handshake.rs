//! The Noise `KKpsk0` handshake of a session, each side a pure function of its seed: the same
//! seed makes the same message, so repeating it or resuming after a reload needs no more state.

use snow::{Builder, HandshakeState};

use crate::{
    identity::{ClientKey, MAX_NAME_BYTES, Name, SecretKey},
    kdf::Secret,
    noise::{HandshakeSeed, Resolver},
    program::RoundId,
};

const PATTERN: &str = "Noise_KKpsk0_25519_ChaChaPoly_BLAKE2s";
const NOISE_BYTES: usize = 48;
const PAYLOAD_BYTES: usize = 1 + MAX_NAME_BYTES;
/// Bytes of message 1: an ephemeral key and the sealed name.
pub(super) const HELLO_BYTES: usize = NOISE_BYTES + PAYLOAD_BYTES;
/// Bytes of message 2.
pub(super) const ANSWER_BYTES: usize = NOISE_BYTES;

/// What one side brings to the agreement.
pub(super) struct Agreement<'a> {
    pub(super) secret: &'a SecretKey,
    pub(super) peer: ClientKey,
    pub(super) round: RoundId,
    pub(super) psk: &'a Secret,
    pub(super) seed: &'a HandshakeSeed,
}

/// The two keys that come out, by the side that sends with them.
pub(super) struct Split {
    pub(super) initiator: Secret,
    pub(super) responder: Secret,
}

impl Split {
    fn of(mut state: HandshakeState) -> Option<Self> {
        if !state.is_handshake_finished() {
            return None;
        }
        let (initiator, responder) = state.dangerously_get_raw_split();
        Some(Self {
            initiator: Secret::from_bytes(initiator),
            responder: Secret::from_bytes(responder),
        })
    }
}

/// Message 1 and the state that waits for message 2.
pub(super) struct Hello {
    pub(super) message: Vec<u8>,
    state: HandshakeState,
}

impl Hello {
    pub(super) fn new(agreement: &Agreement<'_>, name: &Name) -> Self {
        let mut state = build(agreement, Side::Initiator);
        let mut message = vec![0; HELLO_BYTES];
        state
            .write_message(&name_payload(name), &mut message)
            .expect("the buffer fits");
        Self { message, state }
    }

    /// Takes message 2; `None` if it is not the answer to this message 1.
    pub(super) fn finish(mut self, answer: &[u8]) -> Option<Split> {
        self.state.read_message(answer, &mut []).ok()?;
        Split::of(self.state)
    }
}

/// Message 2, the keys, and the name in message 1 if it is one.
pub(super) struct Answer {
    pub(super) message: Vec<u8>,
    pub(super) split: Split,
    pub(super) name: Option<Name>,
}

/// Takes message 1; `None` if it is not by that caller for this match.
pub(super) fn answer(agreement: &Agreement<'_>, hello: &[u8]) -> Option<Answer> {
    let mut state = build(agreement, Side::Responder);
    let mut payload = [0; PAYLOAD_BYTES];
    state.read_message(hello, &mut payload).ok()?;
    let mut message = vec![0; ANSWER_BYTES];
    state.write_message(&[], &mut message).ok()?;
    Some(Answer {
        message,
        split: Split::of(state)?,
        name: read_name(&payload),
    })
}

#[derive(Clone, Copy)]
enum Side {
    Initiator,
    Responder,
}

fn build(agreement: &Agreement<'_>, side: Side) -> HandshakeState {
    let prologue = [b"mcmix.v2 session", &agreement.round.0.to_le_bytes()[..]].concat();
    let pattern = PATTERN.parse().expect("a Noise pattern");
    let builder = Builder::with_resolver(pattern, Resolver::boxed(agreement.seed.clone()))
        .prologue(&prologue)
        .and_then(|builder| builder.local_private_key(agreement.secret.as_bytes()))
        .and_then(|builder| builder.remote_public_key(agreement.peer.as_bytes()))
        .and_then(|builder| builder.psk(0, agreement.psk.as_bytes()))
        .expect("each part is given once");
    match side {
        Side::Initiator => builder.build_initiator(),
        Side::Responder => builder.build_responder(),
    }
    .expect("all parts of the pattern are given")
}

fn name_payload(name: &Name) -> [u8; PAYLOAD_BYTES] {
    let mut payload = [0; PAYLOAD_BYTES];
    let text = name.as_str().as_bytes();
    for (to, from) in payload.iter_mut().zip(
        u8::try_from(text.len())
            .into_iter()
            .chain(text.iter().copied()),
    ) {
        *to = from;
    }
    payload
}

fn read_name(payload: &[u8]) -> Option<Name> {
    let (len, rest) = payload.split_first()?;
    let text = core::str::from_utf8(rest.get(..usize::from(*len))?).ok()?;
    Name::new(text).ok()
}
