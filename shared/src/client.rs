//! The client as a state machine without I/O: events in, commands out (docs/client.md).
//!
//! The browser, the tests and the load generator all drive it. It has no clock, no socket, no
//! storage and no generator of its own.

mod by_party;
mod changes;
mod event;
mod notice;
mod view;

mod actions;
mod calling;
mod dialing;
mod farewell;
mod history;
mod links;
mod moment;
mod person;
mod places;
mod progress;
mod restore;
mod rounds;
mod screen;
mod settings;
mod show;
mod slots;
mod stored;

use core::fmt;
use std::collections::BTreeMap;

use rand_core::CryptoRng;

pub use changes::Changes;
pub use event::{
    Action, BatchId, Command, Event, MessageNumber, Millis, Now, OpenToCalls, Record, StoreFault,
    Verified, Write,
};
pub use notice::{Notice, NoticeId};
pub use view::{
    Blocked, CallStage, Caller, CallerDevice, ConnectAgain, ContactState, ContactView, EndReason,
    IncomingView, LinkStatus, MessageKind, MessageView, NoticeView, Obstacle, Outbox, Paired,
    RingState, RoundOutcome, RoundView, SendStatus, ServerKeys, ServerView, StorageStatus, Traffic,
    View,
};

use crate::{
    call::IdleCall,
    identity::{ClientKey, Name, SecretKey},
    kdf::Secret,
    manifest::{Deployment, Realm},
    session::{KeyTree, Session},
};

use by_party::ByParty;
use farewell::Farewell;
use links::Link;
use notice::Notices;
use person::Person;
use rounds::Rounds;
use screen::Screen;
use settings::{KnownServers, Profile, Settings, Tasks};
use stored::{Key, Store, Stored};

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
    /// No records at all: a first visit.
    #[error("there is no identity on this device yet")]
    NoIdentity,
    /// The identity can't be read, or is missing though other records are there.
    #[error("the identity saved on this device is damaged; start anew with another one")]
    DamagedIdentity,
    /// Written by a newer version.
    #[error("the saved data was written by a newer version of this page; reload the page")]
    Newer,
}

/// The client.
pub struct Client {
    deployment: Deployment,
    realm: Realm,
    own: ClientKey,
    profile: Stored<Profile>,
    settings: Stored<Settings>,
    known_servers: Stored<KnownServers>,
    tasks: Stored<Tasks>,
    people: BTreeMap<ClientKey, Person>,
    farewells: BTreeMap<u64, Stored<Farewell>>,
    /// Counts pairs, so that rows of an older one are known.
    pairs: u64,
    decoys: Decoys,
    screen: Screen,
    links: ByParty<Link>,
    rounds: Rounds,
    store: Store,
    notices: Notices,
    traffic: Traffic,
    /// When, on the steady clock, the driver will wake us, as far as we asked.
    wake_at: Option<Millis>,
    /// The time of the event that is being handled.
    now: Now,
    /// The commands that it has led to so far.
    out: Vec<Command>,
}

/// What makes idle rows by the same steps as any other.
struct Decoys {
    /// Sessions with nobody, one for each slot.
    sessions: Vec<Session>,
    /// A call with nobody.
    call: IdleCall,
    /// A meeting point of nobody's.
    meeting: KeyTree,
}

/// Takes a record, if there is one.
type Take<'a> = dyn FnMut(Key, Option<Vec<u8>>) + 'a;

/// Returns the records that are taken.
fn gather(each: impl FnOnce(&mut Take<'_>)) -> Vec<Record> {
    let mut records = Vec::new();
    each(&mut |key, value| {
        let key = key.to_text();
        records.extend(value.map(|value| Record { key, value }));
    });
    records
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
        Self::empty(deployment, Stored::new(Profile { secret, name }), rng)
    }

    fn empty(deployment: Deployment, profile: Stored<Profile>, rng: &mut impl CryptoRng) -> Self {
        let (realm, own) = (deployment.realm(), profile.secret.client_key());
        let slots = 0..deployment.slots;
        let decoys = Decoys {
            sessions: slots.map(|_| Session::decoy(&realm, own, rng)).collect(),
            call: IdleCall::new(rng),
            meeting: KeyTree::new(Secret::random(rng)),
        };
        Self {
            known_servers: Stored::new(KnownServers::of(&deployment)),
            settings: Stored::new(Settings::new(Secret::random(rng), Secret::random(rng))),
            tasks: Stored::restored(Tasks::default()),
            deployment,
            realm,
            own,
            profile,
            people: BTreeMap::new(),
            farewells: BTreeMap::new(),
            pairs: 0,
            decoys,
            screen: Screen::default(),
            links: ByParty::default(),
            rounds: Rounds::default(),
            store: Store::default(),
            notices: Notices::default(),
            traffic: Traffic::default(),
            wake_at: None,
            now: Now::default(),
            out: Vec::new(),
        }
    }

    /// Returns the first commands; called once, before any event.
    pub fn start(&mut self, now: Now, rng: &mut impl CryptoRng) -> Vec<Command> {
        self.now = now;
        self.connect_all();
        self.conclude(rng)
    }

    /// Returns all records: what all batches so far have stored, or will have.
    pub fn records(&self) -> Vec<Record> {
        gather(|take| {
            self.each_own_record(take);
            take(Key::Tasks, self.tasks.record());
            for (key, person) in &self.people {
                person.each_record(*key, take);
            }
            for (id, farewell) in &self.farewells {
                take(Key::Farewell(*id), farewell.record());
            }
        })
    }

    /// Returns what another device can go on with: identity, choices, contacts and messages. No
    /// session, and nothing that would show that device as one that had them.
    pub fn backup(&self) -> Vec<Record> {
        gather(|take| {
            self.each_own_record(take);
            for (key, person) in self.people.iter().filter(|(_, it)| it.is_contact()) {
                person.each_lasting_record(*key, take);
            }
        })
    }

    /// Gives each record to `take` that is about nobody else and means something on any device.
    fn each_own_record(&self, take: &mut Take<'_>) {
        take(Key::Identity, self.profile.record());
        take(Key::Settings, self.settings.record());
        take(Key::Servers, self.known_servers.record());
    }

    /// Takes an event and returns what to do about it, in order.
    pub fn handle(&mut self, now: Now, event: Event, rng: &mut impl CryptoRng) -> Vec<Command> {
        self.now = now;
        match event {
            Event::Opened(party) => self.opened(party, rng),
            Event::Closed(party) => self.closed(party, rng),
            Event::Frame(party, bytes) => self.received(party, &bytes, rng),
            Event::Wake => self.wake(rng),
            Event::Resumed => self.resumed(rng),
            Event::Stored(batch) => self.stored(batch),
            Event::StoreFailed(_, fault) => {
                self.store.set_failing();
                self.notify(match fault {
                    StoreFault::Full => Notice::StorageFull,
                    StoreFault::Refused => Notice::StorageFailing,
                });
            }
            Event::StoredAnew => self.notify(Notice::StoredAnew),
            Event::User(action) => self.act(action, rng),
        }
        self.conclude(rng)
    }

    fn stored(&mut self, batch: BatchId) {
        self.store.set_stored(batch);
        if !self.store.is_failing() {
            let failures = [Notice::StorageFailing, Notice::StorageFull];
            self.notices.retract(&failures);
        }
        let stored = self.store.stored();
        for person in self.people.values_mut() {
            person.outbox.stored(stored);
        }
    }

    /// Does what every event ends with and returns its commands.
    fn conclude(&mut self, rng: &mut impl CryptoRng) -> Vec<Command> {
        self.begin_what_waits(rng);
        self.write();
        self.out.extend(self.store.flush());
        self.schedule();
        core::mem::take(&mut self.out)
    }

    /// Writes every record that changed.
    fn write(&mut self) {
        let store = &mut self.store;
        self.profile.write(store, Key::Identity);
        self.settings.write(store, Key::Settings);
        self.known_servers.write(store, Key::Servers);
        self.tasks.write(store, Key::Tasks);
        for (key, person) in &mut self.people {
            person.write(store, *key);
        }
        for (id, farewell) in &mut self.farewells {
            farewell.write(store, Key::Farewell(*id));
        }
    }
}
