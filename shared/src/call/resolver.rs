//! A cipher that goes on where a seal does not fit.
//!
//! snow stops at the first seal that does not fit, and a server that measures a client would
//! know by the time it took how far a message opened. Here the handshake goes on to its end on
//! bytes of no meaning, by the same steps, and its result is thrown away.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{BoxedCryptoResolver, CryptoResolver},
    types::{Cipher, Dh, Hash, Random},
};

use crate::{
    kdf::Secret,
    noise::{HandshakeSeed, Resolver},
};

/// Whether all seals of a handshake fitted. Nothing that a handshake gives may be used before
/// this was asked.
#[derive(Clone, Default)]
pub(super) struct Seals(Arc<AtomicBool>);

impl Seals {
    /// Returns whether all that were read so far fitted.
    pub(super) fn all_fit(&self) -> bool {
        !self.0.load(Ordering::Relaxed)
    }

    fn broken(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The link's resolver with a cipher that goes on.
pub(super) struct GoingOn {
    inner: BoxedCryptoResolver,
    seals: Seals,
}

impl GoingOn {
    /// Makes the resolver of one handshake, with the seed of its ephemeral key.
    pub(super) fn boxed(ephemeral: &Secret, seals: &Seals) -> BoxedCryptoResolver {
        let seed = HandshakeSeed::from_bytes(*ephemeral.as_bytes());
        Box::new(Self {
            inner: Resolver::boxed(seed),
            seals: seals.clone(),
        })
    }
}

impl CryptoResolver for GoingOn {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.inner.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        self.inner.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.inner.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        Some(Box::new(GoingOnCipher {
            inner: self.inner.resolve_cipher(choice)?,
            seals: self.seals.clone(),
        }))
    }
}

struct GoingOnCipher {
    inner: Box<dyn Cipher>,
    seals: Seals,
}

impl Cipher for GoingOnCipher {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.inner.set(key);
    }

    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        self.inner.encrypt(nonce, authtext, plaintext, out)
    }

    fn decrypt(
        &self,
        nonce: u64,
        authtext: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        self.inner
            .decrypt(nonce, authtext, ciphertext, out)
            .or_else(|_| {
                self.seals.broken();
                // `out` holds the sealed bytes now: as good as any.
                ciphertext.len().checked_sub(16).ok_or(Error::Decrypt)
            })
    }
}
