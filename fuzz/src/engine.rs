//! Rounds of three honest servers, recorded, to be played again to one of them with something changed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use arbitrary::Arbitrary;
use mcmix_engine::link::memory::{self, MemoryLink};
use mcmix_engine::world::World;
use mcmix_engine::{
    Context, ConversationInput, DialingInput, DialingProgram, Error, Link, LinkError, PairKeys,
    Replies, Settings, SortWidth, conversation, dialing,
};
use mcmix_shared::party::PartyId;

/// A key for each two parties: of P0 and P1, P1 and P2, P2 and P0.
const KEYS: [[u8; 32]; 3] = [[1; 32], [2; 32], [3; 32]];
const MESSAGE_BYTES: usize = 4;
const SETTINGS: Settings = Settings {
    threads: 1,
    sort_width: SortWidth::NARROWEST,
};

/// Frames from each peer, in order.
pub type Frames = [Vec<Vec<u8>>; 3];

/// Which round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Arbitrary)]
pub enum Round {
    /// Seven rows of which four meet.
    Conversation,
    /// Four clients, of whom two dial one.
    Dialing,
}

impl Round {
    fn run(self, context: &mut Context, first: Vec<u8>, second: Vec<u8>) -> Result<Replies, Error> {
        context.begin(1)?;
        match self {
            Self::Conversation => conversation(
                context,
                ConversationInput {
                    rows: ROWS.len(),
                    message_bytes: MESSAGE_BYTES,
                    first,
                    second,
                },
            ),
            Self::Dialing => dialing(
                context,
                DialingInput {
                    program: DialingProgram::Open,
                    ids: IDS.map(|id| [id; 16]).to_vec(),
                    first,
                    second,
                },
            ),
        }
    }

    fn input(self) -> Vec<u8> {
        match self {
            Self::Conversation => ROWS
                .iter()
                .flat_map(|(tag, role)| [&[*tag; 8][..], &[*role], &[7; MESSAGE_BYTES]].concat())
                .collect(),
            Self::Dialing => DIALS
                .iter()
                .flat_map(|callee| [&[*callee; 16][..], &[0; 32], &[7; 200], &[8; 200]].concat())
                .collect(),
        }
    }
}

/// Tags and roles.
const ROWS: [(u8, u8); 7] = [(1, 0), (1, 1), (2, 0), (3, 1), (4, 0), (4, 1), (5, 0)];
const IDS: [u8; 4] = [1, 2, 3, 4];
/// Whom each dials.
const DIALS: [u8; 4] = [2, 9, 2, 3];

/// What the three said to each other, and what each brought.
pub struct Recorded {
    round: Round,
    received: [Frames; 3],
    inputs: [(Vec<u8>, Vec<u8>); 3],
}

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recorded({:?})", self.round)
    }
}

impl Recorded {
    /// Returns a round, which is played once.
    pub fn of(round: Round) -> &'static Self {
        static CONVERSATION: LazyLock<Recorded> =
            LazyLock::new(|| Recorded::record(Round::Conversation));
        static DIALING: LazyLock<Recorded> = LazyLock::new(|| Recorded::record(Round::Dialing));
        match round {
            Round::Conversation => &CONVERSATION,
            Round::Dialing => &DIALING,
        }
    }

    fn record(round: Round) -> Self {
        let received: [Arc<Mutex<Frames>>; 3] = Default::default();
        let mut logs = received.iter();
        let links = memory::connect().map(|link| Recorder {
            link,
            received: Arc::clone(logs.next().expect("three links")),
        });
        let inputs: Mutex<[(Vec<u8>, Vec<u8>); 3]> = Mutex::default();
        World::with_keys(7, KEYS, SETTINGS, links)
            .run(&round.input(), |context, first, second| {
                let at = context.party().index();
                inputs.lock().expect("no party panics")[at] = (first.clone(), second.clone());
                round.run(context, first, second)
            })
            .expect("all are honest");
        Self {
            round,
            received: received.map(|log| log.lock().expect("no party panics").clone()),
            inputs: inputs.into_inner().expect("no party panics"),
        }
    }

    /// Returns what came to a party.
    pub fn frames(&self, me: PartyId) -> Frames {
        self.received[me.index()].clone()
    }

    /// Plays the round to a party, with what comes to it.
    ///
    /// # Errors
    ///
    /// As the program.
    pub fn play(&self, me: PartyId, frames: Frames) -> Result<Replies, Error> {
        let [k01, k12, k20] = KEYS;
        let (next, prev) = [(k01, k20), (k12, k01), (k20, k12)][me.index()];
        let link = Player(frames.map(VecDeque::from));
        let mut context = Context::new(me, PairKeys { next, prev }, link, SETTINGS);
        let (first, second) = self.inputs[me.index()].clone();
        self.round.run(&mut context, first, second)
    }
}

/// Notes what comes.
struct Recorder {
    link: MemoryLink,
    received: Arc<Mutex<Frames>>,
}

impl Link for Recorder {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        self.link.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        let frame = self.link.recv(from)?;
        self.received.lock().expect("no party panics")[from.index()].push(frame.clone());
        Ok(frame)
    }
}

/// Says what was noted.
struct Player([VecDeque<Vec<u8>>; 3]);

impl Link for Player {
    fn send(&mut self, _: PartyId, _: Vec<u8>) -> Result<(), LinkError> {
        Ok(())
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.0[from.index()].pop_front().ok_or(LinkError::Closed)
    }
}
