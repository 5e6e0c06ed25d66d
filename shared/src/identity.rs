//! Who a client is: an X25519 key pair, the id that servers compare, a name, an invite,
//! a number to compare.

mod invite;
mod name;
mod number;

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};

pub use invite::{Invite, InviteError};
pub use name::{MAX_NAME_BYTES, Name, NameError};
pub use number::{Comparison, NotANumber, SafetyNumber};

use crate::{exchange, kdf};

/// Bytes that are no usable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not 32 bytes of unpadded base64url.
    #[error("expected 32 bytes in base64url without padding")]
    Encoding,
    /// A point of low order or in a second encoding: anyone could pose as its owner.
    #[error("not a usable X25519 public key")]
    Weak,
}

fn checked(bytes: [u8; 32]) -> Result<[u8; 32], KeyError> {
    // A set top bit is a second encoding of the same key; a point of low order has no owner.
    let contributory = *exchange::agree(&StaticSecret::from([0x42; 32]), &bytes) != [0; 32];
    if contributory && bytes[31] < 0x80 {
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    use super::{ClientKey, KeyError, SecretKey, ServerKey};

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
        assert_eq!(ClientKey::from_bytes([0; 32]), Err(KeyError::Weak));
        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(ClientKey::from_bytes(one), Err(KeyError::Weak));
        let mut second = *SecretKey::from_bytes([7; 32]).client_key().as_bytes();
        second[31] |= 0x80;
        assert_eq!(ClientKey::from_bytes(second), Err(KeyError::Weak));
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
