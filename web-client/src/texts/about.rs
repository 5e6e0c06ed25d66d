//! What is promised and what is not.

/// What is promised: the gist, and the rest of the sentence.
pub const PROMISED: [(&str, &str); 2] = [
    (
        "Nobody sees whom you talk with,",
        "nor whether you talk at all: not an observer of the whole network, not any one server.",
    ),
    (
        "Nobody else can read along.",
        "Messages are encrypted from your browser to your friend’s.",
    ),
];

/// What is not promised.
pub const NOT_PROMISED: [(&str, &str); 3] = [
    (
        "That you are online is visible",
        "to the servers and to your network.",
    ),
    (
        "Two servers together could find out",
        "who talks with whom. They are meant to be run by people who would not join forces.",
    ),
    (
        "You trust where this page comes from.",
        "Whoever serves it could serve another one.",
    ),
];

/// Heads the promises.
pub const PROMISES_TITLE: &str = "What to count on, and what not";

/// How it works.
pub const ABOUT: [&str; 3] = [
    "Every second or so, everyone who is online hands in a message of exactly the same size, a real one or an empty one. It is cut into three shares, one for each server; a single share is pure noise.",
    "The three servers compute together on the shares. They find the messages that belong together and swap them, without seeing which ones those are. Everyone gets something of the same size back.",
    "So the more people are online, the larger the crowd you disappear in. It also means that this page sends and receives a steady trickle, whether you write or not.",
];

/// Heads the servers' keys.
pub const SERVER_KEYS: &str = "The three servers";

/// What the keys are for.
pub fn server_keys_text(deployment: &str) -> String {
    format!(
        "You are using “{deployment}”. Compare these with what the operators publish, or with a friend’s screen: they must be the same."
    )
}
