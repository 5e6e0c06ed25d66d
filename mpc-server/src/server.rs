//! A whole party: reads its files, listens, runs until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blake2::{Blake2s256, Digest};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use mcmix_shared::wire::Refusal;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::{ClientSettings, Clients};
use crate::config::mistake::{Mistake, Mistakes};
use crate::config::{Assignment, Config, Draft, Log};
use crate::descriptors::{ADMIN_CONNECTIONS, Room};
use crate::files;
use crate::http::accept::{self, AcceptLimits};
use crate::http::{self, App, Parts};
use crate::intake::Collector;
use crate::keys::TlsIdentity;
use crate::net::{PeerSettings, Peers, Pins, TlsContext, strands};
use crate::round::clock::Periods;
use crate::round::driver::{Driver, DriverError, Rounds};
use crate::vital;

/// Time that links have to end by themselves.
const FAREWELL: Duration = Duration::from_secs(3);

/// Connections that the system keeps until they are taken, as far as it keeps so many.
const WAITING: u32 = 4096;

/// Why a party can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("can't listen on {address} ({key}): {source}")]
    Listen {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Clients can't be served.
    #[error("can't start the threads that serve clients: {0}")]
    Clients(io::Error),
    /// Rounds can't be driven.
    #[error(transparent)]
    Driver(#[from] DriverError),
}

/// A configuration whose files were read and fit together.
#[derive(Debug)]
pub struct Ready {
    config: Config,
    key: SecretKey,
    tls: TlsIdentity,
    deployment: Deployment,
    room: Room,
}

impl Ready {
    /// Returns what all three parties run.
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Returns what is logged, and how.
    pub const fn log(&self) -> &Log {
        &self.config.log
    }

    /// Returns how many clients there is room for.
    pub const fn room(&self) -> Room {
        self.room
    }

    /// Reads a configuration in all its layers, every file that it names, and raises the process's
    /// limit of open files.
    ///
    /// # Errors
    /// Names all that is wrong.
    pub fn examine(
        path: &Path,
        environment: impl IntoIterator<Item = Assignment>,
        flags: &[String],
    ) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let draft = Draft::read(path, environment, flags, &mut mistakes);
        Self::complete(draft, mistakes)
    }

    /// The same for a configuration that was read.
    ///
    /// # Errors
    /// Names all that is wrong with its files.
    pub fn read(config: Config) -> Result<Self, Mistakes> {
        Self::complete(config.into(), Mistakes::default())
    }

    fn complete(draft: Draft, mut mistakes: Mistakes) -> Result<Self, Mistakes> {
        let files = files::inspect(&draft, &mut mistakes);
        let room = Room::make(draft.max_connections)
            .map_err(|error| {
                let (key, example) = ("clients.max_connections", error.example());
                let problem = error.to_string();
                mistakes.push(Mistake::in_file(&draft.file, key, problem, &example));
            })
            .ok();
        let ready = files.zip(room).and_then(|(files, room)| {
            Some(Self {
                config: draft.finish()?,
                key: files.key,
                tls: files.tls,
                deployment: files.deployment,
                room,
            })
        });
        mistakes.or(ready)
    }
}

/// A party that runs.
#[derive(Debug)]
pub struct Server {
    party: PartyId,
    clients: Arc<Clients>,
    rounds: Arc<Rounds>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// Starts a party: listens, links, and leaves the rest to its tasks.
    ///
    /// # Errors
    /// Says what is in the way and what to do about it.
    #[expect(
        clippy::unused_async,
        reason = "listening and the tasks need the runtime that whoever awaits this runs on"
    )]
    pub async fn start(ready: Ready) -> Result<Self, StartError> {
        let Ready {
            config,
            key,
            tls,
            deployment,
            room,
        } = ready;
        let client_listener = listen("clients.listen", config.clients.listen)?;
        let peer_listener = listen("peers.listen", config.peers.listen)?;
        let admin_listener = match &config.admin {
            Some(admin) => Some(listen("admin.listen", admin.listen)?),
            None => None,
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        // What has begun ends where the rest can't.
        let undo = stop.clone().drop_guard();
        let most = config.clients.most_in_round();
        let (pacing, period) = Periods::from(&deployment).pacing();
        let collector = Collector::new(config.party, deployment.shape(), most);
        let collector = Arc::new(collector.watching(pacing, period));
        let settings = ClientSettings {
            party: config.party,
            deployment: deployment.clone(),
            most: room.clients(),
            max_refusals: config.clients.max_refusals,
            keep_alive: Duration::from_millis(config.clients.keep_alive_ms),
        };
        let clients = Clients::start(settings, Arc::clone(&collector), &stop);
        let clients = clients.map_err(StartError::Clients)?;

        let pins = Pins {
            next: config.peers.next_fingerprint,
            prev: config.peers.prev_fingerprint,
        };
        let settings = PeerSettings {
            me: config.party,
            next_address: config.peers.next.clone(),
            tls: TlsContext::new(tls, pins),
            deployment: Blake2s256::digest(deployment.to_json()).into(),
            idle: Duration::from_millis(config.peers.idle_ms),
            delay: Duration::from_millis(config.peers.delay_ms),
            strands: strands(),
        };
        let peers = Peers::start(settings, peer_listener, &tasks, &stop);
        let driver = Driver::new(&config, &deployment, (&collector, &clients), peers, &stop)?;
        let rounds = driver.rounds();
        tasks.spawn({
            let stop = stop.clone();
            async move {
                // However the rounds end: a party without them must not look alive.
                let _stop_all = stop.clone().drop_guard();
                if let Err(error) = driver.run(stop).await {
                    tracing::error!("stopping: {error}");
                }
            }
        });

        let party = config.party;
        let limits = AcceptLimits {
            connections: room.connections(),
            head: Duration::from_millis(config.clients.handshake_ms),
        };
        let app = App::new(Parts {
            party,
            key,
            deployment,
            limits: config.clients,
            clients: Arc::clone(&clients),
            rounds: Arc::clone(&rounds),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let serve = |listener, router, limits| {
            let serve = accept::serve(listener, router, limits, tasks.clone(), stop.clone());
            tasks.spawn(vital::task("listening for clients", stop.clone(), serve))
        };
        if let Some(listener) = admin_listener {
            let limits = AcceptLimits {
                connections: ADMIN_CONNECTIONS,
                ..limits
            };
            serve(listener, http::admin_router(app.clone()), limits);
        }
        serve(client_listener, http::router(app), limits);
        tracing::info!(%party, most_clients = room.clients(), "running");
        undo.disarm();
        Ok(Self {
            party,
            clients,
            rounds,
            tasks,
            stop,
        })
    }

    /// Returns which party this is.
    pub const fn party(&self) -> PartyId {
        self.party
    }

    /// Returns whether rounds go through.
    pub fn is_ready(&self) -> bool {
        self.rounds.is_ready()
    }

    /// Returns how many clients are connected.
    pub fn connected(&self) -> usize {
        self.clients.connected()
    }

    /// Waits until the party stops by itself, on a fault that it can't live with.
    pub async fn failed(&self) {
        self.stop.cancelled().await;
    }

    /// Says farewell to the clients, ends all links, and waits for them.
    pub async fn stop(self) {
        self.clients.refuse_all(Refusal::Stopping);
        let _too_slow = tokio::time::timeout(FAREWELL, self.clients.settle()).await;
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(FAREWELL, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(tasks = self.tasks.len(), "some links did not end in time");
        }
        tracing::info!(party = %self.party, "stopped");
    }
}

fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // A server that starts again does not wait for its old connections' last packets.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING)
    };
    listen().map_err(|source| StartError::Listen {
        key,
        address,
        source,
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// Where a packet that opens a connection is dropped, the system sends it again after a second.
    #[tokio::test]
    async fn hundreds_can_come_while_the_server_is_busy() {
        let listener = listen("peers.listen", "127.0.0.1:0".parse().unwrap()).unwrap();
        let mut waiting = Vec::new();
        let all = async {
            for _ in 0..500 {
                waiting.push(TcpStream::connect(listener.local_addr().unwrap()).await);
            }
        };
        let all = tokio::time::timeout(Duration::from_mins(1), all);
        assert!(all.await.is_ok() && waiting.iter().all(Result::is_ok));
    }
}
