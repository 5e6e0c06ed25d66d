//! What crosses between the page and the worker: plain data, as bytes.

use js_sys::Uint8Array;
use mcmix_shared::client::Changes;
use mcmix_shared::identity::Name;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::engine::Request;
use crate::store::{IdentityEntry, IdentityId};

/// What the page asks for.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// To open the guest that the page's address names, else the identity of this tab, or the only
    /// one there is.
    Begin {
        /// The deployment's manifest, as JSON.
        manifest: String,
        /// The identity that this tab had open.
        tab: Option<IdentityId>,
        /// The guest.
        guest: Option<Guest>,
    },
    /// To make an identity, and to open it.
    Create(Name),
    /// To make an identity that is kept nowhere, and to open it.
    Throwaway(Name),
    /// To open an identity, with its passphrase if it has one; one that is open elsewhere is taken
    /// over.
    Open(IdentityId, Usage, Option<Passphrase>),
    /// To have the identity that is open behind a passphrase from now on, or behind none.
    Protect(Option<Passphrase>),
    /// To seal a backup of the identity that is open.
    Backup(Passphrase),
    /// To open a backup, to keep it as an identity of this browser, and to open that.
    Restore(Vec<u8>, Passphrase),
    /// To close the identity that is open, until it is opened again.
    Lock,
    /// To delete an identity, open or not.
    Erase(IdentityId),
    /// To delete everything.
    EraseAll,
    /// To look again which identities there are and which are open.
    List,
    /// Something of the engine of the identity that is open.
    Engine(Request),
}

/// Somebody whose identity is kept nowhere, from the page's address.
#[derive(Debug, Serialize, Deserialize)]
pub struct Guest {
    /// The guest's name.
    pub name: Name,
    /// On which channel everything that the guest's sockets carry is shown, if on any.
    pub shown_on: Option<String>,
}

/// What a person types to open an identity.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes what was typed, in a form that all keyboards have in common (NFKC).
    pub fn typed(text: &str) -> Self {
        Self(js_sys::JsString::from(text).normalize("NFKC").into())
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Where an identity is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// In this browser, for whoever uses it.
    InBrowser,
    /// In this browser, behind a passphrase.
    Protected,
    /// Nowhere: it is gone with the tab.
    Nowhere,
}

/// What the worker tells.
#[derive(Debug, Serialize, Deserialize)]
pub enum Tell {
    /// It listens.
    Listens,
    /// Which identities there are.
    Listed(Vec<Listed>),
    /// Nothing is open, and there is no identity yet.
    NoIdentity,
    /// Nothing is open: one is to be chosen.
    Choose(Reason),
    /// An identity is open, and shows this; without an id one that is kept nowhere.
    Opened(Option<IdentityId>, Kept, Changes),
    /// Nothing is open: this one needs its passphrase.
    Locked(Listed),
    /// The identity is closed: the page is to begin anew.
    Shut,
    /// That was not its passphrase.
    Wrong,
    /// The identity that is open is kept so from now on.
    Kept(Kept),
    /// It could not be kept in another way: it is kept as before.
    NotKept,
    /// A backup, to be saved as a file.
    Backup(Vec<u8>),
    /// A file could not be restored, for this reason.
    NotRestored(String),
    /// Everything is deleted.
    Erased,
    /// It shows something else.
    Changed(Changes),
    /// It can't go on.
    Failed(Trouble),
    /// It has stopped by a fault; the console says more.
    Stopped,
}

/// An identity of this browser, and whether some window has it open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Which.
    pub entry: IdentityEntry,
    /// Whether some window has it open.
    pub usage: Usage,
}

/// Whether some window has an identity open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Usage {
    /// None has.
    Free,
    /// One has.
    Open,
}

/// Why the list of identities is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// There is a choice.
    Choice,
    /// Another window has just taken this one's identity over.
    TakenOver,
}

/// Why the page cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// The deployment's manifest did not come.
    Unreachable,
    /// It came and is not usable.
    Manifest(String),
    /// A window with an older page keeps the storage from being opened. It goes on by itself once
    /// that is closed.
    Blocked,
    /// The browser's storage does not answer.
    NoAnswer,
    /// A newer page keeps its data here.
    Newer,
    /// What was kept was deleted before it was opened.
    Cleared,
    /// What is kept was changed by something else.
    Tampered,
    /// The browser has no more room.
    Full,
    /// The browser's storage failed.
    Storage(String),
    /// The identity's records can't be used.
    Records(String),
}

/// Writes a message for the other side.
pub(super) fn write(message: &impl Serialize) -> JsValue {
    let bytes = postcard::to_allocvec(message).expect("texts, numbers and lists always encode");
    Uint8Array::from(bytes.as_slice()).into()
}

/// Reads a message of the other side, which is the same program; nothing else comes this way.
pub(super) fn read<T: DeserializeOwned>(message: &JsValue) -> Option<T> {
    let bytes = message.dyn_ref::<Uint8Array>()?.to_vec();
    postcard::from_bytes(&bytes).ok()
}
