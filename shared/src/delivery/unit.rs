//! An item in the stream, with the numbers of its pieces.

use core::ops::Range;

use zeroize::Zeroizing;

use super::{
    Item, Pieces,
    flights::Flights,
    packet::{Piece, PieceKind},
};
use crate::client::BatchId;

/// An item and its numbers, or numbers that were taken back.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) content: Content,
    pub(super) pieces: Pieces,
    pub(super) release: Release,
    /// Whether some of it may have left before this start, or in an older stream.
    pub(super) left: bool,
    /// Whether the caller was told that all of it was handed over.
    pub(super) told: bool,
    /// Whether the caller must store other numbers than before.
    pub(super) renumbered: bool,
}

/// What the numbers stand for.
#[derive(Debug)]
pub(super) enum Content {
    Item(Item),
    /// What was there was taken back.
    Skip,
}

/// Whether a unit may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// Not before it is released.
    Held,
    /// Once the next batch is stored.
    WithNext,
    /// Once that batch is stored.
    With(BatchId),
}

impl Unit {
    /// Takes a new item, which leaves once it is stored.
    pub(super) fn new(item: Item, pieces: Pieces) -> Self {
        Self {
            content: Content::Item(item),
            pieces,
            release: Release::WithNext,
            left: false,
            told: false,
            renumbered: false,
        }
    }

    /// Takes an item from storage of which some may have left.
    pub(super) fn left(item: Item, pieces: Pieces) -> Self {
        Self {
            release: Release::With(BatchId(0)),
            left: true,
            ..Self::new(item, pieces)
        }
    }

    /// Takes an item from storage of which nothing has left.
    pub(super) fn held(item: Item, pieces: Pieces) -> Self {
        Self {
            release: Release::Held,
            ..Self::new(item, pieces)
        }
    }

    /// Covers numbers that were taken back, as stored.
    pub(super) fn skip(pieces: Pieces) -> Self {
        Self {
            content: Content::Skip,
            pieces,
            release: Release::With(BatchId(0)),
            left: true,
            told: true,
            renumbered: false,
        }
    }

    pub(super) fn text_id(&self) -> Option<u64> {
        match &self.content {
            Content::Item(Item::Text { id, .. }) => Some(*id),
            Content::Item(Item::Pass(_)) | Content::Skip => None,
        }
    }

    pub(super) fn is_pass(&self) -> bool {
        matches!(self.content, Content::Item(Item::Pass(_)))
    }

    pub(super) fn is_skip(&self) -> bool {
        matches!(self.content, Content::Skip)
    }

    /// Returns whether some of it may have left; pieces before `acked` certainly came.
    pub(super) fn may_have_left(&self, acked: u32, flights: &Flights) -> bool {
        self.left || self.pieces.first < acked || flights.may_have_left(&self.pieces)
    }

    /// Returns whether its numbers can never be given to something else.
    pub(super) fn is_firm(&self, acked: u32, flights: &Flights) -> bool {
        let came = self.left || self.pieces.first < acked || flights.may_have_come(&self.pieces);
        came || self.is_skip()
    }

    /// Returns how many of its pieces are not acknowledged.
    pub(super) fn open(&self, acked: u32) -> u32 {
        let first = self.pieces.first.max(acked);
        self.pieces.end().saturating_sub(first)
    }

    /// Notes that the numbers are other ones, which must be stored first.
    pub(super) fn renumber(&mut self, pieces: Pieces) {
        self.pieces = pieces;
        self.renumbered = true;
        if self.release != Release::Held {
            self.release = Release::WithNext;
        }
    }

    /// Returns which bytes of the item a number stands for.
    fn range(&self, number: u32) -> Range<usize> {
        let Content::Item(item) = &self.content else {
            return 0..0;
        };
        let piece_bytes = usize::from(self.pieces.piece_bytes);
        let index = number.saturating_sub(self.pieces.first) as usize;
        let start = index.saturating_mul(piece_bytes).min(item.byte_count());
        start..start.saturating_add(piece_bytes).min(item.byte_count())
    }

    /// Returns the bytes of the piece with a number.
    pub(super) fn piece_bytes(&self, number: u32) -> usize {
        self.range(number).len()
    }

    /// Returns the bytes of the longest piece.
    pub(super) fn longest_piece(&self) -> usize {
        self.piece_bytes(self.pieces.first)
    }

    /// Returns the piece with a number.
    pub(super) fn piece(&self, number: u32) -> Piece {
        let last = self.pieces.end().saturating_sub(1);
        let left = last.saturating_sub(number).try_into().unwrap_or(u16::MAX);
        let (kind, bytes) = match &self.content {
            Content::Skip => (PieceKind::Skip, Zeroizing::default()),
            Content::Item(item) => {
                let kind = match item {
                    Item::Text { .. } => PieceKind::Text,
                    Item::Pass(_) => PieceKind::Pass,
                };
                (kind, item.bytes(self.range(number)))
            }
        };
        Piece { kind, left, bytes }
    }
}
