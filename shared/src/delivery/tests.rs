//! Two ends over a link that loses, and ends that start anew.

use proptest::prelude::*;

use super::{Bodies, Control, Delivery, Incoming, Item, Outcome, Progress};
use crate::{client::BatchId, program::RoundId, session::Epoch};

const PACKET_BYTES: usize = 80;

fn text(id: u64, len: usize) -> Item {
    Item::Text {
        id,
        text: "é".repeat(len / 2 + 1),
    }
}

fn start(epoch: u64, items: &[Item]) -> Delivery {
    let mut delivery = Delivery::new(Epoch(epoch), PACKET_BYTES);
    for item in items {
        delivery.push(item.clone());
    }
    delivery
}

fn as_incoming(item: &Item) -> Incoming {
    match item {
        Item::Text { id, text } => Incoming::Text {
            id: *id,
            text: text.clone(),
        },
        Item::Control(control) => Incoming::Control(*control),
    }
}

/// One end over all its starts.
struct End {
    delivery: Delivery,
    epoch: u64,
    items: Vec<Item>,
    /// What was stored here, repetitions included.
    came: Vec<Incoming>,
    delivered: Vec<Item>,
    batch: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Storage {
    Works,
    Crashes,
}

impl End {
    fn new(epoch: u64, items: Vec<Item>) -> Self {
        let delivery = start(epoch, &items);
        Self {
            delivery,
            epoch,
            items,
            came: Vec::new(),
            delivered: Vec::new(),
            batch: 0,
        }
    }

    /// Starts anew with what is stored.
    fn restart(&mut self) {
        self.epoch += 1;
        let left = self
            .items
            .iter()
            .filter(|item| !self.delivered.contains(item));
        self.delivery = start(self.epoch, &left.cloned().collect::<Vec<_>>());
    }

    /// Takes a packet and stores what it brought, or crashes before that.
    fn take(&mut self, round: u64, from: u64, packet: &[u8], storage: Storage) {
        let progress = self
            .delivery
            .receive(RoundId(round), Epoch(from), packet, Bodies::Taken);
        self.delivered.extend(progress.delivered);
        if progress.incoming.is_empty() {
            self.delivery.commit_with(None);
            return;
        }
        self.batch += 1;
        self.delivery.commit_with(Some(BatchId(self.batch)));
        if storage == Storage::Works {
            self.came.extend(progress.incoming);
            self.delivery.stored(BatchId(self.batch));
        }
    }

    /// Returns what came, each item once.
    fn distinct(&self) -> Vec<Incoming> {
        let mut seen = Vec::new();
        for item in &self.came {
            if !seen.contains(item) {
                seen.push(item.clone());
            }
        }
        seen
    }
}

#[test]
fn items_arrive_in_order_over_a_good_link() {
    let items = vec![text(1, 10), text(2, 500), Item::Control(Control::End)];
    let (mut a, mut b) = (End::new(1, items.clone()), End::new(2, Vec::new()));
    for round in 0..30 {
        let (from_a, _) = a.delivery.compose(round, PACKET_BYTES);
        let (from_b, _) = b.delivery.compose(round, PACKET_BYTES);
        b.take(round, 1, &from_a, Storage::Works);
        a.take(round, 2, &from_b, Storage::Works);
    }
    assert_eq!(b.came, items.iter().map(as_incoming).collect::<Vec<_>>());
    assert_eq!(a.delivered, items);
    assert!(a.delivery.is_idle());
}

#[test]
fn nothing_is_acknowledged_before_it_is_stored() {
    let (mut a, mut b) = (start(1, &[text(1, 10)]), start(2, &[]));
    let mut delivered = Vec::new();
    for round in 0..20 {
        let (from_a, _) = a.compose(round, PACKET_BYTES);
        let (from_b, _) = b.compose(round, PACKET_BYTES);
        if !b
            .receive(RoundId(round), Epoch(1), &from_a, Bodies::Taken)
            .incoming
            .is_empty()
        {
            b.commit_with(Some(BatchId(1)));
        }
        delivered.extend(
            a.receive(RoundId(round), Epoch(2), &from_b, Bodies::Taken)
                .delivered,
        );
    }
    assert!(delivered.is_empty());
    b.stored(BatchId(1));
    let (from_b, _) = b.compose(20, PACKET_BYTES);
    assert_eq!(
        a.receive(RoundId(20), Epoch(2), &from_b, Bodies::Taken)
            .delivered,
        [text(1, 10)]
    );
}

#[test]
fn a_text_is_told_to_have_left_once_all_rounds_that_carried_it_were_computed() {
    let (mut a, mut b) = (start(1, &[text(1, 60)]), start(2, &[]));
    let (hello, _) = b.compose(0, PACKET_BYTES);
    a.receive(RoundId(0), Epoch(2), &hello, Bodies::Taken);
    let receipts: Vec<_> = (1..=2)
        .map(|tick| a.compose(tick, PACKET_BYTES).1.unwrap())
        .collect();
    assert_eq!(a.settle(receipts[0], Outcome::Lost), None);
    assert_eq!(a.settle(receipts[1], Outcome::Carried), None);
    let (_, again) = a.compose(3, PACKET_BYTES);
    assert_eq!(again, Some(receipts[0]));
    assert_eq!(a.settle(receipts[0], Outcome::Carried), Some(text(1, 60)));
    assert_eq!(a.settle(receipts[0], Outcome::Carried), None);
    assert!(a.has_left(1));
    assert!(a.cancel(1).is_err());
}

#[test]
fn a_text_that_has_not_left_can_be_taken_back() {
    let mut a = start(1, &[text(1, 10)]);
    assert!(!a.has_left(1));
    assert!(a.cancel(1).is_ok());
    assert!(a.is_idle());
}

#[test]
fn packets_of_an_older_start_bring_nothing() {
    let mut b = start(2, &[]);
    let (hello, _) = b.compose(0, PACKET_BYTES);
    let mut old = start(1, &[text(1, 4)]);
    old.receive(RoundId(0), Epoch(2), &hello, Bodies::Taken);
    let (from_old, _) = old.compose(1, PACKET_BYTES);
    let mut new = start(3, &[]);
    let (from_new, _) = new.compose(2, PACKET_BYTES);
    b.receive(RoundId(2), Epoch(3), &from_new, Bodies::Taken);
    assert_eq!(
        b.receive(RoundId(1), Epoch(1), &from_old, Bodies::Taken),
        Progress::default()
    );
}

#[test]
fn ignored_bodies_are_not_acknowledged() {
    let (mut a, mut b) = (
        start(1, &[text(1, 4)]),
        start(2, &[Item::Control(Control::End)]),
    );
    let mut delivered = Vec::new();
    for round in 0..9 {
        let (from_a, _) = a.compose(round, PACKET_BYTES);
        let (from_b, _) = b.compose(round, PACKET_BYTES);
        delivered.extend(
            b.receive(RoundId(round), Epoch(1), &from_a, Bodies::Ignored)
                .delivered,
        );
        b.commit_with(None);
        assert!(
            a.receive(RoundId(round), Epoch(2), &from_b, Bodies::Taken)
                .delivered
                .is_empty()
        );
        a.commit_with(None);
    }
    assert_eq!(delivered, [Item::Control(Control::End)]);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    LoseToA,
    LoseToB,
    RestartA,
    RestartB,
    /// B starts anew after the round, with nothing of it stored.
    CrashB,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let often = |fault| prop::option::weighted(0.4, Just(fault));
    let rarely = |fault| prop::option::weighted(0.06, Just(fault));
    (
        often(Fault::LoseToA),
        often(Fault::LoseToB),
        rarely(Fault::RestartA),
        rarely(Fault::RestartB),
        rarely(Fault::CrashB),
    )
        .prop_map(|(a, b, c, d, e)| [a, b, c, d, e].into_iter().flatten().collect())
}

proptest! {
    #[test]
    fn everything_arrives_in_order_whatever_is_lost(
        lens in prop::collection::vec(0_usize..400, 1..12),
        rounds in prop::collection::vec(faults(), 0..150),
    ) {
        let items: Vec<_> = (1..).zip(&lens).map(|(id, &len)| text(id, len)).collect();
        let (mut a, mut b) = (End::new(1, items.clone()), End::new(1_000_000, Vec::new()));
        let calm = std::iter::repeat_n(Vec::new(), 400);
        for (round, faults) in (0..).zip(rounds.into_iter().chain(calm)) {
            let has = |fault| faults.contains(&fault);
            if has(Fault::RestartA) {
                a.restart();
            }
            if has(Fault::RestartB) {
                b.restart();
            }
            let (from_a, receipt) = a.delivery.compose(round, PACKET_BYTES);
            let (from_b, _) = b.delivery.compose(round, PACKET_BYTES);
            if !has(Fault::LoseToB) {
                let storage = if has(Fault::CrashB) { Storage::Crashes } else { Storage::Works };
                b.take(round, a.epoch, &from_a, storage);
            }
            if has(Fault::CrashB) {
                b.restart();
            }
            if let Some(receipt) = receipt {
                let lost = has(Fault::LoseToB);
                a.delivery.settle(receipt, if lost { Outcome::Lost } else { Outcome::Carried });
            }
            if !has(Fault::LoseToA) {
                a.take(round, b.epoch, &from_b, Storage::Works);
            }
            for item in &a.delivered {
                prop_assert!(b.came.contains(&as_incoming(item)), "delivered but not stored");
            }
        }
        prop_assert_eq!(b.distinct(), items.iter().map(as_incoming).collect::<Vec<_>>());
        prop_assert_eq!(&a.delivered, &items);
        prop_assert!(a.delivery.is_idle());
    }

    #[test]
    fn any_packet_is_survived(packets: Vec<(u64, bool, u32, u32, u32, u8, Vec<u8>)>) {
        let mut end = start(7, &[text(1, 300)]);
        for (tick, (round, known, ack, seen, seq, kind, payload)) in (0..).zip(packets) {
            let mut packet = if known { 7_u64.to_le_bytes().to_vec() } else { vec![0; 8] };
            packet.extend((ack % 4).to_le_bytes());
            packet.extend(seen.to_le_bytes());
            packet.push(kind % 7);
            packet.extend((seq % 40).to_le_bytes());
            packet.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
            packet.extend(payload);
            let _ = end.receive(RoundId(round), Epoch(u64::from(known)), &packet, Bodies::Taken);
            end.commit_with(None);
            let _ = end.compose(tick, PACKET_BYTES);
        }
    }
}
