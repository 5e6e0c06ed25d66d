//! One step from a generation to the next: X25519 and ML-KEM-768, mixed with the old root
//! (docs/protocol.md §8.6).

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::pieces::Outgoing;
use crate::{
    bytes::Reader,
    kdf::{self, Secret},
    kem::{self, CIPHERTEXT_BYTES, DecapsulationKey, PUBLIC_BYTES},
};

/// What later versions may say about themselves; hashed, and ignored by this one.
const FEATURES: [u8; 4] = [0; 4];
const CHECK_BYTES: usize = 16;
/// Bytes of an offer: X25519 key, ML-KEM key, features, and the start of their hash, which tells
/// a whole offer from the pieces of two.
pub(super) const OFFER_BYTES: usize = 32 + PUBLIC_BYTES + FEATURES.len() + CHECK_BYTES;
/// Bytes of an answer: X25519 key, ciphertext, features, and what shows that its sender has the
/// next generation's secret.
pub(super) const ANSWER_BYTES: usize = 32 + CIPHERTEXT_BYTES + FEATURES.len() + CHECK_BYTES;

/// The generation that is being asked for.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    /// `RK_g`.
    pub(super) root: &'a Secret,
    /// g + 1.
    pub(super) generation: u32,
}

impl Step<'_> {
    /// Derives `S_{g+1}`.
    pub(super) fn secret(
        self,
        dh: &[u8; 32],
        shared: &Secret,
        offer: &[u8; 32],
        answer: &[u8; 32],
    ) -> Secret {
        let mut material = Zeroizing::new([0; 96]);
        let parts = [self.root.as_bytes(), dh, shared.as_bytes()];
        for (to, from) in material.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        let generation = self.generation.to_le_bytes();
        kdf::derive(
            "ratchet",
            material.as_slice(),
            &[&generation, offer, answer],
        )
    }
}

/// Returns the hash of an offer or answer, without its check.
fn hash(label: &str, key: &[u8; 32], kem: &[u8], features: [u8; 4]) -> [u8; 32] {
    kdf::hash(label, &[key, kem, &features])
}

/// What shows that one has `S_{g+1}`.
fn confirmation(secret: &Secret) -> [u8; CHECK_BYTES] {
    kdf::truncate(kdf::derive("confirm", secret.as_bytes(), &[]).as_bytes())
}

fn diffie_hellman(secret: &Secret, public: &[u8; 32]) -> Option<SharedSecret> {
    let secret = StaticSecret::from(*secret.as_bytes());
    let shared = secret.diffie_hellman(&PublicKey::from(*public));
    shared.was_contributory().then_some(shared)
}

fn public(secret: &Secret) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret.as_bytes())).to_bytes()
}

/// The asker's side: the seeds of an offer, stored before any of it leaves.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) x25519: Secret,
    pub(super) kem: [Secret; 2],
    pub(super) outgoing: Outgoing,
    /// The offer that follows from the seeds.
    #[serde(skip)]
    pub(super) offer: Vec<u8>,
}

impl Asked {
    pub(super) fn new(rng: &mut impl CryptoRng) -> Self {
        let mut asked = Self {
            x25519: Secret::random(rng),
            kem: [Secret::random(rng), Secret::random(rng)],
            outgoing: Outgoing::default(),
            offer: Vec::new(),
        };
        asked.restore();
        asked
    }

    /// Makes the offer again after a load.
    pub(super) fn restore(&mut self) {
        let (key, kem) = (public(&self.x25519), self.kem_key().public());
        let check = kdf::truncate(&hash("offer", &key, &kem, FEATURES));
        self.offer = [&key[..], &kem, &FEATURES, &check].concat();
    }

    /// Returns the offer and which of its pieces went out.
    pub(super) fn outgoing(&mut self) -> (&[u8], &mut Outgoing) {
        (&self.offer, &mut self.outgoing)
    }

    pub(super) fn kem_key(&self) -> DecapsulationKey {
        let mut seed = Zeroizing::new([0; kem::SECRET_SEED_BYTES]);
        let halves = self.kem.iter().flat_map(Secret::as_bytes);
        for (to, from) in seed.iter_mut().zip(halves) {
            *to = *from;
        }
        DecapsulationKey::from_seed(&seed)
    }

    /// Takes a whole answer; `None` if it answers another offer.
    pub(super) fn finish(&self, step: Step<'_>, answer: &[u8]) -> Option<Secret> {
        let (offer, _) = offer_hash(&self.offer)?;
        let mut reader = Reader::new(answer);
        let key = reader.array::<32>().ok()?;
        let ciphertext = reader.array::<CIPHERTEXT_BYTES>().ok()?;
        let features = reader.array::<4>().ok()?;
        let confirmed = reader.array::<CHECK_BYTES>().ok()?;
        let dh = diffie_hellman(&self.x25519, &key)?;
        let shared = self.kem_key().decapsulate(&ciphertext);
        let answer = hash("answer", &key, &ciphertext, features);
        let secret = step.secret(dh.as_bytes(), &shared, &offer, &answer);
        let fits: bool = confirmation(&secret).ct_eq(&confirmed).into();
        fits.then_some(secret)
    }
}

/// An offer's two keys.
struct Offer {
    key: [u8; 32],
    kem: [u8; PUBLIC_BYTES],
}

/// Reads an offer and its hash; `None` if these are pieces of two.
fn offer_hash(offer: &[u8]) -> Option<([u8; 32], Offer)> {
    let mut reader = Reader::new(offer);
    let key = reader.array().ok()?;
    let kem = reader.array().ok()?;
    let features = reader.array().ok()?;
    let check = reader.array::<CHECK_BYTES>().ok()?;
    let hash = hash("offer", &key, &kem, features);
    (kdf::truncate(&hash) == check).then_some((hash, Offer { key, kem }))
}

/// What an answerer makes of an offer.
pub(super) struct Answered {
    /// The answer's bytes.
    pub(super) answer: Vec<u8>,
    /// `S_{g+1}`.
    pub(super) secret: Secret,
    /// The offer's hash.
    pub(super) offer: [u8; 32],
}

/// Answers a whole offer with fresh secrets, which are erased; `None` if it is none, or the one
/// that was `answered` before.
pub(super) fn answer(
    step: Step<'_>,
    offer: &[u8],
    answered: Option<&[u8; 32]>,
    rng: &mut impl CryptoRng,
) -> Option<Answered> {
    let (offer_hash, offer) = offer_hash(offer)?;
    if answered == Some(&offer_hash) {
        return None;
    }
    let own = Secret::random(rng);
    let key = public(&own);
    let dh = diffie_hellman(&own, &offer.key)?;
    let (ciphertext, shared) = kem::encapsulate(&offer.kem, Secret::random(rng).as_bytes())?;
    let answer_hash = hash("answer", &key, &ciphertext, FEATURES);
    let secret = step.secret(dh.as_bytes(), &shared, &offer_hash, &answer_hash);
    Some(Answered {
        answer: [&key[..], &ciphertext, &FEATURES, &confirmation(&secret)].concat(),
        secret,
        offer: offer_hash,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        Asked, CIPHERTEXT_BYTES, FEATURES, Secret, Step, answer, confirmation, hash, kdf, kem,
    };
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    /// Whoever reads a device knows all that is stored, the root among it: what heals is what is
    /// drawn afterwards, on both sides, in both halves.
    #[test]
    fn what_heals_is_drawn_anew() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let offers = [(); 2].map(|()| Asked::new(&mut rng).offer);
        let root = Secret::from_bytes([1; 32]);
        let step = Step {
            root: &root,
            generation: 1,
        };
        let answers = [(); 2].map(|()| answer(step, &offers[0], None, &mut rng).unwrap().answer);
        for [one, other] in [offers, answers] {
            assert_ne!(one[..32], other[..32], "X25519");
            assert_ne!(
                one[32..32 + CIPHERTEXT_BYTES],
                other[32..32 + CIPHERTEXT_BYTES],
                "ML-KEM"
            );
        }
    }

    /// With a key of low order one half would be zeros, whatever the other side drew.
    #[test]
    fn keys_of_low_order_are_refused() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let asked = Asked::new(&mut rng);
        let (root, public) = (Secret::from_bytes([1; 32]), asked.kem_key().public());
        let step = Step {
            root: &root,
            generation: 1,
        };
        let mut one = [0; 32];
        one[0] = 1;
        for weak in [[0; 32], one] {
            let check = kdf::truncate(&hash("offer", &weak, &public, FEATURES));
            let offer = [&weak[..], &public, &FEATURES, &check].concat();
            assert!(answer(step, &offer, None, &mut rng).is_none());
            let (ciphertext, shared) = kem::encapsulate(&public, &[2; 32]).unwrap();
            let ciphertext: [u8; CIPHERTEXT_BYTES] = ciphertext;
            let (offer, _) = super::offer_hash(&asked.offer).unwrap();
            let hash = hash("answer", &weak, &ciphertext, FEATURES);
            let confirmed = confirmation(&step.secret(&[0; 32], &shared, &offer, &hash));
            let answer = [&weak[..], &ciphertext, &FEATURES, &confirmed].concat();
            assert!(asked.finish(step, &answer).is_none());
        }
    }
}
