//! What a party serves to clients: the link, the page, the manifest, its health.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use crate::clients::Clients;
use crate::config::Clients as Limits;
use crate::round::driver::Rounds;

pub mod accept;
mod client;
mod page;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    party: PartyId,
    key: SecretKey,
    deployment: Deployment,
    manifest: Bytes,
    limits: Limits,
    clients: Arc<Clients>,
    rounds: Arc<Rounds>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// This party.
    pub party: PartyId,
    /// The key by which clients know it.
    pub key: SecretKey,
    /// What all three parties run.
    pub deployment: Deployment,
    /// Limits, origins, and the page's folder.
    pub limits: Limits,
    /// Who is connected.
    pub clients: Arc<Clients>,
    /// The rounds.
    pub rounds: Arc<Rounds>,
    /// Counts client links, which outlive their request.
    pub tasks: TaskTracker,
    /// Ends client links.
    pub stop: CancellationToken,
}

impl App {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            party,
            key,
            deployment,
            limits,
            clients,
            rounds,
            tasks,
            stop,
        } = parts;
        let manifest = deployment.to_json().into();
        Self(Arc::new(Inner {
            party,
            key,
            deployment,
            manifest,
            limits,
            clients,
            rounds,
            tasks,
            stop,
        }))
    }

    fn handshake(&self) -> Duration {
        Duration::from_millis(self.0.limits.handshake_ms)
    }
}

/// Returns what clients reach.
pub fn router(app: App) -> Router {
    let headers = page::Headers::new(&app.0.deployment);
    let mut router = Router::new()
        .route("/client", get(client::upgrade))
        .route("/deployment.json", get(manifest))
        .merge(health());
    if let Some(folder) = &app.0.limits.page {
        router = router.fallback_service(page::files(folder));
    }
    router
        .layer(axum::middleware::map_response_with_state(
            headers,
            page::add_headers,
        ))
        .layer(CatchPanicLayer::new())
        .with_state(app)
}

/// Returns what operators reach.
pub fn admin_router(app: App) -> Router {
    health().with_state(app)
}

fn health() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
}

async fn ready(State(app): State<App>) -> impl IntoResponse {
    if app.0.rounds.is_ready() {
        (StatusCode::OK, "rounds are running\n")
    } else {
        let text = "waiting for the links to both peers, or for the first round\n";
        (StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

async fn manifest(State(app): State<App>) -> impl IntoResponse {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], app.0.manifest.clone())
}
