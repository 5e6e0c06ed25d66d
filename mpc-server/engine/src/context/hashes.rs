//! Hashes of what is to be proved: of all that was sent to each peer, and received from it.

use blake3::Hasher;
use mcmix_shared::party::PartyId;

use super::Context;

/// The hash of one frame.
pub(super) type Hash = blake3::Hash;

/// The hash of frames that follow each other: each is hashed by itself, on any thread, and then
/// their hashes. The key is a salt of the two parties.
#[derive(Default)]
pub(super) struct Chain {
    salt: [u8; 32],
    hashes: Hasher,
}

impl Chain {
    fn new(salt: &[u8; 32]) -> Self {
        Self {
            salt: *salt,
            hashes: Hasher::new_keyed(salt),
        }
    }

    /// Hashes one frame.
    pub(super) fn hash(&self, parts: [&[u8]; 2]) -> Hash {
        let mut hasher = Hasher::new_keyed(&self.salt);
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }

    /// Puts the next frame's hash at the end, if it has one.
    pub(super) fn add(&mut self, hash: Option<Hash>) {
        if let Some(hash) = hash {
            self.hashes.update(hash.as_bytes());
        }
    }

    fn finish(&self) -> [u8; 32] {
        *self.hashes.finalize().as_bytes()
    }
}

/// Two chains for each peer, the next one's first.
#[derive(Default)]
pub(super) struct Hashes {
    sent: [Chain; 2],
    received: [Chain; 2],
}

impl Hashes {
    pub(super) fn sent(&mut self, party: PartyId, peer: PartyId) -> &mut Chain {
        of(&mut self.sent, party, peer)
    }

    pub(super) fn received(&mut self, party: PartyId, peer: PartyId) -> &mut Chain {
        of(&mut self.received, party, peer)
    }
}

fn of(chains: &mut [Chain; 2], party: PartyId, peer: PartyId) -> &mut Chain {
    let [next, prev] = chains;
    if peer == party.next() { next } else { prev }
}

impl Context {
    /// Begins to hash what is sent to a peer, with a salt that the two share.
    pub(crate) fn hash_sent(&mut self, peer: PartyId, salt: &[u8; 32]) {
        *self.hashes.sent(self.party, peer) = Chain::new(salt);
    }

    /// Begins to hash what is received from a peer.
    pub(crate) fn hash_received(&mut self, peer: PartyId, salt: &[u8; 32]) {
        *self.hashes.received(self.party, peer) = Chain::new(salt);
    }

    /// Returns the hash of what was sent to a peer since it was begun.
    pub(crate) fn sent_hash(&mut self, peer: PartyId) -> [u8; 32] {
        self.hashes.sent(self.party, peer).finish()
    }

    /// Returns the hash of what was received from a peer since it was begun.
    pub(crate) fn received_hash(&mut self, peer: PartyId) -> [u8; 32] {
        self.hashes.received(self.party, peer).finish()
    }
}
