use base64ct::{Base64UrlUnpadded, Encoding as _};
use blake2::{Blake2s256, Digest as _};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, aead::Aead as _};
use hkdf::SimpleHkdf;
use proptest::prelude::*;
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};
use snow::{
    Builder,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{BoxedCryptoResolver, CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};
use x25519_dalek::{PublicKey, StaticSecret};

use super::{
    ANSWER_BYTES, Accepted, AnswerSeeds, HELLO_BYTES, HelloSeeds, Initiator, NoiseError, PATTERN,
    Resolver, SEAL_BYTES, Transport, Zeroizing, accept, accept_from_seeds, prologue,
};
use crate::{
    identity::{SecretKey, ServerKey},
    kdf::{self, Secret},
    kem::{self, DecapsulationKey},
    party::PartyId,
};

const DEPLOYMENT: [u8; 32] = [4; 32];
const PARTY: PartyId = PartyId::P1;

fn client_key() -> SecretKey {
    SecretKey::from_bytes([1; 32])
}

fn server_key() -> SecretKey {
    SecretKey::from_bytes([2; 32])
}

/// Starts a link whose seeds are known.
fn greet() -> (Initiator, Vec<u8>) {
    let seeds = HelloSeeds {
        ephemeral: Secret::from_bytes([11; 32]),
        one_time: Zeroizing::new([12; 64]),
    };
    let server = server_key().server_key();
    Initiator::from_seeds(&DEPLOYMENT, PARTY, &client_key(), &server, seeds)
}

/// Answers with seeds that are known.
fn answer(hello: &[u8]) -> Result<Accepted, NoiseError> {
    let seeds = AnswerSeeds {
        ephemeral: Secret::from_bytes([13; 32]),
        encapsulation: Secret::from_bytes([14; 32]),
    };
    accept_from_seeds(&DEPLOYMENT, PARTY, &server_key(), hello, seeds)
}

fn link() -> (Transport, Transport) {
    let (initiator, hello) = greet();
    let accepted = answer(&hello).unwrap();
    let client = initiator.finish(&accepted.answer).unwrap();
    (client, accepted.transport)
}

fn digest(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&Blake2s256::digest(bytes))
}

#[test]
fn frames_travel_both_ways_once_and_in_order() {
    let (mut client, mut server) = link();
    let first = client.seal(b"first").unwrap();
    let second = client.seal(b"second").unwrap();
    assert_eq!(first.len(), 5 + SEAL_BYTES);
    assert_eq!(server.open(&first).unwrap(), b"first");
    assert_eq!(server.open(&first), Err(NoiseError::Open));
    assert_eq!(server.open(&second).unwrap(), b"second");
    let back = server.seal(b"back").unwrap();
    assert_eq!(client.open(&back).unwrap(), b"back");
    assert_eq!(client.open(&[0; 15]), Err(NoiseError::Open));
    assert_eq!(client.seal(&vec![0; 65_520]), Err(NoiseError::TooLong));
}

#[test]
fn bytes_are_frozen() {
    let (initiator, hello) = greet();
    let accepted = answer(&hello).unwrap();
    assert_eq!(accepted.client, client_key().client_key());
    let frame = initiator
        .finish(&accepted.answer)
        .unwrap()
        .seal(b"frame")
        .unwrap();
    assert_eq!((hello.len(), accepted.answer.len()), (1280, 1136));
    assert_eq!(
        [hello, accepted.answer, frame].map(|bytes| digest(&bytes)),
        [
            "TCp_BmFDOrMYjJLE945RURru5rRJz4cg8B7yPXKFvSQ",
            "5k-pVsvw92Se6iVXiBbyMgsFZCEv1GMRxYN1oo7o88k",
            "MsIxHd_LCDo8piMpMldMNXS13e-FYDVQhcUaxd1x9cQ",
        ]
    );
}

#[test]
fn another_party_deployment_or_key_does_not_answer() {
    let (initiator, hello) = greet();
    let mut rng = ChaCha12Rng::seed_from_u64(6);
    let mut refused = |deployment: [u8; 32], party, key: &SecretKey| {
        let accepted = accept(&deployment, party, key, &hello, &mut rng);
        accepted.map(drop).unwrap_err()
    };
    let failed = NoiseError::Handshake;
    assert_eq!(refused(DEPLOYMENT, PartyId::P2, &server_key()), failed);
    assert_eq!(refused([5; 32], PARTY, &server_key()), failed);
    assert_eq!(refused(DEPLOYMENT, PARTY, &client_key()), failed);
    assert_eq!(
        initiator.finish(&[0; ANSWER_BYTES]).map(drop),
        Err(NoiseError::Handshake)
    );
}

#[test]
fn other_lengths_are_refused() {
    let (_, hello) = greet();
    let accepted = answer(&hello).unwrap();
    for cut in [0, 48, 96, HELLO_BYTES - 1] {
        let expected = HELLO_BYTES;
        assert_eq!(
            answer(&hello[..cut]).map(drop),
            Err(NoiseError::Length { expected, got: cut })
        );
    }
    for got in [0, 48, ANSWER_BYTES - 1, ANSWER_BYTES + 1] {
        let mut other = accepted.answer.clone();
        other.resize(got, 0);
        let expected = ANSWER_BYTES;
        assert_eq!(
            greet().0.finish(&other).map(drop),
            Err(NoiseError::Length { expected, got })
        );
    }
}

#[test]
fn every_part_of_both_messages_counts() {
    let (_, hello) = greet();
    let accepted = answer(&hello).unwrap();
    for at in (0..HELLO_BYTES).step_by(5) {
        let mut other = hello.clone();
        other[at] ^= 0x80;
        assert_eq!(
            answer(&other).map(drop),
            Err(NoiseError::Handshake),
            "byte {at} of the hello"
        );
    }
    for at in (0..ANSWER_BYTES).step_by(5) {
        let mut other = accepted.answer.clone();
        other[at] ^= 0x80;
        assert_eq!(
            greet().0.finish(&other).map(drop),
            Err(NoiseError::Handshake),
            "byte {at} of the answer"
        );
    }
}

/// Neither half of one answer goes with the other half of another to the same hello.
#[test]
fn ciphertext_and_message_belong_together() {
    let (_, hello) = greet();
    let mut rng = ChaCha12Rng::seed_from_u64(8);
    let mut another = || {
        let accepted = accept(&DEPLOYMENT, PARTY, &server_key(), &hello, &mut rng);
        accepted.unwrap().answer
    };
    let (one, two) = (another(), another());
    let (ciphertext, _) = one.split_at(kem::CIPHERTEXT_BYTES);
    let (_, message) = two.split_at(kem::CIPHERTEXT_BYTES);
    let mixed = [ciphertext, message].concat();
    assert_eq!(
        greet().0.finish(&mixed).map(drop),
        Err(NoiseError::Handshake)
    );
}

/// A hello that was recorded is answered, but by other keys each time: what the client sent
/// after it the first time does not open, and the client itself can't read what comes.
#[test]
fn a_replayed_hello_opens_nothing() {
    let (initiator, hello) = greet();
    let mut rng = ChaCha12Rng::seed_from_u64(9);
    let mut accepted = || accept(&DEPLOYMENT, PARTY, &server_key(), &hello, &mut rng).unwrap();
    let (first, mut replayed) = (accepted(), accepted());
    let mut client = initiator.finish(&first.answer).unwrap();
    let ready = client.seal(b"ready").unwrap();
    assert_eq!(replayed.transport.open(&ready), Err(NoiseError::Open));
    let welcome = replayed.transport.seal(b"welcome").unwrap();
    assert_eq!(client.open(&welcome), Err(NoiseError::Open));
}

#[test]
fn fresh_links_have_fresh_hellos() {
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let server = server_key().server_key();
    let mut hello = || Initiator::new(&DEPLOYMENT, PARTY, &client_key(), &server, &mut rng);
    let ((first, one), (second, two)) = (hello(), hello());
    for part in [0..32, 32..80, 80..HELLO_BYTES] {
        assert_ne!(one[part.clone()], two[part]);
    }
    // What is sealed in the last part, which differs for its key alone.
    assert_ne!(first.one_time.public(), second.one_time.public());
    let mut answer = |hello| {
        let accepted = accept(&DEPLOYMENT, PARTY, &server_key(), hello, &mut rng);
        accepted.unwrap().answer
    };
    let (once, again) = (answer(&one), answer(&one));
    let (ciphertext, message) = (0..kem::CIPHERTEXT_BYTES, kem::CIPHERTEXT_BYTES..);
    assert_ne!(once[ciphertext.clone()], again[ciphertext]);
    assert_ne!(once[message.clone()], again[message]);
}

/// Makes a hello as a client that follows no rules might.
fn forged(resolver: BoxedCryptoResolver, one_time: &[u8; kem::PUBLIC_BYTES]) -> Vec<u8> {
    let (server, prologue) = (server_key().server_key(), prologue(&DEPLOYMENT, PARTY));
    let mut state = Builder::with_resolver(PATTERN.parse().unwrap(), resolver)
        .prologue(&prologue)
        .and_then(|builder| builder.local_private_key(&[1; 32]))
        .and_then(|builder| builder.remote_public_key(server.as_bytes()))
        .and_then(Builder::build_initiator)
        .unwrap();
    let mut hello = vec![0; HELLO_BYTES];
    state.write_message(one_time, &mut hello).unwrap();
    hello
}

#[test]
fn a_one_time_key_that_is_none_is_refused() {
    let resolver = Resolver::boxed(Secret::from_bytes([11; 32]));
    let hello = forged(resolver, &[0xff; kem::PUBLIC_BYTES]);
    assert_eq!(answer(&hello).map(drop), Err(NoiseError::OneTimeKey));
}

/// A point of low order has no owner: every exchange with it gives zeros, so anyone could pose
/// as the client of that key.
#[test]
fn a_client_key_without_an_owner_is_refused() {
    let one_time = DecapsulationKey::from_seed(&[12; 64]).public();
    let hello = forged(Box::new(Ownerless), &one_time);
    assert_eq!(answer(&hello).map(drop), Err(NoiseError::Identity));
}

struct Ownerless;

impl CryptoResolver for Ownerless {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Resolver::boxed(Secret::from_bytes([11; 32])).resolve_rng()
    }

    fn resolve_dh(&self, _choice: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(Self))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

impl Dh for Ownerless {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, _privkey: &[u8]) {}

    fn generate(&mut self, _rng: &mut dyn Random) -> Result<(), snow::Error> {
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &[0; 32]
    }

    fn privkey(&self) -> &[u8] {
        &[0; 32]
    }

    fn dh(&self, _pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        out[..32].fill(0);
        Ok(())
    }
}

/// What somebody who records a link has, or comes to have later.
#[derive(Clone)]
struct Observer {
    /// es, ss, ee, se: all that X25519 gives the two ends.
    x25519: [[u8; 32]; 4],
    /// What ML-KEM gives them.
    shared: Secret,
}

impl Observer {
    /// Everything, as the seeds of [`greet`] and [`answer`] give it.
    fn all_knowing() -> Self {
        let secret = |bytes: [u8; 32]| StaticSecret::from(bytes);
        let dh = |own: [u8; 32], other: [u8; 32]| {
            let other = PublicKey::from(&secret(other));
            secret(own).diffie_hellman(&other).to_bytes()
        };
        let (client, server) = ([1; 32], [2; 32]);
        let (hello, answer) = ([11; 32], [13; 32]);
        let one_time = DecapsulationKey::from_seed(&[12; 64]).public();
        let (_, shared) = kem::encapsulate(&one_time, &[14; 32]).unwrap();
        Self {
            x25519: [
                dh(hello, server),
                dh(client, server),
                dh(hello, answer),
                dh(client, answer),
            ],
            shared,
        }
    }

    /// Derives both transport keys as Noise prescribes, from what went over the wire and what
    /// the observer has. Written from the two specifications, not with snow: the handshake's
    /// hash is left out, no key follows from it.
    fn transport_keys(&self, hello: &[u8], answer: &[u8]) -> [[u8; 32]; 2] {
        let (ciphertext, message) = answer.split_at(kem::CIPHERTEXT_BYTES);
        let one_time = DecapsulationKey::from_seed(&[12; 64]).public();
        let transcript = kdf::hash("link", &[&one_time, ciphertext]);
        let psk = kdf::derive("link", self.shared.as_bytes(), &[&transcript]);
        let [es, ss, ee, se] = &self.x25519;
        let (e1, e2) = (&hello[..32], &message[..32]);
        // The pattern's name is longer than a hash.
        let mut chaining_key = Blake2s256::digest(PATTERN.as_bytes()).into();
        for material in [e1, es, ss, e2, ee, se, psk.as_bytes()] {
            [chaining_key, _] = expand(&chaining_key, material);
        }
        expand(&chaining_key, &[])
    }

    /// Says whether the observer reads the first frame each way.
    fn reads(&self, recorded: &Recorded) -> bool {
        let keys = self.transport_keys(&recorded.hello, &recorded.answer);
        let read = keys.iter().zip(&recorded.frames).map(|(key, frame)| {
            let cipher = ChaCha20Poly1305::new(key.into());
            cipher.decrypt(&[0; 12].into(), &frame[..]).is_ok()
        });
        let read: Vec<bool> = read.collect();
        assert_eq!(read[0], read[1], "the two directions rest on the same");
        read[0]
    }
}

/// Noise's HKDF is RFC 5869's with the chaining key for salt and no info.
fn expand(chaining_key: &[u8; 32], material: &[u8]) -> [[u8; 32]; 2] {
    let mut out = [0; 64];
    SimpleHkdf::<Blake2s256>::new(Some(chaining_key), material)
        .expand(&[], &mut out)
        .unwrap();
    let (parts, _) = out.as_chunks();
    [parts[0], parts[1]]
}

/// All that goes over the wire of one link.
struct Recorded {
    hello: Vec<u8>,
    answer: Vec<u8>,
    frames: [Vec<u8>; 2],
}

fn record() -> Recorded {
    let (initiator, hello) = greet();
    let accepted = answer(&hello).unwrap();
    let (mut client, mut server) = (
        initiator.finish(&accepted.answer).unwrap(),
        accepted.transport,
    );
    Recorded {
        hello,
        answer: accepted.answer,
        frames: [
            client.seal(b"share").unwrap(),
            server.seal(b"reply").unwrap(),
        ],
    }
}

/// Whoever knows all that X25519 gave (a quantum computer; all four secret keys) reads nothing,
/// nor does who knows what ML-KEM gave and both static keys. Who knows everything reads: so the
/// test would notice if it derived the keys wrongly.
#[test]
fn either_half_alone_keeps_a_recorded_link_closed() {
    let recorded = record();
    let all = Observer::all_knowing();
    assert!(all.reads(&recorded));
    let x25519_alone = Observer {
        shared: Secret::from_bytes([0; 32]),
        ..all.clone()
    };
    assert!(!x25519_alone.reads(&recorded));
    for unknown in 0..4 {
        let mut lacking = all.clone();
        lacking.x25519[unknown] = [0; 32];
        assert!(!lacking.reads(&recorded), "without secret {unknown}");
    }
}

proptest! {
    #[test]
    fn any_first_message_is_survived(message in prop::collection::vec(any::<u8>(), 0..1400), seed: u64) {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let _ = accept(&DEPLOYMENT, PARTY, &server_key(), &message, &mut rng);
        let mut exact = message.clone();
        exact.resize(HELLO_BYTES, 7);
        prop_assert!(accept(&DEPLOYMENT, PARTY, &server_key(), &exact, &mut rng).is_err());
        let server: ServerKey = server_key().server_key();
        let (initiator, _) = Initiator::new(&DEPLOYMENT, PARTY, &client_key(), &server, &mut rng);
        prop_assert!(initiator.finish(&message).is_err());
    }
}

/// The cipher of a page and that of a server make the same bytes, and each opens what the other
/// sealed.
#[test]
fn both_ciphers_are_one() {
    let (mut portable, mut fastest) = (
        super::cipher::portable::Portable::default(),
        super::cipher::Fastest::default(),
    );
    for (counter, len) in [(0_u64, 0), (1, 1), (7, 63), (1 << 40, 900)] {
        let key = [counter.to_le_bytes()[0] ^ 0x5a; 32];
        let text: Vec<u8> = (0..len).map(|i: u32| i.to_le_bytes()[0]).collect();
        let ciphers: [&mut dyn Cipher; 2] = [&mut portable, &mut fastest];
        let sealed = ciphers.map(|cipher| {
            cipher.set(&key);
            let mut out = vec![0; text.len() + SEAL_BYTES];
            assert_eq!(cipher.encrypt(counter, b"aad", &text, &mut out), out.len());
            out
        });
        assert_eq!(sealed[0], sealed[1]);
        for cipher in [&portable as &dyn Cipher, &fastest] {
            let open = |aad: &[u8], sealed: &[u8]| {
                let mut out = vec![0; text.len()];
                let len = cipher.decrypt(counter, aad, sealed, &mut out).ok()?;
                Some((len, out))
            };
            assert_eq!(open(b"aad", &sealed[0]), Some((text.len(), text.clone())));
            assert_eq!(open(b"", &sealed[0]), None);
            let mut changed = sealed[0].clone();
            changed[0] ^= 1;
            assert_eq!(open(b"aad", &changed), None);
            assert_eq!(open(b"aad", &changed[..SEAL_BYTES - 1]), None);
        }
    }
}
