//! One client with its disk, its clock and its sockets.

use std::collections::{BTreeMap, VecDeque};

use mcmix_shared::{
    client::{BatchId, Client, Command, Event, Millis, Notice, Record, View, Write},
    identity::{ClientKey, Name},
    manifest::Deployment,
};
use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

/// When the disk stores what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    Works,
    /// Nothing is stored until it works again.
    Hangs,
}

pub(crate) struct Node {
    pub(crate) client: Client,
    rng: ChaCha12Rng,
    pub(crate) disk: Disk,
    stored: BTreeMap<String, Vec<u8>>,
    pub(crate) waiting: VecDeque<(BatchId, Vec<Write>)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) wake_at: Option<Millis>,
    /// Everything sent: party and length.
    pub(crate) sent: Vec<(usize, usize)>,
    /// A checksum (FNV-1a) over all bytes sent.
    pub(crate) transcript: u64,
    starts: u64,
    seed: u64,
}

impl Node {
    pub(crate) fn new(deployment: &Deployment, name: &str, seed: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let client = Client::create(deployment.clone(), Name::new(name).unwrap(), &mut rng);
        Self {
            client,
            rng,
            disk: Disk::Works,
            stored: BTreeMap::new(),
            waiting: VecDeque::new(),
            notices: Vec::new(),
            wake_at: None,
            sent: Vec::new(),
            transcript: 0xcbf2_9ce4_8422_2325,
            starts: 0,
            seed,
        }
    }

    pub(crate) fn start(&mut self, now: Millis) -> Vec<Command> {
        self.client.start(now, &mut self.rng)
    }

    pub(crate) fn handle(&mut self, now: Millis, event: Event) -> Vec<Command> {
        self.client.handle(now, event, &mut self.rng)
    }

    /// Makes the client anew from what is stored; what waited to be stored is lost.
    pub(crate) fn reload(&mut self, deployment: &Deployment) {
        self.starts += 1;
        self.rng = ChaCha12Rng::seed_from_u64(self.seed ^ (self.starts << 32));
        self.waiting.clear();
        self.wake_at = None;
        let records = self.stored.iter().map(|(key, value)| Record {
            key: key.clone(),
            value: value.clone(),
        });
        self.client =
            Client::restore(deployment.clone(), records.collect(), &mut self.rng).unwrap();
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

    pub(crate) fn stored_keys(&self) -> Vec<&str> {
        self.stored.keys().map(String::as_str).collect()
    }

    pub(crate) fn view(&self) -> View {
        self.client.view()
    }

    pub(crate) fn key(&self) -> ClientKey {
        self.view().own.key
    }
}
