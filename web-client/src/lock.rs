//! One owner per identity, by Web Lock: two windows that ratchet the same keys would corrupt them.
//!
//! A window may take the lock over (`Lock::steal`): the former owner is told at once, and whatever
//! it still tries to write is refused by the store (`store::Owner`).

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// A held lock; dropping it releases it, and so does closing the window.
#[derive(Debug)]
pub struct Lock {
    release: Function,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.release.call0(&JsValue::NULL);
    }
}

enum Way {
    IfFree,
    Steal,
}

impl Lock {
    /// Takes the lock if it is free. `lost` is called when another window takes it over.
    pub async fn take(name: &str, lost: impl FnOnce() + 'static) -> Option<Self> {
        Self::request(name, &Way::IfFree, lost).await.ok().flatten()
    }

    /// Takes the lock from whichever window holds it. `lost` as in [`Lock::take`].
    pub async fn steal(name: &str, lost: impl FnOnce() + 'static) -> Option<Self> {
        Self::request(name, &Way::Steal, lost).await.ok().flatten()
    }

    async fn request(
        name: &str,
        way: &Way,
        lost: impl FnOnce() + 'static,
    ) -> Result<Option<Self>, JsValue> {
        let manager = manager()?;
        let options = Object::new();
        let option = match way {
            Way::IfFree => "ifAvailable",
            Way::Steal => "steal",
        };
        Reflect::set(&options, &option.into(), &JsValue::TRUE)?;

        let (held, release) = deferred();
        let (granted, grant) = deferred();
        let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
            let got = !lock.is_null();
            let _ = grant.call1(&JsValue::NULL, &got.into());
            if got { held.into() } else { JsValue::UNDEFINED }
        });
        let request: Function = Reflect::get(&manager, &"request".into())?.dyn_into()?;
        let over: Promise = request
            .call3(&manager, &name.into(), &options, &callback)?
            .dyn_into()?;
        // The request's own promise ends with the lock: in peace when we release it, with an error
        // when it is stolen, or at once when it was refused.
        let first = Promise::race(&Array::of2(&granted, &over));
        if !JsFuture::from(first).await?.is_truthy() {
            return Ok(None);
        }
        spawn_local(async move {
            if JsFuture::from(over).await.is_err() {
                lost();
            }
        });
        Ok(Some(Self { release }))
    }
}

/// Returns the names of all locks that some window of this browser holds.
pub async fn held() -> Vec<String> {
    query().await.unwrap_or_default()
}

async fn query() -> Result<Vec<String>, JsValue> {
    let manager = manager()?;
    let query: Function = Reflect::get(&manager, &"query".into())?.dyn_into()?;
    let snapshot = JsFuture::from(query.call0(&manager)?.dyn_into::<Promise>()?).await?;
    let held: Array = Reflect::get(&snapshot, &"held".into())?.dyn_into()?;
    Ok(held
        .iter()
        .filter_map(|lock| Reflect::get(&lock, &"name".into()).ok()?.as_string())
        .collect())
}

/// `navigator.locks`, which web-sys counts as unstable.
fn manager() -> Result<JsValue, JsValue> {
    let navigator = Reflect::get(&js_sys::global(), &"navigator".into())?;
    Reflect::get(&navigator, &"locks".into())
}

/// Makes a promise and the function that resolves it.
fn deferred() -> (Promise, Function) {
    let mut resolve = None;
    let promise = Promise::new(&mut |resolver, _| resolve = Some(resolver));
    let resolve = resolve.expect("a promise runs its executor before it returns");
    (promise, resolve)
}
