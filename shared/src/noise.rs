//! The Noise link between a client and one server, inside the WebSocket (docs/protocol.md §10).
//!
//! `Noise_IK_25519_ChaChaPoly_BLAKE2s`: the client knows the server's pinned key, and its own
//! static key is its identity. Whatever ends TLS in front of a server sees sealed frames only.

mod resolver;

use core::fmt;

use rand_core::CryptoRng;
use snow::{Builder, HandshakeState, TransportState};

pub(crate) use resolver::{HandshakeSeed, Resolver};

use crate::{
    identity::{ClientKey, SecretKey, ServerKey},
    party::PartyId,
};

const PATTERN: &str = "Noise_IK_25519_ChaChaPoly_BLAKE2s";

/// Bytes of the client's first message.
pub const HELLO_BYTES: usize = 96;
/// Bytes of the server's first message.
pub const ANSWER_BYTES: usize = 48;
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
    /// The first message does not fit the keys or the party.
    #[error("handshake failed: not the expected key or party")]
    Handshake,
    /// The client's key is no usable identity.
    #[error("the client's key is no usable identity")]
    Identity,
    /// A sealed frame was changed, lost, repeated or reordered.
    #[error("a sealed frame does not open")]
    Open,
    /// The frame is longer than [`MAX_FRAME_BYTES`].
    #[error("the frame is too long to seal")]
    TooLong,
}

/// The client's end of a link that is being set up.
pub struct Initiator(HandshakeState);

impl Initiator {
    /// Starts a link to a party and returns its first message.
    pub fn new(
        _deployment: &[u8; 32],
        party: PartyId,
        own: &SecretKey,
        server: &ServerKey,
        rng: &mut impl CryptoRng,
    ) -> (Self, Vec<u8>) {
        let mut state = builder(own, &prologue(party), rng)
            .remote_public_key(server.as_bytes())
            .and_then(Builder::build_initiator)
            .expect("all parts of the pattern are given");
        let mut hello = vec![0; HELLO_BYTES];
        state
            .write_message(&[], &mut hello)
            .expect("the buffer fits");
        (Self(state), hello)
    }

    /// Takes the server's answer.
    ///
    /// # Errors
    /// Refuses an answer of another length or by another key.
    pub fn finish(mut self, answer: &[u8]) -> Result<Transport, NoiseError> {
        length(answer, ANSWER_BYTES)?;
        self.0
            .read_message(answer, &mut [])
            .map_err(|_| NoiseError::Handshake)?;
        into_transport(self.0)
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

/// Answers a client's first message.
///
/// # Errors
/// Refuses a message of another length, for another key or party, or from an unusable key.
pub fn accept(
    _deployment: &[u8; 32],
    party: PartyId,
    own: &SecretKey,
    hello: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Accepted, NoiseError> {
    length(hello, HELLO_BYTES)?;
    let mut state = builder(own, &prologue(party), rng)
        .build_responder()
        .expect("all parts of the pattern are given");
    state
        .read_message(hello, &mut [])
        .map_err(|_| NoiseError::Handshake)?;
    let client = state
        .get_remote_static()
        .and_then(|key| key.try_into().ok())
        .and_then(|key| ClientKey::from_bytes(key).ok())
        .ok_or(NoiseError::Identity)?;
    let mut answer = vec![0; ANSWER_BYTES];
    state
        .write_message(&[], &mut answer)
        .map_err(|_| NoiseError::Handshake)?;
    Ok(Accepted {
        client,
        answer,
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
        let mut sealed = vec![0; frame.len() + SEAL_BYTES];
        self.0
            .write_message(frame, &mut sealed)
            .map_err(|_| NoiseError::TooLong)?;
        Ok(sealed)
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

/// Binds a handshake to the party that it is meant for.
fn prologue(party: PartyId) -> Vec<u8> {
    format!("mcmix.v2 {party}").into_bytes()
}

fn builder<'a>(own: &'a SecretKey, prologue: &'a [u8], rng: &mut impl CryptoRng) -> Builder<'a> {
    let pattern = PATTERN.parse().expect("a Noise pattern");
    Builder::with_resolver(pattern, Resolver::boxed(HandshakeSeed::random(rng)))
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

#[cfg(test)]
mod tests {
    use super::{ANSWER_BYTES, HELLO_BYTES, Initiator, NoiseError, SEAL_BYTES, Transport, accept};
    use crate::{identity::SecretKey, party::PartyId};
    use proptest::prelude::*;
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    fn keys() -> (SecretKey, SecretKey) {
        (
            SecretKey::from_bytes([1; 32]),
            SecretKey::from_bytes([2; 32]),
        )
    }

    fn link() -> (Transport, Transport) {
        let (client, server) = keys();
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let (initiator, hello) =
            Initiator::new(PartyId::P1, &client, &server.server_key(), &mut rng);
        assert_eq!(hello.len(), HELLO_BYTES);
        let accepted = accept(PartyId::P1, &server, &hello, &mut rng).unwrap();
        assert_eq!(accepted.client, client.client_key());
        assert_eq!(accepted.answer.len(), ANSWER_BYTES);
        (
            initiator.finish(&accepted.answer).unwrap(),
            accepted.transport,
        )
    }

    #[test]
    fn frames_travel_both_ways_once_and_in_order() {
        let (mut client, mut server) = link();
        let first = client.seal(b"first").unwrap();
        let second = client.seal(b"second").unwrap();
        assert_eq!(first.len(), 5 + SEAL_BYTES);
        assert_eq!(server.open(&first).unwrap(), b"first");
        assert_eq!(server.open(&first), Err(NoiseError::Open));
        assert_eq!(server.open(&second).unwrap(), b"second");
        let back = server.seal(b"back").unwrap();
        assert_eq!(client.open(&back).unwrap(), b"back");
        assert_eq!(client.open(&[0; 15]), Err(NoiseError::Open));
        assert_eq!(client.seal(&vec![0; 65_520]), Err(NoiseError::TooLong));
    }

    #[test]
    fn another_party_or_key_does_not_answer() {
        let (client, server) = keys();
        let mut rng = ChaCha12Rng::seed_from_u64(6);
        let (initiator, hello) =
            Initiator::new(PartyId::P1, &client, &server.server_key(), &mut rng);
        let refused = |party, key: &SecretKey, rng: &mut _| {
            accept(party, key, &hello, rng).map(drop).unwrap_err()
        };
        assert_eq!(
            refused(PartyId::P2, &server, &mut rng),
            NoiseError::Handshake
        );
        assert_eq!(
            refused(PartyId::P1, &client, &mut rng),
            NoiseError::Handshake
        );
        assert_eq!(
            initiator.finish(&[0; 48]).map(drop),
            Err(NoiseError::Handshake)
        );
    }

    #[test]
    fn fresh_links_have_fresh_hellos() {
        let (client, server) = keys();
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        let mut hello = || Initiator::new(PartyId::P0, &client, &server.server_key(), &mut rng).1;
        assert_ne!(hello(), hello());
    }

    proptest! {
        #[test]
        fn any_first_message_is_survived(message in prop::collection::vec(any::<u8>(), 0..120), seed: u64) {
            let (client, server) = keys();
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let _ = accept(PartyId::P0, &server, &message, &mut rng);
            let mut exact = message.clone();
            exact.resize(HELLO_BYTES, 7);
            prop_assert!(accept(PartyId::P0, &server, &exact, &mut rng).is_err());
            let (initiator, _) = Initiator::new(PartyId::P0, &client, &server.server_key(), &mut rng);
            prop_assert!(initiator.finish(&message).is_err());
        }
    }
}
