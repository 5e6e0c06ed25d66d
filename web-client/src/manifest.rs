//! The deployment's manifest, from beside the page.

use mcmix_shared::manifest::Deployment;
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Response;

use crate::page;
use crate::worker::Trouble;

/// Where the manifest is, beside the page.
const MANIFEST: &str = "deployment.json";

/// Fetches the manifest; the one of the last visit does while the page's server is away.
///
/// # Errors
///
/// None came, or it is not usable.
pub async fn load() -> Result<Deployment, Trouble> {
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
