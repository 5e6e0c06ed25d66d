//! IndexedDB: one database for all identities of this browser.
//!
//! `identities` holds one entry per identity: its name and the token of its owner. `records` holds
//! what the client state machine stores, under `[identity, key]`. Every batch is one transaction
//! with strict durability, and every one of them first checks that this window still is the owner:
//! a window that lost its identity to another can write nothing any more.

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use mcmix_shared::client::{Record, Write};
use rand_core::{Rng as _, UnwrapErr};
use serde::{Deserialize, Serialize};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DomException, Event, IdbDatabase, IdbFactory, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest,
    IdbRequest, IdbTransaction,
};

const DATABASE: &str = "mcmix";
const VERSION: u32 = 1;
const IDENTITIES: &str = "identities";
const RECORDS: &str = "records";
const READ_ONLY: &str = "readonly";
const READ_WRITE: &str = "readwrite";

/// Names an identity inside this browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityId(String);

impl IdentityId {
    /// Makes a new, random id.
    pub fn random() -> Self {
        Self(random_token())
    }

    /// Takes an id that was kept as text.
    pub fn from_text(text: String) -> Self {
        Self(text)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An identity of this browser, as the list of them shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityEntry {
    /// Names it.
    pub id: IdentityId,
    /// The name its owner chose.
    pub name: String,
}

/// Proof that this window opened the identity last.
#[derive(Clone, Debug)]
pub struct Owner {
    id: IdentityId,
    token: String,
}

/// An identity that this window owns from now on.
#[derive(Debug)]
pub struct Claimed {
    /// Proof of that.
    pub owner: Owner,
    /// The name under which it is listed.
    pub name: String,
    /// Everything it stored.
    pub records: Vec<Record>,
}

/// Why the store could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another window has opened this identity since.
    #[error("the identity was opened in another window")]
    NotOwner,
    /// The browser's quota for this page is used up.
    #[error("the browser's storage is full")]
    Full,
    /// The identity is not in this browser.
    #[error("no such identity in this browser")]
    Unknown,
    /// Anything else, by the browser's own name for it.
    #[error("the browser's storage failed: {0}")]
    Browser(String),
}

impl From<JsValue> for StoreError {
    fn from(value: JsValue) -> Self {
        let exception = match value.dyn_ref::<Event>().and_then(Event::target) {
            Some(target) => Reflect::get(&target, &"error".into()).unwrap_or(JsValue::NULL),
            None => value,
        };
        match exception.dyn_ref::<DomException>().map(DomException::name) {
            Some(name) if name == "QuotaExceededError" => Self::Full,
            Some(name) => Self::Browser(name),
            None => Self::Browser(format!("{exception:?}")),
        }
    }
}

/// The open database.
#[derive(Clone, Debug)]
pub struct Store {
    database: IdbDatabase,
}

impl Store {
    /// Opens the database, and lays it out on the first visit.
    ///
    /// # Errors
    ///
    /// What the browser says where it keeps no data for this page.
    pub async fn open() -> Result<Self, StoreError> {
        let factory: IdbFactory =
            Reflect::get(&js_sys::global(), &"indexedDB".into())?.dyn_into()?;
        let request = factory.open_with_u32(DATABASE, VERSION)?;
        let upgrade = Closure::once_into_js(|event: Event| lay_out(&event));
        request.set_onupgradeneeded(Some(upgrade.unchecked_ref()));
        let database = result(&request).await?.dyn_into()?;
        Ok(Self { database })
    }

    /// Lists the identities of this browser, by name.
    ///
    /// # Errors
    ///
    /// What the browser says.
    pub async fn identities(&self) -> Result<Vec<IdentityEntry>, StoreError> {
        let transaction = self.transaction(READ_ONLY)?;
        let identities = transaction.object_store(IDENTITIES)?;
        let keys: Array = result(&identities.get_all_keys()?).await?.dyn_into()?;
        let values: Array = result(&identities.get_all()?).await?.dyn_into()?;
        let mut entries: Vec<_> = keys
            .iter()
            .zip(values.iter())
            .filter_map(|(key, value)| {
                Some(IdentityEntry {
                    id: IdentityId(key.as_string()?),
                    name: field(&value, "name")?,
                })
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// Makes this window the owner of an identity, new or not, and reads its records.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] if `name` is not given and the identity is not in this browser.
    pub async fn claim(&self, id: &IdentityId, name: Option<&str>) -> Result<Claimed, StoreError> {
        let owner = Owner {
            id: id.clone(),
            token: random_token(),
        };
        let transaction = self.transaction(READ_WRITE)?;
        let identities = transaction.object_store(IDENTITIES)?;
        let entry = result(&identities.get(&id.as_str().into())?).await?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => field(&entry, "name").ok_or(StoreError::Unknown)?,
        };
        owner.enter(&identities, &name)?;
        let records = transaction.object_store(RECORDS)?;
        let range = all_records(id)?;
        let keys: Array = result(&records.get_all_keys_with_key(&range)?)
            .await?
            .dyn_into()?;
        let values: Array = result(&records.get_all_with_key(&range)?)
            .await?
            .dyn_into()?;
        committed(&transaction).await?;
        let records = keys.iter().zip(values.iter()).filter_map(|(key, value)| {
            let key = key.dyn_ref::<Array>()?.get(1).as_string()?;
            let value = value.dyn_ref::<Uint8Array>()?.to_vec();
            Some(Record { key, value })
        });
        Ok(Claimed {
            owner,
            name,
            records: records.collect(),
        })
    }

    /// Carries out all writes, or none, and returns once they are on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotOwner`] after another window took the identity over; else what the
    /// browser says of the aborted transaction.
    pub async fn write(&self, owner: &Owner, writes: &[Write]) -> Result<(), StoreError> {
        let transaction = self.transaction(READ_WRITE)?;
        owner.check(&transaction).await?;
        let records = transaction.object_store(RECORDS)?;
        for write in writes {
            match write {
                Write::Put { key, value } => {
                    let value = Uint8Array::from(value.as_slice());
                    records.put_with_key(&value, &record_key(&owner.id, key))?;
                }
                Write::Delete { key } => {
                    records.delete(&record_key(&owner.id, key))?;
                }
            }
        }
        committed(&transaction).await
    }

    /// Changes the name under which the identity is listed.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn rename(&self, owner: &Owner, name: &str) -> Result<(), StoreError> {
        let transaction = self.transaction(READ_WRITE)?;
        owner.check(&transaction).await?;
        owner.enter(&transaction.object_store(IDENTITIES)?, name)?;
        committed(&transaction).await
    }

    /// Starts a transaction with strict durability, an option that web-sys counts as unstable.
    fn transaction(&self, mode: &str) -> Result<IdbTransaction, StoreError> {
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &"strict".into())?;
        let stores = Array::of2(&IDENTITIES.into(), &RECORDS.into());
        let start: Function = Reflect::get(&self.database, &"transaction".into())?.dyn_into()?;
        let transaction = start.call3(&self.database, &stores, &mode.into(), &options)?;
        Ok(transaction.dyn_into()?)
    }
}

impl Owner {
    /// Enters this owner into the list of identities.
    fn enter(&self, identities: &IdbObjectStore, name: &str) -> Result<(), StoreError> {
        let entry = Object::new();
        Reflect::set(&entry, &"name".into(), &name.into())?;
        Reflect::set(&entry, &"owner".into(), &self.token.as_str().into())?;
        identities.put_with_key(&entry, &self.id.as_str().into())?;
        Ok(())
    }

    /// Aborts the transaction unless this is still the owner.
    async fn check(&self, transaction: &IdbTransaction) -> Result<(), StoreError> {
        let identities = transaction.object_store(IDENTITIES)?;
        let entry = result(&identities.get(&self.id.as_str().into())?).await?;
        if field(&entry, "owner").as_deref() == Some(self.token.as_str()) {
            return Ok(());
        }
        transaction.abort()?;
        Err(StoreError::NotOwner)
    }
}

fn lay_out(event: &Event) -> Result<(), JsValue> {
    let request: IdbOpenDbRequest = Reflect::get(event, &"target".into())?.dyn_into()?;
    let database: IdbDatabase = request.result()?.dyn_into()?;
    database.create_object_store(IDENTITIES)?;
    database.create_object_store(RECORDS)?;
    Ok(())
}

fn random_token() -> String {
    format!("{:032x}", u128::from(random()) << 64 | u128::from(random()))
}

fn random() -> u64 {
    UnwrapErr(getrandom::SysRng).next_u64()
}

fn record_key(id: &IdentityId, key: &str) -> JsValue {
    Array::of2(&id.as_str().into(), &key.into()).into()
}

/// All keys `[id, text]`: in the order of keys, every text stands before every array.
fn all_records(id: &IdentityId) -> Result<IdbKeyRange, StoreError> {
    let first = Array::of1(&id.as_str().into());
    let last = Array::of2(&id.as_str().into(), &Array::new());
    Ok(IdbKeyRange::bound(&first, &last)?)
}

fn field(entry: &JsValue, name: &str) -> Option<String> {
    Reflect::get(entry, &name.into()).ok()?.as_string()
}

/// Waits for a request. What follows still runs inside its transaction, as long as nothing but
/// requests of that transaction is awaited.
async fn result(request: &IdbRequest) -> Result<JsValue, StoreError> {
    let settled = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    JsFuture::from(settled).await?;
    Ok(request.result()?)
}

/// Waits until a transaction is on the disk.
async fn committed(transaction: &IdbTransaction) -> Result<(), StoreError> {
    let settled = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    });
    JsFuture::from(settled).await?;
    Ok(())
}
