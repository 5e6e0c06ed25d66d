//! The key of this browser, which seals the keys of identities and their names in the list.
//!
//! It is kept encrypted by a key that the browser gives to nobody, not even to this page
//! (`WebCrypto`, not extractable): a copy of the database alone opens nothing. Browsers that can't keep
//! such a key (WebKitGTK) keep ours as it is. Neither is safe from who has the whole profile.

use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use mcmix_shared::vault::VaultKey;
use rand_core::UnwrapErr;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};
use zeroize::Zeroizing;

use super::StoreError;
use super::database::{DEVICE, Database, READ_ONLY, READ_WRITE, committed, result};

/// The one entry of its store.
const ENTRY: &str = "key";
/// The cipher by which the browser's own key encrypts, and the length of its nonce.
const CIPHER: &str = "AES-GCM";
const NONCE_BYTES: u32 = 12;

/// Returns this browser's key, made on the first visit.
pub(super) async fn key(database: &Database) -> Result<VaultKey, StoreError> {
    if let Some(key) = kept(database).await? {
        return Ok(key);
    }
    keep(
        database,
        &VaultKey::random(&mut UnwrapErr(getrandom::SysRng)),
    )
    .await?;
    // Of two windows that came first, one was first.
    kept(database).await?.ok_or(StoreError::Cleared)
}

/// Keeps a key as this browser's, unless it has one.
async fn keep(database: &Database, key: &VaultKey) -> Result<(), StoreError> {
    let sealed = sealed(key.as_bytes()).await;
    let stored = match sealed {
        Ok(entry) => put(database, &entry).await,
        Err(error) => Err(error.into()),
    };
    // It can't make such a key, or can't keep one. Of a full disk, say, that does not follow.
    if let Err(StoreError::Browser(_)) = stored {
        let entry = Object::new();
        let plain = Uint8Array::from(key.as_bytes().as_slice());
        Reflect::set(&entry, &"plain".into(), &plain)?;
        return put(database, &entry).await;
    }
    stored
}

/// Adds the entry unless there is one.
async fn put(database: &Database, entry: &Object) -> Result<(), StoreError> {
    let transaction = database.transaction(READ_WRITE)?;
    let store = transaction.object_store(DEVICE)?;
    let there = result(&store.get(&ENTRY.into())?).await?;
    if there.is_undefined() {
        store.put_with_key(entry, &ENTRY.into())?;
    }
    committed(&transaction).await
}

async fn kept(database: &Database) -> Result<Option<VaultKey>, StoreError> {
    let transaction = database.transaction(READ_ONLY)?;
    let store = transaction.object_store(DEVICE)?;
    let entry = result(&store.get(&ENTRY.into())?).await?;
    if entry.is_undefined() {
        return Ok(None);
    }
    let bytes = |name: &str| -> Result<Uint8Array, JsValue> {
        Reflect::get(&entry, &name.into())?.dyn_into()
    };
    let plain = if let Ok(plain) = bytes("plain") {
        Zeroizing::new(plain.to_vec())
    } else {
        let key: CryptoKey = Reflect::get(&entry, &"key".into())?.dyn_into()?;
        let cipher = cipher(&bytes("nonce")?)?;
        let sealed = bytes("sealed")?.to_vec();
        let opened = subtle()?.decrypt_with_object_and_u8_array(&cipher, &key, &sealed)?;
        Zeroizing::new(wait(opened).await?)
    };
    let key = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| StoreError::Tampered)?;
    Ok(Some(VaultKey::from_bytes(key)))
}

/// Encrypts a key by one that the browser makes and keeps to itself.
async fn sealed(plain: &[u8; 32]) -> Result<Object, JsValue> {
    let subtle = subtle()?;
    let kind = Object::new();
    Reflect::set(&kind, &"name".into(), &CIPHER.into())?;
    Reflect::set(&kind, &"length".into(), &256.into())?;
    let uses = js_sys::Array::of2(&"encrypt".into(), &"decrypt".into());
    let key = subtle.generate_key_with_object(&kind, false, &uses)?;
    let key: CryptoKey = JsFuture::from(key).await?.dyn_into()?;
    let nonce = Uint8Array::new_with_length(NONCE_BYTES);
    crypto()?.get_random_values_with_array_buffer_view(&nonce)?;
    let encrypted = subtle.encrypt_with_object_and_u8_array(&cipher(&nonce)?, &key, plain)?;
    let sealed = Uint8Array::from(wait(encrypted).await?.as_slice());
    let entry = Object::new();
    Reflect::set(&entry, &"key".into(), &key)?;
    Reflect::set(&entry, &"nonce".into(), &nonce)?;
    Reflect::set(&entry, &"sealed".into(), &sealed)?;
    Ok(entry)
}

async fn wait(bytes: Promise) -> Result<Vec<u8>, JsValue> {
    let buffer: ArrayBuffer = JsFuture::from(bytes).await?.dyn_into()?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

fn cipher(nonce: &Uint8Array) -> Result<Object, JsValue> {
    let cipher = Object::new();
    Reflect::set(&cipher, &"name".into(), &CIPHER.into())?;
    Reflect::set(&cipher, &"iv".into(), nonce)?;
    Ok(cipher)
}

fn crypto() -> Result<Crypto, JsValue> {
    Reflect::get(&js_sys::global(), &"crypto".into())?.dyn_into()
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(crypto()?.subtle())
}
