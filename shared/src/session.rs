//! Two people's session inside the conversation rows (docs/protocol.md §8.4 to §8.7).

mod key_tree;

use core::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    call::ResumeId,
    identity::ClientKey,
    kdf::Secret,
    manifest::Realm,
    program::RoundId,
    row::{Role, Tag},
};

pub(crate) use crate::piece::{RatchetKind, RatchetPiece};
pub(crate) use key_tree::KeyTree;

/// Bytes of a row's message beyond its packet: nonce and mac.
pub(crate) const OVERHEAD_BYTES: usize = 12 + 16;

/// Which of a pair's two rows in one round this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Texts, in whatever slot.
    Text = 0,
    /// A picture's pieces.
    Picture = 1,
}

/// Where a row stands. Ratchets run in the quick slot alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// The conversation on the screen.
    Front,
    /// A call, an answer, a picture.
    Task,
    /// All contacts in turn.
    Quick,
}

/// Returns the role of one's own rows: 0 for the smaller key.
pub(crate) fn role(own: &ClientKey, peer: &ClientKey) -> Role {
    if own < peer {
        Role::Lower
    } else {
        Role::Higher
    }
}

/// One row of a pair in one round: where it meets, and under which keys it is sealed.
#[derive(Clone)]
pub(crate) struct RowTicket {
    /// Where the row meets its partner.
    pub(crate) tag: Tag,
    /// The role of one's own row.
    pub(crate) role: Role,
    pub(crate) round: RoundId,
    pub(crate) lane: Lane,
    pub(crate) generation: u32,
}

impl fmt::Debug for RowTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowTicket(..)")
    }
}

/// A packet that a row brought.
pub(crate) struct Opened {
    /// The packet in clear.
    pub(crate) packet: Vec<u8>,
    /// Whether it is the first of its generation that opened.
    pub(crate) first_of_generation: First,
}

/// Whether something is the first of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// It is.
    Yes,
    /// There was one before.
    No,
}

/// What time it is for a ratchet, and how much fits into a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RatchetClock {
    /// Conversation rounds announced so far.
    pub(crate) turn: u64,
    /// Milliseconds of wall time.
    pub(crate) now_ms: u64,
    /// Bytes of a ratchet piece in one row.
    pub(crate) piece_bytes: usize,
}

/// Whether texts to this person wait for rows; they go before a ratchet in three rows of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Some wait.
    Waiting,
    /// None does.
    None,
}

/// The session with one person.
pub(crate) struct Session {
    realm: Realm,
    own: ClientKey,
    peer: ClientKey,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

/// A session as stored. Holds secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionRecord {}

#[allow(clippy::todo, unused, reason = "signatures first")]
impl Session {
    /// Starts a session from `S_0`, which is expanded and erased; generation 0 keeps the tags of
    /// the meeting point.
    pub(crate) fn new(
        realm: &Realm,
        own: ClientKey,
        peer: ClientKey,
        secret: Secret,
        meeting_tags: KeyTree,
    ) -> Self {
        todo!()
    }

    /// Makes a session with nobody, whose rows are made by the same steps and meet nobody.
    pub(crate) fn decoy(realm: &Realm, own: ClientKey, rng: &mut impl CryptoRng) -> Self {
        todo!()
    }

    /// Returns the session for storage.
    pub(crate) fn to_record(&self) -> SessionRecord {
        todo!()
    }

    /// Takes back what [`Self::to_record`] gave; `None` if it is damaged.
    pub(crate) fn from_record(
        realm: &Realm,
        own: ClientKey,
        peer: ClientKey,
        record: SessionRecord,
    ) -> Option<Self> {
        todo!()
    }

    /// Takes the row of a round and lane; `None` for a second one, and for rounds before the
    /// last for which one was taken.
    pub(crate) fn take_row(&mut self, round: RoundId, lane: Lane) -> Option<RowTicket> {
        todo!()
    }

    /// Seals a packet into a row's message, [`OVERHEAD_BYTES`] longer, and erases the key;
    /// `None` a second time.
    pub(crate) fn seal(
        &mut self,
        ticket: &RowTicket,
        packet: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        todo!()
    }

    /// Opens the message that a row met; `None` if it met nobody of ours.
    pub(crate) fn open(&mut self, ticket: &RowTicket, message: &[u8]) -> Option<Opened> {
        todo!()
    }

    /// Erases the keys and tags of all earlier rounds.
    pub(crate) fn erase_before(&mut self, round: RoundId) {
        todo!()
    }

    /// Ranks this pair among those whose place has a turn; the same on both sides.
    pub(crate) fn rank(&self, turn: u64) -> [u8; 16] {
        todo!()
    }

    /// Returns the resume secret of that name, if it is one of the two newest generations'.
    pub(crate) fn resume_secret(&self, id: &ResumeId) -> Option<Secret> {
        todo!()
    }

    /// Names the resume secret of the last generation in which a packet opened; `None` before
    /// the first packet.
    pub(crate) fn resume_id(&self) -> Option<ResumeId> {
        todo!()
    }

    /// Returns the resume secrets of the two newest generations, to be kept with the contact;
    /// the one that [`Self::resume_id`] names first.
    pub(crate) fn resume_secrets(&self) -> Vec<Secret> {
        todo!()
    }

    /// Returns the ratchet piece for a row of the quick slot, if a ratchet is due or under way
    /// and it has the row's turn. Call it once for each such row, never for others.
    ///
    /// The call that begins a ratchet returns `None`: what it drew is stored before any of it
    /// leaves.
    pub(crate) fn ratchet_piece(
        &mut self,
        ticket: &RowTicket,
        clock: RatchetClock,
        texts: Texts,
        rng: &mut impl CryptoRng,
    ) -> Option<RatchetPiece> {
        todo!()
    }

    /// Takes note that the row with that piece met nobody, which only three agreeing replies
    /// show.
    pub(crate) fn ratchet_piece_came_back(&mut self, piece: &RatchetPiece) {
        todo!()
    }

    /// Takes a ratchet piece out of a packet of this session.
    pub(crate) fn take_ratchet_piece(
        &mut self,
        piece: &RatchetPiece,
        clock: RatchetClock,
        rng: &mut impl CryptoRng,
    ) {
        todo!()
    }
}
