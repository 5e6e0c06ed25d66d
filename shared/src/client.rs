//! The client as a state machine without I/O: events in, commands out.
//!
//! The browser, the tests and the load generator all drive it. It has no clock, no socket, no
//! storage and no generator of its own.

mod event;
mod notice;
mod view;

use rand_core::CryptoRng;

pub use event::{
    Action, BatchId, Command, Event, MessageNumber, Millis, OpenToCalls, Record, Write,
};
pub use notice::{Notice, NoticeId};
pub use view::{
    CallState, Caller, ContactView, EndReason, IncomingView, LinkStatus, MessageKind, MessageView,
    NoticeView, RoundOutcome, RoundView, SendStatus, ServerView, StorageStatus, Traffic, View,
};

use crate::{
    identity::{Invite, Name, SecretKey},
    manifest::Deployment,
    party::PartyId,
};

/// The longest text, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// The most contacts.
pub const MAX_CONTACTS: usize = 500;
/// The most texts to one contact that are not delivered yet.
pub const MAX_QUEUED_TEXTS: usize = 100;

/// Stored records that no client can start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// No identity among them: a first visit.
    #[error("there is no identity on this device yet")]
    NoIdentity,
    /// The identity can't be read.
    #[error("the identity saved on this device is damaged; restore a backup or start anew")]
    DamagedIdentity,
    /// Written by a newer version.
    #[error("the saved data was written by a newer version of this page; reload the page")]
    Newer,
}

/// The client.
#[derive(Debug)]
pub struct Client {
    deployment: Deployment,
    secret: SecretKey,
    name: Name,
}

impl Client {
    /// Makes a client with a fresh identity.
    pub fn create(deployment: Deployment, name: Name, rng: &mut impl CryptoRng) -> Self {
        Self {
            deployment,
            secret: SecretKey::generate(rng),
            name,
        }
    }

    /// Makes a client from what it stored, in any order.
    ///
    /// # Errors
    /// Fails without a readable identity; other damaged records are left out with a notice.
    pub fn restore(
        deployment: Deployment,
        records: Vec<Record>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RestoreError> {
        let _ = (deployment, records, rng);
        Err(RestoreError::NoIdentity)
    }

    /// Returns the first commands; called once, before any event.
    pub fn start(&mut self, now: Millis, rng: &mut impl CryptoRng) -> Vec<Command> {
        let _ = (now, rng);
        PartyId::ALL.map(Command::Connect).into()
    }

    /// Takes an event and returns what to do about it, in order.
    pub fn handle(&mut self, now: Millis, event: Event, rng: &mut impl CryptoRng) -> Vec<Command> {
        let _ = (now, event, rng);
        Vec::new()
    }

    /// Returns everything that the page shows.
    pub fn view(&self) -> View {
        let server = |party| ServerView {
            party,
            url: self.deployment.server(party).url.clone(),
            status: LinkStatus::Connecting,
        };
        View {
            own: Invite {
                key: self.secret.client_key(),
                name: self.name.clone(),
            },
            open_to_calls: OpenToCalls::default(),
            deployment: self.deployment.name.clone(),
            servers: PartyId::ALL.map(server),
            conversation: None,
            dialing: None,
            contacts: Vec::new(),
            incoming: Vec::new(),
            slots: self.deployment.slots.into(),
            free_slots: self.deployment.slots.into(),
            traffic: Traffic::default(),
            storage: StorageStatus::Saved,
            notices: Vec::new(),
        }
    }
}
