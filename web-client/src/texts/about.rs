//! What is promised and what is not (docs/threat-model.md, in a person's words).

/// What is promised: the gist, and the rest of the sentence.
pub const PROMISED: [(&str, &str); 3] = [
    (
        "Nobody sees whom you talk with,",
        "nor whether you talk or call at all: not an observer of the whole network, not any one server, even one that breaks the rules.",
    ),
    (
        "Whoever calls you learns nothing,",
        "not even whether you are there, unless you accept.",
    ),
    (
        "Nobody else can read along.",
        "Messages are encrypted from your browser to your friend’s, with keys that change all the time.",
    ),
];

/// What is not promised.
pub const NOT_PROMISED: [(&str, &str); 4] = [
    (
        "That you are online is visible",
        "to the servers, to your network and to your contacts. A contact also sees when their conversation is on your screen.",
    ),
    (
        "Two servers together could find out",
        "who talks with whom. They are meant to be run by people who would not. One alone can't: if it breaks the rules, the other two notice before it learns anything, and stop.",
    ),
    (
        "Who can change your link on its way",
        "can stand between you and your friend. Compare safety numbers before you write what matters.",
    ),
    (
        "You trust where this page comes from.",
        "Whoever serves it could serve another one.",
    ),
];

/// Heads the promises.
pub const PROMISES_TITLE: &str = "What to count on, and what not";

/// How it works.
pub const ABOUT: [&str; 4] = [
    "Every second or so, everyone who is online hands in messages of exactly the same size, real ones or empty ones. Each is cut into three shares, one for each server; a single share is pure noise.",
    "The three servers compute together on the shares. They find the messages that belong together and swap them, without seeing which ones those are. Everyone gets something of the same size back.",
    "A call is a sealed message, too: everyone gets one in every round, a real one or noise, and only your browser can tell which. Once two people accepted each other, they write whenever they like; nobody has to call again.",
    "So the more people are online, the larger the crowd you disappear in. It also means that this page sends and receives a steady trickle, whether you write or not. Stay online when you don’t write, too: two people who always come and go together can be guessed to know each other.",
];

/// Heads what there is to know about contacts.
pub const CONTACTS_SEE_TITLE: &str = "What contacts can find out";

/// What contacts can find out.
pub const CONTACTS_SEE: [&str; 4] = [
    "That you are online, and when their conversation is on your screen: you then answer faster. If the page is hidden, or you touch nothing for a minute, nobody’s is.",
    "If you have more than some twenty contacts: roughly how many, by how often their turn is missed.",
    "If you call somebody at the moment they call you: when their call arrived.",
    "Someone you blocked sees you as absent, but can still get in the way of calls for up to a week, until your contacts have a new pass from you.",
];

/// Heads what happens when the device is stolen or read.
pub const STOLEN_TITLE: &str = "If somebody gets at this device";

/// What happens then.
pub const STOLEN: [&str; 3] = [
    "Keys and messages are kept in this browser, encrypted. Without a passphrase the browser has the key, so whoever can use it can read them; with one (“Lock, back up, erase” in the settings), whoever takes the locked device has to guess it. Whoever copies its keys once and then only watches can read along until the keys were renewed, within a day or so of both of you being online; what was deleted before stays closed. Keys are renewed in a way meant to outlast quantum computers; a very first call and the proof of who somebody is are not.",
    "Your identity itself does not heal: who has it can call others in your name. Once keys were renewed, your contacts see a device that they do not know, and what they wrote before is not sent to it until they say so.",
    "Whoever has your key can also call you in a contact’s name. If you accept, the call leads nowhere, and nothing that you wrote goes out.",
];

/// Heads the servers' keys.
pub const SERVER_KEYS: &str = "The three servers";

/// What the keys are for.
pub fn server_keys_text(deployment: &str) -> String {
    format!(
        "You are using “{deployment}”. Compare these with what the operators publish, or with a friend’s screen: they must be the same."
    )
}

// ---- changed keys ----

/// Heads the question about changed keys.
pub const KEYS_CHANGED_TITLE: &str = "Servers have new keys";
/// What changed keys mean.
pub const KEYS_CHANGED: &str = "The page says other keys for these servers than this device has known so far. The operators may have renewed them, or somebody is posing as them. Nothing was sent to any server yet.";
/// What to do about them.
pub const KEYS_CHANGED_ADVICE: &str = "Ask the operators, or compare with a friend’s screen. If two of the three are false, they could find out whom you talk with; your messages stay closed to them.";
/// Goes on with the new keys.
pub const TRUST_SERVERS: &str = "Use the new keys";
/// Decides later.
pub const STAY_DISCONNECTED: &str = "Stay disconnected";
/// The banner while the decision is put off.
pub const KEYS_CHANGED_BANNER: &str =
    "Not connected: servers have new keys, and you have not said yet whether to trust them.";
/// Asks again.
pub const DECIDE: &str = "Decide";
