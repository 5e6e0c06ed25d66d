//! Values, and how they fit together.

use crate::Row;
use crate::case::{Case, PARTY};

pub(crate) const ROWS: [Row; 47] = [
    (
        |it| it.set("party=3"),
        ["--set", "party", "expected 0, 1 or 2, got 3", "party = 0"],
    ),
    (
        |it| it.set("party=zero"),
        ["--set", "party", "0, 1 or 2, got \"zero\"", "party = 0"],
    ),
    (
        |it| it.set("state=\"\""),
        ["--set", "state", "is empty", "state = "],
    ),
    (
        |it| it.set("keys.noise=5"),
        [
            "--set",
            "keys.noise",
            "a path in quotes, got 5",
            "noise.key",
        ],
    ),
    (
        |it| it.set("clients.listen=localhost:7000"),
        [
            "--set",
            "clients.listen",
            "names are not looked up",
            "127.0.0.1:8000",
        ],
    ),
    (
        |it| it.set("clients.listen=8000"),
        ["--set", "clients.listen", "got 8000", "127.0.0.1:8000"],
    ),
    (
        |it| it.set("clients.listen=127.0.0.1"),
        ["--set", "clients.listen", "has no port", "127.0.0.1:8000"],
    ),
    (
        |it| it.set("clients.listen=127.0.0.1:0"),
        ["--set", "clients.listen", "port 0", "127.0.0.1:8000"],
    ),
    (
        |it| it.set("clients.listen=127.0.0.1:99999"),
        [
            "--set",
            "clients.listen",
            "1 to 65535, got \"99999\"",
            "127.0.0.1:8000",
        ],
    ),
    (
        |it| it.set("clients.listen=http://127.0.0.1:8000"),
        ["--set", "clients.listen", "the URL", "127.0.0.1:8000"],
    ),
    (
        |it| it.set("clients.listen=:8000"),
        ["--set", "clients.listen", "0.0.0.0:8000", "127.0.0.1"],
    ),
    (
        |it| it.set("peers.listen=0.0.0.0:0"),
        ["--set", "peers.listen", "port 0", "0.0.0.0:8100"],
    ),
    (
        |it| it.set("admin.listen=::1"),
        ["--set", "admin.listen", "has no port", "127.0.0.1:8200"],
    ),
    (
        |it| it.set(&format!("admin.listen={}", own(it, "[clients]"))),
        [
            PARTY,
            "admin.listen",
            "is clients.listen's too",
            "127.0.0.1:8200",
        ],
    ),
    (
        |it| {
            let port = own(it, "[clients]").replace("127.0.0.1", "0.0.0.0");
            it.set(&format!("peers.listen={port}"));
        },
        [
            PARTY,
            "peers.listen",
            "is clients.listen's too",
            "0.0.0.0:8100",
        ],
    ),
    (
        |it| it.set("peers.next=\"\""),
        ["--set", "peers.next", "is empty", "p1.example.org:8101"],
    ),
    (
        |it| it.set("peers.next=https://p1.example.org:8101"),
        ["--set", "peers.next", "got the URL", "p1.example.org:8101"],
    ),
    (
        |it| it.set("peers.next=p1.example.org"),
        ["--set", "peers.next", "has no port", "p1.example.org:8101"],
    ),
    (
        |it| it.set("peers.next=p1.example.org:99999"),
        [
            "--set",
            "peers.next",
            "got \"99999\"",
            "p1.example.org:8101",
        ],
    ),
    (
        |it| it.set("peers.next=p1.example.org:0"),
        ["--set", "peers.next", "port 0", "p1.example.org:8101"],
    ),
    (
        |it| it.set("peers.next=p1 .example.org:8101"),
        [
            "--set",
            "peers.next",
            "whose host is none",
            "p1.example.org:8101",
        ],
    ),
    (
        |it| it.set("peers.next=fd00::1:8101"),
        [
            "--set",
            "peers.next",
            "stands in brackets",
            "p1.example.org:8101",
        ],
    ),
    (
        |it| it.set("peers.next=0.0.0.0:8101"),
        [
            "--set",
            "peers.next",
            "no address of a machine",
            "p1.example.org:8101",
        ],
    ),
    (
        |it| it.set(&format!("peers.next={}", own(it, "[peers]"))),
        [
            PARTY,
            "peers.next",
            "this server's own peers.listen",
            "p1.example.org:8101",
        ],
    ),
    (
        |it| it.set("peers.next_fingerprint=abc"),
        [
            "--set",
            "peers.next_fingerprint",
            "43 characters",
            "[peers] next_fingerprint",
        ],
    ),
    (
        |it| it.set(&format!("peers.next_fingerprint={}", ["AB"; 32].join(":"))),
        [
            "--set",
            "peers.next_fingerprint",
            "as openssl prints",
            "[peers] next_fingerprint",
        ],
    ),
    (
        |it| {
            it.set(&format!(
                "peers.prev_fingerprint={}",
                it.value("next_fingerprint")
            ));
        },
        [
            PARTY,
            "peers.prev_fingerprint",
            "same as peers.next_fingerprint",
            "[peers]",
        ],
    ),
    (
        |it| it.set("clients.origins=*"),
        [
            "--set",
            "clients.origins",
            "a list of origins",
            "https://chat.example.org",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"*\"]"),
        [
            "--set",
            "clients.origins",
            "let any page connect",
            "https://chat.example.org",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"chat.example.org\"]"),
        [
            "--set",
            "clients.origins",
            "starts with http:// or https://",
            "https://chat.example.org",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"https://Chat.example.org\"]"),
        [
            "--set",
            "clients.origins",
            "is sent as \"https://chat.example.org\"",
            "https://chat",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"https://chat.example.org:443\"]"),
        [
            "--set",
            "clients.origins",
            "is sent as \"https://chat.example.org\"",
            "https://chat",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"https://chat.example.org/\"]"),
        [
            "--set",
            "clients.origins",
            "is sent as \"https://chat.example.org\"",
            "https://chat",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"wss://chat.example.org\"]"),
        [
            "--set",
            "clients.origins",
            "starts with http:// or https://",
            "https://chat.example.org",
        ],
    ),
    (
        |it| it.set("clients.origins=[\"null\"]"),
        [
            "--set",
            "clients.origins",
            "is no origin",
            "https://chat.example.org",
        ],
    ),
    (
        |it| it.set("clients.max_connections=0"),
        [
            "--set",
            "clients.max_connections",
            "a number from 1",
            "max_connections = 100000",
        ],
    ),
    (
        |it| it.set("clients.max_connections=-5"),
        [
            "--set",
            "clients.max_connections",
            "got -5",
            "max_connections = 100000",
        ],
    ),
    (
        |it| it.set("clients.max_connections=4000000000"),
        [
            PARTY,
            "clients.max_connections",
            "ulimit -n",
            "LimitNOFILE=",
        ],
    ),
    (
        |it| it.set("clients.handshake_ms=1"),
        ["--set", "clients.handshake_ms", "from 100", "10000"],
    ),
    (
        |it| it.set("clients.keep_alive_ms=100000000000"),
        ["--set", "clients.keep_alive_ms", "to 600000", "20000"],
    ),
    (
        |it| it.set("clients.max_refusals=0"),
        ["--set", "clients.max_refusals", "from 1", "64"],
    ),
    (
        |it| it.set("peers.idle_ms=100000000000"),
        [
            "--set",
            "peers.idle_ms",
            "to 600000, got 100000000000",
            "idle_ms = 10000",
        ],
    ),
    (
        |it| it.set("rounds.limit_ms=16001"),
        ["--set", "rounds.limit_ms", "2^44", "limit_ms = 10000"],
    ),
    (
        |it| it.set("rounds.aborts=0"),
        ["--set", "rounds.aborts", "from 1", "aborts = 5"],
    ),
    (
        |it| it.set("log.level=inof"),
        ["--set", "log.level", "\"inof\" is no level", "[log] level"],
    ),
    (
        |it| it.set("log.format=xml"),
        [
            "--set",
            "log.format",
            "expected \"text\" or \"json\"",
            "[log] format",
        ],
    ),
    (
        |it| it.set("rounds.aborts_within_ms=1"),
        ["--set", "rounds.aborts_within_ms", "from 1000", "600000"],
    ),
];

/// Returns the address that a section's `listen` says.
fn own(case: &Case, section: &str) -> String {
    let text = case.text(PARTY);
    let (_, section) = text.split_once(section).unwrap();
    section.split('"').nth(1).unwrap().to_owned()
}
