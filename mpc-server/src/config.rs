//! The configuration of one party: a file, then `MCMIX_…` variables, then `--set` flags.
//!
//! Later layers win. A key that nobody knows is refused in every layer, so a misspelt one is
//! found at start and not on the day it is needed. `mpc-server/config/party0.toml` explains
//! every key. `layers` lays them over each other, `read` takes the keys out, `value` says what each
//! must be, `check` how they fit together, `draft` is what is known however much is wrong, [`mistake`]
//! what is said of it: all at once.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mcmix_shared::party::PartyId;

pub(crate) use self::draft::Draft;
use self::mistake::Mistakes;
pub use self::value::page_origin;
use crate::descriptors::DEFAULT_CLIENTS;
use crate::keys::Fingerprint;
use crate::log::{Format, Levels};

mod check;
pub mod demo;
mod draft;
mod layers;
pub mod mistake;
mod read;
mod value;

/// What variables of the environment start with; `MCMIX_CLIENTS__LISTEN` sets `clients.listen`.
pub const ENVIRONMENT_PREFIX: &str = "MCMIX_";

/// Every key, with a value that it may have.
const EXAMPLES: [(&str, &str); 25] = [
    ("party", "0"),
    ("deployment", "\"deployment.json\""),
    ("state", "\"state/party0\""),
    ("keys.noise", "\"keys/party0/noise.key\""),
    ("keys.tls_certificate", "\"keys/party0/tls.crt\""),
    ("keys.tls_key", "\"keys/party0/tls.key\""),
    ("clients.listen", "\"127.0.0.1:8000\""),
    ("clients.origins", "[\"https://chat.example.org\"]"),
    ("clients.page", "\"site\""),
    ("clients.max_connections", "100000"),
    ("clients.handshake_ms", "10000"),
    ("clients.keep_alive_ms", "20000"),
    ("clients.max_refusals", "64"),
    ("peers.listen", "\"0.0.0.0:8100\""),
    ("peers.next", "\"p1.example.org:8101\""),
    (
        "peers.next_fingerprint",
        "\"WzZtDGUgBmkvj2zk6XgU-OuA9M7d1zjYq8gLBYCuh74\"",
    ),
    (
        "peers.prev_fingerprint",
        "\"ej4AJIyDv545y7iOBJDI9FTKtyVtAlW1REc-uQoyqqM\"",
    ),
    ("peers.idle_ms", "10000"),
    ("peers.delay_ms", "0"),
    ("admin.listen", "\"127.0.0.1:8200\""),
    ("rounds.limit_ms", "10000"),
    ("rounds.aborts", "5"),
    ("rounds.aborts_within_ms", "600000"),
    ("log.level", "\"info\""),
    ("log.format", "\"text\""),
];

/// Everything one party is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it comes from.
    pub file: PathBuf,
    /// Which of the three parties this is: 0, 1 or 2.
    pub party: PartyId,
    /// The manifest that clients load and all three operators share.
    pub deployment: PathBuf,
    /// Where the party remembers how far the rounds were.
    pub state: PathBuf,
    /// Key files.
    pub keys: Keys,
    /// The side of the clients.
    pub clients: Clients,
    /// The side of the two other parties.
    pub peers: Peers,
    /// Health for the operator's eyes, apart from the clients' address.
    pub admin: Option<Admin>,
    /// How long rounds may take.
    pub rounds: Rounds,
    /// What is logged.
    pub log: Log,
}

/// Key files, as `mcmix-server keygen` writes them.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The Noise key by which clients know this party.
    pub noise: PathBuf,
    /// The certificate by which peers know this party.
    pub tls_certificate: PathBuf,
    /// The certificate's key.
    pub tls_key: PathBuf,
}

/// What clients meet.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Address of `/client`, the page and the health checks.
    pub listen: SocketAddr,
    /// Origins of pages that may connect; empty: any.
    pub origins: Vec<String>,
    /// Folder of the built page, when this party serves it.
    pub page: Option<PathBuf>,
    /// Clients at one time, if it is said.
    pub max_connections: Option<usize>,
    /// Milliseconds for the HTTP request and the Noise handshake, and for whoever takes nothing of an
    /// answer.
    pub handshake_ms: u64,
    /// Milliseconds in which nothing is told to all before all are sent a keep-alive.
    pub keep_alive_ms: u64,
    /// Refusals after which a connection is cut.
    pub max_refusals: u32,
}

impl Clients {
    /// Returns how many clients a round takes at most. All three parties need the same, however
    /// many connections each has room for.
    pub fn most_in_round(&self) -> usize {
        self.max_connections.unwrap_or(DEFAULT_CLIENTS)
    }
}

/// The two other parties.
#[derive(Clone, Debug)]
pub struct Peers {
    /// Address for the previous party on the ring.
    pub listen: SocketAddr,
    /// Address (host:port) of the next party on the ring.
    pub next: String,
    /// Fingerprint of the next party's certificate.
    pub next_fingerprint: Fingerprint,
    /// Fingerprint of the previous party's certificate.
    pub prev_fingerprint: Fingerprint,
    /// Milliseconds of silence after which a link counts as dead.
    pub idle_ms: u64,
    /// Milliseconds added to every message sent, to imitate a distant peer. For measurements.
    pub delay_ms: u64,
}

/// Health for the operator's eyes.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Address.
    pub listen: SocketAddr,
}

/// How long rounds may take.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// Milliseconds after which a round that is being computed counts as failed.
    pub limit_ms: u64,
    /// So many aborts stop the rounds
    pub aborts: usize,
    /// if they come within so many milliseconds.
    pub aborts_within_ms: u64,
}

/// What is logged.
#[derive(Clone, Debug)]
pub struct Log {
    /// How much, unless the environment says it.
    pub level: Levels,
    /// How.
    pub format: Format,
}

/// One assignment of a layer above the file: a key in dots, and its value.
pub type Assignment = (String, String);

impl Config {
    /// Reads the file and lays the environment and the flags over it.
    ///
    /// Paths in the file are relative to the file's folder. Files that it names are not read.
    ///
    /// # Errors
    /// Names all that is wrong.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = Assignment>,
        flags: &[String],
    ) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let draft = Draft::read(path, environment, flags, &mut mistakes);
        mistakes.or(draft.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn example(party: usize) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/party{party}.toml"))
    }

    #[test]
    fn the_examples_parse() {
        for party in PartyId::ALL {
            let config = Config::load(&example(party.index()), [], &[]).unwrap();
            assert_eq!(config.party, party);
        }
    }

    #[test]
    fn every_key_is_documented_with_its_default() {
        let documented = include_str!("../../docs/operations.md");
        let example = fs::read_to_string(example(0)).unwrap();
        let mut section = String::new();
        for line in example.lines() {
            if let Some(name) = line.strip_prefix('[') {
                section = format!("{}.", name.trim_end_matches(']'));
            }
            // Keys with a default are commented out; prose has no key of one word.
            let default = line.strip_prefix("# ");
            let Some((key, value)) = default.unwrap_or(line).split_once(" = ") else {
                continue;
            };
            let key = format!("`{section}{key}`");
            let row = documented
                .lines()
                .find(|row| row.starts_with('|') && row.contains(&key));
            let row = row.unwrap_or_else(|| panic!("{key} is not documented"));
            if default.is_some() {
                assert!(row.contains(&format!("| {value} |")), "{key}: {row}");
            }
        }
    }

    #[test]
    fn later_layers_win_and_the_environment_keeps_to_its_prefix() {
        let environment = [
            ("MCMIX_CLIENTS__LISTEN".to_owned(), "127.0.0.1:1".to_owned()),
            ("MCMIX_CLIENTS__MAX_CONNECTIONS".to_owned(), "7".to_owned()),
            ("CLIENTS__LISTEN".to_owned(), "127.0.0.1:3".to_owned()),
        ];
        let flags = ["clients.listen=127.0.0.1:2".to_owned()];
        let config = Config::load(&example(0), environment, &flags).unwrap();
        assert_eq!(config.clients.listen, "127.0.0.1:2".parse().unwrap());
        assert_eq!(config.clients.max_connections, Some(7));
    }

    #[test]
    fn unknown_keys_are_refused_in_every_layer() {
        let variable = ("MCMIX_CLIENTS__LISTNE".to_owned(), "127.0.0.1:1".to_owned());
        let error = Config::load(&example(0), [variable], &[]).unwrap_err();
        assert!(error.to_string().contains("listne"), "{error}");
        let error = Config::load(&example(0), [], &["nonsense=1".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("nonsense"), "{error}");
    }

    #[test]
    fn every_key_has_an_example_that_is_right() {
        let lines = EXAMPLES.map(|(key, value)| format!("{key} = {value}\n"));
        let text = lines.concat();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("party0.toml");
        fs::write(&file, text).unwrap();
        let config = Config::load(&file, [], &[]).unwrap();
        assert!(config.admin.is_some() && config.clients.page.is_some());
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::load(&example(1), [], &[]).unwrap();
        assert!(config.keys.noise.starts_with(example(1).parent().unwrap()));
    }
}
