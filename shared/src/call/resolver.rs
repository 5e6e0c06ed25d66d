//! A cipher that goes on where a seal does not fit, and key pairs that compute once what two
//! attempts at one message have in common.
//!
//! snow stops at the first seal that does not fit, and a server that measures a client would
//! know by the time it took how far a message opened. Here the handshake goes on to its end on
//! bytes of no meaning, by the same steps, and its result is thrown away.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use snow::{
    Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{BoxedCryptoResolver, CryptoResolver},
    types::{Cipher, Dh, Hash, Random},
};
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::{exchange, kdf::Secret, noise::Resolver};

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

/// The products of a handshake's key pairs, in order. A second handshake that goes the same way
/// takes them from here.
///
/// By their order and not by what they are of: whoever chose a point that came before would make
/// one handshake cheaper than another.
#[derive(Clone, Default)]
pub(super) struct Products(Arc<Mutex<Vec<Product>>>);

struct Product {
    secret: Secret,
    /// The other side's point; none for the base point.
    point: Option<[u8; 32]>,
    result: Secret,
}

/// Two public keys and four Diffie-Hellmans of a handshake.
const MOST_PRODUCTS: usize = 6;

impl Products {
    /// Returns the product that comes at that place, computing it the first time.
    fn get(&self, place: usize, secret: &Secret, point: Option<[u8; 32]>) -> Secret {
        let mut products = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = products.get(place) {
            let same = known.secret.as_bytes().ct_eq(secret.as_bytes());
            if known.point == point && same.into() {
                return known.result.clone();
            }
        }
        let own = StaticSecret::from(*secret.as_bytes());
        let product = Secret::from_bytes(match point {
            Some(point) => *exchange::agree(&own, &point),
            None => PublicKey::from(&own).to_bytes(),
        });
        // A vector that grows would leave copies behind.
        if products.capacity() == 0 {
            products.reserve(MOST_PRODUCTS);
        }
        products.push(Product {
            secret: secret.clone(),
            point,
            result: product.clone(),
        });
        product
    }
}

/// Where a handshake is in the products.
#[derive(Clone)]
struct Cursor {
    products: Products,
    next: Arc<AtomicUsize>,
}

impl Cursor {
    fn product(&self, secret: &Secret, point: Option<[u8; 32]>) -> Secret {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        self.products.get(place, secret, point)
    }
}

/// The link's resolver with a cipher that goes on and key pairs whose products are kept.
pub(super) struct GoingOn {
    inner: BoxedCryptoResolver,
    cursor: Cursor,
    seals: Seals,
}

impl GoingOn {
    /// Makes the resolver of one handshake, with the seed of its ephemeral key.
    pub(super) fn boxed(
        ephemeral: &Secret,
        products: &Products,
        seals: &Seals,
    ) -> BoxedCryptoResolver {
        let seed = Secret::from_bytes(*ephemeral.as_bytes());
        Box::new(Self {
            inner: Resolver::boxed(seed),
            cursor: Cursor {
                products: products.clone(),
                next: Arc::default(),
            },
            seals: seals.clone(),
        })
    }
}

impl CryptoResolver for GoingOn {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.inner.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        matches!(choice, DHChoice::Curve25519).then(|| {
            Box::new(KeyPair {
                secret: Secret::from_bytes([0; 32]),
                public: [0; 32],
                cursor: self.cursor.clone(),
            }) as _
        })
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

struct KeyPair {
    secret: Secret,
    public: [u8; 32],
    cursor: Cursor,
}

impl Dh for KeyPair {
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
        let secret = privkey.try_into().expect("snow checks the length");
        self.secret = Secret::from_bytes(secret);
        self.public = *self.cursor.product(&self.secret, None).as_bytes();
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        let mut secret = Zeroizing::new([0; 32]);
        rng.try_fill_bytes(secret.as_mut_slice())?;
        self.set(secret.as_slice());
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        self.secret.as_bytes()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let point = pubkey.first_chunk().ok_or(Error::Dh)?;
        let product = self.cursor.product(&self.secret, Some(*point));
        *out.first_chunk_mut().ok_or(Error::Dh)? = *product.as_bytes();
        Ok(())
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
