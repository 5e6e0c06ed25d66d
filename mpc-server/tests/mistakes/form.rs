//! The form of the file and of the layers over it.

use crate::Row;
use crate::case::PARTY;

pub(crate) const ROWS: [Row; 20] = [
    (
        |it| it.remove(PARTY),
        [PARTY, "", "can't be read", "--config"],
    ),
    (
        |it| it.write(PARTY, [0xff, 0xfe]),
        [PARTY, "", "no text in UTF-8", "party = 0"],
    ),
    (
        |it| it.append(PARTY, "party 1\n"),
        [PARTY, "", "is no TOML", "party = 0"],
    ),
    (
        |it| it.leave_out(PARTY, "party ="),
        [PARTY, "party", "is missing", "party = 0"],
    ),
    (
        |it| it.leave_out(PARTY, "state ="),
        [PARTY, "state", "is missing", "state = \""],
    ),
    (
        |it| it.leave_out(PARTY, "deployment ="),
        [PARTY, "deployment", "is missing", "deployment.json"],
    ),
    (
        |it| it.leave_out(PARTY, "noise ="),
        [PARTY, "keys.noise", "is missing", "[keys] noise"],
    ),
    (
        |it| it.leave_out(PARTY, "next ="),
        [PARTY, "peers.next", "is missing", "[peers] next"],
    ),
    (
        |it| it.replace(PARTY, "[admin]\nlisten", "[admin]\n# listen"),
        [PARTY, "admin.listen", "is missing", "8200"],
    ),
    (
        |it| it.replace(PARTY, "origins =", "origin ="),
        [
            PARTY,
            "clients.origin",
            "no such key; the nearest is clients.origins",
            "[clients] origins",
        ],
    ),
    (
        |it| it.append(PARTY, "max_connections = 5\n"),
        [
            PARTY,
            "admin.max_connections",
            "the nearest is clients.max_connections",
            "[clients]",
        ],
    ),
    (
        |it| it.append(PARTY, "[limits]\n"),
        [PARTY, "limits", "no such section", " = "],
    ),
    (
        |it| it.set("clients=5"),
        ["--set clients=5", "clients", "is a section", "[clients]"],
    ),
    (
        |it| it.set("party"),
        [
            "--set party",
            "",
            "expected KEY=VALUE",
            "--set clients.listen=",
        ],
    ),
    (
        |it| it.set("prty=1"),
        ["--set prty=1", "prty", "nearest is party", "party = 0"],
    ),
    (
        |it| it.variable("MCMIX_CLIENTS__LISTNE", "127.0.0.1:1"),
        [
            "MCMIX_CLIENTS__LISTNE",
            "clients.listne",
            "nearest is clients.listen",
            "[clients] listen",
        ],
    ),
    (
        |it| it.variable("MCMIX_PORT", "tcp://10.0.0.1:8000"),
        ["variable MCMIX_PORT", "port", "Kubernetes", " = "],
    ),
    (
        |it| it.variable("MCMIX_SERVICE_HOST", "10.0.0.1"),
        [
            "variable MCMIX_SERVICE_HOST",
            "service_host",
            "enableServiceLinks: false",
            " = ",
        ],
    ),
    (
        |it| it.variable("MCMIX_PARTY", "7"),
        [
            "variable MCMIX_PARTY",
            "party",
            "expected 0, 1 or 2, got 7",
            "party = 0",
        ],
    ),
    (
        |it| it.variable("RUST_LOG", "inof"),
        [
            "variable RUST_LOG",
            "",
            "\"inof\" is no level",
            "RUST_LOG=info",
        ],
    ),
];
