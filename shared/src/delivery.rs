//! Reliable delivery inside the rows: once, in order, or still waiting (docs/protocol.md §9).
//!
//! Items are cut into pieces, numbered when they are queued. A row's packet carries pieces that
//! the other side lacks and acknowledges what is stored of the other direction; a piece that is
//! lost goes again alone. Numbers and marks are stored, so a start goes on in the middle. Where
//! one side lost its state a new stream begins, with the rest numbered from 0; a receiver knows
//! texts that it stored before by their ids.
//!
//! Everything that comes here was authenticated by the session as the other side's.

mod flights;
mod packet;
mod receiver;
mod record;
mod sender;
mod unit;

use core::{fmt, ops::Range};

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{client::BatchId, kdf::Secret, piece::RatchetPiece, program::RoundId};

use packet::{HEADER_BYTES, ITEM_HEADER_BYTES, Packet};
use receiver::Receiver;
pub(crate) use record::DeliveryRecord;
use sender::Sender;

/// Pieces that may be under way, as many as an acknowledgement has bits.
const WINDOW: u32 = 32;
/// Rounds until a packet is too old to be taken. So whoever reads an acknowledgement of a round
/// knows that no row this much older can still come to what it says.
const ROUNDS_TO_TAKE: u64 = 8;
/// Bytes of the id that a text begins with.
const ID_BYTES: usize = 8;

/// What the stream carries, in order.
#[derive(Clone)]
pub(crate) enum Item {
    /// A text with the random id by which the receiver knows it again.
    Text { id: u64, text: String },
    /// The pass secret; a newer one supersedes one that has not left.
    Pass(Secret),
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => write!(f, "Text({} bytes, ..)", text.len()),
            Self::Pass(_) => f.write_str("Pass(..)"),
        }
    }
}

impl Item {
    /// Returns how many bytes are cut into pieces.
    fn byte_count(&self) -> usize {
        match self {
            Self::Text { text, .. } => ID_BYTES + text.len(),
            Self::Pass(secret) => secret.as_bytes().len(),
        }
    }

    /// Returns some of the bytes that are cut into pieces.
    fn bytes(&self, range: Range<usize>) -> Zeroizing<Vec<u8>> {
        let (head, tail) = match self {
            Self::Text { id, text } => (&id.to_le_bytes()[..], text.as_bytes()),
            Self::Pass(secret) => (&[][..], &secret.as_bytes()[..]),
        };
        let bytes = head.iter().chain(tail).skip(range.start).take(range.len());
        Zeroizing::new(bytes.copied().collect())
    }
}

/// The numbers of an item's pieces in a stream; stored with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pieces {
    stream: u32,
    first: u32,
    count: u32,
    piece_bytes: u8,
}

impl Pieces {
    /// Cuts an item into pieces of that many bytes, at least 1 and at most 255.
    fn cut(item: &Item, stream: u32, first: u32, piece_bytes: usize) -> Self {
        let piece_bytes = u8::try_from(piece_bytes).unwrap_or(u8::MAX).max(1);
        let count = item.byte_count().div_ceil(piece_bytes.into());
        Self {
            stream,
            first,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            piece_bytes,
        }
    }

    /// Returns the number after the last piece.
    fn end(&self) -> u32 {
        self.first.saturating_add(self.count)
    }
}

/// Both directions with one person. Belongs to the contact and outlives sessions.
#[derive(Debug)]
pub(crate) struct Delivery {
    sender: Sender,
    receiver: Receiver,
    /// Packets of earlier rounds are not taken.
    next_round: RoundId,
}

/// What must be stored in a batch.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The record, in place of the one before.
    pub(crate) record: DeliveryRecord,
    /// Texts whose pieces got other numbers, to be stored with the messages.
    pub(crate) renumbered: Vec<(u64, Pieces)>,
}

/// Names what was put into a row.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    round: RoundId,
    stream: u32,
    numbers: Vec<u32>,
}

/// What became of the round that carried a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The row met the other side's.
    Met,
    /// Three agreeing replies brought the own row back: it reached nobody.
    CameBack,
    /// Anything else, which shows nothing.
    Unknown,
}

/// What a packet brought.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Items that are complete now, in order. A text may come again under its id.
    pub(crate) incoming: Vec<Item>,
    /// Ids of own texts that the other side has stored now, in order.
    pub(crate) delivered: Vec<u64>,
    /// Pieces of ratchet messages.
    pub(crate) ratchet: Vec<RatchetPiece>,
    /// What a session that leaves says.
    pub(crate) farewell: Option<Farewell>,
}

/// Said outside the stream, in rows of sessions that leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The session is over.
    End,
    /// That was heard.
    EndAcknowledged,
}

/// Some of a text may have left, or it is not in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLate;

/// Writes the packet of a session that leaves. It names no stream and leaves all as they are.
pub(crate) fn farewell_packet(farewell: Farewell, packet_bytes: usize) -> Vec<u8> {
    let packet = Packet {
        farewell: Some(farewell),
        ..Packet::default()
    };
    packet.encode(packet_bytes)
}

/// Reads what a session that leaves says in a packet.
pub(crate) fn read_farewell(packet: &[u8]) -> Option<Farewell> {
    Packet::decode(packet)?.farewell
}

/// Reads a packet and writes again what was understood.
pub(crate) fn reread(packet: &[u8]) -> Option<Vec<u8>> {
    Some(Packet::decode(packet)?.encode(packet.len()))
}

impl Delivery {
    /// Starts with nothing, for a new contact.
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            sender: Sender::new(draw_seed(rng)),
            receiver: Receiver::default(),
            next_round: RoundId(0),
        }
    }

    /// Goes on from what was stored; `items` are all texts that are not delivered, in any order
    /// (in that of their writing, should what was stored not fit together).
    pub(crate) fn restore(
        record: DeliveryRecord,
        items: Vec<(Item, Pieces)>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self {
            sender: Sender::restore(&record.sender, items, draw_seed(rng)),
            receiver: Receiver::restore(record.receiver),
            next_round: RoundId(0),
        }
    }

    /// Queues an item, cut into pieces of that many bytes. It leaves once it is stored.
    pub(crate) fn queue(&mut self, item: Item, piece_bytes: usize) -> Pieces {
        self.sender.queue(item, piece_bytes)
    }

    /// Takes a text back.
    ///
    /// # Errors
    /// Refuses if some of it may have left.
    pub(crate) fn cancel(&mut self, text_id: u64) -> Result<(), TooLate> {
        self.sender.cancel(text_id)
    }

    /// Holds back what has not left, so that it can be taken back after a restart, too.
    pub(crate) fn hold(&mut self) {
        self.sender.hold();
    }

    /// Lets what was held leave once that is stored.
    pub(crate) fn release(&mut self) {
        self.sender.release();
    }

    /// Writes the packet for a row of a round: the ratchet's piece, if it fits, then pieces of
    /// the stream. If the rows got shorter, what waits is cut anew and leaves once it is stored.
    pub(crate) fn compose(
        &mut self,
        round: RoundId,
        packet_bytes: usize,
        ratchet: Option<&RatchetPiece>,
    ) -> (Vec<u8>, Receipt) {
        self.pass_over_before(round);
        let Some(mut room) = packet_bytes.checked_sub(HEADER_BYTES) else {
            return (vec![0; packet_bytes], Receipt::empty(round));
        };
        self.sender.fit(room.saturating_sub(ITEM_HEADER_BYTES));
        let mut packet = self.empty_packet();
        if let Some(piece) = ratchet
            && let Some(rest) = room.checked_sub(ITEM_HEADER_BYTES + piece.bytes.len())
        {
            room = rest;
            packet.ratchet.push(piece.clone());
        }
        packet.pieces = self.sender.pick(round, room);
        let receipt = Receipt {
            round,
            stream: packet.stream,
            numbers: packet.pieces.iter().map(|(number, _)| *number).collect(),
        };
        (packet.encode(packet_bytes), receipt)
    }

    /// Writes a packet that acknowledges what came and carries nothing.
    pub(crate) fn compose_empty(&mut self, round: RoundId, packet_bytes: usize) -> Vec<u8> {
        self.pass_over_before(round);
        if packet_bytes < HEADER_BYTES {
            return vec![0; packet_bytes];
        }
        self.empty_packet().encode(packet_bytes)
    }

    fn empty_packet(&self) -> Packet {
        let mut packet = Packet {
            stream: self.sender.stream(),
            ..Packet::default()
        };
        self.receiver.acknowledge(&mut packet);
        packet
    }

    /// Passes over what comes too late for a packet of that round.
    fn pass_over_before(&mut self, round: RoundId) {
        let oldest = round.0.saturating_sub(ROUNDS_TO_TAKE - 1);
        self.next_round = self.next_round.max(RoundId(oldest));
    }

    /// Learns what became of a row; returns texts that were now handed over as a whole.
    pub(crate) fn settle(&mut self, receipt: &Receipt, outcome: Outcome) -> Vec<u64> {
        self.sender.settle(receipt, outcome)
    }

    /// Takes the packet that a round brought. One that is malformed brings nothing. Nor does one
    /// of a round that is not later than the last one's: it would be taken for lost state. Nor
    /// one that is [`ROUNDS_TO_TAKE`] older than the last row.
    pub(crate) fn receive(&mut self, round: RoundId, packet: &[u8]) -> Progress {
        let is_late = round < self.next_round;
        let Some(packet) = Packet::decode(packet).filter(|_| !is_late) else {
            return Progress::default();
        };
        self.next_round = RoundId(round.0.saturating_add(1));
        let mut progress = Progress {
            ratchet: packet.ratchet,
            farewell: packet.farewell,
            ..Progress::default()
        };
        if packet.stream != 0 {
            let (stream, ack, bits) = (packet.acked_stream, packet.ack, packet.bits);
            progress.delivered = self.sender.acknowledge(round, stream, ack, bits);
            progress.incoming = self.receiver.take(packet.stream, packet.pieces);
        }
        progress
    }

    /// Returns what must be stored in that batch, if anything changed since the last call. What
    /// it says leaves, or is acknowledged, once the batch is stored.
    pub(crate) fn commit_with(&mut self, batch: BatchId) -> Option<Commit> {
        if !self.sender.changed && !self.receiver.changed {
            return None;
        }
        self.receiver.commit_with(batch);
        Some(Commit {
            renumbered: self.sender.commit_with(batch),
            record: self.to_record(),
        })
    }

    /// Returns what is stored of it.
    pub(crate) fn to_record(&self) -> DeliveryRecord {
        DeliveryRecord {
            sender: self.sender.to_record(),
            receiver: self.receiver.to_record(),
        }
    }

    /// Learns that all batches up to that one are stored.
    pub(crate) fn stored(&mut self, batch: BatchId) {
        self.sender.stored(batch);
        self.receiver.stored(batch);
    }

    /// Takes everything out that is not acknowledged, for a new device on the other side;
    /// returns the texts' ids in order. What is queued from now on is of a new stream.
    pub(crate) fn take_unacknowledged(&mut self) -> Vec<u64> {
        self.sender.take_unacknowledged()
    }

    /// Returns whether a text is in the stream and some of it may have left.
    pub(crate) fn has_left(&self, text_id: u64) -> bool {
        self.sender.has_left(text_id)
    }

    /// Returns whether everything was acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        self.sender.is_idle()
    }

    /// Returns how many pieces of a text are not acknowledged.
    #[cfg(test)]
    pub(crate) fn pieces_left(&self, text_id: u64) -> u32 {
        self.sender.pieces_left(text_id)
    }
}

impl Receipt {
    /// Names nothing.
    fn empty(round: RoundId) -> Self {
        Self {
            round,
            stream: 0,
            numbers: Vec::new(),
        }
    }
}

fn draw_seed(rng: &mut impl CryptoRng) -> Secret {
    let mut seed = Zeroizing::new([0; 32]);
    rng.fill_bytes(&mut *seed);
    Secret::from_bytes(*seed)
}

#[cfg(test)]
mod tests;
