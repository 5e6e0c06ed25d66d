//! The three computing servers, in ring order (docs/protocol.md §1).

use core::fmt;

use serde::{Deserialize, Serialize};

/// One of the three computing servers.
///
/// Party `P_i` holds the components `x_i` and `x_{i+1}` of every share, indices modulo three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PartyId {
    /// P0, which leads the clock.
    P0,
    /// P1.
    P1,
    /// P2.
    P2,
}

impl PartyId {
    /// All parties, in ring order.
    pub const ALL: [Self; 3] = [Self::P0, Self::P1, Self::P2];

    /// Returns 0, 1 or 2.
    pub const fn index(self) -> usize {
        match self {
            Self::P0 => 0,
            Self::P1 => 1,
            Self::P2 => 2,
        }
    }

    /// Returns the party of that index, if there is one.
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::P0),
            1 => Some(Self::P1),
            2 => Some(Self::P2),
            _ => None,
        }
    }

    /// Returns the party after this one on the ring.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::P0 => Self::P1,
            Self::P1 => Self::P2,
            Self::P2 => Self::P0,
        }
    }

    /// Returns the party before this one on the ring.
    #[must_use]
    pub const fn prev(self) -> Self {
        self.next().next()
    }
}

impl fmt::Display for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.index())
    }
}

#[cfg(test)]
mod tests {
    use super::PartyId;

    #[test]
    fn ring_closes_after_three() {
        for (index, party) in PartyId::ALL.into_iter().enumerate() {
            assert_eq!(party.index(), index);
            assert_eq!(PartyId::from_index(index), Some(party));
            assert_eq!(party.next().index(), (index + 1) % 3);
            assert_eq!(party.prev().next(), party);
        }
        assert_eq!(PartyId::from_index(3), None);
    }
}
