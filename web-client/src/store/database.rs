//! IndexedDB by promises: opening, requests, transactions.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Event, IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbRequest, IdbTransaction};

use super::StoreError;

const NAME: &str = "mcmix";
/// 1: plain records. 2: sealed ones.
const VERSION: u32 = 2;
/// How long the browser may take to open it, in milliseconds.
const PATIENCE: u32 = 15_000;

pub(super) const IDENTITIES: &str = "identities";
pub(super) const RECORDS: &str = "records";
pub(super) const DEVICE: &str = "device";
pub(super) const READ_ONLY: &str = "readonly";
pub(super) const READ_WRITE: &str = "readwrite";

/// The database, for all who use it.
#[derive(Clone)]
pub(super) struct Database {
    connection: Rc<RefCell<Connection>>,
    cleared: Hook,
}

/// Whom to call when the database is deleted.
type Hook = Rc<RefCell<Option<Rc<dyn Fn()>>>>;

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// A connection to it.
#[derive(Debug)]
struct Connection {
    database: IdbDatabase,
    /// Why it is no longer open.
    closed: Rc<Cell<Option<Closed>>>,
}

/// Why a database is no longer open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    /// Another window lays it out anew.
    Newer,
    /// It was deleted, or the browser closed it.
    Cleared,
}

impl Database {
    /// Opens the database, and lays it out on the first visit. `blocked` is called if a window with
    /// an older page keeps that from happening; it goes on once that is closed.
    pub(super) async fn open(blocked: impl FnOnce() + 'static) -> Result<Self, StoreError> {
        let cleared = Hook::default();
        let connection = Connection::open(blocked, Rc::clone(&cleared)).await?;
        Ok(Self {
            connection: Rc::new(RefCell::new(connection)),
            cleared,
        })
    }

    /// Has somebody called when it is deleted.
    pub(super) fn when_cleared(&self, call: impl Fn() + 'static) {
        self.cleared.replace(Some(Rc::new(call)));
    }

    /// Opens it again, laid out anew, after it was deleted.
    pub(super) async fn reopen(&self) -> Result<(), StoreError> {
        self.connection.borrow().database.close();
        let connection = Connection::open(|| {}, Rc::clone(&self.cleared)).await?;
        self.connection.replace(connection);
        Ok(())
    }

    /// Starts a transaction.
    pub(super) fn transaction(&self, mode: &str) -> Result<IdbTransaction, StoreError> {
        self.connection.borrow().transaction(mode)
    }
}

impl Connection {
    async fn open(blocked: impl FnOnce() + 'static, cleared: Hook) -> Result<Self, StoreError> {
        let factory: IdbFactory = factory()?;
        let request = factory.open_with_u32(NAME, VERSION)?;
        let upgrade = Closure::once_into_js(|event: Event| lay_out(&event));
        request.set_onupgradeneeded(Some(upgrade.unchecked_ref()));
        let waits = Rc::new(Cell::new(false));
        let heard = Closure::once_into_js({
            let waits = Rc::clone(&waits);
            move |_: Event| {
                waits.set(true);
                blocked();
            }
        });
        request.set_onblocked(Some(heard.unchecked_ref()));
        let database: IdbDatabase = patiently(&request, &waits).await?.dyn_into()?;
        let closed = Rc::new(Cell::new(None));
        let note = |reason: fn(&Event) -> Closed| {
            let (database, closed) = (database.clone(), Rc::clone(&closed));
            let cleared = Rc::clone(&cleared);
            Closure::<dyn Fn(Event)>::new(move |event: Event| {
                // Else the other window waits for this one.
                database.close();
                let reason = reason(&event);
                closed.set(Some(reason));
                let call = cleared
                    .borrow()
                    .clone()
                    .filter(|_| reason == Closed::Cleared);
                if let Some(call) = call {
                    call();
                }
            })
            .into_js_value()
        };
        let changed = note(|event| {
            let version = Reflect::get(event, &"newVersion".into());
            if version.is_ok_and(|version| version.is_null()) {
                Closed::Cleared
            } else {
                Closed::Newer
            }
        });
        database.set_onversionchange(Some(changed.unchecked_ref()));
        let gone = note(|_| Closed::Cleared);
        Reflect::set(&database, &"onclose".into(), &gone)?;
        Ok(Self { database, closed })
    }

    /// Starts a transaction with strict durability, an option that web-sys counts as unstable.
    fn transaction(&self, mode: &str) -> Result<IdbTransaction, StoreError> {
        match self.closed.get() {
            Some(Closed::Newer) => return Err(StoreError::Newer),
            Some(Closed::Cleared) => return Err(StoreError::Cleared),
            None => {}
        }
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &"strict".into())?;
        let stores = Array::of3(&IDENTITIES.into(), &RECORDS.into(), &DEVICE.into());
        let start: Function = Reflect::get(&self.database, &"transaction".into())?.dyn_into()?;
        let transaction = start.call3(&self.database, &stores, &mode.into(), &options)?;
        Ok(transaction.dyn_into()?)
    }
}

fn factory() -> Result<IdbFactory, StoreError> {
    Ok(Reflect::get(&js_sys::global(), &"indexedDB".into())?.dyn_into()?)
}

fn lay_out(event: &Event) -> Result<(), JsValue> {
    let request: IdbOpenDbRequest = Reflect::get(event, &"target".into())?.dyn_into()?;
    let database: IdbDatabase = request.result()?.dyn_into()?;
    let there = database.object_store_names();
    for store in [IDENTITIES, RECORDS, DEVICE] {
        if !there.contains(store) {
            database.create_object_store(store)?;
        }
    }
    Ok(())
}

/// Waits for a database to open, unless the browser never answers.
async fn patiently(request: &IdbOpenDbRequest, waits: &Cell<bool>) -> Result<JsValue, StoreError> {
    let settled = settled(request);
    let late = future_to_promise(async {
        TimeoutFuture::new(PATIENCE).await;
        Ok(JsValue::FALSE)
    });
    let first = JsFuture::from(Promise::race(&Array::of2(&settled, &late))).await?;
    if first == JsValue::FALSE {
        if !waits.get() {
            return Err(StoreError::NoAnswer);
        }
        JsFuture::from(settled).await?;
    }
    Ok(request.result()?)
}

fn settled(request: &IdbRequest) -> Promise {
    Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    })
}

/// Waits for a request. What follows still runs inside its transaction, as long as nothing but
/// requests of that transaction is awaited.
pub(super) async fn result(request: &IdbRequest) -> Result<JsValue, StoreError> {
    JsFuture::from(settled(request)).await?;
    Ok(request.result()?)
}

/// Waits until a transaction is on the disk.
pub(super) async fn committed(transaction: &IdbTransaction) -> Result<(), StoreError> {
    let settled = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    });
    JsFuture::from(settled).await?;
    Ok(())
}
