//! Dealing a submission to the three parties, and combining their replies (docs/protocol.md §2).
//!
//! In:      a submission R, heads and messages of all rows of one client for one round.
//! Out:     seeds s0, s1 and x2 = R ^ PRG(s0) ^ PRG(s1); P0 (s0, s1), P1 (s1, heads of x2),
//!          P2 (x2, s0), and in dialing s2 for the check row's payload.
//! Cost:    |R| + heads + 64 bytes up, 16 more in dialing; a reply row and 64 bytes down for each.
//! Secure:  any one party's share is uniformly random, whatever R is.

mod digest;
mod prg;
mod reply;

use core::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroize as _;

pub use digest::{DIGEST_BYTES, Digest, DigestKey};
pub use prg::{SEED_BYTES, Seed};
pub use reply::{
    CombineError, Disagreement, REPLY_DIGEST_BYTES, ReplyPart, ReplyRow, combine, reply_body_bytes,
    row_digest, seed_digest,
};

use crate::{
    bytes::{Reader, Short},
    identity::ClientKey,
    party::PartyId,
    program::Program,
    row::{DIAL_MESSAGE_BYTES, DIAL_ROW_BYTES, Kind, Shape, Submission},
};

/// Where in what each seed expands to its part of a check row's payload stands: behind the row
/// that s0 and s1 mask; s2 masks nothing else.
pub const CHECK_PAYLOAD_AT: [usize; 3] = [DIAL_ROW_BYTES, DIAL_ROW_BYTES, 0];

/// Returns the payload of a client's check row: what it gets when no dial reaches it.
///
/// # Security
/// No party has all three seeds, so none can make it look like a message, or know that it is none.
pub fn check_payload(seeds: [&Seed; 3]) -> [u8; DIAL_MESSAGE_BYTES] {
    let mut payload = [0; DIAL_MESSAGE_BYTES];
    for (seed, at) in seeds.into_iter().zip(CHECK_PAYLOAD_AT) {
        seed.xor_at(at, &mut payload);
    }
    payload
}

/// One of the three components of a submission, as dealt.
#[derive(Clone)]
pub enum Component {
    /// x0 or x1: what the seed expands to.
    Seed(Seed),
    /// x2: all of it at P2, the heads of its rows at P1.
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

/// What one party is dealt of one submission: components `x_i` and `x_{i+1}`, at P2 also s2.
#[derive(Clone)]
pub struct DealtShare {
    party: PartyId,
    sizes: Sizes,
    first: Component,
    second: Component,
    check: Option<Seed>,
}

/// The sizes of a submission.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Sizes {
    heads: usize,
    messages: usize,
    kind: Kind,
}

impl Sizes {
    const fn of(shape: Shape, program: Program) -> Self {
        let heads = shape.heads_bytes(program);
        Self {
            heads,
            messages: shape.submission_bytes(program) - heads,
            kind: Kind::of(program),
        }
    }

    const fn total(self) -> usize {
        self.heads + self.messages
    }

    /// Returns the bytes of x2 that the party gets.
    const fn explicit(self, party: PartyId) -> usize {
        match party {
            PartyId::P0 => 0,
            PartyId::P1 => self.heads,
            PartyId::P2 => self.total(),
        }
    }

    const fn encoded(self, party: PartyId) -> usize {
        let seeds = match (party, self.kind) {
            (PartyId::P0, _) | (PartyId::P2, Kind::Dialing) => 2,
            (PartyId::P1, _) | (PartyId::P2, Kind::Conversation) => 1,
        };
        seeds * SEED_BYTES + self.explicit(party)
    }
}

/// A dealt share, taken apart.
#[derive(Debug)]
pub struct Components {
    /// Component `x_i` of party `P_i`.
    pub first: Component,
    /// Component `x_{i+1}` of party `P_i`.
    pub second: Component,
    /// At P2 in dialing, s2.
    pub check: Option<Seed>,
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

/// A submission's components in full, as far as a party holds them.
pub struct Expanded {
    /// Component `x_i` of party `P_i`.
    pub first: Vec<u8>,
    /// Component `x_{i+1}` of party `P_i`; at P1 the heads alone.
    pub second: Vec<u8>,
}

impl fmt::Debug for Expanded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expanded(..)")
    }
}

/// Deals a submission to the three parties, P0 first.
pub fn deal(submission: &Submission, rng: &mut impl CryptoRng) -> [DealtShare; 3] {
    let [s0, s1, s2] = [(); 3].map(|()| Seed::random(rng));
    let sizes = Sizes {
        heads: submission.heads.len(),
        messages: submission.messages.len(),
        kind: submission.kind,
    };
    let mut x2 = [&submission.heads[..], &submission.messages[..]].concat();
    s0.xor_into(&mut x2);
    s1.xor_into(&mut x2);
    let heads = x2.iter().take(sizes.heads).copied().collect();
    let share = |party, first, second, check| DealtShare {
        party,
        sizes,
        first,
        second,
        check,
    };
    let check = (sizes.kind == Kind::Dialing).then_some(s2);
    let (s0, s1) = (Component::Seed(s0), Component::Seed(s1));
    [
        share(PartyId::P0, s0.clone(), s1.clone(), None),
        share(PartyId::P1, s1, Component::Explicit(heads), None),
        share(PartyId::P2, Component::Explicit(x2), s0, check),
    ]
}

impl DealtShare {
    /// Returns the bytes of a party's share of a submission.
    pub const fn encoded_bytes(party: PartyId, shape: Shape, program: Program) -> usize {
        Sizes::of(shape, program).encoded(party)
    }

    /// Writes the share: both components, then s2.
    pub fn encode(&self) -> Vec<u8> {
        let check = self.check.as_ref().map_or(&[][..], |seed| seed.as_bytes());
        [self.first.as_bytes(), self.second.as_bytes(), check].concat()
    }

    /// Reads the share of a party of a submission.
    ///
    /// # Errors
    /// Refuses any other length.
    pub fn decode(
        party: PartyId,
        shape: Shape,
        program: Program,
        bytes: &[u8],
    ) -> Result<Self, ShareError> {
        let sizes = Sizes::of(shape, program);
        let wrong = ShareError {
            party,
            expected: sizes.encoded(party),
            got: bytes.len(),
        };
        if bytes.len() != wrong.expected {
            return Err(wrong);
        }
        Self::read(party, sizes, &mut Reader::new(bytes)).map_err(|Short| wrong)
    }

    fn read(party: PartyId, sizes: Sizes, reader: &mut Reader<'_>) -> Result<Self, Short> {
        let seed = |reader: &mut Reader<'_>| reader.array().map(Seed::from_bytes);
        let component = |reader: &mut Reader<'_>| seed(reader).map(Component::Seed);
        let explicit = |reader: &mut Reader<'_>| {
            let x2 = reader.take(sizes.explicit(party))?;
            Ok(Component::Explicit(x2.to_vec()))
        };
        let (first, second) = match party {
            PartyId::P0 => (component(reader)?, component(reader)?),
            PartyId::P1 => (component(reader)?, explicit(reader)?),
            PartyId::P2 => (explicit(reader)?, component(reader)?),
        };
        let check = match (party, sizes.kind) {
            (PartyId::P2, Kind::Dialing) => Some(seed(reader)?),
            _ => None,
        };
        Ok(Self {
            party,
            sizes,
            first,
            second,
            check,
        })
    }

    /// Returns whose share it is.
    pub const fn party(&self) -> PartyId {
        self.party
    }

    /// Returns the length of the submission that was dealt.
    pub const fn submission_bytes(&self) -> usize {
        self.sizes.total()
    }

    /// Takes the share apart.
    pub fn into_components(self) -> Components {
        Components {
            first: self.first,
            second: self.second,
            check: self.check,
        }
    }

    /// Expands both components, as far as the party holds them.
    pub fn expand(&self) -> Expanded {
        let len = self.sizes.total();
        Expanded {
            first: self.first.expand(len),
            second: self.second.expand(len),
        }
    }

    /// Returns the digests of components `x_i` and `x_{i+1}` under a round's keys with the previous
    /// and the next party: the components' other holders.
    ///
    /// The second digest of `P_i` and the first of `P_{i+1}` are of the same component and must be
    /// equal. They name the client by its key, of which its id is a part. Of x2 they cover the
    /// heads, which is what both its holders have; its messages, and s2, have one holder, so
    /// whoever deals them wrongly spoils its own row alone.
    pub fn digests(&self, client: &ClientKey, keys: &[DigestKey; 2]) -> [Digest; 2] {
        let [prev, next] = keys;
        [
            (self.party, &self.first, prev),
            (self.party.next(), &self.second, next),
        ]
        .map(|(component, value, key)| {
            let common = match value {
                Component::Seed(seed) => seed.as_bytes(),
                Component::Explicit(x2) => x2.get(..self.sizes.heads).unwrap_or(x2),
            };
            key.digest(client, component, common)
        })
    }
}

impl fmt::Debug for DealtShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "DealtShare({}, {} bytes, ..)",
            self.party,
            self.submission_bytes()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{
        CHECK_PAYLOAD_AT, Component, Components, DealtShare, DigestKey, Seed, check_payload, deal,
    };
    use crate::{
        identity::{ClientId, ClientKey, SecretKey},
        party::PartyId,
        program::{Program, RoundId},
        row::{ConversationRow, DialRow, Pass, Role, Shape, Submission, Tag},
    };
    use proptest::prelude::*;
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    const SHAPE: Shape = Shape {
        slots: 3,
        message_bytes: 128,
    };
    const HEADS: usize = 27;

    fn rng(seed: u64) -> ChaCha12Rng {
        ChaCha12Rng::seed_from_u64(seed)
    }

    fn submission(program: Program, fill: u8) -> Submission {
        if program.is_dialing() {
            return Submission::dialing(&DialRow {
                id: ClientId([fill; 16]),
                pass: Pass::from_bytes([!fill; 16]),
                own_pass: Pass::from_bytes([fill ^ 3; 16]),
                message: [fill; 200],
            });
        }
        let row = |slot| ConversationRow {
            tag: Tag(slot),
            role: Role::Lower,
            message: vec![fill; SHAPE.message_bytes],
        };
        Submission::conversation(SHAPE, &[row(1), row(2), row(3)])
    }

    fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| a ^ b).collect()
    }

    proptest! {
        #[test]
        fn reconstruct_after_deal_is_the_identity(fill: u8, seed: u64) {
            for program in Program::ALL {
                let submission = submission(program, fill);
                let shares = deal(&submission, &mut rng(seed));
                let [p0, p1, p2] = shares.each_ref().map(DealtShare::expand);
                let heads = SHAPE.heads_bytes(program);
                prop_assert_eq!(&p0.second, &p1.first);
                prop_assert_eq!(&p1.second, &p2.first[..heads]);
                prop_assert_eq!(&p2.second, &p0.first);
                let whole = [&submission.heads[..], &submission.messages[..]].concat();
                prop_assert_eq!(xor(&xor(&p0.first, &p1.first), &p2.first), whole);
            }
        }

        #[test]
        fn decode_after_encode_is_the_identity(fill: u8, seed: u64) {
            for program in Program::ALL {
                for share in deal(&submission(program, fill), &mut rng(seed)) {
                    let bytes = share.encode();
                    let again = DealtShare::decode(share.party(), SHAPE, program, &bytes).unwrap();
                    prop_assert_eq!(again.encode(), bytes);
                }
            }
        }

        #[test]
        fn decode_takes_one_length_only(len in 0_usize..600) {
            let bytes = vec![7; len];
            for program in Program::ALL {
                for party in PartyId::ALL {
                    let taken = DealtShare::decode(party, SHAPE, program, &bytes).is_ok();
                    let expected = DealtShare::encoded_bytes(party, SHAPE, program);
                    prop_assert_eq!(taken, len == expected);
                }
            }
        }
    }

    /// Rows go up once, and P1 is sent no part of any message.
    #[test]
    fn upload_is_the_rows_and_little_more() {
        let shape = Shape {
            message_bytes: 256,
            ..SHAPE
        };
        let up = |program| PartyId::ALL.map(|p| DealtShare::encoded_bytes(p, shape, program));
        assert_eq!(up(Program::Conversation), [32, 16 + HEADS, 795 + 16]);
        for program in [Program::Contacts, Program::Open] {
            assert_eq!(up(program), [32, 16 + 48, 248 + 32]);
        }
    }

    #[test]
    fn the_check_payload_takes_all_three_seeds_and_is_no_part_of_the_row() {
        let seeds = [1, 2, 3].map(|byte| Seed::from_bytes([byte; 16]));
        let payload = check_payload(seeds.each_ref());
        for missing in 0..3 {
            let mut other = seeds.clone();
            other[missing] = Seed::from_bytes([9; 16]);
            assert_ne!(check_payload(other.each_ref()), payload);
        }
        let [mut expected, mut of_s1] = [[0; 448]; 2];
        seeds[0].xor_into(&mut expected);
        seeds[1].xor_into(&mut of_s1);
        let mut of_s2 = [0; 200];
        seeds[2].xor_into(&mut of_s2);
        let expected = xor(&xor(&expected[248..], &of_s1[248..]), &of_s2);
        assert_eq!(payload[..], expected);
        assert_eq!(CHECK_PAYLOAD_AT, [248, 248, 0]);
    }

    #[test]
    fn only_p2_gets_s2_and_only_in_dialing() {
        for program in Program::ALL {
            for share in deal(&submission(program, 1), &mut rng(2)) {
                let party = share.party();
                let Components {
                    first,
                    second,
                    check,
                } = share.into_components();
                let there = party == PartyId::P2 && program.is_dialing();
                assert_eq!(check.is_some(), there, "{party} in {program}");
                let explicit = [first, second].map(|it| matches!(it, Component::Explicit(_)));
                assert_eq!(explicit, [party == PartyId::P2, party == PartyId::P1]);
            }
        }
    }

    /// Keys of P0 and P1, P1 and P2, P2 and P0.
    const KEYS: [[u8; 32]; 3] = [[1; 32], [12; 32], [20; 32]];

    fn client(byte: u8) -> ClientKey {
        SecretKey::from_bytes([byte; 32]).client_key()
    }

    fn digests(share: &DealtShare, round: u64, client: &ClientKey) -> [super::Digest; 2] {
        let party = share.party();
        let key = |holder: PartyId| DigestKey::derive(&KEYS[holder.index()], RoundId(round));
        share.digests(client, &[party.prev(), party].map(key))
    }

    #[test]
    fn holders_of_a_component_agree_on_its_digest() {
        for program in Program::ALL {
            let shares = deal(&submission(program, 5), &mut rng(4));
            let all = shares.each_ref().map(|share| digests(share, 9, &client(1)));
            for party in PartyId::ALL {
                let (own, next) = (all[party.index()], all[party.next().index()]);
                assert_eq!(own[1], next[0]);
                assert_ne!(own[0], own[1]);
            }
            assert_ne!(all[0], digests(&shares[0], 10, &client(1)));
            assert_ne!(all[0], digests(&shares[0], 9, &client(2)));
        }
    }

    /// Every byte that two parties hold is under a digest of both; x2's messages and s2, which P2
    /// alone has, are under none.
    #[test]
    fn digests_cover_what_two_parties_hold() {
        let client = client(1);
        for program in Program::ALL {
            let heads = SHAPE.heads_bytes(program);
            let covered = |party, at| match party {
                PartyId::P0 | PartyId::P1 => true,
                PartyId::P2 => {
                    let x2 = SHAPE.submission_bytes(program);
                    at < heads || (x2..x2 + 16).contains(&at)
                }
            };
            for share in deal(&submission(program, 5), &mut rng(4)) {
                let (party, bytes) = (share.party(), share.encode());
                for at in 0..bytes.len() {
                    let mut changed = bytes.clone();
                    changed[at] ^= 1;
                    let changed = DealtShare::decode(party, SHAPE, program, &changed).unwrap();
                    let differs = digests(&share, 9, &client) != digests(&changed, 9, &client);
                    assert_eq!(differs, covered(party, at), "{program}: {party} at {at}");
                }
            }
        }
    }

    /// Whoever lacks the key of a component's holders can't try components out.
    #[test]
    fn digests_take_the_holders_key() {
        let [_, p1, _] = deal(&submission(Program::Open, 5), &mut rng(4));
        let with = |key| {
            let key = DigestKey::derive(key, RoundId(9));
            p1.digests(&client(1), &[key.clone(), key])
        };
        assert_ne!(with(&KEYS[0])[1], with(&KEYS[1])[1]);
    }

    /// Engines and clients of other builds must compute the same.
    #[test]
    fn shares_and_digests_are_frozen() {
        let seeds = [[0x11; 16], [0x22; 16]].concat();
        let p0 = DealtShare::decode(PartyId::P0, SHAPE, Program::Open, &seeds).unwrap();
        let expanded = p0.expand();
        assert_eq!(
            hex(&expanded.first[..20]),
            "e0d541314e00102d6dfca8bc007b6c8a93c25119"
        );
        assert_eq!(
            hex(&expanded.second[..20]),
            "35a611c675ab604ac328dc75152182c06752ca5f"
        );
        let [d0, d1] = digests(&p0, 7, &client(3));
        assert_eq!(hex(&d0.0), "90be3c973f80a2b6f261e635b4311492");
        assert_eq!(hex(&d1.0), "61ee55bb0758c6fe56338f9f89bab5d6");
        let seeds = [0x11, 0x22, 0x33].map(|byte| Seed::from_bytes([byte; 16]));
        assert_eq!(
            hex(&check_payload(seeds.each_ref())[..20]),
            "4323b16fcb358c8b93088460b6414efce8ee3cc4"
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
        let [_, p1, _] = deal(&submission(Program::Open, 0xaa), &mut rng(4));
        assert_eq!(format!("{p1:?}"), "DealtShare(P1, 248 bytes, ..)");
        assert_eq!(format!("{:?}", p1.expand()), "Expanded(..)");
        let [digest, _] = digests(&p1, 1, &client(1));
        assert_eq!(format!("{digest:?}"), "Digest(..)");
    }
}
