use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mcmix_shared::program::RoundId;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::AbortHandle;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::keys::TlsIdentity;
use crate::net::Pins;
use crate::net::message::Place;
use crate::net::strand::LinkId;

/// A state that does not come within this time never comes.
const NEVER: Duration = Duration::from_mins(1);
const STRANGERS: usize = 300;

/// P0 and P1, of which P0 dials P1.
struct Pair {
    tasks: TaskTracker,
    stop: CancellationToken,
    settings: [PeerSettings; 2],
    _folder: TempDir,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = |name: &str| {
            let path = |ending| folder.path().join(format!("{name}.{ending}"));
            TlsIdentity::generate(&path("crt"), &path("key")).unwrap()
        };
        let identities = [identity("p0"), identity("p1")];
        let [pin0, pin1] = identities.each_ref().map(TlsIdentity::fingerprint);
        let [p0, p1] = identities;
        let settings = |me, tls, pin| PeerSettings {
            me,
            next_address: "127.0.0.1:1".to_owned(),
            tls: TlsContext::new(
                tls,
                Pins {
                    next: pin,
                    prev: pin,
                },
            ),
            deployment: [1; 32],
            idle: NEVER,
            delay: Duration::ZERO,
            strands: 1,
        };
        Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            settings: [
                settings(PartyId::P0, p0, pin1),
                settings(PartyId::P1, p1, pin0),
            ],
            _folder: folder,
        }
    }

    /// Starts one of them, and says where it listens.
    async fn start(
        &self,
        party: usize,
        next_address: String,
    ) -> (String, mpsc::Receiver<PeerEvent>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let settings = PeerSettings {
            next_address,
            ..self.settings[party].clone()
        };
        let (_peers, events) = Peers::start(settings, listener, &self.tasks, &self.stop);
        (address, events)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Connects strangers that say something and then wait until the server hangs up.
async fn strangers(address: &str, says: &[u8]) -> FuturesUnordered<impl Future<Output = ()>> {
    let strangers = FuturesUnordered::new();
    for _ in 0..STRANGERS {
        // One by one: the system's queue of new connections is short.
        let mut socket = TcpStream::connect(address).await.unwrap();
        let _hung_up = socket.write_all(says).await;
        strangers.push(async move {
            while !matches!(socket.read(&mut [0; 4096]).await, Ok(0) | Err(_)) {}
        });
    }
    strangers
}

/// However many come while a peer's handshake is under way, saying nothing, anything, or what the
/// peer said.
#[tokio::test]
async fn no_stranger_cuts_off_a_handshake() {
    for says in [Some(b"".to_vec()), Some(b"GET / HTTP/1.1".to_vec()), None] {
        let pair = Pair::new();
        let (p1, mut p1_events) = pair.start(1, "127.0.0.1:1".to_owned()).await;
        let wire = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_p0, _p0_events) = pair.start(0, wire.local_addr().unwrap().to_string()).await;

        // A slow wire: P1's answer to the first flight stays on it while strangers come.
        let (near, _) = wire.accept().await.unwrap();
        let far = TcpStream::connect(&p1).await.unwrap();
        let ((mut from_p0, mut to_p0), (mut from_p1, mut to_p1)) =
            (near.into_split(), far.into_split());
        let (mut first_flight, mut answer) = (Vec::new(), vec![0; 1 << 16]);
        let mut sent = 0;
        let answered = loop {
            tokio::select! {
                _read = from_p0.read_buf(&mut first_flight) => {
                    to_p1.write_all(&first_flight[sent..]).await.unwrap();
                    sent = first_flight.len();
                }
                read = from_p1.read(&mut answer) => break read.unwrap(),
            }
        };
        let says = says.unwrap_or(first_flight);
        let mut strangers = strangers(&p1, &says).await;
        let crowd = async {
            while strangers.next().await.is_some() {
                if strangers.len() <= STRANGERS / 2 {
                    break;
                }
            }
        };
        timeout(NEVER, crowd).await.expect("strangers give way");

        to_p0.write_all(&answer[..answered]).await.unwrap();
        let wire = async {
            tokio::select! {
                ended = tokio::io::copy(&mut from_p0, &mut to_p1) => ended,
                ended = tokio::io::copy(&mut from_p1, &mut to_p0) => ended,
            }
        };
        tokio::select! {
            event = p1_events.recv() => assert!(matches!(event, Some(PeerEvent::Up { .. }))),
            ended = wire => panic!("the peer was cut off: {ended:?}"),
            () = tokio::time::sleep(NEVER) => panic!("no link"),
        }
    }
}

#[test]
fn links_that_do_not_last_are_made_again_more_and_more_slowly() {
    let mut pauses = Pauses(FIRST_RETRY);
    let (short, silent) = (Duration::from_millis(20), PeerError::Silent(PartyId::P1));
    let pauses_after_short: Vec<_> = (0..8).map(|_| pauses.after(short, &silent)).collect();
    assert!(pauses_after_short.is_sorted());
    assert_eq!(pauses_after_short.first(), Some(&FIRST_RETRY));
    assert_eq!(pauses_after_short.last(), Some(&LAST_RETRY));
    assert_eq!(pauses.after(LAST_RETRY, &silent), FIRST_RETRY);
}

/// A connection through a wire: what it carried there, and its end.
type Carried = (Arc<AtomicU64>, AbortHandle);

/// A wire to P1 that counts what each connection brings there.
struct Wire {
    address: String,
    carried: Arc<Mutex<Vec<Carried>>>,
}

impl Wire {
    async fn to(p1: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let carried = Arc::new(Mutex::new(Vec::<Carried>::new()));
        let all = Arc::clone(&carried);
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(&p1).await.unwrap();
                let bytes = Arc::new(AtomicU64::new(0));
                let carry = tokio::spawn(carry_on(near, far, Arc::clone(&bytes)));
                all.lock().unwrap().push((bytes, carry.abort_handle()));
            }
        });
        Self { address, carried }
    }

    fn bytes(&self) -> Vec<u64> {
        let carried = self.carried.lock().unwrap();
        let bytes = carried.iter().map(|(bytes, _)| bytes);
        bytes.map(|it| it.load(Ordering::Relaxed)).collect()
    }

    fn cut(&self, connection: usize) {
        self.carried.lock().unwrap()[connection].1.abort();
    }
}

async fn carry_on(near: TcpStream, far: TcpStream, bytes: Arc<AtomicU64>) {
    let ((mut from, mut back), (mut answers, mut to)) = (near.into_split(), far.into_split());
    let there = async {
        let mut part = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from.read(&mut part).await {
            bytes.fetch_add(read as u64, Ordering::Relaxed);
            if to.write_all(&part[..read]).await.is_err() {
                break;
            }
        }
    };
    let _ended = tokio::join!(there, tokio::io::copy(&mut answers, &mut back));
}

async fn up(events: &mut mpsc::Receiver<PeerEvent>) -> Link {
    match events.recv().await {
        Some(PeerEvent::Up { link, .. }) => link,
        other => panic!("{other:?}"),
    }
}

/// Sends from one end to the other, in one round, and checks what comes.
async fn carry(from: &Link, to: &Link, round: u64) {
    const FRAMES: u32 = 64;
    const FRAME_BYTES: usize = 1 << 15;
    let round = RoundId(round);
    let frames = to.inboxes().open(round, 1 << 22);
    let from = from.clone();
    let carried = tokio::task::spawn_blocking(move || {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..FRAMES {
                    let frame = number.to_le_bytes().repeat(FRAME_BYTES / 4);
                    assert!(from.blocking_frame(Place { round, number }, frame));
                }
            });
            for number in 0..FRAMES {
                let frame = frames.recv().unwrap();
                assert_eq!(frame.len(), FRAME_BYTES);
                assert!(frame.starts_with(&number.to_le_bytes()), "in order");
            }
        });
    });
    carried.await.unwrap();
}

/// However many connections a link has, frames come in order, over all of them; where one ends, the
/// link does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_link_of_several_strands_is_one() {
    const STRANDS: usize = 4;
    let mut pair = Pair::new();
    pair.settings[0].strands = STRANDS;
    let (p1, mut p1_events) = pair.start(1, "127.0.0.1:1".to_owned()).await;
    let wire = Wire::to(p1).await;
    let (_p0, mut p0_events) = pair.start(0, wire.address.clone()).await;
    let (p0_link, p1_link) = (up(&mut p0_events).await, up(&mut p1_events).await);
    let all_carry = async {
        for round in 1.. {
            carry(&p0_link, &p1_link, round).await;
            carry(&p1_link, &p0_link, round).await;
            let bytes = wire.bytes();
            if bytes.len() == STRANDS && bytes.iter().all(|bytes| *bytes > 1 << 17) {
                break;
            }
        }
    };
    timeout(NEVER, all_carry).await.expect("all strands carry");
    wire.cut(STRANDS - 1);
    for events in [&mut p0_events, &mut p1_events] {
        let down = timeout(NEVER, events.recv()).await;
        let down = down.expect("the link ends with a strand");
        assert!(matches!(down, Some(PeerEvent::Down { .. })), "{down:?}");
    }
}

/// A strand that was made for another link, say one that has just ended, ends nothing.
#[tokio::test]
async fn a_strand_of_another_link_is_dropped() {
    let pair = Pair::new();
    let (p1, mut p1_events) = pair.start(1, "127.0.0.1:1".to_owned()).await;
    let (_p0, mut p0_events) = pair.start(0, p1.clone()).await;
    let (p0_link, p1_link) = (up(&mut p0_events).await, up(&mut p1_events).await);
    let (events, _) = mpsc::channel(1);
    let maker = Maker {
        settings: PeerSettings {
            next_address: p1,
            ..pair.settings[0].clone()
        },
        events,
        position: Arc::default(),
        tasks: pair.tasks.clone(),
        stop: pair.stop.clone(),
    };
    let other = Purpose::Strand(LinkId(7));
    let socket = TcpStream::connect(&maker.settings.next_address)
        .await
        .unwrap();
    let shaken = maker.shake_hands(PartyId::P1, socket, other).await;
    let (mut socket, _session) = shaken.unwrap();
    let hung_up = timeout(NEVER, socket.next()).await.expect("it is dropped");
    assert!(!matches!(hung_up, Some(Ok(_))), "{hung_up:?}");
    carry(&p0_link, &p1_link, 1).await;
}

/// What was logged.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Writes here what the test's thread logs.
    fn here(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

/// Two servers with P0's keys take each other's link. Both are told so, as is P1's operator, and both
/// wait.
#[tokio::test]
async fn two_servers_with_one_key_are_told_so() {
    let log = Log::default();
    let _here = log.here();
    let pair = Pair::new();
    let (p1, mut p1_events) = pair.start(1, "127.0.0.1:1".to_owned()).await;
    let (_one, _one_events) = pair.start(0, p1.clone()).await;
    // A link that nobody holds ends by itself.
    let mut held = vec![up(&mut p1_events).await];
    let (_other, _other_events) = pair.start(0, p1).await;
    let said = async {
        while let Some(event) = p1_events.recv().await {
            if let PeerEvent::Up { link, .. } = event {
                held.push(link);
            }
            let text = log.text();
            if text.contains("a second server runs with") && text.contains("two servers run with") {
                break;
            }
        }
    };
    let said = timeout(Duration::from_secs(10), said).await;
    assert!(said.is_ok(), "{}", log.text());
    let lines = log
        .text()
        .lines()
        .filter(|line| line.contains("second server"))
        .count();
    assert!(lines <= 3, "{}", log.text());
}

#[test]
fn whoever_is_replaced_waits_longer_each_time() {
    let mut pauses = Pauses(FIRST_RETRY);
    let replaced = PeerError::Replaced(PartyId::P1);
    let mut after = |seconds, error| {
        pauses
            .after(Duration::from_secs(seconds), error)
            .as_millis()
    };
    let waits: Vec<_> = [1, 2, 4, 8, 16, 32, 60, 60]
        .map(|lasted| after(lasted, &replaced))
        .into();
    assert_eq!(
        waits,
        [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    );
    // What ends for another reason is made again at once, or soon.
    let silent = PeerError::Silent(PartyId::P1);
    let waits: Vec<_> = [0, 5, 0, 0].map(|lasted| after(lasted, &silent)).into();
    assert_eq!(waits, [2000, 50, 100, 200]);
}

#[tokio::test]
async fn strangers_are_called_so_and_logged_seldom() {
    let log = Log::default();
    let _here = log.here();
    let pair = Pair::new();
    let (p1, _events) = pair.start(1, "127.0.0.1:1".to_owned()).await;
    let strangers = strangers(&p1, b"GET / HTTP/1.1\r\n\r\n").await;
    let gone = strangers.collect::<Vec<()>>();
    timeout(NEVER, gone).await.expect("strangers give way");
    let text = log.text();
    // What this end says of P2, which it can't reach, is another matter.
    let lines = text.lines().filter(|line| !line.contains("P2"));
    let lines: Vec<_> = lines.collect();
    assert!(
        lines.len() <= 2,
        "{} lines: {:?}",
        lines.len(),
        lines.first()
    );
    assert!(
        lines.iter().all(|line| line.contains("stranger")),
        "{lines:?}"
    );
}
