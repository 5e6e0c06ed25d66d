//! A thread that serves many clients' sockets: reads them and writes them in ticks.
//!
//! Waking a thread for every frame costs more than the frame. So it looks at all sockets at once,
//! a hundred times a second at most, and writes to each what has come up for it in one go.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream as StdStream};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, atomic::Ordering};
use std::time::{Duration, Instant};

use mcmix_shared::identity::ClientId;
use mcmix_shared::noise::Transport;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{ClientFrame, Refusal, ServerFrame, Welcome};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use tokio::sync::oneshot;

use super::counts::Unserved;
use super::link::{End, Link};
use super::turned_away::Reason;
use super::{Client, Shared};
use crate::egress::Replies;
use crate::http::accept::Permit;
use crate::intake::OpenRound;

/// Time from one look at all sockets to the next.
const TICK: Duration = Duration::from_millis(10);
/// How long an announcement waits for the replies of the round before, to go with them: a frame of
/// its own costs as much as all else that a round does to a socket.
const HOLD: Duration = Duration::from_millis(250);
/// Time that a client has to take its last frames.
const LINGER: Duration = Duration::from_secs(2);
/// Bytes that a client may still send meanwhile.
const LINGER_BYTES: usize = 1 << 18;
/// Bytes read at a time.
const READ_BYTES: usize = 1 << 16;
/// Sockets that the system names at a time.
const EVENTS: usize = 1024;

/// A client whose session is made.
pub(super) struct Arrival {
    pub(super) socket: StdStream,
    pub(super) permit: Option<Permit>,
    pub(super) client: Client,
    pub(super) transport: Transport,
    /// What came and was not read yet.
    pub(super) came: Vec<u8>,
}

/// What a shard is told.
pub(super) enum Order {
    /// A client joins, over its so manieth connection.
    Join(Box<Arrival>, u64),
    /// A round takes submissions.
    Open(OpenRound),
    /// A frame for everyone.
    Tell(ServerFrame),
    /// What a round comes to.
    Reply(Arc<Replies>),
    /// Everyone is refused.
    RefuseAll(Refusal),
    /// To be answered when all that has come until now is taken in, and what it caused is written.
    Settle(oneshot::Sender<()>),
}

/// The waker's token; no slab is that full.
pub(super) const WAKE: Token = Token(usize::MAX);

/// A client's place.
struct Seat {
    socket: TcpStream,
    link: Link,
    client: Client,
    /// Of two connections of a client, the later one has the greater number.
    connection: u64,
    /// Given back when the socket is.
    _permit: Option<Permit>,
    /// The newest round of each lane that the client was told of.
    told: [RoundId; 2],
    stage: Stage,
}

enum Stage {
    Open,
    /// Refused: what it still sends is read and dropped, so that it reads our last frames.
    Closing {
        until: Instant,
        bytes_left: usize,
    },
}

/// An announcement that waits for the replies before it.
struct Held {
    open: OpenRound,
    until: Instant,
}

/// The rounds of one lane, as far as clients are told of them.
#[derive(Default)]
struct Lane {
    /// Whether replies of the round told of last are still to come.
    pending: bool,
    held: Option<Held>,
}

/// Returns what belongs to a program's lane: conversation, or both dialing programs.
const fn of_lane<T>(lanes: &mut [T; 2], program: Program) -> &mut T {
    let [conversation, dialing] = lanes;
    match program {
        Program::Conversation => conversation,
        Program::Contacts | Program::Open => dialing,
    }
}

pub(super) struct Shard {
    poll: Poll,
    orders: Receiver<Order>,
    shared: Arc<Shared>,
    seats: Slab<Seat>,
    by_id: HashMap<ClientId, usize>,
    lanes: [Lane; 2],
    /// When something was sent to all last.
    told_all: Instant,
    /// Who waits until all is read and written.
    settling: Vec<oneshot::Sender<()>>,
    /// Those that have something to write.
    dirty: Vec<usize>,
    closing: Vec<usize>,
    buffer: Box<[u8]>,
}

impl Shard {
    pub(super) fn new(poll: Poll, orders: Receiver<Order>, shared: Arc<Shared>) -> Self {
        Self {
            poll,
            orders,
            shared,
            seats: Slab::new(),
            by_id: HashMap::new(),
            lanes: [Lane::default(), Lane::default()],
            told_all: Instant::now(),
            settling: Vec::new(),
            dirty: Vec::new(),
            closing: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
        }
    }

    /// Serves until nobody can give orders any more.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.poll.poll(&mut events, Some(self.timeout())) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.look(&events);
            let full = events.iter().count() == EVENTS;
            if self.obey().is_err() {
                return Ok(());
            }
            self.announce_held();
            self.keep_alive();
            self.write_all();
            for settled in self.settling.drain(..) {
                let _gone = settled.send(());
            }
            self.end_closing();
            if !full {
                std::thread::sleep(TICK);
            }
        }
    }

    fn timeout(&self) -> Duration {
        let held = self.lanes.iter().flat_map(|lane| &lane.held);
        let held = held.map(|held| held.until);
        let closing = self
            .closing
            .iter()
            .filter_map(|&at| match self.seats.get(at)?.stage {
                Stage::Closing { until, .. } => Some(until),
                Stage::Open => None,
            });
        // Without clients, too: who comes first is not told sooner than those of other threads.
        let quiet = self.told_all + self.shared.keep_alive;
        let first = held.chain(closing).fold(quiet, Instant::min);
        first.saturating_duration_since(Instant::now())
    }

    fn look(&mut self, events: &Events) {
        for event in events {
            if event.token() == WAKE {
                continue;
            }
            let at = event.token().0;
            if event.is_readable() {
                self.read(at, event.is_read_closed());
            }
            if event.is_writable() {
                self.dirty.push(at);
            }
        }
    }

    /// Reads all that a socket has; where the client has closed it, to its end, of which the system
    /// does not speak again.
    fn read(&mut self, at: usize, to_end: bool) {
        loop {
            let Some(seat) = self.seats.get_mut(at) else {
                return;
            };
            let count = match seat.socket.read(&mut self.buffer) {
                Ok(0) => return self.remove(at),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return self.remove(at),
            };
            self.shared.counts.receive(count);
            let mut buffer = core::mem::take(&mut self.buffer);
            self.take(at, buffer.get_mut(..count).unwrap_or_default());
            self.buffer = buffer;
            // The system names a socket anew for what comes after this.
            if count < READ_BYTES && !to_end {
                return;
            }
        }
    }

    /// Takes in what came from a client.
    fn take(&mut self, at: usize, bytes: &mut [u8]) {
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        if let Stage::Closing { bytes_left, .. } = &mut seat.stage {
            match bytes_left.checked_sub(bytes.len()) {
                Some(left) => *bytes_left = left,
                None => self.remove(at),
            }
            return;
        }
        let (client, connection) = (seat.client, seat.connection);
        let (collector, counts) = (&self.shared.collector, &self.shared.counts);
        let received = seat.link.receive(bytes, |frame| {
            let taken = frame.and_then(|frame| match frame {
                ClientFrame::Submit(submit) => collector.submit(client, connection, submit),
                ClientFrame::Ready => Err(Refusal::Repeated),
            });
            taken.inspect_err(|&refusal| counts.frames.add(refusal))
        });
        if !seat.link.out().is_empty() {
            self.dirty.push(at);
        }
        if let Err(end) = received {
            self.end(at, end);
        }
    }

    fn obey(&mut self) -> Result<(), ()> {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Join(arrival, connection)) => self.join(*arrival, connection),
                Ok(Order::Open(open)) => self.open(open),
                Ok(Order::Tell(frame)) => {
                    if let ServerFrame::Failed { program, .. } = frame {
                        self.settle_lane(program);
                    }
                    let bytes = frame.encode();
                    self.tell_all(|link| link.tell_bytes(&bytes));
                }
                Ok(Order::Reply(replies)) => self.reply(&replies),
                Ok(Order::RefuseAll(reason)) => {
                    for at in self.open_seats() {
                        self.end(at, End::Refused(reason));
                    }
                }
                Ok(Order::Settle(settled)) => {
                    self.read_all();
                    self.settling.push(settled);
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(()),
            }
        }
    }

    /// Reads every socket that has something, once: whoever goes on sending is not waited for.
    fn read_all(&mut self) {
        let mut events = Events::with_capacity(EVENTS);
        for _ in 0..=self.seats.len() / EVENTS {
            if self.poll.poll(&mut events, Some(Duration::ZERO)).is_err() || events.is_empty() {
                return;
            }
            self.look(&events);
        }
    }

    fn open_seats(&self) -> Vec<usize> {
        let open = self.seats.iter();
        open.filter(|(_, seat)| matches!(seat.stage, Stage::Open))
            .map(|(at, _)| at)
            .collect()
    }

    /// Gives a client its place. An older connection of the same key is refused from now on.
    fn join(&mut self, arrival: Arrival, connection: u64) {
        let Arrival {
            socket,
            permit,
            client,
            transport,
            mut came,
        } = arrival;
        let mut socket = TcpStream::from_std(socket);
        let entry = self.seats.vacant_entry();
        let at = entry.key();
        let both = Interest::READABLE | Interest::WRITABLE;
        if self
            .poll
            .registry()
            .register(&mut socket, Token(at), both)
            .is_err()
        {
            return;
        }
        entry.insert(Seat {
            socket,
            link: Link::new(self.shared.rules, transport),
            client,
            connection,
            _permit: permit,
            told: [RoundId(0); 2],
            stage: Stage::Open,
        });
        self.shared.connected.fetch_add(1, Ordering::Relaxed);
        let place = match self.by_id.get(&client.id).copied() {
            Some(earlier) => match self.seats.get(earlier) {
                Some(seat) if seat.client.key != client.key => Err(Refusal::IdTaken),
                _ => {
                    self.end(earlier, End::Refused(Refusal::Replaced));
                    Ok(())
                }
            },
            None if self.shared.connected.load(Ordering::Relaxed) > self.shared.most => {
                self.shared.turned_away.note(Reason::Full);
                Err(Refusal::TooManyConnections)
            }
            None => Ok(()),
        };
        if let Err(reason) = place {
            return self.end(at, End::Refused(reason));
        }
        self.by_id.insert(client.id, at);
        if let Err(end) = self.greet(at) {
            return self.end(at, end);
        }
        self.take(at, &mut came);
        // It may have sent more before the socket was watched.
        self.read(at, false);
    }

    /// Greets the client and tells it what is open already.
    fn greet(&mut self, at: usize) -> Result<(), End> {
        let (shared, lanes) = (&self.shared, &self.lanes);
        let Some(seat) = self.seats.get_mut(at) else {
            return Ok(());
        };
        self.dirty.push(at);
        let online = shared.online(Program::Conversation);
        let welcome = Welcome::new(shared.rules.party, &shared.deployment, online);
        seat.link.tell(&ServerFrame::Welcome(welcome))?;
        if shared.stopped.load(Ordering::Relaxed) {
            seat.link.tell(&ServerFrame::Stopped)?;
        }
        let open = shared.collector.open_rounds();
        // What the others are told later it is told with them.
        let held = |round| {
            let mut held = lanes.iter().flat_map(|lane| &lane.held);
            held.any(|held| held.open.round == round)
        };
        for open in open.iter().filter(|open| !held(open.round)) {
            seat.link
                .tell(&open.announcement(shared.online(open.program)))?;
            *of_lane(&mut seat.told, open.program) = open.round;
        }
        Ok(())
    }

    fn open(&mut self, open: OpenRound) {
        let lane = of_lane(&mut self.lanes, open.program);
        if lane.pending {
            let now = Instant::now();
            let window = open.closes_at.saturating_duration_since(now);
            // Whoever answers has most of its time left, however short rounds are.
            let until = now + HOLD.min(window / 8);
            lane.held = Some(Held { open, until });
        } else {
            self.announce(open);
        }
    }

    fn announce(&mut self, open: OpenRound) {
        of_lane(&mut self.lanes, open.program).pending = true;
        self.told_all = Instant::now();
        let online = self.shared.online(open.program);
        let frame = open.announcement(online).encode();
        for at in self.open_seats() {
            let Some(seat) = self.seats.get_mut(at) else {
                continue;
            };
            // Whoever just joined may have been told already.
            let newest = of_lane(&mut seat.told, open.program);
            if *newest >= open.round {
                continue;
            }
            *newest = open.round;
            let told = seat.link.tell_bytes(&frame);
            self.told(at, told);
        }
    }

    /// The lane's round is over: what waited for it waits no longer.
    fn settle_lane(&mut self, program: Program) {
        let lane = of_lane(&mut self.lanes, program);
        lane.pending = false;
        if let Some(held) = lane.held.take() {
            self.announce(held.open);
        }
    }

    fn announce_held(&mut self) {
        let now = Instant::now();
        let due = self.lanes.each_mut().map(|lane| {
            let due = lane.held.take_if(|held| held.until <= now);
            due.map(|held| held.open)
        });
        for open in due.into_iter().flatten() {
            self.announce(open);
        }
    }

    /// Sends every client this party's part of its reply, whichever connection it handed in over.
    fn reply(&mut self, replies: &Replies) {
        let mut frame = Vec::new();
        for (client, body) in replies.each() {
            let Some(at) = self.seat_of(client) else {
                continue;
            };
            ServerFrame::encode_reply(replies.round, replies.program, body, &mut frame);
            if let Some(seat) = self.seats.get_mut(at) {
                let told = seat.link.tell_bytes(&frame);
                self.told(at, told);
            }
        }
        for (client, reason) in &replies.left_out {
            let frame = ServerFrame::Missed {
                round: replies.round,
                program: replies.program,
                reason: *reason,
            };
            if let Some(at) = self.seat_of(client)
                && let Some(seat) = self.seats.get_mut(at)
            {
                let told = seat.link.tell(&frame);
                self.told(at, told);
            }
        }
        self.settle_lane(replies.program);
    }

    /// Returns the place of a client that is connected under its key.
    fn seat_of(&self, client: &Client) -> Option<usize> {
        let at = *self.by_id.get(&client.id)?;
        let seat = self.seats.get(at)?;
        (seat.client.key == client.key).then_some(at)
    }

    /// Where nothing has been said to all for so long that a proxy may take links for dead, says
    /// something to all: the same to each, whatever it does.
    fn keep_alive(&mut self) {
        if self.told_all.elapsed() >= self.shared.keep_alive {
            self.tell_all(Link::keep_alive);
        }
    }

    fn tell_all(&mut self, tell: impl Fn(&mut Link) -> Result<(), End>) {
        self.told_all = Instant::now();
        for at in self.open_seats() {
            if let Some(seat) = self.seats.get_mut(at) {
                let told = tell(&mut seat.link);
                self.told(at, told);
            }
        }
    }

    fn told(&mut self, at: usize, told: Result<(), End>) {
        match told {
            Ok(()) => self.dirty.push(at),
            // It reads nothing, and isn't waited for.
            Err(_) => self.remove(at),
        }
    }

    /// Writes what has come up, to each in one go.
    fn write_all(&mut self) {
        let mut dirty = core::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for &at in &dirty {
            if self.write(at).is_err() {
                self.remove(at);
            }
        }
        dirty.clear();
        self.dirty = dirty;
    }

    /// Writes as much as the socket takes; it is named again when it takes more.
    fn write(&mut self, at: usize) -> io::Result<()> {
        let Some(seat) = self.seats.get_mut(at) else {
            return Ok(());
        };
        let out = seat.link.out();
        let mut written = 0;
        while let Some(rest) = out.get(written..).filter(|rest| !rest.is_empty()) {
            match seat.socket.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        out.drain(..written);
        self.shared.counts.send(written);
        if out.is_empty() && matches!(seat.stage, Stage::Closing { .. }) {
            // Ignored where the client has closed already.
            let _closed = seat.socket.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Ends a link. Whoever is told why has some time to read it.
    fn end(&mut self, at: usize, end: End) {
        let Some(seat) = self.seats.get_mut(at) else {
            return;
        };
        if matches!(seat.stage, Stage::Closing { .. }) {
            return;
        }
        match end {
            End::Gone => {}
            End::Violation(_) => self.shared.counts.turn_away(Unserved::Violation),
            End::Refused(refusal) => self.shared.counts.links.add(refusal),
        }
        seat.link.farewell(end);
        seat.stage = Stage::Closing {
            until: Instant::now() + LINGER,
            bytes_left: LINGER_BYTES,
        };
        let id = seat.client.id;
        self.leave(id, at);
        self.dirty.push(at);
        self.closing.push(at);
    }

    /// The client is not connected any more.
    fn leave(&mut self, id: ClientId, at: usize) {
        self.shared.connected.fetch_sub(1, Ordering::Relaxed);
        if self.by_id.get(&id) == Some(&at) {
            self.by_id.remove(&id);
        }
    }

    fn remove(&mut self, at: usize) {
        let Some(mut seat) = self.seats.try_remove(at) else {
            return;
        };
        let _gone = self.poll.registry().deregister(&mut seat.socket);
        match seat.stage {
            Stage::Open => self.leave(seat.client.id, at),
            Stage::Closing { .. } => self.closing.retain(|&closing| closing != at),
        }
    }

    fn end_closing(&mut self) {
        let now = Instant::now();
        let due = |&at: &usize| match self.seats.get(at).map(|seat| &seat.stage) {
            Some(Stage::Closing { until, .. }) => *until <= now,
            _ => true,
        };
        let due: Vec<_> = self.closing.iter().copied().filter(due).collect();
        for at in due {
            self.remove(at);
            self.closing.retain(|&closing| closing != at);
        }
    }
}
