//! Labels of messages and of correlated randomness (docs/protocol.md §4).

use core::fmt;

/// What the parties are doing: one action of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Conversation: a row's tag goes to list A or list B (§6, round 1).
    ChooseLists = 1,
    /// Conversation: the two lists are shuffled (§6, round 2).
    ShuffleLists = 2,
    /// Conversation: each list is opened to one party (§6, round 3).
    OpenLists = 3,
    /// Conversation: tables and queries go to the helper (§6, round 4).
    Lookup = 4,
    /// Conversation: the answers are re-shared (§6, round 5).
    ShareAnswers = 5,
    /// Conversation: which answers are matches (§6, rounds 6 to 11).
    CompareFingerprints = 6,
    /// Conversation: a position's partner, or itself (§6, round 12).
    SelectPartners = 7,
    /// Both: the matches are shuffled (§6, round 13).
    ShuffleMatches = 8,
    /// Both: the shuffled matches are opened (§6, round 14).
    OpenMatches = 9,
    /// Both: back to wire order (§6, round 15).
    Unshuffle = 10,
    /// Both: partner and payload are shuffled (§6.6).
    ShufflePayload = 11,
    /// Both: destinations are opened and the payload is re-shared (§6.6).
    Deliver = 12,
    /// Dialing: public random elements are drawn (§5.2).
    OpenCoins = 13,
    /// Sorting programs: rows are shuffled (§5.2).
    ShuffleRows = 14,
    /// Sorting programs: the shuffled rows are re-shared (§5.2).
    ShareRows = 15,
    /// Sorting programs: one batch of comparisons (§4.6).
    Sort = 16,
    /// Sorting programs: which neighbours are equal (§5.2).
    CompareNeighbours = 17,
    /// Sorting programs: which neighbours are joined (§5.2).
    Join = 18,
    /// Dialing as in the paper: joint randomness of the payload (§5.6).
    DialTag = 19,
}

impl Phase {
    /// Tells whether this phase belongs to the router, not to the matcher.
    pub const fn is_route(self) -> bool {
        matches!(self, Self::ShufflePayload | Self::Deliver | Self::DialTag)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChooseLists => "choose lists",
            Self::ShuffleLists => "shuffle lists",
            Self::OpenLists => "open lists",
            Self::Lookup => "lookup",
            Self::ShareAnswers => "share answers",
            Self::CompareFingerprints => "compare fingerprints",
            Self::SelectPartners => "select partners",
            Self::ShuffleMatches => "shuffle matches",
            Self::OpenMatches => "open matches",
            Self::Unshuffle => "unshuffle",
            Self::ShufflePayload => "shuffle payload",
            Self::Deliver => "deliver",
            Self::OpenCoins => "open coins",
            Self::ShuffleRows => "shuffle rows",
            Self::ShareRows => "share rows",
            Self::Sort => "sort",
            Self::CompareNeighbours => "compare neighbours",
            Self::Join => "join",
            Self::DialTag => "dial tag",
        })
    }
}

/// One vector that is sent inside a round, and the domain of its correlated randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    phase: Phase,
    index: u16,
}

impl Step {
    /// Names the `index`-th vector of a phase.
    pub const fn new(phase: Phase, index: u16) -> Self {
        Self { phase, index }
    }

    /// Returns the phase.
    pub const fn phase(self) -> Phase {
        self.phase
    }

    /// Returns the step `by` further in the same phase.
    #[must_use]
    pub const fn plus(self, by: u16) -> Self {
        Self {
            phase: self.phase,
            index: self.index.wrapping_add(by),
        }
    }

    /// Returns the label as it stands in messages and key derivations.
    pub const fn to_bytes(self) -> [u8; 3] {
        let [low, high] = self.index.to_le_bytes();
        [self.phase as u8, low, high]
    }
}

/// A vector's label, and where it may be cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vector {
    pub(crate) step: Step,
    /// Chunks are a whole number of so many bytes, not zero.
    pub(crate) unit: usize,
}

impl Step {
    /// Labels a vector of rows of so many bytes.
    pub(crate) const fn of(self, row_bytes: usize) -> Vector {
        Vector {
            step: self,
            unit: row_bytes,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.phase, self.index)
    }
}
