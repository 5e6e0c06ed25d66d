//! Labels of messages and of correlated randomness (docs/protocol.md §4).

use core::fmt;

/// What the parties are doing: one action of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Phase {
    /// All: the round's coins are opened (§4.3).
    OpenCoins = 1,
    /// Conversation: a row's tag goes to list A or list B (§6, round 1).
    ChooseLists = 2,
    /// Conversation: the two lists are shuffled (§6, rounds 2 and 3).
    ShuffleLists = 3,
    /// All: what was sent is proved and verified (§7).
    Verify = 4,
    /// Conversation: the lists' values are opened (§6, round 5).
    OpenLists = 5,
    /// Conversation: list A is put into bins (§6, rounds 6 and 7).
    PlaceRows = 6,
    /// Conversation: list B is looked up in the bins (§6, round 8).
    LookUp = 7,
    /// Conversation: which of what was found is a match (§6).
    CompareRows = 8,
    /// Conversation: the partners of those that match (§6).
    SelectPartners = 9,
    /// Both: back to wire order (§6).
    ReturnPartners = 10,
    /// All: partner and payload are shuffled (§6.6).
    ShufflePayload = 11,
    /// All: destinations are opened (§6.6).
    OpenPartners = 12,
    /// All: the payload is re-shared and released (§6.6).
    Deliver = 13,
    /// Sorting programs: rows are shuffled (§5.2).
    ShuffleRows = 14,
    /// Sorting programs: comparisons (§4.6).
    Sort = 15,
    /// Sorting programs: outcomes of comparisons are opened (§4.6).
    OpenOrder = 16,
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
        matches!(
            self,
            Self::ShufflePayload | Self::OpenPartners | Self::Deliver | Self::DialTag
        )
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenCoins => "open coins",
            Self::ChooseLists => "choose lists",
            Self::ShuffleLists => "shuffle lists",
            Self::Verify => "verify",
            Self::OpenLists => "open lists",
            Self::PlaceRows => "place rows",
            Self::LookUp => "look up",
            Self::CompareRows => "compare rows",
            Self::SelectPartners => "select partners",
            Self::ReturnPartners => "return partners",
            Self::ShufflePayload => "shuffle payload",
            Self::OpenPartners => "open partners",
            Self::Deliver => "deliver",
            Self::ShuffleRows => "shuffle rows",
            Self::Sort => "sort",
            Self::OpenOrder => "open order",
            Self::CompareNeighbours => "compare neighbours",
            Self::Join => "join",
            Self::DialTag => "dial tag",
        })
    }
}

/// The index, in [`Phase::ShufflePayload`], of payload itself: nobody proves it.
pub(crate) const PAYLOAD: u16 = 15;

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

    /// Tells whether a vector is hashed, to be proved: all are but payload and the proofs themselves.
    pub(crate) const fn is_proved(self) -> bool {
        !matches!(self.phase, Phase::Verify | Phase::Deliver) && !self.is_payload()
    }

    const fn is_payload(self) -> bool {
        matches!(self.phase, Phase::ShufflePayload) && self.index == PAYLOAD
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

#[cfg(test)]
impl Step {
    /// Returns its number in the phase.
    pub(crate) const fn index(self) -> u16 {
        self.index
    }

    /// Reads a label.
    pub(crate) fn from_bytes([phase, low, high]: [u8; 3]) -> Option<Self> {
        use Phase::{
            ChooseLists, CompareNeighbours, CompareRows, Deliver, DialTag, Join, LookUp, OpenCoins,
            OpenLists, OpenOrder, OpenPartners, PlaceRows, ReturnPartners, SelectPartners,
            ShuffleLists, ShufflePayload, ShuffleRows, Sort, Verify,
        };
        let all = [
            OpenCoins,
            ChooseLists,
            ShuffleLists,
            Verify,
            OpenLists,
            PlaceRows,
            LookUp,
            CompareRows,
            SelectPartners,
            ReturnPartners,
            ShufflePayload,
            OpenPartners,
            Deliver,
            ShuffleRows,
            Sort,
            OpenOrder,
            CompareNeighbours,
            Join,
            DialTag,
        ];
        let phase = all.into_iter().find(|known| *known as u8 == phase)?;
        Some(Self::new(phase, u16::from_le_bytes([low, high])))
    }
}
