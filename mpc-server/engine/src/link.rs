//! How a party reaches its two peers.

pub mod memory;

use mcmix_shared::party::PartyId;

use crate::error::LinkError;

/// Largest frame that the engine hands to a link: a chunk, or one row where a row is longer.
pub const MAX_FRAME_BYTES: usize = crate::context::CHUNK_BYTES + crate::context::HEADER_BYTES;

/// Ordered, reliable, authenticated frames to and from each peer.
///
/// Frames are opaque here: the engine labels them with round, step and chunk and checks the labels.
pub trait Link: Send {
    /// Queues a frame. Returns before the peer has received it: an implementation that waits for
    /// the peer can deadlock, since all three parties send before they receive.
    ///
    /// # Errors
    /// The link is closed or the round abandoned.
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError>;

    /// Waits for the next frame from a peer.
    ///
    /// # Errors
    /// The link is closed, timed out, or the round abandoned.
    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError>;

    /// Hands out the memory of a frame that has been sent, to be filled again, if there is one.
    fn spare(&mut self) -> Option<Vec<u8>> {
        None
    }
}

/// No link: that of a party between two rounds.
#[derive(Clone, Copy, Debug)]
pub struct Closed;

impl Link for Closed {
    fn send(&mut self, _to: PartyId, _frame: Vec<u8>) -> Result<(), LinkError> {
        Err(LinkError::Closed)
    }

    fn recv(&mut self, _from: PartyId) -> Result<Vec<u8>, LinkError> {
        Err(LinkError::Closed)
    }
}
