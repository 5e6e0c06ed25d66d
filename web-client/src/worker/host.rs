//! From a manifest to an open identity, and what the page asks of that.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use mcmix_shared::client::{Changes, View};
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use wasm_bindgen_futures::spawn_local;

use super::post::{Ask, Listed, Reason, Tell, Trouble, Usage};
use crate::engine::{Engine, Keeping, Report, Setup};
use crate::lock::{self, Lock};
use crate::store::{IdentityId, Store, StoreError};

/// A reload may be faster than the release of its own lock: it tries that often,
const RELOAD_TRIES: u32 = 15;
/// with pauses of that many milliseconds.
const RELOAD_PAUSE: u32 = 100;

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
            Ask::List => self.attempt(ask, || {}),
            Ask::Begin { .. } | Ask::Create(_) | Ask::Throwaway(_) | Ask::Open(..) => {
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
            Ask::Begin { manifest, tab } => self.begin(&manifest, tab).await,
            Ask::Create(name) => {
                let id = IdentityId::random();
                self.claim(&id, Some(name), Usage::Free).await.map(drop)
            }
            Ask::Throwaway(name) => {
                let setup = Setup {
                    deployment: self.site()?.deployment.clone(),
                    keeping: Keeping::Nowhere,
                    records: Vec::new(),
                    name,
                };
                self.start(setup, None, None)
            }
            Ask::Open(id, usage) => match self.claim(&id, None, usage).await? {
                Claim::Made => Ok(()),
                Claim::Refused => self.list().await.map(drop),
            },
            Ask::List => self.list().await.map(drop),
            Ask::Engine(_) => Ok(()),
        }
    }

    /// Opens the identity of this tab, or the only one there is.
    async fn begin(
        self: &Rc<Self>,
        manifest: &str,
        tab: Option<IdentityId>,
    ) -> Result<(), Trouble> {
        let deployment = Deployment::from_json(manifest);
        let site = Site {
            deployment: deployment.map_err(|error| Trouble::Manifest(error.to_string()))?,
            store: Store::open().await.map_err(storage)?,
        };
        self.site.replace(Some(Rc::new(site)));
        let listed = self.list().await?;
        if let Some(id) = tab {
            let known = listed.iter().any(|listed| listed.entry.id == id);
            for _ in 0..if known { RELOAD_TRIES } else { 0 } {
                if self.claim(&id, None, Usage::Free).await? == Claim::Made {
                    return Ok(());
                }
                TimeoutFuture::new(RELOAD_PAUSE).await;
            }
        } else if let [only] = listed.as_slice()
            && self.claim(&only.entry.id, None, Usage::Free).await? == Claim::Made
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

    /// Takes the identity's lock, reads its records and starts its engine.
    async fn claim(
        self: &Rc<Self>,
        id: &IdentityId,
        name: Option<Name>,
        usage: Usage,
    ) -> Result<Claim, Trouble> {
        let site = self.site()?;
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
        let claimed = site.store.claim(id, name.as_ref().map(Name::as_str)).await;
        let claimed = claimed.map_err(storage)?;
        let setup = Setup {
            deployment: site.deployment.clone(),
            keeping: Keeping::InBrowser(site.store.clone(), claimed.owner),
            records: claimed.records,
            name: Name::new(&claimed.name).map_err(records)?,
        };
        self.start(setup, Some(id), Some(lock))?;
        Ok(Claim::Made)
    }

    /// Starts the engine of an identity; a lock is held for as long as it is open.
    fn start(
        self: &Rc<Self>,
        setup: Setup,
        id: Option<&IdentityId>,
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
                    Report::Lost => host.lose(),
                    // What just happened shows in the view as well.
                    Report::Notice(_) => {}
                }
            }
        };
        let (engine, shown) = Engine::start(setup, report).map_err(records)?;
        (self.tell)(&Tell::Opened(id.cloned(), Changes::whole(&shown)));
        self.open.replace(Some(Open {
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

/// What became of an attempt to open an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Made,
    /// Some window has its lock.
    Refused,
}

fn lock_name(id: &IdentityId) -> String {
    format!("mcmix identity {}", id.as_str())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn storage(error: StoreError) -> Trouble {
    Trouble::Storage(error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn records(error: impl ToString) -> Trouble {
    Trouble::Records(error.to_string())
}
