//! Everything that can go wrong in a round, with the peer and the step it went wrong at.

use mcmix_shared::party::PartyId;
use thiserror::Error;

use crate::step::Step;

/// Why a link could not carry a frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LinkError {
    /// The connection is gone.
    #[error("link closed")]
    Closed,
    /// The peer sent nothing for too long.
    #[error("link timed out")]
    TimedOut,
    /// The round was abandoned by this party or by the peer.
    #[error("round abandoned")]
    Abandoned,
}

/// Why a round failed. A failed round is never run again.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The link to a peer failed.
    #[error("{peer} at {step}: {source}")]
    Link {
        /// The peer at the other end.
        peer: PartyId,
        /// The step that needed the link.
        step: Step,
        /// What the link said.
        source: LinkError,
    },
    /// A frame is shorter than its header.
    #[error("{peer} at {step}: frame of {got} bytes has no header")]
    NoHeader {
        /// The peer that sent it.
        peer: PartyId,
        /// The step that was expected.
        step: Step,
        /// Length of the frame.
        got: usize,
    },
    /// A frame belongs to another round.
    #[error("{peer} at {step}: expected round {expected}, got {got}")]
    WrongRound {
        /// The peer that sent it.
        peer: PartyId,
        /// The step that was expected.
        step: Step,
        /// This round.
        expected: u64,
        /// The frame's round.
        got: u64,
    },
    /// A frame is labelled with another step.
    #[error("{peer} at {step}: got a frame labelled {got:?}")]
    WrongStep {
        /// The peer that sent it.
        peer: PartyId,
        /// The step that was expected.
        step: Step,
        /// The frame's label.
        got: [u8; 3],
    },
    /// A chunk is missing, repeated, or out of order.
    #[error("{peer} at {step}: expected chunk {expected}, got {got}")]
    WrongChunk {
        /// The peer that sent it.
        peer: PartyId,
        /// The step.
        step: Step,
        /// The chunk that was next.
        expected: u32,
        /// The chunk that came.
        got: u32,
    },
    /// A chunk is shorter or longer than it must be.
    #[error("{peer} at {step}: expected {expected} bytes, got {got}")]
    WrongLength {
        /// The peer that sent it.
        peer: PartyId,
        /// The step.
        step: Step,
        /// Length that the step fixes.
        expected: usize,
        /// Length that came.
        got: usize,
    },
    /// An opened list is not a permutation.
    #[error("{peer} at {step}: the opened list is not a permutation")]
    NotAPermutation {
        /// The peer whose half completed the list.
        peer: PartyId,
        /// The step that opened it.
        step: Step,
    },
    /// Opened comparisons contradict each other.
    #[error("{peer} at {step}: the opened comparisons contradict each other")]
    NotAnOrder {
        /// The peer whose part completed the comparisons.
        peer: PartyId,
        /// The step that opened them.
        step: Step,
    },
    /// An opened component and its hash, which come from the two parties that hold it, differ.
    #[error("{peer} and {other} at {step}: an opened value and its hash differ")]
    HashMismatch {
        /// The peer that sent the component.
        peer: PartyId,
        /// The peer that sent its hash.
        other: PartyId,
        /// The step that opened it.
        step: Step,
    },
    /// The two verifiers of a proof worked with different weights.
    #[error("{prover} and {other} at {step}: the proof of {prover} has two versions")]
    DigestMismatch {
        /// Whose proof it is.
        prover: PartyId,
        /// The other verifier.
        other: PartyId,
        /// The step.
        step: Step,
    },
    /// A proof was rejected.
    #[error("{prover} and {other} at {step}: the proof of {prover} is wrong")]
    ProofRejected {
        /// Whose proof it is.
        prover: PartyId,
        /// The other verifier.
        other: PartyId,
        /// The step.
        step: Step,
    },
    /// This party's own input has the wrong length.
    #[error("input {what}: expected {expected} bytes, got {got}")]
    Input {
        /// Which vector.
        what: &'static str,
        /// Length that the number of rows fixes.
        expected: usize,
        /// Length that was given.
        got: usize,
    },
    /// More rows than 32-bit positions allow.
    #[error("{got} rows, at most {} allowed", crate::context::MAX_ROWS)]
    TooManyRows {
        /// Number of rows given.
        got: usize,
    },
    /// A program was run without a round of its own.
    #[error("no round begun, or a program has already run in it")]
    NoRound,
    /// A round number was used before, or went back.
    #[error("round {got} after round {last}")]
    RoundReused {
        /// The last round begun.
        last: u64,
        /// The one asked for.
        got: u64,
    },
}

impl Error {
    /// Returns the peer that the failure is blamed on, if there is one.
    pub const fn culprit(&self) -> Option<PartyId> {
        match self {
            Self::Link { peer, .. }
            | Self::NoHeader { peer, .. }
            | Self::WrongRound { peer, .. }
            | Self::WrongStep { peer, .. }
            | Self::WrongChunk { peer, .. }
            | Self::WrongLength { peer, .. }
            | Self::NotAPermutation { peer, .. }
            | Self::NotAnOrder { peer, .. } => Some(*peer),
            // Of the two peers one lies: nobody can tell which.
            Self::HashMismatch { .. }
            | Self::DigestMismatch { .. }
            | Self::ProofRejected { .. }
            | Self::Input { .. }
            | Self::TooManyRows { .. }
            | Self::NoRound
            | Self::RoundReused { .. } => None,
        }
    }
}
