//! The two programs and the numbers of their rounds (docs/protocol.md §3).

use core::fmt;

/// What a round computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// Swaps the messages of rows with equal tags.
    Conversation,
    /// Matches callers with callees who check.
    Dialing,
}

impl Program {
    /// Both programs.
    pub const ALL: [Self; 2] = [Self::Conversation, Self::Dialing];

    /// Returns the program's byte in frames.
    pub const fn code(self) -> u8 {
        match self {
            Self::Conversation => 0,
            Self::Dialing => 1,
        }
    }

    /// Returns the program of that byte, if there is one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Conversation),
            1 => Some(Self::Dialing),
            _ => None,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conversation => "conversation",
            Self::Dialing => "dialing",
        })
    }
}

/// The number of a round. One counter serves both programs and never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

#[cfg(test)]
mod tests {
    use super::Program;

    #[test]
    fn codes_are_inverse() {
        for program in Program::ALL {
            assert_eq!(Program::from_code(program.code()), Some(program));
        }
        assert_eq!(Program::from_code(2), None);
    }
}
