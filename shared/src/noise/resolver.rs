//! Gives snow the randomness of one ephemeral key and its default primitives.

use core::fmt;

use rand_core::CryptoRng;
use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{BoxedCryptoResolver, CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The ephemeral secret of one handshake, drawn beforehand from the caller's generator.
///
/// The same seed makes the same message, so that a handshake can be resumed after a reload.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct HandshakeSeed([u8; 32]);

impl HandshakeSeed {
    pub(crate) fn random(rng: &mut impl CryptoRng) -> Self {
        let mut seed = Self([0; 32]);
        rng.fill_bytes(&mut seed.0);
        seed
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for HandshakeSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandshakeSeed(..)")
    }
}

/// A generator that gives one ephemeral key and then fails.
struct Once(Option<HandshakeSeed>);

impl Random for Once {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        match self.0.take() {
            Some(seed) if dest.len() == seed.0.len() => {
                dest.copy_from_slice(&seed.0);
                Ok(())
            }
            _ => Err(Error::Rng),
        }
    }
}

/// Snow's default primitives with [`Once`] for its randomness.
pub(crate) struct Resolver(HandshakeSeed);

impl Resolver {
    pub(crate) fn boxed(seed: HandshakeSeed) -> BoxedCryptoResolver {
        Box::new(Self(seed))
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.0.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}
