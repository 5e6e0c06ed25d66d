//! What people call themselves and each other.

use core::fmt;

/// The longest name, in bytes of UTF-8: it rides in the first message of a call.
pub const MAX_NAME_BYTES: usize = 64;

/// A name: 1 to 64 bytes of UTF-8, trimmed, without characters that hide or reorder others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

/// A text that can't be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing but space.
    #[error("a name needs at least one letter")]
    Empty,
    /// Longer than [`MAX_NAME_BYTES`].
    #[error(
        "the name is too long: at most 64 bytes, which is 64 Latin or about 20 Chinese letters"
    )]
    TooLong,
    /// A control character or one that changes the direction of writing.
    #[error("the name has an invisible character in it; please type it again")]
    Invisible,
}

impl Name {
    /// Takes a name, trimmed.
    ///
    /// # Errors
    /// Refuses empty and long names and invisible characters.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        if text.is_empty() {
            Err(NameError::Empty)
        } else if text.len() > MAX_NAME_BYTES {
            Err(NameError::TooLong)
        } else if text.chars().any(is_invisible) {
            Err(NameError::Invisible)
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    /// Stub.
    pub fn looks_like(&self, other: &Self) -> bool {
        self == other
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Name, NameError};

    #[test]
    fn names_are_trimmed_and_checked() {
        assert_eq!(Name::new("  Ada ").unwrap().as_str(), "Ada");
        assert_eq!(Name::new(" \n"), Err(NameError::Empty));
        assert_eq!(Name::new(&"x".repeat(65)), Err(NameError::TooLong));
        assert_eq!(Name::new("a\u{202e}b"), Err(NameError::Invisible));
        assert_eq!(Name::new("a\u{0}b"), Err(NameError::Invisible));
        assert!(Name::new("李 🦀").is_ok());
    }
}
