//! Key derivation: HKDF over BLAKE2s, every use with a label of its own.

use blake2::digest::Mac;
use blake2::{Blake2s256, Blake2sMac256, Digest as _};
use hkdf::SimpleHkdf;
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A 32-byte secret, erased when dropped. Serialised for storage and for nothing else.
#[derive(Clone, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut secret = Self([0; 32]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Derives a secret from key material; `info` is joined after the label.
pub(crate) fn derive(label: &str, material: &[u8], info: &[&[u8]]) -> Secret {
    let mut out = Secret([0; 32]);
    expand(label, material, info, &mut out.0);
    out
}

/// Derives as many bytes as `out` is long, at most 8,160; the first 32 are [`derive`]'s.
pub(crate) fn expand(label: &str, material: &[u8], info: &[&[u8]], out: &mut [u8]) {
    let mut parts: Vec<&[u8]> = vec![label.as_bytes(), &[0]];
    parts.extend_from_slice(info);
    SimpleHkdf::<Blake2s256>::new(Some(b"mcmix.v2"), material)
        .expand_multi_info(&parts, out)
        .expect("no row is too long for HKDF");
}

/// Hashes public or shared data under a label.
pub(crate) fn hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Blake2s256::new();
    hash.update(b"mcmix.v2 ");
    hash.update(label.as_bytes());
    hash.update([0]);
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Hashes under a label and a key that not everyone has who may see the result.
pub(crate) fn mac(label: &str, key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = <Blake2sMac256 as Mac>::new(&(*key).into());
    mac.update(b"mcmix.v2 ");
    mac.update(label.as_bytes());
    mac.update(&[0]);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Returns the first 16 bytes of a hash.
pub(crate) fn truncate(hash: &[u8; 32]) -> [u8; 16] {
    *hash.first_chunk().expect("a hash has 32 bytes")
}
