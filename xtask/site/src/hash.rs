//! What a file hashes to.

use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha384};

/// A file's SHA-384, which browsers check.
#[derive(Clone, Debug)]
pub(crate) struct Hash(Vec<u8>);

impl Hash {
    /// Hashes a file.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha384::digest(bytes).to_vec())
    }

    /// Returns the first 64 bits in hexadecimal: enough to tell versions of a file apart.
    pub(crate) fn short(&self) -> String {
        self.0.iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Returns the value of an `integrity` attribute.
    pub(crate) fn integrity(&self) -> String {
        format!("sha384-{}", STANDARD.encode(&self.0))
    }
}
