//! A conversation as a text that anybody can read.

use mcmix_shared::client::{ContactView, MessageKind, MessageView, SendStatus};

use crate::clock;

/// Heads what saves it.
pub const EXPORT: &str = "Save the conversation";
/// What that means.
pub const EXPORT_HINT: &str = "A text file on this device, which anybody can read who has it. A backup, which nobody can, is under “Lock, back up, erase” in the settings.";
/// Saves it.
pub const EXPORT_SAVE: &str = "Save as text";

/// Names the file. What systems do not have in names is left out.
pub fn export_name(name: &str, today: &str) -> String {
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!("mcmix-{}-{today}.txt", words.join("-"))
}

/// Writes the conversation, a line a message, those of several lines indented.
pub fn export(contact: &ContactView, own: &str) -> String {
    let them = contact.name.as_str();
    let mut text = format!("{own} and {them}\n\n");
    for message in &contact.messages {
        let who = match message.kind {
            MessageKind::Received => them,
            MessageKind::Outgoing(_) => own,
        };
        let words = message.text.replace('\n', "\n    ");
        let (stamp, note) = (clock::stamp(message.at), fate(message));
        text.extend([&*stamp, "  ", who, ": ", &words, note, "\n"]);
    }
    text
}

/// Says it where a message did not arrive.
const fn fate(message: &MessageView) -> &'static str {
    match message.kind {
        MessageKind::Received | MessageKind::Outgoing(SendStatus::Delivered) => "",
        MessageKind::Outgoing(SendStatus::Cancelled) => "  [cancelled]",
        MessageKind::Outgoing(_) => "  [not confirmed]",
    }
}
