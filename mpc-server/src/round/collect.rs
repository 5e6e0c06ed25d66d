//! Submissions of the rounds that are open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use blake2::{Blake2s256, Digest as _};
use mcmix_engine::PairKeys;
use mcmix_shared::identity::{ClientId, ClientKey};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::Shape;
use mcmix_shared::share::{DealtShare, Digest};
use mcmix_shared::wire::{Refusal, Submit};

use super::dealt::Dealt;

/// One client's part in a round, as this party holds it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The client.
    pub id: ClientId,
    /// Its public key, as its link proved it.
    pub key: ClientKey,
    /// What the holders of its components compare, under the keys that they share.
    pub digests: [Digest; 2],
    /// Of the whole key, since the id is only a part of it.
    pub key_check: [u8; 8],
    /// Where what it dealt is in the round's [`Dealt`]; known once it is there.
    pub place: u32,
}

impl Entry {
    /// Takes a client's share in. The hashes are the costly part.
    pub fn new(
        (id, key): (ClientId, ClientKey),
        share: &DealtShare,
        round: RoundId,
        keys: &PairKeys,
    ) -> Self {
        Self {
            id,
            key,
            digests: share.digests(round, id, [&keys.prev, &keys.next]),
            key_check: key_check(&key),
            place: 0,
        }
    }
}

/// A round's submissions, once no more are taken.
#[derive(Debug)]
pub struct Frozen {
    /// Who handed in, in the order of ids.
    pub entries: Vec<Entry>,
    /// What they dealt.
    pub dealt: Dealt,
}

fn key_check(key: &ClientKey) -> [u8; 8] {
    let hash = Blake2s256::new()
        .chain_update(b"mcmix.v2 key check")
        .chain_update(key.as_bytes())
        .finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

/// A round that takes submissions, as clients are told of it.
#[derive(Clone, Copy, Debug)]
pub struct OpenRound {
    /// Its number.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// When it is expected to close.
    pub closes_at: Instant,
}

impl OpenRound {
    /// Returns the time that is left, as frames give it.
    pub fn closes_in_ms(&self) -> u32 {
        let left = self.closes_at.saturating_duration_since(Instant::now());
        u32::try_from(left.as_millis()).unwrap_or(u32::MAX)
    }
}

#[derive(Debug)]
struct Collected {
    open: OpenRound,
    keys: PairKeys,
    taken: Mutex<Option<Taken>>,
}

#[derive(Debug)]
struct Taken {
    /// In order from the start, so that the round need not wait for it.
    entries: BTreeMap<ClientId, Entry>,
    dealt: Dealt,
}

/// Takes submissions from all client links at once.
#[derive(Debug)]
pub struct Collector {
    state: RwLock<State>,
    me: PartyId,
    shape: Shape,
    /// Submissions in one round. Connections alone are no bound: clients may come and go.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    conversation: Option<Arc<Collected>>,
    dialing: Option<Arc<Collected>>,
    newest: RoundId,
}

impl State {
    const fn slot(&mut self, program: Program) -> &mut Option<Arc<Collected>> {
        match program {
            Program::Conversation => &mut self.conversation,
            Program::Dialing => &mut self.dialing,
        }
    }

    fn both(&self) -> impl Iterator<Item = &Arc<Collected>> {
        [&self.conversation, &self.dialing].into_iter().flatten()
    }
}

impl Collector {
    /// Takes that many submissions in a round.
    pub fn new(me: PartyId, shape: Shape, most: usize) -> Self {
        Self {
            state: RwLock::default(),
            me,
            shape,
            most,
        }
    }

    /// Opens a round. `keys` are those that the links have now, on which it will be computed.
    pub fn open(
        &self,
        round: RoundId,
        program: Program,
        closes_in: Duration,
        keys: PairKeys,
    ) -> OpenRound {
        let open = OpenRound {
            round,
            program,
            closes_at: Instant::now() + closes_in,
        };
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.newest = state.newest.max(round);
        *state.slot(program) = Some(Arc::new(Collected {
            open,
            keys,
            taken: Mutex::new(Some(Taken {
                entries: BTreeMap::new(),
                dealt: Dealt::new(self.me, program, self.shape),
            })),
        }));
        open
    }

    /// Returns the rounds that are open now.
    pub fn open_rounds(&self) -> Vec<OpenRound> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.both().map(|collected| collected.open).collect()
    }

    /// Takes one client's submission.
    ///
    /// # Errors
    /// The reason that the client is told.
    pub fn submit(&self, key: ClientKey, id: ClientId, submit: Submit) -> Result<(), Refusal> {
        let collected = self.find(submit.round, submit.program)?;
        // Before anything is locked.
        let client = (id, key);
        let mut entry = Entry::new(client, &submit.share, submit.round, &collected.keys);
        let mut taken = collected
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match taken.as_mut() {
            None => Err(Refusal::Late),
            Some(taken) if taken.entries.contains_key(&id) => Err(Refusal::Repeated),
            Some(taken) if taken.entries.len() >= self.most => Err(Refusal::TooManyConnections),
            Some(taken) => {
                entry.place = taken.dealt.push(submit.share);
                taken.entries.insert(id, entry);
                Ok(())
            }
        }
    }

    fn find(&self, round: RoundId, program: Program) -> Result<Arc<Collected>, Refusal> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match state.both().find(|collected| collected.open.round == round) {
            Some(collected) if collected.open.program == program => Ok(Arc::clone(collected)),
            Some(_) => Err(Refusal::WrongProgram),
            None if round > state.newest => Err(Refusal::Early),
            None if round.0.saturating_add(RECENT) >= state.newest.0 => Err(Refusal::Late),
            None => Err(Refusal::WrongRound),
        }
    }

    /// Freezes a round and returns its submissions, if it is open.
    pub fn freeze(&self, round: RoundId) -> Option<Frozen> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let collected = state
            .both()
            .find(|collected| collected.open.round == round)
            .cloned()?;
        *state.slot(collected.open.program) = None;
        drop(state);
        let mut taken = collected
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Taken { entries, dealt } = taken.take()?;
        let entries = entries.into_values().collect();
        Some(Frozen { entries, dealt })
    }
}

/// Rounds that are closed but that a slow client may well still answer.
const RECENT: u64 = 100;

#[cfg(test)]
mod tests {
    use mcmix_shared::identity::SecretKey;

    use super::*;

    fn submit(round: u64, program: Program) -> Submit {
        Submit {
            round: RoundId(round),
            program,
            share: DealtShare::decode(PartyId::P0, 8, &[1; 32]).unwrap(),
        }
    }

    #[test]
    fn every_misuse_has_its_reason() {
        let shape = Shape {
            slots: 1,
            message_bytes: 16,
        };
        let collector = Collector::new(PartyId::P0, shape, 2);
        let keys = PairKeys {
            next: [1; 32],
            prev: [2; 32],
        };
        let soon = Duration::from_secs(1);
        collector.open(RoundId(500), Program::Dialing, soon, keys);
        let keys = [1, 2, 3].map(|i| SecretKey::from_bytes([i; 32]).client_key());
        let send = |i: usize, round, program| {
            collector.submit(keys[i], keys[i].id(), submit(round, program))
        };
        assert_eq!(send(0, 500, Program::Dialing), Ok(()));
        assert_eq!(send(0, 500, Program::Dialing), Err(Refusal::Repeated));
        assert_eq!(
            send(0, 500, Program::Conversation),
            Err(Refusal::WrongProgram)
        );
        assert_eq!(send(0, 501, Program::Dialing), Err(Refusal::Early));
        assert_eq!(send(0, 499, Program::Dialing), Err(Refusal::Late));
        assert_eq!(send(0, 3, Program::Dialing), Err(Refusal::WrongRound));
        assert_eq!(send(1, 500, Program::Dialing), Ok(()));
        assert_eq!(
            send(2, 500, Program::Dialing),
            Err(Refusal::TooManyConnections)
        );
        let Frozen { entries, .. } = collector.freeze(RoundId(500)).unwrap();
        assert_eq!(entries.len(), 2);
        assert!(entries[0].id < entries[1].id);
        assert_eq!(send(1, 500, Program::Dialing), Err(Refusal::Late));
        assert!(collector.freeze(RoundId(500)).is_none());
    }
}
