//! The first message on a peer link, and the key that both ends derive from it.

use std::fmt;

use blake2::Blake2s256;
use bytes::Bytes;
use hkdf::SimpleHkdf;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{RoundId, Turn};
use mcmix_shared::share::DigestKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Position;
use super::strand::LinkId;

/// The version of everything that parties say to each other.
const VERSION: u16 = 3;

/// How a party introduces itself.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Hello {
    version: u16,
    party: u8,
    /// Digest of the deployment manifest; both ends must run on the same.
    deployment: [u8; 32],
    /// No round up to this one will be taken part in again.
    last_round: u64,
    /// Conversation rounds announced up to it.
    last_turn: u64,
    /// Fresh randomness for the pair's key.
    contribution: [u8; 32],
}

impl Hello {
    pub(super) fn new(
        me: PartyId,
        deployment: [u8; 32],
        position: Position,
    ) -> Result<Self, getrandom::Error> {
        let mut contribution = [0; 32];
        getrandom::fill(&mut contribution)?;
        Ok(Self {
            version: VERSION,
            party: u8::try_from(me.index()).expect("0, 1 or 2"),
            deployment,
            last_round: position.round.0,
            last_turn: position.turn.0,
            contribution,
        })
    }

    pub(super) fn encode(&self) -> Bytes {
        postcard::to_allocvec(self)
            .expect("plain numbers always encode")
            .into()
    }

    /// Reads a peer's introduction and holds it against our own; an error says what is wrong.
    pub(super) fn decode(message: &[u8], peer: PartyId, ours: &Self) -> Result<Self, &'static str> {
        let (hello, rest): (Self, _) =
            postcard::take_from_bytes(message).map_err(|_| "it can't be read")?;
        if hello.version != VERSION {
            return Err("it speaks another version; update both servers");
        }
        if usize::from(hello.party) != peer.index() {
            return Err("it says that it is another party; check the parties' configurations");
        }
        if hello.deployment != ours.deployment {
            return Err("it runs on another deployment manifest; all parties need the same file");
        }
        if !rest.is_empty() {
            return Err("there are bytes after the introduction");
        }
        Ok(hello)
    }

    pub(super) const fn position(&self) -> Position {
        Position {
            round: RoundId(self.last_round),
            turn: Turn(self.last_turn),
        }
    }
}

/// Reads a peer's introduction and writes again what was read: for the fuzz targets.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn reread_hello(
    message: &[u8],
    peer: PartyId,
    deployment: [u8; 32],
) -> Result<Bytes, &'static str> {
    let ours = Hello::new(peer.next(), deployment, Position::default());
    let ours = ours.map_err(|_| "no randomness")?;
    Hello::decode(message, peer, &ours).map(|read| read.encode())
}

/// The key that this pair of parties shares while this link lasts.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PairKey([u8; 32]);

impl PairKey {
    /// Returns the key under which both ends compare components in a round.
    pub fn digest_key(&self, round: RoundId) -> DigestKey {
        DigestKey::derive(self.as_bytes(), round)
    }

    /// Derives the key from both contributions and the secret of the TLS session.
    pub(super) fn derive(ours: &Hello, theirs: &Hello, session: [u8; 32]) -> Self {
        let (first, second) = if ours.party < theirs.party {
            (ours, theirs)
        } else {
            (theirs, ours)
        };
        let mut secret = [session, first.contribution, second.contribution].concat();
        let mut key = [0; 32];
        SimpleHkdf::<Blake2s256>::new(None, &secret)
            .expand(b"mcmix.v2 pair key", &mut key)
            .expect("32 bytes are within the limit");
        secret.zeroize();
        Self(key)
    }

    /// Returns by what the link's two ends know it, which says nothing of the key.
    pub(super) fn link_id(&self) -> LinkId {
        let mut id = [0; 16];
        SimpleHkdf::<Blake2s256>::new(None, &self.0)
            .expand(b"mcmix.v2 link id", &mut id)
            .expect("16 bytes are within the limit");
        LinkId(u128::from_le_bytes(id))
    }

    /// Returns the key, for the engine's streams.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position {
        round: RoundId(5),
        turn: Turn(3),
    };

    fn hello(party: PartyId) -> Hello {
        Hello::new(party, [1; 32], POSITION).unwrap()
    }

    #[test]
    fn both_ends_derive_the_same_fresh_key() {
        let (p0, p1) = (hello(PartyId::P0), hello(PartyId::P1));
        let key = PairKey::derive(&p0, &p1, [9; 32]);
        assert_eq!(
            key.as_bytes(),
            PairKey::derive(&p1, &p0, [9; 32]).as_bytes()
        );
        assert_ne!(
            key.as_bytes(),
            PairKey::derive(&p0, &p1, [8; 32]).as_bytes()
        );
        assert_eq!(key.link_id(), key.clone().link_id());
        let again = hello(PartyId::P0);
        assert_ne!(
            key.link_id(),
            PairKey::derive(&again, &p1, [9; 32]).link_id()
        );
        assert_ne!(
            key.as_bytes(),
            PairKey::derive(&again, &p1, [9; 32]).as_bytes()
        );
        assert_eq!(format!("{key:?}"), "PairKey(..)");
    }

    #[test]
    fn introductions_are_checked() {
        let ours = hello(PartyId::P0);
        let theirs = hello(PartyId::P1);
        let read = Hello::decode(&theirs.encode(), PartyId::P1, &ours).unwrap();
        assert_eq!(read.position(), POSITION);
        assert!(Hello::decode(&theirs.encode(), PartyId::P2, &ours).is_err());
        let other = Hello {
            deployment: [2; 32],
            ..theirs.clone()
        };
        assert!(Hello::decode(&other.encode(), PartyId::P1, &ours).is_err());
        let newer = Hello {
            version: VERSION + 1,
            ..theirs.clone()
        };
        assert!(Hello::decode(&newer.encode(), PartyId::P1, &ours).is_err());
        let longer = [theirs.encode().as_ref(), &[0]].concat();
        assert!(Hello::decode(&longer, PartyId::P1, &ours).is_err());
    }
}
