//! The files that the configuration names.

use std::fs;

use crate::Row;
use crate::case::{CERTIFICATE, NOISE, PARTY, TLS_KEY};

pub(crate) const ROWS: [Row; 26] = [
    (
        |it| it.remove(NOISE),
        [NOISE, "keys.noise", "can't be read", "keygen --folder"],
    ),
    (
        |it| it.write(NOISE, ""),
        [
            NOISE,
            "keys.noise",
            "is empty; put it back from",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.cut(NOISE, 20),
        [NOISE, "keys.noise", "20 of a Noise key's 43", "cp BACKUP"],
    ),
    (
        |it| it.write(NOISE, "!".repeat(43)),
        [NOISE, "keys.noise", "not of base64url", "cp BACKUP"],
    ),
    (
        |it| it.copy(TLS_KEY, NOISE),
        [
            NOISE,
            "keys.noise",
            "does not hold a Noise key",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.allow(NOISE, 0o644),
        [NOISE, "keys.noise", "everybody", "chmod 600"],
    ),
    (
        |it| it.allow(TLS_KEY, 0o604),
        [TLS_KEY, "keys.tls_key", "everybody", "chmod 600"],
    ),
    (
        |it| it.remove(CERTIFICATE),
        [CERTIFICATE, "keys.tls_certificate", "read", "keygen"],
    ),
    (
        |it| it.remove(TLS_KEY),
        [TLS_KEY, "keys.tls_key", "can't be read", "keygen"],
    ),
    (
        |it| it.cut(CERTIFICATE, 200),
        [
            CERTIFICATE,
            "keys.tls_certificate",
            "damaged certificate",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.replace(CERTIFICATE, "MII", "M!I"),
        [
            CERTIFICATE,
            "keys.tls_certificate",
            "damaged certificate",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.replace(CERTIFICATE, "MII", "AII"),
        [
            CERTIFICATE,
            "keys.tls_certificate",
            "damaged certificate",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.replace(TLS_KEY, "MI", "M!"),
        [TLS_KEY, "keys.tls_key", "damaged private key", "cp BACKUP"],
    ),
    (
        |it| it.replace(TLS_KEY, "MI", "AI"),
        [
            TLS_KEY,
            "keys.tls_key",
            "no key that can be used",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.write(CERTIFICATE, "certificate"),
        [
            CERTIFICATE,
            "keys.tls_certificate",
            "no certificate in PEM",
            "cp BACKUP",
        ],
    ),
    (
        |it| it.copy(TLS_KEY, CERTIFICATE),
        [CERTIFICATE, "keys.tls_certificate", "swapped?", "cp BACKUP"],
    ),
    (
        |it| it.copy(CERTIFICATE, TLS_KEY),
        [TLS_KEY, "keys.tls_key", "swapped?", "cp BACKUP"],
    ),
    (
        |it| it.copy("party1/tls.key", TLS_KEY),
        [
            TLS_KEY,
            "keys.tls_key",
            "not the key of the certificate",
            "from one keygen",
        ],
    ),
    (
        |it| {
            it.copy("party1/tls.key", TLS_KEY);
            it.copy("party1/tls.crt", CERTIFICATE);
        },
        [
            PARTY,
            "peers.next_fingerprint",
            "our own certificate",
            "ask P1's operator",
        ],
    ),
    (
        |it| {
            it.set("peers.prev_fingerprint=ej4AJIyDv545y7iOBJDI9FTKtyVtAlW1REc-uQoyqqM");
        },
        [
            PARTY,
            "peers.prev_fingerprint",
            "is the example's",
            "ask P2's operator",
        ],
    ),
    (
        |it| it.copy("party1/noise.key", NOISE),
        [PARTY, "party", "is P0, but keys.noise is P1's", "party = 1"],
    ),
    (
        |it| it.write(NOISE, "A".repeat(42) + "E\n"),
        [PARTY, "keys.noise", "and the manifest names", "\"key\": "],
    ),
    (
        |it| it.write("party0/state", ""),
        ["party0/state", "state", "is a file", "mkdir -p"],
    ),
    (
        |it| {
            fs::create_dir(it.path("party0/state")).unwrap();
            it.write("party0/state/round", "twelve");
        },
        ["party0/state", "state", "delete it to learn", "mkdir -p"],
    ),
    (
        |it| it.set("clients.page=nowhere"),
        [
            "nowhere",
            "clients.page",
            "is no folder",
            "cargo xtask site",
        ],
    ),
    (
        |it| {
            fs::create_dir(it.path("site")).unwrap();
            it.set("clients.page=site");
        },
        [
            "site",
            "clients.page",
            "has no index.html",
            "cargo xtask site",
        ],
    ),
];
