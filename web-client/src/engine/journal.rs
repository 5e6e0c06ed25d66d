//! Batches on their way to the store: one after the other, each tried until it is on the disk.
//!
//! What was handed in is stored even if the engine is dropped before.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use mcmix_shared::client::{BatchId, Write};
use mcmix_shared::identity::Name;
use wasm_bindgen_futures::spawn_local;

use crate::store::{Owner, Store, StoreError};

/// The first pause after a failure, in milliseconds; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: u32 = 500;
const LONGEST_PAUSE: u32 = 15_000;

/// What became of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    /// It is on the disk.
    Stored(BatchId),
    /// It is not yet, and is tried again.
    Failed(BatchId),
    /// It never will be: another window owns the identity now.
    NotOwner,
}

#[derive(Debug)]
enum Entry {
    Batch(BatchId, Vec<Write>),
    Rename(Name),
}

/// Where what an engine stores is kept.
#[derive(Debug)]
pub enum Keeping {
    /// In the browser, by whom the identity belongs to.
    InBrowser(Store, Owner),
    /// Nowhere: it is gone with the engine.
    Nowhere,
}

impl Keeping {
    async fn keep(&self, entry: &Entry) -> Result<(), StoreError> {
        match (self, entry) {
            (Self::Nowhere, _) => Ok(()),
            (Self::InBrowser(store, owner), Entry::Batch(_, writes)) => {
                store.write(owner, writes).await
            }
            (Self::InBrowser(store, owner), Entry::Rename(name)) => {
                store.rename(owner, name.as_str()).await
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
}

impl Journal {
    pub(super) fn new(keeping: Keeping, name: Name, report: impl Fn(Outcome) + 'static) -> Self {
        let inner = Inner {
            keeping,
            waiting: RefCell::default(),
            busy: Cell::new(false),
            report: Box::new(report),
        };
        Self {
            inner: Rc::new(inner),
            name,
        }
    }

    /// Appends a batch.
    pub(super) fn append(&mut self, batch: BatchId, writes: Vec<Write>) {
        self.push(Entry::Batch(batch, writes));
    }

    /// Appends a change of the name under which the identity is listed.
    pub(super) fn rename(&mut self, name: Name) {
        if self.name != name {
            self.name = name.clone();
            self.push(Entry::Rename(name));
        }
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
            if !self.persist(&entry).await {
                (self.report)(Outcome::NotOwner);
                // It stays busy for good: nothing more is written.
                return;
            }
        }
        self.busy.set(false);
    }

    /// Tries to write an entry until it is on the disk; false if it never will be.
    async fn persist(&self, entry: &Entry) -> bool {
        let mut pause = FIRST_PAUSE;
        loop {
            let result = self.keeping.keep(entry).await;
            let batch = match entry {
                Entry::Batch(batch, _) => Some(*batch),
                Entry::Rename(_) => None,
            };
            match result {
                Ok(()) => {
                    batch
                        .map(Outcome::Stored)
                        .into_iter()
                        .for_each(&self.report);
                    return true;
                }
                Err(StoreError::NotOwner) => return false,
                Err(_) => batch
                    .map(Outcome::Failed)
                    .into_iter()
                    .for_each(&self.report),
            }
            TimeoutFuture::new(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
