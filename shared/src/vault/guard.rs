//! Where the key of a vault is kept: sealed by another key, or by a passphrase.

use argon2::{Algorithm, Argon2, Params, Version};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Tampered, VaultKey};

/// The place that a key is sealed for.
const PLACE: &str = "vault key";
/// The newest version of a guard.
const VERSION: u8 = 1;

/// What a guess at a passphrase costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// How often it is gone through.
    pub passes: u32,
}

impl Cost {
    /// RFC 9106's second choice (section 4), of one lane: what a browser has of memory and threads.
    pub const BROWSER: Self = Self {
        memory_kib: 64 << 10,
        passes: 3,
    };
    /// The most that is worked on: a guard that asks for more was not made by us.
    const MOST: Self = Self {
        memory_kib: 256 << 10,
        passes: 16,
    };
}

/// Where a [`VaultKey`] is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guard {
    /// Sealed by another one, that of the browser.
    Key(Vec<u8>),
    /// Sealed by a passphrase.
    Passphrase {
        /// What each guess costs.
        cost: Cost,
        /// Drawn anew each time.
        salt: [u8; 16],
        /// The sealed key.
        sealed: Vec<u8>,
    },
}

impl core::fmt::Debug for Guard {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Guard::Key(..)",
            Self::Passphrase { .. } => "Guard::Passphrase(..)",
        })
    }
}

/// Why a key could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Another passphrase, or what was kept has been changed: nobody can tell which.
    #[error("that is not the passphrase")]
    Wrong,
    /// It has to be asked for.
    #[error("this needs its passphrase")]
    Locked,
    /// What was kept can't be read.
    #[error("what the browser kept was changed, or belongs to something else")]
    Damaged,
    /// A newer version wrote it.
    #[error("a newer version of MCMix wrote this: load the page anew")]
    Newer,
}

impl From<Tampered> for GuardError {
    fn from(_: Tampered) -> Self {
        Self::Damaged
    }
}

impl Guard {
    /// Seals a key by another one.
    pub fn by_key(key: &VaultKey, by: &VaultKey, rng: &mut impl CryptoRng) -> Self {
        Self::Key(by.seal_bytes(PLACE, key.as_bytes(), rng))
    }

    /// Seals a key by a passphrase.
    pub fn by_passphrase(
        key: &VaultKey,
        passphrase: &str,
        cost: Cost,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let by = stretch(passphrase, &salt, cost).expect("a cost of ours");
        Self::Passphrase {
            cost,
            salt,
            sealed: by.seal_bytes(PLACE, key.as_bytes(), rng),
        }
    }

    /// Returns the key that was sealed by a key.
    ///
    /// # Errors
    ///
    /// [`GuardError::Locked`] where it was sealed by a passphrase.
    pub fn open(&self, by: &VaultKey) -> Result<VaultKey, GuardError> {
        match self {
            Self::Key(sealed) => read(by, sealed).map_err(Into::into),
            Self::Passphrase { .. } => Err(GuardError::Locked),
        }
    }

    /// Returns the key that was sealed by a passphrase.
    ///
    /// # Errors
    ///
    /// [`GuardError::Wrong`] if it is another one.
    pub fn unlock(&self, passphrase: &str) -> Result<VaultKey, GuardError> {
        match self {
            Self::Passphrase { cost, salt, sealed } => {
                let by = stretch(passphrase, salt, *cost).ok_or(GuardError::Damaged)?;
                read(&by, sealed).map_err(|_| GuardError::Wrong)
            }
            Self::Key(_) => Err(GuardError::Damaged),
        }
    }

    /// Says whether a passphrase has to be asked for.
    pub const fn is_locked(&self) -> bool {
        matches!(self, Self::Passphrase { .. })
    }

    /// Writes it for the browser to keep.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(postcard::to_allocvec(self).expect("plain data fits into memory"));
        bytes
    }

    /// Reads what the browser kept.
    ///
    /// # Errors
    ///
    /// [`GuardError::Damaged`] or [`GuardError::Newer`].
    pub fn decode(bytes: &[u8]) -> Result<Self, GuardError> {
        match bytes.split_first() {
            Some((&VERSION, fields)) => {
                postcard::from_bytes(fields).map_err(|_| GuardError::Damaged)
            }
            Some((&version, _)) if version > VERSION => Err(GuardError::Newer),
            _ => Err(GuardError::Damaged),
        }
    }
}

fn read(by: &VaultKey, sealed: &[u8]) -> Result<VaultKey, Tampered> {
    let plain = Zeroizing::new(by.open_bytes(PLACE, sealed)?);
    let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| Tampered)?;
    Ok(VaultKey::from_bytes(key))
}

/// Makes a key of a passphrase; `None` if the cost is none that we would pay.
fn stretch(passphrase: &str, salt: &[u8; 16], cost: Cost) -> Option<VaultKey> {
    if cost.memory_kib > Cost::MOST.memory_kib || cost.passes > Cost::MOST.passes {
        return None;
    }
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .ok()?;
    Some(VaultKey::from_bytes(*key))
}
