//! The client as a state machine without I/O: events in, commands out.
//!
//! The browser, the tests and the load generator all drive it. It has no clock, no socket, no
//! storage and no generator of its own.

mod by_party;
mod event;
mod notice;
mod view;

mod actions;
mod conversation;
mod conversations;
mod dialing;
mod history;
mod links;
mod people;
mod rounds;
mod show;
mod storage;

use core::fmt;
use std::collections::BTreeMap;

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
    identity::{ClientKey, Name, SecretKey},
    manifest::Deployment,
    party::PartyId,
    session::{Epoch, Session},
};

use by_party::ByParty;
use links::Link;
use notice::Notices;
use people::Person;
use rounds::Rounds;
use storage::{Key, Store};

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
pub struct Client {
    deployment: Deployment,
    secret: SecretKey,
    own: ClientKey,
    name: Name,
    open_to_calls: OpenToCalls,
    /// This start of the client, which no other shares.
    epoch: Epoch,
    people: BTreeMap<ClientKey, Person>,
    /// Sessions with nobody, one for each slot.
    decoys: Vec<Session>,
    conversation_count: u64,
    links: ByParty<Link>,
    rounds: Rounds,
    store: Store,
    notices: Notices,
    traffic: Traffic,
    /// When the driver will wake us, as far as we asked.
    wake_at: Option<Millis>,
    /// The time of the event that is being handled.
    now: Millis,
    /// The commands that it has led to so far.
    out: Vec<Command>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client(..)")
    }
}

impl Client {
    /// Makes a client with a fresh identity.
    pub fn create(deployment: Deployment, name: Name, rng: &mut impl CryptoRng) -> Self {
        let secret = SecretKey::generate(rng);
        let mut client = Self::empty(deployment, secret, name, rng);
        client.store.mark(Key::Identity);
        client.store.mark(Key::Settings);
        client
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
        let (secret, name) = Self::read_identity(&records)?;
        let mut client = Self::empty(deployment, secret, name, rng);
        let count = client.read_records(records)?;
        if count > 0 {
            client.notify(Notice::RecordsDamaged { count });
        }
        Ok(client)
    }

    fn empty(
        deployment: Deployment,
        secret: SecretKey,
        name: Name,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let own = secret.client_key();
        Self {
            decoys: (0..deployment.slots)
                .map(|_| Session::decoy(own, rng))
                .collect(),
            deployment,
            own,
            secret,
            name,
            open_to_calls: OpenToCalls::default(),
            epoch: Epoch(rng.next_u64()),
            people: BTreeMap::new(),
            conversation_count: 0,
            links: ByParty::default(),
            rounds: Rounds::default(),
            store: Store::default(),
            notices: Notices::default(),
            traffic: Traffic::default(),
            wake_at: None,
            now: Millis::default(),
            out: Vec::new(),
        }
    }

    /// Returns the first commands; called once, before any event.
    pub fn start(&mut self, now: Millis, _rng: &mut impl CryptoRng) -> Vec<Command> {
        self.now = now;
        self.give_up_stale_calls();
        for party in PartyId::ALL {
            self.connect(party);
        }
        self.conclude()
    }

    /// Takes an event and returns what to do about it, in order.
    pub fn handle(&mut self, now: Millis, event: Event, rng: &mut impl CryptoRng) -> Vec<Command> {
        self.now = now;
        match event {
            Event::Opened(party) => self.opened(party, rng),
            Event::Closed(party) => self.closed(party, rng),
            Event::Frame(party, bytes) => self.received(party, &bytes, rng),
            Event::Wake => self.wake(rng),
            Event::Resumed => self.resumed(rng),
            Event::Stored(batch) => self.stored(batch),
            Event::StoreFailed(_) => {
                self.store.set_failing();
                self.notify(Notice::StorageFailing);
            }
            Event::User(action) => self.act(action, rng),
        }
        self.conclude()
    }

    fn stored(&mut self, batch: BatchId) {
        self.store.set_stored(batch);
        let stored = self.store.stored();
        for person in self.people.values_mut() {
            if let Some(conversation) = &mut person.conversation {
                conversation.delivery.stored(stored);
            }
        }
    }

    /// Does what every event ends with and returns its commands.
    fn conclude(&mut self) -> Vec<Command> {
        self.feed();
        self.flush();
        self.schedule();
        core::mem::take(&mut self.out)
    }
}
