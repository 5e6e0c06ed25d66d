//! Calls, conversations and messages.

use mcmix_shared::client::{CallState, ContactView, EndReason, Millis, SendStatus};

use super::figures::{grouped_digits, span};

/// Calls.
pub const CALL: &str = "Call";
/// Calls once more.
pub const CALL_AGAIN: &str = "Call again";
/// Gives up a call.
pub const CANCEL_CALL: &str = "Cancel call";
/// Ends a conversation.
pub const END: &str = "End";
/// Back to the list.
pub const BACK: &str = "Back to contacts";
/// Why no call can start.
pub const NO_SLOT: &str = "All your conversations are in use. End one first.";

/// The banner, to a screen reader.
pub const INCOMING_CALLS: &str = "Incoming calls";
/// Accepts a call.
pub const ACCEPT: &str = "Accept";
/// Declines a call.
pub const DECLINE: &str = "Decline";
/// Below a caller who is a contact.
pub const CONTACT_CALLS: &str = "One of your contacts";
/// Below a caller who is not.
pub const STRANGER: &str =
    "Not among your contacts. The name is what they call themselves; accepting adds them.";

/// Who calls.
pub fn calls_you(name: &str) -> String {
    format!("{name} is calling")
}

/// Names a state for tests.
pub const fn state_name(call: CallState) -> &'static str {
    match call {
        CallState::Idle | CallState::Ended(_) => "idle",
        CallState::Calling { .. } | CallState::Connecting => "calling",
        CallState::Incoming => "incoming",
        CallState::Ringing => "ringing",
        CallState::Talking => "talking",
    }
}

/// Names the end of a call for tests.
pub const fn end_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Declined => "declined",
        EndReason::NoAnswer => "no-answer",
        EndReason::Missed => "missed",
        EndReason::ByPeer => "ended-by-them",
        EndReason::ByUs => "ended",
    }
}

/// What the list says in place of the last message.
pub const fn call_in_list(call: CallState) -> Option<&'static str> {
    match call {
        CallState::Calling { .. } => Some("Calling …"),
        CallState::Incoming => Some("Is calling you"),
        CallState::Connecting => Some("Connecting …"),
        CallState::Ringing => Some("Ringing …"),
        CallState::Ended(EndReason::Missed) => Some("Missed call"),
        CallState::Idle | CallState::Talking | CallState::Ended(_) => None,
    }
}

/// What the bar of a conversation says.
pub fn call_state(call: CallState, name: &str) -> String {
    match call {
        CallState::Idle | CallState::Talking => String::new(),
        CallState::Calling { attempt, of } => {
            format!("Calling {name} … (try {attempt} of {of})")
        }
        CallState::Incoming => format!("{name} is calling you."),
        CallState::Connecting => format!("Reached {name}. Agreeing on keys …"),
        CallState::Ringing => {
            format!("Ringing at {name}’s …")
        }
        CallState::Ended(EndReason::Declined) => {
            format!("{name} declined the call. What you wrote waits for the next one.")
        }
        CallState::Ended(EndReason::NoAnswer) => {
            format!(
                "{name} did not answer: offline, busy, or closed to calls. What you wrote waits for the next call."
            )
        }
        CallState::Ended(EndReason::Missed) => format!("You missed a call from {name}."),
        CallState::Ended(EndReason::ByPeer) => format!("{name} ended the conversation."),
        CallState::Ended(EndReason::ByUs) => "The conversation is over.".to_owned(),
    }
}

/// Silence of that many milliseconds is worth telling.
const SILENCE: u64 = 15_000;
/// Less than that many milliseconds ago is now.
const JUST_NOW: u64 = 10_000;

/// Below a contact's name.
pub fn presence(contact: &ContactView, now: Millis) -> String {
    let heard = contact.last_heard;
    match (contact.call, heard) {
        (CallState::Talking, Some(heard)) if now.since(heard) > SILENCE => {
            format!(
                "Silent for {}; what you write is kept",
                span(now.since(heard))
            )
        }
        (CallState::Talking, _) => "In conversation".to_owned(),
        (CallState::Calling { .. } | CallState::Connecting, _) => "Calling …".to_owned(),
        (CallState::Ringing, _) => "Ringing …".to_owned(),
        (CallState::Incoming, _) => "Is calling you".to_owned(),
        (CallState::Idle | CallState::Ended(_), Some(heard)) => match now.since(heard) {
            0..JUST_NOW => "Last heard just now".to_owned(),
            since => format!("Last heard {} ago", span(since)),
        },
        (CallState::Idle | CallState::Ended(_), None) => "Not talked yet".to_owned(),
    }
}

/// The messages, to a screen reader.
pub fn messages_with(name: &str) -> String {
    format!("Messages with {name}")
}

/// In place of messages.
pub fn no_messages(name: &str, call: CallState) -> String {
    match call {
        CallState::Talking => format!("You are talking with {name}. Say hello!"),
        CallState::Idle | CallState::Ended(_) => {
            format!(
                "Call {name} to talk. Nobody can tell that you do. You can write before they answer; it waits here."
            )
        }
        _ => format!("You can write already: it waits here until {name} accepts."),
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
        SendStatus::Sent { round } => format!("Sent in round {}", grouped_digits(round.0)),
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

/// Below the composer.
pub fn composer_hint(call: CallState, name: &str) -> String {
    match call {
        CallState::Talking => "Enter to send, Shift+Enter for a new line".to_owned(),
        CallState::Idle | CallState::Ended(_) => {
            format!("Kept here until you and {name} are in a conversation")
        }
        _ => format!("Kept here until {name} accepts"),
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
