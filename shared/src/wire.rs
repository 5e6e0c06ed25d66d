//! Frames between a client and a server (docs/protocol.md §10).
//!
//! The first message each way is a Noise handshake message (see [`crate::noise`]); every later
//! message is one sealed frame. Byte 0 is the version, byte 1 the kind, numbers are
//! little-endian, nothing may be left over. All frames of one kind, program and party have one
//! size in a deployment, whatever they carry.
//!
//! A client opens with [`ClientFrame::Ready`]; until it came, the Noise initiator may be a
//! replay, so a server must not yet let the connection replace an older one.

mod client_frame;
mod reason;
mod server_frame;

pub use client_frame::{ClientFrame, Submit};
pub use reason::{FailedReason, MissedReason, Refusal};
pub use server_frame::{Open, Reply, ServerFrame, Welcome};

use crate::{bytes::Short, share::ShareError};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "mcmix.v2";
/// Byte 0 of every frame.
pub const VERSION: u8 = 2;

/// Bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// Another version.
    #[error("frame version: expected {VERSION}, got {0}")]
    Version(u8),
    /// No kind of ours.
    #[error("unknown frame kind {0}")]
    Kind(u8),
    /// No program of ours.
    #[error("unknown program {0}")]
    Program(u8),
    /// No party of the three.
    #[error("unknown party {0}")]
    Party(u8),
    /// No reason of ours.
    #[error("unknown reason {0}")]
    Reason(u8),
    /// Fewer bytes than the kind has.
    #[error("frame too short")]
    Short,
    /// More bytes than the kind has.
    #[error("{0} bytes after the end of the frame")]
    Trailing(usize),
    /// A share of the wrong length.
    #[error(transparent)]
    Share(#[from] ShareError),
    /// A reply body of the wrong length.
    #[error("reply body: expected {expected} bytes, got {got}")]
    Body {
        /// The length that the deployment gives.
        expected: usize,
        /// The length that came.
        got: usize,
    },
}

impl From<Short> for WireError {
    fn from(Short: Short) -> Self {
        Self::Short
    }
}

impl WireError {
    /// Returns what a server tells the client that sent such bytes.
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::Version(_) => Refusal::UnsupportedVersion,
            Self::Kind(_) => Refusal::UnknownKind,
            Self::Program(_) => Refusal::WrongProgram,
            Self::Share(_) | Self::Body { .. } | Self::Short | Self::Trailing(_) => {
                Refusal::WrongSize
            }
            Self::Party(_) | Self::Reason(_) => Refusal::Malformed,
        }
    }
}

fn finish(rest: &[u8]) -> Result<(), WireError> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(WireError::Trailing(rest.len()))
    }
}
