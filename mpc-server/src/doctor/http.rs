//! HTTP as far as it is needed: one file, and the request that becomes a WebSocket.

use std::time::SystemTime;

use axum::body::{Body, to_bytes};
use axum::http::header::{
    CONNECTION, DATE, HOST, LOCATION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use hyper::client::conn::http1;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use mcmix_shared::wire::SUBPROTOCOL;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use url::{Position, Url};

use super::PATIENCE;
use super::finding::{Checks, Finding, Report};
use super::reach::{self, Stream};

/// Bytes of an answer, or of a message, at most.
const ANSWER_BYTES: usize = 1 << 20;
/// Characters of an answer that are shown.
const SHOWN: usize = 200;

/// A client's WebSocket.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// A request that became a WebSocket.
pub(super) struct Opened {
    pub(super) socket: Socket,
    /// What time it is there.
    pub(super) date: Option<SystemTime>,
}

/// Reads a file.
pub(super) async fn fetch(url: &Url) -> Result<Vec<u8>, Finding> {
    let mut checks = Checks::default();
    let Some(stream) = reach::stream(url, &mut checks).await else {
        let report = Report::from(checks);
        let found = report.findings().find_map(|check| check.finding.clone());
        return Err(found.unwrap_or_else(silent));
    };
    let response = ask(url, stream, &[]).await?;
    let (status, location) = (response.status(), text(response.headers(), &LOCATION));
    let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES);
    let body = timeout(PATIENCE, body).await.map_err(|_| silent())?;
    let body = body.map_err(|error| Finding::new(error.to_string(), "look at the server's log"))?;
    if status != StatusCode::OK {
        return Err(Finding::new(
            format!("expected 200, got {status}"),
            location.map_or(
                "give the address of deployment.json as a browser would".to_owned(),
                |location| format!("give {location} instead"),
            ),
        ));
    }
    Ok(body.into())
}

/// Asks for a client link, as a page of that origin would.
pub(super) async fn upgrade(
    url: &Url,
    origin: Option<&str>,
    stream: Box<dyn Stream>,
) -> Result<Opened, Finding> {
    let key = generate_key();
    let mut headers = vec![
        (CONNECTION, "Upgrade"),
        (UPGRADE, "websocket"),
        (SEC_WEBSOCKET_VERSION, "13"),
        (SEC_WEBSOCKET_KEY, &key),
        (SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL),
    ];
    headers.extend(origin.map(|origin| (ORIGIN, origin)));
    let response = ask(url, stream, &headers).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    if status != StatusCode::SWITCHING_PROTOCOLS {
        let body = timeout(
            PATIENCE,
            to_bytes(Body::new(response.into_body()), ANSWER_BYTES),
        )
        .await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        return Err(why_not(status, &headers, &String::from_utf8_lossy(&body)));
    }
    let expected = [
        (SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes())),
        (SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL.to_owned()),
    ];
    for (name, expected) in expected {
        let got = text(&headers, &name);
        if got.as_ref() != Some(&expected) {
            let problem = format!("{name}: expected {expected}, got {got:?}");
            let advice = "let the proxy hand on all headers whose names start with Sec-WebSocket-";
            return Err(Finding::new(problem, advice));
        }
    }
    let upgraded = timeout(PATIENCE, hyper::upgrade::on(response)).await;
    let upgraded = upgraded.map_err(|_| silent())?;
    let upgraded = upgraded.map_err(|error| broken(&error))?;
    let io = TokioIo::new(upgraded);
    let limits = WebSocketConfig::default()
        .max_message_size(Some(ANSWER_BYTES))
        .max_frame_size(Some(ANSWER_BYTES));
    let date = text(&headers, &DATE).and_then(|date| httpdate::parse_http_date(&date).ok());
    Ok(Opened {
        socket: WebSocketStream::from_raw_socket(io, Role::Client, Some(limits)).await,
        date,
    })
}

async fn ask(
    url: &Url,
    stream: Box<dyn Stream>,
    headers: &[(HeaderName, &str)],
) -> Result<Response<hyper::body::Incoming>, Finding> {
    let mut request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, reach::authority(url));
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let request = request
        .body(Body::empty())
        .map_err(|error| Finding::new(error.to_string(), "give it as a browser sends it"))?;
    let answer = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its socket.
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await
    };
    let answer = timeout(PATIENCE, answer).await.map_err(|_| silent())?;
    answer.map_err(|error| broken(&error))
}

fn silent() -> Finding {
    Finding::new(
        "the connection is taken, and nothing is answered",
        "look at the log of the proxy and of the server behind it: is it running, or full?",
    )
}

fn broken(error: &hyper::Error) -> Finding {
    Finding::new(
        format!("the answer is no HTTP, or ends early: {error}"),
        "look at what listens there: wss:// needs a proxy that ends TLS, ws:// one without, and \
         the peers' port is no clients' port",
    )
}

/// Says why a request did not become a WebSocket.
fn why_not(status: StatusCode, headers: &HeaderMap, body: &str) -> Finding {
    let said: String = body.trim().chars().take(SHOWN).collect();
    let problem = |means: &str| format!("expected 101, got {status}: {means} ({said:?})");
    let location = text(headers, &LOCATION);
    let (means, advice) = match status {
        StatusCode::FORBIDDEN if body.contains("clients.origins") => (
            "the server takes no page of this origin",
            "add the page's origin to clients.origins at all three, as the browser's address bar \
             shows it: scheme, name, and the port where it is not the usual one",
        ),
        StatusCode::SERVICE_UNAVAILABLE if body.contains("try again later") => (
            "too many connect at this moment",
            "run doctor again; where that lasts, limit connections per address in the proxy",
        ),
        StatusCode::BAD_REQUEST if body.contains("subprotocol") => (
            "the request came without its subprotocol",
            "let the proxy hand on the header Sec-WebSocket-Protocol",
        ),
        StatusCode::UPGRADE_REQUIRED | StatusCode::BAD_REQUEST => (
            "the request did not come as one for a WebSocket",
            "let the proxy hand on Upgrade and Connection, over HTTP/1.1 (nginx: \
             proxy_http_version, and the two proxy_set_header of the guide)",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            "the proxy takes no more connections from this address",
            "run doctor from elsewhere; where many people share an address, raise the proxy's limit",
        ),
        StatusCode::NOT_FOUND => (
            "this path leads to no server",
            "let the proxy hand on /client to clients.listen, path unchanged",
        ),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            (
                "the proxy has no server behind it",
                "start mcmix-server, and compare the proxy's target with clients.listen",
            )
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            "the proxy lets nobody in",
            "let it ask for no password, and shut out nobody, on /client",
        ),
        _ if location.is_some() => (
            "the proxy sends elsewhere, and WebSockets do not follow",
            "put the address that it sends to into the manifest, or hand on /client from here",
        ),
        _ => (
            "no server of ours says that",
            "look at the proxy's log, and at where it leads /client to",
        ),
    };
    Finding::new(problem(means), advice)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}
