//! What is said of, and in, notifications.

use crate::notify::Notify;

/// Offers them.
pub const NOTIFY_OFFER: &str =
    "Be told when somebody writes or calls while this page is in the background?";
/// Takes the offer.
pub const NOTIFY_YES: &str = "Tell me";
/// Declines it.
pub const NOTIFY_NO: &str = "No";
/// Heads the choice.
pub const NOTIFY_TITLE: &str = "Notifications";
/// Under the choice.
pub const NOTIFY_HINT: &str = "Your browser shows them while this page is open in the background. No server is asked, and what was written is never in them.";
/// Under the choice, where the browser forbids them.
pub const NOTIFY_DENIED: &str = "This browser does not let MCMix show notifications. You can allow it in the browser’s settings for this site.";
/// Whether they sound.
pub const NOTIFY_SOUND: &str = "With sound";

/// Names a choice.
pub const fn notify_choice(notify: Notify) -> &'static str {
    match notify {
        Notify::Never => "None",
        Notify::Something => "Only that there is something new",
        Notify::Names => "Also who it is from",
    }
}

/// Tells of a message.
pub fn told_message(name: Option<String>) -> String {
    name.map_or_else(
        || "A new message".to_owned(),
        |name| format!("A message from {name}"),
    )
}

/// Tells of a call.
pub fn told_call(name: Option<String>) -> String {
    let name = name.unwrap_or_else(|| "Somebody".to_owned());
    super::calls_you(&name)
}

/// Tells of a call by somebody who is no contact, and may call themselves what they like.
pub const TOLD_STRANGER: &str = "Somebody who is not among your contacts is calling";

/// Tells of a ring.
pub fn told_ring(name: Option<String>) -> String {
    let name = name.unwrap_or_else(|| "Somebody".to_owned());
    format!("{name} wants you to look")
}
