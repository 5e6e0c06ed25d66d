//! Correlated randomness: AES-128-CTR streams from pairwise keys (docs/protocol.md §4).
//!
//! `key = BLAKE2s(pair key; "mcmix.v2 stream", round, step, purpose)`, so no two streams meet.

use core::fmt;

use aes::Aes128Enc;
use blake2::{
    Blake2sMac256,
    digest::{KeyInit as _, Mac as _},
};
use cipher::BlockCipherEncrypt as _;
use mcmix_shared::party::PartyId;

use crate::step::Step;

/// Length of a seed: an AES-128 key.
pub const SEED_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;

/// The keys that a party shares with each of its peers. Fresh for each pair of connections.
#[derive(Clone, PartialEq, Eq)]
pub struct PairKeys {
    /// Shared with the next party on the ring.
    pub next: [u8; 32],
    /// Shared with the previous party on the ring.
    pub prev: [u8; 32],
}

impl fmt::Debug for PairKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKeys(..)")
    }
}

/// What a stream is for, inside its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Purpose {
    /// Masks of a product's summands (§4.1).
    Zero = 1,
    /// A shared random vector.
    Random,
    /// A component of what a hop makes (§4.2).
    Mask,
    /// A permutation that two parties know.
    Permutation,
    /// Masks of payload, by row.
    PayloadMask,
    /// Seeds of reply rows.
    Replies,
    /// The salt of a hash of messages (§7).
    MessageSalt,
    /// The salt of a proof's challenges.
    ChallengeSalt,
    /// The left verifier's shares of a proof's values.
    ProofShares,
    /// Masks of a proof's last fold.
    ProofMask,
}

/// Derives the streams of one round.
#[derive(Clone)]
pub(crate) struct Streams {
    party: PartyId,
    keys: PairKeys,
    round: u64,
}

impl Streams {
    pub(crate) fn new(party: PartyId, keys: PairKeys, round: u64) -> Self {
        Self { party, keys, round }
    }

    /// Returns the stream that this party shares with `peer`.
    pub(crate) fn with(&self, peer: PartyId, step: Step, purpose: Purpose) -> Stream {
        let key = if peer == self.party.next() {
            &self.keys.next
        } else {
            &self.keys.prev
        };
        Stream::new(&self.derive(key, step, purpose))
    }

    fn derive(&self, key: &[u8; 32], step: Step, purpose: Purpose) -> [u8; SEED_BYTES] {
        let mut mac = Blake2sMac256::new(&(*key).into());
        mac.update(b"mcmix.v2 stream");
        mac.update(&self.round.to_le_bytes());
        mac.update(&step.to_bytes());
        mac.update(&[purpose as u8]);
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        let mut seed = [0; SEED_BYTES];
        seed.iter_mut().zip(digest).for_each(|(s, d)| *s = d);
        seed
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Streams({}, round {}, ..)", self.party, self.round)
    }
}

/// A seekable pseudo-random stream: AES-128-CTR, zero IV, big-endian counter.
#[derive(Clone)]
pub(crate) struct Stream {
    cipher: Aes128Enc,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream(..)")
    }
}

impl Stream {
    pub(crate) fn new(seed: &[u8; SEED_BYTES]) -> Self {
        Self {
            cipher: Aes128Enc::new(&(*seed).into()),
        }
    }

    /// XORs the stream from byte `offset` on into `out`.
    pub(crate) fn xor(&self, offset: usize, mut out: &mut [u8]) {
        /// The cipher's widest batch.
        const BATCH: usize = 64;
        let mut counter = (offset / BLOCK_BYTES) as u64;
        let mut skip = offset % BLOCK_BYTES;
        let mut batch = [[0; BLOCK_BYTES]; BATCH];
        while !out.is_empty() {
            let needed = (skip + out.len()).div_ceil(BLOCK_BYTES).min(BATCH);
            let blocks = batch.split_at_mut(needed).0;
            for block in blocks.iter_mut() {
                *block = u128::from(counter).to_be_bytes();
                counter += 1;
            }
            self.encrypt(blocks);
            let stream = blocks.as_flattened().split_at(skip).1;
            let (now, rest) = out.split_at_mut(stream.len().min(out.len()));
            crate::bytes::xor(now, stream);
            out = rest;
            skip = 0;
        }
    }

    /// Returns the first `len` bytes of the stream.
    pub(crate) fn bytes(&self, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        self.xor(0, &mut out);
        out
    }

    /// Encrypts blocks in place: a pseudo-random permutation of 128 bits.
    pub(crate) fn encrypt(&self, blocks: &mut [[u8; BLOCK_BYTES]]) {
        self.cipher
            .encrypt_blocks(cipher::Array::cast_slice_from_core_mut(blocks));
    }
}

/// One mask for each row of a vector, in any order.
///
/// A row's mask starts at a block boundary, so that wide rows can be masked at random positions
/// without writing the whole mask to memory first.
#[derive(Clone, Debug)]
pub(crate) struct RowMasks {
    stream: Stream,
    row_bytes: usize,
}

/// Rows masked in one call to the cipher: a whole number of its widest batches.
const ROWS_AT_ONCE: usize = 64;

impl RowMasks {
    /// Masks of rows of so many bytes.
    pub(crate) const fn new(stream: Stream, row_bytes: usize) -> Self {
        Self { stream, row_bytes }
    }

    /// XORs the masks of consecutive rows into `out`.
    pub(crate) fn xor_from(&self, first_row: usize, out: &mut [u8]) {
        if self.row_bytes.is_multiple_of(BLOCK_BYTES) {
            self.stream.xor(first_row * self.row_bytes, out);
        } else {
            let rows = out.len() / self.row_bytes;
            self.blocks_at(first_row..first_row + rows, out);
        }
    }

    /// XORs the masks of the given rows into `out`.
    pub(crate) fn xor_at(&self, rows: &[u32], out: &mut [u8]) {
        self.blocks_at(rows.iter().map(|&row| row as usize), out);
    }

    fn blocks_at(&self, mut rows: impl Iterator<Item = usize>, out: &mut [u8]) {
        let per_row = self.row_bytes.div_ceil(BLOCK_BYTES);
        let mut blocks = vec![[0; BLOCK_BYTES]; per_row * ROWS_AT_ONCE];
        for group in out.chunks_mut(self.row_bytes * ROWS_AT_ONCE) {
            let mut used = 0;
            for (row, masks) in rows
                .by_ref()
                .take(group.len() / self.row_bytes)
                .zip(blocks.chunks_exact_mut(per_row))
            {
                let start = row as u128 * per_row as u128;
                for (counter, block) in (start..).zip(masks.iter_mut()) {
                    *block = counter.to_be_bytes();
                }
                used += per_row;
            }
            let masks = blocks.get_mut(..used).unwrap_or_default();
            self.stream.encrypt(masks);
            for (row, mask) in group
                .chunks_exact_mut(self.row_bytes)
                .zip(masks.chunks_exact(per_row))
            {
                crate::bytes::xor(row, mask.as_flattened());
            }
        }
    }
}

/// Expands a reply seed and XORs it into `row`, as the client does (docs/protocol.md §2).
pub(crate) fn xor_seed(seed: &[u8; SEED_BYTES], row: &mut [u8]) {
    Stream::new(seed).xor(0, row);
}

#[cfg(test)]
mod tests {
    use ctr::cipher::{KeyIvInit as _, StreamCipher as _};

    use super::*;

    /// From any offset the stream is that of the `ctr` crate.
    #[test]
    fn is_aes_ctr() {
        let mut expected = vec![0; 5000];
        ctr::Ctr128BE::<Aes128Enc>::new(&[7; 16].into(), &[0; 16].into())
            .apply_keystream(&mut expected);
        let stream = Stream::new(&[7; 16]);
        for (from, to) in [
            (0, 5000),
            (0, 1),
            (5, 37),
            (16, 48),
            (1023, 1025),
            (1000, 4999),
        ] {
            let mut out = vec![0; to - from];
            stream.xor(from, &mut out);
            assert_eq!(out, expected[from..to], "{from}..{to}");
        }
    }

    /// No two streams of different keys, parties, rounds, steps or purposes are equal.
    #[test]
    fn no_two_streams_meet() {
        use crate::step::Phase;
        let purposes = [
            Purpose::Zero,
            Purpose::Random,
            Purpose::Mask,
            Purpose::Permutation,
            Purpose::PayloadMask,
            Purpose::Replies,
            Purpose::MessageSalt,
            Purpose::ChallengeSalt,
            Purpose::ProofShares,
            Purpose::ProofMask,
        ];
        let steps =
            [Phase::Verify, Phase::Sort].map(|phase| [Step::new(phase, 0), Step::new(phase, 256)]);
        let mut seen = std::collections::HashSet::new();
        for (next, prev, round) in [(1, 2, 1), (3, 4, 1), (1, 2, 2)] {
            let keys = PairKeys {
                next: [next; 32],
                prev: [prev; 32],
            };
            let streams = Streams::new(PartyId::P0, keys, round);
            for peer in [PartyId::P1, PartyId::P2] {
                for step in steps.as_flattened() {
                    for purpose in purposes {
                        assert!(seen.insert(streams.with(peer, *step, purpose).bytes(16)));
                    }
                }
            }
        }
    }

    /// A row's mask is the same wherever it is asked for.
    #[test]
    fn masks_are_of_their_rows() {
        for row_bytes in [16, 20, 256, 2000] {
            let masks = RowMasks::new(Stream::new(&[1; 16]), row_bytes);
            let mut all = vec![0; 150 * row_bytes];
            masks.xor_from(0, &mut all);
            let rows = [149, 3, 3, 70];
            let mut some = vec![0; rows.len() * row_bytes];
            masks.xor_at(&rows, &mut some);
            for (row, mask) in rows.iter().zip(some.chunks(row_bytes)) {
                assert_eq!(mask, &all[*row as usize * row_bytes..][..row_bytes]);
            }
        }
    }
}
