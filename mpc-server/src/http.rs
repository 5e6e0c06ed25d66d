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
use mcmix_shared::manifest::{Deployment, Realm};
use mcmix_shared::party::PartyId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;

use crate::clients::{Clients, Rules, upgrade};
use crate::config::Clients as Limits;
use crate::round::driver::Rounds;

pub mod accept;
mod content;
pub(crate) mod impatient;
mod metrics;
mod page;
mod status;

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    party: PartyId,
    key: SecretKey,
    deployment: Deployment,
    realm: Realm,
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
        let (realm, manifest) = (deployment.realm(), deployment.to_json().into());
        Self(Arc::new(Inner {
            party,
            key,
            deployment,
            realm,
            manifest,
            limits,
            clients,
            rounds,
            tasks,
            stop,
        }))
    }

    /// Returns the time that a client's link has to come about.
    pub(crate) fn handshake(&self) -> Duration {
        Duration::from_millis(self.0.limits.handshake_ms)
    }

    pub(crate) fn origins(&self) -> &[String] {
        &self.0.limits.origins
    }

    pub(crate) fn party(&self) -> PartyId {
        self.0.party
    }

    pub(crate) fn key(&self) -> &SecretKey {
        &self.0.key
    }

    pub(crate) fn realm(&self) -> &Realm {
        &self.0.realm
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.0.clients
    }

    pub(crate) fn rules(&self) -> Rules {
        self.0.clients.rules()
    }

    /// Runs something beside the request that began it, until the party stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.0.stop.clone();
        self.0.tasks.spawn(async move {
            let _stopped = stop.run_until_cancelled(task).await;
        });
    }
}

/// Returns what clients reach.
pub fn router(app: App) -> Router {
    let headers = page::Headers::new(&app.0.deployment);
    let mut router = Router::new()
        .route("/client", get(upgrade::upgrade))
        .route("/deployment.json", get(manifest))
        .merge(status::router())
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
    health()
        .route("/metrics", get(metrics::metrics))
        .with_state(app)
}

fn health() -> Router<App> {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
}

/// Says whether rounds complete, what is in the way, and when the last one did.
async fn ready(State(app): State<App>) -> impl IntoResponse {
    let rounds = &app.0.rounds;
    let missing = rounds.missing();
    let (status, text) = if rounds.is_ready() {
        (StatusCode::OK, "rounds are running".to_owned())
    } else if rounds.is_halted() {
        let text = "rounds are stopped: one of the servers does not follow the protocol, the log says more";
        (StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
    } else if missing.is_empty() {
        let text = "all links are up, but no round completes";
        (StatusCode::SERVICE_UNAVAILABLE, text.to_owned())
    } else {
        let links: Vec<_> = missing
            .iter()
            .map(|[a, b]| format!("{a} and {b}"))
            .collect();
        let text = format!("no link between {}", links.join(", nor between "));
        (StatusCode::SERVICE_UNAVAILABLE, text)
    };
    let last = match rounds.since_completed() {
        Some(age) => format!("the last round completed {:.1} s ago", age.as_secs_f64()),
        None => "no round has completed since the start".to_owned(),
    };
    (status, format!("{text}; {last}\n"))
}

async fn manifest(State(app): State<App>) -> impl IntoResponse {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], app.0.manifest.clone())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, Response};
    use tempfile::TempDir;
    use tokio::sync::Semaphore;
    use tower::ServiceExt;

    use super::*;
    use crate::clients::ClientSettings;
    use crate::config::Config;
    use crate::config::demo::{self, DemoOptions};
    use crate::intake::Collector;
    use crate::keys;

    /// P0 with a page, as a router.
    pub(super) fn party() -> (TempDir, App) {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page");
        fs::create_dir(&page).unwrap();
        fs::write(page.join("index.html"), "<!doctype html>").unwrap();
        fs::write(page.join("app.0123456789abcdef.wasm"), "wasm").unwrap();
        fs::write(page.join("app.0123456789abcdef.wasm.br"), "br").unwrap();
        let options = DemoOptions {
            page: Some(page),
            ..DemoOptions::on_free_ports()
        };
        let demo = demo::write(folder.path(), &options).unwrap();
        let [config, ..] = demo.configs;
        let config = Config::load(&config, [], &[]).unwrap();
        let collector = Arc::new(Collector::new(config.party, demo.deployment.shape(), 1));
        let settings = ClientSettings {
            party: config.party,
            deployment: demo.deployment.clone(),
            most: 1,
            max_refusals: 1,
            keep_alive: Duration::from_secs(20),
        };
        let app = App::new(Parts {
            party: config.party,
            key: keys::read_noise_key(&config.keys.noise).unwrap(),
            deployment: demo.deployment,
            limits: config.clients,
            clients: Clients::start(settings, collector, &CancellationToken::new()).unwrap(),
            rounds: Arc::new(Rounds::new(Duration::from_secs(1))),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        (folder, app)
    }

    async fn get(router: Router, path: &str) -> Response<Body> {
        let request = Request::get(path)
            .header(header::ACCEPT_ENCODING, "br")
            .body(Body::empty())
            .unwrap();
        router.oneshot(request).await.unwrap()
    }

    async fn body(response: Response<Body>) -> Vec<u8> {
        to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap()
            .into()
    }

    #[tokio::test]
    async fn the_page_and_the_manifest_are_served_under_the_policy() {
        let (_folder, app) = party();
        let index = get(router(app.clone()), "/").await;
        assert_eq!(index.status(), StatusCode::OK);
        let policy = index.headers()[header::CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
        for server in &app.0.deployment.servers {
            let origin = server.url.trim_end_matches("/client");
            assert!(policy.contains(origin), "{policy}");
        }
        assert_eq!(index.headers()[header::CACHE_CONTROL], "no-cache");
        assert_eq!(index.headers()[header::REFERRER_POLICY], "no-referrer");

        let manifest = get(router(app.clone()), "/deployment.json").await;
        let json = String::from_utf8(body(manifest).await).unwrap();
        assert_eq!(Deployment::from_json(&json).unwrap(), app.0.deployment);
    }

    #[tokio::test]
    async fn files_come_compressed_and_a_missing_one_is_a_404() {
        let (_folder, app) = party();
        let wasm = get(router(app.clone()), "/app.0123456789abcdef.wasm").await;
        assert_eq!(wasm.headers()[header::CONTENT_ENCODING], "br");
        assert_eq!(wasm.headers()[header::CONTENT_TYPE], "application/wasm");
        assert!(
            wasm.headers()[header::CACHE_CONTROL]
                .to_str()
                .unwrap()
                .contains("immutable")
        );
        assert_eq!(body(wasm).await, b"br");
        for path in [
            "/missing.0123456789abcdef.js",
            "/invite",
            "/../party0.toml",
            "/%2e%2e/party0.toml",
        ] {
            let missing = get(router(app.clone()), path).await;
            assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(missing.headers()[header::CACHE_CONTROL], "no-cache");
        }
    }

    /// As builds that give every file one time do, and containers: a new file of the same length.
    #[tokio::test]
    async fn a_file_that_has_changed_is_never_said_to_be_the_same() {
        let (folder, app) = party();
        let ask = async |response: &Response<Body>| {
            let mut again = Request::get("/index.html");
            for (answer, question) in [
                (header::ETAG, header::IF_NONE_MATCH),
                (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE),
            ] {
                if let Some(value) = response.headers().get(answer) {
                    again = again.header(question, value);
                }
            }
            let again = again.body(Body::empty()).unwrap();
            router(app.clone()).oneshot(again).await.unwrap()
        };
        let first = get(router(app.clone()), "/index.html").await;
        assert_eq!(ask(&first).await.status(), StatusCode::NOT_MODIFIED);
        let path = folder.path().join("page/index.html");
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::write(&path, "<!DOCTYPE HTML>").unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
        let changed = ask(&first).await;
        assert_eq!(changed.status(), StatusCode::OK);
        let length = changed.headers()[header::CONTENT_LENGTH].clone();
        assert_eq!(length, "15");
        assert_eq!(body(changed).await, b"<!DOCTYPE HTML>");
    }

    #[tokio::test]
    async fn a_file_that_is_sent_takes_a_place_until_it_is_through() {
        let (_folder, app) = party();
        let places = Arc::new(Semaphore::new(2));
        let connection = Arc::new(Arc::clone(&places).acquire_owned().await.unwrap());
        let get = async || {
            let mut request = Request::get("/index.html").body(Body::empty()).unwrap();
            request.extensions_mut().insert(Arc::clone(&connection));
            router(app.clone()).oneshot(request).await.unwrap()
        };
        let unread = get().await;
        assert_eq!(unread.headers()[header::CONTENT_LENGTH], "15");
        assert_eq!(places.available_permits(), 0);
        assert_eq!(get().await.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body(unread).await, b"<!doctype html>");
        assert_eq!(places.available_permits(), 1);
        drop(get().await);
        assert_eq!(places.available_permits(), 1);
    }

    #[tokio::test]
    async fn health_is_told_on_both_addresses_and_counts_to_operators_alone() {
        let (_folder, app) = party();
        for router in [router(app.clone()), admin_router(app.clone())] {
            assert_eq!(
                get(router.clone(), "/healthz").await.status(),
                StatusCode::OK
            );
            let ready = get(router, "/readyz").await;
            assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
            let text = String::from_utf8(body(ready).await).unwrap();
            assert!(text.contains("no link between P0 and P1"), "{text}");
            assert!(text.contains("since the start"), "{text}");
        }
        let client = get(admin_router(app.clone()), "/client").await;
        assert_eq!(client.status(), StatusCode::NOT_FOUND);
        let metrics = get(admin_router(app.clone()), "/metrics").await;
        assert_eq!(metrics.status(), StatusCode::OK);
        let counts = String::from_utf8(body(metrics).await).unwrap();
        for line in ["mcmix_ready 0\n", "mcmix_seconds_since_round +Inf\n"] {
            assert!(counts.contains(line), "{counts}");
        }
        assert_eq!(
            get(router(app), "/metrics").await.status(),
            StatusCode::NOT_FOUND
        );
    }

    #[tokio::test]
    async fn the_client_link_is_no_plain_request() {
        let (_folder, app) = party();
        let response = get(router(app), "/client").await;
        assert!(response.status().is_client_error());
    }
}
