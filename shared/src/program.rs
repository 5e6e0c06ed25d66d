//! What rounds compute, and the numbers that they carry (docs/protocol.md §3).

use core::fmt;

use serde::{Deserialize, Serialize};

/// What a round computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// Swaps the messages of rows with equal tags.
    Conversation,
    /// Dialing for those who have the callee's pass.
    Contacts,
    /// Dialing for everyone.
    Open,
}

impl Program {
    /// All programs.
    pub const ALL: [Self; 3] = [Self::Conversation, Self::Contacts, Self::Open];

    /// Returns the program's byte in frames.
    pub const fn code(self) -> u8 {
        match self {
            Self::Conversation => 0,
            Self::Contacts => 1,
            Self::Open => 2,
        }
    }

    /// Returns the program of that byte, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Conversation),
            1 => Some(Self::Contacts),
            2 => Some(Self::Open),
            _ => None,
        }
    }

    /// Returns whether it is one of the two that deliver dials.
    pub const fn is_dialing(self) -> bool {
        match self {
            Self::Conversation => false,
            Self::Contacts | Self::Open => true,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conversation => "conversation",
            Self::Contacts => "contacts",
            Self::Open => "open",
        })
    }
}

/// The number of a round. One counter serves all programs and never goes back.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct RoundId(pub u64);

impl RoundId {
    /// Returns the number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for RoundId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many conversation rounds were announced so far, whatever became of them. A conversation
/// round's own announcement counts itself; a dialing round's repeats the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(pub u64);

impl Turn {
    /// Returns the turn that a round of that program carries after this one.
    #[must_use]
    pub const fn after(self, program: Program) -> Self {
        match program {
            Program::Conversation => Self(self.0.saturating_add(1)),
            Program::Contacts | Program::Open => self,
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::{Program, Turn};

    #[test]
    fn codes_are_inverse() {
        for program in Program::ALL {
            assert_eq!(Program::from_code(program.code()), Some(program));
        }
        assert_eq!(Program::from_code(3), None);
    }

    #[test]
    fn only_conversation_rounds_advance_the_turn() {
        let after = Program::ALL.map(|program| Turn(7).after(program));
        assert_eq!(after, [Turn(8), Turn(7), Turn(7)]);
    }
}
