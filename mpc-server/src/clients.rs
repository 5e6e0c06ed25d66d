//! The clients that are connected now, and the way to each.
//!
//! One connection per client key, newest wins. Every queue is bounded: whoever does not read is
//! dropped, and nobody waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mcmix_shared::identity::{ClientId, ClientKey};
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{Refusal, ServerFrame};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Frames that may wait for one client: several rounds of both programs.
const QUEUE: usize = 32;

/// What goes to a client.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A frame that opens a round; whoever just joined may have been told already.
    Open(RoundId, Bytes),
    /// Any other frame.
    Frame(Bytes),
    /// The last frame; the connection closes.
    Refuse(Refusal),
}

/// All connected clients.
#[derive(Debug)]
pub struct Clients {
    state: Mutex<State>,
    /// The deployment that ids are bound to.
    deployment: [u8; 32],
    most: usize,
    conversing: AtomicU32,
    dialing: AtomicU32,
}

#[derive(Debug, Default)]
struct State {
    seats: HashMap<ClientId, Seat>,
    /// Tells the seats of one client apart.
    next_serial: u64,
}

#[derive(Debug)]
struct Seat {
    key: ClientKey,
    serial: u64,
    queue: mpsc::Sender<Outgoing>,
    dropped: CancellationToken,
}

impl Seat {
    /// Queues for the client; one that does not read is dropped.
    fn push(&self, outgoing: Outgoing) {
        if self.queue.try_send(outgoing).is_err() {
            self.dropped.cancel();
        }
    }
}

/// A connected client's place. Dropping it gives the place up.
#[derive(Debug)]
pub struct Place {
    clients: Arc<Clients>,
    id: ClientId,
    serial: u64,
    /// What is to be sent.
    pub queue: mpsc::Receiver<Outgoing>,
    /// Cancelled when the client was too slow to read.
    pub dropped: CancellationToken,
}

impl Place {
    /// Returns the client's id.
    pub const fn id(&self) -> ClientId {
        self.id
    }

    /// Returns the connection's number; a client's later connections have greater ones.
    pub const fn connection(&self) -> u64 {
        self.serial
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.clients.lock();
        if state
            .seats
            .get(&self.id)
            .is_some_and(|seat| seat.serial == self.serial)
        {
            state.seats.remove(&self.id);
        }
    }
}

impl Clients {
    /// Makes room for that many clients of a deployment, which is named by the digest of its first
    /// manifest.
    pub fn new(deployment: [u8; 32], most: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            deployment,
            most,
            conversing: AtomicU32::new(0),
            dialing: AtomicU32::new(0),
        })
    }

    /// Gives a client its place. An older connection of the same key is refused from now on.
    ///
    /// # Errors
    /// When another key has the same id, or all places are taken.
    pub fn join(self: &Arc<Self>, key: ClientKey) -> Result<Place, Refusal> {
        let id = key.id(&self.deployment);
        let mut state = self.lock();
        match state.seats.get(&id) {
            Some(seat) if seat.key != key => return Err(Refusal::IdTaken),
            Some(seat) => seat.push(Outgoing::Refuse(Refusal::Replaced)),
            None if state.seats.len() >= self.most => return Err(Refusal::TooManyConnections),
            None => {}
        }
        state.next_serial += 1;
        let serial = state.next_serial;
        let (sender, queue) = mpsc::channel(QUEUE);
        let dropped = CancellationToken::new();
        let seat = Seat {
            key,
            serial,
            queue: sender,
            dropped: dropped.clone(),
        };
        state.seats.insert(id, seat);
        drop(state);
        Ok(Place {
            clients: Arc::clone(self),
            id,
            serial,
            queue,
            dropped,
        })
    }

    /// Sends a frame to everyone.
    pub fn broadcast(&self, frame: &ServerFrame) {
        let bytes = Bytes::from(frame.encode());
        let outgoing = match frame {
            ServerFrame::Open(open) => Outgoing::Open(open.round, bytes),
            _ => Outgoing::Frame(bytes),
        };
        for seat in self.lock().seats.values() {
            seat.push(outgoing.clone());
        }
    }

    /// Sends frames to clients that are connected now under their keys, whichever connection they
    /// handed in over.
    pub fn send_each(&self, frames: impl Iterator<Item = (ClientId, ClientKey, ServerFrame)>) {
        for (id, key, frame) in frames {
            let frame = Bytes::from(frame.encode());
            if let Some(seat) = self.lock().seats.get(&id).filter(|seat| seat.key == key) {
                seat.push(Outgoing::Frame(frame));
            }
        }
    }

    /// Closes all connections.
    pub fn refuse_all(&self, reason: Refusal) {
        for seat in self.lock().seats.values() {
            seat.push(Outgoing::Refuse(reason));
        }
    }

    /// Returns how many are connected.
    pub fn connected(&self) -> usize {
        self.lock().seats.len()
    }

    /// Returns how many took part in the last finished round of a program, or of its kind where it
    /// is a dialing one.
    pub fn online(&self, program: Program) -> u32 {
        self.count(program).load(Ordering::Relaxed)
    }

    /// Remembers how many took part in a round that finished.
    pub fn set_online(&self, program: Program, clients: usize) {
        let clients = u32::try_from(clients).unwrap_or(u32::MAX);
        self.count(program).store(clients, Ordering::Relaxed);
    }

    const fn count(&self, program: Program) -> &AtomicU32 {
        match program {
            Program::Conversation => &self.conversing,
            Program::Contacts | Program::Open => &self.dialing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mcmix_shared::identity::SecretKey;

    use super::*;

    fn key(byte: u8) -> ClientKey {
        SecretKey::from_bytes([byte; 32]).client_key()
    }

    #[test]
    fn the_newest_connection_wins() {
        let clients = Clients::new([0; 32], 2);
        let mut first = clients.join(key(1)).unwrap();
        let second = clients.join(key(1)).unwrap();
        assert!(matches!(
            first.queue.try_recv(),
            Ok(Outgoing::Refuse(Refusal::Replaced))
        ));
        drop(first);
        assert_eq!(clients.connected(), 1);
        let _other = clients.join(key(2)).unwrap();
        assert_eq!(
            clients.join(key(3)).unwrap_err(),
            Refusal::TooManyConnections
        );
        drop(second);
        assert_eq!(clients.connected(), 1);
    }

    #[test]
    fn who_does_not_read_is_dropped_and_nobody_else() {
        let clients = Clients::new([0; 32], 2);
        let slow = clients.join(key(1)).unwrap();
        let mut quick = clients.join(key(2)).unwrap();
        let frame = ServerFrame::Refused {
            reason: Refusal::Late,
        };
        for _ in 0..=QUEUE {
            clients.broadcast(&frame);
            while quick.queue.try_recv().is_ok() {}
        }
        assert!(slow.dropped.is_cancelled() && !quick.dropped.is_cancelled());
    }
}
