//! One link while it lasts: a reader and a writer for each strand, and the handle that rounds use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use mcmix_shared::party::PartyId;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, MissedTickBehavior, timeout};
use tokio_rustls::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as WsMessage};
use tokio_util::sync::CancellationToken;

use super::inbox::{Inboxes, NotWanted};
use super::message::{self, Control, Message, Place};
use super::queue::{self, Queue, Senders};
use super::strand::{self, LinkId};
use super::{PairKey, PeerError, PeerEvent};

/// The socket below a link.
pub(super) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Time that a peer has to take our farewell.
const FAREWELL: Duration = Duration::from_millis(500);

/// The code by which a link is closed in favour of a newer one.
const REPLACED: u16 = 4001;

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
    senders: Senders,
    inboxes: Arc<Inboxes>,
    round_trip: Arc<RoundTrip>,
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

    /// Returns how long a message and its answer take, as last measured.
    pub fn round_trip(&self) -> Duration {
        let measured = Duration::from_micros(self.round_trip.micros.load(Ordering::Relaxed));
        self.round_trip.added + measured
    }

    /// Ends the link. It will be made again.
    pub fn cut(&self) {
        self.end.cancel();
    }

    /// Sends a control message, past the frames that wait. On a closed link it is lost, as is
    /// the link.
    pub fn control(&self, control: Control) {
        let _lost = self.senders.controls.send(message::control(control));
    }

    /// Sends a frame from a blocking thread; `false` where the link is closed.
    pub(super) fn blocking_frame(&self, place: Place, frame: Vec<u8>) -> bool {
        !self.end.is_cancelled()
            && self
                .senders
                .frames
                .blocking_send(message::frame(place, frame))
                .is_ok()
    }

    pub(super) fn inboxes(&self) -> &Inboxes {
        &self.inboxes
    }
}

/// The ends of a link that its strands need.
pub(super) struct Ends {
    id: LinkId,
    queue: Queue,
    inboxes: Arc<Inboxes>,
    round_trip: Arc<RoundTrip>,
    idle: Duration,
    end: CancellationToken,
    replaced: CancellationToken,
}

/// What ends a link from this side.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// It is cut, or the party stops.
    pub(super) end: CancellationToken,
    /// The peer made a newer one.
    pub(super) replaced: CancellationToken,
}

impl End {
    pub(super) fn new(end: CancellationToken) -> Self {
        let replaced = CancellationToken::new();
        Self { end, replaced }
    }
}

#[cfg(test)]
impl Ends {
    /// Carries what is sent to another link's end, changed on its way.
    pub(super) async fn carry(mut self, to: Link, change: impl Fn(Vec<u8>) -> Vec<u8>) {
        while let Some(message) = self.queue.next().await {
            if let Ok(message::Message::Frame { place, frame }) = message::decode(message) {
                let frame = change(frame.into()).into();
                to.inboxes().deliver(place, frame).unwrap();
            }
        }
    }
}

/// How long a link may be silent, and how much later messages leave than they could.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) idle: Duration,
    pub(super) delay: Duration,
}

/// Makes a link's handle and what [`run`] needs.
pub(super) fn new(peer: PartyId, key: PairKey, pace: Pace, end: End) -> (Link, Ends) {
    let End { end, replaced } = end;
    let (senders, queue) = queue::new(pace.delay);
    let inboxes = Arc::new(Inboxes::default());
    let round_trip = Arc::new(RoundTrip::new(2 * pace.delay));
    let ends = Ends {
        id: key.link_id(),
        queue,
        inboxes: Arc::clone(&inboxes),
        round_trip: Arc::clone(&round_trip),
        idle: pace.idle,
        end: end.clone(),
        replaced,
    };
    let link = Link {
        peer,
        key,
        senders,
        inboxes,
        round_trip,
        end,
    };
    (link, ends)
}

/// The round trip as keep-alives measure it.
#[derive(Debug)]
struct RoundTrip {
    began: Instant,
    /// What is added to messages but not to keep-alives.
    added: Duration,
    micros: AtomicU64,
}

impl RoundTrip {
    fn new(added: Duration) -> Self {
        Self {
            began: Instant::now(),
            added,
            micros: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn ping(&self) -> WsMessage {
        WsMessage::Ping(Bytes::copy_from_slice(&self.now().to_le_bytes()))
    }

    fn pong(&self, payload: &[u8]) {
        if let Ok(sent) = payload.try_into().map(u64::from_le_bytes) {
            let micros = self.now().saturating_sub(sent);
            self.micros.store(micros, Ordering::Relaxed);
        }
    }
}

/// A connection that is to become a strand of a link.
pub(super) type Further = (LinkId, Socket);

/// Runs a link until it ends, and says why it did. Further strands may come; those of another link
/// are dropped.
pub(super) async fn run(
    peer: PartyId,
    socket: Socket,
    ends: Ends,
    mut further: mpsc::Receiver<Further>,
    events: &mpsc::Sender<PeerEvent>,
) -> PeerError {
    let Ends {
        id,
        queue,
        inboxes,
        round_trip,
        idle,
        end,
        replaced,
    } = ends;
    let frames = queue.of_frames();
    let strand = |is_first| Strand {
        peer,
        is_first,
        inboxes: Arc::clone(&inboxes),
        round_trip: Arc::clone(&round_trip),
        idle,
        events: events.clone(),
    };
    let (mut sink, stream) = socket.split();
    let mut strands = JoinSet::new();
    let reason = {
        let first = strand(true);
        let mut first = Box::pin(first.run(&mut sink, stream, queue));
        loop {
            tokio::select! {
                reason = &mut first => break reason,
                Some(ended) = strands.join_next() => break ended.unwrap_or(PeerError::Closed(peer)),
                () = replaced.cancelled() => break PeerError::Renewed(peer),
                () = end.cancelled() => break PeerError::Closed(peer),
                Some((of, socket)) = further.recv() => {
                    if of != id || strands.len() + 1 >= strand::MOST {
                        continue;
                    }
                    let (further, queue) = (strand(false), frames.of_frames());
                    strands.spawn(async move {
                        let (mut sink, stream) = socket.split();
                        further.run(&mut sink, stream, queue).await
                    });
                }
            }
        }
    };
    end.cancel();
    inboxes.close_all();
    // The other strands are dropped after it: the peer hears a farewell and no break.
    let farewell = async {
        if matches!(reason, PeerError::Renewed(_)) {
            let _broken = sink.send(replaced_by_newer()).await;
        }
        sink.close().await
    };
    let _too_late = timeout(FAREWELL, farewell).await;
    reason
}

fn replaced_by_newer() -> WsMessage {
    WsMessage::Close(Some(CloseFrame {
        code: CloseCode::from(REPLACED),
        reason: "replaced by a newer link".into(),
    }))
}

async fn write(
    peer: PartyId,
    sink: &mut SplitSink<Socket, WsMessage>,
    mut queue: Queue,
    round_trip: &RoundTrip,
    idle: Duration,
) -> PeerError {
    let mut keep_alive = tokio::time::interval(idle / 3);
    keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            message = queue.next() => match message {
                Some(message) => write_all(sink, message, &mut queue, idle).await,
                None => return PeerError::Closed(peer),
            },
            _ = keep_alive.tick() => timeout(idle, sink.send(round_trip.ping())).await,
        };
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(source)) => return PeerError::broken(peer, source),
            Err(_elapsed) => return PeerError::Stuck(peer),
        }
    }
}

/// Writes all that waits, then flushes once. A peer that takes nothing for so long would hold
/// rounds up for ever, since whoever sends to it waits without a limit.
async fn write_all(
    sink: &mut SplitSink<Socket, WsMessage>,
    first: Bytes,
    queue: &mut Queue,
    idle: Duration,
) -> Result<Result<(), tungstenite::Error>, Elapsed> {
    let mut next = Some(first);
    while let Some(message) = next {
        if let Err(error) = timeout(idle, sink.feed(WsMessage::Binary(message))).await? {
            return Ok(Err(error));
        }
        next = queue.try_next();
    }
    timeout(idle, sink.flush()).await
}

/// What one connection of a link needs.
struct Strand {
    peer: PartyId,
    is_first: bool,
    inboxes: Arc<Inboxes>,
    round_trip: Arc<RoundTrip>,
    idle: Duration,
    events: mpsc::Sender<PeerEvent>,
}

impl Strand {
    /// Reads and writes until either ends, and says why it did.
    async fn run(
        self,
        sink: &mut SplitSink<Socket, WsMessage>,
        mut stream: SplitStream<Socket>,
        queue: Queue,
    ) -> PeerError {
        let read = async {
            loop {
                if let Err(error) = self.step(&mut stream).await {
                    return error;
                }
            }
        };
        tokio::select! {
            reason = write(self.peer, sink, queue, &self.round_trip, self.idle) => reason,
            reason = read => reason,
        }
    }

    async fn step(&self, stream: &mut SplitStream<Socket>) -> Result<(), PeerError> {
        let peer = self.peer;
        let message = timeout(self.idle, stream.next())
            .await
            .map_err(|_elapsed| PeerError::Silent(peer))?
            .ok_or(PeerError::Closed(peer))?
            .map_err(|source| PeerError::broken(peer, source))?;
        let malformed = |problem| PeerError::Malformed { peer, problem };
        match message {
            WsMessage::Binary(bytes) => match message::decode(bytes).map_err(malformed)? {
                Message::Control(control) => {
                    let from = peer;
                    let event = PeerEvent::Control { from, control };
                    let sent = self.events.send(event).await;
                    sent.map_err(|_stopping| PeerError::Closed(peer))
                }
                Message::Frame { place, frame } => {
                    if !self.is_first {
                        // That the round opens is said on the first strand, which may be slower.
                        let opens = self.inboxes.until_open(place.round);
                        let _too_late = timeout(self.idle, opens).await;
                    }
                    let round = place.round;
                    let delivered = self.inboxes.deliver(place, frame);
                    delivered.map_err(|not_wanted| match not_wanted {
                        NotWanted::UnknownRound => PeerError::UnknownRound { peer, round },
                        NotWanted::TooMuch => PeerError::TooMuch { peer, round },
                        NotWanted::Twice => malformed("a frame twice"),
                    })
                }
            },
            WsMessage::Pong(payload) => {
                self.round_trip.pong(&payload);
                Ok(())
            }
            WsMessage::Ping(_) => Ok(()),
            WsMessage::Close(Some(frame)) if u16::from(frame.code) == REPLACED => {
                Err(PeerError::Replaced(peer))
            }
            WsMessage::Close(_) => Err(PeerError::Closed(peer)),
            WsMessage::Text(_) | WsMessage::Frame(_) => Err(malformed("text")),
        }
    }
}
