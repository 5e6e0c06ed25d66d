//! ML-KEM-768 (FIPS 203), the half of every hybrid that outlasts quantum computers.
//!
//! Keys and ciphertexts are pure functions of stored seeds, so that a client that starts again
//! makes the same ones. The crate behind it erases the key that it derives from a seed, and not
//! what passes through its stack while it computes.

use core::fmt;

use ml_kem::{Decapsulate as _, KeyExport as _, ml_kem_768};

use crate::kdf::Secret;

/// Bytes of the seed from which a key pair follows.
pub(crate) const SECRET_SEED_BYTES: usize = 64;
/// Bytes of a public key.
pub(crate) const PUBLIC_BYTES: usize = 1184;
/// Bytes of a ciphertext.
pub(crate) const CIPHERTEXT_BYTES: usize = 1088;

/// The secret half of a key pair. Erased when dropped.
pub(crate) struct DecapsulationKey(ml_kem_768::DecapsulationKey);

impl DecapsulationKey {
    /// Derives the key pair of a random seed.
    pub(crate) fn from_seed(seed: &[u8; SECRET_SEED_BYTES]) -> Self {
        Self(ml_kem_768::DecapsulationKey::from_seed((*seed).into()))
    }

    /// Returns the public half.
    pub(crate) fn public(&self) -> [u8; PUBLIC_BYTES] {
        self.0.encapsulation_key().to_bytes().into()
    }

    /// Returns the secret inside a ciphertext; a secret that nobody knows where it was not made
    /// for this key.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT_BYTES]) -> Secret {
        Secret::from_bytes(self.0.decapsulate(&(*ciphertext).into()).into())
    }
}

impl fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecapsulationKey(..)")
    }
}

/// Makes a ciphertext for a public key and the secret inside it; `None` if that is no public key.
///
/// # Security
/// `randomness` decides the secret: it comes from the system's generator, or from a seed that
/// was drawn there, and serves one public key.
pub(crate) fn encapsulate(
    public: &[u8; PUBLIC_BYTES],
    randomness: &[u8; 32],
) -> Option<([u8; CIPHERTEXT_BYTES], Secret)> {
    let key = ml_kem_768::EncapsulationKey::new(&(*public).into()).ok()?;
    let (ciphertext, secret) = key.encapsulate_deterministic(&(*randomness).into());
    Some((ciphertext.into(), Secret::from_bytes(secret.into())))
}

#[cfg(test)]
mod tests {
    use super::{CIPHERTEXT_BYTES, DecapsulationKey, PUBLIC_BYTES, SECRET_SEED_BYTES, encapsulate};
    use libcrux_ml_kem::mlkem768::portable as libcrux;
    use rand_chacha::{
        ChaCha12Rng,
        rand_core::{Rng as _, SeedableRng as _},
    };

    struct Case {
        seed: [u8; SECRET_SEED_BYTES],
        randomness: [u8; 32],
    }

    fn cases() -> impl Iterator<Item = Case> {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        (0..200).map(move |_| {
            let (mut seed, mut randomness) = ([0; SECRET_SEED_BYTES], [0; 32]);
            rng.fill_bytes(&mut seed);
            rng.fill_bytes(&mut randomness);
            Case { seed, randomness }
        })
    }

    /// Keys, ciphertexts, secrets, and what a changed ciphertext opens to, are those of another,
    /// formally verified implementation.
    #[test]
    fn equals_libcrux() {
        for case in cases() {
            let own = DecapsulationKey::from_seed(&case.seed);
            let other = libcrux::generate_key_pair(case.seed);
            let public = own.public();
            assert_eq!(&public, other.pk());
            let (mut ciphertext, secret) = encapsulate(&public, &case.randomness).unwrap();
            let (other_ciphertext, other_secret) =
                libcrux::encapsulate(other.public_key(), case.randomness);
            assert_eq!(&ciphertext, other_ciphertext.as_slice());
            assert_eq!(secret.as_bytes(), &other_secret);
            assert_eq!(own.decapsulate(&ciphertext).as_bytes(), secret.as_bytes());
            let at = usize::from(case.randomness[0]) * 4;
            ciphertext[at] ^= 1;
            let rejected = own.decapsulate(&ciphertext);
            let other_rejected = libcrux::decapsulate(other.private_key(), &ciphertext.into());
            assert_eq!(rejected.as_bytes(), &other_rejected);
            assert_ne!(rejected.as_bytes(), secret.as_bytes());
        }
    }

    /// Public keys with a coefficient that is not below the modulus are no keys (FIPS 203, 7.2).
    #[test]
    fn other_bytes_are_no_keys() {
        assert!(encapsulate(&[0xff; PUBLIC_BYTES], &[1; 32]).is_none());
        for case in cases().take(20) {
            let mut public = DecapsulationKey::from_seed(&case.seed).public();
            let at = usize::from(case.randomness[0]) * 3;
            public[at] = 0xff;
            public[at + 1] |= 0x0f;
            assert!(encapsulate(&public, &case.randomness).is_none());
            assert!(!libcrux::validate_public_key(&public.into()));
        }
    }

    #[test]
    fn sizes_and_debug() {
        let key = DecapsulationKey::from_seed(&[7; SECRET_SEED_BYTES]);
        assert_eq!(format!("{key:?}"), "DecapsulationKey(..)");
        assert_eq!(CIPHERTEXT_BYTES, 3 * 320 + 128);
    }
}
