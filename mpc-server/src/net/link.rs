//! One link while it lasts: a reader task, a writer task, and the handle that rounds use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};
use tokio_util::sync::CancellationToken;

use super::inbox::{Inboxes, NotWanted};
use super::message::{self, Control, Message};
use super::{PairKey, PeerError, PeerEvent};

/// The socket below a link.
pub(super) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Messages that may wait for the writer; then senders wait.
const QUEUE: usize = 32;

/// Limits and buffers of a link.
///
/// TLS gives at most 16 KiB at a time, so a larger read buffer would only be cleared more often.
/// The system tunes the socket's own buffers; a fixed size would switch that off.
pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(32 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * message::MESSAGE_BYTES)
        .max_message_size(Some(message::MESSAGE_BYTES))
        .max_frame_size(Some(message::MESSAGE_BYTES))
}

/// A link that is up. Clones share it; it stays closed once it has closed.
#[derive(Clone, Debug)]
pub struct Link {
    peer: PartyId,
    key: PairKey,
    queue: mpsc::Sender<Bytes>,
    inboxes: Arc<Inboxes>,
    end: CancellationToken,
}

impl Link {
    /// Returns the party at the other end.
    pub const fn peer(&self) -> PartyId {
        self.peer
    }

    /// Returns the key that both ends share while this link lasts.
    pub const fn key(&self) -> &PairKey {
        &self.key
    }

    /// Ends the link. It will be made again.
    pub fn cut(&self) {
        self.end.cancel();
    }

    /// Sends a control message. On a closed link it is lost, as is the link.
    pub async fn control(&self, control: Control) {
        let _lost = self.queue.send(message::control(control)).await;
    }

    /// Sends a control message from a blocking thread.
    pub fn blocking_control(&self, control: Control) {
        let _lost = self.queue.blocking_send(message::control(control));
    }

    /// Sends a frame from a blocking thread; `false` where the link is closed.
    pub(super) fn blocking_frame(&self, round: RoundId, frame: Vec<u8>) -> bool {
        !self.end.is_cancelled()
            && self
                .queue
                .blocking_send(message::frame(round, frame))
                .is_ok()
    }

    pub(super) fn inboxes(&self) -> &Inboxes {
        &self.inboxes
    }
}

/// The two tasks' ends of a link.
pub(super) struct Ends {
    outgoing: mpsc::Receiver<Bytes>,
    inboxes: Arc<Inboxes>,
    end: CancellationToken,
}

/// Makes a link's handle and what [`run`] needs.
pub(super) fn new(peer: PartyId, key: PairKey, end: CancellationToken) -> (Link, Ends) {
    let (queue, outgoing) = mpsc::channel(QUEUE);
    let inboxes = Arc::new(Inboxes::default());
    let ends = Ends {
        outgoing,
        inboxes: Arc::clone(&inboxes),
        end: end.clone(),
    };
    let link = Link {
        peer,
        key,
        queue,
        inboxes,
        end,
    };
    (link, ends)
}

/// How long a link may be silent, and how much later messages leave than they could.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) idle: Duration,
    pub(super) delay: Duration,
}

/// Runs a link until it ends, and says why it did.
pub(super) async fn run(
    peer: PartyId,
    socket: Socket,
    ends: Ends,
    pace: Pace,
    events: &mpsc::Sender<PeerEvent>,
) -> PeerError {
    let Ends {
        outgoing,
        inboxes,
        end,
    } = ends;
    let (sink, stream) = socket.split();
    let outgoing = delayed(outgoing, pace.delay);
    let reason = tokio::select! {
        reason = write(peer, sink, outgoing, pace.idle) => reason,
        reason = read(peer, stream, &inboxes, pace.idle, events) => reason,
        () = end.cancelled() => PeerError::Closed(peer),
    };
    end.cancel();
    inboxes.close_all();
    reason
}

async fn write(
    peer: PartyId,
    mut sink: SplitSink<Socket, WsMessage>,
    mut outgoing: mpsc::Receiver<Bytes>,
    idle: Duration,
) -> PeerError {
    let mut keep_alive = tokio::time::interval(idle / 3);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let broken = |source| PeerError::Broken {
        peer,
        source: Box::new(source),
    };
    loop {
        let sent = tokio::select! {
            message = outgoing.recv() => match message {
                Some(message) => feed_all(&mut sink, message, &mut outgoing).await,
                None => return PeerError::Closed(peer),
            },
            _ = keep_alive.tick() => sink.send(WsMessage::Ping(Bytes::new())).await,
        };
        if let Err(source) = sent {
            return broken(source);
        }
    }
}

/// Writes all that waits, then flushes once.
async fn feed_all(
    sink: &mut SplitSink<Socket, WsMessage>,
    first: Bytes,
    outgoing: &mut mpsc::Receiver<Bytes>,
) -> Result<(), tungstenite::Error> {
    sink.feed(WsMessage::Binary(first)).await?;
    while let Ok(message) = outgoing.try_recv() {
        sink.feed(WsMessage::Binary(message)).await?;
    }
    sink.flush().await
}

async fn read(
    peer: PartyId,
    mut stream: SplitStream<Socket>,
    inboxes: &Inboxes,
    idle: Duration,
    events: &mpsc::Sender<PeerEvent>,
) -> PeerError {
    loop {
        let message = match tokio::time::timeout(idle, stream.next()).await {
            Err(_elapsed) => return PeerError::Silent(peer),
            Ok(None) => return PeerError::Closed(peer),
            Ok(Some(Err(source))) => {
                return PeerError::Broken {
                    peer,
                    source: Box::new(source),
                };
            }
            Ok(Some(Ok(message))) => message,
        };
        let problem = match message {
            WsMessage::Binary(bytes) => match message::decode(bytes) {
                Ok(Message::Control(control)) => {
                    let event = PeerEvent::Control {
                        from: peer,
                        control,
                    };
                    if events.send(event).await.is_err() {
                        return PeerError::Closed(peer);
                    }
                    continue;
                }
                Ok(Message::Frame { round, frame }) => match inboxes.deliver(round, frame) {
                    Ok(()) => continue,
                    Err(NotWanted::UnknownRound) => {
                        return PeerError::UnknownRound {
                            peer,
                            round: round.0,
                        };
                    }
                    Err(NotWanted::TooMuch) => {
                        return PeerError::TooMuch {
                            peer,
                            round: round.0,
                        };
                    }
                },
                Err(problem) => problem,
            },
            WsMessage::Ping(_) | WsMessage::Pong(_) => continue,
            WsMessage::Close(_) => return PeerError::Closed(peer),
            WsMessage::Text(_) | WsMessage::Frame(_) => "text",
        };
        return PeerError::Malformed { peer, problem };
    }
}

/// Holds every message back by the same time: latency, not bandwidth.
fn delayed(outgoing: mpsc::Receiver<Bytes>, delay: Duration) -> mpsc::Receiver<Bytes> {
    if delay.is_zero() {
        return outgoing;
    }
    let mut source = outgoing;
    let (stamped, mut due) = mpsc::unbounded_channel();
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        while let Some(message) = source.recv().await {
            if stamped.send((Instant::now() + delay, message)).is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((at, message)) = due.recv().await {
            tokio::time::sleep_until(at).await;
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    receiver
}
