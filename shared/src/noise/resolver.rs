//! Gives snow the randomness of one ephemeral key, and primitives that erase their keys.
//!
//! Snow itself erases nothing. With these, secret keys (static, ephemeral) and cipher keys are
//! erased when it drops them. Out of our reach stay its chaining key and handshake hash, which
//! lie where the handshake's state lay until that memory is used again, and what passes through
//! the stack while it computes. Whoever holds a preshared key overwrites it after use
//! (`HandshakeState::set_psk`).

use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{BoxedCryptoResolver, CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::cipher::Fastest;
use crate::exchange;
use crate::kdf::Secret;

/// A generator that gives one ephemeral key and then fails.
struct Once(Option<Secret>);

impl Random for Once {
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), Error> {
        match self.0.take() {
            Some(seed) if dest.len() == seed.as_bytes().len() => {
                dest.copy_from_slice(seed.as_bytes());
                Ok(())
            }
            _ => Err(Error::Rng),
        }
    }
}

/// What snow computes with, and for its randomness the ephemeral secret of one handshake: the
/// same one makes the same message, so that a handshake can be made again after a reload.
pub(crate) struct Resolver(Secret);

impl Resolver {
    pub(crate) fn boxed(seed: Secret) -> BoxedCryptoResolver {
        Box::new(Self(seed))
    }
}

impl CryptoResolver for Resolver {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Once(Some(self.0.clone()))))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| Box::new(X25519::default()) as _)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        matches!(choice, CipherChoice::ChaChaPoly).then(|| Box::new(Fastest::default()) as _)
    }
}

/// A key pair; no key until one is set or generated.
#[derive(Default)]
struct X25519(Option<(StaticSecret, PublicKey)>);

impl Dh for X25519 {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, privkey: &[u8]) {
        let bytes: &[u8; 32] = privkey.try_into().expect("snow checks the length");
        let secret = StaticSecret::from(*bytes);
        let public = PublicKey::from(&secret);
        self.0 = Some((secret, public));
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(bytes.as_mut_slice())?;
        self.set(bytes.as_slice());
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |(_, public)| public.as_bytes())
    }

    fn privkey(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |(secret, _)| secret.as_bytes())
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let (secret, _) = self.0.as_ref().ok_or(Error::Dh)?;
        let public: &[u8; 32] = pubkey.first_chunk().ok_or(Error::Dh)?;
        let shared = exchange::agree(secret, public);
        *out.first_chunk_mut().ok_or(Error::Dh)? = *shared;
        Ok(())
    }
}
