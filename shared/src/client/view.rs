//! Everything that the page shows, as plain data.

use core::fmt;
use std::sync::Arc;

use super::{MessageNumber, Millis, Notice, NoticeId, OpenToCalls};
use crate::{
    identity::{ClientKey, Invite, Name},
    manifest::Realm,
    party::PartyId,
    program::RoundId,
};

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// One's own key and name; [`Invite::to_link`] makes the link to share.
    pub own: Invite,
    /// What invite links are bound to.
    pub realm: Realm,
    /// Who may call.
    pub open_to_calls: OpenToCalls,
    /// The deployment's name.
    pub deployment: String,
    /// The three servers, P0 first.
    pub servers: [ServerView; 3],
    /// The latest conversation round, once one was announced.
    pub conversation: Option<RoundView>,
    /// The latest dialing round, once one was announced.
    pub dialing: Option<RoundView>,
    /// Contacts, those in a call first, then by the time of the last message or call.
    pub contacts: Vec<ContactView>,
    /// People who call right now, contacts and strangers.
    pub incoming: Vec<IncomingView>,
    /// How many conversations are possible at once.
    pub slots: usize,
    /// How many more are possible now.
    pub free_slots: usize,
    /// Bytes since the start of the client.
    pub traffic: Traffic,
    /// Whether what is shown is stored.
    pub storage: StorageStatus,
    /// What the user should know, oldest first.
    pub notices: Vec<NoticeView>,
}

impl View {
    /// Returns a contact by key.
    pub fn contact(&self, key: ClientKey) -> Option<&ContactView> {
        self.contacts.iter().find(|contact| contact.key == key)
    }

    /// Returns the number of unread messages of all contacts.
    pub fn unread(&self) -> usize {
        self.contacts.iter().map(|contact| contact.unread).sum()
    }

    /// Returns whether all three servers are connected.
    pub fn connected(&self) -> bool {
        self.servers
            .iter()
            .all(|server| server.status == LinkStatus::Connected)
    }

    /// Returns how many clients took part in the last conversation round: the anonymity set.
    pub fn online(&self) -> Option<u32> {
        self.conversation.map(|round| round.online)
    }
}

/// One server as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerView {
    /// Which of the three.
    pub party: PartyId,
    /// Its address.
    pub url: String,
    /// Whether it is connected.
    pub status: LinkStatus,
}

/// Whether a server is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStatus {
    /// The socket is being opened or keys are being agreed.
    Connecting,
    /// Frames flow.
    Connected,
    /// The link was lost and is tried again then.
    Waiting {
        /// When.
        retry_at: Millis,
    },
    /// Another tab or device uses this identity; this one no longer tries by itself.
    Replaced,
}

/// The latest round of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundView {
    /// Its number.
    pub round: RoundId,
    /// When it was announced.
    pub opened_at: Millis,
    /// When it takes no more submissions.
    pub closes_at: Millis,
    /// Clients in the last finished round of this program.
    pub online: u32,
    /// How our part in the last round that is over went.
    pub last: Option<RoundOutcome>,
}

/// How our part in a round went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundOutcome {
    /// Three replies came and fit together.
    Done(RoundId),
    /// We were left out.
    Missed(RoundId),
    /// The round failed for everyone, or its replies never came or did not fit.
    Failed(RoundId),
}

/// A contact.
#[derive(Clone, Debug, PartialEq)]
pub struct ContactView {
    /// Who.
    pub key: ClientKey,
    /// What one calls them.
    pub name: Name,
    /// What is going on with them.
    pub call: CallState,
    /// When something of theirs last arrived in a round.
    pub last_heard: Option<Millis>,
    /// Messages of theirs that were not marked as read.
    pub unread: usize,
    /// The messages, oldest first.
    pub messages: Vec<Arc<MessageView>>,
}

impl ContactView {
    /// Returns whether a text can be expected to leave now.
    pub fn is_talking(&self) -> bool {
        self.call == CallState::Talking
    }

    /// Returns how many texts are not delivered yet.
    pub fn undelivered(&self) -> usize {
        let waits = |message: &&Arc<MessageView>| {
            matches!(
                message.kind,
                MessageKind::Outgoing(SendStatus::Queued { .. } | SendStatus::Sent { .. })
            )
        };
        self.messages.iter().filter(waits).count()
    }
}

/// What is going on with a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// Nothing.
    Idle,
    /// We dial, again and again, until they are free.
    Calling {
        /// The number of the dialing round, from 1.
        attempt: u32,
        /// The number after which we give up.
        of: u32,
    },
    /// They call us.
    Incoming,
    /// Matched or accepted; keys are being agreed inside the rounds.
    Connecting,
    /// Their client answered; the person has not yet.
    Ringing,
    /// Texts flow.
    Talking,
    /// It is over.
    Ended(EndReason),
}

/// Why a call or conversation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// They declined.
    Declined,
    /// They were offline, closed or busy all the time, or did not react.
    NoAnswer,
    /// They called and gave up before we reacted.
    Missed,
    /// They ended it.
    ByPeer,
    /// We ended, cancelled or declined it.
    ByUs,
}

/// A message with a contact.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageView {
    /// Its place in the history.
    pub number: MessageNumber,
    /// When it was written here or arrived here.
    pub at: Millis,
    /// The text.
    pub text: String,
    /// Whose it is and how far it came.
    pub kind: MessageKind,
}

/// Shows everything but the text.
impl fmt::Debug for MessageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            at,
            text,
            kind,
        } = self;
        let text = format_args!("{} bytes", text.len());
        let mut out = f.debug_struct("MessageView");
        out.field("number", number)
            .field("at", at)
            .field("text", &text)
            .field("kind", kind)
            .finish()
    }
}

/// Whose a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// The contact's.
    Received,
    /// Ours.
    Outgoing(SendStatus),
}

/// How far a message of ours came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStatus {
    /// It waits here.
    Queued {
        /// Whether it can still be taken back.
        cancellable: bool,
    },
    /// All of it left, last in that round.
    Sent {
        /// The round.
        round: RoundId,
    },
    /// The other side has stored it.
    Delivered,
    /// It was taken back before it left.
    Cancelled,
}

/// Somebody calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncomingView {
    /// Who.
    pub key: ClientKey,
    /// One's own name for a contact; for a stranger the name that they gave.
    pub name: Name,
    /// Whether they are a contact.
    pub caller: Caller,
    /// Since when.
    pub since: Millis,
}

/// Whether a caller is a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A contact.
    Contact,
    /// Not a contact; accepting makes them one.
    Stranger,
}

/// Bytes since the start of the client, WebSocket payloads of all three links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Sent.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
}

/// Whether what is shown is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageStatus {
    /// All of it.
    Saved,
    /// A transaction is under way.
    Saving,
    /// The browser refused a transaction; it is tried again.
    Failing,
}

/// A notice on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeView {
    /// Names it in [`super::Action::DismissNotice`].
    pub id: NoticeId,
    /// When it arose.
    pub at: Millis,
    /// What it says.
    pub notice: Notice,
}
