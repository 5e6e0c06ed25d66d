//! A client with a contact, and three servers that say to it what a fuzzer wants.

use std::collections::{BTreeMap, VecDeque};

use arbitrary::Arbitrary;
use mcmix_shared::client::{Action, BatchId, Client, Command, Event, Millis, Now, Record};
use mcmix_shared::identity::ClientKey;
use mcmix_shared::noise::{ANSWER_BYTES, HELLO_BYTES, Transport, accept};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};
use mcmix_shared::share::{Component, Seed, row_digest, seed_digest};
use mcmix_shared::wire::{ClientFrame, Open, Reply, ServerFrame, Submit, Welcome};
use rand_chacha::ChaCha12Rng;

use crate::{AnyProgram, Change, Party, SHAPE, deployment, rng, secret};

const STATE: &str = include_str!("../../shared/tests/fixtures/state-v2.txt");

/// The round and turn that the stored clients had seen.
const BEFORE: (RoundId, Turn) = (RoundId(100_000), Turn(50_000));

/// Returns what one of the two, Ada or Bob, stored.
pub fn stored(name: &str) -> Vec<Record> {
    let section = STATE.split("== ").find(|part| part.starts_with(name));
    let lines = section.into_iter().flat_map(|part| part.lines().skip(1));
    let record = |line: &str| {
        let (key, hex) = line.split_once(' ')?;
        let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        Some(Record {
            key: key.to_owned(),
            value: (0..hex.len()).step_by(2).map(byte).collect(),
        })
    };
    lines.filter_map(record).collect()
}

/// What happens to a client next.
#[derive(Debug, Arbitrary)]
pub enum Say {
    /// All three do a round as they should; what was handed in comes back where `echo` says so.
    Round {
        /// Its program.
        program: AnyProgram,
        /// Whether rows come back, or others come.
        echo: bool,
    },
    /// One announces a round.
    Open {
        /// Who.
        party: Party,
        /// Rounds from the last one.
        ahead: i8,
        /// Its program.
        program: AnyProgram,
        /// Turns from the last one.
        turn: i8,
        /// Until it closes.
        closes_in_ms: u32,
        /// How many are said to be there.
        online: u32,
    },
    /// One replies, changed.
    Reply {
        /// Who.
        party: Party,
        /// What is wrong with it.
        changes: Vec<Change>,
    },
    /// One sends these bytes in a frame.
    Frame(Party, Vec<u8>),
    /// One sends a frame of that kind, with these bytes behind it.
    Kind(Party, u8, Vec<u8>),
    /// One sends what is no frame.
    Raw(Party, Vec<u8>),
    /// A link is gone.
    Close(Party),
    /// Time passes.
    Wait(u16),
    /// The page comes back.
    Resume,
    /// Nothing can be stored for now, or all that waited is.
    Disk(bool),
    /// The person does something.
    Person(Deed),
}

/// What a person does, to the contact.
#[derive(Debug, Arbitrary)]
pub enum Deed {
    /// Writes so many bytes.
    Write(u16),
    /// Calls.
    Call,
    /// Rings.
    Ring,
    /// Gives up.
    Cancel,
    /// Looks at the contact, or away.
    Look(bool),
    /// Blocks.
    Block,
    /// Unblocks.
    Unblock,
    /// Removes.
    Remove,
    /// Accepts.
    Accept,
    /// Sends what is held.
    SendHeld,
    /// Pastes a link.
    Paste(String),
}

/// A client and the servers' ends of its links.
#[derive(Debug)]
pub struct Page {
    client: Client,
    contact: Option<ClientKey>,
    links: [Link; 3],
    now: u64,
    rng: ChaCha12Rng,
    round: RoundId,
    turn: Turn,
    submitted: BTreeMap<(u64, usize), Submit>,
    waiting: Option<VecDeque<BatchId>>,
    /// Rounds for which it handed in something to all three.
    pub taken_part: usize,
}

#[derive(Debug, Default)]
enum Link {
    #[default]
    Closed,
    Fresh,
    Greeted(Box<Transport>),
    Ready(Box<Transport>),
}

impl Page {
    /// Starts a client and connects it.
    pub fn start(client: Client) -> Self {
        let contact = client.view().contacts.first().map(|contact| contact.key);
        let (round, turn) = BEFORE;
        let mut page = Self {
            client,
            contact,
            links: Default::default(),
            now: 1_000_000,
            rng: rng(),
            round,
            turn,
            submitted: BTreeMap::new(),
            waiting: None,
            taken_part: 0,
        };
        let (now, rng) = (page.time(), &mut page.rng);
        let commands = page.client.start(now, rng);
        page.follow(commands);
        // What is stored names the servers of another deployment, and it connects to no others unasked.
        page.event(Event::User(Action::TrustServers));
        page
    }

    /// Draws what is shown.
    pub fn view(&self) {
        let _ = self.client.view();
    }

    /// Plays so many rounds as they should be.
    pub fn rounds(&mut self, count: u8) {
        for _ in 0..count {
            self.whole_round(Program::Conversation, true);
            self.whole_round(Program::Open, true);
        }
    }

    /// Lets something happen.
    pub fn hear(&mut self, say: &Say) {
        match say {
            Say::Round { program, echo } => self.whole_round(program.0, *echo),
            Say::Open {
                party,
                ahead,
                program,
                turn,
                closes_in_ms,
                online,
            } => {
                let open = Open {
                    round: RoundId(self.round.0.saturating_add_signed((*ahead).into())),
                    program: program.0,
                    turn: Turn(self.turn.0.saturating_add_signed((*turn).into())),
                    closes_in_ms: *closes_in_ms,
                    online: *online,
                };
                self.send((*party).into(), &ServerFrame::Open(open).encode());
            }
            Say::Reply { party, changes } => {
                let party = PartyId::from(*party);
                let program = Program::Conversation;
                let len = ServerFrame::reply_bytes(party, SHAPE, program);
                let reply = Reply {
                    round: self.round,
                    program,
                    body: Vec::new(),
                };
                let mut frame = ServerFrame::Reply(reply).encode();
                frame.resize(len, 0);
                for change in changes {
                    change.make(&mut frame);
                }
                self.send(party, &frame);
            }
            Say::Frame(party, bytes) => self.send((*party).into(), bytes),
            Say::Kind(party, kind, rest) => {
                let frame = [&[2, 129 + kind % 8][..], rest].concat();
                self.send((*party).into(), &frame);
            }
            Say::Raw(party, bytes) => self.event(Event::Frame((*party).into(), bytes.clone())),
            Say::Close(party) => {
                let party = PartyId::from(*party);
                self.links[party.index()] = Link::Closed;
                self.event(Event::Closed(party));
            }
            Say::Wait(ms) => {
                self.now += u64::from(*ms);
                self.event(Event::Wake);
            }
            Say::Resume => self.event(Event::Resumed),
            Say::Disk(true) => {
                for batch in self.waiting.take().into_iter().flatten() {
                    self.event(Event::Stored(batch));
                }
            }
            Say::Disk(false) => {
                self.waiting.get_or_insert_default();
            }
            Say::Person(deed) => self.person(deed),
        }
    }

    fn person(&mut self, deed: &Deed) {
        let Some(contact) = self.contact else { return };
        let action = match deed {
            Deed::Write(len) => Action::SendText {
                contact,
                text: "x".repeat((*len).into()),
            },
            Deed::Call => Action::Call(contact),
            Deed::Ring => Action::Ring(contact),
            Deed::Cancel => Action::CancelCall(contact),
            Deed::Look(at) => Action::Look(at.then_some(contact)),
            Deed::Block => Action::Block(contact),
            Deed::Unblock => Action::Unblock(contact),
            Deed::Remove => Action::RemoveContact(contact),
            Deed::Accept => Action::Accept(contact),
            Deed::SendHeld => Action::SendHeld(contact),
            Deed::Paste(link) => Action::AddContact { link: link.clone() },
        };
        self.event(Event::User(action));
    }

    /// All three announce a round, take what is handed in, and reply.
    fn whole_round(&mut self, program: Program, echo: bool) {
        self.round = self.round.next();
        self.turn = self.turn.after(program);
        let open = ServerFrame::Open(Open {
            round: self.round,
            program,
            turn: self.turn,
            closes_in_ms: 500,
            online: 2,
        });
        for party in PartyId::ALL {
            self.send(party, &open.encode());
        }
        self.now += 500;
        self.event(Event::Wake);
        for (party, body) in PartyId::ALL.into_iter().zip(self.replies(program, echo)) {
            let reply = Reply {
                round: self.round,
                program,
                body,
            };
            self.send(party, &ServerFrame::Reply(reply).encode());
        }
        self.now += 500;
        self.event(Event::Wake);
    }

    /// Returns bodies that fit together: of the rows that were handed in, or of others.
    fn replies(&mut self, program: Program, echo: bool) -> [Vec<u8>; 3] {
        let len = SHAPE.row_message_bytes(program);
        let mut rows = vec![0; SHAPE.rows(program) * len];
        let handed_in = self.handed_in(program);
        self.taken_part += usize::from(handed_in.is_some());
        if let Some(handed_in) = handed_in.filter(|_| echo) {
            rows.copy_from_slice(&handed_in);
        }
        let mut bodies = [const { Vec::new() }; 3];
        for (index, row) in rows.chunks(len).enumerate() {
            let seeds = [[1; 16], [2; 16]];
            let mut y2 = row.to_vec();
            for seed in seeds {
                Seed::from_bytes(seed).xor_into(&mut y2);
                bodies[0].extend(seed);
            }
            bodies[1].extend_from_slice(&y2);
            bodies[1].extend(seed_digest(self.round, index, &seeds[1]));
            bodies[2].extend(row_digest(self.round, index, &seeds[0], &y2));
        }
        bodies
    }

    /// Puts the messages together that were dealt to the servers for this round.
    fn handed_in(&mut self, program: Program) -> Option<Vec<u8>> {
        let mut of = |party: PartyId| self.submitted.remove(&(self.round.0, party.index()));
        let (one, two) = (of(PartyId::P1)?, of(PartyId::P2)?);
        self.submitted.clear();
        if one.program != program || two.program != program {
            return None;
        }
        let (one, two) = (one.share.into_components(), two.share.into_components());
        let (Component::Seed(s1), Component::Explicit(x2), Component::Seed(s0)) =
            (&one.first, &two.first, &two.second)
        else {
            return None;
        };
        let mut x2 = x2.clone();
        s0.xor_into(&mut x2);
        s1.xor_into(&mut x2);
        Some(x2.split_off(SHAPE.heads_bytes(program)))
    }

    fn time(&self) -> Now {
        Now {
            wall: Millis(1_790_000_000_000 + self.now),
            steady: Millis(self.now),
        }
    }

    fn event(&mut self, event: Event) {
        let now = self.time();
        let commands = self.client.handle(now, event, &mut self.rng);
        self.follow(commands);
    }

    /// Sends a frame over a link that is there.
    fn send(&mut self, party: PartyId, frame: &[u8]) {
        if let Link::Ready(transport) = &mut self.links[party.index()]
            && let Ok(sealed) = transport.seal(frame)
        {
            self.event(Event::Frame(party, sealed));
        }
    }

    /// Does what the client wants, and what comes of that.
    fn follow(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Connect(party) => {
                    self.links[party.index()] = Link::Fresh;
                    self.event(Event::Opened(party));
                }
                Command::Disconnect(party) => self.links[party.index()] = Link::Closed,
                Command::Send(party, bytes) => self.receive(party, &bytes),
                Command::Store(batch, _) => match &mut self.waiting {
                    Some(waiting) => waiting.push_back(batch),
                    None => self.event(Event::Stored(batch)),
                },
                Command::WakeAfter(_) | Command::Notify(_) => {}
            }
        }
    }

    /// Takes what the client sends: a server that is honest finds nothing wrong with it.
    fn receive(&mut self, party: PartyId, bytes: &[u8]) {
        let deployment = deployment();
        let link = &mut self.links[party.index()];
        let frame = |transport: &mut Transport| {
            let frame = transport.open(bytes).expect("a page seals in order");
            ClientFrame::decode(party, SHAPE, &frame).expect("a page sends frames")
        };
        match core::mem::take(link) {
            Link::Closed => {}
            Link::Fresh => {
                assert_eq!(bytes.len(), HELLO_BYTES);
                let own = secret(10 + u8::try_from(party.index()).expect("there are three"));
                let digest = deployment.realm().deployment;
                let accepted = accept(&digest, party, &own, bytes, &mut rng()).expect("honest");
                assert_eq!(accepted.answer.len(), ANSWER_BYTES);
                *link = Link::Greeted(Box::new(accepted.transport));
                self.event(Event::Frame(party, accepted.answer));
            }
            Link::Greeted(mut transport) => {
                assert!(matches!(frame(&mut transport), ClientFrame::Ready));
                *link = Link::Ready(transport);
                let welcome = Welcome::new(party, deployment, 2);
                self.send(party, &ServerFrame::Welcome(welcome).encode());
            }
            Link::Ready(mut transport) => {
                let frame = frame(&mut transport);
                *link = Link::Ready(transport);
                let ClientFrame::Submit(submit) = frame else {
                    panic!("a page is ready once");
                };
                let key = (submit.round.0, party.index());
                assert!(
                    self.submitted.insert(key, submit).is_none(),
                    "a share twice"
                );
            }
        }
    }
}
