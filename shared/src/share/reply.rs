//! From three reply bodies back to rows: y = y0 ^ y1 ^ y2 (docs/protocol.md §2).

use subtle::ConstantTimeEq as _;

use super::Seed;
use crate::{
    bytes::Reader,
    kdf,
    party::PartyId,
    program::{Program, RoundId},
    row::Shape,
};

/// Bytes of a reply row's digest.
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
    /// P2's digest is not that of P1's row.
    #[error("P1 and P2 disagree on row {row} of the reply")]
    Digest {
        /// The row's index in the submission.
        row: usize,
    },
}

/// Returns the bytes of a party's reply body: per row, P0 two seeds, P1 the row, P2 a digest.
pub const fn reply_body_bytes(party: PartyId, shape: Shape, program: Program) -> usize {
    let per_row = match party {
        PartyId::P0 => 2 * super::SEED_BYTES,
        PartyId::P1 => shape.reply_row_bytes(program),
        PartyId::P2 => REPLY_DIGEST_BYTES,
    };
    shape.rows(program) * per_row
}

/// Returns what P2 sends for a row of y2: a digest bound to the round.
pub fn reply_digest(round: RoundId, y2: &[u8]) -> [u8; REPLY_DIGEST_BYTES] {
    kdf::truncate(&kdf::hash("reply", &[&round.0.to_le_bytes(), y2]))
}

/// Combines the bodies of P0, P1 and P2 to one row for each row handed in.
///
/// # Errors
/// Names the party whose body has the wrong length, or the row that P1 and P2 disagree on.
pub fn combine(
    round: RoundId,
    program: Program,
    shape: Shape,
    bodies: [&[u8]; 3],
) -> Result<Vec<Vec<u8>>, CombineError> {
    let [seeds, rows, digests] = bodies;
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
    let mut seeds = Reader::new(seeds);
    let mut seed = || {
        seeds
            .array()
            .map(Seed::from_bytes)
            .expect("length was checked")
    };
    rows.chunks_exact(shape.reply_row_bytes(program))
        .zip(digests.chunks_exact(REPLY_DIGEST_BYTES))
        .enumerate()
        .map(|(row, (y2, digest))| {
            if !bool::from(reply_digest(round, y2).ct_eq(digest)) {
                return Err(CombineError::Digest { row });
            }
            let mut y = y2.to_vec();
            seed().xor_into(&mut y);
            seed().xor_into(&mut y);
            Ok(y)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{CombineError, combine, reply_digest};
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

    fn bodies(round: RoundId, rows: &[Vec<u8>]) -> [Vec<u8>; 3] {
        let mut bodies = [const { Vec::new() }; 3];
        for (i, row) in (0_u8..).zip(rows) {
            let mut y2 = row.clone();
            for seed in [[2 * i; 16], [2 * i + 1; 16]] {
                Seed::from_bytes(seed).xor_into(&mut y2);
                bodies[0].extend_from_slice(&seed);
            }
            bodies[2].extend_from_slice(&reply_digest(round, &y2));
            bodies[1].extend_from_slice(&y2);
        }
        bodies
    }

    #[test]
    fn three_bodies_make_the_rows() {
        let rows = vec![vec![5; 128], vec![6; 128]];
        let [b0, b1, b2] = bodies(RoundId(3), &rows);
        let combine =
            |round, b: [&[u8]; 3]| combine(RoundId(round), Program::Conversation, SHAPE, b);
        assert_eq!(combine(3, [&b0, &b1, &b2]), Ok(rows));
        assert_eq!(
            combine(4, [&b0, &b1, &b2]),
            Err(CombineError::Digest { row: 0 })
        );
        let mut tampered = b1.clone();
        tampered[200] ^= 1;
        assert_eq!(
            combine(3, [&b0, &tampered, &b2]),
            Err(CombineError::Digest { row: 1 })
        );
        let short = CombineError::Length {
            party: PartyId::P1,
            expected: 256,
            got: 255,
        };
        assert_eq!(combine(3, [&b0, &b1[1..], &b2]), Err(short));
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
