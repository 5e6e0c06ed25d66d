//! Calls, rings, and what there is between a contact and us.

use mcmix_shared::client::{
    Blocked, CallStage, ConnectAgain, ContactState, ContactView, EndReason, Millis, Paired,
    RingState, View,
};

use crate::clock;

/// Calls.
pub const CALL: &str = "Call";
/// Calls once more.
pub const CALL_AGAIN: &str = "Call again";
/// Calls somebody who called.
pub const CALL_BACK: &str = "Call back";
/// Calls a contact who was not heard for long.
pub const CONNECT_AGAIN: &str = "Connect again";
/// Gives up a call.
pub const CANCEL_CALL: &str = "Cancel call";
/// Asks a contact for attention.
pub const RING: &str = "Ring";
/// Gives up a ring.
pub const STOP_RINGING: &str = "Stop";
/// Back to the list.
pub const BACK: &str = "Back to contacts";

/// The banner, to a screen reader.
pub const INCOMING_CALLS: &str = "Calls and rings";
/// Accepts a call.
pub const ACCEPT: &str = "Accept";
/// Declines a call.
pub const DECLINE: &str = "Decline";
/// Hears no more of somebody.
pub const BLOCK: &str = "Block";
/// Hears of somebody again.
pub const UNBLOCK: &str = "Unblock";
/// Below a caller who is a contact.
pub const CONTACT_CALLS: &str =
    "One of your contacts. If you decline, they are not told; only if you accept.";
/// Below a caller who is not.
pub const STRANGER: &str = "Not among your contacts; the name is what they call themselves. Accepting adds them, and from then on you both can write. If you decline or block, they are not told.";
/// A contact's call from a device that this one does not know.
pub const NEW_DEVICE_CALLS: &str = "From a device that this one does not know: a new one, a restored backup, or somebody who has their key. Ask them by another way before you trust it.";
/// Whether a contact's safety number was compared.
pub const VERIFIED: &str = "Verified";
/// A contact who is blocked.
pub const BLOCKED: &str = "Blocked";

/// Who calls.
pub fn calls_you(name: &str) -> String {
    format!("{name} is calling")
}

/// Who rang, and when.
pub fn rang_you(name: &str, at: Millis, now: Millis) -> String {
    format!("{name} rang {}", clock::last(at, now))
}

/// Warns of a stranger who has nearly the name of a contact.
pub fn looks_like(contact: &str) -> String {
    format!("The name looks like that of {contact}, but this is somebody else.")
}

/// Names a state for tests.
pub const fn state_name(state: ContactState) -> &'static str {
    match state {
        ContactState::Known { .. } => "known",
        ContactState::Calling { .. } => "calling",
        ContactState::Incoming { .. } => "incoming",
        ContactState::Answering { .. } => "answering",
        ContactState::Paired { .. } => "paired",
    }
}

/// Names the end of a call or pair for tests.
pub const fn end_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::NoAnswer => "no-answer",
        EndReason::Missed => "missed",
        EndReason::ByPeer => "ended-by-them",
        EndReason::ByUs => "ended",
    }
}

/// Names how far an outgoing call is, for tests.
pub const fn stage_name(stage: CallStage) -> &'static str {
    match stage {
        CallStage::Waiting => "waiting",
        CallStage::Ringing { .. } => "ringing",
        CallStage::Late => "late",
        CallStage::Withdrawing => "withdrawing",
    }
}

/// Names what a ring does, for tests.
pub const fn ring_name(ring: RingState) -> &'static str {
    match ring {
        RingState::Quiet => "quiet",
        RingState::Waiting => "waiting",
        RingState::Ringing => "ringing",
        RingState::Withdrawing => "withdrawing",
    }
}

/// What the list says in place of the last message.
pub const fn state_in_list(contact: &ContactView) -> Option<&'static str> {
    match (contact.blocked, contact.state) {
        (Blocked::Yes, _) => Some(BLOCKED),
        (_, ContactState::Calling { stage, .. }) => Some(stage_in_short(stage)),
        (_, ContactState::Incoming { .. }) => Some("Is calling you"),
        (_, ContactState::Answering { .. }) => Some("Connecting …"),
        (
            _,
            ContactState::Known {
                ended: Some(EndReason::Missed),
            },
        ) => Some("Missed call"),
        (_, ContactState::Paired { .. }) if contact.rang.is_some() => Some("Rang you"),
        (_, ContactState::Known { .. } | ContactState::Paired { .. }) => None,
    }
}

/// How far an outgoing call is, where there is little room.
const fn stage_in_short(stage: CallStage) -> &'static str {
    match stage {
        CallStage::Waiting => "Calls soon",
        CallStage::Ringing { .. } => "Calling …",
        CallStage::Late => "No answer so far",
        CallStage::Withdrawing => "Taking the call back …",
    }
}

/// What a call would mean to somebody who can't be written to yet.
pub fn call_offer(name: &str, ended: Option<EndReason>) -> String {
    match ended {
        None | Some(EndReason::ByUs) => format!(
            "Call {name} once. When they accept, you both can write at any time, without calling again. Nobody else can tell that you call, and they need not react."
        ),
        Some(EndReason::NoAnswer) => format!(
            "{name} did not answer: away, not looking, or not willing. Nobody can tell which. What you wrote is kept here."
        ),
        Some(EndReason::Missed) => format!("You missed a call from {name}."),
        Some(EndReason::ByPeer) => format!(
            "{name} removed you from their contacts. What did not arrive is kept here; to write again, call them."
        ),
    }
}

/// What an outgoing call does.
pub fn calling(name: &str, stage: CallStage, paired: Paired) -> String {
    let call = match stage {
        CallStage::Waiting => format!("Calls {name} soon: another call or ring goes first."),
        CallStage::Ringing { dials, of } => format!(
            "Calling {name} … rung {dials} of {of} times. You hear from them only if they accept."
        ),
        CallStage::Late => {
            format!("{name} did not answer so far. An answer that comes late is still heard.")
        }
        CallStage::Withdrawing => format!("Taking the call to {name} back …"),
    };
    match paired {
        Paired::Yes => format!("{call} You can write meanwhile as before."),
        Paired::No => call,
    }
}

/// A call that comes from this contact; the banner has the buttons.
pub fn is_calling(name: &str) -> String {
    format!("{name} is calling you.")
}

/// After accepting.
pub fn answering(name: &str, call_back: ConnectAgain) -> String {
    match call_back {
        ConnectAgain::NotNeeded => format!("Connecting to {name} …"),
        ConnectAgain::Offered => format!(
            "{name} was not heard since you accepted: they may have gone. You are connected when they are back; or call them."
        ),
    }
}

/// What a ring does that is under way.
pub fn ringing(name: &str, ring: RingState) -> Option<String> {
    match ring {
        RingState::Quiet => None,
        RingState::Waiting => Some(format!(
            "Rings {name} soon: another call or ring goes first."
        )),
        RingState::Ringing => Some(format!("Ringing {name} …")),
        RingState::Withdrawing => Some("The ring stops …".to_owned()),
    }
}

/// What a ring is.
pub fn ring_hint(name: &str) -> String {
    format!("Asks {name} to look here, if they are online")
}

/// When it is time to offer connecting again.
pub fn again_offer(name: &str, heard: Option<Millis>, now: Millis) -> String {
    let heard = heard.map_or_else(
        || format!("{name} was not here yet."),
        |heard| format!("{name} was last here {}.", clock::last(heard, now)),
    );
    format!(
        "{heard} If one of you lost their data, connect again: {name} is asked to accept. Nothing is lost by trying."
    )
}

/// A contact who is blocked.
pub fn is_blocked(name: &str) -> String {
    format!(
        "You blocked {name}. To them you look absent. What either of you writes waits until you unblock them."
    )
}

/// A contact's new device, and texts that wait because of it.
pub fn new_device(name: &str, held: usize) -> String {
    let device = format!(
        "{name} uses a device that this one does not know: a new one, a restored backup, or somebody who has their key. Ask them by another way whether it is theirs; the safety number can’t tell."
    );
    match held {
        0 => device,
        1 => format!("{device} A text that you wrote before waits until you send it."),
        held => format!("{device} {held} texts that you wrote before wait until you send them."),
    }
}

/// Sends the texts that wait because of a new device.
pub const SEND_HELD: &str = "Send what waits";

/// Whether a contact was heard so lately that they are here.
pub const fn is_here(heard: Option<Millis>, turn_ms: u64, now: Millis) -> bool {
    /// The client notes it once a minute.
    const NOTED: u64 = 60_000;
    /// One turn that misses, or a round that fails, says nothing of an absence.
    const TURNS: u64 = 2;
    match heard {
        Some(heard) => now.since(heard) <= NOTED + TURNS * turn_ms,
        None => false,
    }
}

/// Below a contact's name. Without all servers nobody is heard, so nobody is said to be here.
pub fn presence(contact: &ContactView, view: &View, now: Millis) -> String {
    let here = |heard| view.connected() && is_here(heard, view.turn_ms, now);
    match (contact.blocked, contact.state, contact.last_heard) {
        (Blocked::Yes, ..) => BLOCKED.to_owned(),
        (_, ContactState::Calling { stage, .. }, _) => stage_in_short(stage).to_owned(),
        (_, ContactState::Incoming { .. }, _) => "Is calling you".to_owned(),
        (_, ContactState::Answering { .. }, _) => "Connecting …".to_owned(),
        (_, ContactState::Known { .. }, None) => "Not connected yet".to_owned(),
        (_, ContactState::Known { .. }, Some(_)) => "Not connected".to_owned(),
        (_, ContactState::Paired { .. }, heard) if here(heard) => "Here now".to_owned(),
        (_, ContactState::Paired { .. }, Some(heard)) => {
            format!("Last here {}", clock::last(heard, now))
        }
        (_, ContactState::Paired { .. }, None) => "Not here yet".to_owned(),
    }
}
