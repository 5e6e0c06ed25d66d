//! The manifest.

use crate::Row;
use crate::case::{MANIFEST, PARTY};

pub(crate) const ROWS: [Row; 31] = [
    (
        |it| {
            let text = it.text(MANIFEST);
            let key = text.split("\"key\": \"").nth(2).unwrap();
            it.replace(
                MANIFEST,
                &key[..43],
                "-u2b2gx7VIlQaVEQU5mUfBKqGhh8ZBoDHd2q55vH71M",
            );
        },
        [
            MANIFEST,
            "servers[1].key",
            "is the example's",
            "keygen printed at P1",
        ],
    ),
    (
        |it| it.remove(MANIFEST),
        [MANIFEST, "", "can't be read", "deployment = "],
    ),
    (
        |it| it.write(MANIFEST, [0xff]),
        [MANIFEST, "", "no text in UTF-8", "{"],
    ),
    (
        |it| it.write(MANIFEST, format!("\u{feff}{}", it.text(MANIFEST))),
        [MANIFEST, "", "byte-order mark", "sed"],
    ),
    (
        |it| it.cut(MANIFEST, 100),
        [MANIFEST, "", "is no JSON: ", "{"],
    ),
    (
        |it| it.write(MANIFEST, "[]"),
        [MANIFEST, "", "is no JSON object", "{"],
    ),
    (
        |it| it.replace(MANIFEST, "\"name\"", "\"colour\": 1, \"name\""),
        [MANIFEST, "colour", "no such field", "docs/operations.md"],
    ),
    (
        |it| it.leave_out(MANIFEST, "  \"slots\""),
        [MANIFEST, "slots", "is missing", "\"slots\": 3"],
    ),
    (
        |it| it.replace(MANIFEST, "\"version\": 2", "\"version\": 1"),
        [MANIFEST, "version", "expected 2, got 1", "\"version\": 2"],
    ),
    (
        |it| it.replace(MANIFEST, "\"version\": 2", "\"version\": \"2\""),
        [MANIFEST, "version", "expected a number", "\"version\": 2"],
    ),
    (
        |it| it.replace(MANIFEST, "\"name\": \"Demo\"", "\"name\": \"\""),
        [MANIFEST, "name", "1 to 64 bytes", "\"name\": "],
    ),
    (
        |it| it.replace(MANIFEST, "\"name\": \"Demo\"", "\"name\": 5"),
        [MANIFEST, "name", "expected a text, got 5", "\"name\": "],
    ),
    (
        |it| it.replace(MANIFEST, "\"slots\": 3", "\"slots\": 2"),
        [MANIFEST, "slots", "expected 3 to 16, got 2", "\"slots\": 3"],
    ),
    (
        |it| it.replace(MANIFEST, "\"slots\": 3", "\"slots\": 300"),
        [
            MANIFEST,
            "slots",
            "expected a number, got 300",
            "\"slots\": 3",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "\"quick_rounds\": 8", "\"quick_rounds\": 9"),
        [
            MANIFEST,
            "quick_rounds",
            "8, 16 or 32, got 9",
            "\"quick_rounds\": 8",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "\"message_bytes\": 256", "\"message_bytes\": 64"),
        [
            MANIFEST,
            "message_bytes",
            "expected 128 to 4096, got 64",
            "256",
        ],
    ),
    (
        |it| {
            it.replace(
                MANIFEST,
                "\"message_bytes\": 256",
                "\"message_bytes\": 4096",
            );
            it.replace(MANIFEST, "\"slots\": 3", "\"slots\": 16");
        },
        [MANIFEST, "message_bytes", "too large", "256"],
    ),
    (
        |it| it.replace(MANIFEST, "period_ms\": 1000", "period_ms\": 10"),
        [
            MANIFEST,
            "conversation_period_ms",
            "expected 50 to 3600000, got 10",
            "1000",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "period_ms\": 2000", "period_ms\": 3600001"),
        [MANIFEST, "dialing_period_ms", "got 3600001", "2000"],
    ),
    (
        |it| it.replace(MANIFEST, "\"name\"", "\"first\": \"abc\", \"name\""),
        [
            MANIFEST,
            "first",
            "43 characters",
            "what check-config printed",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "/client", ""),
        [
            MANIFEST,
            "servers[0].url",
            "does not end with /client",
            "wss://p0.example.org/client",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "/client", "/client "),
        [
            MANIFEST,
            "servers[0].url",
            "a blank",
            "wss://p0.example.org/client",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "ws://", "http://"),
        [
            MANIFEST,
            "servers[0].url",
            "does not begin with wss://",
            "wss://p0.example.org",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "ws://127.0.0.1:", "127.0.0.1:"),
        [
            MANIFEST,
            "servers[0].url",
            "is no address",
            "wss://p0.example.org",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "/client", "/client?x"),
        [
            MANIFEST,
            "servers[0].url",
            "more than a host",
            "wss://p0.example.org",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "ws://", "WS://"),
        [
            MANIFEST,
            "servers[0].url",
            "is read by browsers as",
            "wss://p0.example.org",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "127.0.0.1:", "127.0.0.1:9"),
        [
            MANIFEST,
            "servers[0].url",
            "is no address: invalid port",
            "wss://p0.example.org",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "\"key\": \"", "\"key\": \"A"),
        [
            MANIFEST,
            "servers[0].key",
            "base64url",
            "keygen printed at P0",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "\"key\"", "\"pin\": 1, \"key\""),
        [MANIFEST, "servers[0].pin", "no such field", "url"],
    ),
    (
        |it| {
            let text = it.text(MANIFEST);
            let keys: Vec<_> = text
                .split("\"key\": \"")
                .skip(1)
                .map(|it| &it[..43])
                .collect();
            it.replace(MANIFEST, keys[2], keys[1]);
        },
        [
            MANIFEST,
            "servers",
            "two servers have the same key",
            "three of",
        ],
    ),
    (
        |it| it.replace(MANIFEST, "ws://127.0.0.1", "ws://p0.example.org"),
        [
            PARTY,
            "clients.origins",
            "as in the example",
            "https://chat.example.org",
        ],
    ),
];
