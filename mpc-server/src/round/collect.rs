//! Submissions of the rounds that are open.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use mcmix_engine::PairKeys;
use mcmix_shared::identity::{ClientId, ClientKey};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::row::Shape;
use mcmix_shared::share::{DealtShare, Digest};
use mcmix_shared::wire::{Open, Refusal, ServerFrame, Submit};

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
    /// The connection over which it came; of two, the later one has the greater number.
    pub connection: u64,
    /// Where what it dealt is in the round's [`Dealt`]; known once it is there.
    pub place: u32,
}

impl Entry {
    /// Takes a client's share in. The hashes are the costly part.
    pub fn new(
        (id, key): (ClientId, ClientKey),
        connection: u64,
        share: &DealtShare,
        round: RoundId,
        keys: &PairKeys,
    ) -> Self {
        Self {
            id,
            key,
            digests: share.digests(round, &key, [&keys.prev, &keys.next]),
            connection,
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

/// A round that takes submissions, as clients are told of it.
#[derive(Clone, Copy, Debug)]
pub struct OpenRound {
    /// Its number.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// Its turn.
    pub turn: Turn,
    /// When it is expected to close.
    pub closes_at: Instant,
}

impl OpenRound {
    /// Returns the frame that announces it now. `online` clients took part in the last one.
    pub fn announcement(&self, online: u32) -> ServerFrame {
        let left = self.closes_at.saturating_duration_since(Instant::now());
        ServerFrame::Open(Open {
            round: self.round,
            program: self.program,
            turn: self.turn,
            closes_in_ms: u32::try_from(left.as_millis()).unwrap_or(u32::MAX),
            online,
        })
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
            Program::Contacts | Program::Open => &mut self.dialing,
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
    pub fn open(&self, open: OpenRound, keys: PairKeys) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.newest = state.newest.max(open.round);
        *state.slot(open.program) = Some(Arc::new(Collected {
            open,
            keys,
            taken: Mutex::new(Some(Taken {
                entries: BTreeMap::new(),
                dealt: Dealt::new(self.me, open.program, self.shape),
            })),
        }));
    }

    /// Returns the rounds that are open now.
    pub fn open_rounds(&self) -> Vec<OpenRound> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.both().map(|collected| collected.open).collect()
    }

    /// Takes one client's submission. One that came over an earlier connection is replaced: a client
    /// that starts anew in the middle of a round deals again.
    ///
    /// # Errors
    /// The reason that the client is told.
    pub fn submit(
        &self,
        client: (ClientId, ClientKey),
        connection: u64,
        submit: Submit,
    ) -> Result<(), Refusal> {
        let Submit {
            round,
            program,
            share,
        } = submit;
        let collected = self.find(round, program)?;
        // Before anything is locked.
        let mut entry = Entry::new(client, connection, &share, round, &collected.keys);
        let mut taken = collected
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(Taken { entries, dealt }) = taken.as_mut() else {
            return Err(Refusal::Late);
        };
        let is_full = entries.len() >= self.most;
        match entries.entry(entry.id) {
            Slot::Occupied(mut slot) => {
                let earlier = slot.get();
                if earlier.key != entry.key || earlier.connection >= connection {
                    return Err(Refusal::Repeated);
                }
                entry.place = earlier.place;
                dealt.replace(entry.place, share);
                slot.insert(entry);
            }
            Slot::Vacant(_) if is_full => return Err(Refusal::TooManyConnections),
            Slot::Vacant(slot) => {
                entry.place = dealt.push(share);
                slot.insert(entry);
            }
        }
        Ok(())
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
    use std::time::Duration;

    use mcmix_engine::{DialingProgram, JoinedRows as _};
    use mcmix_shared::identity::SecretKey;

    use super::*;

    const SHAPE: Shape = Shape {
        slots: 1,
        message_bytes: 16,
    };

    fn submit(round: u64, program: Program, fill: u8) -> Submit {
        let share = DealtShare::decode(PartyId::P0, SHAPE, program, &[fill; 32]).unwrap();
        Submit {
            round: RoundId(round),
            program,
            share,
        }
    }

    fn client(byte: u8) -> (ClientId, ClientKey) {
        let key = SecretKey::from_bytes([byte; 32]).client_key();
        (key.id(&[0; 32]), key)
    }

    /// A collector of at most two submissions in which round 500 is open.
    fn collector() -> Collector {
        let collector = Collector::new(PartyId::P0, SHAPE, 2);
        let keys = PairKeys {
            next: [1; 32],
            prev: [2; 32],
        };
        let open = OpenRound {
            round: RoundId(500),
            program: Program::Open,
            turn: Turn(9),
            closes_at: Instant::now() + Duration::from_secs(1),
        };
        collector.open(open, keys);
        collector
    }

    #[test]
    fn every_misuse_has_its_reason() {
        let collector = collector();
        let send = |i, round, program| collector.submit(client(i), 1, submit(round, program, 1));
        assert_eq!(send(1, 500, Program::Open), Ok(()));
        assert_eq!(send(1, 500, Program::Open), Err(Refusal::Repeated));
        for other in [Program::Conversation, Program::Contacts] {
            assert_eq!(send(1, 500, other), Err(Refusal::WrongProgram));
        }
        assert_eq!(send(1, 501, Program::Open), Err(Refusal::Early));
        assert_eq!(send(1, 499, Program::Open), Err(Refusal::Late));
        assert_eq!(send(1, 3, Program::Open), Err(Refusal::WrongRound));
        assert_eq!(send(2, 500, Program::Open), Ok(()));
        assert_eq!(
            send(3, 500, Program::Open),
            Err(Refusal::TooManyConnections)
        );
        let Frozen { entries, .. } = collector.freeze(RoundId(500)).unwrap();
        assert_eq!(entries.len(), 2);
        assert!(entries[0].id < entries[1].id);
        assert_eq!(send(2, 500, Program::Open), Err(Refusal::Late));
        assert!(collector.freeze(RoundId(500)).is_none());
    }

    /// Two keys may have one id, which takes a collision of hashes: the first has it.
    #[test]
    fn nobody_replaces_the_share_of_another_key() {
        let collector = collector();
        let send = |client, connection| {
            collector.submit(client, connection, submit(500, Program::Open, 1))
        };
        assert_eq!(send(client(1), 4), Ok(()));
        assert_eq!(send((client(1).0, client(2).1), 5), Err(Refusal::Repeated));
    }

    /// A client that starts anew deals again; what its old connection still sends is too late.
    #[test]
    fn a_newer_connection_replaces_the_share_and_an_older_one_does_not() {
        let collector = collector();
        let send = |i, connection, fill| {
            collector.submit(client(i), connection, submit(500, Program::Open, fill))
        };
        assert_eq!(send(1, 4, 0xa1), Ok(()));
        assert_eq!(send(2, 5, 0xb1), Ok(()));
        assert_eq!(send(1, 6, 0xa2), Ok(()));
        assert_eq!(send(1, 6, 0xa3), Err(Refusal::Repeated));
        assert_eq!(send(1, 4, 0xa4), Err(Refusal::Repeated));
        let Frozen { entries, dealt } = collector.freeze(RoundId(500)).unwrap();
        // What is computed on, and what is compared, is what came last.
        let latest = submit(500, Program::Open, 0xa2).share;
        let of = |i| {
            entries
                .iter()
                .find(|entry| entry.id == client(i).0)
                .unwrap()
        };
        assert_eq!(
            of(1).digests,
            latest.digests(RoundId(500), &client(1).1, [&[2; 32], &[1; 32]])
        );
        let input = dealt.into_dialing(DialingProgram::Open, &[of(1).clone(), of(2).clone()]);
        for (at, fill) in [(0, 0xa2), (448, 0xb1)] {
            let expected = submit(500, Program::Open, fill).share.expand();
            let mut head = [0; 48];
            input.first.xor(at, &mut head);
            assert_eq!(head, expected.first[..48]);
        }
    }
}
