//! Why a frame was refused or a client left out, as one byte and as text for people.

use serde::{Deserialize, Serialize};

/// Declares a one-byte reason and the sentence that people read.
macro_rules! reasons {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal: $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error,
        )]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[error($text)] $variant,)*
        }

        impl $name {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the reason's byte.
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// Returns the reason of that byte, if there is one.
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    /// Why a server refused a frame or a connection.
    Refusal {
        /// Byte 0 was another version.
        UnsupportedVersion = 1: "the server runs another version of MCMix",
        /// Byte 1 was no kind of ours.
        UnknownKind = 2: "the server does not know this kind of frame",
        /// Too short or too long.
        WrongSize = 3: "a frame had the wrong size",
        /// A program that has no open round of that number.
        WrongProgram = 4: "a frame named the wrong program",
        /// A round that is not open.
        WrongRound = 5: "a frame named a round that is not open",
        /// Before the round opened.
        Early = 6: "a submission came before its round opened",
        /// After the round closed.
        Late = 7: "a submission came after its round closed",
        /// A second submission for the same round.
        Repeated = 8: "a round got two submissions",
        /// The same client connected anew; this connection closes.
        Replaced = 9: "the same identity connected from somewhere else",
        /// Another client has the same id; this connection closes.
        IdTaken = 10: "another client has the same id",
        /// No room for one more; this connection closes.
        TooManyConnections = 11: "the server is full",
        /// Bytes that are no frame at all; this connection closes.
        Malformed = 12: "the server could not read a frame",
        /// Too many frames; this connection closes.
        TooFast = 13: "too many frames came at once",
        /// The server is shutting down; this connection closes.
        Stopping = 14: "the server is restarting",
    }
}

reasons! {
    /// Why a client was left out of a round.
    MissedReason {
        /// Not all three servers had its share at the deadline.
        Absent = 1: "not all three servers had the submission in time",
        /// Two servers were dealt different copies of a component.
        Mismatch = 2: "the servers were dealt shares that do not fit together",
    }
}

reasons! {
    /// Why a round has no result for anybody.
    FailedReason {
        /// A link or the time.
        Broken = 1: "the servers did not complete the round",
        /// A check found that a server deviates.
        Aborted = 2: "a check found that a server does not follow the protocol",
    }
}

#[cfg(test)]
mod tests {
    use super::{FailedReason, MissedReason, Refusal};

    #[test]
    fn codes_are_inverse() {
        for &reason in Refusal::ALL {
            assert_eq!(Refusal::from_code(reason.code()), Some(reason));
        }
        for &reason in MissedReason::ALL {
            assert_eq!(MissedReason::from_code(reason.code()), Some(reason));
        }
        for &reason in FailedReason::ALL {
            assert_eq!(FailedReason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(FailedReason::from_code(0), None);
        assert_eq!(Refusal::from_code(0), None);
        assert_eq!(MissedReason::from_code(0), None);
    }
}
