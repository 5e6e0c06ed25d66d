//! A whole deployment on one machine: three configurations, their keys, and the manifest.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use mcmix_shared::manifest::{self, Deployment, ManifestError, Server};
use mcmix_shared::party::PartyId;

use crate::keys::folder::KeyFiles;
use crate::keys::{self, Fingerprint, KeyError, TlsIdentity};

/// What a deployment on one machine looks like.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// What people call it.
    pub name: String,
    /// Rows that a client hands in for every conversation round.
    pub slots: u8,
    /// Bytes of a message.
    pub message_bytes: u16,
    /// Milliseconds from one conversation round to the next.
    pub conversation_period_ms: u32,
    /// Milliseconds from one dialing round to the next.
    pub dialing_period_ms: u32,
    /// Ports for clients, one per party; 0 takes a free one.
    pub client_ports: [u16; 3],
    /// Ports for peers.
    pub peer_ports: [u16; 3],
    /// Ports for operators.
    pub admin_ports: [u16; 3],
    /// Folder of the built page, which P0 serves.
    pub page: Option<PathBuf>,
    /// Milliseconds added to every message between parties.
    pub delay_ms: u64,
}

impl Default for DemoOptions {
    fn default() -> Self {
        Self {
            name: "Demo".to_owned(),
            slots: 3,
            message_bytes: 256,
            conversation_period_ms: 1000,
            dialing_period_ms: 2000,
            client_ports: [8000, 8001, 8002],
            peer_ports: [8100, 8101, 8102],
            admin_ports: [8200, 8201, 8202],
            page: None,
            delay_ms: 0,
        }
    }
}

impl DemoOptions {
    /// Returns options that take free ports everywhere, for tests.
    #[must_use]
    pub fn on_free_ports() -> Self {
        Self {
            client_ports: [0; 3],
            peer_ports: [0; 3],
            admin_ports: [0; 3],
            ..Self::default()
        }
    }
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The three configuration files, P0 first.
    pub configs: [PathBuf; 3],
    /// The manifest.
    pub deployment: Deployment,
    /// The address of P0's page.
    pub page_url: String,
}

/// Why a deployment could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file could not be written.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The options make no deployment.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No free port was found.
    #[error("no port from {} to {} is free on this machine", FREE_PORTS.start, FREE_PORTS.end - 1)]
    Port,
}

struct Party {
    folder: PathBuf,
    key: manifest::Server,
    fingerprint: Fingerprint,
    clients: u16,
    peers: u16,
    admin: u16,
}

/// Writes a deployment into a folder. Keys that are there already stay; the rest is replaced.
///
/// # Errors
/// When a file can't be written or the options make no deployment.
pub fn write(folder: &Path, options: &DemoOptions) -> Result<Demo, DemoError> {
    let party = |id: PartyId| -> Result<Party, DemoError> {
        let folder = folder.join(format!("party{}", id.index()));
        let clients = or_free(pick(options.client_ports, id))?;
        let (key, fingerprint) = make_keys(&folder)?;
        Ok(Party {
            key: Server {
                url: format!("ws://127.0.0.1:{clients}/client"),
                key: key.server_key(),
            },
            folder,
            fingerprint,
            clients,
            peers: or_free(pick(options.peer_ports, id))?,
            admin: or_free(pick(options.admin_ports, id))?,
        })
    };
    let parties = [
        party(PartyId::P0)?,
        party(PartyId::P1)?,
        party(PartyId::P2)?,
    ];

    let deployment = Deployment {
        version: manifest::VERSION,
        name: options.name.clone(),
        island: 0,
        first: None,
        slots: options.slots,
        quick_rounds: 8,
        message_bytes: options.message_bytes,
        conversation_period_ms: options.conversation_period_ms,
        dialing_period_ms: options.dialing_period_ms,
        servers: parties.each_ref().map(|party| party.key.clone()),
    };
    deployment.check()?;
    write_file(&folder.join("deployment.json"), &deployment.to_json())?;
    let [p0, _, _] = &parties;
    let origins = format!(
        "[\"http://127.0.0.1:{0}\", \"http://localhost:{0}\"]",
        p0.clients
    );
    for id in PartyId::ALL {
        let text = config(id, &parties, &origins, options);
        write_file(&config_path(folder, id), &text)?;
    }
    Ok(Demo {
        configs: PartyId::ALL.map(|id| config_path(folder, id)),
        deployment,
        page_url: format!("http://127.0.0.1:{}/", p0.clients),
    })
}

fn config_path(folder: &Path, id: PartyId) -> PathBuf {
    folder.join(format!("party{}.toml", id.index()))
}

fn make_keys(folder: &Path) -> Result<(mcmix_shared::identity::SecretKey, Fingerprint), KeyError> {
    let files = KeyFiles::in_folder(folder);
    let noise = if files.noise.exists() {
        keys::read_noise_key(&files.noise)?
    } else {
        keys::generate_noise_key(&files.noise)?
    };
    let tls = if files.tls_key.exists() {
        TlsIdentity::read(&files.tls_certificate, &files.tls_key)?
    } else {
        TlsIdentity::generate(&files.tls_certificate, &files.tls_key)?
    };
    Ok((noise, tls.fingerprint()))
}

fn config(id: PartyId, parties: &[Party; 3], origins: &str, options: &DemoOptions) -> String {
    let of = |id| by_party(parties, id);
    let (own, next, prev) = (of(id), of(id.next()), of(id.prev()));
    let page = options
        .page
        .as_ref()
        .filter(|_| id == PartyId::P0)
        .map_or_else(String::new, |page| {
            format!("page = {}\n", toml::Value::from(page.display().to_string()))
        });
    let keys = own
        .folder
        .file_name()
        .map(|name| name.display().to_string())
        .unwrap_or_default();
    format!(
        "# Party {index} of a demo; mpc-server/config/party{index}.toml explains every key.\n\
         party = {index}\n\
         deployment = \"deployment.json\"\n\
         state = \"{keys}/state\"\n\
         \n\
         [keys]\n\
         noise = \"{keys}/noise.key\"\n\
         tls_certificate = \"{keys}/tls.crt\"\n\
         tls_key = \"{keys}/tls.key\"\n\
         \n\
         [clients]\n\
         listen = \"127.0.0.1:{clients}\"\n\
         origins = {origins}\n\
         {page}\
         \n\
         [peers]\n\
         listen = \"127.0.0.1:{peers}\"\n\
         next = \"127.0.0.1:{next_port}\"\n\
         next_fingerprint = \"{next_fingerprint}\"\n\
         prev_fingerprint = \"{prev_fingerprint}\"\n\
         delay_ms = {delay}\n\
         \n\
         [admin]\n\
         listen = \"127.0.0.1:{admin}\"\n",
        index = id.index(),
        clients = own.clients,
        peers = own.peers,
        admin = own.admin,
        next_port = next.peers,
        next_fingerprint = next.fingerprint,
        prev_fingerprint = prev.fingerprint,
        delay = options.delay_ms,
    )
}

/// Ports that the system gives to no outgoing connection, so that they stay free until a server
/// listens there, and when it comes back.
const FREE_PORTS: Range<u16> = 10_000..20_000;

/// How many of them this process has looked at. None is given twice.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

fn or_free(port: u16) -> Result<u16, DemoError> {
    if port != 0 {
        return Ok(port);
    }
    // Two processes at the same time rarely start at the same place.
    let start = std::process::id().wrapping_mul(97);
    for _ in FREE_PORTS {
        let step = u32::from(LOOKED_AT.fetch_add(1, Ordering::Relaxed));
        let offset = start.wrapping_add(step) % u32::from(FREE_PORTS.end - FREE_PORTS.start);
        let port = FREE_PORTS.start + u16::try_from(offset).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(DemoError::Port)
}

const fn by_party<T>([p0, p1, p2]: &[T; 3], id: PartyId) -> &T {
    match id {
        PartyId::P0 => p0,
        PartyId::P1 => p1,
        PartyId::P2 => p2,
    }
}

const fn pick(ports: [u16; 3], id: PartyId) -> u16 {
    *by_party(&ports, id)
}

fn write_file(path: &Path, text: &str) -> Result<(), DemoError> {
    fs::write(path, text).map_err(|source| DemoError::Write {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_demo_is_three_configurations_that_fit_together() {
        let folder = tempfile::tempdir().unwrap();
        let demo = write(folder.path(), &DemoOptions::on_free_ports()).unwrap();
        let configs = demo
            .configs
            .each_ref()
            .map(|path| Config::load(path, [], &[]).unwrap());
        for id in PartyId::ALL {
            let (own, next) = (by_party(&configs, id), by_party(&configs, id.next()));
            assert_eq!(own.party, id);
            assert_eq!(own.peers.next, next.peers.listen.to_string());
            let key = keys::read_noise_key(&own.keys.noise).unwrap();
            assert_eq!(demo.deployment.server(id).key, key.server_key());
            let tls = TlsIdentity::read(&next.keys.tls_certificate, &next.keys.tls_key).unwrap();
            assert_eq!(own.peers.next_fingerprint, tls.fingerprint());
        }
    }

    #[test]
    fn a_second_run_keeps_the_keys() {
        let folder = tempfile::tempdir().unwrap();
        let options = DemoOptions::default();
        let first = write(folder.path(), &options).unwrap();
        let second = write(folder.path(), &options).unwrap();
        assert_eq!(first.deployment, second.deployment);
    }
}
