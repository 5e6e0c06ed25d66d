//! Submissions of the rounds that are open.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::row::Shape;
use mcmix_shared::share::DigestKey;
use mcmix_shared::wire::{Open, Refusal, ServerFrame, Submit};

use super::answers::{Answers, Need};
use super::batch::{Batch, Member};
use crate::clients::Client;

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
    keys: [DigestKey; 2],
    batch: Mutex<Option<Batch>>,
}

/// Takes submissions from all client links at once.
#[derive(Debug)]
pub struct Collector {
    state: RwLock<State>,
    me: PartyId,
    shape: Shape,
    /// Submissions in one round. Connections alone are no bound: clients may come and go.
    most: usize,
    /// How long clients take to answer, in the lane that is watched.
    watched: Option<Mutex<Watched>>,
}

/// The lane of which it is counted how long clients take.
#[derive(Debug)]
struct Watched {
    program: Program,
    answers: Answers,
    /// When its last rounds opened.
    opened: VecDeque<(RoundId, Instant)>,
}

impl Watched {
    /// Returns how long ago a round opened. One that is not remembered any more is older than all
    /// that are.
    fn age(&self, round: RoundId, now: Instant) -> Duration {
        let opened = self.opened.iter().find(|(other, _)| *other >= round);
        opened.map_or(Duration::ZERO, |(_, at)| now.saturating_duration_since(*at))
    }
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
            watched: None,
        }
    }

    /// Counts how long clients take to answer, in the lane of that program and period.
    #[must_use]
    pub fn watching(mut self, program: Program, period: Duration) -> Self {
        self.watched = Some(Mutex::new(Watched {
            program,
            answers: Answers::new(period),
            opened: VecDeque::new(),
        }));
        self
    }

    /// Returns how long clients took to answer since a round of the lane that is watched opened.
    pub fn need(&self) -> Need {
        let watched = self.watched.as_ref().map(lock);
        watched.map_or(Need::default(), |watched| watched.answers.need())
    }

    /// Returns what is counted of a program.
    fn watched(&self, program: Program) -> Option<MutexGuard<'_, Watched>> {
        let watched = self.watched.as_ref().map(lock)?;
        (watched.program.is_dialing() == program.is_dialing()).then_some(watched)
    }

    /// Opens a round. `keys` are those of the round with the previous and the next party.
    pub fn open(&self, open: OpenRound, keys: [DigestKey; 2]) {
        let batch = Batch::new(self.me, open.program, self.shape, self.most);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.newest = state.newest.max(open.round);
        if let Some(mut watched) = self.watched(open.program) {
            watched.answers.restart();
            watched.opened.push_back((open.round, Instant::now()));
            if watched.opened.len() > REMEMBERED {
                watched.opened.pop_front();
            }
        }
        *state.slot(open.program) = Some(Arc::new(Collected {
            open,
            keys,
            batch: Mutex::new(Some(batch)),
        }));
    }

    /// Returns the rounds that are open now.
    pub fn open_rounds(&self) -> Vec<OpenRound> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        state.both().map(|collected| collected.open).collect()
    }

    /// Takes one client's submission, which came over that connection of its.
    ///
    /// # Errors
    /// The reason that the client is told.
    pub fn submit(&self, client: Client, connection: u64, submit: Submit) -> Result<(), Refusal> {
        let (round, program) = (submit.round, submit.program);
        let taken = self.take(client, connection, submit);
        // Whoever is late counts, too: it has answered, and all of it was for nothing.
        if matches!(taken, Ok(()) | Err(Refusal::Late))
            && let Some(mut watched) = self.watched(program)
        {
            let took = watched.age(round, Instant::now());
            watched.answers.note(client.id, took);
        }
        taken
    }

    fn take(&self, client: Client, connection: u64, submit: Submit) -> Result<(), Refusal> {
        let Submit {
            round,
            program,
            share,
        } = submit;
        let collected = self.find(round, program)?;
        // Before anything is locked.
        let member = Member::new(client, connection, &share, &collected.keys);
        let mut batch = collected
            .batch
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        batch.as_mut().ok_or(Refusal::Late)?.put(member, share)
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
    pub fn freeze(&self, round: RoundId) -> Option<Batch> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let collected = state
            .both()
            .find(|collected| collected.open.round == round)
            .cloned()?;
        *state.slot(collected.open.program) = None;
        drop(state);
        let mut batch = collected
            .batch
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        batch.take()
    }
}

/// Rounds that are closed but that a slow client may well still answer.
const RECENT: u64 = 100;
/// Rounds of which it is remembered when they opened.
const REMEMBERED: usize = 8;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mcmix_engine::{DialingProgram, JoinedRows as _};
    use mcmix_shared::identity::SecretKey;
    use mcmix_shared::share::DealtShare;
    use mcmix_shared::wire::MissedReason;

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

    fn client(byte: u8) -> Client {
        Client::new(SecretKey::from_bytes([byte; 32]).client_key(), &[0; 32])
    }

    /// The round's keys with the previous and the next party.
    fn keys() -> [DigestKey; 2] {
        [[2; 32], [1; 32]].map(|key| DigestKey::derive(&key, RoundId(500)))
    }

    /// A collector of at most two submissions in which round 500 is open.
    fn collector() -> Collector {
        let collector = Collector::new(PartyId::P0, SHAPE, 2);
        let open = OpenRound {
            round: RoundId(500),
            program: Program::Open,
            turn: Turn(9),
            closes_at: Instant::now() + Duration::from_secs(1),
        };
        collector.open(open, keys());
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
        let batch = collector.freeze(RoundId(500)).unwrap().in_order();
        let [one, two] = batch.members() else {
            panic!("expected two members");
        };
        assert!(one.client.id < two.client.id);
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
        let other = Client {
            key: client(2).key,
            ..client(1)
        };
        assert_eq!(send(other, 5), Err(Refusal::Repeated));
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
        let batch = collector.freeze(RoundId(500)).unwrap().in_order();
        let members = batch.members();
        let at = |i| members.iter().position(|it| it.client.id == client(i).id);
        let (one, two) = (at(1).unwrap(), at(2).unwrap());
        // What is computed on, and what is compared, is what came last.
        let latest = submit(500, Program::Open, 0xa2).share;
        let digests = latest.digests(&client(1).key, &keys());
        assert_eq!(members[one].digests, digests);
        let input = batch.into_dialing(DialingProgram::Open);
        for (place, fill) in [(one, 0xa2), (two, 0xb1)] {
            let expected = submit(500, Program::Open, fill).share.expand();
            let mut head = [0; 48];
            input.first.xor(place * 448, &mut head);
            assert_eq!(head, expected.first[..48]);
        }
    }

    #[test]
    fn who_is_left_out_is_not_computed_on() {
        let collector = collector();
        for i in [1, 2] {
            let submit = submit(500, Program::Open, i);
            assert_eq!(collector.submit(client(i), 1, submit), Ok(()));
        }
        let mut batch = collector.freeze(RoundId(500)).unwrap().in_order();
        let [first, second] = [0, 1].map(|i| batch.members()[i].client);
        let out = batch.leave_out(&[Err(MissedReason::Absent), Ok(())]);
        assert_eq!(out, [(first, MissedReason::Absent)]);
        let input = batch.into_dialing(DialingProgram::Contacts);
        assert_eq!(input.ids, [second.id.0]);
    }

    /// Open rounds come one after the other, and everybody answers only when they have closed.
    #[test]
    fn answers_that_come_too_late_count_with_the_time_that_they_took() {
        const PERIOD: Duration = Duration::from_millis(50);
        let collector = Collector::new(PartyId::P0, SHAPE, 200).watching(Program::Open, PERIOD);
        let open = |round, program| {
            let open = OpenRound {
                round: RoundId(round),
                program,
                turn: Turn(9),
                closes_at: Instant::now() + PERIOD,
            };
            collector.open(open, keys());
        };
        let everybody = |round, program| {
            (0..100).for_each(|i| {
                let _late = collector.submit(client(i), 1, submit(round, program, 1));
            });
        };
        open(500, Program::Open);
        everybody(500, Program::Open);
        assert!(collector.need() < Need(4 * 32));
        std::thread::sleep(4 * PERIOD);
        collector.freeze(RoundId(500));
        open(501, Program::Contacts);
        // Nobody has answered since, and the other lane has nothing to do with it.
        assert_eq!(collector.need(), Need(0));
        open(502, Program::Conversation);
        everybody(502, Program::Conversation);
        everybody(503, Program::Open);
        assert_eq!(collector.need(), Need(0));
        everybody(500, Program::Open);
        assert!(collector.need() >= Need(4 * 32));
        // Once is enough.
        everybody(501, Program::Contacts);
        assert!(collector.need() >= Need(4 * 32));
    }
}
