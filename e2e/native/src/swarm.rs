//! Thousands of clients on one thread: each the browser's state machine with three sockets.
//!
//! Looked at in ticks, as a server looks at its own sockets: what is measured is the servers, and a
//! thread for each client would cost more than they do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_shared::client::{Client, Command, Event, Millis, Now};
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;
use socket2::{Domain, SockAddr, Type};
use tokio_tungstenite::tungstenite::handshake::client::{ClientHandshake, Request};
use tokio_tungstenite::tungstenite::handshake::{HandshakeError, MidHandshake};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket, client::client_with_config};

use crate::light::Light;
use crate::socket::request;

/// Time from one look at all sockets to the next.
const TICK: Duration = Duration::from_millis(5);
/// Sockets that the system names at a time.
const EVENTS: usize = 1024;
/// Loopback addresses that clients come from: one has too few ports for all.
const ADDRESSES: usize = 32;

/// Why a swarm can't be.
#[derive(Debug, thiserror::Error)]
pub enum SwarmError {
    /// The system can't watch sockets.
    #[error("can't watch sockets: {0}")]
    Poll(#[from] io::Error),
    /// A server's address is none on this machine.
    #[error("expected ws://ADDRESS:PORT/client, got {0}")]
    Address(String),
}

/// How far a swarm is behind, since it was last asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lag {
    /// The longest time between two looks.
    pub longest: Duration,
    /// Looks.
    pub looks: u32,
}

/// One WebSocket on its way.
enum Wire {
    Connecting(TcpStream),
    Upgrading(MidHandshake<ClientHandshake<TcpStream>>),
    Open(Box<WebSocket<TcpStream>>),
}

/// What decides for somebody.
enum Mind {
    /// All that a browser does.
    Whole(Box<Client>),
    /// Only what servers see.
    Light(Box<Light>),
}

/// Which clients join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The browser's state machine.
    Whole,
    /// Clients that only take part.
    Light,
}

struct Person {
    mind: Mind,
    wires: [Option<Wire>; 3],
    wake_at: Option<Instant>,
}

/// Thousands of clients.
pub struct Swarm {
    poll: Poll,
    servers: [(SocketAddr, Request); 3],
    deployment: Deployment,
    people: Vec<Person>,
    wakes: BinaryHeap<Reverse<(Instant, usize)>>,
    rng: ChaCha12Rng,
    started: Instant,
    last_look: Instant,
    lag: Lag,
}

impl std::fmt::Debug for Swarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Swarm")
            .field("people", &self.people.len())
            .finish_non_exhaustive()
    }
}

impl Swarm {
    /// Makes one of nobody yet.
    ///
    /// # Errors
    /// When sockets can't be watched or the servers are not on this machine.
    pub fn new(deployment: Deployment) -> Result<Self, SwarmError> {
        let server = |party| {
            let url = &deployment.server(party).url;
            let wrong = || SwarmError::Address(url.clone());
            let address = url
                .strip_prefix("ws://")
                .and_then(|rest| rest.strip_suffix("/client"));
            let address = address.and_then(|it| it.parse().ok()).ok_or_else(wrong)?;
            Ok::<_, SwarmError>((address, request(url).map_err(|_| wrong())?))
        };
        let [p0, p1, p2] = PartyId::ALL.map(server);
        Ok(Self {
            poll: Poll::new()?,
            servers: [p0?, p1?, p2?],
            deployment,
            people: Vec::new(),
            wakes: BinaryHeap::new(),
            rng: ChaCha12Rng::from_rng(&mut UnwrapErr(SysRng)),
            started: Instant::now(),
            last_look: Instant::now(),
            lag: Lag::default(),
        })
    }

    /// Lets somebody join.
    ///
    /// # Panics
    /// Never: the name is one.
    pub fn join(&mut self, kind: Kind) {
        let (deployment, now) = (self.deployment.clone(), self.now());
        let (mind, commands) = match kind {
            Kind::Whole => {
                let name = Name::new("Somebody").expect("a name");
                let mut client = Client::create(deployment, name, &mut self.rng);
                let commands = client.start(now, &mut self.rng);
                (Mind::Whole(Box::new(client)), commands)
            }
            Kind::Light => {
                let light = Light::new(deployment, &mut self.rng);
                (Mind::Light(Box::new(light)), Light::start())
            }
        };
        let at = self.people.len();
        self.people.push(Person {
            mind,
            wires: [None, None, None],
            wake_at: None,
        });
        self.perform(at, commands);
    }

    /// Returns how far behind it was since this was last asked.
    pub fn lag(&mut self) -> Lag {
        std::mem::take(&mut self.lag)
    }

    /// Looks at all sockets and clocks once, after at most a tick.
    ///
    /// # Errors
    /// When sockets can't be watched any more.
    pub fn look(&mut self) -> Result<(), SwarmError> {
        let next = self.last_look + TICK;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
        self.lag.longest = self.lag.longest.max(self.last_look.elapsed());
        self.lag.looks += 1;
        self.last_look = Instant::now();
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.poll.poll(&mut events, Some(Duration::ZERO)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                let Token(token) = event.token();
                if let Some(party) = PartyId::from_index(token % 3) {
                    self.step(token / 3, party);
                }
            }
            if events.iter().count() < EVENTS {
                break;
            }
        }
        let now = Instant::now();
        while let Some(Reverse((at, person))) = self.wakes.peek().copied()
            && at <= now
        {
            self.wakes.pop();
            let due = self.people.get_mut(person);
            // Of several times that it named, the last one counts.
            if due.is_some_and(|due| due.wake_at.take_if(|wake| *wake == at).is_some()) {
                self.handle(person, Event::Wake);
            }
        }
        Ok(())
    }

    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Now {
            wall: millis(since.unwrap_or_default()),
            steady: millis(self.started.elapsed()),
        }
    }

    fn handle(&mut self, at: usize, event: Event) {
        let now = self.now();
        if let Some(person) = self.people.get_mut(at) {
            let commands = match &mut person.mind {
                Mind::Whole(client) => client.handle(now, event, &mut self.rng),
                Mind::Light(light) => light.handle(event, &mut self.rng),
            };
            self.perform(at, commands);
        }
    }

    fn perform(&mut self, at: usize, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Connect(party) => {
                    let wire = self.connect(at, party).ok().map(Wire::Connecting);
                    let failed = wire.is_none();
                    if let Some(place) = self.wire(at, party) {
                        *place = wire;
                    }
                    if failed {
                        self.handle(at, Event::Closed(party));
                    }
                }
                Command::Send(party, bytes) => {
                    if let Some(Some(Wire::Open(socket))) = self.wire(at, party) {
                        // What goes wrong is found where it is read.
                        let _full = socket.write(Message::Binary(bytes.into()));
                        let _full = socket.flush();
                    }
                }
                Command::Disconnect(party) => {
                    if let Some(place) = self.wire(at, party) {
                        *place = None;
                    }
                }
                Command::WakeAfter(millis) => {
                    let wake = Instant::now() + Duration::from_millis(millis);
                    if let Some(person) = self.people.get_mut(at) {
                        person.wake_at = Some(wake);
                        self.wakes.push(Reverse((wake, at)));
                    }
                }
                Command::Store(batch, _writes) => self.handle(at, Event::Stored(batch)),
                Command::Notify(_) => {}
            }
        }
    }

    fn wire(&mut self, at: usize, party: PartyId) -> Option<&mut Option<Wire>> {
        let [p0, p1, p2] = &mut self.people.get_mut(at)?.wires;
        Some(match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        })
    }

    fn server(&self, party: PartyId) -> &(SocketAddr, Request) {
        let [p0, p1, p2] = &self.servers;
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }

    fn connect(&self, at: usize, party: PartyId) -> io::Result<TcpStream> {
        let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        let host = u8::try_from(at % ADDRESSES).unwrap_or_default();
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 1, host + 1), 0));
        socket.bind(&SockAddr::from(from))?;
        let (to, _) = self.server(party);
        match socket.connect(&SockAddr::from(*to)) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => return Err(error),
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = Token(3 * at + party.index());
        self.poll.registry().register(&mut stream, token, both)?;
        Ok(stream)
    }

    /// Goes on with a socket that the system named.
    fn step(&mut self, at: usize, party: PartyId) {
        let (_, request) = self.server(party);
        let request = request.clone();
        let Some(wire) = self.wire(at, party).and_then(Option::take) else {
            return;
        };
        let shaken = match wire {
            Wire::Connecting(stream) => {
                if stream.peer_addr().is_err() {
                    let failed = !matches!(stream.take_error(), Ok(None));
                    return self.put(at, party, (!failed).then_some(Wire::Connecting(stream)));
                }
                client_with_config(request, stream, Some(config()))
            }
            Wire::Upgrading(half) => half.handshake(),
            Wire::Open(mut socket) => {
                let (messages, open) = read(&mut socket);
                if let Some(place) = self.wire(at, party) {
                    *place = open.then_some(Wire::Open(socket));
                }
                for bytes in messages {
                    self.handle(at, Event::Frame(party, bytes));
                }
                if !open {
                    self.handle(at, Event::Closed(party));
                }
                return;
            }
        };
        match shaken {
            Ok((socket, _response)) => {
                self.put(at, party, Some(Wire::Open(Box::new(socket))));
                self.handle(at, Event::Opened(party));
                // What came with the answer is not named again.
                self.step(at, party);
            }
            Err(HandshakeError::Interrupted(half)) => {
                self.put(at, party, Some(Wire::Upgrading(half)));
            }
            Err(HandshakeError::Failure(_)) => self.put(at, party, None),
        }
    }

    /// Puts a socket back; one that is none any more is closed.
    fn put(&mut self, at: usize, party: PartyId, wire: Option<Wire>) {
        let gone = wire.is_none();
        if let Some(place) = self.wire(at, party) {
            *place = wire;
        }
        if gone {
            self.handle(at, Event::Closed(party));
        }
    }
}

/// What connecting says while it is under way (EINPROGRESS).
const IN_PROGRESS: i32 = 115;

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(2048)
        .write_buffer_size(0)
}

/// Reads all that came, and says whether the socket is still open.
fn read(socket: &mut WebSocket<TcpStream>) -> (Vec<Vec<u8>>, bool) {
    let mut messages = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Binary(bytes)) => messages.push(bytes.into()),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                return (messages, true);
            }
            Err(_) => return (messages, false),
        }
    }
}

fn millis(time: Duration) -> Millis {
    Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
