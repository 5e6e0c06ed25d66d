//! A client without a browser: drives the client's state machine over real sockets.
//!
//! What it stores is kept in memory and can be taken out, to start the same client again.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_shared::client::{Action, Client, Command, Event, Millis, Now, Record, View, Write};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::socket::{Socket, open_socket};

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the server.
    Up,
    /// From the server.
    Down,
}

/// A message as seen on the wire: all that an observer of that wire sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The server.
    pub party: PartyId,
    /// Which way it went.
    pub direction: Direction,
    /// Its length.
    pub bytes: usize,
}

/// A client that runs.
#[derive(Debug)]
pub struct NativeClient {
    actions: mpsc::UnboundedSender<Action>,
    view: watch::Receiver<View>,
    end: CancellationToken,
    task: JoinHandle<Vec<Record>>,
}

impl NativeClient {
    /// Starts a client.
    pub fn start(client: Client, deployment: &Deployment) -> Self {
        Self::start_observed(client, deployment, |_| {})
    }

    /// Starts a client whose every message is shown to `observe`.
    pub fn start_observed(
        client: Client,
        deployment: &Deployment,
        observe: impl FnMut(Seen) + Send + 'static,
    ) -> Self {
        let (actions, action_queue) = mpsc::unbounded_channel();
        let (view_sender, view) = watch::channel(client.view());
        let end = CancellationToken::new();
        let (events, event_queue) = mpsc::unbounded_channel();
        let machine = Machine {
            client,
            urls: deployment
                .servers
                .each_ref()
                .map(|server| server.url.clone()),
            sockets: [const { None }; 3],
            next_socket: 0,
            events,
            records: BTreeMap::new(),
            wake_at: None,
            started: Instant::now(),
            view: view_sender,
            observe,
        };
        let task = tokio::spawn(machine.run(action_queue, event_queue, end.clone()));
        Self {
            actions,
            view,
            end,
            task,
        }
    }

    /// Does what a user does.
    pub fn act(&self, action: Action) {
        let _ended = self.actions.send(action);
    }

    /// Returns what a user sees now.
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Waits until a user sees something; `None` where the client ended before.
    pub async fn until(&mut self, seen: impl FnMut(&View) -> bool) -> Option<View> {
        let view = self.view.wait_for(seen).await.ok()?;
        Some(view.clone())
    }

    /// Ends the client and returns what it stored.
    pub async fn stop(self) -> Vec<Record> {
        self.end.cancel();
        self.task.await.unwrap_or_default()
    }
}

/// What the sockets' tasks report; the number tells a socket from the one before.
enum Report {
    Opened(PartyId, u64),
    Message(PartyId, u64, Bytes),
    Closed(PartyId, u64),
}

struct OpenSocket {
    number: u64,
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    end: CancellationToken,
}

struct Machine<F> {
    client: Client,
    urls: [String; 3],
    sockets: [Option<OpenSocket>; 3],
    next_socket: u64,
    events: mpsc::UnboundedSender<Report>,
    records: BTreeMap<String, Vec<u8>>,
    wake_at: Option<Instant>,
    started: Instant,
    view: watch::Sender<View>,
    observe: F,
}

impl<F: FnMut(Seen) + Send> Machine<F> {
    async fn run(
        mut self,
        mut actions: mpsc::UnboundedReceiver<Action>,
        mut reports: mpsc::UnboundedReceiver<Report>,
        end: CancellationToken,
    ) -> Vec<Record> {
        let now = self.now();
        let commands = self.client.start(now, &mut UnwrapErr(SysRng));
        self.perform(commands);
        loop {
            let event = tokio::select! {
                () = end.cancelled() => break,
                Some(action) = actions.recv() => Some(Event::User(action)),
                Some(report) = reports.recv() => self.report(report),
                () = wake(self.wake_at) => {
                    self.wake_at = None;
                    Some(Event::Wake)
                }
            };
            if let Some(event) = event {
                self.handle(event);
                let view = self.client.view();
                self.view.send_if_modified(|shown| {
                    let changed = *shown != view;
                    *shown = view;
                    changed
                });
            }
        }
        for socket in self.sockets.iter().flatten() {
            socket.end.cancel();
        }
        let records = self.records.into_iter();
        records.map(|(key, value)| Record { key, value }).collect()
    }

    fn handle(&mut self, event: Event) {
        let now = self.now();
        let commands = self.client.handle(now, event, &mut UnwrapErr(SysRng));
        self.perform(commands);
    }

    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Now {
            wall: millis(since.unwrap_or_default()),
            steady: millis(self.started.elapsed()),
        }
    }

    fn report(&mut self, report: Report) -> Option<Event> {
        let (Report::Opened(party, number)
        | Report::Message(party, number, _)
        | Report::Closed(party, number)) = report;
        // A socket that was given up may still have something to say.
        self.socket(party)
            .as_ref()
            .filter(|socket| socket.number == number)?;
        Some(match report {
            Report::Opened(..) => Event::Opened(party),
            Report::Message(_, _, bytes) => {
                self.see(party, Direction::Down, bytes.len());
                Event::Frame(party, bytes.into())
            }
            Report::Closed(..) => {
                *self.socket(party) = None;
                Event::Closed(party)
            }
        })
    }

    fn perform(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Connect(party) => self.connect(party),
                Command::Send(party, bytes) => {
                    self.see(party, Direction::Up, bytes.len());
                    if let Some(socket) = self.socket(party) {
                        let _closed = socket.outgoing.send(bytes);
                    }
                }
                Command::Disconnect(party) => {
                    if let Some(socket) = self.socket(party).take() {
                        socket.end.cancel();
                    }
                }
                Command::WakeAfter(millis) => {
                    self.wake_at = Instant::now().checked_add(Duration::from_millis(millis));
                }
                Command::Store(batch, writes) => {
                    for write in writes {
                        match write {
                            Write::Put { key, value } => self.records.insert(key, value),
                            Write::Delete { key } => self.records.remove(&key),
                        };
                    }
                    self.handle(Event::Stored(batch));
                }
                Command::Notify(_) => {}
            }
        }
    }

    fn connect(&mut self, party: PartyId) {
        self.next_socket += 1;
        let number = self.next_socket;
        let (outgoing, queue) = mpsc::unbounded_channel();
        let end = CancellationToken::new();
        let [p0, p1, p2] = &self.urls;
        let url = match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        };
        let (url, events, token) = (url.clone(), self.events.clone(), end.clone());
        tokio::spawn(async move {
            let work = socket(party, number, &url, &events, queue);
            let _ended = token.run_until_cancelled(work).await;
            let _ended = events.send(Report::Closed(party, number));
        });
        let socket = OpenSocket {
            number,
            outgoing,
            end,
        };
        if let Some(old) = self.socket(party).replace(socket) {
            old.end.cancel();
        }
    }

    const fn socket(&mut self, party: PartyId) -> &mut Option<OpenSocket> {
        let [p0, p1, p2] = &mut self.sockets;
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }

    fn see(&mut self, party: PartyId, direction: Direction, bytes: usize) {
        (self.observe)(Seen {
            party,
            direction,
            bytes,
        });
    }
}

/// One socket while it lasts.
async fn socket(
    party: PartyId,
    number: u64,
    url: &str,
    events: &mpsc::UnboundedSender<Report>,
    queue: mpsc::UnboundedReceiver<Vec<u8>>,
) {
    let Ok(socket) = open_socket(url).await else {
        return;
    };
    let _ended = events.send(Report::Opened(party, number));
    let (sink, stream) = socket.split();
    tokio::select! {
        () = write(sink, queue) => {}
        () = read(party, number, stream, events) => {}
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut queue: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        if sink.send(Message::Binary(bytes.into())).await.is_err() {
            return;
        }
    }
}

async fn read(
    party: PartyId,
    number: u64,
    mut stream: SplitStream<Socket>,
    events: &mpsc::UnboundedSender<Report>,
) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Binary(bytes) = message {
            let _ended = events.send(Report::Message(party, number, bytes));
        }
    }
}

async fn wake(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => pending().await,
    }
}

fn millis(time: Duration) -> Millis {
    Millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
