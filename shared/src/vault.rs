//! What a client keeps at rest: sealed records under sealed names.
//!
//! Each identity has a random [`VaultKey`]. A record's name becomes a pseudonym, a keyed hash, so that it
//! is found again and says nothing; value and name are sealed together by XChaCha20-Poly1305, bound
//! to the pseudonym. The key itself is kept behind a [`Guard`]: another vault key, or a passphrase by
//! Argon2id (RFC 9106).
//!
//! Whoever reads the disk sees how many records there are, how long they are, and which change. Whoever
//! writes it can bring back an older record; no other one, nor under another name.

mod backup;
mod guard;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;

use crate::client::Record;
use crate::kdf::{self, Secret, truncate};

pub use backup::{Backup, BackupError, MOST_BYTES};
pub use guard::{Cost, Guard, GuardError};

/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// What seals the records of one identity.
#[derive(Clone, Debug)]
pub struct VaultKey {
    key: Secret,
    names: Secret,
    values: Secret,
}

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Under which name.
    pub pseudonym: String,
    /// A nonce (24), the sealed name and value, and a tag (16).
    pub bytes: Vec<u8>,
}

/// Bytes were not sealed by this key for this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the browser kept was changed, or belongs to something else")]
pub struct Tampered;

impl VaultKey {
    /// Draws a key.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        Self::of(Secret::random(rng))
    }

    /// Takes a key that the browser kept.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self::of(Secret::from_bytes(bytes))
    }

    /// Returns the key, for the browser to keep.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    fn of(key: Secret) -> Self {
        Self {
            names: kdf::derive("vault: names", key.as_bytes(), &[]),
            values: kdf::derive("vault: values", key.as_bytes(), &[]),
            key,
        }
    }

    /// Returns under which name a record is kept: 32 hexadecimal digits.
    pub fn pseudonym(&self, name: &str) -> String {
        let hash = kdf::mac("vault: name", self.names.as_bytes(), &[name.as_bytes()]);
        format!("{:032x}", u128::from_be_bytes(truncate(&hash)))
    }

    /// Seals a record.
    pub fn seal(&self, record: &Record, rng: &mut impl CryptoRng) -> Sealed {
        let pseudonym = self.pseudonym(&record.key);
        let plain = postcard::to_allocvec(&(&record.key, &record.value));
        let plain = plain.expect("plain data fits into memory");
        Sealed {
            bytes: self.seal_bytes(&pseudonym, &plain, rng),
            pseudonym,
        }
    }

    /// Opens a record.
    ///
    /// # Errors
    ///
    /// [`Tampered`] unless [`Self::seal`] made it.
    pub fn open(&self, sealed: &Sealed) -> Result<Record, Tampered> {
        let plain = self.open_bytes(&sealed.pseudonym, &sealed.bytes)?;
        let (key, value) = postcard::from_bytes(&plain).map_err(|_| Tampered)?;
        Ok(Record { key, value })
    }

    /// Seals bytes for one place.
    pub fn seal_bytes(&self, place: &str, plain: &[u8], rng: &mut impl CryptoRng) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill_bytes(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        [&nonce[..], &sealed.expect("no record fills a stream")].concat()
    }

    /// Opens bytes of one place.
    ///
    /// # Errors
    ///
    /// [`Tampered`] unless [`Self::seal_bytes`] made them for this place.
    pub fn open_bytes(&self, place: &str, bytes: &[u8]) -> Result<Vec<u8>, Tampered> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES).ok_or(Tampered)?;
        let payload = Payload {
            msg: sealed,
            aad: place.as_bytes(),
        };
        let opened = self.cipher().decrypt(XNonce::from_slice(nonce), payload);
        opened.map_err(|_| Tampered)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.values.as_bytes().into())
    }
}

#[cfg(test)]
mod tests;
