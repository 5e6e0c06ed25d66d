//! What a client hands in for one round, before sharing: rows of fixed size, all heads in front
//! of all messages, so that a party that takes no part in moving messages is sent none.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    identity::{ClientId, ID_BYTES},
    program::Program,
};

/// Bytes of a [`Tag`].
pub const TAG_BYTES: usize = 8;
/// Bytes of a conversation row's head: tag and role.
pub const CONVERSATION_HEAD_BYTES: usize = TAG_BYTES + 1;
/// Bytes of a [`Pass`].
pub const PASS_BYTES: usize = 16;
/// Bytes of a dial row's head: callee's id, callee's pass, own pass.
pub const DIAL_HEAD_BYTES: usize = ID_BYTES + 2 * PASS_BYTES;
/// Bytes of a dial row's message, and of the reply to it.
pub const DIAL_MESSAGE_BYTES: usize = 200;
/// Bytes of a dial row.
pub const DIAL_ROW_BYTES: usize = DIAL_HEAD_BYTES + DIAL_MESSAGE_BYTES;

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
            Program::Contacts | Program::Open => 1,
        }
    }

    /// Returns the bytes of one row's head: all that it is matched by.
    pub const fn head_bytes(self, program: Program) -> usize {
        match program {
            Program::Conversation => CONVERSATION_HEAD_BYTES,
            Program::Contacts | Program::Open => DIAL_HEAD_BYTES,
        }
    }

    /// Returns the bytes of one row's message, and of the reply to it.
    pub const fn row_message_bytes(self, program: Program) -> usize {
        match program {
            Program::Conversation => self.message_bytes,
            Program::Contacts | Program::Open => DIAL_MESSAGE_BYTES,
        }
    }

    /// Returns the bytes of one row.
    pub const fn row_bytes(self, program: Program) -> usize {
        self.head_bytes(program) + self.row_message_bytes(program)
    }

    /// Returns the bytes of all heads that a client hands in for a round.
    pub const fn heads_bytes(self, program: Program) -> usize {
        self.rows(program) * self.head_bytes(program)
    }

    /// Returns the bytes of all rows that a client hands in for a round.
    pub const fn submission_bytes(self, program: Program) -> usize {
        self.rows(program) * self.row_bytes(program)
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

    fn head(&self) -> [u8; CONVERSATION_HEAD_BYTES] {
        let mut head = [self.role.code(); CONVERSATION_HEAD_BYTES];
        let (tag, _role) = head.split_at_mut(TAG_BYTES);
        tag.copy_from_slice(&self.tag.0.to_le_bytes());
        head
    }
}

impl fmt::Debug for ConversationRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConversationRow(..)")
    }
}

/// What a client gives its contacts, so that their dials reach it in the contacts program; a
/// new one each round. Erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pass([u8; PASS_BYTES]);

impl Pass {
    /// Draws a pass that nobody has.
    pub fn random(rng: &mut impl CryptoRng) -> Self {
        let mut pass = Self([0; PASS_BYTES]);
        rng.fill_bytes(&mut pass.0);
        pass
    }

    /// Takes a pass.
    pub const fn from_bytes(bytes: [u8; PASS_BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for the row that carries them.
    pub const fn as_bytes(&self) -> &[u8; PASS_BYTES] {
        &self.0
    }
}

impl PartialEq for Pass {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Pass {}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pass(..)")
    }
}

/// The one row of a dialing round.
pub struct DialRow {
    /// Who is to get the message; random where nobody is.
    pub id: ClientId,
    /// The callee's pass in this round; random where nobody is called, and in *open*.
    pub pass: Pass,
    /// One's own pass in this round: in *contacts*, dials that name it are let in.
    pub own_pass: Pass,
    /// What the callee gets.
    pub message: [u8; DIAL_MESSAGE_BYTES],
}

impl DialRow {
    fn head(&self) -> [u8; DIAL_HEAD_BYTES] {
        let mut head = [0; DIAL_HEAD_BYTES];
        let parts = [&self.id.0, self.pass.as_bytes(), self.own_pass.as_bytes()];
        let (fields, _) = head.as_chunks_mut();
        for (field, part) in fields.iter_mut().zip(parts) {
            *field = *part;
        }
        head
    }
}

impl fmt::Debug for DialRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DialRow(..)")
    }
}

/// All that one client hands in for one round: heads of all rows, then messages of all rows.
/// Erased when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Submission {
    pub(crate) heads: Vec<u8>,
    pub(crate) messages: Vec<u8>,
    #[zeroize(skip)]
    pub(crate) kind: Kind,
}

/// Which programs a submission is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Conversation,
    Dialing,
}

impl Kind {
    pub(crate) const fn of(program: Program) -> Self {
        match program {
            Program::Conversation => Self::Conversation,
            Program::Contacts | Program::Open => Self::Dialing,
        }
    }
}

impl Submission {
    /// Joins the rows of a conversation round.
    ///
    /// # Panics
    /// If there are not as many rows as slots, or a message has another length.
    pub fn conversation(shape: Shape, rows: &[ConversationRow]) -> Self {
        assert_eq!(rows.len(), shape.slots, "rows of a submission");
        let fits = |row: &ConversationRow| row.message.len() == shape.message_bytes;
        assert!(rows.iter().all(fits), "a message of another length");
        Self {
            heads: rows.iter().flat_map(ConversationRow::head).collect(),
            messages: rows
                .iter()
                .flat_map(|row| row.message.iter().copied())
                .collect(),
            kind: Kind::Conversation,
        }
    }

    /// Takes the row of a dialing round.
    pub fn dialing(row: &DialRow) -> Self {
        Self {
            heads: row.head().to_vec(),
            messages: row.message.to_vec(),
            kind: Kind::Dialing,
        }
    }

    /// Returns the bytes of all rows.
    pub const fn len(&self) -> usize {
        self.heads.len() + self.messages.len()
    }

    /// Returns whether there is nothing in it, which no deployment's shape allows.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Submission({:?}, {} bytes, ..)", self.kind, self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{ConversationRow, DialRow, Pass, Role, Shape, Submission, Tag};
    use crate::{identity::ClientId, program::Program};

    #[test]
    fn sizes_follow_the_shape() {
        let shape = Shape {
            slots: 3,
            message_bytes: 256,
        };
        assert_eq!(shape.submission_bytes(Program::Conversation), 795);
        assert_eq!(shape.heads_bytes(Program::Conversation), 27);
        for program in [Program::Contacts, Program::Open] {
            assert_eq!(shape.submission_bytes(program), 248);
            assert_eq!(shape.heads_bytes(program), 48);
        }
    }

    #[test]
    fn heads_stand_before_messages() {
        let row = |tag, role, message| ConversationRow {
            tag: Tag(tag),
            role,
            message,
        };
        let shape = Shape {
            slots: 2,
            message_bytes: 2,
        };
        let rows = [
            row(0x0102, Role::Higher, vec![9; 2]),
            row(3, Role::Lower, vec![7; 2]),
        ];
        let submission = Submission::conversation(shape, &rows);
        assert_eq!(
            submission.heads,
            [2, 1, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 0]
        );
        assert_eq!(submission.messages, [9, 9, 7, 7]);
        assert_eq!(
            submission.len(),
            shape.submission_bytes(Program::Conversation)
        );
    }

    #[test]
    fn dial_rows_are_laid_out_as_written() {
        let submission = Submission::dialing(&dial_row());
        assert_eq!(submission.heads, [[1; 16], [2; 16], [3; 16]].concat());
        assert_eq!(submission.messages, [4; 200]);
    }

    fn dial_row() -> DialRow {
        DialRow {
            id: ClientId([1; 16]),
            pass: Pass::from_bytes([2; 16]),
            own_pass: Pass::from_bytes([3; 16]),
            message: [4; 200],
        }
    }

    #[test]
    fn debug_hides_secrets() {
        assert_eq!(format!("{:?}", Tag(77)), "Tag(..)");
        assert_eq!(format!("{:?}", Pass::from_bytes([77; 16])), "Pass(..)");
        assert_eq!(format!("{:?}", dial_row()), "DialRow(..)");
        let row = ConversationRow {
            tag: Tag(77),
            role: Role::Lower,
            message: vec![77; 3],
        };
        assert_eq!(format!("{row:?}"), "ConversationRow(..)");
        let submission = Submission::dialing(&dial_row());
        assert_eq!(
            format!("{submission:?}"),
            "Submission(Dialing, 248 bytes, ..)"
        );
    }
}
