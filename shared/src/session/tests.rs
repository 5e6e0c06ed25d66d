//! Rows, generations, and the four mistakes of earlier clients in this field.
//!
//! An earlier Android client for this protocol copied the round number over the first eight
//! bytes of the key, used the raw Diffie-Hellman output as the key, used the same key in both
//! directions, and bound nothing to round or sender. Each has its test here.

mod cost;
mod healing;
mod schedules;
mod world;

use proptest::prelude::*;
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use super::{
    First, KeyTree, Lane, OVERHEAD_BYTES, Opened, RatchetClock, RatchetKind, RatchetPiece,
    RowTicket, Session, SessionRecord, Texts,
};
use crate::{
    call::ResumeId,
    identity::{ClientKey, SecretKey},
    kdf::Secret,
    manifest::Realm,
    program::RoundId,
};

const REALM: Realm = Realm {
    deployment: [9; 32],
    island: 1,
};
const PACKET_BYTES: usize = 228;
const PACKET: [u8; PACKET_BYTES] = [9; PACKET_BYTES];

/// A row as whoever watches sees it, with what only the test knows: its generation.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) sender: ClientKey,
    pub(super) round: RoundId,
    pub(super) lane: Lane,
    pub(super) generation: u32,
    pub(super) tag: u64,
    pub(super) message: Vec<u8>,
}

/// What of a row is in somebody's reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    pub(super) packet: bool,
    pub(super) tag: bool,
}

/// The client keys of both sides, the smaller first.
fn keys() -> [ClientKey; 2] {
    let key = |byte| SecretKey::from_bytes([byte; 32]).client_key();
    let mut keys = [key(1), key(2)];
    keys.sort();
    keys
}

/// Both sides of a session, the smaller key's first.
fn pair() -> (Session, Session) {
    let [lower, higher] = keys();
    let side = |own, peer| {
        Session::new(
            &REALM,
            own,
            peer,
            Secret::from_bytes([3; 32]),
            KeyTree::new(Secret::from_bytes([4; 32])),
        )
    };
    (side(lower, higher), side(higher, lower))
}

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(1)
}

fn reload(session: &mut Session) {
    let bytes = postcard::to_allocvec(&session.to_record()).unwrap();
    let record: SessionRecord = postcard::from_bytes(&bytes).unwrap();
    *session = Session::from_record(&REALM, session.own, session.peer, record).unwrap();
}

fn take(session: &mut Session, round: u64, lane: Lane) -> RowTicket {
    session.take_row(RoundId(round), lane).unwrap()
}

/// A row of the session in lane 0 with the test's packet.
fn send(session: &mut Session, round: u64) -> (RowTicket, Vec<u8>) {
    let ticket = take(session, round, Lane::Text);
    let message = session.seal(&ticket, &PACKET, &mut rng()).unwrap();
    (ticket, message)
}

fn opens(session: &mut Session, ticket: &RowTicket, message: &[u8]) -> bool {
    session
        .open(ticket, message)
        .is_some_and(|opened| opened.packet == PACKET)
}

#[test]
fn rows_meet_and_open_in_both_lanes() {
    let (mut a, mut b) = pair();
    for (round, lane) in [
        (11, Lane::Text),
        (11, Lane::Picture),
        (12, Lane::Picture),
        (12, Lane::Text),
        (1 << 40, Lane::Text),
    ] {
        let (mine, theirs) = (take(&mut a, round, lane), take(&mut b, round, lane));
        assert_eq!(mine.tag, theirs.tag);
        assert_ne!(mine.role, theirs.role);
        let from_a = a.seal(&mine, &PACKET, &mut rng()).unwrap();
        let from_b = b.seal(&theirs, &PACKET, &mut rng()).unwrap();
        assert_eq!(from_a.len(), PACKET_BYTES + OVERHEAD_BYTES);
        reload(&mut a);
        assert!(opens(&mut b, &theirs, &from_a));
        assert!(opens(&mut a, &mine, &from_b));
    }
}

#[test]
fn the_first_packet_of_a_generation_is_told_apart() {
    let (mut a, mut b) = pair();
    let mut first = |round| {
        let (_, message) = send(&mut a, round);
        let ticket = take(&mut b, round, Lane::Text);
        b.open(&ticket, &message).unwrap().first_of_generation
    };
    assert_eq!([first(1), first(2)], [First::Yes, First::No]);
}

#[test]
fn a_row_is_taken_once_and_a_key_seals_once() {
    let (mut a, mut b) = pair();
    let (ticket, message) = send(&mut a, 20);
    assert!(a.seal(&ticket, &PACKET, &mut rng()).is_none());
    assert!(a.take_row(RoundId(20), Lane::Text).is_none());
    assert!(a.take_row(RoundId(19), Lane::Picture).is_none());
    let picture = take(&mut a, 20, Lane::Picture);
    assert_ne!(picture.tag, ticket.tag);
    assert!(a.seal(&picture, &PACKET, &mut rng()).is_some());
    assert!(a.seal(&picture, &PACKET, &mut rng()).is_none());
    reload(&mut a);
    assert!(a.take_row(RoundId(20), Lane::Text).is_none());
    assert!(a.seal(&ticket, &PACKET, &mut rng()).is_none());
    let theirs = take(&mut b, 20, Lane::Text);
    assert!(opens(&mut b, &theirs, &message));
}

/// A client that starts again from a state stored before may seal twice under one key: never
/// under one nonce.
#[test]
fn an_older_state_seals_again_with_another_nonce() {
    let (mut a, mut b) = pair();
    let before = a.to_record();
    let mut rng = rng();
    let ticket = take(&mut a, 20, Lane::Text);
    let first = a.seal(&ticket, &PACKET, &mut rng).unwrap();
    let mut a = Session::from_record(&REALM, a.own, a.peer, before).unwrap();
    let again = take(&mut a, 20, Lane::Text);
    let second = a.seal(&again, &[8; PACKET_BYTES], &mut rng).unwrap();
    assert_ne!(first[..12], second[..12]);
    let theirs = take(&mut b, 20, Lane::Text);
    assert!(opens(&mut b, &theirs, &first));
    assert!(b.open(&theirs, &second).is_some());
}

/// Mistake 1: the round number written over part of the key. Here each row's key is derived: no
/// eight bytes of it are the round's, and the keys of rounds and lanes share no bytes.
#[test]
fn round_number_is_not_part_of_a_key() {
    let (a, _) = pair();
    let round = 0x0102_0304_0506_0708_u64;
    let key = |round, lane| {
        let key = a.state.current.receiving_key(RoundId(round), lane);
        *key.unwrap().as_bytes()
    };
    let keys = [
        key(round, Lane::Text),
        key(round, Lane::Picture),
        key(round + 1, Lane::Text),
    ];
    for key in keys {
        for number in [round.to_le_bytes(), round.to_be_bytes()] {
            assert!(!key.windows(8).any(|window| window == number));
        }
        let others = keys.iter().filter(|other| **other != key);
        assert_eq!(others.clone().count(), 2);
        for other in others {
            assert!(
                !key.windows(8)
                    .any(|window| other.windows(8).any(|o| o == window))
            );
        }
    }
}

/// Mistake 3: the same key in both directions. A packet reflected to its sender does not open.
#[test]
fn each_direction_has_its_own_key() {
    let (mut a, b) = pair();
    let (ticket, message) = send(&mut a, 20);
    assert!(!opens(&mut a, &ticket, &message));
    let key = |session: &Session| {
        let key = session.state.current.receiving_key(RoundId(20), Lane::Text);
        *key.unwrap().as_bytes()
    };
    assert_ne!(key(&a), key(&b));
}

/// Mistake 4: nothing bound to round or sender. A packet opens in its own round and lane, from
/// its own sender, in its own realm, unchanged, and nowhere else, even under the same keys.
#[test]
fn packets_are_bound_to_realm_round_lane_and_sender() {
    let (mut a, mut b) = pair();
    let (_, message) = send(&mut a, 20);
    let (text, picture) = (
        take(&mut b, 20, Lane::Text),
        take(&mut b, 20, Lane::Picture),
    );
    assert!(
        !opens(&mut b, &picture, &message),
        "replayed in the other lane"
    );
    let later = take(&mut b, 21, Lane::Text);
    assert!(
        !opens(&mut b, &later, &message),
        "replayed in a later round"
    );
    for at in 0..message.len() {
        let mut changed = message.clone();
        changed[at] ^= 1;
        assert!(!opens(&mut b, &text, &changed), "byte {at}");
    }
    for length in [0, 11, 12, 27, 28] {
        assert!(!opens(&mut b, &text, &message[..length]));
    }
    let third = SecretKey::from_bytes([3; 32]).client_key();
    let elsewhere = Realm { island: 2, ..REALM };
    let pairs = [
        (REALM, b.own, third),
        (REALM, third, b.peer),
        (elsewhere, b.own, b.peer),
    ];
    for (realm, own, peer) in pairs {
        let mut other = Session {
            realm,
            own,
            peer,
            state: b.to_record(),
        };
        assert!(!opens(&mut other, &text, &message));
    }
    assert!(opens(&mut b, &text, &message));
    // Round and lane are authenticated, too, should two of them ever have one key.
    let context = |round, lane| super::RowContext {
        realm: &REALM,
        round: RoundId(round),
        lane,
        sender: &a.own,
        receiver: &b.own,
    };
    let key = Secret::from_bytes([5; 32]);
    let sealed = super::seal_row(&key, &context(20, Lane::Text), &PACKET, &mut rng());
    for other in [context(20, Lane::Picture), context(21, Lane::Text)] {
        assert!(super::open_row(&key, &other, &sealed).is_none());
    }
    assert!(super::open_row(&key, &context(20, Lane::Text), &sealed).is_some());
}

#[test]
fn erased_rounds_are_gone() {
    let (mut a, mut b) = pair();
    let (_, message) = send(&mut a, 20);
    let theirs = take(&mut b, 20, Lane::Text);
    // The key of the other lane stands apart once one of them was taken.
    let picture = take(&mut a, 20, Lane::Picture);
    a.erase_before(RoundId(21));
    assert!(a.seal(&picture, &PACKET, &mut rng()).is_none());
    b.erase_before(RoundId(21));
    assert!(!opens(&mut b, &theirs, &message));
    assert!(b.seal(&theirs, &PACKET, &mut rng()).is_none());
    reload(&mut b);
    assert!(!opens(&mut b, &theirs, &message));
    assert!(b.take_row(RoundId(20), Lane::Picture).is_none());
    let (_, message) = send(&mut a, 21);
    let theirs = take(&mut b, 21, Lane::Text);
    assert!(opens(&mut b, &theirs, &message));
}

#[test]
fn ranks_are_both_sides_and_of_one_turn() {
    let (a, b) = pair();
    assert_eq!(a.rank(7), b.rank(7));
    assert_ne!(a.rank(7), a.rank(8));
    let decoy = Session::decoy(&REALM, a.own, &mut rng());
    assert_ne!(decoy.rank(7), a.rank(7));
    // Nobody else can tell: it takes the pair's secret, not only its keys.
    let tags = KeyTree::new(Secret::from_bytes([4; 32]));
    let another = Session::new(&REALM, a.own, a.peer, Secret::from_bytes([5; 32]), tags);
    assert_ne!(another.rank(7), a.rank(7));
}

#[test]
fn a_decoy_has_rows_and_meets_nobody() {
    let (mut a, mut b) = pair();
    let mut decoy = Session::decoy(&REALM, a.own, &mut rng());
    let (ticket, message) = send(&mut decoy, 20);
    let (mine, _) = send(&mut a, 20);
    assert_ne!(ticket.tag, mine.tag);
    let theirs = take(&mut b, 20, Lane::Text);
    assert!(!opens(&mut b, &theirs, &message));
    assert!(!opens(&mut decoy, &ticket, &message));
    let mut again = Session::decoy(&REALM, a.own, &mut ChaCha12Rng::seed_from_u64(2));
    assert_ne!(send(&mut again, 20).0.tag, ticket.tag);
}

#[test]
fn resume_secrets_are_both_sides_and_named_after_a_packet() {
    let (mut a, mut b) = pair();
    assert!(b.resume_id().is_none());
    assert_eq!(b.resume_secrets().len(), 1);
    let (_, message) = send(&mut a, 20);
    let theirs = take(&mut b, 20, Lane::Text);
    assert!(opens(&mut b, &theirs, &message));
    let id = b.resume_id().unwrap();
    let secret = a.resume_secret(&id).expect("the other side knows it");
    assert_eq!(secret.as_bytes(), b.resume_secrets()[0].as_bytes());
    assert!(a.resume_secret(&ResumeId::from_bytes([1; 8])).is_none());
}

#[test]
fn debug_hides_keys() {
    let (mut a, _) = pair();
    let ticket = take(&mut a, 20, Lane::Text);
    let piece = RatchetPiece {
        kind: RatchetKind::Offer,
        generation: 1,
        left: 0,
        bytes: vec![77],
    };
    assert_eq!(
        format!("{a:?} {ticket:?} {piece:?}"),
        "Session(..) RowTicket(..) RatchetPiece(Offer 1, 0 left, ..)"
    );
}

proptest! {
    #[test]
    fn any_record_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        if let Ok(record) = postcard::from_bytes::<SessionRecord>(&bytes) {
            survive(&record);
        }
    }

    /// Damage in a real record, which gets further than random bytes.
    #[test]
    fn damaged_records_are_survived(
        seed: u64,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut world = world::World::new(seed);
        for _ in 0..seed % 40 {
            world.calm_round();
        }
        for side in world.sides() {
            let mut bytes = postcard::to_allocvec(&side.to_record()).unwrap();
            for (at, byte) in &changes {
                *at.get_mut(&mut bytes[..]) = *byte;
            }
            if let Ok(record) = postcard::from_bytes::<SessionRecord>(&bytes) {
                survive(&record);
            }
        }
    }

    #[test]
    fn any_piece_is_survived(
        left: u16,
        generation in 0..3_u32,
        bytes in prop::collection::vec(any::<u8>(), 0..1300),
        piece_bytes in 0..1300_usize,
    ) {
        let (mut a, mut b) = pair();
        let clock = RatchetClock { turn: 1, now_ms: 1, piece_bytes };
        for kind in [RatchetKind::Offer, RatchetKind::Answer] {
            let piece = RatchetPiece { kind, generation, left, bytes: bytes.clone() };
            for session in [&mut a, &mut b] {
                session.take_ratchet_piece(&piece, clock, &mut rng());
                session.ratchet_piece_came_back(&piece);
            }
        }
    }
}

fn survive(record: &SessionRecord) {
    let [lower, higher] = keys();
    for (own, peer) in [(lower, higher), (higher, lower)] {
        let session = Session::from_record(&REALM, own, peer, record.clone());
        let Some(mut session) = session else { continue };
        let clock = RatchetClock {
            turn: 1 << 20,
            now_ms: 1,
            piece_bytes: 200,
        };
        for round in [0, 30, 1 << 40, u64::MAX] {
            if let Some(ticket) = session.take_row(RoundId(round), Lane::Text) {
                session.seal(&ticket, &PACKET, &mut rng());
                session.open(&ticket, &PACKET);
                let piece = session.ratchet_piece(&ticket, clock, Texts::None, &mut rng());
                if let Some(piece) = piece {
                    session.take_ratchet_piece(&piece, clock, &mut rng());
                    session.ratchet_piece_came_back(&piece);
                }
            }
        }
        session.erase_before(RoundId(u64::MAX));
        let _ = (session.resume_id(), session.resume_secrets());
    }
}

/// Frozen: another derivation is another protocol.
#[test]
fn keys_and_tags_are_frozen() {
    let mut world = world::World::new(1);
    while world.generation() < 2 {
        world.calm_round();
    }
    let [lower, higher] = world.sides();
    let tag = take(lower, 1 << 30, Lane::Text).tag;
    let key = lower
        .state
        .current
        .receiving_key(RoundId(1 << 30), Lane::Picture);
    let secrets = lower.resume_secrets();
    let hash = crate::kdf::hash(
        "test",
        &[
            &tag.0.to_le_bytes(),
            key.unwrap().as_bytes(),
            secrets[0].as_bytes(),
            &lower.rank(7),
            higher.state.current.root.as_bytes(),
        ],
    );
    let first = u64::from_be_bytes(*hash.first_chunk().unwrap());
    assert_eq!(format!("{first:016x}"), "f2a85182449f6c1c");
}

#[test]
fn opened_is_what_was_sealed() {
    let (mut a, mut b) = pair();
    let ticket = take(&mut a, 5, Lane::Picture);
    let message = a.seal(&ticket, b"short", &mut rng()).unwrap();
    let theirs = take(&mut b, 5, Lane::Picture);
    let Opened { packet, .. } = b.open(&theirs, &message).unwrap();
    assert_eq!(packet, b"short");
}
