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

use crate::{bytes::Reader, kdf, party::PartyId, program::RoundId};

/// One of the three components of a submission, as dealt.
#[derive(Clone)]
enum Component {
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

    /// Writes the component over a buffer of its length.
    fn expand_into(&self, out: &mut [u8]) {
        match self {
            Self::Seed(seed) => {
                out.fill(0);
                seed.xor_into(out);
            }
            Self::Explicit(bytes) => out.copy_from_slice(bytes),
        }
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
/// Whoever knows the other two components can hold guesses at the row against it: it is masked
/// before the third party sees it (docs/protocol.md §3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; DIGEST_BYTES]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Bytes of a [`Digest`].
pub const DIGEST_BYTES: usize = 16;

/// A submission's components in full, as the engine takes them.
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

    /// Expands both components to the submission's length.
    pub fn expand(&self) -> Expanded {
        let (mut first, mut second) = (vec![0; self.len], vec![0; self.len]);
        self.expand_first(&mut first);
        self.expand_second(&mut second);
        Expanded { first, second }
    }

    /// Writes component `x_i` over a buffer.
    ///
    /// # Panics
    /// If the buffer is not as long as the submission.
    pub fn expand_first(&self, out: &mut [u8]) {
        assert_eq!(
            out.len(),
            self.len,
            "a component is as long as its submission"
        );
        self.first.expand_into(out);
    }

    /// Writes component `x_{i+1}` over a buffer.
    ///
    /// # Panics
    /// If the buffer is not as long as the submission.
    pub fn expand_second(&self, out: &mut [u8]) {
        assert_eq!(
            out.len(),
            self.len,
            "a component is as long as its submission"
        );
        self.second.expand_into(out);
    }

    /// Returns the digests of components `x_i` and `x_{i+1}` in that round.
    ///
    /// The second digest of `P_i` and the first of `P_{i+1}` are of the same component and must be equal.
    pub fn digests(&self, round: RoundId) -> [Digest; 2] {
        [
            digest(round, self.party, &self.first),
            digest(round, self.party.next(), &self.second),
        ]
    }
}

/// Components are named by the party that holds them first: `x_i` by `P_i`.
fn digest(round: RoundId, component: PartyId, value: &Component) -> Digest {
    let index = [component.index().to_le_bytes()[0]];
    let hash = kdf::hash(
        "component",
        &[&round.0.to_le_bytes(), &index, value.as_bytes()],
    );
    Digest(kdf::truncate(&hash))
}

impl fmt::Debug for DealtShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DealtShare({}, {} bytes, ..)", self.party, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::{DealtShare, deal};
    use crate::{party::PartyId, program::RoundId};
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

    #[test]
    fn holders_of_a_component_agree_on_its_digest() {
        let round = RoundId(9);
        let shares = deal(&[1, 2, 3], &mut ChaCha12Rng::seed_from_u64(4));
        let digests = shares.each_ref().map(|share| share.digests(round));
        for party in PartyId::ALL {
            let (own, next) = (digests[party.index()], digests[party.next().index()]);
            assert_eq!(own[1], next[0]);
            assert_ne!(own[0], own[1]);
        }
        assert_ne!(digests[0], shares[0].digests(RoundId(10)));
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
        let [d0, d1] = p0.digests(RoundId(7));
        assert_eq!(hex(&d0.0), "1148c9b9f4affb3291251209035ceead");
        assert_eq!(hex(&d1.0), "df240f796bd47d7ebe4375d542bffa2a");
        assert_eq!(
            hex(&super::reply_digest(RoundId(7), b"row")),
            "20e6542c2652cfb1d1dca8426dd64bbc"
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
        let [digest, _] = p1.digests(RoundId(1));
        assert_eq!(format!("{digest:?}"), "Digest(..)");
    }
}
