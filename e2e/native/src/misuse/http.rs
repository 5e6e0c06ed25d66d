//! Below and beside the WebSocket: bytes, heads of requests, requests.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::{join_all, try_join_all};
use mcmix_shared::party::PartyId;

use super::Answer::{self, Http, HungUp, TimedOut};
use super::probe::Bare;
use super::target::{HANDSHAKE, LONG_FILE};
use super::{Beside, Class, Target};

/// Connections that do nothing: more than a server has places for.
const IDLE: usize = 400;
/// Connections whose request never ends.
const HALF_OPEN: usize = 100;

pub(super) const CLASSES: &[Class] = &[
    Class::new("silence", "connects, says nothing", TimedOut, |it| {
        Box::pin(silence(it))
    }),
    Class::new(
        "idle-crowd",
        "400 connections that say nothing, more than there are places",
        TimedOut,
        |it| Box::pin(idle_crowd(it)),
    )
    .beside(Beside::Crowd),
    Class::new(
        "half-open-crowd",
        "100 requests without an end",
        TimedOut,
        |it| Box::pin(half_open_crowd(it)),
    ),
    Class::new("slow-head", "a request, a byte at a time", TimedOut, |it| {
        Box::pin(slow_head(it))
    }),
    Class::new(
        "kept-alive",
        "a request, then nothing more",
        Http(200),
        |it| Box::pin(says(it, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")),
    ),
    Class::new("garbage", "bytes that are no HTTP", Http(400), |it| {
        Box::pin(says(it, b"\x00\xff\x13 garbage\r\n\r\n"))
    }),
    Class::new("tls-at-http", "TLS where HTTP is spoken", Http(400), |it| {
        Box::pin(says(it, CLIENT_HELLO))
    }),
    Class::new("http2", "the preface of HTTP/2", HungUp, |it| {
        Box::pin(says(it, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
    }),
    Class::new("long-head", "a header of 32 KiB", Http(431), |it| {
        Box::pin(long_head(it))
    }),
    Class::new("many-headers", "200 headers", Http(431), |it| {
        Box::pin(many_headers(it))
    }),
    Class::new("bad-header", "a header with a zero byte", Http(400), |it| {
        Box::pin(says(it, b"GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n"))
    }),
    Class::new(
        "folded-header",
        "a header that goes on in the next line",
        Http(400),
        |it| Box::pin(says(it, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n")),
    ),
    Class::new(
        "long-body",
        "announces a body of a terabyte",
        Http(405),
        |it| {
            Box::pin(says(
                it,
                b"POST /client HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\n.",
            ))
        },
    ),
    Class::new(
        "smuggled-cl-te",
        "a request behind one with a length and chunks",
        Http(200),
        |it| Box::pin(says(it, SMUGGLED_CL_TE)),
    ),
    Class::new(
        "smuggled-cl-cl",
        "a request behind one with two lengths",
        Http(400),
        |it| Box::pin(says(it, SMUGGLED_CL_CL)),
    ),
    Class::new(
        "smuggled-te",
        "a request behind one with chunks that are none",
        Http(400),
        |it| Box::pin(says(it, SMUGGLED_TE)),
    ),
    Class::new("traversal", "asks for ../party0.toml", Http(404), |it| {
        Box::pin(asks(it, "/../party0.toml"))
    }),
    Class::new(
        "traversal-encoded",
        "asks for ../party0.toml, dots encoded",
        Http(404),
        |it| Box::pin(asks(it, "/%2e%2e/party0.toml")),
    ),
    Class::new(
        "traversal-slashes",
        "asks for ../party0.toml, slash encoded",
        Http(404),
        |it| Box::pin(asks(it, "/..%2fparty0.toml")),
    ),
    Class::new(
        "traversal-absolute",
        "asks for //etc/passwd",
        Http(404),
        |it| Box::pin(asks(it, "//etc/passwd")),
    ),
    Class::new(
        "zero-in-path",
        "asks for a path with a zero byte",
        Http(404),
        |it| Box::pin(asks(it, "/index.html%00.js")),
    ),
    Class::new(
        "unread-file",
        "asks for 8 MiB, and reads none",
        TimedOut,
        |it| Box::pin(unread_file(it)),
    ),
    Class::new("status-changed", "posts to /status.json", Http(405), |it| {
        Box::pin(says(
            it,
            b"POST /status.json HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
        ))
    }),
    Class::new(
        "counts-for-clients",
        "asks for /metrics where clients may",
        Http(404),
        |it| Box::pin(asks(it, "/metrics")),
    ),
    Class::new(
        "admin-garbage",
        "garbage at the operator's port",
        Http(400),
        |it| Box::pin(admin_says(it, b"\x00\xff\x13 garbage\r\n\r\n")),
    ),
    Class::new(
        "admin-silence",
        "nothing at the operator's port",
        TimedOut,
        |it| Box::pin(admin_says(it, b"")),
    ),
    Class::new(
        "admin-client",
        "a client at the operator's port",
        Http(404),
        |it| {
            Box::pin(admin_says(
                it,
                b"GET /client HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            ))
        },
    ),
];

/// The start of what a TLS client says first.
pub(super) const CLIENT_HELLO: &[u8] =
    b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\
      \x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x00\
      \x00\x02\x13\x01\x01\x00\r\n\r\n";

/// RFC 9112 6.1: the chunks count alone, and the connection ends after the answer.
const SMUGGLED_CL_TE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\
    Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
const SMUGGLED_CL_CL: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\
    Content-Length: 35\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";
const SMUGGLED_TE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\
    Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\n\r\n";

fn port(target: &Target) -> SocketAddr {
    target.at(PartyId::P0).clients
}

async fn says(target: &Target, bytes: &[u8]) -> Result<Answer> {
    Bare::saying(port(target), bytes).await?.http().await
}

async fn admin_says(target: &Target, bytes: &[u8]) -> Result<Answer> {
    let port = target.at(PartyId::P0).admin;
    Bare::saying(port, bytes).await?.http().await
}

async fn asks(target: &Target, path: &str) -> Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    says(target, request.as_bytes()).await
}

async fn silence(target: &Target) -> Result<Answer> {
    Bare::open(port(target)).await?.end().await
}

/// Those that find no place wait in the system's queue, and take their turn.
async fn idle_crowd(target: &Target) -> Result<Answer> {
    let crowd = (0..IDLE).map(|_| Bare::open(port(target)));
    let mut crowd = try_join_all(crowd).await?;
    all_end(&mut crowd).await
}

async fn half_open_crowd(target: &Target) -> Result<Answer> {
    let crowd = (0..HALF_OPEN).map(|_| Bare::saying(port(target), b"GET /client HTTP/1.1\r\nHo"));
    let mut crowd = try_join_all(crowd).await?;
    all_end(&mut crowd).await
}

/// Returns how all end, who must end alike.
async fn all_end(crowd: &mut [Bare]) -> Result<Answer> {
    let ends = join_all(crowd.iter_mut().map(Bare::end)).await;
    let ends: Vec<Answer> = ends.into_iter().collect::<Result<_>>()?;
    let first = *ends.first().context("nobody came")?;
    let other = ends.iter().find(|&&end| end != first);
    ensure!(other.is_none(), "one {first}, another {other:?}");
    Ok(first)
}

async fn slow_head(target: &Target) -> Result<Answer> {
    let mut bare = Bare::saying(port(target), b"GET / HTTP/1.1\r\nX: ").await?;
    // Ten times in the server's patience.
    let mut pace = tokio::time::interval(HANDSHAKE / 10);
    while bare.say(b"x").await.is_ok() {
        pace.tick().await;
    }
    bare.end().await
}

async fn long_head(target: &Target) -> Result<Answer> {
    let request = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(32 << 10));
    says(target, request.as_bytes()).await
}

async fn many_headers(target: &Target) -> Result<Answer> {
    let mut request = "GET / HTTP/1.1\r\n".to_owned();
    for i in 0..200 {
        write!(request, "X{i}: x\r\n")?;
    }
    request.push_str("\r\n");
    says(target, request.as_bytes()).await
}

/// Asks, and then looks whether the server hangs up, by saying a little now and then.
async fn unread_file(target: &Target) -> Result<Answer> {
    let request = format!("GET /{LONG_FILE} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut bare = Bare::saying(port(target), request.as_bytes()).await?;
    let mut pace = tokio::time::interval(HANDSHAKE / 10);
    while bare.say(b"GET").await.is_ok() {
        pace.tick().await;
    }
    bare.end().await
}
