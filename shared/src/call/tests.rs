//! What opens, what does not, that messages are pure functions of their seeds, and the four
//! mistakes of earlier clients in this field (docs/protocol.md §8.8) where a call could make them.

mod cost;

use proptest::prelude::*;
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};
use snow::{
    Builder, Error,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{BoxedCryptoResolver, CryptoResolver},
    types::{Cipher, Dh, Hash, Random},
};

use super::{
    Answer, AnswerSeed, Answered, CallKind, CallPayload, CallSecret, Device, IdleCall,
    MESSAGE_BYTES, MeetingSeed, Place, Places, Received, ResumeId, Validity, answer, meeting_tags,
    message::{ANSWER_BYTES, Caller},
    open,
    payload::PAYLOAD_BYTES,
    read_answer, seal, seal_to_nobody,
};
use crate::{
    identity::{ClientKey, Name, SecretKey},
    kdf::Secret,
    manifest::Realm,
    noise::Resolver,
    program::RoundId,
    session::Lane,
};

const ROW_BYTES: usize = 256;
const REALM: Realm = Realm {
    deployment: [9; 32],
    island: 1,
};
const PLACES: u32 = 0x8001_0f30;

fn place(number: u8) -> Place {
    Place::new(number).unwrap()
}

struct Parties {
    caller: SecretKey,
    callee: SecretKey,
    call: CallSecret,
    payload: CallPayload,
    seed: AnswerSeed,
    rng: ChaCha12Rng,
}

impl Parties {
    fn new() -> Self {
        let call = CallSecret(Secret::from_bytes([3; 32]));
        Self {
            caller: SecretKey::from_bytes([1; 32]),
            callee: SecretKey::from_bytes([2; 32]),
            payload: CallPayload {
                kind: CallKind::Call,
                validity: Validity::Stands,
                name: Name::new("Ada").unwrap(),
                seed: call.meeting_seed(),
                resume: ResumeId::of(&resume()),
                until: RoundId(77),
                places: Places::new(PLACES).unwrap(),
            },
            call,
            seed: AnswerSeed(Secret::from_bytes([4; 32])),
            rng: ChaCha12Rng::seed_from_u64(1),
        }
    }

    fn seal(&self) -> [u8; MESSAGE_BYTES] {
        let callee = self.callee.client_key();
        seal(&self.caller, &REALM, &callee, &self.call, &self.payload)
    }

    /// Message 1 with any payload.
    fn seal_bytes(&self, payload: &[u8; PAYLOAD_BYTES]) -> [u8; MESSAGE_BYTES] {
        let callee = self.callee.client_key();
        Caller::new(&self.caller, &REALM, callee.as_bytes(), &self.call, payload).message
    }

    fn open(&self, message: &[u8]) -> Option<Received> {
        open(&self.callee, &REALM, message)
    }

    fn answer(&self, resume: Option<&Secret>) -> Answer {
        answer(
            &self.callee,
            &REALM,
            &self.seal(),
            resume,
            place(4),
            &self.seed,
            ROW_BYTES,
        )
        .unwrap()
    }

    fn read(&self, resume: Option<&Secret>, row: &[u8]) -> Option<Answered> {
        read_answer(
            &self.caller,
            &REALM,
            &self.callee.client_key(),
            &self.call,
            &self.payload,
            resume,
            row,
        )
    }
}

fn resume() -> Secret {
    Secret::from_bytes([7; 32])
}

#[test]
fn a_call_arrives_whole() {
    let parties = Parties::new();
    let message = parties.seal();
    let received = parties.open(&message).unwrap();
    assert_eq!(received.caller, parties.caller.client_key());
    assert!(received.payload == parties.payload);
    assert_eq!(received.message, message);
    for (kind, validity) in [
        (CallKind::Ring, Validity::Stands),
        (CallKind::Call, Validity::Withdrawn),
        (CallKind::Ring, Validity::Withdrawn),
    ] {
        let mut parties = Parties::new();
        parties.payload.kind = kind;
        parties.payload.validity = validity;
        parties.payload.name = Name::new(&"x".repeat(64)).unwrap();
        let received = parties.open(&parties.seal()).unwrap();
        assert!(received.payload == parties.payload);
    }
}

#[test]
fn both_sides_agree_with_and_without_the_resume_secret() {
    let parties = Parties::new();
    for (has, given, device) in [
        (Some(resume()), Some(resume()), Some(Device::Same)),
        (None, Some(resume()), Some(Device::New)),
        (None, None, Some(Device::New)),
        (Some(resume()), None, None),
        (Some(Secret::from_bytes([8; 32])), Some(resume()), None),
    ] {
        let answer = parties.answer(has.as_ref());
        let answered = parties.read(given.as_ref(), &answer.row);
        assert_eq!(answered.as_ref().map(|answered| answered.device), device);
        if let Some(answered) = answered {
            assert_eq!(answered.secret.as_bytes(), answer.secret.as_bytes());
            assert_eq!(answered.place, place(4));
        }
    }
}

/// An answer of nobody's, under the secret that stands in for a missing one, opens nothing.
#[test]
fn no_answer_opens_under_the_stand_in() {
    let parties = Parties::new();
    let stand_in = crate::kdf::derive("no resume", parties.call.0.as_bytes(), &[]);
    let answer = parties.answer(Some(&stand_in));
    assert!(parties.read(None, &answer.row).is_none());
}

#[test]
fn the_same_bytes_every_time() {
    let mut parties = Parties::new();
    assert_eq!(parties.seal(), parties.seal());
    let answer = parties.answer(None);
    assert_eq!(answer.row, parties.answer(None).row);
    assert_eq!(answer.row.len(), ROW_BYTES);
    let to_nobody = seal_to_nobody(&parties.caller, &REALM, &mut parties.rng);
    assert_ne!(
        to_nobody,
        seal_to_nobody(&parties.caller, &REALM, &mut parties.rng)
    );
    assert!(parties.open(&to_nobody).is_none());
}

/// Under one ephemeral key two payloads would share a keystream, and two prologues or callees a
/// Poly1305 key (docs/models: dial, island).
#[test]
fn whatever_differs_has_another_ephemeral_key() {
    let ephemeral = |message: &[u8]| *message.first_chunk::<32>().unwrap();
    let parties = Parties::new();
    let mut seen = vec![ephemeral(&parties.seal())];
    let mut withdrawn = Parties::new();
    withdrawn.payload.validity = Validity::Withdrawn;
    seen.push(ephemeral(&withdrawn.seal()));
    let mut other = Parties::new();
    other.callee = SecretKey::from_bytes([5; 32]);
    seen.push(ephemeral(&other.seal()));
    for realm in [
        Realm { island: 2, ..REALM },
        Realm {
            deployment: [8; 32],
            ..REALM
        },
    ] {
        let callee = parties.callee.client_key();
        let message = seal(
            &parties.caller,
            &realm,
            &callee,
            &parties.call,
            &parties.payload,
        );
        seen.push(ephemeral(&message));
        assert!(parties.open(&message).is_none());
    }
    seen.push(ephemeral(&parties.answer(None).row));
    let again = Parties::new();
    let elsewhere = answer(
        &again.callee,
        &REALM,
        &again.seal(),
        None,
        place(5),
        &again.seed,
        ROW_BYTES,
    );
    seen.push(ephemeral(&elsewhere.unwrap().row));
    let of_another = answer(
        &again.callee,
        &REALM,
        &withdrawn.seal(),
        None,
        place(4),
        &again.seed,
        ROW_BYTES,
    );
    seen.push(ephemeral(&of_another.unwrap().row));
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len());
}

#[test]
fn nothing_changed_opens() {
    let mut parties = Parties::new();
    let message = parties.seal();
    for at in 0..message.len() {
        let mut changed = message;
        changed[at] ^= 1;
        assert!(parties.open(&changed).is_none(), "byte {at} of message 1");
    }
    let answer = parties.answer(Some(&resume()));
    for at in 0..ANSWER_BYTES {
        let mut row = answer.row.clone();
        row[at] ^= 1;
        let read = parties.read(Some(&resume()), &row);
        assert!(read.is_none(), "byte {at} of message 2");
    }
    let mut garbage = [0; ROW_BYTES];
    for _ in 0..20 {
        parties.rng.fill_bytes(&mut garbage);
        assert!(parties.open(&garbage[..MESSAGE_BYTES]).is_none());
        assert!(parties.read(Some(&resume()), &garbage).is_none());
    }
    for length in [0, 48, 199, 201] {
        assert!(parties.open(&vec![1; length]).is_none());
        let short = &answer.row[..length.min(ANSWER_BYTES - 1)];
        assert!(parties.read(Some(&resume()), short).is_none());
    }
}

#[test]
fn payloads_are_strict() {
    let parties = Parties::new();
    let good = parties.payload.to_bytes();
    assert!(parties.open(&parties.seal_bytes(&good)).is_some());
    let masks = [0_u32, 0xff_ff, 0x7f, 0x1ff, u32::MAX];
    let changes = [
        (0, vec![1]),
        (0, vec![3]),
        (1, vec![4]),
        (1, vec![0x80]),
        (2, vec![0]),
        (2, vec![65]),
        (2, vec![4]),
        (2, vec![2]),
        (3, vec![b' ']),
        (3, vec![0xff]),
        (3, vec![7]),
        (66, vec![1]),
        (103, vec![1]),
    ];
    let masks = masks.map(|mask| (99, mask.to_le_bytes().to_vec()));
    for (at, bytes) in changes.into_iter().chain(masks) {
        let mut payload = good;
        payload[at..at + bytes.len()].copy_from_slice(&bytes);
        let message = parties.seal_bytes(&payload);
        assert!(parties.open(&message).is_none(), "{bytes:?} at {at}");
    }
}

#[test]
fn a_place_that_was_not_offered_is_no_answer() {
    let parties = Parties::new();
    let elsewhere = answer(
        &parties.callee,
        &REALM,
        &parties.seal(),
        None,
        place(3),
        &parties.seed,
        ROW_BYTES,
    );
    assert!(parties.read(None, &elsewhere.unwrap().row).is_none());
}

#[test]
fn nobody_calls_in_ones_own_name() {
    let mut parties = Parties::new();
    parties.caller = parties.callee.clone();
    assert!(parties.open(&parties.seal()).is_none());
}

/// A caller's cipher suite whose static key is a given point and whose secrets with it are zero:
/// what an attacker uses who poses as a key of low order.
struct WeakStatic(BoxedCryptoResolver, [u8; 32]);

struct WeakDh(Box<dyn Dh>, [u8; 32], bool);

const MARK: [u8; 32] = [0xee; 32];

impl Dh for WeakDh {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn pub_len(&self) -> usize {
        32
    }
    fn priv_len(&self) -> usize {
        32
    }
    fn set(&mut self, privkey: &[u8]) {
        self.2 = privkey == MARK;
        self.0.set(privkey);
    }
    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), Error> {
        self.0.generate(rng)
    }
    fn pubkey(&self) -> &[u8] {
        if self.2 { &self.1 } else { self.0.pubkey() }
    }
    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }
    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if self.2 {
            out[..32].fill(0);
            Ok(())
        } else {
            self.0.dh(pubkey, out)
        }
    }
}

impl CryptoResolver for WeakStatic {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.0.resolve_rng()
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(WeakDh(self.0.resolve_dh(choice)?, self.1, false)))
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.0.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        self.0.resolve_cipher(choice)
    }
}

/// Without the callee's check anybody could call under a key of low order: every seal fits.
#[test]
fn a_static_key_of_low_order_is_refused() {
    let parties = Parties::new();
    let mut one = [0; 32];
    one[0] = 1;
    let mut zero_again = [0xff; 32];
    zero_again[0] = 0xed;
    zero_again[31] = 0x7f;
    let prologue = [&b"mcmix.v2 call"[..], &REALM.to_bytes()].concat();
    let callee = parties.callee.client_key();
    for point in [[0; 32], one, zero_again] {
        let resolver = || {
            let inner = Resolver::boxed(Secret::from_bytes([6; 32]));
            Box::new(WeakStatic(inner, point))
        };
        let pattern = || "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s".parse().unwrap();
        let mut weak = Builder::with_resolver(pattern(), resolver())
            .prologue(&prologue)
            .and_then(|builder| builder.local_private_key(&MARK))
            .and_then(|builder| builder.remote_public_key(callee.as_bytes()))
            .and_then(Builder::build_initiator)
            .unwrap();
        let mut message = [0; MESSAGE_BYTES];
        weak.write_message(&parties.payload.to_bytes(), &mut message)
            .unwrap();
        let inner = Resolver::boxed(Secret::from_bytes([0; 32]));
        let mut plain = Builder::with_resolver(pattern(), inner)
            .prologue(&prologue)
            .and_then(|builder| builder.local_private_key(parties.callee.as_bytes()))
            .and_then(Builder::build_responder)
            .unwrap();
        let read = plain.read_message(&message, &mut [0; PAYLOAD_BYTES]);
        assert!(read.is_ok(), "the seals fit: only the check refuses it");
        assert!(parties.open(&message).is_none());
    }
}

/// Behind message 2 stands what can't be told from the rest of a sealed row.
#[test]
fn what_fills_the_row_of_an_answer_is_noise() {
    let fill = |seed| {
        let mut parties = Parties::new();
        parties.seed = AnswerSeed(Secret::from_bytes([seed; 32]));
        parties.answer(None).row.split_off(ANSWER_BYTES)
    };
    let ones = |bytes: &[u8]| bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
    let (one, other) = (fill(5), fill(6));
    let between: Vec<_> = one.iter().zip(&other).map(|(a, b)| a ^ b).collect();
    let bits = 8 * u32::try_from(one.len()).unwrap();
    for bytes in [one, other, between] {
        // Six deviations of a fair coin's, and more.
        assert!(ones(&bytes).abs_diff(bits / 2) < bits / 12, "{bytes:?}");
    }
}

/// An answer opens for its caller, its callee and its call, and for no others.
#[test]
fn answers_are_bound_to_both_people_and_the_call() {
    let parties = Parties::new();
    let row = parties.answer(None).row;
    assert!(parties.read(None, &row).is_some());
    let mut other = Parties::new();
    other.call = CallSecret(Secret::from_bytes([5; 32]));
    assert!(other.read(None, &row).is_none(), "another call");
    let mut other = Parties::new();
    other.callee = SecretKey::from_bytes([5; 32]);
    assert!(other.read(None, &row).is_none(), "another callee");
    let mut other = Parties::new();
    other.caller = SecretKey::from_bytes([5; 32]);
    assert!(other.read(None, &row).is_none(), "another caller");
    let mut other = Parties::new();
    other.payload.validity = Validity::Withdrawn;
    assert!(other.read(None, &row).is_none(), "another payload");
}

/// Mistake 2, the raw Diffie-Hellman output as a key: `S_0` is none, and another in every call.
#[test]
fn the_pairs_secret_is_no_raw_diffie_hellman() {
    let parties = Parties::new();
    let secret = parties.answer(None).secret;
    let shared = x25519_dalek::x25519(
        *parties.caller.as_bytes(),
        *parties.callee.client_key().as_bytes(),
    );
    assert_ne!(secret.as_bytes(), &shared);
    let mut again = Parties::new();
    again.seed = AnswerSeed(Secret::from_bytes([5; 32]));
    assert_ne!(again.answer(None).secret.as_bytes(), secret.as_bytes());
}

#[test]
fn meeting_tags_are_both_sides_and_of_one_direction_and_realm() {
    let parties = Parties::new();
    let (a, b) = (parties.caller.client_key(), parties.callee.client_key());
    let seed = &parties.payload.seed;
    let tag = |realm: Realm, seed: &MeetingSeed, caller: &ClientKey, callee: &ClientKey| {
        let tags = meeting_tags(&realm, seed, caller, callee);
        tags.tag(RoundId(5), Lane::Text).unwrap().0
    };
    let other = SecretKey::from_bytes([5; 32]).client_key();
    let tags = [
        tag(REALM, seed, &a, &b),
        tag(REALM, seed, &b, &a),
        tag(REALM, seed, &a, &other),
        tag(Realm { island: 2, ..REALM }, seed, &a, &b),
        tag(REALM, &MeetingSeed::from_bytes([5; 16]), &a, &b),
    ];
    let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
    assert_eq!(distinct.len(), tags.len());
}

#[test]
fn an_idle_call_does_the_whole_work() {
    let mut parties = Parties::new();
    let idle = IdleCall::new(&mut parties.rng);
    idle.read_answer(&parties.callee, &REALM, &[1; ROW_BYTES]);
}

#[test]
fn places_and_turns() {
    assert!(Place::new(31).is_some() && Place::new(32).is_none());
    for mask in [0, 0x7f, 0x1ff, u32::MAX] {
        assert!(Places::new(mask).is_none());
    }
    let places = Places::new(PLACES).unwrap();
    let numbers: Vec<_> = places.iter().map(Place::code).collect();
    assert_eq!(numbers, [4, 5, 8, 9, 10, 11, 16, 31]);
    for quick_rounds in [8, 16, 32] {
        for number in 0..32 {
            let due = (0..64).filter(|turn| place(number).is_due(quick_rounds, *turn));
            let rounds = usize::from(quick_rounds);
            let expected: Vec<u64> = (0..64)
                .skip(usize::from(number) % rounds)
                .step_by(rounds)
                .collect();
            assert_eq!(due.collect::<Vec<_>>(), expected);
        }
    }
    assert!(!place(1).is_due(0, 1), "no manifest says 0");
}

#[test]
fn debug_hides_secrets() {
    let parties = Parties::new();
    let received = parties.open(&parties.seal()).unwrap();
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?}",
        parties.call,
        parties.seed,
        received.payload,
        received.payload.seed,
        parties.answer(None),
    );
    assert_eq!(
        shown,
        "CallSecret(Secret(..)) AnswerSeed(Secret(..)) CallPayload(..) MeetingSeed(..) Answer(..)"
    );
    assert!(!format!("{received:?}").contains("Ada"));
}

/// Frozen: another derivation is another protocol.
#[test]
fn bytes_are_frozen() {
    let parties = Parties::new();
    let answer = parties.answer(Some(&resume()));
    let hash = crate::kdf::hash(
        "test",
        &[&parties.seal(), &answer.row, answer.secret.as_bytes()],
    );
    let first = u64::from_be_bytes(*hash.first_chunk().unwrap());
    assert_eq!(format!("{first:016x}"), "ba33e39d23c96143");
}

proptest! {
    #[test]
    fn any_message_and_row_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let parties = Parties::new();
        prop_assert!(parties.open(&bytes).is_none());
        prop_assert!(parties.read(None, &bytes).is_none());
        let read = answer(&parties.callee, &REALM, &bytes, None, place(4), &parties.seed, ROW_BYTES);
        prop_assert!(read.is_none());
    }

    #[test]
    fn any_payload_is_survived(bytes: [u8; 32], at in 0..PAYLOAD_BYTES - 32) {
        let mut payload = Parties::new().payload.to_bytes();
        payload[at..at + 32].copy_from_slice(&bytes);
        if let Some(read) = CallPayload::from_bytes(&payload) {
            prop_assert_eq!(read.to_bytes(), payload);
        }
    }
}
