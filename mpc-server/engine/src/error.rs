//! Everything that can go wrong in a round, with the peer and the step it went wrong at.

use core::fmt;

use mcmix_shared::party::PartyId;
use thiserror::Error;

use crate::step::Step;

/// Why a link could not carry a frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LinkError {
    /// The connection is gone.
    #[error("the link with it is closed")]
    Closed,
    /// The peer sent nothing for too long.
    #[error("it sent nothing before the round's time was over (rounds.limit_ms)")]
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
    /// A proof does not hold: its prover sent something else than its inputs give, or the other
    /// verifier lied about its part.
    #[error(
        "{prover} and {other} at {step}: a proof was rejected: {prover}, whose messages it is \
         about, or {other}, which checks it with us, deviates"
    )]
    ProofRejected {
        /// The peer whose messages were to be proved.
        prover: PartyId,
        /// The other verifier.
        other: PartyId,
        /// The step that needed the proof.
        step: Step,
    },
    /// The two verifiers of a proof have different roots or challenges: the prover told them
    /// different things, or the other verifier lied about its own.
    #[error(
        "{prover} and {other} at {step}: expected one root and one set of challenges for the proof \
         of {prover}, but those of {other} differ from ours"
    )]
    DigestMismatch {
        /// The peer whose messages were to be proved.
        prover: PartyId,
        /// The other verifier.
        other: PartyId,
        /// The step that needed the proof.
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

/// Who may have made a round fail, as the party sees it at which it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspects {
    /// Neither peer: it is this party's own doing.
    Nobody,
    /// The sender of a frame whose label or length is wrong, or the peer at the end of a link that
    /// failed.
    One(PartyId),
    /// Whatever a check finds: one of the two deviates, and nobody can tell which, for a peer that
    /// lies while it checks makes the honest one's message look wrong.
    Two(PartyId, PartyId),
}

impl Suspects {
    /// Returns what a check gives that `me` made: both peers.
    pub const fn of_check(me: PartyId) -> Self {
        Self::Two(me.next(), me.prev())
    }
}

impl fmt::Display for Suspects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::One(peer) => write!(f, "{peer}"),
            Self::Two(one, other) => write!(f, "{one} or {other}"),
        }
    }
}

impl Error {
    /// Returns whom `me`, where the round failed, must suspect.
    pub const fn suspects(&self, me: PartyId) -> Suspects {
        match self {
            Self::Link { peer, .. }
            | Self::NoHeader { peer, .. }
            | Self::WrongRound { peer, .. }
            | Self::WrongStep { peer, .. }
            | Self::WrongChunk { peer, .. }
            | Self::WrongLength { peer, .. } => Suspects::One(*peer),
            Self::NotAPermutation { .. }
            | Self::NotAnOrder { .. }
            | Self::HashMismatch { .. }
            | Self::ProofRejected { .. }
            | Self::DigestMismatch { .. } => Suspects::of_check(me),
            Self::Input { .. }
            | Self::TooManyRows { .. }
            | Self::NoRound
            | Self::RoundReused { .. } => Suspects::Nobody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Phase;

    /// What a check finds is never blamed on one, whoever sent what it found.
    #[test]
    fn checks_suspect_both_peers_and_frames_their_sender() {
        let step = Step::new(Phase::OpenPartners, 0);
        for me in PartyId::ALL {
            let (peer, other) = (me.next(), me.prev());
            let prover = peer;
            for found in [
                Error::NotAPermutation { peer, step },
                Error::NotAnOrder { peer, step },
                Error::HashMismatch { peer, other, step },
                Error::ProofRejected {
                    prover,
                    other,
                    step,
                },
                Error::DigestMismatch {
                    prover,
                    other,
                    step,
                },
            ] {
                assert_eq!(found.suspects(me), Suspects::Two(peer, other), "{found}");
            }
            let (expected, got) = (1, 2);
            let wrong = Error::WrongLength {
                peer,
                step,
                expected,
                got,
            };
            assert_eq!(wrong.suspects(me), Suspects::One(peer));
            assert_eq!(Error::NoRound.suspects(me), Suspects::Nobody);
        }
        assert_eq!(Suspects::of_check(PartyId::P1).to_string(), "P2 or P0");
    }
}
