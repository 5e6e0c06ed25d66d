//! Reliable delivery inside the rows: once, in order, or still waiting (docs/protocol.md §9).

#![allow(dead_code, reason = "skeleton")]
#![allow(clippy::todo, reason = "skeleton")]

use core::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{client::BatchId, kdf::Secret, piece::RatchetPiece, program::RoundId};

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

/// The numbers of an item's pieces in a stream; stored with the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pieces {
    stream: u32,
    first: u32,
    count: u32,
    piece_bytes: u8,
}

/// Both directions with one person. Belongs to the contact and outlives sessions.
#[derive(Debug)]
pub(crate) struct Delivery {}

/// What is stored of a delivery, but for the texts and their [`Pieces`].
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DeliveryRecord {}

/// What must be stored in a batch.
#[derive(Debug)]
pub(crate) struct Commit {
    /// The record, in place of the one before.
    pub(crate) record: DeliveryRecord,
    /// Texts whose pieces got other numbers, to be stored with the messages.
    pub(crate) renumbered: Vec<(u64, Pieces)>,
}

impl fmt::Debug for DeliveryRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeliveryRecord(..)")
    }
}

/// Names what was put into a row.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {}

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
    /// Items that are complete now, in order.
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

/// Some of a text may have left already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLate;

/// Writes the packet of a session that leaves.
pub(crate) fn farewell_packet(farewell: Farewell, packet_bytes: usize) -> Vec<u8> {
    todo!()
}

/// Reads the packet of a session that leaves.
pub(crate) fn read_farewell(packet: &[u8]) -> Option<Farewell> {
    todo!()
}

impl Delivery {
    /// Starts with nothing, for a new contact.
    pub(crate) fn new(rng: &mut impl CryptoRng) -> Self {
        todo!()
    }

    /// Goes on from what was stored; `items` are all texts that are not acknowledged.
    pub(crate) fn restore(
        record: DeliveryRecord,
        items: Vec<(Item, Pieces)>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        todo!()
    }

    /// Queues an item, cut into pieces of that many bytes. It leaves once it is stored.
    pub(crate) fn queue(&mut self, item: Item, piece_bytes: usize) -> Pieces {
        todo!()
    }

    /// Takes a text back; `Err` if some of it may have left.
    pub(crate) fn cancel(&mut self, text_id: u64) -> Result<(), TooLate> {
        todo!()
    }

    /// Lets what was held leave once that is stored.
    pub(crate) fn release(&mut self) {
        todo!()
    }

    /// Holds back what has not left, so that it can be taken back after a restart, too.
    pub(crate) fn hold(&mut self) {
        todo!()
    }

    /// Writes the packet for a row of a round.
    pub(crate) fn compose(
        &mut self,
        round: RoundId,
        packet_bytes: usize,
        ratchet: Option<&RatchetPiece>,
    ) -> (Vec<u8>, Receipt) {
        todo!()
    }

    /// Learns what became of a row; returns texts that were now handed over as a whole.
    pub(crate) fn settle(&mut self, receipt: &Receipt, outcome: Outcome) -> Vec<u64> {
        todo!()
    }

    /// Takes the packet that a round brought; one that is malformed or not newer than the last
    /// brings nothing.
    pub(crate) fn receive(&mut self, round: RoundId, packet: &[u8]) -> Progress {
        todo!()
    }

    /// Returns what must be stored in that batch, if anything changed since the last call.
    pub(crate) fn commit_with(&mut self, batch: BatchId) -> Option<Commit> {
        todo!()
    }

    /// Learns that all batches up to that one are stored.
    pub(crate) fn stored(&mut self, batch: BatchId) {
        todo!()
    }

    /// Learns that a batch was not stored.
    pub(crate) fn store_failed(&mut self) {
        todo!()
    }

    /// Takes everything out that is not acknowledged, for a new device on the other side.
    pub(crate) fn take_unacknowledged(&mut self) -> Vec<u64> {
        todo!()
    }

    /// Returns whether some of a text may have left.
    pub(crate) fn has_left(&self, text_id: u64) -> bool {
        todo!()
    }

    /// Returns whether everything was acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        todo!()
    }

    /// Returns how many pieces of a text are not acknowledged.
    pub(crate) fn pieces_left(&self, text_id: u64) -> u32 {
        todo!()
    }
}
