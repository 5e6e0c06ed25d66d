//! Sealing one packet into one row: `ChaCha20Poly1305` under a key of its own.
//!
//! A key belongs to one generation, direction, round and lane. The nonce is random all the same:
//! a client that starts again from an older state may seal a second packet under it. Realm,
//! round, lane, sender and receiver are authenticated.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use rand_core::CryptoRng;

use super::Lane;
use crate::{
    identity::ClientKey,
    kdf::{self, Secret},
    manifest::Realm,
    program::RoundId,
};

const NONCE_BYTES: usize = 12;
const MAC_BYTES: usize = 16;
/// Bytes of a row's message beyond its packet: nonce and mac.
pub(crate) const OVERHEAD_BYTES: usize = NONCE_BYTES + MAC_BYTES;

/// Derives the key of a row from the leaf of its round.
pub(super) fn lane_key(leaf: &Secret, lane: Lane) -> Secret {
    kdf::derive("row", leaf.as_bytes(), &[&[lane.code()]])
}

/// What a sealed row is bound to.
pub(super) struct RowContext<'a> {
    pub(super) realm: &'a Realm,
    pub(super) round: RoundId,
    pub(super) lane: Lane,
    pub(super) sender: &'a ClientKey,
    pub(super) receiver: &'a ClientKey,
}

impl RowContext<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        [
            &b"mcmix.v2 row"[..],
            &self.realm.to_bytes(),
            &self.round.0.to_le_bytes(),
            &[self.lane.code()],
            self.sender.as_bytes(),
            self.receiver.as_bytes(),
        ]
        .concat()
    }
}

/// Returns the row's message: nonce, sealed packet.
pub(super) fn seal_row(
    key: &Secret,
    context: &RowContext<'_>,
    packet: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let payload = Payload {
        msg: packet,
        aad: &context.to_bytes(),
    };
    let sealed = ChaCha20Poly1305::new(key.as_bytes().into())
        .encrypt(Nonce::from_slice(&nonce), payload)
        .expect("a packet is far shorter than the cipher's limit");
    [&nonce[..], &sealed].concat()
}

/// Opens a row's message; `None` if it was not sealed for this context.
pub(super) fn open_row(key: &Secret, context: &RowContext<'_>, message: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = message.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload {
        msg: sealed,
        aad: &context.to_bytes(),
    };
    ChaCha20Poly1305::new(key.as_bytes().into())
        .decrypt(Nonce::from_slice(nonce), payload)
        .ok()
}
