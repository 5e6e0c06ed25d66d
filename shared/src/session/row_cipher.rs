//! Sealing one packet into one row: `ChaCha20Poly1305` under a key of its own.
//!
//! The key is derived from the direction's key of the round and from the epoch, so it is used
//! once even where a client starts anew in the middle of a round. Round, sender and receiver
//! are authenticated.

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};

use super::{Epoch, PACKET};
use crate::{
    identity::ClientKey,
    kdf::{Secret, derive},
    program::RoundId,
};

const EPOCH_BYTES: usize = 8;
const MAC_BYTES: usize = 16;
/// Bytes of a row's message beyond the packet: kind, epoch, mac.
pub(crate) const OVERHEAD_BYTES: usize = 1 + EPOCH_BYTES + MAC_BYTES;

/// What a sealed row is bound to.
pub(crate) struct RowContext<'a> {
    pub(crate) round: RoundId,
    pub(crate) sender: &'a ClientKey,
    pub(crate) receiver: &'a ClientKey,
}

impl RowContext<'_> {
    fn bytes(&self) -> Vec<u8> {
        let round = self.round.0.to_le_bytes();
        [
            b"mcmix.v2 row",
            &round[..],
            self.sender.as_bytes(),
            self.receiver.as_bytes(),
        ]
        .concat()
    }
}

/// Returns the row's message: kind, epoch, sealed packet.
pub(crate) fn seal_row(
    key: &Secret,
    context: &RowContext<'_>,
    epoch: Epoch,
    packet: &[u8],
) -> Vec<u8> {
    let payload = Payload {
        msg: packet,
        aad: &context.bytes(),
    };
    let sealed = cipher(key, epoch).encrypt(&Nonce::default(), payload);
    let sealed = sealed.expect("a packet is far shorter than the cipher's limit");
    [&[PACKET][..], &epoch.0.to_le_bytes(), &sealed].concat()
}

/// Opens what follows the kind in a row's message; `None` if it was not sealed for this context.
pub(crate) fn open_row(
    key: &Secret,
    context: &RowContext<'_>,
    body: &[u8],
) -> Option<(Epoch, Vec<u8>)> {
    let (epoch, sealed) = body.split_first_chunk()?;
    let epoch = Epoch(u64::from_le_bytes(*epoch));
    let payload = Payload {
        msg: sealed,
        aad: &context.bytes(),
    };
    let packet = cipher(key, epoch)
        .decrypt(&Nonce::default(), payload)
        .ok()?;
    Some((epoch, packet))
}

fn cipher(key: &Secret, epoch: Epoch) -> ChaCha20Poly1305 {
    let key = derive("row", key.as_bytes(), &[&epoch.0.to_le_bytes()]);
    ChaCha20Poly1305::new(key.as_bytes().into())
}
