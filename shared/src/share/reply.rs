//! A reply's rows in three bodies, and from those back to rows: y = y0 ^ y1 ^ y2
//! (docs/protocol.md §2).

use core::fmt;

use subtle::ConstantTimeEq as _;

use super::{SEED_BYTES, Seed};
use crate::{
    bytes::Reader,
    kdf,
    party::PartyId,
    program::{Program, RoundId},
    row::Shape,
};

/// Bytes of a digest in a reply.
pub const REPLY_DIGEST_BYTES: usize = 16;

/// Replies that do not make up one reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CombineError {
    /// A body of the wrong length.
    #[error("reply of {party}: expected {expected} bytes, got {got}")]
    Length {
        /// Who sent it.
        party: PartyId,
        /// The length that the deployment gives.
        expected: usize,
        /// The length that came.
        got: usize,
    },
}

/// One row of a reply.
#[derive(Clone, PartialEq, Eq)]
pub struct ReplyRow {
    /// The message that came back; one's own where the row met nobody.
    pub message: Vec<u8>,
    /// Where the three replies contradict each other.
    ///
    /// # Security
    /// A diagnosis and nothing more: three that agree may still be wrong together with the
    /// matching that they come from, and one that lies in its digest alone spoils no message.
    pub disagreement: Option<Disagreement>,
}

impl fmt::Debug for ReplyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ReplyRow({} bytes, {:?}, ..)",
            self.message.len(),
            self.disagreement
        )
    }
}

/// What of a reply's row does not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Disagreement {
    /// P1's digest is not that of P0's second seed.
    #[error("P0 and P1 sent replies that do not fit together")]
    SecondSeed,
    /// P2's digest is not that of P1's row and P0's first seed.
    #[error("P2 sent a reply that does not fit to those of P0 and P1")]
    RowOrFirstSeed,
    /// Neither digest fits.
    #[error("the replies of all servers contradict each other")]
    Both,
}

impl Disagreement {
    /// Returns those of whom one must have sent something wrong, if it was one alone.
    pub const fn suspects(self) -> &'static [PartyId] {
        match self {
            Self::SecondSeed | Self::Both => &[PartyId::P0, PartyId::P1],
            Self::RowOrFirstSeed => &PartyId::ALL,
        }
    }
}

/// What a party sends of one row.
#[derive(Clone, Copy)]
pub enum ReplyPart<'a> {
    /// P0: what y0 and y1 are expanded from.
    Seeds([&'a [u8; SEED_BYTES]; 2]),
    /// P1: y2, and a digest of y1's seed.
    Row {
        /// The row.
        y2: &'a [u8],
        /// What y1 is expanded from.
        y1_seed: &'a [u8; SEED_BYTES],
    },
    /// P2: a digest of y0's seed and of y2.
    Digest {
        /// The row.
        y2: &'a [u8],
        /// What y0 is expanded from.
        y0_seed: &'a [u8; SEED_BYTES],
    },
}

impl fmt::Debug for ReplyPart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReplyPart(..)")
    }
}

impl ReplyPart<'_> {
    /// Returns the bytes that a party sends of a row of that length.
    pub const fn bytes(party: PartyId, row: usize) -> usize {
        match party {
            PartyId::P0 => 2 * SEED_BYTES,
            PartyId::P1 => row + REPLY_DIGEST_BYTES,
            PartyId::P2 => REPLY_DIGEST_BYTES,
        }
    }

    /// Writes the part of a submission's so manieth row. `out` is as long as [`Self::bytes`] says.
    pub fn write(&self, round: RoundId, row: usize, out: &mut [u8]) {
        let put = |out: &mut [u8], parts: [&[u8]; 2]| {
            let [first, second] = parts;
            let (place, rest) = out.split_at_mut(first.len().min(out.len()));
            place.copy_from_slice(first);
            rest.copy_from_slice(second);
        };
        match self {
            Self::Seeds([y0, y1]) => put(out, [*y0, *y1]),
            Self::Row { y2, y1_seed } => put(out, [y2, &seed_digest(round, row, y1_seed)]),
            Self::Digest { y2, y0_seed } => {
                put(out, [&row_digest(round, row, y0_seed, y2), &[]]);
            }
        }
    }
}

/// Returns the bytes of a party's reply body: its part of every row.
pub const fn reply_body_bytes(party: PartyId, shape: Shape, program: Program) -> usize {
    shape.rows(program) * ReplyPart::bytes(party, shape.row_message_bytes(program))
}

/// Returns what P1 sends behind a row of y2: a digest of y1's seed, bound to round and row.
pub fn seed_digest(
    round: RoundId,
    row: usize,
    y1_seed: &[u8; SEED_BYTES],
) -> [u8; REPLY_DIGEST_BYTES] {
    digest("reply seed", round, row, [y1_seed, &[]])
}

/// Returns what P2 sends for a row: a digest of y0's seed and of y2, bound to round and row.
pub fn row_digest(
    round: RoundId,
    row: usize,
    y0_seed: &[u8; SEED_BYTES],
    y2: &[u8],
) -> [u8; REPLY_DIGEST_BYTES] {
    digest("reply row", round, row, [y0_seed, y2])
}

fn digest(
    label: &str,
    round: RoundId,
    row: usize,
    [seed, y2]: [&[u8]; 2],
) -> [u8; REPLY_DIGEST_BYTES] {
    let (round, row) = (round.0.to_le_bytes(), (row as u64).to_le_bytes());
    kdf::truncate(&kdf::hash(label, &[&round, &row, seed, y2]))
}

/// Combines the bodies of P0, P1 and P2 to one row for each row handed in, whether they fit
/// together or not: what a row carries proves itself end to end.
///
/// # Errors
/// Names the party whose body has the wrong length.
pub fn combine(
    round: RoundId,
    program: Program,
    shape: Shape,
    bodies: [&[u8]; 3],
) -> Result<Vec<ReplyRow>, CombineError> {
    for (party, body) in PartyId::ALL.into_iter().zip(bodies) {
        let expected = reply_body_bytes(party, shape, program);
        if body.len() != expected {
            return Err(CombineError::Length {
                party,
                expected,
                got: body.len(),
            });
        }
    }
    let [mut p0, mut p1, mut p2] = bodies.map(Reader::new);
    let mut next = |row| {
        let (y0_seed, y1_seed) = (p0.array()?, p0.array()?);
        let y2 = p1.take(shape.row_message_bytes(program))?;
        let seed_fits = seed_digest(round, row, &y1_seed).ct_eq(p1.take(REPLY_DIGEST_BYTES)?);
        let row_fits = row_digest(round, row, &y0_seed, y2).ct_eq(p2.take(REPLY_DIGEST_BYTES)?);
        let mut message = y2.to_vec();
        for seed in [y0_seed, y1_seed] {
            Seed::from_bytes(seed).xor_into(&mut message);
        }
        let disagreement = match (seed_fits.into(), row_fits.into()) {
            (true, true) => None,
            (false, true) => Some(Disagreement::SecondSeed),
            (true, false) => Some(Disagreement::RowOrFirstSeed),
            (false, false) => Some(Disagreement::Both),
        };
        Ok::<_, crate::bytes::Short>(ReplyRow {
            message,
            disagreement,
        })
    };
    Ok((0..shape.rows(program))
        .map(|row| next(row).expect("lengths were checked"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::{CombineError, Disagreement, ReplyRow, combine, row_digest, seed_digest};
    use crate::{
        party::PartyId,
        program::{Program, RoundId},
        row::Shape,
        share::Seed,
    };
    use proptest::prelude::*;

    const SHAPE: Shape = Shape {
        slots: 2,
        message_bytes: 128,
    };
    const ROUND: RoundId = RoundId(3);

    fn bodies(messages: &[Vec<u8>]) -> [Vec<u8>; 3] {
        let mut bodies = [const { Vec::new() }; 3];
        for (i, message) in (0_u8..).zip(messages) {
            let mut y2 = message.clone();
            let seeds = [[2 * i; 16], [2 * i + 1; 16]];
            for seed in seeds {
                Seed::from_bytes(seed).xor_into(&mut y2);
                bodies[0].extend_from_slice(&seed);
            }
            bodies[1].extend_from_slice(&y2);
            bodies[1].extend_from_slice(&seed_digest(ROUND, i.into(), &seeds[1]));
            bodies[2].extend_from_slice(&row_digest(ROUND, i.into(), &seeds[0], &y2));
        }
        bodies
    }

    fn messages() -> Vec<Vec<u8>> {
        vec![vec![5; 128], vec![6; 128]]
    }

    fn rows(round: RoundId, bodies: &[Vec<u8>; 3]) -> Vec<ReplyRow> {
        let bodies = bodies.each_ref().map(Vec::as_slice);
        combine(round, Program::Conversation, SHAPE, bodies).unwrap()
    }

    #[test]
    fn three_bodies_make_the_rows() {
        let expected: Vec<_> = messages()
            .into_iter()
            .map(|message| ReplyRow {
                message,
                disagreement: None,
            })
            .collect();
        assert_eq!(rows(ROUND, &bodies(&messages())), expected);
    }

    /// Whoever changes whatever: the row that it belongs to says so, and no other row.
    #[test]
    fn any_changed_bit_is_named_in_its_row() {
        let honest = bodies(&messages());
        // Party, bytes of each row in its body, and what shows in the parts of a row.
        let p0 = [Disagreement::RowOrFirstSeed, Disagreement::SecondSeed];
        for party in PartyId::ALL {
            let body = &honest[party.index()];
            let per_row = body.len() / 2;
            for at in 0..body.len() {
                let mut changed = honest.clone();
                changed[party.index()][at] ^= 0x10;
                let expected = match party {
                    PartyId::P0 => p0[at % per_row / 16],
                    PartyId::P1 if at % per_row >= 128 => Disagreement::SecondSeed,
                    PartyId::P1 | PartyId::P2 => Disagreement::RowOrFirstSeed,
                };
                let named: Vec<_> = rows(ROUND, &changed)
                    .into_iter()
                    .map(|row| row.disagreement)
                    .collect();
                let (hit, other) = (at / per_row, 1 - at / per_row);
                assert_eq!(named[hit], Some(expected), "{party} at {at}");
                assert!(expected.suspects().contains(&party));
                assert_eq!(named[other], None);
            }
        }
    }

    /// A lie in a digest alone costs nobody a message.
    #[test]
    fn a_wrong_digest_spoils_no_message() {
        let mut changed = bodies(&messages());
        changed[2][0] ^= 1;
        let got: Vec<_> = rows(ROUND, &changed)
            .into_iter()
            .map(|row| row.message)
            .collect();
        assert_eq!(got, messages());
    }

    #[test]
    fn replies_of_another_round_or_row_do_not_fit() {
        let honest = bodies(&messages());
        let both = Some(Disagreement::Both);
        assert!(
            rows(RoundId(4), &honest)
                .iter()
                .all(|row| row.disagreement == both)
        );
        let swapped = honest.map(|body| {
            let (first, second) = body.split_at(body.len() / 2);
            [second, first].concat()
        });
        assert!(
            rows(ROUND, &swapped)
                .iter()
                .all(|row| row.disagreement == both)
        );
    }

    #[test]
    fn other_lengths_are_blamed_on_their_party() {
        let [b0, b1, b2] = bodies(&messages());
        let bodies: [&[u8]; 3] = [&b0, &b1[1..], &b2];
        let short = CombineError::Length {
            party: PartyId::P1,
            expected: 288,
            got: 287,
        };
        assert_eq!(
            combine(ROUND, Program::Conversation, SHAPE, bodies),
            Err(short)
        );
    }

    #[test]
    fn digests_are_frozen() {
        assert_eq!(
            seed_digest(RoundId(7), 1, &[1; 16]),
            [
                183, 53, 185, 27, 4, 13, 173, 124, 55, 74, 150, 44, 131, 231, 178, 101
            ]
        );
        assert_eq!(
            row_digest(RoundId(7), 1, &[1; 16], b"row"),
            [
                49, 91, 98, 153, 77, 60, 170, 197, 185, 67, 217, 239, 79, 20, 146, 248
            ]
        );
    }

    #[test]
    fn debug_hides_the_message() {
        let row = ReplyRow {
            message: vec![77; 3],
            disagreement: None,
        };
        assert_eq!(format!("{row:?}"), "ReplyRow(3 bytes, None, ..)");
    }

    proptest! {
        #[test]
        fn any_bodies_are_survived(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>) {
            for program in Program::ALL {
                let _ = combine(RoundId(1), program, SHAPE, [&a, &b, &c]);
            }
        }
    }
}
