//! Handshake in the rows, and the four mistakes of earlier clients in this field.
//!
//! An earlier Android client for this protocol copied the round number over the first eight
//! bytes of the key, used the raw Diffie-Hellman output as the key, used the same key in both
//! directions, and bound nothing to round or sender. Each has its test here.

use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use super::{DialTag, Epoch, Match, Received, Session, SessionRecord, Stage};
use crate::{
    identity::{ClientKey, Name, SecretKey},
    program::RoundId,
};

const MESSAGE_BYTES: usize = 128;
const PACKET: [u8; 103] = [9; 103];

struct Side {
    secret: SecretKey,
    session: Session,
}

impl Side {
    fn reload(&mut self) {
        let bytes = postcard::to_allocvec(&self.session.to_record()).unwrap();
        let record: SessionRecord = postcard::from_bytes(&bytes).unwrap();
        let (own, peer) = (self.session.own, self.session.peer);
        self.session = Session::from_record(own, peer, record).unwrap();
    }

    fn hello(&self, rng: &mut ChaCha12Rng) -> Vec<u8> {
        self.session.handshake_message(MESSAGE_BYTES, rng).unwrap()
    }

    fn open(&mut self, round: u64, message: &[u8]) -> Option<Received> {
        self.session.open(&self.secret, RoundId(round), message)
    }

    fn packet(&mut self, round: u64, message: &[u8]) -> Option<Vec<u8>> {
        match self.open(round, message)? {
            Received::Packet { packet, .. } => Some(packet),
            _ => None,
        }
    }

    fn seal(&self, round: u64, epoch: u64) -> Vec<u8> {
        self.session
            .seal(RoundId(round), Epoch(epoch), &PACKET)
            .unwrap()
    }
}

fn met(peer: ClientKey) -> Match {
    Match {
        round: RoundId(10),
        peer,
        tag: DialTag::from_bytes([4; 16]),
    }
}

fn sides() -> (Side, Side, ChaCha12Rng) {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let (a, b) = (
        SecretKey::from_bytes([1; 32]),
        SecretKey::from_bytes([2; 32]),
    );
    let (key_a, key_b) = (a.client_key(), b.client_key());
    let name = Name::new("Ada").unwrap();
    let caller = Session::caller(&a, &met(key_b), name, &mut rng);
    let callee = Session::callee(key_b, &met(key_a), &mut rng);
    (
        Side {
            secret: a,
            session: caller,
        },
        Side {
            secret: b,
            session: callee,
        },
        rng,
    )
}

fn established() -> (Side, Side) {
    let (mut a, mut b, mut rng) = sides();
    b.open(11, &a.hello(&mut rng)).unwrap();
    a.open(12, &b.hello(&mut rng)).unwrap();
    b.open(13, &a.seal(13, 1)).unwrap();
    (a, b)
}

#[test]
fn handshake_survives_repetition_and_reloads() {
    let (mut a, mut b, mut rng) = sides();
    let hello = a.hello(&mut rng);
    a.reload();
    assert_eq!(a.hello(&mut rng)[..114], hello[..114]);
    assert_eq!(hello.len(), MESSAGE_BYTES);
    b.reload();
    let Some(Received::Called { name: Some(name) }) = b.open(11, &hello) else {
        panic!("message 1 was not taken");
    };
    assert_eq!(name.as_str(), "Ada");
    b.reload();
    assert!(matches!(b.open(12, &hello), Some(Received::Repeated)));
    let answer = b.hello(&mut rng);
    assert!(matches!(a.open(12, &answer), Some(Received::Answered)));
    a.reload();
    assert!(matches!(a.open(13, &answer), Some(Received::Repeated)));
    assert!(
        b.session.seal(RoundId(13), Epoch(2), &PACKET).is_none(),
        "not before the first packet"
    );
    let first = a.seal(14, 1);
    assert!(matches!(
        b.open(14, &first),
        Some(Received::Packet { first: true, .. })
    ));
    b.reload();
    assert_eq!(a.packet(15, &b.seal(15, 2)).unwrap(), PACKET);
}

#[test]
fn tags_are_equal_fresh_and_start_after_the_match() {
    let (a, b, _) = sides();
    assert_eq!(a.session.tag(RoundId(10)), None);
    for round in [11, 12, 1 << 40] {
        let tag = a.session.tag(RoundId(round)).unwrap();
        assert_eq!(Some(tag), b.session.tag(RoundId(round)));
        assert_ne!(Some(tag), a.session.tag(RoundId(round + 1)));
    }
    assert_ne!(a.session.role(), b.session.role());
}

#[test]
fn a_handshake_of_another_match_or_person_is_refused() {
    let (a, mut b, mut rng) = sides();
    let mut hello = a.hello(&mut rng);
    let other = Match {
        tag: DialTag::from_bytes([5; 16]),
        ..met(a.session.own)
    };
    let secret = b.secret.clone();
    let mut elsewhere = Session::callee(b.session.own, &other, &mut rng);
    assert!(elsewhere.open(&secret, RoundId(11), &hello).is_none());
    let later = Match {
        round: RoundId(11),
        ..met(a.session.own)
    };
    let mut elsewhere = Session::callee(b.session.own, &later, &mut rng);
    assert!(elsewhere.open(&secret, RoundId(11), &hello).is_none());
    hello[40] ^= 1;
    assert!(b.open(11, &hello).is_none());
    for message in [&[][..], &[1], &[2; 128], &[3; 128], &[0; 128]] {
        assert!(b.open(11, message).is_none());
    }
}

/// Mistake 1: the round number written over part of the key. Here each round's key is derived:
/// no eight bytes of it are the round's, and the keys of rounds share no bytes.
#[test]
fn round_number_is_not_part_of_a_key() {
    let (a, _) = established();
    let Stage::Established { chains } = &a.session.stage else {
        panic!("not established")
    };
    let round = 0x0102_0304_0506_0708_u64;
    let key = *chains.send.key(RoundId(round)).unwrap().as_bytes();
    let next = *chains.send.key(RoundId(round + 1)).unwrap().as_bytes();
    for number in [round.to_le_bytes(), round.to_be_bytes()] {
        assert!(!key.windows(8).any(|window| window == number));
    }
    assert!(
        !key.windows(8)
            .any(|window| next.windows(8).any(|other| other == window))
    );
}

/// Mistake 2: the raw Diffie-Hellman output as a key. No key equals any of the shared secrets
/// that static keys give, and the same two people get other keys in every session.
#[test]
fn no_key_is_raw_diffie_hellman() {
    let (a, b) = established();
    let Stage::Established { chains } = &a.session.stage else {
        panic!("not established")
    };
    let shared = x25519_dalek::x25519(*a.secret.as_bytes(), *b.session.own.as_bytes());
    for tree in [&chains.send, &chains.receive, &a.session.tags] {
        assert!(tree.parts().all(|(_, _, key)| key != shared));
        assert_ne!(tree.key(RoundId(20)).unwrap().as_bytes(), &shared);
    }
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    let secret = a.secret.clone();
    let mut c = Session::caller(
        &a.secret,
        &met(b.session.own),
        Name::new("Ada").unwrap(),
        &mut rng,
    );
    let mut d = Session::callee(b.session.own, &met(a.session.own), &mut rng);
    let hello = c.handshake_message(MESSAGE_BYTES, &mut rng).unwrap();
    d.open(&b.secret, RoundId(11), &hello).unwrap();
    let answer = d.handshake_message(MESSAGE_BYTES, &mut rng).unwrap();
    c.open(&secret, RoundId(12), &answer).unwrap();
    let again = c.seal(RoundId(20), Epoch(1), &PACKET).unwrap();
    assert_ne!(again, a.seal(20, 1));
}

/// Mistake 3: the same key in both directions. A packet reflected to its sender does not open.
#[test]
fn each_direction_has_its_own_key() {
    let (mut a, b) = established();
    let sent = a.seal(20, 1);
    assert!(a.packet(20, &sent).is_none());
    assert_ne!(sent[9..], b.seal(20, 1)[9..]);
}

/// Mistake 4: nothing bound to round or sender. A packet opens in its own round, from its own
/// sender, in its own epoch, unchanged, and nowhere else.
#[test]
fn packets_are_bound_to_round_sender_and_epoch() {
    let (a, mut b) = established();
    let sent = a.seal(20, 1);
    assert!(b.packet(21, &sent).is_none(), "replayed in a later round");
    for at in 0..sent.len() {
        let mut changed = sent.clone();
        changed[at] ^= 1;
        assert!(b.packet(20, &changed).is_none(), "byte {at}");
    }
    let mut third = Side {
        secret: b.secret.clone(),
        session: Session::from_record(
            b.session.own,
            SecretKey::from_bytes([3; 32]).client_key(),
            b.session.to_record(),
        )
        .unwrap(),
    };
    assert!(
        third.packet(20, &sent).is_none(),
        "from somebody else, even under the same keys"
    );
    assert_eq!(b.packet(20, &sent).unwrap(), PACKET);
}

/// A reload in the middle of a round seals another packet for the same round: another epoch,
/// another key.
#[test]
fn a_round_sealed_twice_uses_two_keys() {
    let (a, mut b) = established();
    let (first, second) = (a.seal(20, 1), a.seal(20, 2));
    assert_ne!(first[9..], second[9..]);
    assert!(b.packet(20, &first).is_some());
    assert!(b.packet(20, &second).is_some());
}

#[test]
fn erased_rounds_are_gone() {
    let (a, mut b) = established();
    let sent = a.seal(20, 1);
    b.session.erase_before(RoundId(21));
    assert!(b.packet(20, &sent).is_none());
    assert!(b.session.tag(RoundId(20)).is_none());
    assert!(b.session.seal(RoundId(20), Epoch(1), &PACKET).is_none());
    b.reload();
    assert!(b.packet(20, &sent).is_none());
    assert!(b.packet(21, &a.seal(21, 1)).is_some());
}

#[test]
fn debug_hides_keys() {
    let (a, _) = established();
    assert_eq!(format!("{:?}", a.session), "Session(established, ..)");
}
