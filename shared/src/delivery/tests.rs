//! Two ends over rounds that fail, with storage that is late, fails, or is rolled back.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

use super::{
    Delivery, DeliveryRecord, Farewell, Item, Outcome, Pieces, Progress, Receipt, farewell_packet,
};
use crate::{
    client::{BatchId, MAX_TEXT_BYTES},
    kdf::Secret,
    piece::{RatchetKind, RatchetPiece},
    program::RoundId,
};

mod schedules;

/// Packets with pieces of 40 and 20 bytes.
const LONG: usize = 68;
const SHORT: usize = 48;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn text(id: u64, len: usize) -> Item {
    Item::Text {
        id,
        text: "x".repeat(len),
    }
}

/// One end whose storage works at once.
struct End {
    delivery: Delivery,
    batch: u64,
    record: Option<DeliveryRecord>,
    outbox: Vec<(u64, usize, Pieces)>,
}

impl End {
    fn new(seed: u64) -> Self {
        let mut end = Self {
            delivery: Delivery::new(&mut rng(seed)),
            batch: 0,
            record: None,
            outbox: Vec::new(),
        };
        end.store();
        end
    }

    fn store(&mut self) {
        self.commit();
        self.delivery.stored(BatchId(self.batch));
    }

    /// Hands over what must be stored, without an answer.
    fn commit(&mut self) {
        self.batch += 1;
        if let Some(commit) = self.delivery.commit_with(BatchId(self.batch)) {
            self.record = Some(commit.record);
            for (id, pieces) in commit.renumbered {
                for text in &mut self.outbox {
                    if text.0 == id {
                        text.2 = pieces;
                    }
                }
            }
        }
    }

    fn queue(&mut self, id: u64, len: usize) {
        let pieces = self.delivery.queue(text(id, len), LONG - 28);
        self.outbox.push((id, len, pieces));
        self.store();
    }

    fn compose(&mut self, round: u64) -> (Vec<u8>, Receipt) {
        self.delivery.compose(RoundId(round), LONG, None)
    }

    fn receive(&mut self, round: u64, packet: &[u8]) -> Progress {
        let progress = self.delivery.receive(RoundId(round), packet);
        self.outbox
            .retain(|(id, ..)| !progress.delivered.contains(id));
        self.store();
        progress
    }

    fn restart(&mut self, seed: u64) {
        let items = self
            .outbox
            .iter()
            .map(|(id, len, pieces)| (text(*id, *len), *pieces));
        let record = self.record.clone().unwrap();
        self.delivery = Delivery::restore(record, items.collect(), &mut rng(seed));
    }
}

/// A round in which both rows meet.
fn meet(a: &mut End, b: &mut End, round: u64) -> (Progress, Progress) {
    let (from_a, receipt_a) = a.compose(round);
    let (from_b, receipt_b) = b.compose(round);
    a.delivery.settle(&receipt_a, Outcome::Met);
    b.delivery.settle(&receipt_b, Outcome::Met);
    (a.receive(round, &from_b), b.receive(round, &from_a))
}

/// Pieces in a packet: number and length.
fn pieces(packet: &[u8]) -> Vec<(u32, usize)> {
    let packet = super::packet::Packet::decode(packet).unwrap();
    let pieces = packet.pieces.iter();
    pieces
        .map(|(number, piece)| (*number, piece.bytes.len()))
        .collect()
}

fn ids(items: &[Item]) -> Vec<u64> {
    let id = |item: &Item| match item {
        Item::Text { id, .. } => Some(*id),
        Item::Pass(_) => None,
    };
    items.iter().filter_map(id).collect()
}

#[test]
fn a_text_of_one_row_takes_one_row_and_is_acknowledged_in_the_next() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 30);
    let (_, brought) = meet(&mut a, &mut b, 1);
    assert_eq!(ids(&brought.incoming), [7]);
    let (brought, _) = meet(&mut a, &mut b, 2);
    assert_eq!(brought.delivered, [7]);
    assert!(a.delivery.is_idle());
}

#[test]
fn small_texts_share_a_row() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 2);
    a.queue(8, 2);
    let (_, brought) = meet(&mut a, &mut b, 1);
    assert_eq!(ids(&brought.incoming), [7, 8]);
}

#[test]
fn the_longest_text_takes_one_row_a_piece() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    let longest = Item::Text {
        id: 7,
        text: "x".repeat(MAX_TEXT_BYTES),
    };
    a.delivery.queue(longest, 200);
    a.store();
    assert_eq!(a.delivery.pieces_left(7), 82);
    for round in 1..=82 {
        let (packet, _) = a.delivery.compose(RoundId(round), 228, None);
        let (answer, _) = b.delivery.compose(RoundId(round), 228, None);
        a.receive(round, &answer);
        let brought = b.receive(round, &packet);
        assert_eq!(brought.incoming.len(), usize::from(round == 82), "{round}");
    }
}

#[test]
fn nothing_leaves_before_it_is_stored() {
    let mut a = End::new(1);
    a.delivery.queue(text(7, 2), 40);
    assert!(pieces(&a.compose(1).0).is_empty());
    a.commit();
    assert!(pieces(&a.compose(2).0).is_empty());
    a.delivery.stored(BatchId(a.batch));
    assert_eq!(pieces(&a.compose(3).0), [(0, 10)]);
}

#[test]
fn nothing_is_acknowledged_before_it_is_stored() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 2);
    let (packet, _) = a.compose(1);
    assert_eq!(ids(&b.delivery.receive(RoundId(1), &packet).incoming), [7]);
    b.commit();
    let (answer, _) = b.compose(2);
    assert!(a.receive(2, &answer).delivered.is_empty());
    assert_eq!(a.delivery.pieces_left(7), 1);
    b.delivery.stored(BatchId(b.batch));
    let (answer, _) = b.compose(3);
    assert_eq!(a.receive(3, &answer).delivered, [7]);
}

#[test]
fn only_a_row_that_came_back_shows_that_a_text_has_not_left() {
    let mut a = End::new(1);
    a.queue(7, 2);
    let (_, receipt) = a.compose(1);
    assert!(a.delivery.has_left(7), "under way");
    a.delivery.settle(&receipt, Outcome::CameBack);
    assert!(!a.delivery.has_left(7));
    let (packet, receipt) = a.compose(2);
    assert_eq!(pieces(&packet), [(0, 10)], "goes again in the next row");
    a.delivery.settle(&receipt, Outcome::Unknown);
    assert!(a.delivery.has_left(7));
    let (packet, receipt) = a.compose(3);
    assert_eq!(pieces(&packet), [(0, 10)]);
    a.delivery.settle(&receipt, Outcome::CameBack);
    assert!(a.delivery.has_left(7), "it may have left before");
    assert!(a.delivery.cancel(7).is_err());
}

#[test]
fn two_rows_under_way_must_both_come_back() {
    let mut a = End::new(1);
    a.queue(7, 2);
    let (_, first) = a.compose(1);
    let (_, second) = a.compose(2);
    a.delivery.settle(&second, Outcome::CameBack);
    assert!(a.delivery.has_left(7));
    a.delivery.settle(&first, Outcome::CameBack);
    assert!(a.delivery.cancel(7).is_ok());
    a.delivery.settle(&first, Outcome::Met);
    assert!(a.delivery.is_idle());
}

#[test]
fn a_text_is_handed_over_once_all_its_pieces_met() {
    let mut a = End::new(1);
    a.queue(7, 60);
    let (_, first) = a.compose(1);
    let (_, second) = a.compose(2);
    assert!(a.delivery.settle(&second, Outcome::Met).is_empty());
    assert!(a.delivery.settle(&first, Outcome::Unknown).is_empty());
    let (packet, again) = a.compose(3);
    assert_eq!(pieces(&packet), [(0, 40)]);
    assert_eq!(a.delivery.settle(&again, Outcome::Met), [7]);
    assert!(a.delivery.settle(&again, Outcome::Met).is_empty());
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 2);
    a.queue(8, 100);
    a.queue(9, 2);
    assert!(a.delivery.cancel(8).is_ok());
    assert!(a.delivery.cancel(8).is_err());
    assert_eq!(pieces(&a.compose(0).0), [(0, 10)], "9 must be stored anew");
    a.store();
    let (packet, _) = a.compose(1);
    assert_eq!(pieces(&packet), [(0, 10), (1, 10)]);
    assert_eq!(ids(&b.receive(1, &packet).incoming), [7, 9]);
}

#[test]
fn a_skip_item_covers_what_was_taken_back_before_something_that_may_have_left() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    for (id, len) in [(6, 60), (7, 32), (8, 32)] {
        a.queue(id, len);
    }
    meet(&mut a, &mut b, 1);
    let receipts = [2, 3, 4].map(|round| a.compose(round).1);
    for (receipt, outcome) in
        receipts
            .iter()
            .zip([Outcome::Unknown, Outcome::CameBack, Outcome::Unknown])
    {
        a.delivery.settle(receipt, outcome);
    }
    let (answer, _) = b.compose(5);
    a.receive(5, &answer);
    assert!(a.delivery.cancel(7).is_ok());
    a.outbox.remove(1);
    assert_eq!(pieces(&a.compose(6).0), [(1, 28)], "the skip is not stored");
    a.store();
    a.restart(3);
    let (packet, _) = a.compose(7);
    assert_eq!(pieces(&packet), [(1, 28), (2, 0)]);
    assert_eq!(ids(&b.receive(7, &packet).incoming), [6]);
    let (packet, _) = a.compose(8);
    assert_eq!(ids(&b.receive(8, &packet).incoming), [8]);
}

#[test]
fn what_is_held_can_be_taken_back_after_a_restart() {
    let mut a = End::new(1);
    a.queue(7, 2);
    a.delivery.hold();
    a.store();
    assert!(pieces(&a.compose(1).0).is_empty());
    a.restart(3);
    assert!(!a.delivery.has_left(7));
    a.delivery.release();
    assert!(pieces(&a.compose(2).0).is_empty());
    a.store();
    a.restart(4);
    assert!(a.delivery.has_left(7), "it may have left");
    a.store();
    assert_eq!(pieces(&a.compose(3).0), [(0, 10)]);
}

#[test]
fn a_restart_goes_on_in_the_middle_of_a_text() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 80);
    meet(&mut a, &mut b, 1);
    meet(&mut a, &mut b, 2);
    a.restart(3);
    b.restart(4);
    let (packet, _) = a.compose(3);
    assert_eq!(pieces(&packet), [(1, 40)], "acknowledged up to 1");
    let (answer, _) = b.compose(3);
    a.receive(3, &answer);
    b.receive(3, &packet);
    let (packet, _) = a.compose(4);
    assert_eq!(pieces(&packet), [(2, 8)]);
    assert_eq!(ids(&b.receive(4, &packet).incoming), [7]);
}

#[test]
fn after_a_start_in_the_middle_of_a_text_what_is_new_waits_for_the_other_side() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 40);
    meet(&mut a, &mut b, 1);
    let (answer, _) = b.compose(2);
    a.receive(2, &answer);
    a.queue(8, 2);
    a.restart(3);
    a.queue(9, 2);
    // A row of before the start could still come after the other side wrote that of round 10.
    for (round, expected) in [(3, 1), (10, 1), (11, 2)] {
        assert_eq!(pieces(&a.compose(round).0)[0], (1, 8));
        let (answer, _) = b.compose(round);
        a.receive(round, &answer);
        let packet = a.compose(round + 1).0;
        assert_eq!(pieces(&packet).len(), expected, "{round}");
    }
}

#[test]
fn what_waits_for_the_other_side_waits_over_any_number_of_starts() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 40);
    meet(&mut a, &mut b, 1);
    let (answer, _) = b.compose(2);
    a.receive(2, &answer);
    for (seed, round) in (8..12).zip(3..) {
        a.restart(seed);
        a.queue(seed, 2);
        assert_eq!(pieces(&a.compose(round).0), [(1, 8)]);
    }
}

#[test]
fn what_came_in_part_has_left() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 40);
    let (packet, _) = a.compose(1);
    b.receive(1, &packet);
    let (answer, _) = b.compose(2);
    a.receive(2, &answer);
    assert_eq!(a.delivery.pieces_left(7), 1);
    assert!(a.delivery.has_left(7));
    assert!(a.delivery.cancel(7).is_err());
}

#[test]
fn what_came_early_is_sent_again_once_it_is_gone() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    for id in [7, 8, 9] {
        a.queue(id, 32);
    }
    a.compose(1);
    let (packet, _) = a.compose(2);
    b.receive(2, &packet);
    let (answer, _) = b.compose(3);
    a.receive(3, &answer);
    b.restart(3);
    let numbers = [4, 5].map(|round| pieces(&a.compose(round).0));
    assert_eq!(numbers, [[(0, 40)], [(2, 40)]], "1 was seen");
    let (answer, _) = b.compose(6);
    a.receive(6, &answer);
    let numbers = [7, 8].map(|round| pieces(&a.compose(round).0));
    assert_eq!(numbers, [[(0, 40)], [(1, 40)]]);
}

#[test]
fn a_start_with_nothing_acknowledged_in_part_begins_a_new_stream() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 40);
    a.queue(8, 2);
    let (packet, _) = a.compose(1);
    b.receive(1, &packet);
    a.restart(3);
    a.store();
    let mut came = Vec::new();
    for round in 2..5 {
        came.extend(ids(&meet(&mut a, &mut b, round).1.incoming));
    }
    assert_eq!(came, [7, 8]);
}

#[test]
fn shorter_rows_begin_a_new_stream() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 60);
    meet(&mut a, &mut b, 1);
    let (packet, _) = a.delivery.compose(RoundId(2), SHORT, None);
    assert!(pieces(&packet).is_empty(), "nothing of it is stored");
    a.store();
    let mut came = Vec::new();
    for round in 3..7 {
        let (packet, _) = a.delivery.compose(RoundId(round), SHORT, None);
        came.extend(ids(&b.receive(round, &packet).incoming));
        let (answer, _) = b.delivery.compose(RoundId(round), SHORT, None);
        a.receive(round, &answer);
    }
    assert_eq!(came, [7]);
}

#[test]
fn an_answer_a_row_later_that_shows_nothing_repeats_a_piece() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 32);
    a.queue(8, 32);
    a.queue(9, 32);
    let (_, first) = a.compose(1);
    a.delivery.settle(&first, Outcome::Met);
    let (packet, second) = a.compose(2);
    assert_eq!(pieces(&packet), [(1, 40)]);
    a.delivery.settle(&second, Outcome::Met);
    b.receive(2, &packet);
    let (answer, _) = b.compose(3);
    a.receive(3, &answer);
    assert_eq!(pieces(&a.compose(4).0), [(0, 40)], "the lost one, alone");
    assert_eq!(pieces(&a.compose(5).0), [(2, 40)]);
}

/// Who learns nothing from a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Loser {
    Nobody,
    Sender,
    Receiver,
    Both,
}

/// Sends a text of so many pieces, each row written before the last one's reply is there, and
/// returns the rounds that it takes if one round's replies are lost.
fn rounds_needed(pieces: u64, lost: u64, loser: Loser) -> u64 {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, usize::try_from(pieces).unwrap() * 40 - 8);
    let mut open = None;
    for round in 1.. {
        let rows = (round, a.compose(round), b.compose(round));
        let Some((round, (to_b, receipt), (to_a, _))) = open.replace(rows) else {
            continue;
        };
        let loser = if round == lost { loser } else { Loser::Nobody };
        if matches!(loser, Loser::Sender | Loser::Both) {
            a.delivery.settle(&receipt, Outcome::Unknown);
        } else {
            a.delivery.settle(&receipt, Outcome::Met);
            a.receive(round, &to_a);
        }
        if matches!(loser, Loser::Nobody | Loser::Sender)
            && !b.receive(round, &to_b).incoming.is_empty()
        {
            return round;
        }
    }
    unreachable!("rounds do not end")
}

#[test]
fn a_lost_row_costs_one_row() {
    for pieces in [1, 2, 5, 50] {
        assert_eq!(rounds_needed(pieces, 0, Loser::Nobody), pieces);
        for lost in 1..=pieces {
            let needed = |loser| rounds_needed(pieces, lost, loser);
            // The sender is not told what the receiver lost. Of the last rows, which one it was
            // shows only once the text could be complete.
            let untold = pieces > 1 && lost + 3 > pieces;
            assert!(needed(Loser::Sender) <= pieces + 1, "{pieces} {lost}");
            assert_eq!(needed(Loser::Both), pieces + 1, "{pieces} {lost}");
            let most = pieces + 1 + u64::from(untold);
            assert!(needed(Loser::Receiver) <= most, "{pieces} {lost}");
        }
    }
}

#[test]
fn a_row_with_nothing_else_repeats_the_oldest() {
    let mut a = End::new(1);
    a.queue(7, 32);
    a.queue(8, 32);
    let numbers: Vec<_> = (1..=4).map(|round| pieces(&a.compose(round).0)).collect();
    assert_eq!(numbers, [[(0, 40)], [(1, 40)], [(0, 40)], [(1, 40)]]);
}

#[test]
fn an_empty_packet_acknowledges() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 2);
    b.queue(8, 2);
    let (packet, _) = a.compose(1);
    b.receive(1, &packet);
    let answer = b.delivery.compose_empty(RoundId(2), LONG);
    assert_eq!(pieces(&answer), []);
    assert_eq!(a.receive(2, &answer).delivered, [7]);
    assert!(!b.delivery.has_left(8));
}

#[test]
fn ratchets_go_in_front() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 2);
    a.queue(8, 10);
    let ratchet = RatchetPiece {
        kind: RatchetKind::Offer,
        generation: 3,
        left: 4,
        bytes: vec![1; 28],
    };
    let (packet, _) = a.delivery.compose(RoundId(1), LONG, Some(&ratchet));
    let brought = b.receive(1, &packet);
    assert_eq!(brought.ratchet, std::slice::from_ref(&ratchet));
    assert!(
        ids(&brought.incoming).is_empty(),
        "36 of 48 bytes are taken"
    );
    let (packet, _) = a.delivery.compose(RoundId(2), LONG + 6, Some(&ratchet));
    assert_eq!(ids(&b.receive(2, &packet).incoming), [7]);
    let (packet, _) = a.delivery.compose(RoundId(3), LONG - 12, Some(&ratchet));
    assert_eq!(b.receive(3, &packet).ratchet, [ratchet], "exactly fits");
}

#[test]
fn a_newer_pass_supersedes_one_that_has_not_left() {
    let pass = |byte| Item::Pass(Secret::from_bytes([byte; 32]));
    let (mut a, mut b) = (End::new(1), End::new(2));
    let mut came = Vec::new();
    a.delivery.queue(pass(1), 40);
    a.delivery.queue(pass(2), 40);
    a.store();
    for round in 1..6 {
        if round == 2 {
            a.delivery.queue(pass(3), 40);
            a.store();
            a.restart(3);
        }
        let (_, brought) = meet(&mut a, &mut b, round);
        for item in brought.incoming {
            let Item::Pass(secret) = item else {
                panic!("a text")
            };
            came.push(secret.as_bytes()[0]);
        }
    }
    assert_eq!(came, [2, 3]);
    assert!(a.delivery.is_idle());
}

#[test]
fn a_new_device_gets_nothing_that_waits() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 60);
    a.queue(8, 2);
    meet(&mut a, &mut b, 1);
    assert_eq!(a.delivery.take_unacknowledged(), [7, 8]);
    a.store();
    assert!(a.delivery.is_idle());
    let mut new = End::new(3);
    assert!(ids(&meet(&mut a, &mut new, 2).1.incoming).is_empty());
    a.queue(8, 2);
    assert_eq!(ids(&meet(&mut a, &mut new, 3).1.incoming), [8]);
}

#[test]
fn farewells_leave_streams_as_they_are() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 60);
    meet(&mut a, &mut b, 1);
    let brought = a.receive(2, &farewell_packet(Farewell::End, LONG));
    assert_eq!(brought.farewell, Some(Farewell::End));
    b.receive(2, &farewell_packet(Farewell::EndAcknowledged, LONG));
    let (_, brought) = meet(&mut a, &mut b, 3);
    assert_eq!(ids(&brought.incoming), [7]);
}

#[test]
fn packets_of_earlier_rounds_bring_nothing() {
    let (mut a, mut b) = (End::new(1), End::new(2));
    a.queue(7, 32);
    a.queue(8, 32);
    let (first, _) = a.compose(1);
    let (second, _) = a.compose(2);
    b.receive(2, &second);
    assert!(ids(&b.receive(1, &first).incoming).is_empty());
    assert_eq!(ids(&b.receive(3, &first).incoming), [7, 8]);
}

#[test]
fn debug_hides_secrets_and_words() {
    let mut a = End::new(1);
    let word = Item::Text {
        id: 7,
        text: "psst".into(),
    };
    let pass = Item::Pass(Secret::from_bytes([0xab; 32]));
    let items = format!("{word:?} {pass:?}");
    a.delivery.queue(word, 5);
    a.delivery.queue(pass, 40);
    let commit = a.delivery.commit_with(BatchId(9)).unwrap();
    a.delivery.stored(BatchId(9));
    let (packet, _) = a.compose(1);
    let mut b = End::new(2);
    let brought = b.delivery.receive(RoundId(1), &packet);
    let decoded = super::packet::Packet::decode(&packet);
    let shown = format!(
        "{items} {commit:?} {:?} {:?} {brought:?} {decoded:?}",
        a.delivery, b.delivery
    );
    for hidden in ["psst", "171, 171", "112, 115, 115", "abab"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

/// Puts a packet together by hand.
fn forge(stream: u32, acks: (u32, u32, u32), items: &[(u8, u32, u16, Vec<u8>)]) -> Vec<u8> {
    let mut packet = Vec::new();
    for word in [stream, acks.0, acks.1, acks.2, 0] {
        packet.extend(word.to_le_bytes());
    }
    for (kind, number, left, bytes) in items {
        packet.push(*kind);
        packet.extend(number.to_le_bytes());
        packet.extend(left.to_le_bytes());
        packet.push(u8::try_from(bytes.len()).unwrap());
        packet.extend(bytes);
    }
    packet
}

/// Sends texts made by hand; the good one with id 1 after them must come.
fn next_text_comes(bad: &[(u16, Vec<u8>)]) -> Vec<u64> {
    let mut b = End::new(2);
    let good = (0, [&1_u64.to_le_bytes()[..], b"good"].concat());
    let mut came = Vec::new();
    for (number, (left, bytes)) in (0..).zip(bad.iter().chain([&good])) {
        let packet = forge(9, (0, 0, 0), &[(1, number, *left, bytes.clone())]);
        came.extend(ids(&b.receive(number.into(), &packet).incoming));
    }
    came
}

#[test]
fn texts_that_are_none_are_dropped_and_the_stream_goes_on() {
    let piece = || vec![b'x'; 200];
    let long = |pieces: u16| (0..pieces).rev().map(|left| (left, piece())).collect();
    let too_long: Vec<_> = long(83);
    assert_eq!(next_text_comes(&too_long), [1]);
    assert_eq!(next_text_comes(&[(0, vec![0xff; 9])]), [1], "not UTF-8");
    assert_eq!(next_text_comes(&[(0, vec![1; 7])]), [1], "no id");
    assert_eq!(next_text_comes(&[(9, piece())]), [1], "begun only");
    let jumps = [(4, piece()), (2, piece()), (u16::MAX, piece())];
    assert_eq!(next_text_comes(&jumps), [1]);
    let id = u64::from_le_bytes([b'x'; 8]);
    let just_long_enough: Vec<_> = long(81);
    assert_eq!(next_text_comes(&just_long_enough), [id, 1]);
}

#[test]
fn numbers_at_the_end_are_never_taken() {
    let mut b = End::new(2);
    let mut round = 0;
    let mut take = |items: &[(u8, u32, u16, Vec<u8>)]| {
        round += 1;
        b.receive(round, &forge(9, (0, 0, 0), items)).incoming.len()
    };
    for at in (0..u32::MAX / 0x1_0000).map(|at| at * 0x1_0000) {
        take(&[(3, at, u16::MAX, Vec::new())]);
    }
    let at = u32::MAX - 0xffff;
    assert_eq!(take(&[(3, at, 0xfff0, Vec::new())]), 0);
    let text = vec![b'x'; 9];
    for number in at + 0xfff1..=u32::MAX {
        let came = take(&[(1, number, 0, text.clone())]);
        assert_eq!(came, usize::from(number < u32::MAX - 1), "{number}");
    }
    assert_eq!(take(&[(1, u32::MAX, 0, text.clone())]), 0);
}

#[test]
fn early_pieces_are_few_and_marks_are_put_together() {
    let mut b = End::new(2);
    for round in 1..2000_u32 {
        let items: Vec<_> = (0..25)
            .map(|at| (1, (round * 7 + at * 3) % 60, 0, vec![1]))
            .collect();
        let stream = 1 + round / 700;
        let packet = forge(stream, (0, 0, 0), &items);
        b.delivery.receive(RoundId(round.into()), &packet);
        b.commit();
    }
    let shown = format!("{:?}", b.delivery);
    assert!(shown.len() < 5000, "{} bytes", shown.len());
}

proptest! {
    /// Whatever an authenticated partner sends, nothing panics, memory stays bounded, and own
    /// texts still come out of it.
    #[test]
    fn any_packets_are_survived(
        packets: Vec<(bool, u32, bool, u32, u32, Vec<(u8, u32, u16, Vec<u8>)>)>,
    ) {
        let mut a = End::new(1);
        a.queue(7, 300);
        let mut round = 0;
        for (known, stream, near, ack, bits, mut items) in packets {
            round += 1;
            let (packet, receipt) = a.compose(round);
            let own = u32::from_le_bytes(*packet.first_chunk().unwrap());
            let near = |number: u32| if near { number % 40 } else { number };
            for item in &mut items {
                (item.0, item.1, item.2) = (item.0 % 10, near(item.1), item.2 % 4);
                item.3.truncate(60);
            }
            a.delivery.settle(&receipt, Outcome::Unknown);
            let acked = if known { own } else { stream };
            let packet = forge(stream % 3, (acked, near(ack), bits), &items);
            a.receive(round, &packet);
        }
        let shown = format!("{:?}", a.delivery);
        prop_assert!(shown.len() < 30_000);
        let mut b = End::new(2);
        let still_there = !a.delivery.is_idle();
        let mut came = Vec::new();
        for round in round + 1..round + 60 {
            came.extend(ids(&meet(&mut a, &mut b, round).1.incoming));
        }
        prop_assert!(a.delivery.is_idle());
        prop_assert_eq!(came, if still_there { vec![7] } else { Vec::new() });
    }

    /// Whatever is stored, nothing panics, and what waits still arrives.
    #[test]
    fn any_records_are_survived(
        sender: (u32, u8, u8, u8, Option<u8>),
        pass: Option<(u8, u8, u8)>,
        receiver: (u32, u32, Option<(bool, u16, Option<Vec<u8>>)>),
        texts in prop::collection::vec((0_u32..3, 0_u32..12, 0_u32..5, 0_u8..60, 0_usize..100), 0..4),
        bytes: Vec<u8>,
    ) {
        use super::record::{PartialRecord, PassRecord, ReceiverRecord, SenderRecord};
        let _ = postcard::from_bytes::<DeliveryRecord>(&bytes);
        let (stream, next, acked, released, unheard) = sender;
        let pieces = |(first, count, piece_bytes): (u8, u8, u8)| Pieces {
            stream: 1,
            first: first.into(),
            count: count.into(),
            piece_bytes,
        };
        let sender = SenderRecord {
            stream: stream % 2,
            next: (next % 20).into(),
            acked: (acked % 20).into(),
            released: (released % 20).into(),
            firm: (released % 7).into(),
            unheard: unheard.map(|unheard| (unheard % 20).into()),
            pass: pass.map(|it| PassRecord { secret: [1; 32], pieces: pieces(it) }),
        };
        let (stream, next, partial) = receiver;
        let partial = partial.map(|(pass, left, bytes)| PartialRecord { pass, left, bytes });
        let receiver = ReceiverRecord { stream, ended: vec![1; 20], next, partial };
        let items = (1..).zip(&texts).map(|(id, &(stream, first, count, piece_bytes, len))| {
            (text(id, len), Pieces { stream, first, count, piece_bytes })
        });
        let record = DeliveryRecord { sender, receiver };
        let mut a = End::new(1);
        a.delivery = Delivery::restore(record, items.collect(), &mut rng(3));
        a.delivery.release();
        a.store();
        let mut b = End::new(2);
        let mut came = BTreeSet::new();
        for round in 1..500 {
            came.extend(ids(&meet(&mut a, &mut b, round).1.incoming));
        }
        prop_assert!(a.delivery.is_idle());
        prop_assert_eq!(came, (1..).take(texts.len()).collect());
    }
}
