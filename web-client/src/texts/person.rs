//! What there is about a contact: their name for us, their safety number, the end of it.

/// Opens what there is about a contact.
pub fn about_contact(name: &str) -> String {
    format!("About {name}")
}

/// What renaming does.
pub const RENAME_HINT: &str = "Only you see this name.";
/// Heads their key.
pub const THEIR_KEY: &str = "Key";
/// Removes a contact.
pub const REMOVE_CONTACT: &str = "Remove contact";
/// Confirms it.
pub const REMOVE: &str = "Remove for good";
/// Thinks again.
pub const KEEP: &str = "Keep";

/// Asks before removing.
pub fn remove_question(name: &str) -> String {
    format!(
        "Remove {name} and all messages with them from this browser? This can’t be undone. {name} is told that you removed them, so that they need not wait for you."
    )
}

/// Heads the choice to block or unblock.
pub const BLOCKING: &str = "Blocking";

/// What blocking does.
pub fn block_hint(name: &str) -> String {
    format!(
        "You hear no more of {name}. They are not told: to them you look absent. What either of you writes waits until you unblock them."
    )
}

/// What unblocking does.
pub fn unblock_hint(name: &str) -> String {
    format!("What {name} wrote meanwhile arrives, and what you wrote goes out.")
}

// ---- safety number ----

/// Heads the safety number.
pub const SAFETY_NUMBER: &str = "Safety number";
/// Opens the safety number.
pub const COMPARE: &str = "Compare safety numbers";
/// Confirms that the numbers are the same.
pub const SAME: &str = "They are the same";
/// Takes the mark away.
pub const UNVERIFY: &str = "Remove the mark";
/// The code, to a screen reader.
pub const SAFETY_QR_LABEL: &str = "QR code of the safety number";
/// What the number of a contact without the mark means.
pub const UNVERIFIED_HINT: &str = "Not compared yet";

/// Heads the comparison.
pub fn compare_title(name: &str) -> String {
    format!("Is it really {name}?")
}

/// How to compare.
pub fn compare_text(name: &str) -> String {
    format!(
        "{name} finds the same number under “Safety number” on their screen. Read it to each other in person, over the phone, or hold the codes side by side: number and code must be the same to the last digit."
    )
}

/// What it means if the numbers differ.
pub fn compare_differs(name: &str) -> String {
    format!(
        "If they differ, somebody stands between you: write nothing that matters, remove {name}, and give each other your links by another way."
    )
}

/// That they were compared.
pub fn verified_text(name: &str) -> String {
    format!("You compared the numbers: nobody stands between you and {name}.")
}
