//! The clients that are connected now, and the way to each.
//!
//! One connection per client key, newest wins. Every queue is bounded: whoever does not read is
//! dropped, and nobody waits for it. A link comes about in `upgrade` and is then served by a
//! `shard`, a thread for many sockets.

pub(crate) mod counts;
mod framing;
mod link;
mod pace;
mod shard;
mod turned_away;
pub(crate) mod upgrade;

use std::io;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use mcmix_shared::identity::{ClientId, ClientKey};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::noise::{SEAL_BYTES, Transport};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::wire::{Refusal, ServerFrame};
use mio::{Poll, Waker};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::counts::{Counts, Unserved};
pub(crate) use self::link::Rules;
pub(crate) use self::pace::{Busy, Pace};
use self::shard::{Arrival, Order, Shard, WAKE};
use self::turned_away::{Reason, TurnedAway};
use crate::egress::Replies;
use crate::intake::{Collector, OpenRound};
use crate::vital;

/// A client, as its link proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The id that its key has in the deployment.
    pub id: ClientId,
    /// Its public key.
    pub key: ClientKey,
}

impl Client {
    /// Returns the client of that key in the deployment of that digest.
    pub fn new(key: ClientKey, deployment: &[u8; 32]) -> Self {
        let id = key.id(deployment);
        Self { id, key }
    }
}

/// What clients are held to.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// This party.
    pub party: PartyId,
    /// What all three parties run.
    pub deployment: Deployment,
    /// Clients that may be connected at one time.
    pub most: usize,
    /// Refusals and keep-alives of a client's own between two submissions that are taken.
    pub max_refusals: u32,
    /// How long nothing is told to all before all are sent a keep-alive.
    pub keep_alive: Duration,
}

/// What all shards see.
#[derive(Debug)]
struct Shared {
    rules: Rules,
    deployment: Deployment,
    collector: Arc<Collector>,
    turned_away: TurnedAway,
    counts: Counts,
    most: usize,
    keep_alive: Duration,
    connected: AtomicUsize,
    /// Whether rounds are stopped, which those who join are told.
    stopped: AtomicBool,
    conversing: AtomicU32,
    dialing: AtomicU32,
}

impl Shared {
    fn online(&self, program: Program) -> u32 {
        self.count(program).load(Ordering::Relaxed)
    }

    const fn count(&self, program: Program) -> &AtomicU32 {
        match program {
            Program::Conversation => &self.conversing,
            Program::Contacts | Program::Open => &self.dialing,
        }
    }
}

/// All connected clients.
#[derive(Debug)]
pub struct Clients {
    shared: Arc<Shared>,
    shards: Vec<Orders>,
    connections: AtomicU64,
    pace: Pace,
}

/// The way to a shard.
#[derive(Debug)]
struct Orders {
    orders: mpsc::Sender<Order>,
    waker: Waker,
}

impl Orders {
    fn give(&self, order: Order) {
        // A shard ends after all orders, or on a fault that it has logged.
        let _ended = self.orders.send(order);
        if let Err(error) = self.waker.wake() {
            tracing::error!("can't wake the thread that serves clients: {error}");
        }
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        // It looks, and finds nobody who could give orders.
        let (gone, _) = mpsc::channel();
        drop(core::mem::replace(&mut self.orders, gone));
        let _ended = self.waker.wake();
    }
}

impl Clients {
    /// Starts the threads that serve clients, whose shares go to `collector`. Where one ends before
    /// the last handle is dropped, `stop` is cancelled.
    ///
    /// # Errors
    /// When the system gives no threads or no means to wait for sockets.
    pub fn start(
        settings: ClientSettings,
        collector: Arc<Collector>,
        stop: &CancellationToken,
    ) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared {
            rules: Rules {
                party: settings.party,
                shape: settings.deployment.shape(),
                max_refusals: settings.max_refusals,
            },
            deployment: settings.deployment,
            collector,
            turned_away: TurnedAway::new(),
            counts: Counts::default(),
            most: settings.most,
            keep_alive: settings.keep_alive,
            connected: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            conversing: AtomicU32::new(0),
            dialing: AtomicU32::new(0),
        });
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        // The rest of the cores computes.
        let threads = cores.div_ceil(4);
        let shards = (0..threads)
            .map(|i| {
                let (orders, queue) = mpsc::channel();
                let poll = Poll::new()?;
                let waker = Waker::new(poll.registry(), WAKE)?;
                let serving = Shard::new(poll, queue, Arc::clone(&shared));
                let name = format!("{}-clients-{i}", settings.party);
                vital::thread(name, stop, move || serving.run())?;
                Ok(Orders { orders, waker })
            })
            .collect::<io::Result<_>>()?;
        Ok(Arc::new(Self {
            shared,
            shards,
            connections: AtomicU64::new(0),
            pace: Pace::new(cores),
        }))
    }

    pub(crate) fn rules(&self) -> Rules {
        self.shared.rules
    }

    /// Counts a connection that comes to no link, and says so in the log where an operator may want
    /// to do something about it.
    pub(crate) fn turn_away(&self, why: Unserved) {
        self.shared.counts.turn_away(why);
        match why {
            Unserved::Origin => self.shared.turned_away.note(Reason::Origin),
            Unserved::Busy => self.shared.turned_away.note(Reason::Busy),
            _ => {}
        }
    }

    /// Returns what is counted of clients.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Returns how many clients took part in the last round of the program's lane.
    pub(crate) fn online(&self, program: Program) -> u32 {
        self.shared.online(program)
    }

    /// Returns how fast links come about.
    pub(crate) const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Takes a client in, whose connections are all served by one shard.
    fn join(&self, arrival: Arrival) {
        let [byte, ..] = arrival.client.id.0;
        let connection = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(shard) = self.shards.get(usize::from(byte) % self.shards.len()) {
            shard.give(Order::Join(Box::new(arrival), connection));
        }
    }

    fn order(&self, order: impl Fn() -> Order) {
        self.shards.iter().for_each(|shard| shard.give(order()));
    }

    /// Tells everyone that a round takes submissions, with the replies of the one before where they
    /// are near.
    pub fn open(&self, open: OpenRound) {
        self.order(|| Order::Open(open));
    }

    /// Sends a frame to everyone.
    pub fn broadcast(&self, frame: &ServerFrame) {
        self.order(|| Order::Tell(frame.clone()));
    }

    /// Sends clients that are connected now under their keys what a round came to.
    pub fn reply(&self, replies: Replies) {
        let took_part = u32::try_from(replies.kept.len()).unwrap_or(u32::MAX);
        let count = self.shared.count(replies.program);
        count.store(took_part, Ordering::Relaxed);
        let replies = Arc::new(replies);
        self.order(|| Order::Reply(Arc::clone(&replies)));
    }

    /// Remembers whether rounds are stopped, for those who join.
    pub fn set_stopped(&self, stopped: bool) {
        self.shared.stopped.store(stopped, Ordering::Relaxed);
    }

    /// Waits until all is taken in that has come until now, and what it and all orders caused is
    /// written.
    pub async fn settle(&self) {
        let mut settling = Vec::new();
        for shard in &self.shards {
            let (settled, done) = oneshot::channel();
            shard.give(Order::Settle(settled));
            settling.push(done);
        }
        for done in settling {
            let _ended = done.await;
        }
    }

    /// Closes all connections.
    pub fn refuse_all(&self, reason: Refusal) {
        self.order(|| Order::RefuseAll(reason));
    }

    /// Returns how many are connected.
    pub fn connected(&self) -> usize {
        self.shared.connected.load(Ordering::Relaxed)
    }
}

/// Writes a sealed frame as a message.
fn seal(transport: &mut Transport, frame: &ServerFrame, out: &mut Vec<u8>) {
    let frame = frame.encode();
    framing::binary(frame.len() + SEAL_BYTES, out);
    let sealed = transport.seal_behind(&frame, out);
    debug_assert!(sealed.is_ok(), "our frames are short");
}
