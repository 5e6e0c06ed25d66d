//! From a blank page to an open identity.

use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Response;
use yew::prelude::*;

use super::{Change, Listed, Reason, Site, State, Trouble, Usage};
use crate::engine::{Engine, Report, Setup};
use crate::lock::{self, Lock};
use crate::page;
use crate::store::{IdentityId, Store, StoreError};

/// Where the manifest is, beside the page.
const MANIFEST: &str = "deployment.json";

/// A reload may be faster than the release of its own lock: it tries that often,
const RELOAD_TRIES: u32 = 15;
/// with pauses of that many milliseconds.
const RELOAD_PAUSE: u32 = 100;

type Dispatch = UseReducerDispatcher<State>;

/// Loads what the page needs, and opens the identity of this tab, or the only one there is.
pub(super) async fn boot(dispatch: Dispatch) {
    if let Err(trouble) = try_boot(&dispatch).await {
        dispatch.dispatch(Change::Failed(trouble));
    }
}

async fn try_boot(dispatch: &Dispatch) -> Result<(), Trouble> {
    let deployment = deployment().await?;
    let store = Store::open().await.map_err(storage)?;
    let site = Rc::new(Site { deployment, store });
    dispatch.dispatch(Change::Ready(Rc::clone(&site)));
    let listed = list(&site).await?;
    dispatch.dispatch(Change::Listed(listed.clone()));

    if let Some(id) = page::tab_identity() {
        let known = listed.iter().any(|listed| listed.entry.id == id);
        for _ in 0..if known { RELOAD_TRIES } else { 0 } {
            if claim(&site, &id, None, Usage::Free, dispatch).await? {
                return Ok(());
            }
            TimeoutFuture::new(RELOAD_PAUSE).await;
        }
    } else if let [only] = listed.as_slice()
        && claim(&site, &only.entry.id, None, Usage::Free, dispatch).await?
    {
        return Ok(());
    }
    if listed.is_empty() {
        dispatch.dispatch(Change::Welcome);
    } else {
        dispatch.dispatch(Change::Choose(Reason::Choice));
        refresh(site, dispatch.clone()).await;
    }
    Ok(())
}

/// Creates an identity and opens it.
pub(super) async fn create(site: Rc<Site>, name: Name, dispatch: Dispatch) {
    page::ask_to_persist();
    let id = IdentityId::random();
    if let Err(trouble) = claim(&site, &id, Some(name), Usage::Free, &dispatch).await {
        dispatch.dispatch(Change::Failed(trouble));
    }
}

/// Opens an identity; one that is open elsewhere is taken over.
pub(super) async fn open(site: Rc<Site>, id: IdentityId, usage: Usage, dispatch: Dispatch) {
    match claim(&site, &id, None, usage, &dispatch).await {
        Ok(true) => {}
        Ok(false) => refresh(site, dispatch).await,
        Err(trouble) => dispatch.dispatch(Change::Failed(trouble)),
    }
}

/// Looks again which identities there are and which are open.
pub(super) async fn refresh(site: Rc<Site>, dispatch: Dispatch) {
    if let Ok(listed) = list(&site).await {
        dispatch.dispatch(Change::Listed(listed));
    }
}

/// Takes the identity's lock, reads its records and starts its engine; false if some window has
/// the lock.
async fn claim(
    site: &Rc<Site>,
    id: &IdentityId,
    name: Option<Name>,
    usage: Usage,
    dispatch: &Dispatch,
) -> Result<bool, Trouble> {
    let lock_name = lock_name(id);
    let lost = {
        let (site, dispatch) = (Rc::clone(site), dispatch.clone());
        move || lose(Rc::clone(&site), &dispatch)
    };
    let lock = match usage {
        Usage::Free => Lock::take(&lock_name, lost.clone()).await,
        Usage::Open => Lock::steal(&lock_name, lost.clone()).await,
    };
    let Some(lock) = lock else {
        return Ok(false);
    };
    let claimed = site.store.claim(id, name.as_ref().map(Name::as_str)).await;
    let claimed = claimed.map_err(storage)?;
    let setup = Setup {
        deployment: site.deployment.clone(),
        store: site.store.clone(),
        owner: claimed.owner,
        records: claimed.records,
        name: Name::new(&claimed.name).map_err(records)?,
    };
    let report = {
        let dispatch = dispatch.clone();
        move |report| match report {
            Report::View(view) => dispatch.dispatch(Change::View(view)),
            Report::Lost => lost(),
            // What just happened shows in the view as well.
            Report::Notice(_) => {}
        }
    };
    let (engine, view) = Engine::start(setup, report).map_err(records)?;
    page::keep_tab_identity(Some(id));
    // The engine lives, and the lock is held, as long as the page can make requests.
    let request = Callback::from(move |request| {
        let _held = &lock;
        engine.request(request);
    });
    dispatch.dispatch(Change::Opened(request, view));
    Ok(true)
}

fn lose(site: Rc<Site>, dispatch: &Dispatch) {
    page::keep_tab_identity(None);
    dispatch.dispatch(Change::Choose(Reason::TakenOver));
    spawn_local(refresh(site, dispatch.clone()));
}

async fn list(site: &Site) -> Result<Vec<Listed>, Trouble> {
    let held = lock::held().await;
    let entries = site.store.identities().await.map_err(storage)?;
    let listed = entries.into_iter().map(|entry| {
        let open = held.contains(&lock_name(&entry.id));
        let usage = if open { Usage::Open } else { Usage::Free };
        Listed { entry, usage }
    });
    Ok(listed.collect())
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

/// Fetches the manifest; the one of the last visit does while the page's server is away.
async fn deployment() -> Result<Deployment, Trouble> {
    let text = match fetch_text(MANIFEST).await {
        Ok(text) => text,
        Err(_) => page::kept_manifest().ok_or(Trouble::Unreachable)?,
    };
    let deployment =
        Deployment::from_json(&text).map_err(|error| Trouble::Manifest(error.to_string()))?;
    page::keep_manifest(&text);
    Ok(deployment)
}

async fn fetch_text(address: &str) -> Result<String, JsValue> {
    let window = page::window().ok_or(JsValue::NULL)?;
    let response = JsFuture::from(window.fetch_with_str(address)).await?;
    let response: Response = response.dyn_into()?;
    if !response.ok() {
        return Err(response.status().into());
    }
    let text = JsFuture::from(response.text()?).await?;
    text.as_string().ok_or(JsValue::NULL)
}
