//! PRG(seed) = AES-128-CTR with the seed as key and zero as first counter block.

use core::fmt;

use aes::Aes128Enc;
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _},
};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of a [`Seed`].
pub const SEED_BYTES: usize = 16;

/// What a pseudorandom component is expanded from. Erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; SEED_BYTES]);

impl Seed {
    /// Draws a seed.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Self([0; SEED_BYTES]);
        rng.fill_bytes(&mut seed.0);
        seed
    }

    /// Takes a seed.
    pub const fn from_bytes(bytes: [u8; SEED_BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for the one frame that carries them.
    pub const fn as_bytes(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }

    /// XORs the seed's expansion into a buffer, which ends up masked by it or freed from it.
    pub fn xor_into(&self, buffer: &mut [u8]) {
        self.xor_at(0, buffer);
    }

    /// XORs the seed's expansion from byte `at` on into a buffer.
    pub fn xor_at(&self, at: usize, buffer: &mut [u8]) {
        let mut stream = Ctr128BE::<Aes128Enc>::new(&self.0.into(), &[0; 16].into());
        stream.seek(at);
        stream.apply_keystream(buffer);
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;

    /// NIST AESAVS, key and plaintext zero; frozen in both builds.
    #[test]
    fn expansion_is_frozen() {
        let mut out = [0; 16];
        Seed::from_bytes([0; 16]).xor_into(&mut out);
        assert_eq!(
            out,
            [
                0x66, 0xe9, 0x4b, 0xd4, 0xef, 0x8a, 0x2c, 0x3b, 0x88, 0x4c, 0xfa, 0x59, 0xca, 0x34,
                0x2b, 0x2e
            ]
        );
    }

    #[test]
    fn a_part_is_a_part_of_the_whole() {
        let seed = Seed::from_bytes([7; 16]);
        let mut whole = [0; 300];
        seed.xor_into(&mut whole);
        for (at, len) in [(0, 9), (9, 256), (16, 16), (31, 2), (299, 1)] {
            let mut part = vec![0; len];
            seed.xor_at(at, &mut part);
            assert_eq!(part, whole[at..at + len]);
        }
    }

    #[test]
    fn debug_hides_the_seed() {
        assert_eq!(format!("{:?}", Seed::from_bytes([0xab; 16])), "Seed(..)");
    }
}
