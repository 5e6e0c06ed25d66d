//! What goes into the client and what comes out of it.

use core::fmt;

use super::{Notice, NoticeId};
use crate::{
    identity::{ClientKey, Name},
    party::PartyId,
};

/// Milliseconds since 1970, as the driver's clock has them. The client has no clock of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// The number of a storage transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

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
    StoreFailed(BatchId),
    /// The user did something.
    User(Action),
}

/// What the user can do.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Changes one's own name.
    SetName(Name),
    /// Chooses who may call.
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
    /// Forgets a contact and all messages with them.
    RemoveContact(ClientKey),
    /// Calls a contact.
    Call(ClientKey),
    /// Gives up a call that was not answered yet.
    CancelCall(ClientKey),
    /// Accepts an incoming call.
    Accept(ClientKey),
    /// Declines an incoming call.
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
    /// Ends a conversation.
    EndConversation(ClientKey),
    /// Marks all messages of a contact as read.
    MarkRead(ClientKey),
    /// Takes a notice off the list.
    DismissNotice(NoticeId),
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
            Self::Call(_) => "Call(..)",
            Self::CancelCall(_) => "CancelCall(..)",
            Self::Accept(_) => "Accept(..)",
            Self::Decline(_) => "Decline(..)",
            Self::SendText { .. } => "SendText(..)",
            Self::CancelText { .. } => "CancelText(..)",
            Self::EndConversation(_) => "EndConversation(..)",
            Self::MarkRead(_) => "MarkRead(..)",
            Self::DismissNotice(_) => "DismissNotice(..)",
        })
    }
}

/// Who may call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenToCalls {
    /// Everyone who has the invite link.
    #[default]
    Everyone,
    /// Contacts only; the calls of others are passed over in silence.
    Contacts,
    /// Nobody.
    Nobody,
}

/// The place of a message in the history with its contact. Never used twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
