//! Hashes of what is to be proved: of all that was sent to each peer, and received from it.

use blake3::Hasher;
use mcmix_shared::party::PartyId;

use super::Context;

/// Two hashes for each peer, the next one's first.
#[derive(Default)]
pub(super) struct Hashes {
    sent: [Hasher; 2],
    received: [Hasher; 2],
}

impl Hashes {
    pub(super) fn sent(&mut self, party: PartyId, peer: PartyId) -> &mut Hasher {
        of(&mut self.sent, party, peer)
    }

    pub(super) fn received(&mut self, party: PartyId, peer: PartyId) -> &mut Hasher {
        of(&mut self.received, party, peer)
    }
}

fn of(hashes: &mut [Hasher; 2], party: PartyId, peer: PartyId) -> &mut Hasher {
    let [next, prev] = hashes;
    if peer == party.next() { next } else { prev }
}

impl Context {
    /// Begins to hash what is sent to a peer, with a salt that the two share.
    pub(crate) fn hash_sent(&mut self, peer: PartyId, salt: &[u8; 32]) {
        *self.hashes.sent(self.party, peer) = Hasher::new_keyed(salt);
    }

    /// Begins to hash what is received from a peer.
    pub(crate) fn hash_received(&mut self, peer: PartyId, salt: &[u8; 32]) {
        *self.hashes.received(self.party, peer) = Hasher::new_keyed(salt);
    }

    /// Returns the hash of what was sent to a peer since it was begun.
    pub(crate) fn sent_hash(&mut self, peer: PartyId) -> [u8; 32] {
        *self.hashes.sent(self.party, peer).finalize().as_bytes()
    }

    /// Returns the hash of what was received from a peer since it was begun.
    pub(crate) fn received_hash(&mut self, peer: PartyId) -> [u8; 32] {
        *self.hashes.received(self.party, peer).finalize().as_bytes()
    }
}
