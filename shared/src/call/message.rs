//! The two messages of a call in `Noise_IKpsk2`.

use snow::{Builder, HandshakeState};
use zeroize::Zeroizing;

use super::{
    CallPayload, CallSecret, MESSAGE_BYTES, MeetingSeed, Place, Received,
    payload::PAYLOAD_BYTES,
    resolver::{GoingOn, Products, Seals},
};
use crate::{
    identity::{ClientKey, SecretKey},
    kdf::{self, Secret},
    manifest::Realm,
};

const PATTERN: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
/// Bytes of message 2: an ephemeral key and the sealed place.
pub(super) const ANSWER_BYTES: usize = 49;
/// Where the pre-shared key stands in the pattern.
const PSK: u8 = 2;

/// Returns the prologue, which binds both messages to the realm.
fn prologue(realm: &Realm) -> Vec<u8> {
    [&b"mcmix.v2 call"[..], &realm.to_bytes()].concat()
}

/// Derives the pre-shared key of message 2 from what only caller and callee know.
pub(super) fn psk(meeting: &MeetingSeed, resume: Option<&Secret>) -> Secret {
    let mut material = Zeroizing::new([0; 48]);
    let (seed, secret) = material.split_at_mut(16);
    seed.copy_from_slice(meeting.as_bytes());
    let used = match resume {
        Some(resume) => {
            secret.copy_from_slice(resume.as_bytes());
            &material[..]
        }
        None => seed,
    };
    kdf::derive("psk", used, &[])
}

/// Derives `S_0` when both messages are through.
fn pair_secret(mut state: HandshakeState) -> Secret {
    // snow erases no pre-shared key.
    state
        .set_psk(PSK.into(), &[0; 32])
        .expect("it was set before");
    let hash: [u8; 32] = state
        .get_handshake_hash()
        .try_into()
        .expect("BLAKE2s gives 32 bytes");
    let (initiator, responder) = state.dangerously_get_raw_split();
    let (initiator, responder) = (Secret::from_bytes(initiator), Secret::from_bytes(responder));
    let mut split = Zeroizing::new([0; 64]);
    let (first, second) = split.split_at_mut(32);
    first.copy_from_slice(initiator.as_bytes());
    second.copy_from_slice(responder.as_bytes());
    kdf::derive("pair", split.as_slice(), &[&hash])
}

/// The caller after message 1.
pub(super) struct Caller {
    pub(super) message: [u8; MESSAGE_BYTES],
    state: HandshakeState,
    seals: Seals,
}

impl Caller {
    pub(super) fn new(
        secret: &SecretKey,
        realm: &Realm,
        callee: &[u8; 32],
        call: &CallSecret,
        payload: &[u8; PAYLOAD_BYTES],
    ) -> Self {
        Self::again(secret, realm, callee, call, payload, &Products::default())
    }

    /// Starts the same handshake once more, with what was computed for it before.
    #[expect(clippy::too_many_arguments, reason = "as in `new`, and what is known")]
    pub(super) fn again(
        secret: &SecretKey,
        realm: &Realm,
        callee: &[u8; 32],
        call: &CallSecret,
        payload: &[u8; PAYLOAD_BYTES],
        products: &Products,
    ) -> Self {
        let prologue = prologue(realm);
        let ephemeral = kdf::derive("e", call.0.as_bytes(), &[&prologue, callee, payload]);
        let seals = Seals::default();
        let pattern = PATTERN.parse().expect("a Noise pattern");
        let mut state =
            Builder::with_resolver(pattern, GoingOn::boxed(&ephemeral, products, &seals))
                .prologue(&prologue)
                .and_then(|builder| builder.local_private_key(secret.as_bytes()))
                .and_then(|builder| builder.remote_public_key(callee))
                .and_then(Builder::build_initiator)
                .expect("all parts of the pattern are given");
        let mut message = [0; MESSAGE_BYTES];
        let written = state.write_message(payload, &mut message);
        debug_assert_eq!(written, Ok(MESSAGE_BYTES));
        Self {
            message,
            state,
            seals,
        }
    }

    /// Takes message 2; `None` if it is not the answer under this pre-shared key.
    pub(super) fn finish(mut self, psk: &Secret, message: &[u8]) -> Option<(Secret, Place)> {
        self.state.set_psk(PSK.into(), psk.as_bytes()).ok()?;
        let mut place = [0];
        self.state.read_message(message, &mut place).ok()?;
        let secret = pair_secret(self.state);
        let [place] = place;
        let place = Place::new(place);
        self.seals.all_fit().then_some((secret, place?))
    }
}

/// The callee after message 1, whether it opened or not.
pub(super) struct Message1 {
    state: HandshakeState,
    payload: Zeroizing<[u8; PAYLOAD_BYTES]>,
}

impl Message1 {
    /// Reads message 1, going on where it does not open; `None` if it has another length.
    pub(super) fn read(
        secret: &SecretKey,
        realm: &Realm,
        message: &[u8],
        ephemeral: &Secret,
    ) -> Option<(Self, Option<Received>)> {
        let message: [u8; MESSAGE_BYTES] = message.try_into().ok()?;
        let seals = Seals::default();
        let pattern = PATTERN.parse().expect("a Noise pattern");
        let mut state = Builder::with_resolver(
            pattern,
            GoingOn::boxed(ephemeral, &Products::default(), &seals),
        )
        .prologue(&prologue(realm))
        .and_then(|builder| builder.local_private_key(secret.as_bytes()))
        .and_then(Builder::build_responder)
        .expect("all parts of the pattern are given");
        let mut payload = Zeroizing::new([0; PAYLOAD_BYTES]);
        state.read_message(&message, payload.as_mut_slice()).ok()?;
        let caller = state.get_remote_static()?.try_into().ok()?;
        // snow takes a key of zeros; asked always, for it costs a Diffie-Hellman.
        let caller = ClientKey::from_bytes(caller);
        let own = secret.client_key();
        let received = caller.ok().zip(CallPayload::from_bytes(&payload));
        let received = received
            .filter(|(caller, _)| seals.all_fit() && *caller != own)
            .map(|(caller, payload)| Received {
                caller,
                payload,
                message,
            });
        Some((Self { state, payload }, received))
    }

    /// Returns s as it stands in the payload, whether that opened or not.
    pub(super) fn meeting_seed(&self) -> MeetingSeed {
        let at = 67;
        let seed = self.payload.get(at..).and_then(<[u8]>::first_chunk);
        MeetingSeed::from_bytes(*seed.expect("a payload is longer"))
    }

    /// Writes message 2 and returns `S_0`.
    pub(super) fn answer(mut self, psk: &Secret, place: Place, out: &mut [u8]) -> Option<Secret> {
        self.state.set_psk(PSK.into(), psk.as_bytes()).ok()?;
        self.state.write_message(&[place.code()], out).ok()?;
        Some(pair_secret(self.state))
    }
}
