//! The configuration of one party: a file, then `MCMIX_…` variables, then `--set` flags.
//!
//! Later layers win. A key that nobody knows is refused in every layer, so a misspelt one is
//! found at start and not on the day it is needed. `mpc-server/config/party0.toml` explains
//! every key.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use mcmix_shared::party::PartyId;
use serde::{Deserialize, Deserializer};

use crate::descriptors::DEFAULT_CLIENTS;
use crate::keys::Fingerprint;

pub mod demo;

/// What variables of the environment start with; `MCMIX_CLIENTS__LISTEN` sets `clients.listen`.
pub const ENVIRONMENT_PREFIX: &str = "MCMIX_";

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("can't read {}: {source}; --config names the configuration file", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is being made could not be written.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A layer sets a key below something that is no section.
    #[error("{key}: {section} is a value, not a section")]
    NotASection {
        /// The whole key.
        key: String,
        /// The part of it that is a value.
        section: String,
    },
    /// A flag is not of the form KEY=VALUE.
    #[error("--set {0}: expected KEY=VALUE, such as --set clients.listen=127.0.0.1:8000")]
    NotAnAssignment(String),
    /// All layers together do not make a configuration.
    #[error("configuration: {0}")]
    Invalid(#[from] toml::de::Error),
    /// A value has the right form but makes no sense.
    #[error("configuration: {key}: {problem}")]
    Nonsense {
        /// The key.
        key: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// Everything one party is told at start.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Which of the three parties this is: 0, 1 or 2.
    #[serde(deserialize_with = "party")]
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
    #[serde(default)]
    pub admin: Option<Admin>,
    /// How long rounds may take.
    #[serde(default)]
    pub rounds: Rounds,
}

/// Key files, as `mcmix-server keygen` writes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The Noise key by which clients know this party.
    pub noise: PathBuf,
    /// The certificate by which peers know this party.
    pub tls_certificate: PathBuf,
    /// The certificate's key.
    pub tls_key: PathBuf,
}

/// What clients meet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Address of `/client`, the page and the health checks.
    pub listen: SocketAddr,
    /// Origins of pages that may connect; empty: any.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Folder of the built page, when this party serves it.
    #[serde(default)]
    pub page: Option<PathBuf>,
    /// Clients at one time, if it is said.
    #[serde(default)]
    pub max_connections: Option<usize>,
    /// Time for the HTTP request and the Noise handshake, and for whoever takes nothing of an
    /// answer.
    #[serde(default = "defaults::handshake_ms")]
    pub handshake_ms: u64,
    /// How long nothing is told to all before all are sent a keep-alive.
    #[serde(default = "defaults::keep_alive_ms")]
    pub keep_alive_ms: u64,
    /// Refusals after which a connection is cut.
    #[serde(default = "defaults::max_refusals")]
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
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Address for the previous party on the ring.
    pub listen: SocketAddr,
    /// Address (host:port) of the next party on the ring.
    pub next: String,
    /// Fingerprint of the next party's certificate.
    #[serde(deserialize_with = "fingerprint")]
    pub next_fingerprint: Fingerprint,
    /// Fingerprint of the previous party's certificate.
    #[serde(deserialize_with = "fingerprint")]
    pub prev_fingerprint: Fingerprint,
    /// Silence after which a link counts as dead.
    #[serde(default = "defaults::idle_ms")]
    pub idle_ms: u64,
    /// Added to every message sent, to imitate a distant peer. For measurements.
    #[serde(default)]
    pub delay_ms: u64,
}

/// Health for the operator's eyes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Address.
    pub listen: SocketAddr,
}

/// How long rounds may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rounds {
    /// Time after which a round that is being computed counts as failed.
    pub limit_ms: u64,
    /// So many aborts stop the rounds
    pub aborts: usize,
    /// if they come within so much time.
    pub aborts_within_ms: u64,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            limit_ms: 10_000,
            aborts: 5,
            aborts_within_ms: 600_000,
        }
    }
}

/// The most time that a round may have from the agreement to its end: a server that cheats may try
/// out at most 2^44 hashes meanwhile (docs/protocol.md §3), 16 seconds of 2^40 hashes each.
const LONGEST_ROUND_MS: u64 = 16_000;

mod defaults {
    pub(super) const fn handshake_ms() -> u64 {
        10_000
    }

    pub(super) const fn keep_alive_ms() -> u64 {
        20_000
    }

    pub(super) const fn max_refusals() -> u32 {
        64
    }

    pub(super) const fn idle_ms() -> u64 {
        10_000
    }
}

/// One assignment of a layer above the file: a key in dots, and its value.
pub type Assignment = (String, String);

impl Config {
    /// Reads the file and lays the environment and the flags over it.
    ///
    /// Paths in the file are relative to the file's folder.
    ///
    /// # Errors
    /// When the file can't be read or the layers make no configuration.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = Assignment>,
        flags: &[String],
    ) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut table: toml::Table = text.parse().map_err(|source| ConfigError::Syntax {
            path: path.to_owned(),
            source,
        })?;
        for (variable, value) in environment {
            if let Some(key) = variable.strip_prefix(ENVIRONMENT_PREFIX) {
                let key = key.to_lowercase().replace("__", ".");
                assign(&mut table, &key, &value)?;
            }
        }
        for flag in flags {
            let (key, value) = flag
                .split_once('=')
                .ok_or_else(|| ConfigError::NotAnAssignment(flag.clone()))?;
            assign(&mut table, key, value)?;
        }
        let mut config: Self = table.try_into()?;
        config.check()?;
        config.anchor(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let nonsense = |key, problem: &str| {
            Err(ConfigError::Nonsense {
                key,
                problem: problem.to_owned(),
            })
        };
        if self.peers.next_fingerprint == self.peers.prev_fingerprint {
            return nonsense(
                "peers.prev_fingerprint",
                "is the same as peers.next_fingerprint; the two other parties have different keys",
            );
        }
        if self.clients.max_connections == Some(0) {
            return nonsense("clients.max_connections", "must be at least 1");
        }
        if self.peers.idle_ms == 0
            || self.clients.handshake_ms == 0
            || self.clients.keep_alive_ms == 0
            || self.rounds.limit_ms == 0
        {
            return nonsense("*_ms", "a time limit must be at least 1 ms");
        }
        if self.rounds.limit_ms > LONGEST_ROUND_MS {
            return nonsense(
                "rounds.limit_ms",
                "must be at most 16000: in a longer round a server that cheats could try out more \
                 than 2^44 hashes",
            );
        }
        if self.rounds.aborts == 0 {
            return nonsense("rounds.aborts", "must be at least 1");
        }
        Ok(())
    }

    /// Makes the file's relative paths relative to the file's folder.
    fn anchor(&mut self, folder: &Path) {
        let keys = &mut self.keys;
        let page = self.clients.page.as_mut();
        for path in [
            &mut self.deployment,
            &mut self.state,
            &mut keys.noise,
            &mut keys.tls_certificate,
            &mut keys.tls_key,
        ]
        .into_iter()
        .chain(page)
        {
            *path = folder.join(&*path);
        }
    }
}

/// Sets a key in dots. The value is read as TOML, else taken as a string.
fn assign(table: &mut toml::Table, key: &str, text: &str) -> Result<(), ConfigError> {
    let value = format!("value = {text}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .filter(|value| !value.is_datetime())
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let mut sections = key.split('.').collect::<Vec<_>>();
    let last = sections.pop().unwrap_or_default();
    let mut table = table;
    for section in sections {
        table = table
            .entry(section)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .ok_or_else(|| ConfigError::NotASection {
                key: key.to_owned(),
                section: section.to_owned(),
            })?;
    }
    table.insert(last.to_owned(), value);
    Ok(())
}

fn party<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PartyId, D::Error> {
    let index = usize::deserialize(deserializer)?;
    PartyId::from_index(index)
        .ok_or_else(|| serde::de::Error::custom(format!("party: expected 0, 1 or 2, got {index}")))
}

fn fingerprint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
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
    fn mistakes_are_named() {
        let flag = |text: &str| Config::load(&example(0), [], &[text.to_owned()]).unwrap_err();
        assert!(matches!(flag("party"), ConfigError::NotAnAssignment(_)));
        assert!(matches!(
            flag("party.index=1"),
            ConfigError::NotASection { .. }
        ));
        assert!(flag("party=3").to_string().contains("0, 1 or 2"));
        assert!(matches!(
            flag("clients.max_connections=0"),
            ConfigError::Nonsense { .. }
        ));
        assert!(flag("rounds.limit_ms=16001").to_string().contains("2^44"));
        assert!(flag("rounds.aborts=0").to_string().contains("at least 1"));
        assert!(
            flag("peers.next_fingerprint=abc")
                .to_string()
                .contains("keygen")
        );
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::load(&example(1), [], &[]).unwrap();
        assert!(config.keys.noise.starts_with(example(1).parent().unwrap()));
    }
}
