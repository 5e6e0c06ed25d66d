//! The Noise link between a client and one server, inside the WebSocket (docs/protocol.md §10).
//!
//! `Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s`: the client knows the server's pinned key, and its own
//! static key is its identity. Whatever ends TLS in front of a server sees sealed frames only.
//! The psk comes out of an ML-KEM-768 exchange inside the same two messages, so that a recorded
//! link stays closed unless both X25519 and ML-KEM are broken. Who is at the other end rests on
//! X25519 alone.

mod cipher;
mod resolver;
#[cfg(test)]
mod tests;

use core::fmt;

use rand_core::CryptoRng;
use snow::{Builder, HandshakeState, TransportState};

pub(crate) use resolver::Resolver;

use zeroize::Zeroizing;

use crate::{
    identity::{ClientKey, SecretKey, ServerKey},
    kdf::{self, Secret},
    kem::{self, DecapsulationKey},
    party::PartyId,
};

const PATTERN: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
/// Where the pattern takes the psk.
const PSK: usize = 2;
/// Bytes of the second Noise message: an ephemeral key and the seal of nothing.
const MESSAGE_2_BYTES: usize = 32 + SEAL_BYTES;

/// Bytes of the client's first message: an ephemeral key, and sealed the client's key and an
/// ML-KEM key.
pub const HELLO_BYTES: usize = 32 + (32 + SEAL_BYTES) + (kem::PUBLIC_BYTES + SEAL_BYTES);
/// Bytes of the server's first message: an ML-KEM ciphertext, then Noise's second message.
pub const ANSWER_BYTES: usize = kem::CIPHERTEXT_BYTES + MESSAGE_2_BYTES;
/// Bytes that sealing adds to a frame.
pub const SEAL_BYTES: usize = 16;
/// The longest frame that can be sealed.
pub const MAX_FRAME_BYTES: usize = 65_535 - SEAL_BYTES;

/// A link that did not come about or broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// The first message has the wrong length.
    #[error("handshake message: expected {expected} bytes, got {got}")]
    Length {
        /// What the pattern gives.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// The first message does not fit the keys, the party or the deployment.
    #[error("handshake failed: not the expected key, party or deployment")]
    Handshake,
    /// The client's key is no usable identity.
    #[error("the client's key is no usable identity")]
    Identity,
    /// The client's one-time key is no ML-KEM key.
    #[error("the client's one-time key is no ML-KEM-768 key")]
    OneTimeKey,
    /// A sealed frame was changed, lost, repeated or reordered.
    #[error("a sealed frame does not open")]
    Open,
    /// The frame is longer than [`MAX_FRAME_BYTES`].
    #[error("the frame is too long to seal")]
    TooLong,
}

/// The client's end of a link that is being set up.
pub struct Initiator {
    state: HandshakeState,
    one_time: DecapsulationKey,
}

/// All that a client draws for one link.
struct HelloSeeds {
    ephemeral: Secret,
    one_time: Zeroizing<[u8; kem::SECRET_SEED_BYTES]>,
}

impl Initiator {
    /// Starts a link to a party of the deployment of that digest, and returns its first message.
    pub fn new(
        deployment: &[u8; 32],
        party: PartyId,
        own: &SecretKey,
        server: &ServerKey,
        rng: &mut impl CryptoRng,
    ) -> (Self, Vec<u8>) {
        let mut seeds = HelloSeeds {
            ephemeral: Secret::random(rng),
            one_time: Zeroizing::new([0; kem::SECRET_SEED_BYTES]),
        };
        rng.fill_bytes(seeds.one_time.as_mut_slice());
        Self::from_seeds(deployment, party, own, server, seeds)
    }

    fn from_seeds(
        deployment: &[u8; 32],
        party: PartyId,
        own: &SecretKey,
        server: &ServerKey,
        seeds: HelloSeeds,
    ) -> (Self, Vec<u8>) {
        let one_time = DecapsulationKey::from_seed(&seeds.one_time);
        let prologue = prologue(deployment, party);
        let mut state = builder(own, &prologue, seeds.ephemeral)
            .remote_public_key(server.as_bytes())
            .and_then(Builder::build_initiator)
            .expect("all parts of the pattern are given");
        let mut hello = vec![0; HELLO_BYTES];
        state
            .write_message(&one_time.public(), &mut hello)
            .expect("the buffer fits");
        (Self { state, one_time }, hello)
    }

    /// Takes the server's answer.
    ///
    /// # Errors
    /// Refuses an answer of another length or by another key.
    pub fn finish(mut self, answer: &[u8]) -> Result<Transport, NoiseError> {
        length(answer, ANSWER_BYTES)?;
        let (ciphertext, message) = answer
            .split_first_chunk()
            .expect("the length was just checked");
        let shared = self.one_time.decapsulate(ciphertext);
        let psk = psk(&shared, &self.one_time.public(), ciphertext);
        with_psk(&mut self.state, &psk, |state| {
            state.read_message(message, &mut [])
        })?;
        into_transport(self.state)
    }
}

impl fmt::Debug for Initiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Initiator(..)")
    }
}

/// What a server makes of a client's first message.
#[derive(Debug)]
pub struct Accepted {
    /// The client's identity. Whoever sent the message may have replayed it: only a frame that
    /// opens on the transport shows that the client is there.
    pub client: ClientKey,
    /// The server's first message.
    pub answer: Vec<u8>,
    /// The link.
    pub transport: Transport,
}

/// All that a server draws for one link.
struct AnswerSeeds {
    ephemeral: Secret,
    encapsulation: Secret,
}

/// Answers a client's first message.
///
/// # Errors
/// Refuses a message of another length, for another key, party or deployment, or with an
/// unusable key.
pub fn accept(
    deployment: &[u8; 32],
    party: PartyId,
    own: &SecretKey,
    hello: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Accepted, NoiseError> {
    let ephemeral = Secret::random(rng);
    let mut encapsulation = Zeroizing::new([0; 32]);
    rng.fill_bytes(encapsulation.as_mut_slice());
    let seeds = AnswerSeeds {
        ephemeral,
        encapsulation: Secret::from_bytes(*encapsulation),
    };
    accept_from_seeds(deployment, party, own, hello, seeds)
}

fn accept_from_seeds(
    deployment: &[u8; 32],
    party: PartyId,
    own: &SecretKey,
    hello: &[u8],
    seeds: AnswerSeeds,
) -> Result<Accepted, NoiseError> {
    length(hello, HELLO_BYTES)?;
    let prologue = prologue(deployment, party);
    let mut state = builder(own, &prologue, seeds.ephemeral)
        .build_responder()
        .expect("all parts of the pattern are given");
    let mut one_time = [0; kem::PUBLIC_BYTES];
    state
        .read_message(hello, &mut one_time)
        .map_err(|_| NoiseError::Handshake)?;
    let client = state
        .get_remote_static()
        .and_then(|key| key.try_into().ok())
        .and_then(|key| ClientKey::from_bytes(key).ok())
        .ok_or(NoiseError::Identity)?;
    let (ciphertext, shared) = kem::encapsulate(&one_time, seeds.encapsulation.as_bytes())
        .ok_or(NoiseError::OneTimeKey)?;
    let psk = psk(&shared, &one_time, &ciphertext);
    let mut message = [0; MESSAGE_2_BYTES];
    with_psk(&mut state, &psk, |state| {
        state.write_message(&[], &mut message)
    })?;
    Ok(Accepted {
        client,
        answer: [&ciphertext[..], &message].concat(),
        transport: into_transport(state)?,
    })
}

/// A link that is set up: seals and opens frames, strictly in order.
pub struct Transport(TransportState);

impl Transport {
    /// Seals a frame.
    ///
    /// # Errors
    /// Refuses a frame that is too long.
    pub fn seal(&mut self, frame: &[u8]) -> Result<Vec<u8>, NoiseError> {
        let mut sealed = Vec::with_capacity(frame.len() + SEAL_BYTES);
        self.seal_behind(frame, &mut sealed)?;
        Ok(sealed)
    }

    /// Seals a frame behind what stands in a buffer.
    ///
    /// # Errors
    /// Refuses a frame that is too long.
    pub fn seal_behind(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), NoiseError> {
        let start = out.len();
        out.resize(start + frame.len() + SEAL_BYTES, 0);
        let sealed = out.get_mut(start..).unwrap_or_default();
        self.0
            .write_message(frame, sealed)
            .map_err(|_| NoiseError::TooLong)?;
        Ok(())
    }

    /// Opens the next sealed frame. After an error the link is of no more use.
    ///
    /// # Errors
    /// Refuses what is not the other end's next frame.
    pub fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>, NoiseError> {
        let len = sealed
            .len()
            .checked_sub(SEAL_BYTES)
            .ok_or(NoiseError::Open)?;
        let mut frame = vec![0; len];
        self.0
            .read_message(sealed, &mut frame)
            .map_err(|_| NoiseError::Open)?;
        Ok(frame)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport(..)")
    }
}

/// Binds a handshake to the deployment and the party that it is meant for.
fn prologue(deployment: &[u8; 32], party: PartyId) -> Vec<u8> {
    let party = u8::try_from(party.index()).expect("there are three");
    [b"mcmix.v2 link", &deployment[..], &[party]].concat()
}

/// Derives what the ML-KEM exchange adds to the handshake.
fn psk(
    shared: &Secret,
    key: &[u8; kem::PUBLIC_BYTES],
    ciphertext: &[u8; kem::CIPHERTEXT_BYTES],
) -> Secret {
    let transcript = kdf::hash("link", &[key, ciphertext]);
    kdf::derive("link", shared.as_bytes(), &[&transcript])
}

/// Takes the step in which the psk is mixed in. Snow keeps a psk and erases none: it is
/// overwritten.
fn with_psk(
    state: &mut HandshakeState,
    psk: &Secret,
    step: impl FnOnce(&mut HandshakeState) -> Result<usize, snow::Error>,
) -> Result<(), NoiseError> {
    let set = "the psk has 32 bytes";
    state.set_psk(PSK, psk.as_bytes()).expect(set);
    let done = step(state);
    state.set_psk(PSK, &[0; 32]).expect(set);
    done.map(drop).map_err(|_| NoiseError::Handshake)
}

fn builder<'a>(own: &'a SecretKey, prologue: &'a [u8], ephemeral: Secret) -> Builder<'a> {
    let pattern = PATTERN.parse().expect("a Noise pattern");
    Builder::with_resolver(pattern, Resolver::boxed(ephemeral))
        .prologue(prologue)
        .and_then(|builder| builder.local_private_key(own.as_bytes()))
        .expect("each part is given once")
}

fn into_transport(state: HandshakeState) -> Result<Transport, NoiseError> {
    state
        .into_transport_mode()
        .map(Transport)
        .map_err(|_| NoiseError::Handshake)
}

fn length(message: &[u8], expected: usize) -> Result<(), NoiseError> {
    let got = message.len();
    if got == expected {
        Ok(())
    } else {
        Err(NoiseError::Length { expected, got })
    }
}
