//! Everything that the page shows, as plain data.

use core::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{MessageNumber, Millis, Notice, NoticeId, OpenToCalls, Verified};
use crate::{
    identity::{ClientKey, Invite, Name, SafetyNumber},
    manifest::Realm,
    party::PartyId,
    program::RoundId,
};

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// One's own key and name; [`Invite::to_link`] makes the link to share.
    pub own: Invite,
    /// What invite links are bound to.
    pub realm: Realm,
    /// Whose calls ring.
    pub open_to_calls: OpenToCalls,
    /// The deployment's name.
    pub deployment: String,
    /// The three servers, P0 first.
    pub servers: [ServerView; 3],
    /// Whether the servers' keys are those that this device has known; nothing is connected
    /// before the person trusts changed ones.
    pub server_keys: ServerKeys,
    /// The latest conversation round, once two servers announced it.
    pub conversation: Option<RoundView>,
    /// The latest dialing round, once two servers announced it.
    pub dialing: Option<RoundView>,
    /// What keeps rounds from completing, if something does.
    pub obstacle: Option<Obstacle>,
    /// Contacts: those who call first, then by the time of the last message or call.
    pub contacts: Vec<ContactView>,
    /// People whose call rings right now, contacts and strangers.
    pub incoming: Vec<IncomingView>,
    /// Strangers who are blocked.
    pub blocked: Vec<ClientKey>,
    /// How long a contact's text waits for its turn at most, in milliseconds, where the
    /// conversation is not on both screens.
    pub turn_ms: u64,
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

/// Whether the servers are those that this device has known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerKeys {
    /// They are, or this is the first visit.
    Known,
    /// At least one key is another than at the last visit; [`super::Action::TrustServers`] goes on.
    Changed {
        /// Which of the three changed, P0 first.
        changed: [bool; 3],
    },
}

/// What keeps rounds from completing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Obstacle {
    /// That server does not announce, answer, or connect, while the other two do.
    Server(PartyId),
    /// Which one can't be told.
    Unknown,
    /// Two servers say that no rounds are run any more, since one of the three does not follow the
    /// protocol.
    Stopped,
}

/// One server as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerView {
    /// Which of the three.
    pub party: PartyId,
    /// Its address.
    pub url: String,
    /// Whether it is connected.
    pub status: LinkStatus,
}

/// Whether a server is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundView {
    /// Its number.
    pub round: RoundId,
    /// When it was announced.
    pub opened_at: Millis,
    /// When it takes no more submissions.
    pub closes_at: Millis,
    /// Clients in the last finished round of this program: the median of the servers' words.
    pub online: u32,
    /// How our part in the last round that is over went.
    pub last: Option<RoundOutcome>,
}

/// How our part in a round went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RoundOutcome {
    /// Three replies came and fit together.
    Done(RoundId),
    /// We were left out.
    Missed(RoundId),
    /// The round ended for everyone, since a check found that a server deviates, as two say.
    Aborted(RoundId),
    /// The round failed for everyone, or its replies never came or did not fit.
    Failed(RoundId),
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContactView {
    /// Who.
    pub key: ClientKey,
    /// What one calls them.
    pub name: Name,
    /// What there is between the two.
    pub state: ContactState,
    /// Whether safety numbers were compared.
    pub verified: Verified,
    /// The digits to compare.
    pub safety_number: SafetyNumber,
    /// Whether they are blocked.
    pub blocked: Blocked,
    /// When something of theirs last arrived in a round.
    pub last_heard: Option<Millis>,
    /// When they last rang, until one looks at them.
    pub rang: Option<Millis>,
    /// Messages of theirs that were not marked as read.
    pub unread: usize,
    /// Whether one more text can be queued.
    pub outbox: Outbox,
    /// What is being written to them.
    pub draft: String,
    /// The messages, oldest first. They go apart from the rest ([`super::Changes`]).
    #[serde(skip)]
    pub messages: Vec<Arc<MessageView>>,
}

impl ContactView {
    /// Returns whether texts can be delivered without a call.
    pub const fn is_paired(&self) -> bool {
        matches!(self.state, ContactState::Paired { .. })
    }

    /// Returns how many texts are not delivered yet.
    pub fn undelivered(&self) -> usize {
        let waits = |message: &&Arc<MessageView>| {
            matches!(
                message.kind,
                MessageKind::Outgoing(
                    SendStatus::Queued { .. } | SendStatus::Sent { .. } | SendStatus::Held
                )
            )
        };
        self.messages.iter().filter(waits).count()
    }
}

/// Whether a contact is blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blocked {
    /// They are heard.
    #[default]
    No,
    /// They are not, and can't tell.
    Yes,
}

/// Whether one more text can be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outbox {
    /// It can.
    Open,
    /// [`super::MAX_QUEUED_TEXTS`] wait already; the composer keeps what is written.
    Full,
}

/// What there is between a contact and us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContactState {
    /// No session: they have to be called, or to call.
    Known {
        /// How the last call or pair ended.
        ended: Option<EndReason>,
    },
    /// We call, for the first time or to connect again.
    Calling {
        /// What the call does now.
        stage: CallStage,
        /// Whether texts flow over an older session meanwhile.
        paired: Paired,
    },
    /// They call: accept or decline.
    Incoming {
        /// Whether they call from a device that this one does not know.
        device: CallerDevice,
        /// Whether texts flow over an older session meanwhile.
        paired: Paired,
    },
    /// We accepted; their client has not been heard yet.
    Answering {
        /// Whether it is time to offer calling back.
        call_back: ConnectAgain,
        /// Whether texts flow over an older session meanwhile.
        paired: Paired,
    },
    /// Texts are delivered whenever both are online.
    Paired {
        /// What a ring does.
        ring: RingState,
        /// Whether it is time to offer connecting again.
        again: ConnectAgain,
    },
}

/// How far an outgoing call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallStage {
    /// Another call has not left its slot yet.
    Waiting,
    /// It rings, if they are there.
    Ringing {
        /// Dialing rounds dialled so far.
        dials: u32,
        /// Dialing rounds after which it ends.
        of: u32,
    },
    /// Nobody is dialled any more; a late answer is still heard for some rounds.
    Late,
    /// Being taken back.
    Withdrawing,
}

/// Whether an older session carries texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Paired {
    /// It does.
    Yes,
    /// There is none.
    No,
}

/// Whether a caller's device is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallerDevice {
    /// It holds the secret of an earlier session, or there was none.
    Known,
    /// It does not: another device, a restored backup, or somebody who stole their key.
    New,
}

/// What a ring does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingState {
    /// None is under way.
    Quiet,
    /// It waits for another call or ring.
    Waiting,
    /// It is being dialled.
    Ringing,
    /// It is being taken back.
    Withdrawing,
}

/// Whether it is time to offer connecting again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectAgain {
    /// They were heard within seven days; an answer of ours is still on its way.
    NotNeeded,
    /// They were not; the answer has not been heard.
    Offered,
}

/// Why a call or pair is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// Nobody answered: they were offline, did not react, or declined.
    NoAnswer,
    /// They called and gave up before we reacted.
    Missed,
    /// They removed us.
    ByPeer,
    /// We cancelled or declined.
    ByUs,
}

/// A message with a contact.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageKind {
    /// The contact's.
    Received,
    /// Ours.
    Outgoing(SendStatus),
}

/// How far a message of ours came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendStatus {
    /// It waits here.
    Queued {
        /// Whether it can still be taken back.
        cancellable: bool,
    },
    /// Handed over: all of it met the other side's row, last in that round.
    Sent {
        /// The round.
        round: RoundId,
    },
    /// It was written before the contact answered from a device that this one does not know, and
    /// leaves only when the person says so.
    Held,
    /// The other side has stored it.
    Delivered,
    /// It was taken back before it left.
    Cancelled,
}

/// Somebody calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncomingView {
    /// Who.
    pub key: ClientKey,
    /// One's own name for a contact; for a stranger the name that they gave.
    pub name: Name,
    /// A contact whose name looks like that of this stranger.
    pub looks_like: Option<Name>,
    /// Whether their device is known.
    pub device: CallerDevice,
    /// Whether they are a contact.
    pub caller: Caller,
    /// Since when.
    pub since: Millis,
}

/// Whether a caller is a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caller {
    /// A contact.
    Contact,
    /// Not a contact; accepting makes them one.
    Stranger,
}

/// Bytes since the start of the client, WebSocket payloads of all three links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Sent.
    pub sent_bytes: u64,
    /// Received.
    pub received_bytes: u64,
}

/// Whether what is shown is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StorageStatus {
    /// All of it.
    Saved,
    /// A transaction is under way.
    Saving,
    /// The browser refused a transaction; it is tried again.
    Failing,
}

/// A notice on the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeView {
    /// Names it in [`super::Action::DismissNotice`].
    pub id: NoticeId,
    /// When it arose.
    pub at: Millis,
    /// What it says.
    pub notice: Notice,
}
