//! The page: static files and the headers that guard it.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use mcmix_shared::manifest::Deployment;
use tower_http::services::ServeDir;

use super::accept::Permit;
use super::content;

/// Serves the page's folder; a missing file is a 404, never the index page.
pub(super) fn files(folder: &Path) -> Router {
    let files = ServeDir::new(folder)
        .precompressed_br()
        .precompressed_gzip();
    Router::new()
        .fallback_service(files)
        .layer(axum::middleware::from_fn(content::tag))
        .layer(axum::middleware::from_fn(take_a_place))
}

/// Takes a connection's place for a file while it is sent, which is for as long as its receiver
/// likes: connections and files together are never more than there is room for.
async fn take_a_place(request: Request, next: Next) -> Response {
    let Some(connection) = request.extensions().get::<Permit>() else {
        return next.run(request).await;
    };
    let Ok(place) = Arc::clone(connection.semaphore()).try_acquire_owned() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    next.run(request).await.map(|body| {
        let chunks = body.into_data_stream();
        Body::from_stream(chunks.inspect(move |_| {
            let _held = &place;
        }))
    })
}

/// What is added to every response.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    policy: HeaderValue,
}

impl Headers {
    pub(super) fn new(deployment: &Deployment) -> Self {
        let servers = deployment
            .servers
            .each_ref()
            .map(|server| origin(&server.url));
        let policy = format!(
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data: blob:; connect-src 'self' {}; worker-src 'self'; \
             manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-src 'self'; frame-ancestors 'self'; \
             require-trusted-types-for 'script'; trusted-types mcmix",
            servers.join(" ")
        );
        // An address that fits no header is an address that no page may reach.
        let policy = HeaderValue::from_str(&policy)
            .unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { policy }
    }
}

/// Returns scheme, host and port of an address, without what could end a policy's directive.
fn origin(url: &str) -> String {
    let end = url
        .find("://")
        .and_then(|scheme| {
            url.get(scheme + 3..)?
                .find('/')
                .map(|path| scheme + 3 + path)
        })
        .unwrap_or(url.len());
    let origin = url.get(..end).unwrap_or_default();
    origin
        .chars()
        .filter(|c| !matches!(c, ';' | ',' | ' ' | '\''))
        .collect()
}

pub(super) async fn add_headers(
    State(headers): State<Headers>,
    uri: Uri,
    mut response: Response,
) -> Response {
    let cache = if response.status().is_success() && is_hashed(uri.path()) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let fixed = [
        (header::CACHE_CONTROL, cache),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(), geolocation=()",
        ),
    ];
    let map = response.headers_mut();
    for (name, value) in fixed {
        map.insert(name, HeaderValue::from_static(value));
    }
    map.insert(header::CONTENT_SECURITY_POLICY, headers.policy);
    response
}

/// Tells whether a file's name carries its hash, so that it never changes.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.')
        .skip(1)
        .any(|part| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use mcmix_shared::identity::SecretKey;
    use mcmix_shared::manifest::{Server, VERSION};

    use super::*;

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        assert!(is_hashed("/styles.0123456789abcdef.css"));
        for path in [
            "/",
            "/index.html",
            "/sw.js",
            "/deployment.json",
            "/0123456789abcdef",
        ] {
            assert!(!is_hashed(path), "{path}");
        }
    }

    /// Whoever hosts the page elsewhere copies the policy from there.
    #[test]
    fn the_documented_policy_is_this_one() {
        let server = |i: u8| Server {
            url: format!("wss://p{i}.example.org/client"),
            key: SecretKey::from_bytes([i + 1; 32]).server_key(),
        };
        let deployment = Deployment {
            version: VERSION,
            name: "Example".to_owned(),
            island: 0,
            first: None,
            slots: 3,
            quick_rounds: 8,
            message_bytes: 256,
            conversation_period_ms: 1000,
            dialing_period_ms: 1000,
            servers: [server(0), server(1), server(2)],
        };
        let policy = Headers::new(&deployment).policy;
        let documented = include_str!("../../../docs/operations.md");
        let line = format!("Content-Security-Policy: {}\n", policy.to_str().unwrap());
        assert!(documented.contains(&line), "{line}");
    }

    #[test]
    fn origins_have_no_path() {
        assert_eq!(origin("ws://127.0.0.1:8000/client"), "ws://127.0.0.1:8000");
        assert_eq!(origin("wss://a.example"), "wss://a.example");
        assert_eq!(origin("wss://a; script-src *"), "wss://ascript-src*");
    }
}
