//! Who a client is: an X25519 key pair, the id that servers compare, a name, an invite,
//! a number to compare.

mod invite;
mod name;
mod number;

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};

pub use invite::{Invite, InviteError};
pub use name::{MAX_NAME_BYTES, Name, NameError};
pub use number::{Comparison, NotANumber, SafetyNumber};

use crate::kdf;

/// Bytes that are no usable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum KeyError {
    /// Not 32 bytes of unpadded base64url.
    #[error("expected 32 bytes in base64url without padding")]
    Encoding,
    /// A point of low order or in a second encoding: anyone could pose as its owner.
    #[error("not a usable X25519 public key")]
    Weak,
}

/// The prime 2^255 - 19, little endian. A key that is not below it is a second encoding of one.
const PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// All points of low order, of the curve (cofactor 8) and of its twist (cofactor 4): what anybody
/// shares with them is zeros (Langley et al., RFC 7748, section 6.1). Little endian.
const LOW_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    {
        let mut minus_one = PRIME;
        minus_one[0] -= 1;
        minus_one
    },
];

fn checked(bytes: [u8; 32]) -> Result<[u8; 32], KeyError> {
    let is_reduced = bytes.iter().rev().lt(PRIME.iter().rev());
    if is_reduced && !LOW_ORDER.contains(&bytes) {
        Ok(bytes)
    } else {
        Err(KeyError::Weak)
    }
}

fn from_text(text: &str) -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    match Base64UrlUnpadded::decode(text, &mut bytes) {
        Ok(decoded) if decoded.len() == 32 => checked(bytes),
        _ => Err(KeyError::Encoding),
    }
}

/// A client's public key: its identity, to servers and to the people it talks with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "[u8; 32]", into = "[u8; 32]")]
pub struct ClientKey([u8; 32]);

impl ClientKey {
    /// Takes a public key.
    ///
    /// # Errors
    /// Refuses points of low order and second encodings.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        checked(bytes).map(Self)
    }

    /// Returns the 32 bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Derives the id under which a deployment's dialing programs know the client; `deployment`
    /// is the digest of the deployment's first manifest ([`Realm`](crate::manifest::Realm)).
    pub fn id(&self, deployment: &[u8; 32]) -> ClientId {
        ClientId(kdf::truncate(&kdf::hash(
            "client id",
            &[deployment, &self.0],
        )))
    }

    /// Writes the key in unpadded base64url, 43 characters.
    pub fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// Refuses other encodings and unusable keys.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        from_text(text).map(Self)
    }
}

impl TryFrom<[u8; 32]> for ClientKey {
    type Error = KeyError;

    fn try_from(bytes: [u8; 32]) -> Result<Self, KeyError> {
        Self::from_bytes(bytes)
    }
}

impl From<ClientKey> for [u8; 32] {
    fn from(key: ClientKey) -> Self {
        key.0
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientKey({})", self.to_text())
    }
}

/// Bytes of a [`ClientId`].
pub const ID_BYTES: usize = 16;

/// What a deployment's servers know a client by: a hash of its key, too long for two to collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub [u8; ID_BYTES]);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({self})")
    }
}

/// A server's public key, pinned in the deployment's manifest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ServerKey([u8; 32]);

impl ServerKey {
    /// Takes a public key.
    ///
    /// # Errors
    /// Refuses points of low order and second encodings.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        checked(bytes).map(Self)
    }

    /// Returns the 32 bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Writes the key in unpadded base64url, 43 characters.
    pub fn to_text(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// Refuses other encodings and unusable keys.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        from_text(text).map(Self)
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerKey({})", self.to_text())
    }
}

/// The secret half of a key pair, a client's or a server's. Erased when dropped.
#[derive(Clone)]
pub struct SecretKey(StaticSecret);

impl SecretKey {
    /// Makes a fresh key pair.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        rng.fill_bytes(bytes.as_mut_slice());
        Self::from_bytes(*bytes)
    }

    /// Takes a secret key.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(StaticSecret::from(bytes))
    }

    /// Returns the bytes, for storage and for nothing else.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the public half as a client's identity.
    pub fn client_key(&self) -> ClientKey {
        ClientKey(PublicKey::from(&self.0).to_bytes())
    }

    /// Returns the public half as a server's pinned key.
    pub fn server_key(&self) -> ServerKey {
        ServerKey(PublicKey::from(&self.0).to_bytes())
    }

    /// Writes the secret in unpadded base64url, for a server's key file.
    pub fn to_text(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(Base64UrlUnpadded::encode_string(self.as_bytes()))
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// Refuses other encodings.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        match Base64UrlUnpadded::decode(text, bytes.as_mut_slice()) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self::from_bytes(*bytes)),
            _ => Err(KeyError::Encoding),
        }
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use x25519_dalek::StaticSecret;

    use super::{ClientKey, KeyError, LOW_ORDER, PRIME, SecretKey, ServerKey};
    use crate::exchange;

    #[test]
    fn text_round_trips() {
        let secret = SecretKey::from_bytes([7; 32]);
        let client = secret.client_key();
        assert_eq!(ClientKey::from_text(&client.to_text()), Ok(client));
        let server = secret.server_key();
        assert_eq!(ServerKey::from_text(&server.to_text()), Ok(server));
        assert_eq!(SecretKey::from_text(&secret.to_text()), Ok(secret));
        assert_eq!(ClientKey::from_text("AAAA"), Err(KeyError::Encoding));
    }

    #[test]
    fn weak_keys_are_refused() {
        let secret = StaticSecret::from([0x42; 32]);
        for weak in LOW_ORDER {
            assert_eq!(*exchange::agree(&secret, &weak), [0; 32]);
            assert_eq!(ClientKey::from_bytes(weak), Err(KeyError::Weak));
        }
        let good = *SecretKey::from_bytes([7; 32]).client_key().as_bytes();
        let mut second = good;
        second[31] |= 0x80;
        assert_eq!(ClientKey::from_bytes(second), Err(KeyError::Weak));
        assert!(ClientKey::from_bytes(good).is_ok());
        // From 2^255 - 60 on.
        for last in 196..=u8::MAX {
            let mut key = PRIME;
            key[0] = last;
            let is_reduced = last < PRIME[0];
            let is_low = *exchange::agree(&secret, &key) == [0; 32];
            assert_eq!(ClientKey::from_bytes(key).is_ok(), is_reduced && !is_low);
        }
    }

    #[test]
    fn id_is_frozen() {
        let key = SecretKey::from_bytes([7; 32]).client_key();
        assert_eq!(
            key.id(&[9; 32]).to_string(),
            "8f73eda7413e7a8eea687320a89bf609"
        );
        assert_ne!(key.id(&[9; 32]), key.id(&[8; 32]));
    }

    #[test]
    fn debug_hides_the_secret() {
        let secret = SecretKey::from_bytes([0xab; 32]);
        assert_eq!(format!("{secret:?}"), "SecretKey(..)");
    }
}
