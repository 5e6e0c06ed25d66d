//! A conversation as a text that anybody can read.

use mcmix_shared::client::{ContactView, MessageKind, MessageView, SendStatus};

use crate::clock;

/// Heads what saves it.
pub const EXPORT: &str = "Save the conversation";
/// What that means.
pub const EXPORT_HINT: &str = "A text file on this device, which anybody can read who has it. A backup that needs a passphrase is in the settings.";
/// Saves it.
pub const EXPORT_SAVE: &str = "Save as text";

/// Names the file. What systems do not have in names is left out.
pub fn export_name(name: &str, today: &str) -> String {
    let breaks = |letter: char| letter.is_ascii() && !letter.is_ascii_alphanumeric();
    let words = name.split(|letter| breaks(letter) || is_break(letter));
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
        let lines = message.text.split(is_break).map(apart);
        let words = lines.collect::<Vec<_>>().join("\n    ");
        let (stamp, note) = (clock::stamp(message.at), fate(message));
        text.extend([&*stamp, "  ", &apart(who), ": ", &words, note, "\n"]);
    }
    text
}

/// Says whether some editor begins a line there: no message may look like two.
const fn is_break(letter: char) -> bool {
    matches!(
        letter,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Keeps a text's direction to itself: it moves nothing that stands beside it.
fn apart(text: &str) -> String {
    let directs =
        |letter: &char| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut apart = String::from('\u{2068}');
    apart.extend(text.chars().filter(|letter| !directs(letter)));
    apart.push('\u{2069}');
    apart
}

/// Says it where a message did not arrive.
const fn fate(message: &MessageView) -> &'static str {
    match message.kind {
        MessageKind::Received | MessageKind::Outgoing(SendStatus::Delivered) => "",
        MessageKind::Outgoing(SendStatus::Cancelled) => "  [cancelled]",
        MessageKind::Outgoing(_) => "  [not confirmed]",
    }
}
