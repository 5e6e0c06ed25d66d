//! Batches on their way to the store: one after the other, each tried until it is on the disk.
//!
//! What was handed in is stored even if the engine is dropped before.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use mcmix_shared::client::{BatchId, Record, StoreFault, Write};
use mcmix_shared::identity::Name;
use wasm_bindgen_futures::spawn_local;

use crate::store::{Owner, Store, StoreError};

/// The first pause after a failure, in milliseconds; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: u32 = 500;
const LONGEST_PAUSE: u32 = 15_000;

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is on the disk.
    Stored(BatchId),
    /// It is not yet, and is tried again.
    Failed(BatchId, StoreFault),
    /// It is on the disk with everything else: what was there had been deleted.
    StoredAnew,
    /// It never will be: another window owns the identity now, or keeps it in another way.
    Over(StoreError),
}

#[derive(Debug)]
enum Entry {
    Batch(BatchId, Vec<Write>),
    Rename(Name),
    /// Nothing: to see whether all is still there.
    Look,
    /// All that there is, with what these batches were to store.
    Everything(Vec<BatchId>, Whole),
}

/// All that is to be kept of an identity.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) name: Name,
    pub(super) records: Vec<Record>,
}

/// Where what an engine stores is kept.
#[derive(Debug)]
pub enum Keeping {
    /// In the browser, by whom the identity belongs to.
    InBrowser(Box<(Store, Owner)>),
    /// Nowhere: it is gone with the engine.
    Nowhere,
}

impl Keeping {
    async fn keep(&self, entry: &Entry) -> Result<(), StoreError> {
        let Self::InBrowser(place) = self else {
            return Ok(());
        };
        let (store, owner) = &**place;
        match entry {
            Entry::Batch(_, writes) => store.write(owner, writes).await,
            Entry::Rename(name) => store.rename(owner, name.as_str()).await,
            Entry::Look => store.write(owner, &[]).await,
            Entry::Everything(_, Whole { name, records }) => {
                store.keep_anew(owner, name.as_str(), records).await
            }
        }
    }
}

pub(super) struct Journal {
    inner: Rc<Inner>,
    name: Name,
}

struct Inner {
    keeping: Keeping,
    waiting: RefCell<VecDeque<Entry>>,
    /// Whether `drain` is at work.
    busy: Cell<bool>,
    report: Box<dyn Fn(Outcome)>,
    /// Says what there is to keep, as long as the engine lives.
    whole: Box<dyn Fn() -> Option<Whole>>,
}

impl Journal {
    pub(super) fn new(
        keeping: Keeping,
        name: Name,
        report: impl Fn(Outcome) + 'static,
        whole: impl Fn() -> Option<Whole> + 'static,
    ) -> Self {
        let inner = Inner {
            keeping,
            waiting: RefCell::default(),
            busy: Cell::new(false),
            report: Box::new(report),
            whole: Box::new(whole),
        };
        Self {
            inner: Rc::new(inner),
            name,
        }
    }

    /// Stores a batch after all that were handed in before.
    pub(super) fn append(&self, batch: BatchId, writes: Vec<Write>) {
        self.push(Entry::Batch(batch, writes));
    }

    /// Lists the identity under another name.
    pub(super) fn rename(&mut self, name: Name) {
        if self.name != name {
            self.name = name.clone();
            self.push(Entry::Rename(name));
        }
    }

    /// Returns what says whether nothing waits, also once the engine is gone.
    pub(super) fn settled(&self) -> impl Fn() -> bool + use<> {
        let inner = Rc::clone(&self.inner);
        move || !inner.busy.get()
    }

    /// Looks whether all is still there.
    pub(super) fn look(&self) {
        self.push(Entry::Look);
    }

    fn push(&self, entry: Entry) {
        self.inner.waiting.borrow_mut().push_back(entry);
        if !self.inner.busy.replace(true) {
            spawn_local(Rc::clone(&self.inner).drain());
        }
    }
}

impl Inner {
    /// Writes entry after entry until none waits.
    async fn drain(self: Rc<Self>) {
        loop {
            let Some(entry) = self.waiting.borrow_mut().pop_front() else {
                break;
            };
            if let Err(over) = self.persist(entry).await {
                (self.report)(Outcome::Over(over));
                // It stays busy for good: nothing more is written.
                return;
            }
        }
        self.busy.set(false);
    }

    /// Tries to write an entry until it is on the disk.
    ///
    /// # Errors
    ///
    /// It never will be.
    async fn persist(&self, mut entry: Entry) -> Result<(), StoreError> {
        let mut pause = FIRST_PAUSE;
        loop {
            let fault = match self.keeping.keep(&entry).await {
                Ok(()) => {
                    self.stored(entry);
                    return Ok(());
                }
                Err(over @ (StoreError::NotOwner | StoreError::Newer)) => return Err(over),
                Err(StoreError::Cleared) if !matches!(entry, Entry::Everything(..)) => {
                    entry = self.everything(entry).ok_or(StoreError::Cleared)?;
                    continue;
                }
                Err(StoreError::Full) => StoreFault::Full,
                Err(_) => StoreFault::Refused,
            };
            let batch = match &entry {
                Entry::Batch(batch, _) => Some(*batch),
                Entry::Everything(batches, _) => batches.last().copied(),
                Entry::Rename(_) | Entry::Look => None,
            };
            if let Some(batch) = batch {
                (self.report)(Outcome::Failed(batch, fault));
            }
            TimeoutFuture::new(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn stored(&self, entry: Entry) {
        match entry {
            Entry::Batch(batch, _) => (self.report)(Outcome::Stored(batch)),
            Entry::Rename(_) | Entry::Look => {}
            Entry::Everything(batches, _) => {
                for batch in batches {
                    (self.report)(Outcome::Stored(batch));
                }
                (self.report)(Outcome::StoredAnew);
            }
        }
    }

    /// Puts everything in the place of an entry and of all that wait: it says what they say.
    fn everything(&self, entry: Entry) -> Option<Entry> {
        let whole = (self.whole)()?;
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        let batches = [entry]
            .into_iter()
            .chain(waiting)
            .filter_map(|it| match it {
                Entry::Batch(batch, _) => Some(batch),
                Entry::Rename(_) | Entry::Look | Entry::Everything(..) => None,
            });
        Some(Entry::Everything(batches.collect(), whole))
    }
}
