//! What the two holders of a component compare before a round (docs/protocol.md §3).

use core::fmt;

use crate::{
    identity::ClientKey,
    kdf::{self, Secret},
    party::PartyId,
    program::RoundId,
};

/// What two holders of a component compare before a round.
///
/// # Security
/// Keyed, because the third party compares it and knows the other two components: it could hold
/// guesses at the row against a plain hash (docs/protocol.md §3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; DIGEST_BYTES]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Bytes of a [`Digest`].
pub const DIGEST_BYTES: usize = 16;

/// The key of the digests of one round between two parties. Erased when dropped.
///
/// Whoever takes submissions in gets this and not the key that it is derived from, by which the
/// parties mask what they compute.
#[derive(Clone, Debug)]
pub struct DigestKey(Secret);

impl DigestKey {
    /// Derives a round's key from the one that two parties share.
    pub fn derive(pair_key: &[u8; 32], round: RoundId) -> Self {
        let round = round.0.to_le_bytes();
        Self(kdf::derive("digest key", pair_key, &[&round]))
    }

    /// Digests a client's component, which is named by the party that holds it first: `x_i` by
    /// `P_i`.
    pub(super) fn digest(&self, client: &ClientKey, component: PartyId, value: &[u8]) -> Digest {
        let component = &component.index().to_le_bytes()[..1];
        let parts = [client.as_bytes().as_slice(), component, value];
        Digest(kdf::truncate(&kdf::mac(
            "component",
            self.0.as_bytes(),
            &parts,
        )))
    }
}
