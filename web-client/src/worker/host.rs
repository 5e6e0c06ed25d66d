//! From a manifest to an open identity, and what the page asks of that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use getrandom::SysRng;
use gloo_timers::future::TimeoutFuture;
use mcmix_shared::client::{Changes, Client, View};
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::vault::{Backup, Cost, GuardError};
use rand_core::UnwrapErr;
use wasm_bindgen_futures::spawn_local;

use super::post::{Ask, Guest, Kept, Listed, Passphrase, Reason, Tell, Trouble, Usage};
use crate::engine::{Engine, Keeping, Report, Setup};
use crate::lock::{self, Lock};
use crate::store::{IdentityId, Owner, Store, StoreError};
use crate::tap::Tap;

/// A reload may be faster than the release of its own lock: it tries that often,
const RELOAD_TRIES: u32 = 15;
/// with pauses of that many milliseconds.
const RELOAD_PAUSE: u32 = 100;

/// What is on its way to the disk when one locks may take that often
const SETTLE_TRIES: u32 = 100;
/// so many milliseconds.
const SETTLE_PAUSE: u32 = 50;

/// The worker's side.
pub(super) struct Host {
    tell: Box<dyn Fn(&Tell)>,
    site: RefCell<Option<Rc<Site>>>,
    open: RefCell<Option<Open>>,
    /// Whether one is being opened: the second press of a double click asks again.
    opens: Cell<bool>,
}

/// What all identities of this page share.
struct Site {
    deployment: Deployment,
    store: Store,
}

/// The identity that is open.
struct Open {
    /// Where it is kept, unless nowhere.
    place: Option<(IdentityId, Owner)>,
    engine: Rc<Engine>,
    /// What the page shows.
    shown: Rc<View>,
    /// Held for as long as it is open, if it is kept.
    _lock: Option<Lock>,
}

impl Host {
    pub(super) fn new(tell: impl Fn(&Tell) + 'static) -> Rc<Self> {
        Rc::new(Self {
            tell: Box::new(tell),
            site: RefCell::default(),
            open: RefCell::default(),
            opens: Cell::new(false),
        })
    }

    /// Does what the page asks.
    pub(super) fn hear(self: Rc<Self>, ask: Ask) {
        match ask {
            Ask::Engine(request) => {
                // Nothing is borrowed while the engine reports.
                let engine = self.open.borrow().as_ref().map(|it| Rc::clone(&it.engine));
                if let Some(engine) = engine {
                    engine.request(request);
                }
            }
            Ask::Backup(passphrase) => self.back_up(&passphrase),
            Ask::List | Ask::Protect(_) | Ask::Erase(_) | Ask::EraseAll => {
                self.attempt(ask, || {});
            }
            Ask::Lock => self.lock(),
            Ask::Begin { .. }
            | Ask::Create(_)
            | Ask::Throwaway(_)
            | Ask::Restore(..)
            | Ask::Open(..) => {
                if self.open.borrow().is_none() && !self.opens.replace(true) {
                    let host = Rc::clone(&self);
                    self.attempt(ask, move || host.opens.set(false));
                }
            }
        }
    }

    fn attempt(self: Rc<Self>, ask: Ask, over: impl FnOnce() + 'static) {
        spawn_local(async move {
            if let Err(trouble) = self.answer(ask).await {
                (self.tell)(&Tell::Failed(trouble));
            }
            over();
        });
    }

    async fn answer(self: &Rc<Self>, ask: Ask) -> Result<(), Trouble> {
        match ask {
            Ask::Begin {
                manifest,
                tab,
                guest,
            } => {
                self.provide(&manifest).await?;
                match guest {
                    Some(guest) => self.receive(guest),
                    None => self.begin(tab).await,
                }
            }
            Ask::Create(name) => {
                let id = IdentityId::random();
                let claim = self.claim(&id, Usage::Free, Secret::New(name));
                claim.await.map(drop)
            }
            Ask::Throwaway(name) => self.receive(Guest {
                name,
                shown_on: None,
            }),
            Ask::Open(id, usage, passphrase) => {
                match self.claim(&id, usage, Secret::Of(passphrase)).await? {
                    Claim::Made => Ok(()),
                    Claim::Refused => {
                        (self.tell)(&Tell::Choose(Reason::Choice));
                        self.list().await.map(drop)
                    }
                }
            }
            Ask::Protect(passphrase) => self.protect(passphrase.as_ref()).await,
            Ask::Erase(id) => self.erase(&id).await,
            Ask::EraseAll => {
                drop(self.open.take());
                let store = self.site()?.store.clone();
                store.erase_all().await.map_err(storage)?;
                (self.tell)(&Tell::Erased);
                Ok(())
            }
            Ask::List => self.list().await.map(drop),
            Ask::Restore(file, passphrase) => self.restore(&file, &passphrase).await,
            Ask::Engine(_) | Ask::Lock | Ask::Backup(_) => Ok(()),
        }
    }

    /// Has the open identity behind a passphrase, or behind none.
    async fn protect(&self, passphrase: Option<&Passphrase>) -> Result<(), Trouble> {
        let place = self.open.borrow().as_ref().and_then(|it| it.place.clone());
        let Some((_, owner)) = place else {
            return Ok(());
        };
        let store = self.site()?.store.clone();
        let done = store.protect(&owner, passphrase.map(Passphrase::as_str));
        (self.tell)(&match (done.await, passphrase) {
            (Ok(()), Some(_)) => Tell::Kept(Kept::Protected),
            (Ok(()), None) => Tell::Kept(Kept::InBrowser),
            // Whatever it is, what was kept before is.
            (Err(_), _) => Tell::NotKept,
        });
        Ok(())
    }

    /// Seals a backup of the open identity.
    fn back_up(&self, passphrase: &Passphrase) {
        let engine = self.open.borrow().as_ref().map(|it| Rc::clone(&it.engine));
        if let Some(engine) = engine {
            let rng = &mut UnwrapErr(SysRng);
            let backup = Backup::seal(&engine.backup(), passphrase.as_str(), Cost::BROWSER, rng);
            (self.tell)(&Tell::Backup(backup.as_bytes().to_vec()));
        }
    }

    /// Keeps a backup as an identity of this browser, and opens it.
    async fn restore(self: &Rc<Self>, file: &[u8], passphrase: &Passphrase) -> Result<(), Trouble> {
        let site = self.site()?;
        let restored = Backup::open(file, passphrase.as_str())
            .map_err(|error| error.to_string())
            .and_then(|records| {
                let (deployment, rng) = (site.deployment.clone(), &mut UnwrapErr(SysRng));
                let client = Client::restore(deployment, records.clone(), rng);
                let client = client.map_err(|error| error.to_string())?;
                Ok((records, client.view().own.name))
            });
        let (records, name) = match restored {
            Ok(restored) => restored,
            Err(reason) => {
                (self.tell)(&Tell::NotRestored(reason));
                return Ok(());
            }
        };
        let id = IdentityId::random();
        let created = site.store.create(&id, name.as_str(), records).await;
        created.map_err(storage)?;
        let claim = self.claim(&id, Usage::Free, Secret::Of(None));
        claim.await.map(drop)
    }

    /// Closes the open identity: its sockets at once, and all else once everything is stored. The page
    /// and this worker then begin anew, so that nothing is left in their memory.
    fn lock(self: Rc<Self>) {
        let Some(open) = self.open.take() else {
            return;
        };
        let settled = open.engine.settled();
        drop(open);
        spawn_local(async move {
            for _ in 0..SETTLE_TRIES {
                if settled() {
                    break;
                }
                TimeoutFuture::new(SETTLE_PAUSE).await;
            }
            (self.tell)(&Tell::Shut);
        });
    }

    /// Deletes an identity and shows what is left.
    async fn erase(self: &Rc<Self>, id: &IdentityId) -> Result<(), Trouble> {
        let is_open = |open: &Open| open.place.as_ref().is_some_and(|(open, _)| open == id);
        let open = self.open.borrow().as_ref().is_some_and(is_open);
        if open {
            drop(self.open.take());
        }
        self.site()?.store.erase(id).await.map_err(storage)?;
        let left = self.list().await?;
        (self.tell)(&if left.is_empty() {
            Tell::NoIdentity
        } else {
            Tell::Choose(Reason::Choice)
        });
        Ok(())
    }

    /// Reads the manifest and opens the store, for all that follows.
    async fn provide(self: &Rc<Self>, manifest: &str) -> Result<(), Trouble> {
        let deployment = Deployment::from_json(manifest);
        let site = Site {
            deployment: deployment.map_err(|error| Trouble::Manifest(error.to_string()))?,
            store: self.open_store().await?,
        };
        self.site.replace(Some(Rc::new(site)));
        Ok(())
    }

    /// Makes an identity that is kept nowhere, and opens it.
    fn receive(self: &Rc<Self>, guest: Guest) -> Result<(), Trouble> {
        let tap = guest.shown_on.map(|channel| Tap::on(&channel, &guest.name));
        let setup = Setup {
            deployment: self.site()?.deployment.clone(),
            keeping: Keeping::Nowhere,
            records: Vec::new(),
            name: guest.name,
            tap: tap.flatten(),
        };
        self.start(setup, Kept::Nowhere, None, None)
    }

    /// Opens the identity of this tab, or the only one there is.
    async fn begin(self: &Rc<Self>, tab: Option<IdentityId>) -> Result<(), Trouble> {
        let listed = self.list().await?;
        if let Some(id) = tab {
            let known = listed.iter().any(|listed| listed.entry.id == id);
            for _ in 0..if known { RELOAD_TRIES } else { 0 } {
                if self.claim(&id, Usage::Free, Secret::Of(None)).await? == Claim::Made {
                    return Ok(());
                }
                TimeoutFuture::new(RELOAD_PAUSE).await;
            }
        } else if let [only] = listed.as_slice()
            && self
                .claim(&only.entry.id, Usage::Free, Secret::Of(None))
                .await?
                == Claim::Made
        {
            return Ok(());
        }
        if listed.is_empty() {
            (self.tell)(&Tell::NoIdentity);
            return Ok(());
        }
        (self.tell)(&Tell::Choose(Reason::Choice));
        self.list().await.map(drop)
    }

    /// Opens the store. Whatever keeps it waiting is told.
    async fn open_store(self: &Rc<Self>) -> Result<Store, Trouble> {
        let host = Rc::clone(self);
        let blocked = move || (host.tell)(&Tell::Failed(Trouble::Blocked));
        Store::open(blocked).await.map_err(storage)
    }

    /// Takes the identity's lock, reads its records and starts its engine; asks for its passphrase
    /// where that is missing.
    async fn claim(
        self: &Rc<Self>,
        id: &IdentityId,
        usage: Usage,
        secret: Secret,
    ) -> Result<Claim, Trouble> {
        let site = self.site()?;
        // Before the lock: a wrong passphrase takes nothing from another window.
        let (key, kept) = match &secret {
            Secret::New(_) => (None, Kept::InBrowser),
            Secret::Of(passphrase) => {
                let text = passphrase.as_ref().map(Passphrase::as_str);
                match site.store.key(id, text).await {
                    Ok(key) if key.by_passphrase() => (Some(key), Kept::Protected),
                    Ok(key) => (Some(key), Kept::InBrowser),
                    Err(StoreError::Guard(GuardError::Locked)) => {
                        // Another window's is not asked for unless it is to be taken over.
                        if usage == Usage::Free && lock::held().await.contains(&lock_name(id)) {
                            return Ok(Claim::Refused);
                        }
                        self.ask_passphrase(id, usage).await?;
                        return Ok(Claim::Made);
                    }
                    Err(StoreError::Guard(GuardError::Wrong)) => {
                        (self.tell)(&Tell::Wrong);
                        return Ok(Claim::Made);
                    }
                    Err(error) => return Err(storage(error)),
                }
            }
        };
        let lock_name = lock_name(id);
        let lost = {
            let host = Rc::downgrade(self);
            move || {
                if let Some(host) = host.upgrade() {
                    host.lose();
                }
            }
        };
        let lock = match usage {
            Usage::Free => Lock::take(&lock_name, lost).await,
            Usage::Open => Lock::steal(&lock_name, lost).await,
        };
        let Some(lock) = lock else {
            return Ok(Claim::Refused);
        };
        let claimed = match (secret, key) {
            (Secret::New(name), _) => site.store.create(id, name.as_str(), Vec::new()).await,
            (Secret::Of(_), Some(key)) => site.store.claim(id, key).await,
            (Secret::Of(_), None) => Err(StoreError::Unknown),
        };
        let claimed = claimed.map_err(storage)?;
        let place = (id.clone(), claimed.owner.clone());
        let setup = Setup {
            deployment: site.deployment.clone(),
            keeping: Keeping::InBrowser(Box::new((site.store.clone(), claimed.owner))),
            records: claimed.records,
            name: Name::new(&claimed.name).map_err(records)?,
            tap: None,
        };
        self.start(setup, kept, Some(place), Some(lock))?;
        Ok(Claim::Made)
    }

    async fn ask_passphrase(&self, id: &IdentityId, usage: Usage) -> Result<(), Trouble> {
        let entries = self.site()?.store.identities().await.map_err(storage)?;
        let entry = entries.into_iter().find(|it| it.id == *id);
        let entry = entry.ok_or(Trouble::Cleared)?;
        (self.tell)(&Tell::Locked(Listed { entry, usage }));
        Ok(())
    }

    /// Starts the engine of an identity; a lock is held for as long as it is open.
    fn start(
        self: &Rc<Self>,
        setup: Setup,
        kept: Kept,
        place: Option<(IdentityId, Owner)>,
        lock: Option<Lock>,
    ) -> Result<(), Trouble> {
        let report = {
            let host = Rc::downgrade(self);
            move |report| {
                let Some(host) = host.upgrade() else {
                    return;
                };
                match report {
                    Report::View(view) => host.show(view),
                    Report::Over(StoreError::NotOwner) => host.lose(),
                    Report::Over(error) => {
                        drop(host.open.take());
                        (host.tell)(&Tell::Failed(storage(error)));
                    }
                    // What just happened shows in the view as well.
                    Report::Notice(_) => {}
                }
            }
        };
        let (engine, shown) = Engine::start(setup, report).map_err(records)?;
        if let (Some(_), Ok(site)) = (&place, self.site()) {
            site.store.when_cleared(engine.storage_check());
        }
        let id = place.as_ref().map(|(id, _)| id.clone());
        (self.tell)(&Tell::Opened(id, kept, Changes::whole(&shown)));
        self.open.replace(Some(Open {
            place,
            engine: Rc::new(engine),
            shown,
            _lock: lock,
        }));
        Ok(())
    }

    fn show(&self, view: Rc<View>) {
        let mut open = self.open.borrow_mut();
        let Some(open) = open.as_mut() else {
            return;
        };
        if let Some(changes) = Changes::between(&open.shown, &view) {
            (self.tell)(&Tell::Changed(changes));
        }
        open.shown = view;
    }

    /// Another window has the identity now.
    fn lose(self: Rc<Self>) {
        // Dropped when nothing is borrowed: the engine closes its sockets.
        let open = self.open.take();
        if open.is_some() {
            (self.tell)(&Tell::Choose(Reason::TakenOver));
            self.hear(Ask::List);
        }
    }

    async fn list(&self) -> Result<Vec<Listed>, Trouble> {
        let site = self.site()?;
        let held = lock::held().await;
        let entries = site.store.identities().await.map_err(storage)?;
        let listed = entries.into_iter().map(|entry| {
            let open = held.contains(&lock_name(&entry.id));
            let usage = if open { Usage::Open } else { Usage::Free };
            Listed { entry, usage }
        });
        let listed: Vec<_> = listed.collect();
        (self.tell)(&Tell::Listed(listed.clone()));
        Ok(listed)
    }

    fn site(&self) -> Result<Rc<Site>, Trouble> {
        // The page begins before it asks for anything else.
        self.site.borrow().clone().ok_or(Trouble::Unreachable)
    }
}

/// With what an identity is opened.
enum Secret {
    /// It is new, and called so.
    New(Name),
    /// With its passphrase, if that was asked for.
    Of(Option<Passphrase>),
}

/// What became of an attempt to open an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    /// It is open, or its passphrase is asked for.
    Made,
    /// Some window has its lock.
    Refused,
}

fn lock_name(id: &IdentityId) -> String {
    format!("mcmix identity {}", id.as_str())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn storage(error: StoreError) -> Trouble {
    match error {
        StoreError::NoAnswer => Trouble::NoAnswer,
        StoreError::Newer | StoreError::Guard(GuardError::Newer) => Trouble::Newer,
        StoreError::Cleared | StoreError::Unknown => Trouble::Cleared,
        StoreError::Tampered | StoreError::Guard(_) => Trouble::Tampered,
        StoreError::Full => Trouble::Full,
        StoreError::NotOwner | StoreError::Browser(_) => Trouble::Storage(error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn records(error: impl ToString) -> Trouble {
    Trouble::Records(error.to_string())
}
