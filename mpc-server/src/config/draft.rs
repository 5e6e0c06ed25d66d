//! A configuration that may be wrong in places.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mcmix_shared::party::PartyId;

use super::layers::Layers;
use super::mistake::Mistakes;
use super::read::Reader;
use super::{Admin, Assignment, Clients, Config, Keys, Log, Peers, Rounds, check, value};
use crate::keys::Fingerprint;
use crate::log::{Format, Levels};

/// The most milliseconds that a round may have from the agreement to its end: a server that cheats
/// may try out at most 2^44 hashes meanwhile (docs/protocol.md §3), 16 seconds of 2^40 hashes each.
const LONGEST_ROUND_MS: u64 = 16_000;

/// A configuration of which some values may be missing or wrong; the others are looked at all the
/// same.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) file: PathBuf,
    pub(crate) party: Option<PartyId>,
    pub(crate) deployment: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) noise: Option<PathBuf>,
    pub(crate) tls_certificate: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) page: Option<PathBuf>,
    pub(crate) max_connections: Option<usize>,
    handshake_ms: Option<u64>,
    keep_alive_ms: Option<u64>,
    max_refusals: Option<u32>,
    pub(crate) peers_listen: Option<SocketAddr>,
    pub(crate) next: Option<String>,
    pub(crate) next_fingerprint: Option<Fingerprint>,
    pub(crate) prev_fingerprint: Option<Fingerprint>,
    idle_ms: Option<u64>,
    delay_ms: Option<u64>,
    pub(crate) admin: Option<SocketAddr>,
    limit_ms: Option<u64>,
    aborts: Option<usize>,
    aborts_within_ms: Option<u64>,
    log_level: Option<Levels>,
    log_format: Option<Format>,
}

impl Draft {
    /// Reads all layers, and notes what is wrong.
    pub(crate) fn read(
        path: &Path,
        environment: impl IntoIterator<Item = Assignment>,
        flags: &[String],
        mistakes: &mut Mistakes,
    ) -> Self {
        let layers = Layers::read(path, environment, flags, mistakes);
        let mut read = Reader::new(layers, mistakes);
        let admin = read.has_section("admin");
        let size = |range| {
            let number = value::within(range);
            move |value: &toml::Value| {
                let number = number(value)?;
                usize::try_from(number).map_err(|_| format!("{number} is too much"))
            }
        };
        let refusals = value::within(1..=1_000_000);
        let draft = Self {
            file: path.to_owned(),
            party: read.required("party", value::party),
            deployment: read.required("deployment", value::path),
            state: read.required("state", value::path),
            noise: read.required("keys.noise", value::path),
            tls_certificate: read.required("keys.tls_certificate", value::path),
            tls_key: read.required("keys.tls_key", value::path),
            listen: read.required("clients.listen", value::listen),
            origins: read.or("clients.origins", Vec::new(), value::origins),
            page: read.optional("clients.page", value::path),
            max_connections: read.optional("clients.max_connections", size(1..=u32::MAX.into())),
            handshake_ms: read.or("clients.handshake_ms", 10_000, value::within(100..=600_000)),
            keep_alive_ms: read.or("clients.keep_alive_ms", 20_000, value::within(50..=600_000)),
            max_refusals: read.or("clients.max_refusals", 64, |value| {
                u32::try_from(refusals(value)?).map_err(|error| error.to_string())
            }),
            peers_listen: read.required("peers.listen", value::listen),
            next: read.required("peers.next", value::dial),
            next_fingerprint: read.required("peers.next_fingerprint", value::fingerprint),
            prev_fingerprint: read.required("peers.prev_fingerprint", value::fingerprint),
            idle_ms: read.or("peers.idle_ms", 10_000, value::within(500..=600_000)),
            delay_ms: read.or("peers.delay_ms", 0, value::within(0..=10_000)),
            admin: if admin {
                read.required("admin.listen", value::listen)
            } else {
                None
            },
            limit_ms: read.or("rounds.limit_ms", 10_000, |value| {
                value::within(100..=LONGEST_ROUND_MS)(value).map_err(|problem| {
                    format!(
                        "{problem}; in a longer round a server that cheats could try out more than \
                         2^44 hashes"
                    )
                })
            }),
            aborts: read.or("rounds.aborts", 5, size(1..=1_000_000)),
            aborts_within_ms: read.or(
                "rounds.aborts_within_ms",
                600_000,
                value::within(1000..=2_592_000_000),
            ),
            log_level: read.or("log.level", Levels::default(), value::level),
            log_format: read.or("log.format", Format::default(), value::format),
        };
        read.finish();
        check::fit(&draft, mistakes);
        draft.anchor(path.parent().unwrap_or(Path::new("")))
    }

    /// Returns the configuration, where nothing is missing.
    pub(crate) fn finish(self) -> Option<Config> {
        Some(Config {
            file: self.file,
            party: self.party?,
            deployment: self.deployment?,
            state: self.state?,
            keys: Keys {
                noise: self.noise?,
                tls_certificate: self.tls_certificate?,
                tls_key: self.tls_key?,
            },
            clients: Clients {
                listen: self.listen?,
                origins: self.origins?,
                page: self.page,
                max_connections: self.max_connections,
                handshake_ms: self.handshake_ms?,
                keep_alive_ms: self.keep_alive_ms?,
                max_refusals: self.max_refusals?,
            },
            peers: Peers {
                listen: self.peers_listen?,
                next: self.next?,
                next_fingerprint: self.next_fingerprint?,
                prev_fingerprint: self.prev_fingerprint?,
                idle_ms: self.idle_ms?,
                delay_ms: self.delay_ms?,
            },
            admin: self.admin.map(|listen| Admin { listen }),
            rounds: Rounds {
                limit_ms: self.limit_ms?,
                aborts: self.aborts?,
                aborts_within_ms: self.aborts_within_ms?,
            },
            log: Log {
                level: self.log_level?,
                format: self.log_format?,
            },
        })
    }

    /// Makes the file's relative paths relative to the file's folder.
    fn anchor(mut self, folder: &Path) -> Self {
        for path in [
            &mut self.deployment,
            &mut self.state,
            &mut self.noise,
            &mut self.tls_certificate,
            &mut self.tls_key,
            &mut self.page,
        ]
        .into_iter()
        .flatten()
        {
            *path = folder.join(&*path);
        }
        self
    }
}

impl From<Config> for Draft {
    fn from(config: Config) -> Self {
        Self {
            file: config.file,
            party: Some(config.party),
            deployment: Some(config.deployment),
            state: Some(config.state),
            noise: Some(config.keys.noise),
            tls_certificate: Some(config.keys.tls_certificate),
            tls_key: Some(config.keys.tls_key),
            listen: Some(config.clients.listen),
            origins: Some(config.clients.origins),
            page: config.clients.page,
            max_connections: config.clients.max_connections,
            handshake_ms: Some(config.clients.handshake_ms),
            keep_alive_ms: Some(config.clients.keep_alive_ms),
            max_refusals: Some(config.clients.max_refusals),
            peers_listen: Some(config.peers.listen),
            next: Some(config.peers.next),
            next_fingerprint: Some(config.peers.next_fingerprint),
            prev_fingerprint: Some(config.peers.prev_fingerprint),
            idle_ms: Some(config.peers.idle_ms),
            delay_ms: Some(config.peers.delay_ms),
            admin: config.admin.map(|admin| admin.listen),
            limit_ms: Some(config.rounds.limit_ms),
            aborts: Some(config.rounds.aborts),
            aborts_within_ms: Some(config.rounds.aborts_within_ms),
            log_level: Some(config.log.level),
            log_format: Some(config.log.format),
        }
    }
}
