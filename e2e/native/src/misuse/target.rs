//! Three running servers as the classes see them, and what they are started with.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::relay::Relay;
use crate::raw::soon;

/// The servers' patience until a link has come about.
pub(super) const HANDSHAKE: Duration = Duration::from_millis(1500);
/// Refusals and keep-alives that one link may cost.
pub(super) const MOST_REFUSALS: usize = 1000;
/// Clients that a server has room for.
pub(super) const MOST_CLIENTS: usize = 40;

/// How often what nobody announces is looked at.
pub(super) const GLANCE: Duration = Duration::from_millis(10);

/// Name of the file of the page that is longer than what the system holds for who does not read.
pub(super) const LONG_FILE: &str = "long.bin";
const LONG_FILE_BYTES: usize = 8 << 20;

/// What must be there before the servers are: wires between them, a page, and their settings.
#[derive(Debug)]
pub struct Stage {
    relays: [Relay; 3],
    page: PathBuf,
}

impl Stage {
    /// Writes a page into a folder, and listens for those who dial the servers' peer ports.
    ///
    /// # Errors
    /// When files can't be written, or ports are not to be had.
    pub async fn set(folder: &Path, peers: [SocketAddr; 3]) -> Result<Self> {
        let page = folder.join("page");
        fs::create_dir_all(&page)?;
        fs::write(page.join("index.html"), "<!doctype html>")?;
        fs::write(page.join(LONG_FILE), vec![b'.'; LONG_FILE_BYTES])?;
        let [p0, p1, p2] = peers;
        Ok(Self {
            relays: [
                Relay::start(p0).await?,
                Relay::start(p1).await?,
                Relay::start(p2).await?,
            ],
            page,
        })
    }

    /// Returns what a party is to be started with, each for a `--set`.
    pub fn settings(&self, party: PartyId) -> Vec<String> {
        let next = self.relays.get(party.next().index()).map(Relay::address);
        let mut settings = vec![
            format!("clients.handshake_ms={}", HANDSHAKE.as_millis()),
            format!("clients.max_refusals={MOST_REFUSALS}"),
            format!("clients.max_connections={MOST_CLIENTS}"),
        ];
        settings.extend(next.map(|address| format!("peers.next={address}")));
        if party == PartyId::P0 {
            settings.push(format!("clients.page={}", self.page.display()));
        }
        settings
    }

    /// Takes the servers that were started.
    pub fn open(
        self,
        deployment: Deployment,
        addresses: [Addresses; 3],
        processes: [u32; 3],
    ) -> Arc<Target> {
        Arc::new(Target {
            deployment,
            addresses,
            processes,
            relays: self.relays,
        })
    }
}

/// Where one server listens.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// For clients.
    pub clients: SocketAddr,
    /// For the previous party.
    pub peers: SocketAddr,
    /// For its operator.
    pub admin: SocketAddr,
}

/// Three running servers.
#[derive(Debug)]
pub struct Target {
    pub(super) deployment: Deployment,
    addresses: [Addresses; 3],
    processes: [u32; 3],
    relays: [Relay; 3],
}

impl Target {
    pub(super) fn at(&self, party: PartyId) -> &Addresses {
        let [p0, p1, p2] = &self.addresses;
        by_party(party, p0, p1, p2)
    }

    /// Returns the wire to a server's peer port.
    pub(super) fn relay(&self, party: PartyId) -> &Relay {
        let [p0, p1, p2] = &self.relays;
        by_party(party, p0, p1, p2)
    }

    /// Waits until all servers say that rounds run, or one says that they do not.
    pub(super) async fn until(&self, readiness: Readiness) -> Result<()> {
        let mut glance = tokio::time::interval(GLANCE);
        let state = async {
            loop {
                glance.tick().await;
                let mut are_ready = true;
                for addresses in &self.addresses {
                    // A server that has just been started does not listen yet.
                    are_ready &= is_ready(addresses.admin).await.unwrap_or_default();
                }
                if are_ready == (readiness == Readiness::All) {
                    return;
                }
            }
        };
        soon("rounds to run or to stop", state).await
    }

    /// Returns how many files and sockets the three servers have open.
    pub(super) fn descriptors(&self) -> Result<[usize; 3]> {
        let [p0, p1, p2] = self.processes.map(|id| {
            let open = fs::read_dir(format!("/proc/{id}/fd"));
            open.map(Iterator::count)
                .with_context(|| format!("process {id} of a server is gone"))
        });
        Ok([p0?, p1?, p2?])
    }
}

/// Which servers complete rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// All three.
    All,
    /// Not all.
    NotAll,
}

async fn is_ready(admin: SocketAddr) -> Result<bool> {
    let mut socket = TcpStream::connect(admin).await?;
    let request = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}

fn by_party<'a, T>(party: PartyId, p0: &'a T, p1: &'a T, p2: &'a T) -> &'a T {
    match party {
        PartyId::P0 => p0,
        PartyId::P1 => p1,
        PartyId::P2 => p2,
    }
}
