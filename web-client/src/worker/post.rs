//! What crosses between the page and the worker: plain data, as bytes.

use js_sys::Uint8Array;
use mcmix_shared::client::Changes;
use mcmix_shared::identity::Name;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast as _, JsValue};

use crate::engine::Request;
use crate::store::{IdentityEntry, IdentityId};

/// What the page asks for.
#[derive(Debug, Serialize, Deserialize)]
pub enum Ask {
    /// To open the identity of this tab, or the only one there is.
    Begin {
        /// The deployment's manifest, as JSON.
        manifest: String,
        /// The identity that this tab had open.
        tab: Option<IdentityId>,
    },
    /// To make an identity, and to open it.
    Create(Name),
    /// To make an identity that is kept nowhere, and to open it.
    Throwaway(Name),
    /// To open an identity; one that is open elsewhere is taken over.
    Open(IdentityId, Usage),
    /// To look again which identities there are and which are open.
    List,
    /// Something of the engine of the identity that is open.
    Engine(Request),
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
    Opened(Option<IdentityId>, Changes),
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
