//! The request for a WebSocket, and frames before the first message.

use anyhow::{Result, ensure};
use mcmix_shared::noise::HELLO_BYTES;
use mcmix_shared::party::PartyId;
use mcmix_shared::wire::SUBPROTOCOL;
use tokio::io::AsyncWriteExt as _;

use super::Answer::{self, Closed, Http, HungUp, TimedOut};
use super::probe::{Bare, end, frame, status, upgraded};
use super::target::HANDSHAKE;
use super::{Class, Target};

pub(super) const CLASSES: &[Class] = &[
    Class::new(
        "foreign-origin",
        "asks for a link from another page",
        Http(403),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    origin: "https://elsewhere.example",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "null-origin",
        "asks for a link from a page without origin",
        Http(403),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    origin: "null",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "subprotocol",
        "offers another subprotocol",
        Http(400),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    protocol: "chat",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "websocket-version",
        "asks for version 8 of WebSocket",
        Http(426),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    version: "8",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "websocket-method",
        "asks for a link with POST",
        Http(405),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    method: "POST",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "websocket-http10",
        "asks for a link with HTTP/1.0",
        Http(426),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    http: "HTTP/1.0",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "websocket-plain",
        "asks for a link without an upgrade",
        Http(426),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    connection: "close",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "websocket-key",
        "asks for a link with a key that is none",
        Http(426),
        |it| {
            Box::pin(asks(
                it,
                &Request {
                    key: "short",
                    ..OURS
                },
            ))
        },
    ),
    Class::new(
        "compression",
        "offers permessage-deflate, then compresses",
        Closed(1002),
        |it| Box::pin(compression(it)),
    ),
    Class::new(
        "silent-upgrade",
        "a WebSocket, then nothing",
        TimedOut,
        |it| Box::pin(sends(it, Vec::new())),
    ),
    Class::new(
        "early-frame",
        "a frame in one packet with the request",
        Closed(1003),
        |it| Box::pin(early_frame(it)),
    ),
    Class::new(
        "empty-continuations",
        "empty continuation frames without end",
        Closed(1003),
        |it| Box::pin(sends(it, frame(0x00, b"").repeat(10_000))),
    ),
    Class::new(
        "first-fragment",
        "the first of several frames",
        Closed(1003),
        |it| Box::pin(sends(it, frame(0x02, b""))),
    ),
    Class::new(
        "tiny-fragments",
        "a hello in frames of a byte each",
        Closed(1003),
        |it| {
            Box::pin(sends(
                it,
                [frame(0x02, b"1"), frame(0x00, b"2").repeat(999)].concat(),
            ))
        },
    ),
    Class::new(
        "long-fragment",
        "a fragment of 64 KiB",
        Closed(1003),
        |it| Box::pin(sends(it, frame(0x02, &[1; 1 << 16]))),
    ),
    Class::new(
        "fragmented-control",
        "a ping in several frames",
        Closed(1002),
        |it| Box::pin(sends(it, frame(0x09, b""))),
    ),
    Class::new("long-control", "a ping of 126 bytes", Closed(1002), |it| {
        Box::pin(sends(it, frame(0x89, &[1; 126])))
    }),
    Class::new("unmasked", "a frame without a mask", Closed(1002), |it| {
        Box::pin(sends(it, b"\x82\x01x".to_vec()))
    }),
    Class::new(
        "reserved-bit-1",
        "the first reserved bit",
        Closed(1002),
        |it| Box::pin(sends(it, frame(0xc2, b"x"))),
    ),
    Class::new(
        "reserved-bit-2",
        "the second reserved bit",
        Closed(1002),
        |it| Box::pin(sends(it, frame(0xa2, b"x"))),
    ),
    Class::new(
        "reserved-bit-3",
        "the third reserved bit",
        Closed(1002),
        |it| Box::pin(sends(it, frame(0x92, b"x"))),
    ),
    Class::new(
        "reserved-kind",
        "a kind of data frame that there is not",
        Closed(1002),
        |it| Box::pin(sends(it, frame(0x83, b"x"))),
    ),
    Class::new(
        "reserved-control",
        "a kind of control frame that there is not",
        Closed(1002),
        |it| Box::pin(sends(it, frame(0x8b, b"x"))),
    ),
    Class::new("text", "text", Closed(1003), |it| {
        Box::pin(sends(it, frame(0x81, b"hello")))
    }),
    Class::new(
        "long-binary",
        "a message longer than any",
        Closed(1009),
        |it| Box::pin(sends(it, frame(0x82, &[1; HELLO_BYTES + 1]))),
    ),
    Class::new(
        "longest-binary",
        "the header of a message of 2^63 - 1 bytes",
        Closed(1009),
        |it| {
            Box::pin(sends(
                it,
                b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(),
            ))
        },
    ),
    Class::new(
        "slow-message",
        "a hello, a byte at a time",
        TimedOut,
        |it| Box::pin(slow_message(it)),
    ),
    Class::new(
        "close-at-once",
        "a close frame at once",
        Closed(1000),
        |it| Box::pin(sends(it, frame(0x88, b"\x03\xe8"))),
    ),
    Class::new(
        "pings-before-hello",
        "pings before its hello, reads nothing",
        HungUp,
        |it| Box::pin(floods(it, frame(0x89, &[1; 125]))),
    ),
    Class::new(
        "pongs-before-hello",
        "pongs before its hello, reads nothing",
        HungUp,
        |it| Box::pin(floods(it, frame(0x8a, &[1; 125]))),
    ),
];

/// A request for a WebSocket.
struct Request {
    method: &'static str,
    http: &'static str,
    connection: &'static str,
    version: &'static str,
    key: &'static str,
    protocol: &'static str,
    /// None where it is empty.
    origin: &'static str,
    extensions: &'static str,
}

/// As our clients ask.
const OURS: Request = Request {
    method: "GET",
    http: "HTTP/1.1",
    connection: "Upgrade",
    version: "13",
    key: "dGhlIHNhbXBsZSBub25jZQ==",
    protocol: SUBPROTOCOL,
    origin: "",
    extensions: "",
};

impl Request {
    fn head(&self) -> String {
        let Self {
            method,
            http,
            connection,
            version,
            key,
            protocol,
            ..
        } = self;
        let mut head = format!(
            "{method} /client {http}\r\nHost: a\r\nConnection: {connection}\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\n"
        );
        for (name, value) in [
            ("Origin", self.origin),
            ("Sec-WebSocket-Extensions", self.extensions),
        ] {
            if !value.is_empty() {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        head + "\r\n"
    }
}

async fn asks(target: &Target, request: &Request) -> Result<Answer> {
    let port = target.at(PartyId::P1).clients;
    let mut bare = Bare::saying(port, request.head().as_bytes()).await?;
    Ok(Http(status(&bare.head().await?)?))
}

/// Opens a WebSocket over which it sends any bytes.
async fn sends(target: &Target, bytes: Vec<u8>) -> Result<Answer> {
    let (mut socket, since) = upgraded(target, PartyId::P1).await?;
    // The server may hang up before all is sent.
    let _hung_up = socket.get_mut().write_all(&bytes).await;
    end(&mut socket, since).await
}

/// Sends the same bytes until the server hangs up, and reads none before.
async fn floods(target: &Target, bytes: Vec<u8>) -> Result<Answer> {
    let (mut socket, since) = upgraded(target, PartyId::P1).await?;
    while socket.get_mut().write_all(&bytes).await.is_ok() {}
    end(&mut socket, since).await
}

async fn slow_message(target: &Target) -> Result<Answer> {
    let (mut socket, since) = upgraded(target, PartyId::P1).await?;
    let hello = frame(0x82, &[1; HELLO_BYTES]);
    // Ten times in the server's patience.
    let mut pace = tokio::time::interval(HANDSHAKE / 10);
    for byte in hello {
        if socket.get_mut().write_all(&[byte]).await.is_err() {
            break;
        }
        pace.tick().await;
    }
    end(&mut socket, since).await
}

/// What is offered is not granted, so a compressed frame is none.
async fn compression(target: &Target) -> Result<Answer> {
    let port = target.at(PartyId::P1).clients;
    let offer = Request {
        extensions: "permessage-deflate; client_max_window_bits",
        ..OURS
    };
    let mut bare = Bare::saying(port, offer.head().as_bytes()).await?;
    let head = bare.head().await?;
    ensure!(head.starts_with("http/1.1 101"), "not a WebSocket: {head}");
    ensure!(!head.contains("extensions"), "granted: {head}");
    bare.say(&frame(0xc2, b"\xaa\x56\x4a\x05\x00")).await?;
    bare.close_code().await
}

async fn early_frame(target: &Target) -> Result<Answer> {
    let port = target.at(PartyId::P1).clients;
    let both = [OURS.head().as_bytes(), &frame(0x81, b"hello")].concat();
    let mut bare = Bare::saying(port, &both).await?;
    let head = bare.head().await?;
    ensure!(head.starts_with("http/1.1 101"), "not a WebSocket: {head}");
    bare.close_code().await
}
