//! Who may open what this device keeps.

use crate::page::LockAfter;

/// Heads the dialog, and leads to it.
pub const PROTECTION: &str = "Lock, back up, erase";
/// With a passphrase.
pub const HAS_PASSPHRASE: &str =
    "Your key and messages on this device open with your passphrase only.";
/// Without one.
pub const HAS_NO_PASSPHRASE: &str =
    "Whoever uses this browser on this device can open your identity and read your messages.";
/// What a passphrase does, and what not.
pub const PROTECTION_HINT: &str = "All of it is stored encrypted. Without a passphrase the browser keeps the key, so that protects from reading its files alone; with one, each guess costs time. Nobody can reset it: who forgets it loses this identity.";
/// A passphrase.
pub const PASSPHRASE: &str = "Passphrase";
/// A new one.
pub const NEW_PASSPHRASE: &str = "New passphrase";
/// The same once more.
pub const PASSPHRASE_AGAIN: &str = "The same again";
/// How to choose one.
pub const PASSPHRASE_HINT: &str = "Five or more words drawn at random are hard to guess.";
/// It is too short.
pub const PASSPHRASE_TOO_SHORT: &str = "Use at least 8 characters.";
/// Two that differ.
pub const PASSPHRASES_DIFFER: &str = "The two are not the same.";
/// Sets the first one.
pub const SET_PASSPHRASE: &str = "Set passphrase";
/// Sets another one.
pub const CHANGE_PASSPHRASE: &str = "Change passphrase";
/// It was set.
pub const PASSPHRASE_SET: &str = "It opens with the new passphrase from now on.";
/// It was not.
pub const PASSPHRASE_NOT_SET: &str =
    "The browser did not store that: it opens as before. Try again.";
/// Goes without.
pub const REMOVE_PASSPHRASE: &str = "Remove passphrase";
/// Heads the choice.
pub const LOCK_AFTER: &str = "Lock when nobody touches the page for";
/// What locking does.
pub const LOCK_HINT: &str =
    "While it is locked you are offline: nothing arrives, and nobody reaches you.";
/// Locks.
pub const LOCK_NOW: &str = "Lock now";
/// Heads the backup.
pub const BACKUP: &str = "Backup";
/// What a backup is.
pub const BACKUP_HINT: &str = "One encrypted file with your identity, contacts and messages, for when this browser or device is gone. From it you call everybody once more; they are told that your device is new. Don’t use the same identity in two places at once.";
/// Makes one.
pub const SAVE_BACKUP: &str = "Save a backup";
/// Leads to restoring one.
pub const RESTORE: &str = "I have a backup";
/// What restoring does.
pub const RESTORE_HINT: &str = "Brings your identity, contacts and messages back into this browser. Afterwards call your contacts once more.";
/// The file.
pub const BACKUP_FILE: &str = "Backup file";
/// Its passphrase.
pub const BACKUP_PASSPHRASE: &str = "Its passphrase";
/// Restores it.
pub const RESTORE_NOW: &str = "Restore";
/// There is no file, or none that could be a backup.
pub const NO_FILE: &str = "Choose the file of your backup first. It has at most 64 MB.";
/// Calls all who were talked with and can't be written to.
pub fn connect_all(contacts: usize) -> String {
    if contacts == 1 {
        "Connect again with 1 contact".to_owned()
    } else {
        format!("Connect again with {contacts} contacts")
    }
}

/// The name of a backup's file.
pub fn backup_name(today: &str) -> String {
    format!("mcmix-{today}.backup")
}

/// Heads what deletes.
pub const ERASING: &str = "Erasing";
/// What is deleted.
pub const ERASING_HINT: &str =
    "Deletes all identities, contacts and messages from this browser. Others are not told.";
/// Deletes everything.
pub const ERASE_ALL: &str = "Erase everything";
/// Asks whether to.
pub const ERASE_ALL_QUESTION: &str =
    "Erase all identities and messages in this browser? Nobody can bring them back.";
/// Deletes one identity.
pub const ERASE_IDENTITY: &str = "Erase this identity";
/// Deletes, once more.
pub const ERASE: &str = "Erase";
/// Where a passphrase is asked for.
pub const LOCKED: &str = "This identity is locked. While it is, you are offline.";
/// Opens it.
pub const UNLOCK: &str = "Unlock";
/// While it is tried.
pub const OPENING: &str = "That takes a moment, so that guessing takes long.";
/// It was another one.
pub const WRONG_PASSPHRASE: &str = "That is not the passphrase.";
/// Leads to what is left then.
pub const FORGOT: &str = "Passphrase forgotten?";
/// What is left then.
pub const FORGOT_TEXT: &str = "Nobody can open it without. You can erase it here and begin with a new identity; your contacts then need your new link.";

/// Asks whether to delete an identity.
pub fn erase_question(name: &str) -> String {
    format!("Erase {name} with all contacts and messages? Nobody can bring them back.")
}

/// One choice of when to lock.
pub const fn lock_after(after: LockAfter) -> &'static str {
    match after {
        LockAfter::Never => "Never",
        LockAfter::FiveMinutes => "5 minutes",
        LockAfter::Hour => "1 hour",
    }
}
