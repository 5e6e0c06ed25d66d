//! Pieces of ratchet messages: made by the session, carried in the delivery's packets.

use core::fmt;

/// Which message of a ratchet step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RatchetKind {
    /// The first, of the side that begins.
    Offer,
    /// The second.
    Answer,
}

/// One piece of a ratchet message. Offer and answer are public to the pair only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RatchetPiece {
    /// Which message it is of.
    pub(crate) kind: RatchetKind,
    /// The generation that the step leads to.
    pub(crate) generation: u32,
    /// Pieces of the message after this one.
    pub(crate) left: u16,
    /// Its bytes, 1 to `piece_bytes`.
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Debug for RatchetPiece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RatchetPiece({:?} {}, {} left, ..)",
            self.kind, self.generation, self.left
        )
    }
}
