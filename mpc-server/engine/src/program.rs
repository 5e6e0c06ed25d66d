//! The two programs: a matcher and a router each; and the paper's two, which are the references.

mod conversation;
mod conversation_by_sorting;
mod dialing;
mod dialing_both_told;
mod neighbours;

use core::fmt;

pub use conversation::conversation;
pub use conversation_by_sorting::conversation_by_sorting;
pub use dialing::dialing;
pub use dialing_both_told::dialing_both_told;

pub use mcmix_shared::identity::ID_BYTES;
pub use mcmix_shared::row::{
    CONVERSATION_HEAD_BYTES, DIAL_HEAD_BYTES, DIAL_MESSAGE_BYTES, TAG_BYTES,
};

use mcmix_shared::party::PartyId;

use crate::{context::MAX_ROWS, error::Error, stream::SEED_BYTES};

/// Bytes that a party has of a client in a dialing round: head, message, and its check row's payload.
pub const DIAL_INPUT_BYTES: usize = DIAL_HEAD_BYTES + 2 * DIAL_MESSAGE_BYTES;
/// Bytes of a row of the paper's dialing program: the callee's id.
pub const BOTH_TOLD_ROW_BYTES: usize = 8;
/// Bytes of a reply of the paper's dialing program: the partner's public key and a tag.
pub const BOTH_TOLD_REPLY_BYTES: usize = 48;

/// One component of all rows of a round, joined, in whatever form a party keeps it.
///
/// Messages are read once, in a random order, and never by P1: only P0's `x0 ^ x1` and P2's `x2`
/// go into the router. Whoever has a seed need not expand it before.
pub trait JoinedRows: Sync {
    /// Returns the number of bytes.
    fn len(&self) -> usize;

    /// Returns whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// XORs the bytes from `at` on, which are of one row, into `out`.
    fn xor(&self, at: usize, out: &mut [u8]);

    /// Gives up the memory, for others to use.
    fn into_buffer(self) -> Vec<u8>;
}

impl JoinedRows for Vec<u8> {
    fn len(&self) -> usize {
        self.len()
    }

    fn xor(&self, at: usize, out: &mut [u8]) {
        crate::bytes::xor(out, self.get(at..).unwrap_or_default());
    }

    fn into_buffer(self) -> Vec<u8> {
        self
    }
}

/// One party's share of a conversation round: rows of tag (8 bytes), role (1 byte, its lowest bit
/// counts) and message.
#[derive(Clone)]
pub struct ConversationInput<C = Vec<u8>> {
    /// Number of rows.
    pub rows: usize,
    /// Bytes of a message.
    pub message_bytes: usize,
    /// This party's first component `x_i`, row after row.
    pub first: C,
    /// Its second component `x_{i+1}`.
    pub second: C,
}

impl<C> fmt::Debug for ConversationInput<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConversationInput")
            .field("rows", &self.rows)
            .field("message_bytes", &self.message_bytes)
            .finish_non_exhaustive()
    }
}

/// Whether passes count in a dialing round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DialingProgram {
    /// A dial reaches a callee whose id and own pass it names.
    Contacts,
    /// A dial reaches a callee whose id it names, whatever the passes.
    Open,
}

/// One party's share of a dialing round: for each client the callee's id, a pass and the client's own
/// pass (16 bytes each), its message (200 bytes), and the payload of its check row (200 bytes).
///
/// Of a row, `first` and `second` are read at three places: all of the head at its start, all of the
/// message at [`DIAL_HEAD_BYTES`], and all of the payload [`DIAL_MESSAGE_BYTES`] later. Messages and
/// payloads are read by P0, in both components, and by P2 in `first`; heads may be read by all.
///
/// # Security
/// No party may know a check row's payload: whoever does can put a message in its place.
#[derive(Clone)]
pub struct DialingInput<C = Vec<u8>> {
    /// Which of the two programs it is.
    pub program: DialingProgram,
    /// Each client's own id, which the servers know from its link.
    pub ids: Vec<[u8; ID_BYTES]>,
    /// This party's first component `x_i`: [`DIAL_INPUT_BYTES`] a client, in the order of `ids`.
    pub first: C,
    /// Its second component `x_{i+1}`.
    pub second: C,
}

impl<C> fmt::Debug for DialingInput<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialingInput")
            .field("program", &self.program)
            .field("rows", &self.ids.len())
            .finish_non_exhaustive()
    }
}

/// One party's share of a round of the paper's dialing program: rows of a callee's id (8 bytes).
#[derive(Clone)]
pub struct BothToldInput {
    /// Each row's own id, little endian as in the row; distinct.
    pub ids: Vec<u64>,
    /// Each row's own public key.
    pub keys: Vec<[u8; 32]>,
    /// This party's first component `x_i`, row after row.
    pub first: Vec<u8>,
    /// Its second component `x_{i+1}`.
    pub second: Vec<u8>,
}

impl fmt::Debug for BothToldInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BothToldInput")
            .field("rows", &self.ids.len())
            .finish_non_exhaustive()
    }
}

/// What P0 returns for one row: the seeds of two of the reply's components.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RowSeeds {
    /// Seed of `y0`.
    pub y0: [u8; SEED_BYTES],
    /// Seed of `y1`.
    pub y1: [u8; SEED_BYTES],
}

impl fmt::Debug for RowSeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowSeeds(..)")
    }
}

/// One party's part of the replies, in the order of the input's rows or clients.
#[derive(Clone, PartialEq, Eq)]
pub enum Replies {
    /// P0's part.
    Seeds(Vec<RowSeeds>),
    /// P1's and P2's part.
    Rows {
        /// Bytes of a row.
        row_bytes: usize,
        /// The third component `y2`, row after row.
        bytes: Vec<u8>,
        /// The seed of each row's component that this party shares with P0: `y1` at P1, `y0` at P2.
        seeds: Vec<[u8; SEED_BYTES]>,
    },
}

impl Replies {
    /// Returns the replies to no rows at all.
    const fn none(party: PartyId, row_bytes: usize) -> Self {
        match party {
            PartyId::P0 => Self::Seeds(Vec::new()),
            PartyId::P1 | PartyId::P2 => Self::Rows {
                row_bytes,
                bytes: Vec::new(),
                seeds: Vec::new(),
            },
        }
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seeds(seeds) => write!(f, "Replies::Seeds({} rows)", seeds.len()),
            Self::Rows {
                row_bytes, bytes, ..
            } => {
                write!(f, "Replies::Rows({} bytes of {row_bytes})", bytes.len())
            }
        }
    }
}

fn check_len(what: &'static str, got: usize, expected: usize) -> Result<(), Error> {
    if got == expected {
        Ok(())
    } else {
        Err(Error::Input {
            what,
            expected,
            got,
        })
    }
}

fn check_rows(rows: usize) -> Result<(), Error> {
    if rows > MAX_ROWS {
        return Err(Error::TooManyRows { got: rows });
    }
    Ok(())
}
