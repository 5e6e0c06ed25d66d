//! One client with its disk, its clocks and its sockets.

use std::collections::{BTreeMap, VecDeque};

use mcmix_shared::{
    client::{
        BatchId, Client, Command, Event, Millis, Notice, Now, Record, RestoreError, View, Write,
    },
    identity::{ClientKey, Name},
    manifest::Deployment,
};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

use crate::servers::checksum;

/// When the disk stores what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    Works,
    /// Nothing is stored until it works again.
    Hangs,
}

/// All records of a client.
pub(crate) type Records = BTreeMap<String, Vec<u8>>;

pub(crate) struct Node {
    pub(crate) client: Client,
    pub(crate) disk: Disk,
    pub(crate) stored: Records,
    pub(crate) waiting: VecDeque<(BatchId, Vec<Write>)>,
    pub(crate) notices: Vec<Notice>,
    /// On the steady clock.
    pub(crate) wake_at: Option<Millis>,
    /// How far the clock on the wall is off, in milliseconds.
    pub(crate) wall_off: i64,
    /// Everything sent: party and length; what is done to sockets: party and 0 or 1.
    pub(crate) sent: Vec<(usize, usize)>,
    /// A checksum (FNV-1a) over all bytes sent.
    pub(crate) transcript: u64,
    /// Whether what it does is counted.
    pub(crate) is_measured: bool,
    starts: u64,
    /// Events since the start, of each kind.
    events: BTreeMap<String, u64>,
    seed: u64,
}

impl Node {
    pub(crate) fn new(deployment: &Deployment, name: &str, seed: u64) -> Self {
        let mut rng = rng_for(seed, 0, b'c', 0);
        let client = Client::create(deployment.clone(), Name::new(name).unwrap(), &mut rng);
        Self {
            client,
            disk: Disk::Works,
            stored: BTreeMap::new(),
            waiting: VecDeque::new(),
            notices: Vec::new(),
            wake_at: None,
            wall_off: 0,
            sent: Vec::new(),
            transcript: 0xcbf2_9ce4_8422_2325,
            is_measured: false,
            starts: 0,
            events: BTreeMap::new(),
            seed,
        }
    }

    /// Returns the time as this node's clocks show it.
    fn now(&self, steady: Millis) -> Now {
        // 2026, more or less; the two clocks agree on nothing.
        let wall = 1_780_000_000_000_u64.saturating_add(steady.0);
        Now {
            wall: Millis(wall.saturating_add_signed(self.wall_off)),
            steady,
        }
    }

    pub(crate) fn start(&mut self, steady: Millis) -> Vec<Command> {
        let mut rng = rng_for(self.seed, self.starts, b's', 0);
        self.client.start(self.now(steady), &mut rng)
    }

    /// Every event has randomness of its own: what one of them draws changes nothing for those
    /// that follow, as with a generator that is worth its name.
    pub(crate) fn handle(&mut self, steady: Millis, event: Event) -> Vec<Command> {
        let kind = match &event {
            Event::Stored(_) | Event::StoreFailed(..) | Event::StoredAnew => "disk".to_owned(),
            Event::User(action) => format!("{action:?}"),
            _ => "network".to_owned(),
        };
        let number = self.events.entry(kind.clone()).or_default();
        *number += 1;
        let mut rng = rng_for(
            self.seed,
            self.starts,
            b'e',
            *number ^ checksum(kind.as_bytes()),
        );
        let now = self.now(steady);
        let handle = || self.client.handle(now, event, &mut rng);
        if self.is_measured {
            measured(handle)
        } else {
            handle()
        }
    }

    /// Makes the client anew from what is stored; what waited to be stored is lost.
    pub(crate) fn reload(&mut self, deployment: &Deployment) {
        self.try_reload(deployment).unwrap();
    }

    pub(crate) fn try_reload(&mut self, deployment: &Deployment) -> Result<(), RestoreError> {
        self.starts += 1;
        self.events.clear();
        let mut rng = rng_for(self.seed, self.starts, b'r', 0);
        self.waiting.clear();
        self.wake_at = None;
        self.client = Client::restore(deployment.clone(), records(&self.stored), &mut rng)?;
        Ok(())
    }

    pub(crate) fn note_sent(&mut self, party: usize, bytes: &[u8]) {
        self.sent.push((party, bytes.len()));
        for byte in bytes {
            self.transcript = (self.transcript ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Stores the oldest waiting batch.
    pub(crate) fn sync_one(&mut self) -> Option<BatchId> {
        let (batch, writes) = self.waiting.pop_front()?;
        for write in writes {
            match write {
                Write::Put { key, value } => self.stored.insert(key, value),
                Write::Delete { key } => self.stored.remove(&key),
            };
        }
        Some(batch)
    }

    /// Returns the keys of all records but those that every client has.
    pub(crate) fn stored_keys(&self) -> Vec<&str> {
        let keys = self.stored.keys().map(String::as_str);
        keys.filter(|key| !matches!(*key, "identity" | "settings" | "servers"))
            .collect()
    }

    pub(crate) fn view(&self) -> View {
        self.client.view()
    }

    pub(crate) fn key(&self) -> ClientKey {
        self.view().own.key
    }
}

/// Runs what is to be counted.
#[inline(never)]
fn measured<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Returns records as a client takes them.
pub(crate) fn records(stored: &Records) -> Vec<Record> {
    let record = |(key, value): (&String, &Vec<u8>)| Record {
        key: key.clone(),
        value: value.clone(),
    };
    stored.iter().map(record).collect()
}

pub(crate) fn rng_for(seed: u64, start: u64, purpose: u8, number: u64) -> ChaCha12Rng {
    let mut bytes = [purpose; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&start.to_le_bytes());
    bytes[16..24].copy_from_slice(&number.to_le_bytes());
    ChaCha12Rng::from_seed(bytes)
}
