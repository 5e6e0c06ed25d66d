//! What the user should know: what happened, what it means, what to do.

use serde::{Deserialize, Serialize};

use super::{Client, Command, MAX_CONTACTS, MAX_QUEUED_TEXTS, MAX_TEXT_BYTES, Millis, NoticeView};
use crate::{
    identity::{ClientKey, InviteError, Name},
    party::PartyId,
    wire::Refusal,
};

/// Names a notice on the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoticeId(pub u64);

/// What the user should know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Notice {
    /// Somebody calls.
    #[error("{name} is calling")]
    IncomingCall {
        /// Who.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A message came.
    #[error("New message from {name}")]
    NewMessage {
        /// From whom.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A contact asks for attention.
    #[error("{name} is ringing")]
    Rang {
        /// Who.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A call was answered.
    #[error("{name} accepted. You can write to each other at any time now.")]
    Answered {
        /// Who.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A call was not answered.
    #[error(
        "{name} did not answer. Nobody can tell why, that is what keeps calls private. Texts that you wrote stay queued; try again later."
    )]
    NoAnswer {
        /// Who.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// The other side removed us.
    #[error(
        "{name} removed you from their contacts. Texts that were not delivered stay queued; to write again, call them."
    )]
    Ended {
        /// Who.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A call or answer came from a device that this one does not know.
    #[error(
        "{name} uses a device that this one does not know: a new one, a restored backup, or somebody who has their key. Ask them by another way whether it is theirs. What you wrote before waits until you send it."
    )]
    NewDevice {
        /// Who.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A link could not be read.
    #[error("The contact was not added: {0}.")]
    BadInvite(InviteError),
    /// It is one's own link.
    #[error("This is your own invite link. Send it to a friend; to add them, paste theirs.")]
    OwnInvite,
    /// They are a contact already.
    #[error("{name} is already one of your contacts.")]
    KnownContact {
        /// Who.
        contact: ClientKey,
        /// One's own name for them.
        name: Name,
    },
    /// Too many contacts.
    #[error(
        "You have {MAX_CONTACTS} contacts, which is the most that fit. Remove one to add another."
    )]
    ContactsFull,
    /// Too many texts wait.
    #[error(
        "{MAX_QUEUED_TEXTS} texts to {name} wait to be delivered, which is the most that fit. Wait until some have arrived."
    )]
    QueueFull {
        /// To whom.
        contact: ClientKey,
        /// Their name.
        name: Name,
    },
    /// A text is too long.
    #[error(
        "The text has {got} bytes, and at most {MAX_TEXT_BYTES} fit into one message. Send it in parts."
    )]
    TextTooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// A text has left already.
    #[error("This text has left or may have left already, so it can no longer be taken back.")]
    TooLateToCancel,
    /// What was acted on is no longer there.
    #[error("That is no longer possible: the call or contact is gone.")]
    Gone,
    /// A server refused something.
    #[error(
        "Server {party} refused us: {reason}. MCMix connects again by itself; if this stays, reload the page or ask the operator."
    )]
    Refused {
        /// Which server.
        party: PartyId,
        /// Why.
        reason: Refusal,
    },
    /// The identity is in use elsewhere.
    #[error(
        "Two servers say that this identity was opened in another window or device, so this one stopped. Close the other one and reload this page."
    )]
    Replaced,
    /// A server did not prove that it is the one in the manifest.
    #[error(
        "Server {party} could not prove that it is the one this page was made for. Nothing was sent to it. Reload the page; if this stays, ask the operator."
    )]
    WrongServer {
        /// Which server.
        party: PartyId,
    },
    /// A server runs other sizes than the manifest says.
    #[error(
        "Server {party} runs with other settings than this page. Reload the page; if this stays, ask the operator."
    )]
    OtherSettings {
        /// Which server.
        party: PartyId,
    },
    /// The parts of a reply do not fit together.
    #[error(
        "The servers' answers did not fit together, so that round was dropped and its messages are sent again. If this stays, a server is faulty or hostile: ask the operators."
    )]
    RepliesDisagree,
    /// A round was aborted, two servers say.
    #[error(
        "Two servers say that one of the three did not follow the protocol, so that round was dropped and its messages are sent again. Which one it was can't be told. If this stays, ask the operators."
    )]
    RoundAborted,
    /// The browser does not store.
    #[error(
        "The browser did not save your messages. It is tried again; do not close this page until this notice is gone."
    )]
    StorageFailing,
    /// There is no more room.
    #[error(
        "The browser has no room left to save your messages. It is tried again; do not close this page, and free some disk space."
    )]
    StorageFull,
    /// Somebody deleted what was stored.
    #[error(
        "What this page keeps was deleted from the browser while it was open. This identity was saved again from the open page; other identities of this browser are gone, unless they are open in a window, too."
    )]
    StoredAnew,
    /// A stored record could not be read.
    #[error(
        "{count} of the saved records could not be read. That part was set aside on this device and is missing here; all else is complete."
    )]
    RecordsDamaged {
        /// How many.
        count: usize,
    },
}

impl Notice {
    /// Returns whom it is about.
    pub const fn contact(&self) -> Option<ClientKey> {
        match self {
            Self::IncomingCall { contact, .. }
            | Self::NewMessage { contact, .. }
            | Self::Rang { contact, .. }
            | Self::Answered { contact, .. }
            | Self::NewDevice { contact, .. }
            | Self::NoAnswer { contact, .. }
            | Self::Ended { contact, .. }
            | Self::KnownContact { contact, .. }
            | Self::QueueFull { contact, .. } => Some(*contact),
            _ => None,
        }
    }

    /// Returns whether it stays on the list until dismissed. The others show in the view's
    /// contacts and calls anyway.
    pub const fn lasts(&self) -> bool {
        !matches!(
            self,
            Self::IncomingCall { .. }
                | Self::NewMessage { .. }
                | Self::Rang { .. }
                | Self::Answered { .. }
        )
    }
}

/// The most notices on the list; the oldest gives way.
const MAX_NOTICES: usize = 20;

/// The list of notices.
#[derive(Debug, Default)]
pub(super) struct Notices {
    list: Vec<NoticeView>,
    next: u64,
}

impl Notices {
    pub(super) fn list(&self) -> &[NoticeView] {
        &self.list
    }

    pub(super) fn dismiss(&mut self, id: NoticeId) {
        self.list.retain(|notice| notice.id != id);
    }

    /// Takes notices off whose cause is gone.
    pub(super) fn retract(&mut self, gone: &[Notice]) {
        self.list.retain(|notice| !gone.contains(&notice.notice));
    }

    /// Puts a notice on the list; returns whether it is news.
    fn add(&mut self, at: Millis, notice: &Notice) -> bool {
        if self.list.iter().any(|listed| listed.notice == *notice) {
            return false;
        }
        let id = NoticeId(self.next);
        self.next = self.next.saturating_add(1);
        self.list.push(NoticeView {
            id,
            at,
            notice: notice.clone(),
        });
        if self.list.len() > MAX_NOTICES {
            self.list.remove(0);
        }
        true
    }
}

impl Client {
    pub(super) fn notify(&mut self, notice: Notice) {
        if !notice.lasts() || self.notices.add(self.now.wall, &notice) {
            self.out.push(Command::Notify(notice));
        }
    }
}
