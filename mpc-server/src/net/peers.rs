//! Makes both links, and makes them again whenever they end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mcmix_shared::party::PartyId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::door::{Door, Proven};
use super::hello::{Hello, PairKey};
use super::knock::knock;
use super::link::{self, End, Further, Link, Pace, Socket};
use super::strand::{self, Purpose};
use super::tls::{self, TlsContext};
use super::way::Way;
use super::{Control, PeerError, Position};
use crate::seldom::{Fading, Seldom};
use crate::vital;

/// Everything that is known about the links before the first is made.
#[derive(Clone, Debug)]
pub struct PeerSettings {
    /// This party.
    pub me: PartyId,
    /// Address (host:port) of the next party.
    pub next_address: String,
    /// Our certificate and the peers' fingerprints.
    pub tls: TlsContext,
    /// Digest of the deployment manifest.
    pub deployment: [u8; 32],
    /// Silence after which a link counts as dead.
    pub idle: Duration,
    /// Added to every message.
    pub delay: Duration,
    /// Connections of the link that we dial.
    pub strands: usize,
}

/// News of the links.
#[derive(Debug)]
pub enum PeerEvent {
    /// A link is up.
    Up {
        /// Its handle.
        link: Link,
        /// How far the peer has come.
        position: Position,
    },
    /// The peer said something about rounds.
    Control {
        /// The peer.
        from: PartyId,
        /// What it said.
        control: Control,
    },
    /// A link is down.
    Down {
        /// The peer.
        peer: PartyId,
    },
}

/// Time for the handshakes of one connection.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// News that may wait.
const EVENTS: usize = 64;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// The same where the peer prefers another server with our keys.
const FIRST_RETRY_OF_TWO: Duration = Duration::from_secs(1);
const LAST_RETRY_OF_TWO: Duration = Duration::from_mins(1);

/// Both links of one party.
#[derive(Debug)]
pub struct Peers {
    position: Arc<Mutex<Position>>,
}

impl Peers {
    /// Starts making links, until `stop`. Tasks are counted by `tasks`.
    pub fn start(
        settings: PeerSettings,
        listener: TcpListener,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> (Self, mpsc::Receiver<PeerEvent>) {
        let (events, receiver) = mpsc::channel(EVENTS);
        let position = Arc::new(Mutex::new(Position::default()));
        let maker = Arc::new(Maker {
            settings,
            events,
            position: Arc::clone(&position),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let dialling = Arc::clone(&maker);
        let dial = async move { dialling.dial().await };
        tasks.spawn(vital::task("dialling the next party", stop.clone(), dial));
        let end = stop.clone();
        let accept = async move {
            let _stopped = end.run_until_cancelled(maker.accept(listener)).await;
        };
        tasks.spawn(vital::task("the peer port", stop.clone(), accept));
        (Self { position }, receiver)
    }

    /// Remembers how far we have come, which new links tell the peer.
    pub fn set_position(&self, position: Position) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
    }
}

struct Maker {
    settings: PeerSettings,
    events: mpsc::Sender<PeerEvent>,
    position: Arc<Mutex<Position>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Maker {
    /// Dials the next party again and again.
    async fn dial(&self) {
        let peer = self.settings.me.next();
        let mut pauses = Pauses(FIRST_RETRY);
        let mut failures = Fading::default();
        let mut way = Way::new(self.settings.next_address.clone());
        loop {
            let mut lasted = Duration::ZERO;
            let made = Box::pin(self.make(peer, &mut way));
            let error = match self.stop.run_until_cancelled(made).await {
                Some(Ok(introduced)) => {
                    let since = Instant::now();
                    let error = Box::pin(self.run_dialled(introduced)).await;
                    lasted = since.elapsed();
                    error
                }
                Some(Err(error)) => error,
                None => return,
            };
            if self.stop.is_cancelled() {
                return;
            }
            let pause = pauses.after(lasted, &error);
            if lasted >= LAST_RETRY {
                failures.reset();
            }
            if let Some(times) = failures.add(Instant::now(), &error.to_string()) {
                tracing::warn!(%peer, times, retry_ms = pause.as_millis(), "{error}");
            }
            let pausing = tokio::time::sleep(pause);
            if self.stop.run_until_cancelled(pausing).await.is_none() {
                return;
            }
        }
    }

    /// Makes a link with the next party.
    async fn make(&self, peer: PartyId, way: &mut Way) -> Result<Introduced, PeerError> {
        let socket = way.connect().await;
        let socket = socket.map_err(|source| PeerError::Unreachable {
            peer,
            address: way.address().to_owned(),
            source,
        })?;
        Box::pin(within_handshake(peer, async {
            let (socket, session) = self.shake_hands(peer, socket, Purpose::Link).await?;
            self.introduce(peer, socket, session).await
        }))
        .await
    }

    /// Runs a link that we dialled, and makes its further strands.
    async fn run_dialled(&self, introduced: Introduced) -> PeerError {
        let (peer, id) = (introduced.peer, introduced.key.link_id());
        let reached = introduced.socket.get_ref().get_ref().0.peer_addr();
        let (add, further) = mpsc::channel(strand::MOST);
        let strands = async {
            for _ in 1..self.settings.strands.min(strand::MOST) {
                let made = within_handshake(peer, async {
                    let broken = |source| PeerError::broken(peer, tungstenite::Error::Io(source));
                    let address = reached
                        .as_ref()
                        .map_err(|error| broken(error.kind().into()))?;
                    let socket = TcpStream::connect(address).await.map_err(broken)?;
                    self.shake_hands(peer, socket, Purpose::Strand(id)).await
                });
                match Box::pin(made).await {
                    Ok((socket, _session)) => drop(add.send((id, socket)).await),
                    // The link does without: it is slower where there is much to carry.
                    Err(error) => tracing::warn!(%peer, "no further connection: {error}"),
                }
            }
        };
        // Not cut off by a stop: it says farewell to the peer first.
        let end = End::new(self.stop.child_token());
        let run = self.run(introduced, further, end);
        let mut run = Box::pin(run);
        tokio::select! {
            reason = &mut run => reason,
            () = strands => run.await,
        }
    }

    /// Proves to be who we are, over a connection that we made, and sees who answers.
    async fn shake_hands(
        &self,
        peer: PartyId,
        mut socket: TcpStream,
        purpose: Purpose,
    ) -> Result<(Socket, [u8; 32]), PeerError> {
        let tls = &self.settings.tls;
        knock(tls, &mut socket)
            .await
            .map_err(|source| PeerError::Tls { peer, source })?;
        let stream = tls.connect(peer, socket).await?;
        let session = tls::export(peer, &stream)?;
        let (socket, _response) =
            client_async_with_config(purpose.address(), stream, Some(link::config()))
                .await
                .map_err(|error| match error {
                    tungstenite::Error::Io(source) => tls.explain(peer, source),
                    error => PeerError::broken(peer, error),
                })?;
        Ok((socket, session))
    }

    /// Takes connections; the newest link that proves to be the previous party's replaces the last.
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let peer = self.settings.me.prev();
        let (proven, mut newest) = mpsc::channel(1);
        let links = async {
            let mut current: Option<Accepted> = None;
            let mut renewed = Seldom::<u64>::new();
            while let Some(Proven {
                socket,
                session,
                purpose,
            }) = newest.recv().await
            {
                if let Purpose::Strand(id) = purpose {
                    // With too many, or without a link, it is dropped.
                    if let Some(accepted) = &current {
                        let _taken = accepted.further.try_send((id, socket));
                    }
                    continue;
                }
                if let Some(accepted) = current.take() {
                    if !accepted.task.is_finished()
                        && let Some(times) = renewed.add(Instant::now(), |times| *times += 1)
                    {
                        tracing::warn!(
                            %peer,
                            times,
                            "it made a new link while its last one was up: where this goes on, two \
                             servers run with its keys, and its operator should stop one"
                        );
                    }
                    accepted.end.replaced.cancel();
                    let _ended = accepted.task.await;
                }
                let end = End::new(self.stop.child_token());
                let (maker, token) = (Arc::clone(&self), end.clone());
                let (further, more) = mpsc::channel(strand::MOST);
                let task = self.tasks.spawn(async move {
                    let introduced = maker.introduce(peer, socket, session);
                    let error = match within_handshake(peer, introduced).await {
                        Ok(introduced) => maker.run(introduced, more, token).await,
                        Err(error) => error,
                    };
                    // Of those that are renewed there is a line already.
                    if !maker.stop.is_cancelled() && !matches!(error, PeerError::Renewed(_)) {
                        tracing::warn!(%peer, "{error}");
                    }
                });
                current = Some(Accepted { end, task, further });
            }
        };
        let door = Door::new(peer, self.settings.tls.clone(), proven);
        tokio::join!(links, door.keep(listener));
    }

    /// Runs a link until it ends.
    async fn run(
        &self,
        introduced: Introduced,
        further: mpsc::Receiver<Further>,
        end: End,
    ) -> PeerError {
        let Introduced {
            peer,
            socket,
            key,
            position,
        } = introduced;
        let pace = Pace {
            idle: self.settings.idle,
            delay: self.settings.delay,
        };
        let (link, ends) = link::new(peer, key, pace, end);
        let up = PeerEvent::Up { link, position };
        if self.events.send(up).await.is_err() {
            return PeerError::Closed(peer);
        }
        let reason = link::run(peer, socket, ends, further, &self.events).await;
        let _stopping = self.events.send(PeerEvent::Down { peer }).await;
        reason
    }

    /// Introduces both ends to each other.
    async fn introduce(
        &self,
        peer: PartyId,
        mut socket: Socket,
        session: [u8; 32],
    ) -> Result<Introduced, PeerError> {
        let position = *self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let bad = |problem| PeerError::BadHello { peer, problem };
        let ours = Hello::new(self.settings.me, self.settings.deployment, position)
            .map_err(|_| bad("our system has no randomness to answer with"))?;
        socket
            .send(WsMessage::Binary(ours.encode()))
            .await
            .map_err(|source| PeerError::broken(peer, source))?;
        let message = socket.next().await.ok_or(PeerError::Closed(peer))?;
        match message.map_err(|source| PeerError::broken(peer, source))? {
            WsMessage::Binary(bytes) => {
                let theirs = Hello::decode(&bytes, peer, &ours).map_err(bad)?;
                Ok(Introduced {
                    peer,
                    socket,
                    key: PairKey::derive(&ours, &theirs, session),
                    position: theirs.position(),
                })
            }
            _ => Err(bad("its first message is not binary")),
        }
    }
}

/// A connection whose ends know each other.
struct Introduced {
    peer: PartyId,
    socket: Socket,
    key: PairKey,
    /// How far the peer has come.
    position: Position,
}

/// The link that the previous party dialled last.
struct Accepted {
    end: End,
    task: JoinHandle<()>,
    further: mpsc::Sender<Further>,
}

/// The pauses between one dial and the next: longer and longer while no link lasts, whether it is
/// not made at all or cut as soon as it is, which both ends log each time.
struct Pauses(Duration);

impl Pauses {
    fn after(&mut self, lasted: Duration, error: &PeerError) -> Duration {
        // Two servers with one key would take each other's links for ever, however long each lasts.
        let (first, last) = match error {
            PeerError::Replaced(_) => (FIRST_RETRY_OF_TWO, LAST_RETRY_OF_TWO),
            _ if lasted >= LAST_RETRY => {
                self.0 = FIRST_RETRY;
                (FIRST_RETRY, LAST_RETRY)
            }
            _ => (FIRST_RETRY, LAST_RETRY),
        };
        let pause = self.0.clamp(first, last);
        self.0 = pause * 2;
        pause
    }
}

async fn within_handshake<T>(
    peer: PartyId,
    handshake: impl Future<Output = Result<T, PeerError>>,
) -> Result<T, PeerError> {
    timeout(HANDSHAKE, handshake)
        .await
        .unwrap_or(Err(PeerError::Silent(peer)))
}

#[cfg(test)]
mod tests;
