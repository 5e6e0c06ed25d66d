//! What goes into the client and what comes out of it.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::{Notice, NoticeId};
use crate::{
    identity::{ClientKey, Name},
    party::PartyId,
};

/// Milliseconds of one of the driver's clocks. The client has no clock of its own.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Millis(pub u64);

impl Millis {
    /// Returns the time that many milliseconds later.
    #[must_use]
    pub const fn after(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Returns how many milliseconds after `earlier` this is; 0 if it is not after.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// The time of an event, on two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Since 1970; people set it, forwards and back. For what is shown and stored.
    pub wall: Millis,
    /// Since some moment before the start; never goes back. For every wait.
    pub steady: Millis,
}

/// The number of a storage transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// Why a batch could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// There is no more room.
    Full,
    /// For another reason.
    Refused,
}

/// What happened outside the client.
#[derive(Debug)]
pub enum Event {
    /// The socket to a party is open.
    Opened(PartyId),
    /// The socket to a party is closed, or could not be opened.
    Closed(PartyId),
    /// A binary message came from a party.
    Frame(PartyId, Vec<u8>),
    /// The time asked for by [`Command::WakeAfter`] has come. Extra wakes do no harm.
    Wake,
    /// The page became visible or the network came back: lost links are tried at once.
    Resumed,
    /// A batch is stored durably.
    Stored(BatchId),
    /// A batch could not be stored yet; the driver keeps it and goes on trying, in order.
    StoreFailed(BatchId, StoreFault),
    /// What was stored was deleted by somebody else; the driver has stored all of
    /// [`Client::records`](super::Client::records) anew.
    StoredAnew,
    /// The user did something.
    User(Action),
}

/// What the user can do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Changes one's own name.
    SetName(Name),
    /// Chooses whose calls ring.
    SetOpenToCalls(OpenToCalls),
    /// Adds the inviter of a link to the contacts.
    AddContact {
        /// The whole link or its fragment.
        link: String,
    },
    /// Changes what one calls a contact.
    RenameContact {
        /// Whom.
        contact: ClientKey,
        /// The new name.
        name: Name,
    },
    /// Forgets a contact and all messages with them, and tells them.
    RemoveContact(ClientKey),
    /// Hears no more of somebody, in silence: they see an absence.
    Block(ClientKey),
    /// Hears of somebody again; what they wrote meanwhile arrives.
    Unblock(ClientKey),
    /// Marks or unmarks a contact whose safety number was compared.
    SetVerified {
        /// Whom.
        contact: ClientKey,
        /// The mark.
        verified: Verified,
    },
    /// Calls a contact: the first time, or to connect again.
    Call(ClientKey),
    /// Asks a contact for attention.
    Ring(ClientKey),
    /// Gives up a call or ring.
    CancelCall(ClientKey),
    /// Accepts a call; a stranger who called becomes a contact.
    Accept(ClientKey),
    /// Declines a call; the caller is told nothing.
    Decline(ClientKey),
    /// Queues a text for a contact.
    SendText {
        /// To whom.
        contact: ClientKey,
        /// At most [`super::MAX_TEXT_BYTES`] of UTF-8.
        text: String,
    },
    /// Takes back a text that has not left yet.
    CancelText {
        /// To whom it was.
        contact: ClientKey,
        /// Which one.
        message: MessageNumber,
    },
    /// Sends the texts that wait because the contact seems to have another device.
    SendHeld(ClientKey),
    /// Keeps what is being written to a contact.
    SetDraft {
        /// To whom.
        contact: ClientKey,
        /// What, so far; nothing removes the draft.
        text: String,
    },
    /// Puts the conversation with somebody on the screen, or none, as when the page is hidden.
    Look(Option<ClientKey>),
    /// The person typed, pressed or moved something: they are still there.
    Touch,
    /// Marks all messages of a contact as read.
    MarkRead(ClientKey),
    /// Takes a notice off the list.
    DismissNotice(NoticeId),
    /// Goes on with servers whose keys have changed.
    TrustServers,
}

/// Whether safety numbers were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verified {
    /// Not, or not since a key changed.
    #[default]
    No,
    /// The person says so.
    Yes,
}

/// Shows what is done, not with whom nor in which words.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SetName(_) => "SetName(..)",
            Self::SetOpenToCalls(_) => "SetOpenToCalls(..)",
            Self::AddContact { .. } => "AddContact(..)",
            Self::RenameContact { .. } => "RenameContact(..)",
            Self::RemoveContact(_) => "RemoveContact(..)",
            Self::Block(_) => "Block(..)",
            Self::Unblock(_) => "Unblock(..)",
            Self::SetVerified { .. } => "SetVerified(..)",
            Self::Call(_) => "Call(..)",
            Self::Ring(_) => "Ring(..)",
            Self::CancelCall(_) => "CancelCall(..)",
            Self::Accept(_) => "Accept(..)",
            Self::Decline(_) => "Decline(..)",
            Self::SendText { .. } => "SendText(..)",
            Self::CancelText { .. } => "CancelText(..)",
            Self::SendHeld(_) => "SendHeld(..)",
            Self::SetDraft { .. } => "SetDraft(..)",
            Self::Look(_) => "Look(..)",
            Self::Touch => "Touch",
            Self::MarkRead(_) => "MarkRead(..)",
            Self::DismissNotice(_) => "DismissNotice(..)",
            Self::TrustServers => "TrustServers",
        })
    }
}

/// Whose calls ring. Nobody can tell the difference: a call that does not ring is not answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OpenToCalls {
    /// Everyone who has the invite link.
    #[default]
    Everyone,
    /// Contacts only.
    Contacts,
    /// Nobody.
    Nobody,
}

/// The place of a message in the history with its contact. Never used twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct MessageNumber(pub u64);

/// What the driver does for the client, in the order given.
///
/// After [`Self::Connect`] and [`Self::Disconnect`] nothing of an older socket to that party may
/// reach the client any more.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Opens the socket to a party.
    Connect(PartyId),
    /// Sends a binary message to a party.
    Send(PartyId, Vec<u8>),
    /// Closes the socket to a party; [`Event::Closed`] may follow or not.
    Disconnect(PartyId),
    /// Sends [`Event::Wake`] after that many milliseconds; replaces any earlier such command.
    WakeAfter(u64),
    /// Stores a batch in one atomic, durable transaction, after all earlier batches.
    Store(BatchId, Vec<Write>),
    /// Tells the user something at once; what lasts is in the view as well.
    Notify(Notice),
}

/// One change to the stored records.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a record.
    Put {
        /// The record's key.
        key: String,
        /// The record, which may hold secrets.
        value: Vec<u8>,
    },
    /// Removes a record if there is one.
    Delete {
        /// The record's key.
        key: String,
    },
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { value, .. } => write!(f, "Put({} bytes, ..)", value.len()),
            Self::Delete { .. } => f.write_str("Delete(..)"),
        }
    }
}

/// One stored record, as read back for [`super::Client::restore`].
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The record's key.
    pub key: String,
    /// The record.
    pub value: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes, ..)", self.value.len())
    }
}
