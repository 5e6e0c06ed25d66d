//! Messages: what becomes of them, in words.

use mcmix_shared::client::{
    Blocked, CallStage, ContactState, ContactView, MAX_QUEUED_TEXTS, MessageKind, Millis, Outbox,
    Paired, SendStatus, View,
};

use super::call::is_here;
use super::figures::{grouped_digits, span};
use crate::clock;

/// What a link in a message does.
pub const ADDRESS_HINT: &str =
    "Opens in another tab. That site learns your network address, and not that you come from here.";
/// Finds contacts and messages.
pub const SEARCH: &str = "Search names and messages";
/// Where nothing was found.
pub const NOTHING_FOUND: &str = "Nobody and nothing found.";
/// The messages, to a screen reader.
pub fn messages_with(name: &str) -> String {
    format!("Messages with {name}")
}

/// In place of messages.
pub fn no_messages(name: &str, state: ContactState) -> String {
    match state {
        ContactState::Paired { .. } => {
            format!("You and {name} can write to each other at any time. Say hello!")
        }
        ContactState::Known { .. }
        | ContactState::Calling {
            stage: CallStage::Withdrawing,
            ..
        } => {
            format!("You can write already: it waits here until {name} accepts a call.")
        }
        ContactState::Calling { .. } => {
            format!("You can write already: it waits here until {name} accepts.")
        }
        ContactState::Incoming { .. } | ContactState::Answering { .. } => {
            "You can write already: it waits here until you are connected.".to_owned()
        }
    }
}

/// Shows more messages.
pub const EARLIER: &str = "Show earlier messages";
/// Before a message of one's own, to a screen reader.
pub const YOU_SAY: &str = "You";
/// Takes a message back.
pub const CANCEL_MESSAGE: &str = "Take back";

/// How far a message came.
pub fn send_status(status: SendStatus) -> String {
    match status {
        SendStatus::Queued { .. } => "Queued".to_owned(),
        SendStatus::Held => "Waits for you".to_owned(),
        SendStatus::Sent { round } => format!("Handed over, round {}", grouped_digits(round.0)),
        SendStatus::Delivered => "Delivered".to_owned(),
        SendStatus::Cancelled => "Taken back".to_owned(),
    }
}

/// Sends a message.
pub const SEND: &str = "Send";

/// An empty composer.
pub fn write_to(name: &str) -> String {
    format!("Write to {name}")
}

/// What becomes of what is written to a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// They are blocked.
    Blocked,
    /// As much as fits waits already.
    Full,
    /// No session carries it yet.
    Unpaired,
    /// Not all servers are connected.
    Offline,
    /// It waits for the person, because the contact has a new device.
    Held,
    /// It waits for the contact, who is not here.
    Away,
    /// It waits for the contact's turn.
    Turn,
    /// All of it left; the contact has not confirmed it.
    HandedOver,
    /// All of it arrived.
    Delivered,
    /// Nothing was written.
    Ready,
}

impl Outlook {
    /// Tells what becomes of the texts to a contact.
    pub fn of(contact: &ContactView, view: &View, now: Millis) -> Self {
        let statuses = || {
            contact.messages.iter().filter_map(|it| match it.kind {
                MessageKind::Outgoing(status) if status != SendStatus::Cancelled => Some(status),
                MessageKind::Outgoing(_) | MessageKind::Received => None,
            })
        };
        let held = statuses().any(|status| status == SendStatus::Held);
        let queued = statuses().any(|status| matches!(status, SendStatus::Queued { .. }));
        let sent = statuses().any(|status| matches!(status, SendStatus::Sent { .. }));
        let here = is_here(contact.last_heard, view.turn_ms, now);
        if contact.blocked == Blocked::Yes {
            Self::Blocked
        } else if contact.outbox == Outbox::Full {
            Self::Full
        } else if !is_carried(contact.state) {
            Self::Unpaired
        } else if held {
            Self::Held
        } else if (queued || sent) && !view.connected() {
            Self::Offline
        } else if !here {
            Self::Away
        } else if queued {
            Self::Turn
        } else if sent {
            Self::HandedOver
        } else if statuses().next_back() == Some(SendStatus::Delivered) && ends_with_ours(contact) {
            Self::Delivered
        } else {
            Self::Ready
        }
    }

    /// Names it for tests.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Full => "full",
            Self::Unpaired => "unpaired",
            Self::Offline => "offline",
            Self::Held => "held",
            Self::Away => "away",
            Self::Turn => "turn",
            Self::HandedOver => "handed-over",
            Self::Delivered => "delivered",
            Self::Ready => "ready",
        }
    }
}

/// Returns whether a session carries texts to them.
const fn is_carried(state: ContactState) -> bool {
    match state {
        ContactState::Paired { .. } => true,
        ContactState::Known { .. } => false,
        ContactState::Calling { paired, .. }
        | ContactState::Incoming { paired, .. }
        | ContactState::Answering { paired, .. } => matches!(paired, Paired::Yes),
    }
}

fn ends_with_ours(contact: &ContactView) -> bool {
    let last = contact.messages.last();
    last.is_some_and(|message| matches!(message.kind, MessageKind::Outgoing(_)))
}

/// Below the composer.
pub fn outlook(contact: &ContactView, view: &View, now: Millis) -> String {
    let name = contact.name.as_str();
    match Outlook::of(contact, view, now) {
        Outlook::Blocked => "Kept here until you unblock them".to_owned(),
        Outlook::Full => format!(
            "{MAX_QUEUED_TEXTS} texts to {name} wait already, which is the most. What you write stays here until some have arrived."
        ),
        Outlook::Unpaired => match contact.state {
            ContactState::Known { .. }
            | ContactState::Calling {
                stage: CallStage::Withdrawing,
                ..
            } => format!("Kept here until {name} accepts a call"),
            ContactState::Calling { .. } => format!("Kept here until {name} accepts"),
            ContactState::Incoming { .. } => format!("Kept here until you accept {name}’s call"),
            ContactState::Answering { .. } | ContactState::Paired { .. } => {
                format!("Kept here until you and {name} are connected")
            }
        },
        Outlook::Offline => "Waiting for the servers".to_owned(),
        Outlook::Held => "Waits until you send it, see above".to_owned(),
        Outlook::Away => {
            let Some(heard) = contact.last_heard else {
                return format!("{name} was not here yet. What you write arrives when they are.");
            };
            let heard = clock::last(heard, now);
            if contact.undelivered() > 0 {
                format!("Waiting for {name}, who was last here {heard}")
            } else {
                format!("{name} was last here {heard}. What you write arrives when they are back.")
            }
        }
        Outlook::Turn => format!(
            "Waiting for {name}’s next turn, at most {}",
            span(view.turn_ms)
        ),
        Outlook::HandedOver => format!("Handed over; {name} has not confirmed it yet"),
        Outlook::Delivered => "Delivered".to_owned(),
        Outlook::Ready => "Enter to send, Shift+Enter for a new line".to_owned(),
    }
}

/// How much still fits.
pub fn left(bytes: usize) -> String {
    format!("{} left", grouped_digits(bytes as u64))
}

/// How much is too much.
pub fn over_by(bytes: usize) -> String {
    format!(
        "{} too long: send it in parts",
        grouped_digits(bytes as u64)
    )
}
