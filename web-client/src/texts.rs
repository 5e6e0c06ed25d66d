//! Every sentence the page shows.
//!
//! Written for the person who reads it: what happened, what it means, what to do next.

mod about;
mod call;
mod export;
mod figures;
mod notifications;
mod person;
mod protection;
mod writing;

use std::fmt::Display;

pub use about::*;
pub use call::*;
pub use export::*;
pub use figures::*;
pub use notifications::*;
pub use person::*;
pub use protection::*;
pub use writing::*;

use crate::page::Theme;
use crate::worker::Trouble;
use mcmix_shared::client::OpenToCalls;

/// The product's name.
pub const PRODUCT: &str = "MCMix";
/// While the page loads.
pub const LOADING: &str = "Loading …";
/// Closes a dialog.
pub const CLOSE: &str = "Close";
/// Gives up what a dialog was opened for.
pub const CANCEL: &str = "Cancel";
/// Keeps a change.
pub const SAVE: &str = "Save";
/// After saving.
pub const SAVED: &str = "Saved";
/// Tries again.
pub const TRY_AGAIN: &str = "Try again";
/// Takes a notice off.
pub const DISMISS: &str = "Dismiss";
/// The list of notices, to a screen reader.
pub const NOTICES: &str = "Notices";

/// Makes a sentence of an error or notice of `mcmix-shared`: a capital and a full stop.
pub fn sentence(text: impl Display) -> String {
    let mut sentence = text.to_string();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

/// The page's title; `asks` is who calls or rang, in a sentence.
pub fn title(unread: usize, asks: Option<String>, name: Option<&str>) -> String {
    let unread = if unread == 0 {
        String::new()
    } else {
        format!("({unread}) ")
    };
    match (asks, name) {
        (Some(asks), _) => format!("{unread}{asks} – {PRODUCT}"),
        (None, Some(name)) => format!("{unread}{name} – {PRODUCT}"),
        (None, None) => format!("{unread}{PRODUCT}"),
    }
}

/// Heads the message after a fault of the app itself.
pub const STOPPED_TITLE: &str = "MCMix has stopped";
/// What such a fault means.
pub const STOPPED: &str = "A fault in the app. What was saved is safe: reload the page to go on. The browser’s console says more.";

/// Why the page cannot go on, and what to do.
pub fn trouble(trouble: &Trouble) -> (&'static str, String) {
    match trouble {
        Trouble::Unreachable => (
            "The servers’ addresses did not arrive",
            "The page came without the list of its three servers. Check your connection and try again.".to_owned(),
        ),
        Trouble::Manifest(why) => (
            "This page is not set up right",
            format!("The list of its three servers can’t be used ({why}). Tell whoever runs this page; nothing was sent."),
        ),
        Trouble::Blocked => (
            "Close the other windows of this page",
            "Another window still shows an older version of it and keeps what is stored here from being brought up to date. This page goes on by itself once those are closed or reloaded.".to_owned(),
        ),
        Trouble::NoAnswer => (
            "The browser’s storage does not answer",
            "MCMix keeps your identity and messages there, and the browser has not opened it for 15 seconds. Try again; if it stays so, restart the browser. Nothing was changed.".to_owned(),
        ),
        Trouble::Newer => (
            "This page is older than your data",
            "A newer version of MCMix keeps your data in this browser, so this one leaves it alone. Load the page anew to get the newer version; nothing is lost.".to_owned(),
        ),
        Trouble::Cleared => (
            "Your data is no longer in this browser",
            "What this page kept was deleted: by “clear site data”, by another window, or by the browser itself. If this identity is open in another window, keep that open: it saves everything again.".to_owned(),
        ),
        Trouble::Tampered => (
            "What is stored here was changed",
            "It was not written by MCMix as it stands: something else has changed it, or the disk is damaged. Nothing of it was used. If you have a copy of the browser’s profile, restore that.".to_owned(),
        ),
        Trouble::Full => (
            "The browser has no room left",
            "MCMix could not keep your data, since the browser’s storage is full. Free some disk space and try again.".to_owned(),
        ),
        Trouble::Storage(why) => (
            "The browser could not keep your data",
            format!("MCMix keeps your identity and messages in this browser, and the browser refused ({why}). Some browsers do so in private windows, and where storing is switched off for this page."),
        ),
        Trouble::Records(why) => (
            "This identity can’t be opened",
            sentence(why),
        ),
    }
}

// ---- first visit ----

/// The headline.
pub const PITCH: &str = "Talk without anyone learning who you talk with.";
/// Below the headline.
pub const LEAD: &str = "MCMix hides not only what you say, but to whom. Three independent servers mix everyone’s messages together in rounds, and none of them can tell who is talking, or whether anyone is.";
/// Leads to the demo.
pub const SEE_DEMO: &str = "See what the network sees of three people, two of whom talk";
/// Heads the form.
pub const CREATE_TITLE: &str = "Choose a name to start";
/// One's own name.
pub const YOUR_NAME: &str = "Your name";
/// What the name is for.
pub const YOUR_NAME_HINT: &str = "Only people you talk with see it. It need not be your real one.";
/// Creates an identity.
pub const CREATE: &str = "Create identity";
/// What creating does.
pub const CREATE_HINT: &str =
    "No account, no e-mail, no phone number. Your key is made here and stays in this browser.";
/// Makes an identity that is kept nowhere.
pub const TRY: &str = "Just try it";
/// What that is.
pub const TRY_HINT: &str = "An identity in this tab alone: nothing is stored, and closing or reloading the tab ends it for good.";
/// The name of somebody who just tries.
pub const GUEST: &str = "Guest";
/// Beside the name of such an identity.
pub const ONLY_IN_THIS_TAB: &str = "In this tab only";
/// Back to the list of identities.
pub const BACK_TO_IDENTITIES: &str = "Back to my identities";

/// Whose invite waits.
pub fn invited_by(name: &str) -> String {
    format!("{name} invited you. You can add them in a moment.")
}

// ---- identities ----

/// Heads the list of identities.
pub const IDENTITIES_TITLE: &str = "Which identity?";
/// The same after a take-over.
pub const TAKEN_OVER_TITLE: &str = "Opened in another window";
/// What a take-over means.
pub const TAKEN_OVER: &str = "Another window has taken this identity over. An identity can be open in one window at a time, or its keys would get out of step. Nothing is lost.";
/// Opens an identity, or the conversation of whoever rang.
pub const OPEN: &str = "Open";
/// Opens an identity that another window has open.
pub const TAKE_OVER: &str = "Use it here";
/// Where it is.
pub const OPEN_ELSEWHERE: &str = "Open in another window";
/// Creates one more.
pub const NEW_IDENTITY: &str = "New identity";
/// What identities are.
pub const IDENTITIES_HINT: &str = "Each identity has its own key and contacts. Nothing ties one to another, except that they are online from the same place.";
/// Leads back to the list.
pub const SWITCH_IDENTITY: &str = "Use another identity";

// ---- contacts ----

/// The list, to a screen reader.
pub const CONTACTS: &str = "Contacts";
/// Opens the settings.
pub const SETTINGS: &str = "Settings";
/// Adds a contact.
pub const ADD_CONTACT: &str = "Add contact";
/// Shows one's own link.
pub const INVITE: &str = "My link";
/// Heads the empty list.
pub const NO_CONTACTS_TITLE: &str = "Bring a friend";
/// What to do then.
pub const FIRST_STEPS: [(&str, &str); 3] = [
    ("Send your link", "to a friend by any way you trust."),
    ("They open it,", "create an identity and call you."),
    (
        "Accept the call once;",
        "from then on you both write whenever you like.",
    ),
];
/// In the list, below a contact without messages.
pub const NEVER_TALKED: &str = "No messages yet";

/// In the list, before a text of one's own.
pub fn you_said(text: &str) -> String {
    format!("You: {text}")
}

/// After the count of messages, to a screen reader.
pub const UNREAD: &str = " unread";

/// Below one's own name.
pub const fn open_to_calls(open: OpenToCalls) -> &'static str {
    match open {
        OpenToCalls::Everyone => "Open to calls",
        OpenToCalls::Contacts => "Open to contacts’ calls",
        OpenToCalls::Nobody => "Closed to calls",
    }
}

/// The main area before there is a contact.
pub const NOBODY_YET: (&str, &str) = (
    "You are in the mix",
    "To anyone watching you look exactly like everybody else here, whether you talk or not. Send a friend your link to start.",
);
/// The main area before a contact is chosen.
pub const NOBODY_SELECTED: (&str, &str) = (
    "Choose somebody to talk with",
    "To anyone watching you look exactly like everybody else here, whether you talk or not.",
);
/// Shows one's own link.
pub const GET_LINK: &str = "Get my link";
/// Shows what is promised.
pub const HOW_IT_WORKS: &str = "How it protects you";

// ---- invite ----

/// Heads one's own link.
pub const INVITE_TITLE: &str = "Your invite link";
/// What it is for.
pub const INVITE_TEXT: &str =
    "Whoever has this link can call you. Send it by a way on which you know each other.";
/// The link's label.
pub const YOUR_LINK: &str = "Link";
/// Copies it.
pub const COPY: &str = "Copy";
/// After copying.
pub const COPIED: &str = "Copied";
/// After copying, in a sentence.
pub const COPIED_TEXT: &str =
    "The link is on your clipboard. Paste it into a message to your friend.";
/// When the browser refuses to copy.
pub const COPY_REFUSED: &str =
    "The browser did not allow copying. The link is selected: copy it by hand.";
/// The code, to a screen reader.
pub const QR_LABEL: &str = "QR code of your invite link";
/// What the link holds.
pub const INVITE_HINT: &str = "The link holds your public key and your name. The part after # never leaves the browser that opens it, so no server learns who was invited by whom.";

// ---- adding ----

/// Heads the dialog.
pub const ADD_TITLE: &str = "Add a contact";
/// Adds somebody new and calls them.
pub const ADD_AND_CALL: &str = "Add and call";
/// Adds somebody new, and no more.
pub const ONLY_ADD: &str = "Only add";
/// Their link's label.
pub const THEIR_LINK: &str = "Their invite link";
/// An empty field for a link.
pub const LINK_PLACEHOLDER: &str = "https://…/#/invite/…";
/// Where to find their link.
pub const LINK_HINT: &str = "Ask them for it: they find it under “My link”.";
/// One's own name for a contact.
pub const NAME_FOR_THEM: &str = "Your name for them";
/// What adding does.
pub const ADD_HINT: &str = "A call asks them whether the two of you may write to each other. It rings if they are there and open to calls; nobody else learns of it. Adding alone tells nobody, not even them.";
/// A link of one's own.
pub const OWN_LINK: &str = "This is your own link. Send it to a friend; to add them, paste theirs.";
/// Opens the conversation of a known contact.
pub const OPEN_CONVERSATION: &str = "Open conversation";

/// Heads the dialog that a link opened.
pub fn add_title(name: &str) -> String {
    format!("Add {name}?")
}

/// When the link is a known contact's.
pub fn already_contact(name: &str) -> String {
    format!("{name} is one of your contacts already.")
}

/// Writes a key in groups of four.
pub fn grouped(key: &str) -> String {
    let chars: Vec<char> = key.chars().collect();
    let groups: Vec<String> = chars
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect();
    groups.join(" ")
}

// ---- settings ----

/// What changing one's name does.
pub const OWN_NAME_HINT: &str = "It stands in your link, and people you call see it.";
/// Heads the choice.
pub const WHO_MAY_CALL: &str = "Who may call you";
/// What the choice shows to others.
pub const WHO_MAY_CALL_HINT: &str = "Nobody can see what you choose here: a call that does not ring goes unanswered, as if you were offline. Contacts who can write to you already still can.";
/// Heads the strangers who are blocked.
pub const BLOCKED_STRANGERS: &str = "Blocked strangers";
/// How they are listed.
pub const BLOCKED_STRANGERS_HINT: &str =
    "By their keys: the names that they gave themselves are not kept. They can’t tell.";
/// Heads the themes.
pub const THEME: &str = "Appearance";

/// One choice of who may call.
pub const fn open_to_calls_choice(open: OpenToCalls) -> &'static str {
    match open {
        OpenToCalls::Everyone => "Everyone who has my link",
        OpenToCalls::Contacts => "Only my contacts",
        OpenToCalls::Nobody => "Nobody",
    }
}

/// One theme.
pub const fn theme(theme: Theme) -> &'static str {
    match theme {
        Theme::Auto => "Automatic",
        Theme::Light => "Light",
        Theme::Dark => "Dark",
    }
}
