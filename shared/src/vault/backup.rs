//! A backup: one file, sealed by a passphrase, of what another browser can go on with.

use core::fmt;

use rand_core::CryptoRng;

use super::{Cost, Guard, GuardError, VaultKey};
use crate::client::Record;

/// What every backup begins with.
const MAGIC: &[u8] = b"mcmix backup 1\n";
/// What records are sealed for.
const PLACE: &str = "vault: backup";
/// How names of records begin that a backup holds.
const KINDS: [&str; 5] = ["contact/", "identity", "message/", "servers", "settings"];
/// The most bytes of a file.
pub const MOST_BYTES: u32 = 64 << 20;

/// Why a file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// It is another file.
    #[error("This file is no backup of MCMix.")]
    NoBackup,
    /// Another passphrase, or the file was changed: nobody can tell which.
    #[error("That is not the passphrase of this backup, or the file is damaged.")]
    Wrong,
    /// A newer version made it.
    #[error("A newer version of MCMix made this backup. Load the page anew and try again.")]
    Newer,
}

/// The bytes of a backup.
#[derive(Clone, PartialEq, Eq)]
pub struct Backup(Vec<u8>);

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backup({} bytes)", self.0.len())
    }
}

impl Backup {
    /// Seals records: [`Client::backup`](crate::client::Client::backup)'s.
    pub fn seal(
        records: &[Record],
        passphrase: &str,
        cost: Cost,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let key = VaultKey::random(rng);
        let guard = Guard::by_passphrase(&key, passphrase, cost, rng).encode();
        let mut records: Vec<_> = records.iter().collect();
        records.sort_by(|a, b| a.key.cmp(&b.key));
        let mut plain = Vec::new();
        for Record { key, value } in records {
            let record = postcard::to_allocvec(&(key, value));
            plain.extend(record.expect("plain data fits into memory"));
        }
        let sealed = key.seal_bytes(PLACE, &plain, rng);
        let fields = postcard::to_allocvec(&(guard, sealed));
        let fields = fields.expect("plain data fits into memory");
        Self([MAGIC, &fields].concat())
    }

    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`BackupError`] says what it is instead.
    pub fn open(file: &[u8], passphrase: &str) -> Result<Vec<Record>, BackupError> {
        let fields = file.strip_prefix(MAGIC).ok_or(BackupError::NoBackup)?;
        let (guard, sealed): (Vec<u8>, Vec<u8>) =
            postcard::from_bytes(fields).map_err(|_| BackupError::Wrong)?;
        let guard = Guard::decode(&guard).map_err(|error| match error {
            GuardError::Newer => BackupError::Newer,
            GuardError::Wrong | GuardError::Locked | GuardError::Damaged => BackupError::Wrong,
        })?;
        let key = guard.unlock(passphrase).map_err(|_| BackupError::Wrong)?;
        let plain = key.open_bytes(PLACE, &sealed);
        let plain = plain.map_err(|_| BackupError::Wrong)?;
        let mut records: Vec<Record> = Vec::new();
        let mut rest = plain.as_slice();
        while !rest.is_empty() {
            let ((key, value), after): ((String, Vec<u8>), _) =
                postcard::take_from_bytes(rest).map_err(|_| BackupError::Wrong)?;
            let follows = records.last().is_none_or(|last| last.key < key);
            if !follows || !KINDS.iter().any(|kind| key.starts_with(kind)) {
                return Err(BackupError::Wrong);
            }
            records.push(Record { key, value });
            rest = after;
        }
        Ok(records)
    }

    /// Returns the bytes of the file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
