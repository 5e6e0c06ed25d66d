//! Dealing a submission to the three parties, and combining their replies (docs/protocol.md §2).
//!
//! In:      a submission R, all rows of one client for one round.
//! Out:     seeds s0, s1 and x2 = R ^ PRG(s0) ^ PRG(s1); P0 (s0, s1), P1 (s1, x2), P2 (x2, s0).
//! Cost:    2|R| + 64 bytes up, |R| + 48 bytes a row down.
//! Secure:  any one party's share is uniformly random, whatever R is.

mod prg;
mod reply;

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroize as _;

pub use prg::{SEED_BYTES, Seed};
pub use reply::{CombineError, REPLY_DIGEST_BYTES, combine, reply_body_bytes, reply_digest};

use crate::{bytes::Reader, identity::ClientId, kdf, party::PartyId, program::RoundId};

/// One of the three components of a submission, as dealt.
#[derive(Clone)]
pub enum Component {
    /// x0 or x1: what the seed expands to.
    Seed(Seed),
    /// x2, in full.
    Explicit(Vec<u8>),
}

impl Component {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Seed(seed) => seed.as_bytes(),
            Self::Explicit(bytes) => bytes,
        }
    }

    fn expand(&self, len: usize) -> Vec<u8> {
        match self {
            Self::Seed(seed) => {
                let mut out = vec![0; len];
                seed.xor_into(&mut out);
                out
            }
            Self::Explicit(bytes) => bytes.clone(),
        }
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seed(_) => "Component::Seed(..)",
            Self::Explicit(_) => "Component::Explicit(..)",
        })
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        if let Self::Explicit(bytes) = self {
            bytes.zeroize();
        }
    }
}

/// What one party is dealt of one submission: components `x_i` and `x_{i+1}`.
#[derive(Clone)]
pub struct DealtShare {
    party: PartyId,
    len: usize,
    first: Component,
    second: Component,
}

/// A share of the wrong length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("share for {party}: expected {expected} bytes, got {got}")]
pub struct ShareError {
    /// Whose share it is.
    pub party: PartyId,
    /// The length that the submission's length gives.
    pub expected: usize,
    /// The length that came.
    pub got: usize,
}

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

/// A submission's components in full.
pub struct Expanded {
    /// Component `x_i` of party `P_i`.
    pub first: Vec<u8>,
    /// Component `x_{i+1}` of party `P_i`.
    pub second: Vec<u8>,
}

impl fmt::Debug for Expanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expanded(..)")
    }
}

/// Deals a submission to the three parties, P0 first.
pub fn deal(submission: &[u8], rng: &mut impl CryptoRng) -> [DealtShare; 3] {
    let (s0, s1) = (Seed::random(rng), Seed::random(rng));
    let mut x2 = submission.to_vec();
    s0.xor_into(&mut x2);
    s1.xor_into(&mut x2);
    let len = submission.len();
    let share = |party, first, second| DealtShare {
        party,
        len,
        first,
        second,
    };
    let (s0, s1, x2) = (
        Component::Seed(s0),
        Component::Seed(s1),
        Component::Explicit(x2),
    );
    [
        share(PartyId::P0, s0.clone(), s1.clone()),
        share(PartyId::P1, s1, x2.clone()),
        share(PartyId::P2, x2, s0),
    ]
}

impl DealtShare {
    /// Returns the bytes of a party's share of a submission of `len` bytes.
    pub const fn encoded_bytes(party: PartyId, len: usize) -> usize {
        match party {
            PartyId::P0 => 2 * SEED_BYTES,
            PartyId::P1 | PartyId::P2 => SEED_BYTES + len,
        }
    }

    /// Writes the share.
    pub fn encode(&self) -> Vec<u8> {
        [self.first.as_bytes(), self.second.as_bytes()].concat()
    }

    /// Reads the share of a party of a submission of `len` bytes.
    ///
    /// # Errors
    /// Refuses any other length.
    pub fn decode(party: PartyId, len: usize, bytes: &[u8]) -> Result<Self, ShareError> {
        let expected = Self::encoded_bytes(party, len);
        let wrong = ShareError {
            party,
            expected,
            got: bytes.len(),
        };
        if bytes.len() != expected {
            return Err(wrong);
        }
        let mut reader = Reader::new(bytes);
        let seed = |reader: &mut Reader<'_>| {
            reader
                .array()
                .map(|seed| Component::Seed(Seed::from_bytes(seed)))
                .map_err(|_| wrong)
        };
        let explicit = |reader: &mut Reader<'_>| {
            reader
                .take(len)
                .map(|x2| Component::Explicit(x2.to_vec()))
                .map_err(|_| wrong)
        };
        let (first, second) = match party {
            PartyId::P0 => (seed(&mut reader)?, seed(&mut reader)?),
            PartyId::P1 => (seed(&mut reader)?, explicit(&mut reader)?),
            PartyId::P2 => (explicit(&mut reader)?, seed(&mut reader)?),
        };
        Ok(Self {
            party,
            len,
            first,
            second,
        })
    }

    /// Returns whose share it is.
    pub const fn party(&self) -> PartyId {
        self.party
    }

    /// Returns the length of the submission that was dealt.
    pub const fn submission_bytes(&self) -> usize {
        self.len
    }

    /// Returns components `x_i` and `x_{i+1}`.
    pub fn into_components(self) -> [Component; 2] {
        [self.first, self.second]
    }

    /// Expands both components to the submission's length.
    pub fn expand(&self) -> Expanded {
        Expanded {
            first: self.first.expand(self.len),
            second: self.second.expand(self.len),
        }
    }

    /// Returns the digests of components `x_i` and `x_{i+1}` in that round. `keys` are those that
    /// the party shares with the previous and the next one: the components' other holders.
    ///
    /// The second digest of `P_i` and the first of `P_{i+1}` are of the same component and must be equal.
    pub fn digests(&self, round: RoundId, client: ClientId, keys: [&[u8; 32]; 2]) -> [Digest; 2] {
        let [prev, next] = keys;
        [
            (self.party, &self.first, prev),
            (self.party.next(), &self.second, next),
        ]
        .map(|(component, value, key)| digest((round, client), component, value, key))
    }
}

/// Components are named by the party that holds them first: `x_i` by `P_i`.
fn digest(
    (round, client): (RoundId, ClientId),
    component: PartyId,
    value: &Component,
    key: &[u8; 32],
) -> Digest {
    let mac = kdf::mac(
        "component",
        key,
        &[
            &round.0.to_le_bytes(),
            &client.0.to_le_bytes(),
            &component.index().to_le_bytes()[..1],
            value.as_bytes(),
        ],
    );
    Digest(kdf::truncate(&mac))
}

impl fmt::Debug for DealtShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DealtShare({}, {} bytes, ..)", self.party, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::{DealtShare, deal};
    use crate::{identity::ClientId, party::PartyId, program::RoundId};
    use proptest::prelude::*;
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a ^ b).collect()
    }

    proptest! {
        #[test]
        fn reconstruct_after_deal_is_the_identity(submission: Vec<u8>, seed: u64) {
            let shares = deal(&submission, &mut ChaCha12Rng::seed_from_u64(seed));
            let [p0, p1, p2] = shares.each_ref().map(DealtShare::expand);
            prop_assert_eq!(&p0.second, &p1.first);
            prop_assert_eq!(&p1.second, &p2.first);
            prop_assert_eq!(&p2.second, &p0.first);
            prop_assert_eq!(xor(&xor(&p0.first, &p1.first), &p2.first), submission);
        }

        #[test]
        fn decode_after_encode_is_the_identity(submission: Vec<u8>, seed: u64) {
            for share in deal(&submission, &mut ChaCha12Rng::seed_from_u64(seed)) {
                let bytes = share.encode();
                let again = DealtShare::decode(share.party(), submission.len(), &bytes).unwrap();
                prop_assert_eq!(again.encode(), bytes);
            }
        }

        #[test]
        fn decode_takes_one_length_only(bytes in prop::collection::vec(any::<u8>(), 0..80), len in 0_usize..40) {
            for party in PartyId::ALL {
                let taken = DealtShare::decode(party, len, &bytes).is_ok();
                prop_assert_eq!(taken, bytes.len() == DealtShare::encoded_bytes(party, len));
            }
        }
    }

    #[test]
    fn upload_is_twice_the_rows_and_64_bytes() {
        let total: usize = PartyId::ALL
            .map(|p| DealtShare::encoded_bytes(p, 795))
            .iter()
            .sum();
        assert_eq!(total, 2 * 795 + 64);
    }

    /// Keys of P0 and P1, P1 and P2, P2 and P0.
    const KEYS: [[u8; 32]; 3] = [[1; 32], [12; 32], [20; 32]];

    fn digests(share: &DealtShare, round: u64, client: u64) -> [super::Digest; 2] {
        let party = share.party();
        let keys = [party.prev(), party].map(|holder| &KEYS[holder.index()]);
        share.digests(RoundId(round), ClientId(client), keys)
    }

    #[test]
    fn holders_of_a_component_agree_on_its_digest() {
        let shares = deal(&[1, 2, 3], &mut ChaCha12Rng::seed_from_u64(4));
        let all = shares.each_ref().map(|share| digests(share, 9, 1));
        for party in PartyId::ALL {
            let (own, next) = (all[party.index()], all[party.next().index()]);
            assert_eq!(own[1], next[0]);
            assert_ne!(own[0], own[1]);
        }
        assert_ne!(all[0], digests(&shares[0], 10, 1));
        assert_ne!(all[0], digests(&shares[0], 9, 2));
    }

    /// Whoever lacks the key of a component's holders can't try components out.
    #[test]
    fn digests_take_the_holders_key() {
        let [_, p1, _] = deal(&[1, 2, 3], &mut ChaCha12Rng::seed_from_u64(4));
        let with = |key| p1.digests(RoundId(9), ClientId(1), [key, key]);
        assert_ne!(with(&KEYS[0])[1], with(&KEYS[1])[1]);
    }

    /// Engines and clients of other builds must compute the same.
    #[test]
    fn shares_and_digests_are_frozen() {
        let seeds = [[0x11; 16], [0x22; 16]].concat();
        let p0 = DealtShare::decode(PartyId::P0, 20, &seeds).unwrap();
        let expanded = p0.expand();
        assert_eq!(
            hex(&expanded.first),
            "e0d541314e00102d6dfca8bc007b6c8a93c25119"
        );
        assert_eq!(
            hex(&expanded.second),
            "35a611c675ab604ac328dc75152182c06752ca5f"
        );
        let [d0, d1] = digests(&p0, 7, 3);
        assert_eq!(hex(&d0.0), "f79af2003aa023c050646a72892737fa");
        assert_eq!(hex(&d1.0), "5cbc5b4d8a10b1a12bf2d5f9864a3743");
        assert_eq!(
            hex(&super::reply_digest(RoundId(7), b"row")),
            "5e5dbe6dbb10d53f5d9df7534de15bfa"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|half| char::from(b"0123456789abcdef"[usize::from(half)]))
            .collect()
    }

    #[test]
    fn debug_hides_the_share() {
        let [_, p1, _] = deal(&[0xaa; 4], &mut ChaCha12Rng::seed_from_u64(4));
        assert_eq!(format!("{p1:?}"), "DealtShare(P1, 4 bytes, ..)");
        assert_eq!(format!("{:?}", p1.expand()), "Expanded(..)");
        let [digest, _] = digests(&p1, 1, 1);
        assert_eq!(format!("{digest:?}"), "Digest(..)");
    }
}
