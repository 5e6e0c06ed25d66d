//! What a browser keeps, opened from outside: to see what is in it, and to change it.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mcmix_shared::client::Record;
use mcmix_shared::vault::{Guard, Sealed, VaultKey};
use serde::Deserialize;
use serde_json::json;

use crate::page::Page;

/// Reads the whole database, and opens the browser's key as the page does.
const READ: &str = r"
const done = arguments[0];
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));
const opening = indexedDB.open('mcmix');
opening.onsuccess = () => {
  const transaction = opening.result.transaction(['identities', 'records', 'device']);
  const identities = [];
  const records = [];
  transaction.objectStore('identities').openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (cursor === null) return;
    const { name, guard } = cursor.value;
    identities.push([cursor.key, text(name), text(guard)]);
    cursor.continue();
  };
  transaction.objectStore('records').openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (cursor === null) return;
    records.push([...cursor.key, text(cursor.value)]);
    cursor.continue();
  };
  const device = transaction.objectStore('device').get('key');
  transaction.oncomplete = async () => {
    opening.result.close();
    const { plain, key, nonce, sealed } = device.result;
    const opened = plain ?? (await crypto.subtle.decrypt({ name: 'AES-GCM', iv: nonce }, key, sealed));
    const kept = plain ? false : !key.extractable;
    done({ device: text(opened), kept, identities, records });
  };
};
";

/// Writes identities and records as pages did that sealed nothing; the next page seals them.
const WRITE: &str = r"
const [identities, done] = arguments;
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const opening = indexedDB.open('mcmix');
opening.onsuccess = () => {
  const transaction = opening.result.transaction(['identities', 'records'], 'readwrite');
  const stores = ['identities', 'records'].map((name) => transaction.objectStore(name));
  for (const store of stores) store.clear();
  for (const [id, name, records] of identities) {
    stores[0].put({ name, owner: 'somebody' }, id);
    for (const [key, value] of records) stores[1].put(bytes(value), [id, key]);
  }
  transaction.oncomplete = () => { opening.result.close(); done(true); };
};
";

/// The database as it was read, its bytes in base64.
#[derive(Deserialize)]
struct Database {
    device: String,
    /// Whether the browser gives its own key to nobody.
    kept: bool,
    /// Id, name, guard.
    identities: Vec<(String, String, String)>,
    /// Identity, pseudonym, what is sealed.
    records: Vec<(String, String, String)>,
}

/// All identities of a browser, opened.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Whether the browser keeps its key to itself.
    pub(crate) sealed_by_browser: bool,
    /// All bytes and names of the database as they stand there.
    pub(crate) raw: Vec<u8>,
    identities: Vec<Identity>,
}

#[derive(Clone, Debug)]
struct Identity {
    id: String,
    name: String,
    records: Vec<Record>,
}

impl Kept {
    /// Opens what the browser of a page keeps. None of it is locked.
    ///
    /// # Errors
    ///
    /// Something of it does not open.
    pub(crate) async fn read(page: &Page) -> Result<Self> {
        let all = page.run_script(READ, Vec::new()).await?;
        let all: Database = serde_json::from_value(all)?;
        let mut raw = format!("{:?}{:?}", all.identities, all.records).into_bytes();
        let key = <[u8; 32]>::try_from(STANDARD.decode(all.device)?);
        let device = VaultKey::from_bytes(key.ok().context("no key")?);
        let identities = all.identities.into_iter().map(|(id, name, guard)| {
            let place = format!("name of {id}");
            let name = device.open_bytes(&place, &STANDARD.decode(name)?)?;
            let key = Guard::decode(&STANDARD.decode(guard)?)?.open(&device)?;
            let mut records = Vec::new();
            for (identity, pseudonym, bytes) in &all.records {
                let sealed = Sealed {
                    pseudonym: pseudonym.clone(),
                    bytes: STANDARD.decode(bytes)?,
                };
                raw.extend(&sealed.bytes);
                if *identity == id {
                    records.push(key.open(&sealed)?);
                }
            }
            let name = String::from_utf8(name)?;
            Ok(Identity { id, name, records })
        });
        let identities = identities.collect::<Result<_>>()?;
        Ok(Self {
            sealed_by_browser: all.kept,
            raw,
            identities,
        })
    }

    /// Writes it into the browser of a page, plain, in place of what is there.
    ///
    /// # Errors
    ///
    /// The browser refuses.
    pub(crate) async fn write(&self, page: &Page) -> Result<()> {
        let identities = self
            .identities
            .iter()
            .map(|Identity { id, name, records }| {
                let records = records
                    .iter()
                    .map(|Record { key, value }| json!([key, STANDARD.encode(value)]));
                json!([id, name, records.collect::<Vec<_>>()])
            });
        let identities = identities.collect::<Vec<_>>();
        page.run_script(WRITE, vec![json!(identities)]).await?;
        Ok(())
    }

    /// Changes records: what `change` makes of a name and its value stands in the value's place.
    ///
    /// # Errors
    ///
    /// It changes nothing.
    pub(crate) fn change(&mut self, change: impl Fn(&str, &[u8]) -> Option<Vec<u8>>) -> Result<()> {
        let mut changed = false;
        for identity in &mut self.identities {
            identity.records.retain_mut(|record| {
                let new = change(&record.key, &record.value);
                changed |= new.as_ref() != Some(&record.value);
                new.map(|new| record.value = new).is_some()
            });
        }
        ensure!(changed, "no record changed");
        Ok(())
    }

    /// Returns the names of all records.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let records = self.identities.iter().flat_map(|it| &it.records);
        records.map(|record| record.key.as_str())
    }
}

/// Makes P0's key what P1's was, and the other way round.
pub(crate) fn swap_server_keys(name: &str, value: &[u8]) -> Option<Vec<u8>> {
    let mut value = value.to_vec();
    if name == "servers"
        && let Some((p0, rest)) = value
            .get_mut(1..)
            .and_then(|it| it.split_at_mut_checked(32))
    {
        p0.swap_with_slice(rest.get_mut(..32)?);
    }
    Some(value)
}
