//! What a client hands in for one round and gets back, before sharing: rows of fixed size.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{bytes::Reader, identity::ClientId, program::Program};

/// Bytes of a conversation row before its message: tag and role.
pub const CONVERSATION_HEADER_BYTES: usize = 9;
/// Bytes of a dialing row: the callee's id.
pub const DIALING_ROW_BYTES: usize = 8;
/// Bytes of a dialing reply: partner's key and dial tag.
pub const DIALING_REPLY_BYTES: usize = 48;

/// The sizes of a deployment that rows and frames follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows that each client hands in for every conversation round.
    pub slots: usize,
    /// Bytes of the message in a conversation row.
    pub message_bytes: usize,
}

impl Shape {
    /// Returns how many rows a client hands in for a round.
    pub const fn rows(self, program: Program) -> usize {
        match program {
            Program::Conversation => self.slots,
            Program::Dialing => 1,
        }
    }

    /// Returns the bytes of one row.
    pub const fn row_bytes(self, program: Program) -> usize {
        match program {
            Program::Conversation => CONVERSATION_HEADER_BYTES + self.message_bytes,
            Program::Dialing => DIALING_ROW_BYTES,
        }
    }

    /// Returns the bytes at the start of a row by which it is matched: all but the message.
    pub const fn head_bytes(self, program: Program) -> usize {
        match program {
            Program::Conversation => CONVERSATION_HEADER_BYTES,
            Program::Dialing => DIALING_ROW_BYTES,
        }
    }

    /// Returns the bytes of all rows that a client hands in for a round.
    pub const fn submission_bytes(self, program: Program) -> usize {
        self.rows(program) * self.row_bytes(program)
    }

    /// Returns the bytes of one row's reply.
    pub const fn reply_row_bytes(self, program: Program) -> usize {
        match program {
            Program::Conversation => self.message_bytes,
            Program::Dialing => DIALING_REPLY_BYTES,
        }
    }
}

/// What two correspondents derive for one round: their rows meet where their tags are equal.
#[derive(Clone, Copy)]
pub struct Tag(pub u64);

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

impl PartialEq for Tag {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Tag {}

/// Which of the two rows of a pair this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Role 0, of the smaller public key.
    Lower,
    /// Role 1, of the greater public key.
    Higher,
}

impl Role {
    /// Returns the role's byte.
    pub const fn code(self) -> u8 {
        match self {
            Self::Lower => 0,
            Self::Higher => 1,
        }
    }
}

/// One row of a conversation round.
pub struct ConversationRow {
    /// Where the row meets its partner.
    pub tag: Tag,
    /// Which of the two it is.
    pub role: Role,
    /// The message, `message_bytes` long.
    pub message: Vec<u8>,
}

impl ConversationRow {
    /// Makes a row that meets nobody.
    pub fn idle(message_bytes: usize, rng: &mut impl CryptoRng) -> Self {
        let mut message = vec![0; message_bytes];
        rng.fill_bytes(&mut message);
        let role = if rng.next_u32() & 1 == 0 {
            Role::Lower
        } else {
            Role::Higher
        };
        Self {
            tag: Tag(rng.next_u64()),
            role,
            message,
        }
    }

    /// Appends the row's bytes: tag, role, message.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tag.0.to_le_bytes());
        out.push(self.role.code());
        out.extend_from_slice(&self.message);
    }
}

impl fmt::Debug for ConversationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConversationRow(..)")
    }
}

/// A client's input to a dialing round.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum DialInput {
    /// Calls somebody.
    Dial(ClientId),
    /// Is open to calls.
    Check,
    /// Does neither.
    Closed,
}

impl DialInput {
    /// Writes the row: the callee's id, one's own, or a random one.
    pub fn row(self, own: ClientId, rng: &mut impl CryptoRng) -> [u8; DIALING_ROW_BYTES] {
        // Drawn always, so that the three inputs use the generator alike.
        let nobody = rng.next_u64();
        match self {
            Self::Dial(callee) => callee.0,
            Self::Check => own.0,
            Self::Closed => nobody,
        }
        .to_le_bytes()
    }
}

impl fmt::Debug for DialInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialInput(..)")
    }
}

/// The random secret that a match gives to both sides and to no one server.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DialTag([u8; 16]);

impl DialTag {
    /// Takes the bytes of a reply.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for key derivation and for nothing else.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for DialTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialTag(..)")
    }
}

/// The reply to a dialing row: who was matched, or oneself and a tag of zeros.
#[derive(Clone, Debug)]
pub struct DialReply {
    /// The partner's public key, or one's own.
    pub partner: [u8; 32],
    /// The fresh secret of the match.
    pub tag: DialTag,
}

impl DialReply {
    /// Reads a reply row; `None` if it has another length.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(row);
        let reply = Self {
            partner: reader.array().ok()?,
            tag: DialTag(reader.array().ok()?),
        };
        reader.rest().is_empty().then_some(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::{ConversationRow, DialInput, DialReply, DialTag, Role, Shape, Tag};
    use crate::{identity::ClientId, program::Program};
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    #[test]
    fn sizes_follow_the_shape() {
        let shape = Shape {
            slots: 3,
            message_bytes: 256,
        };
        assert_eq!(shape.submission_bytes(Program::Conversation), 795);
        assert_eq!(shape.submission_bytes(Program::Dialing), 8);
    }

    #[test]
    fn rows_are_laid_out_as_written() {
        let row = ConversationRow {
            tag: Tag(0x0102),
            role: Role::Higher,
            message: vec![9; 2],
        };
        let mut bytes = Vec::new();
        row.write(&mut bytes);
        assert_eq!(bytes, [2, 1, 0, 0, 0, 0, 0, 0, 1, 9, 9]);
    }

    #[test]
    fn dial_rows_name_callee_self_or_nobody() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let own = ClientId(5);
        assert_eq!(
            DialInput::Dial(ClientId(7)).row(own, &mut rng),
            7_u64.to_le_bytes()
        );
        assert_eq!(DialInput::Check.row(own, &mut rng), 5_u64.to_le_bytes());
        assert_ne!(
            DialInput::Closed.row(own, &mut rng),
            DialInput::Closed.row(own, &mut rng)
        );
    }

    #[test]
    fn dial_reply_is_strict() {
        assert!(DialReply::decode(&[1; 48]).is_some());
        assert!(DialReply::decode(&[1; 47]).is_none());
        assert!(DialReply::decode(&[1; 49]).is_none());
    }

    #[test]
    fn debug_hides_secrets() {
        assert_eq!(format!("{:?}", Tag(77)), "Tag(..)");
        assert_eq!(format!("{:?}", DialTag([77; 16])), "DialTag(..)");
        assert_eq!(format!("{:?}", DialInput::Check), "DialInput(..)");
        let row = ConversationRow {
            tag: Tag(77),
            role: Role::Lower,
            message: vec![77; 3],
        };
        assert_eq!(format!("{row:?}"), "ConversationRow(..)");
    }
}
