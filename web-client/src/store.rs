//! What this browser keeps of all its identities, sealed ([`mcmix_shared::vault`]).
//!
//! `identities` holds one entry per identity: its name, sealed by the browser's key ([`device`]), the
//! token of its owner, and the guard of its vault's key. `records` holds what the client state machine
//! stores, under `[identity, pseudonym]`. Every batch is one transaction with strict durability, and
//! every one of them first checks that this window still is the owner: a window that lost its identity
//! to another can write nothing any more.

mod database;
mod device;

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Object, Reflect, Uint8Array};
use mcmix_shared::client::{Record, Write};
use mcmix_shared::vault::{Cost, Guard, GuardError, Sealed, Tampered, VaultKey};
use rand_core::{Rng as _, UnwrapErr};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DomException, Event, IdbKeyRange, IdbTransaction};

use self::database::{
    DEVICE, Database, IDENTITIES, READ_ONLY, READ_WRITE, RECORDS, committed, result,
};

/// Stands for a name that does not open.
const UNREADABLE: &str = "?";

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
    /// Whether it opens by a passphrase alone.
    pub locked: bool,
}

/// Proof that this window opened the identity last, and what it seals with.
#[derive(Clone, Debug)]
pub struct Owner {
    id: IdentityId,
    token: String,
    key: VaultKey,
    /// Where the key is kept.
    guard: Rc<RefCell<Guard>>,
}

/// The key of a vault, and where it is kept.
#[derive(Debug)]
pub struct Unlocked {
    key: VaultKey,
    guard: Guard,
}

impl Unlocked {
    /// Says whether a passphrase was needed.
    pub const fn by_passphrase(&self) -> bool {
        self.guard.is_locked()
    }
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
    /// The browser, or somebody who uses it, has deleted everything.
    #[error("what the browser kept was deleted")]
    Cleared,
    /// A newer page has laid the database out anew.
    #[error("a newer version of this page keeps its data here")]
    Newer,
    /// The browser does not open the database, and does not say why.
    #[error("the browser's storage does not answer")]
    NoAnswer,
    /// The key of the vault could not be had.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// What is kept was not written by this page.
    #[error("what the browser kept was changed by something else")]
    Tampered,
    /// Anything else, by the browser's own name for it.
    #[error("the browser's storage failed: {0}")]
    Browser(String),
}

impl From<Tampered> for StoreError {
    fn from(_: Tampered) -> Self {
        Self::Tampered
    }
}

impl From<JsValue> for StoreError {
    fn from(value: JsValue) -> Self {
        let exception = match value.dyn_ref::<Event>().and_then(Event::target) {
            Some(target) => Reflect::get(&target, &"error".into()).unwrap_or(JsValue::NULL),
            None => value,
        };
        match exception.dyn_ref::<DomException>().map(DomException::name) {
            Some(name) if name == "QuotaExceededError" => Self::Full,
            Some(name) if name == "VersionError" => Self::Newer,
            Some(name) => Self::Browser(name),
            None => Self::Browser(format!("{exception:?}")),
        }
    }
}

/// The open database, and this browser's key.
#[derive(Clone, Debug)]
pub struct Store {
    database: Database,
    device: Rc<RefCell<VaultKey>>,
}

impl Store {
    /// Opens the database, and lays it out on the first visit. `blocked` is called if a window with an
    /// older page keeps that from happening.
    ///
    /// # Errors
    ///
    /// What the browser says where it keeps no data for this page.
    pub async fn open(blocked: impl FnOnce() + 'static) -> Result<Self, StoreError> {
        let database = Database::open(blocked).await?;
        let device = device::key(&database).await?;
        let device = Rc::new(RefCell::new(device));
        let store = Self { database, device };
        store.seal_plain().await?;
        Ok(store)
    }

    /// Has somebody called when everything is deleted under this window, in place of whoever was.
    pub fn when_cleared(&self, call: impl Fn() + 'static) {
        self.database.when_cleared(call);
    }

    /// Learns this browser's key anew: another window may have deleted everything.
    async fn renew_device(&self) -> Result<(), StoreError> {
        let device = device::key(&self.database).await?;
        self.device.replace(device);
        Ok(())
    }

    /// Seals what an older page has kept as it was.
    async fn seal_plain(&self) -> Result<(), StoreError> {
        let transaction = self.database.transaction(READ_WRITE)?;
        for (id, entry) in entries(&transaction).await? {
            let (Some(name), Some(token)) = (text(&entry, "name"), text(&entry, "owner")) else {
                continue;
            };
            let key = VaultKey::random(&mut rng());
            let guard = self.guard_by_device(&key);
            let owner = Owner {
                token,
                ..Owner::new(&id, key, guard)
            };
            let plain = owner.kept(&transaction).await?;
            owner.clear(&transaction)?;
            for (key, value) in plain {
                owner.put(&transaction, &Record { key, value })?;
            }
            self.enter(&transaction, &owner, &name)?;
        }
        committed(&transaction).await
    }

    fn guard_by_device(&self, key: &VaultKey) -> Guard {
        Guard::by_key(key, &self.device.borrow(), &mut rng())
    }

    /// Lists the identities of this browser, by name.
    ///
    /// # Errors
    ///
    /// What the browser says.
    pub async fn identities(&self) -> Result<Vec<IdentityEntry>, StoreError> {
        let transaction = self.database.transaction(READ_ONLY)?;
        let mut listed = Vec::new();
        for (id, entry) in entries(&transaction).await? {
            let locked = match guard(&entry) {
                Err(StoreError::Guard(GuardError::Newer)) => return Err(StoreError::Newer),
                guard => guard.is_ok_and(|guard| guard.is_locked()),
            };
            // One that is damaged is there all the same.
            let name = self
                .name(&id, &entry)
                .unwrap_or_else(|| UNREADABLE.to_owned());
            listed.push(IdentityEntry { id, name, locked });
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Makes this window the owner of a new identity, which has these records.
    ///
    /// # Errors
    ///
    /// What the browser says; nothing of it is there then.
    pub async fn create(
        &self,
        id: &IdentityId,
        name: &str,
        records: Vec<Record>,
    ) -> Result<Claimed, StoreError> {
        self.renew_device().await?;
        let key = VaultKey::random(&mut rng());
        let guard = self.guard_by_device(&key);
        let owner = Owner::new(id, key, guard);
        let transaction = self.database.transaction(READ_WRITE)?;
        self.enter(&transaction, &owner, name)?;
        for record in &records {
            owner.put(&transaction, record)?;
        }
        committed(&transaction).await?;
        let name = name.to_owned();
        Ok(Claimed {
            owner,
            name,
            records,
        })
    }

    /// Returns the key of an identity's vault.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] if the identity is not in this browser, [`GuardError::Locked`] if it
    /// needs a passphrase and [`GuardError::Wrong`] if it needs another one.
    pub async fn key(
        &self,
        id: &IdentityId,
        passphrase: Option<&str>,
    ) -> Result<Unlocked, StoreError> {
        let transaction = self.database.transaction(READ_ONLY)?;
        let entry = entry(&transaction, id).await?.ok_or(StoreError::Unknown)?;
        let guard = guard(&entry)?;
        let key = match passphrase {
            Some(passphrase) if guard.is_locked() => guard.unlock(passphrase)?,
            _ => guard.open(&self.device.borrow())?,
        };
        Ok(Unlocked { key, guard })
    }

    /// Makes this window the owner of an identity and reads its records. One that does not open gets a
    /// name that nobody knows, for the client to set it aside.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unknown`] if the identity is not in this browser.
    pub async fn claim(&self, id: &IdentityId, by: Unlocked) -> Result<Claimed, StoreError> {
        let transaction = self.database.transaction(READ_WRITE)?;
        let entry = entry(&transaction, id).await?.ok_or(StoreError::Unknown)?;
        let owner = Owner::new(id, by.key, guard(&entry)?);
        let name = self.name(id, &entry).ok_or(StoreError::Tampered)?;
        self.enter(&transaction, &owner, &name)?;
        let mut records = Vec::new();
        for (pseudonym, bytes) in owner.kept(&transaction).await? {
            let sealed = Sealed { pseudonym, bytes };
            let opened = owner.key.open(&sealed);
            records.push(opened.or_else(|_| owner.rename_unreadable(&transaction, sealed))?);
        }
        committed(&transaction).await?;
        Ok(Claimed {
            owner,
            name,
            records,
        })
    }

    /// Carries out all writes, or none, and returns once they are on the disk.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotOwner`] after another window took the identity over,
    /// [`StoreError::Cleared`] if it is gone; else what the browser says of the aborted transaction.
    pub async fn write(&self, owner: &Owner, writes: &[Write]) -> Result<(), StoreError> {
        let transaction = self.database.transaction(READ_WRITE)?;
        owner.check(&transaction).await?;
        owner.carry_out(&transaction, writes)?;
        committed(&transaction).await
    }

    /// Keeps an identity that was deleted under this window: all of it anew.
    ///
    /// # Errors
    ///
    /// What the browser says.
    pub async fn keep_anew(
        &self,
        owner: &Owner,
        name: &str,
        records: &[Record],
    ) -> Result<(), StoreError> {
        self.database.reopen().await?;
        // The browser's key went with the rest, or is another window's by now.
        self.renew_device().await?;
        if !owner.guard.borrow().is_locked() {
            owner.guard.replace(self.guard_by_device(&owner.key));
        }
        let transaction = self.database.transaction(READ_WRITE)?;
        let there = transaction.object_store(IDENTITIES)?;
        let there = result(&there.get(&owner.id.as_str().into())?).await?;
        let ours = text(&there, "owner").as_deref() == Some(owner.token.as_str());
        if !there.is_undefined() && !ours {
            // Somebody else keeps it, or has erased it.
            transaction.abort()?;
            return Err(StoreError::NotOwner);
        }
        owner.clear(&transaction)?;
        for record in records {
            owner.put(&transaction, record)?;
        }
        self.enter(&transaction, owner, name)?;
        committed(&transaction).await
    }

    /// Changes the name under which the identity is listed.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn rename(&self, owner: &Owner, name: &str) -> Result<(), StoreError> {
        let transaction = self.database.transaction(READ_WRITE)?;
        owner.check(&transaction).await?;
        self.enter(&transaction, owner, name)?;
        committed(&transaction).await
    }

    /// Has the identity open by a passphrase alone from now on, or without one.
    ///
    /// # Errors
    ///
    /// As [`Store::write`].
    pub async fn protect(&self, owner: &Owner, passphrase: Option<&str>) -> Result<(), StoreError> {
        let guard = match passphrase {
            Some(text) => Guard::by_passphrase(&owner.key, text, Cost::BROWSER, &mut rng()),
            None => self.guard_by_device(&owner.key),
        };
        let transaction = self.database.transaction(READ_WRITE)?;
        let entry = owner.check(&transaction).await?;
        let name = self.name(&owner.id, &entry).ok_or(StoreError::Tampered)?;
        let before = owner.guard.replace(guard);
        self.enter(&transaction, owner, &name)?;
        let done = committed(&transaction).await;
        if done.is_err() {
            owner.guard.replace(before);
        }
        done
    }

    /// Deletes an identity with all its records. Its random id stays, as that of an erased one:
    /// whoever has it open elsewhere can write nothing any more.
    ///
    /// # Errors
    ///
    /// What the browser says.
    pub async fn erase(&self, id: &IdentityId) -> Result<(), StoreError> {
        let transaction = self.database.transaction(READ_WRITE)?;
        bury(&transaction, id)?;
        committed(&transaction).await
    }

    /// Deletes everything, this browser's key included, but for the random ids of what was erased.
    ///
    /// # Errors
    ///
    /// What the browser says.
    pub async fn erase_all(&self) -> Result<(), StoreError> {
        let transaction = self.database.transaction(READ_WRITE)?;
        for (id, _) in entries(&transaction).await? {
            bury(&transaction, &id)?;
        }
        transaction.object_store(DEVICE)?.clear()?;
        transaction.object_store(RECORDS)?.clear()?;
        committed(&transaction).await
    }

    /// Enters an identity into the list.
    fn enter(
        &self,
        transaction: &IdbTransaction,
        owner: &Owner,
        name: &str,
    ) -> Result<(), StoreError> {
        let place = name_place(&owner.id);
        let device = self.device.borrow();
        let name = device.seal_bytes(&place, name.as_bytes(), &mut rng());
        let guard = owner.guard.borrow();
        let entry = Object::new();
        let bytes = |bytes: &[u8]| Uint8Array::from(bytes);
        Reflect::set(&entry, &"name".into(), &bytes(&name))?;
        Reflect::set(&entry, &"owner".into(), &owner.token.as_str().into())?;
        Reflect::set(&entry, &"guard".into(), &bytes(&guard.encode()))?;
        let identities = transaction.object_store(IDENTITIES)?;
        identities.put_with_key(&entry, &owner.id.as_str().into())?;
        Ok(())
    }

    fn name(&self, id: &IdentityId, entry: &JsValue) -> Option<String> {
        let sealed = bytes(entry, "name")?;
        let name = self.device.borrow().open_bytes(&name_place(id), &sealed);
        let name = name.ok()?;
        String::from_utf8(name).ok()
    }
}

impl Owner {
    fn new(id: &IdentityId, key: VaultKey, guard: Guard) -> Self {
        Self {
            id: id.clone(),
            token: random_token(),
            key,
            guard: Rc::new(RefCell::new(guard)),
        }
    }

    /// Aborts the transaction unless this is still the owner; returns the entry in the list.
    async fn check(&self, transaction: &IdbTransaction) -> Result<JsValue, StoreError> {
        let identities = transaction.object_store(IDENTITIES)?;
        // An erased one is there: it is not ours.
        let entry = result(&identities.get(&self.id.as_str().into())?).await?;
        let entry = Some(entry).filter(|entry| !entry.is_undefined());
        let owner = entry.as_ref().and_then(|entry| text(entry, "owner"));
        match entry {
            Some(entry) if owner.as_deref() == Some(self.token.as_str()) => Ok(entry),
            entry => {
                transaction.abort()?;
                Err(entry.map_or(StoreError::Cleared, |_| StoreError::NotOwner))
            }
        }
    }

    /// Returns all that is kept, by the names under which it is.
    async fn kept(
        &self,
        transaction: &IdbTransaction,
    ) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let records = transaction.object_store(RECORDS)?;
        let range = all_records(&self.id)?;
        let names: Array = result(&records.get_all_keys_with_key(&range)?)
            .await?
            .dyn_into()?;
        let values: Array = result(&records.get_all_with_key(&range)?)
            .await?
            .dyn_into()?;
        let kept = names.iter().zip(values.iter()).filter_map(|(name, value)| {
            let name = name.dyn_ref::<Array>()?.get(1).as_string()?;
            Some((name, value.dyn_ref::<Uint8Array>()?.to_vec()))
        });
        Ok(kept.collect())
    }

    fn clear(&self, transaction: &IdbTransaction) -> Result<(), StoreError> {
        let records = transaction.object_store(RECORDS)?;
        records.delete(&all_records(&self.id)?.into())?;
        Ok(())
    }

    fn carry_out(&self, transaction: &IdbTransaction, writes: &[Write]) -> Result<(), StoreError> {
        for write in writes {
            match write {
                Write::Put { key, value } => {
                    let (key, value) = (key.clone(), value.clone());
                    self.put(transaction, &Record { key, value })?;
                }
                Write::Delete { key } => {
                    let pseudonym = self.key.pseudonym(key);
                    let records = transaction.object_store(RECORDS)?;
                    records.delete(&record_key(&self.id, &pseudonym))?;
                }
            }
        }
        Ok(())
    }

    /// Gives a record that does not open a name that nobody knows.
    fn rename_unreadable(
        &self,
        transaction: &IdbTransaction,
        Sealed { pseudonym, bytes }: Sealed,
    ) -> Result<Record, StoreError> {
        let records = transaction.object_store(RECORDS)?;
        records.delete(&record_key(&self.id, &pseudonym))?;
        let record = Record {
            key: format!("{UNREADABLE}/{pseudonym}"),
            value: bytes,
        };
        self.put(transaction, &record)?;
        Ok(record)
    }

    fn put(&self, transaction: &IdbTransaction, record: &Record) -> Result<(), StoreError> {
        let Sealed { pseudonym, bytes } = self.key.seal(record, &mut rng());
        let bytes = Uint8Array::from(bytes.as_slice());
        let records = transaction.object_store(RECORDS)?;
        records.put_with_key(&bytes, &record_key(&self.id, &pseudonym))?;
        Ok(())
    }
}

/// Returns the list of identities as it is kept.
async fn entries(transaction: &IdbTransaction) -> Result<Vec<(IdentityId, JsValue)>, StoreError> {
    let identities = transaction.object_store(IDENTITIES)?;
    let keys: Array = result(&identities.get_all_keys()?).await?.dyn_into()?;
    let values: Array = result(&identities.get_all()?).await?.dyn_into()?;
    let named = keys.iter().zip(values.iter());
    let named = named.filter_map(|(key, value)| Some((IdentityId(key.as_string()?), value)));
    Ok(named.filter(|(_, entry)| !is_erased(entry)).collect())
}

async fn entry(
    transaction: &IdbTransaction,
    id: &IdentityId,
) -> Result<Option<JsValue>, StoreError> {
    let identities = transaction.object_store(IDENTITIES)?;
    let entry = result(&identities.get(&id.as_str().into())?).await?;
    Ok(Some(entry).filter(|entry| !entry.is_undefined() && !is_erased(entry)))
}

fn is_erased(entry: &JsValue) -> bool {
    text(entry, "owner").is_some_and(|owner| owner.is_empty())
}

/// Deletes all of an identity but its id, which belongs to nobody from now on.
fn bury(transaction: &IdbTransaction, id: &IdentityId) -> Result<(), StoreError> {
    let entry = Object::new();
    Reflect::set(&entry, &"owner".into(), &"".into())?;
    let identities = transaction.object_store(IDENTITIES)?;
    identities.put_with_key(&entry, &id.as_str().into())?;
    let records = transaction.object_store(RECORDS)?;
    records.delete(&all_records(id)?.into())?;
    Ok(())
}

fn guard(entry: &JsValue) -> Result<Guard, StoreError> {
    let kept = bytes(entry, "guard").ok_or(StoreError::Tampered)?;
    Ok(Guard::decode(&kept)?)
}

fn name_place(id: &IdentityId) -> String {
    format!("name of {}", id.as_str())
}

fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn random_token() -> String {
    format!("{:032x}", u128::from(random()) << 64 | u128::from(random()))
}

fn random() -> u64 {
    rng().next_u64()
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

fn text(entry: &JsValue, name: &str) -> Option<String> {
    Reflect::get(entry, &name.into()).ok()?.as_string()
}

fn bytes(entry: &JsValue, name: &str) -> Option<Vec<u8>> {
    let bytes = Reflect::get(entry, &name.into()).ok()?;
    Some(bytes.dyn_ref::<Uint8Array>()?.to_vec())
}
