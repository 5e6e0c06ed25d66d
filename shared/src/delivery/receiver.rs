//! The receiving end of a stream: puts pieces in order and items together.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

use super::{
    ID_BYTES, Item, WINDOW,
    packet::{Packet, Piece, PieceKind},
    record::{PartialRecord, ReceiverRecord},
};
use crate::{
    client::{BatchId, MAX_TEXT_BYTES},
    kdf::Secret,
};

/// Batches that are waited for at most; beyond, marks are put together.
const MAX_COMMITS: usize = 32;

/// Streams that are remembered after they ended.
const MAX_ENDED: usize = 8;

/// The receiving end.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// The other side's stream; 0 is none.
    stream: u32,
    /// Its streams before this one. Whoever comes back to one was rolled back, perhaps to before
    /// some of what we know of it; not to go back makes them begin a new one.
    ended: VecDeque<u32>,
    /// The number of the next piece in order.
    next: u32,
    /// Pieces before this number are stored.
    committed: u32,
    /// What waits for storage: pieces before the number, once the batch is stored.
    commits: VecDeque<(BatchId, u32)>,
    /// Pieces that came before their turn, at most [`WINDOW`].
    early: BTreeMap<u32, Piece>,
    /// An item of which the beginning came.
    partial: Option<Partial>,
    /// Whether the record differs from the one given out last.
    pub(super) changed: bool,
}

/// An item of which the beginning came.
struct Partial {
    kind: PieceKind,
    left: u16,
    /// `None` if there are too many: it is heard to its end and dropped.
    bytes: Option<Zeroizing<Vec<u8>>>,
}

impl fmt::Debug for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partial({:?}, {} left, ..)", self.kind, self.left)
    }
}

impl Receiver {
    /// Writes into a packet what came and is stored.
    pub(super) fn acknowledge(&self, packet: &mut Packet) {
        let came = |bit: &u32| {
            let number = self.committed.saturating_add(*bit);
            number < self.next || self.early.contains_key(&number)
        };
        packet.acked_stream = self.stream;
        packet.ack = self.committed;
        packet.bits = (0..WINDOW)
            .filter(came)
            .fold(0, |bits, bit| bits | 1 << bit);
    }

    /// Takes the pieces of a packet; returns the items that are complete now, in order.
    pub(super) fn take(&mut self, stream: u32, pieces: Vec<(u32, Piece)>) -> Vec<Item> {
        if stream != self.stream {
            if self.ended.contains(&stream) {
                return Vec::new();
            }
            self.begin(stream);
        }
        let mut items = Vec::new();
        for (number, piece) in pieces {
            if self.is_expected(number, &piece) {
                self.early.entry(number).or_insert(piece);
            }
            while let Some((number, piece)) = self.pop_due() {
                self.changed = true;
                self.next = after(number, &piece);
                items.extend(self.join(&piece));
            }
        }
        items
    }

    /// Turns to a new stream of the other side's.
    fn begin(&mut self, stream: u32) {
        let mut ended = core::mem::take(&mut self.ended);
        if self.stream != 0 {
            ended.push_back(self.stream);
        }
        if ended.len() > MAX_ENDED {
            ended.pop_front();
        }
        *self = Self {
            stream,
            ended,
            changed: true,
            ..Self::default()
        };
    }

    /// Returns whether a piece is new and not too far ahead. Those with the last numbers are
    /// never taken, so that numbers do not run over.
    fn is_expected(&self, number: u32, piece: &Piece) -> bool {
        after(number, piece) > self.next
            && after(number, piece) < u32::MAX
            && number < self.next.saturating_add(WINDOW)
    }

    fn pop_due(&mut self) -> Option<(u32, Piece)> {
        loop {
            let first = self.early.first_entry()?;
            if *first.key() > self.next {
                return None;
            }
            let (number, piece) = first.remove_entry();
            // One that a skip item covers, too, is of no use.
            if after(number, &piece) > self.next {
                return Some((number, piece));
            }
        }
    }

    /// Joins a piece to what came before it. One out of place ends what was begun.
    fn join(&mut self, piece: &Piece) -> Option<Item> {
        let begun = self.partial.take();
        let limit = match piece.kind {
            PieceKind::Skip => return None,
            PieceKind::Text => ID_BYTES + MAX_TEXT_BYTES,
            PieceKind::Pass => 32,
        };
        let goes_on = |begun: &Partial| {
            begun.kind == piece.kind && begun.left.checked_sub(1) == Some(piece.left)
        };
        let mut bytes = match begun.filter(goes_on) {
            Some(begun) => begun.bytes,
            None => Some(Zeroizing::default()),
        };
        bytes = bytes.filter(|bytes| bytes.len() + piece.bytes.len() <= limit);
        if let Some(bytes) = &mut bytes {
            bytes.extend_from_slice(&piece.bytes);
        }
        if piece.left == 0 {
            return read_item(piece.kind, &bytes?);
        }
        self.partial = Some(Partial {
            kind: piece.kind,
            left: piece.left,
            bytes,
        });
        None
    }

    /// Lets what came so far be acknowledged once that batch is stored.
    pub(super) fn commit_with(&mut self, batch: BatchId) {
        self.changed = false;
        if self.commits.len() >= MAX_COMMITS {
            self.commits.pop_back();
        }
        self.commits.push_back((batch, self.next));
    }

    pub(super) fn stored(&mut self, batch: BatchId) {
        while let Some((_, upto)) = self
            .commits
            .pop_front_if(|(waits_for, _)| *waits_for <= batch)
        {
            self.committed = upto;
        }
    }

    pub(super) fn to_record(&self) -> ReceiverRecord {
        let partial = |partial: &Partial| PartialRecord {
            pass: partial.kind == PieceKind::Pass,
            left: partial.left,
            bytes: partial.bytes.as_ref().map(|bytes| bytes.to_vec()),
        };
        ReceiverRecord {
            stream: self.stream,
            ended: self.ended.iter().copied().collect(),
            next: self.next,
            partial: self.partial.as_ref().map(partial),
        }
    }

    /// Goes on from what was stored. What does not make sense is forgotten: the other side
    /// notices and sends again what was not acknowledged.
    pub(super) fn restore(mut record: ReceiverRecord) -> Self {
        let partial = record.partial.take();
        let too_long = |partial: &PartialRecord| {
            let bytes = partial.bytes.as_ref();
            bytes.is_some_and(|bytes| bytes.len() > ID_BYTES + MAX_TEXT_BYTES)
        };
        if record.stream == 0 || partial.as_ref().is_some_and(too_long) {
            return Self::default();
        }
        let partial = partial.map(|mut partial| Partial {
            kind: if partial.pass {
                PieceKind::Pass
            } else {
                PieceKind::Text
            },
            left: partial.left,
            bytes: partial.bytes.take().map(Zeroizing::new),
        });
        Self {
            stream: record.stream,
            ended: record.ended.into_iter().take(MAX_ENDED).collect(),
            next: record.next,
            committed: record.next,
            partial,
            ..Self::default()
        }
    }
}

/// Returns the number after what a piece covers.
fn after(number: u32, piece: &Piece) -> u32 {
    let more = match piece.kind {
        PieceKind::Skip => u32::from(piece.left),
        PieceKind::Text | PieceKind::Pass => 0,
    };
    number.saturating_add(more).saturating_add(1)
}

/// Reads an item from all its bytes; `None` if it is none.
fn read_item(kind: PieceKind, bytes: &[u8]) -> Option<Item> {
    match kind {
        PieceKind::Skip => None,
        PieceKind::Text => {
            let (id, text) = bytes.split_first_chunk()?;
            Some(Item::Text {
                id: u64::from_le_bytes(*id),
                text: core::str::from_utf8(text).ok()?.to_owned(),
            })
        }
        PieceKind::Pass => Some(Item::Pass(Secret::from_bytes(bytes.try_into().ok()?))),
    }
}
