//! The three servers: real links and shares, rounds computed in the clear. One of them may lie.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use mcmix_shared::{
    identity::{ClientId, ClientKey, SecretKey},
    manifest::{Deployment, Server},
    noise::{Transport, accept},
    party::PartyId,
    program::{Program, RoundId, Turn},
    row::{DIAL_HEAD_BYTES, Shape},
    share::{Component, DealtShare, DigestKey, Seed, check_payload, row_digest, seed_digest},
    wire::{
        ClientFrame, FailedReason, MissedReason, Open, Refusal, Reply, ServerFrame, Submit, Welcome,
    },
};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Names a client of the simulation.
pub(crate) type NodeId = usize;

/// One end of a socket, as a server sees it.
struct Socket {
    /// Counts all connections, so that a newer one is known.
    number: u64,
    state: State,
}

enum State {
    Fresh,
    Greeted(ClientKey, Box<Transport>),
    Ready(ClientKey, Box<Transport>),
}

/// What one client handed in for a round: to each server, and over which connection.
#[derive(Clone, Default)]
struct Submission {
    shares: [Option<(u64, DealtShare)>; 3],
}

/// A dial of somebody who is no client of the simulation.
#[derive(Clone)]
pub(crate) struct StrayDial {
    pub(crate) id: ClientId,
    /// The callee's pass; `None` is the right one in every round, as a contact knows it.
    pub(crate) pass: Option<[u8; 16]>,
    pub(crate) message: [u8; 200],
}

/// A round that takes submissions.
#[derive(Clone)]
pub(crate) struct OpenRound {
    pub(crate) round: RoundId,
    pub(crate) program: Program,
    pub(crate) turn: Turn,
    submissions: BTreeMap<NodeId, Submission>,
}

/// Bytes to a client.
pub(crate) struct Sent {
    pub(crate) node: NodeId,
    pub(crate) party: PartyId,
    pub(crate) bytes: Vec<u8>,
}

/// What one server does other than it should, to all clients or to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Sends nothing but its greeting.
    Withholds,
    /// Sends no reply, but announces.
    WithholdsReplies,
    /// Announces nothing, but replies.
    WithholdsRounds,
    /// Announces nine rounds that there are not, before each that there is.
    AnnouncesMore,
    /// Announces another turn than the others do.
    AnnouncesOtherTurns,
    /// Announces the other programs.
    AnnouncesOtherPrograms,
    /// Says that a million people are online.
    AnnouncesCrowds,
    /// Says that we were left out, in place of its reply.
    SaysMissed,
    /// Says that the round failed, in place of its reply.
    SaysFailed,
    /// Says that the round was aborted, in place of its reply.
    SaysAborted,
    /// Says that no rounds are run any more, after its reply.
    SaysStopped,
    /// Refuses something in every round.
    Refuses(Refusal),
    /// Changes one bit of each row of its reply.
    Garbles,
    /// Changes all of its part of the rows.
    GarblesAll,
    /// P1 makes rows seem to come back, as it can who knows both rows of a pair from the partner.
    BringsBack,
}

impl Lie {
    pub(crate) const ALL: [Self; 22] = [
        Self::Withholds,
        Self::WithholdsReplies,
        Self::WithholdsRounds,
        Self::AnnouncesMore,
        Self::AnnouncesOtherTurns,
        Self::AnnouncesOtherPrograms,
        Self::AnnouncesCrowds,
        Self::SaysMissed,
        Self::SaysFailed,
        Self::SaysAborted,
        Self::SaysStopped,
        Self::Refuses(Refusal::Replaced),
        Self::Refuses(Refusal::Stopping),
        Self::Refuses(Refusal::TooManyConnections),
        Self::Refuses(Refusal::IdTaken),
        Self::Refuses(Refusal::Late),
        Self::Refuses(Refusal::UnsupportedVersion),
        Self::Refuses(Refusal::WrongProgram),
        Self::Refuses(Refusal::TooFast),
        Self::Garbles,
        Self::GarblesAll,
        Self::BringsBack,
    ];
}

/// Who lies, how, and to whom.
#[derive(Clone, Debug)]
pub(crate) struct Liar {
    pub(crate) party: PartyId,
    pub(crate) lie: Lie,
    /// To one alone; else to all.
    pub(crate) suspect: Option<NodeId>,
}

/// What a round was, for those who look behind the servers.
#[derive(Clone, Debug)]
pub(crate) struct Tap {
    pub(crate) program: Program,
    /// Which rows met: node and the row's place among its rows, both ways.
    pub(crate) met: BTreeMap<(NodeId, usize), (NodeId, usize)>,
    /// In dialing: whose dial each got, [`STRAY`] one from outside.
    pub(crate) dialled: BTreeMap<NodeId, NodeId>,
}

/// A share that a server got.
#[derive(Clone, Debug)]
pub(crate) struct Dealt {
    pub(crate) node: NodeId,
    pub(crate) round: RoundId,
    pub(crate) program: Program,
    pub(crate) party: PartyId,
    pub(crate) share: DealtShare,
}

/// A frame of a client as a server reads it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) node: NodeId,
    pub(crate) party: PartyId,
    pub(crate) frame: Vec<u8>,
}

/// Nobody's number: a dial that came from outside.
pub(crate) const STRAY: NodeId = usize::MAX;

pub(crate) struct Servers {
    pub(crate) deployment: Deployment,
    secrets: [SecretKey; 3],
    sockets: BTreeMap<(NodeId, usize), Socket>,
    connections: u64,
    round: RoundId,
    turn: Turn,
    open: Vec<OpenRound>,
    online: u32,
    seed: u64,
    /// Which of several dials arrives.
    rng: ChaCha12Rng,
    pub(crate) liars: Vec<Liar>,
    /// Dials from outside in every round.
    pub(crate) strays: Vec<StrayDial>,
    /// Clients whose replies are not what the round gave: an attack on the engine itself, with
    /// which all three replies agree.
    pub(crate) forged: BTreeMap<NodeId, Forgery>,
    /// Rounds as they were, where somebody wants to know.
    pub(crate) taps: Option<Vec<Tap>>,
    /// All that was dealt meanwhile, also what was replaced by something newer.
    pub(crate) dealt: Vec<Dealt>,
    /// All frames that came meanwhile, of whatever kind.
    pub(crate) heard: Vec<Heard>,
    /// Frames that a well-behaved client never sends.
    pub(crate) offences: Vec<Refusal>,
}

/// What all three servers together make of a row, once one of them attacks the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgery {
    /// The row seems to come back, while its partner got it.
    ComesBack,
    /// The row brings noise.
    Noise,
}

impl Servers {
    pub(crate) fn new(slots: u8, message_bytes: u16, quick_rounds: u8, seed: u64) -> Self {
        let secrets = [1, 2, 3].map(|byte| SecretKey::from_bytes([byte; 32]));
        let server = |party: PartyId| Server {
            url: format!("ws://127.0.0.1:800{}/client", party.index()),
            key: secrets[party.index()].server_key(),
        };
        let deployment = Deployment {
            version: mcmix_shared::manifest::VERSION,
            name: "Simulation".into(),
            island: 0,
            first: None,
            slots,
            quick_rounds,
            message_bytes,
            conversation_period_ms: 1000,
            dialing_period_ms: 2000,
            servers: PartyId::ALL.map(server),
        };
        Self {
            deployment,
            secrets,
            sockets: BTreeMap::new(),
            connections: 0,
            round: RoundId(0),
            turn: Turn(0),
            open: Vec::new(),
            online: 0,
            seed,
            rng: ChaCha12Rng::seed_from_u64(seed),
            liars: Vec::new(),
            strays: Vec::new(),
            forged: BTreeMap::new(),
            taps: None,
            dealt: Vec::new(),
            heard: Vec::new(),
            offences: Vec::new(),
        }
    }

    fn shape(&self) -> Shape {
        self.deployment.shape()
    }

    fn id(&self, key: &ClientKey) -> ClientId {
        key.id(&self.deployment.realm().deployment)
    }

    /// Returns a generator that depends on nothing but what it is for: what one client does
    /// changes nothing for another.
    fn rng_for(&self, purpose: u8, node: NodeId, number: u64) -> ChaCha12Rng {
        let mut seed = [purpose; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&(node as u64).to_le_bytes());
        seed[16..24].copy_from_slice(&number.to_le_bytes());
        ChaCha12Rng::from_seed(seed)
    }

    pub(crate) fn connect(&mut self, node: NodeId, party: PartyId) {
        self.connections += 1;
        let socket = Socket {
            number: self.connections,
            state: State::Fresh,
        };
        self.sockets.insert((node, party.index()), socket);
    }

    pub(crate) fn disconnect(&mut self, node: NodeId, party: PartyId) {
        self.sockets.remove(&(node, party.index()));
    }

    /// Takes bytes of a client and returns the answers.
    pub(crate) fn receive(&mut self, node: NodeId, party: PartyId, bytes: &[u8]) -> Vec<Sent> {
        let Some(Socket { number, state }) = self.sockets.remove(&(node, party.index())) else {
            return Vec::new();
        };
        let keep = |servers: &mut Self, state| {
            let socket = Socket { number, state };
            servers.sockets.insert((node, party.index()), socket);
        };
        match state {
            State::Fresh => {
                let secret = &self.secrets[party.index()];
                let realm = self.deployment.realm();
                let purpose = u8::try_from(party.index()).unwrap();
                // The same handshake whenever a node connects for the n-th time.
                let mut rng = self.rng_for(purpose, node, checksum(bytes));
                let accepted = accept(&realm.deployment, party, secret, bytes, &mut rng).unwrap();
                keep(
                    self,
                    State::Greeted(accepted.client, Box::new(accepted.transport)),
                );
                vec![Sent {
                    node,
                    party,
                    bytes: accepted.answer,
                }]
            }
            State::Greeted(key, mut transport) => {
                let frame = transport.open(bytes).unwrap();
                self.hear(node, party, &frame);
                let frame = ClientFrame::decode(party, self.shape(), &frame).unwrap();
                assert!(matches!(frame, ClientFrame::Ready));
                keep(self, State::Ready(key, transport));
                let welcome = Welcome::new(party, &self.deployment, self.online);
                let mut out = self.seal(node, party, &ServerFrame::Welcome(welcome));
                for open in self.opens() {
                    out.extend(self.tell(node, party, &open));
                }
                out
            }
            State::Ready(key, mut transport) => {
                let frame = transport.open(bytes).unwrap();
                self.hear(node, party, &frame);
                keep(self, State::Ready(key, transport));
                match ClientFrame::decode(party, self.shape(), &frame).unwrap() {
                    ClientFrame::Submit(submit) => self.submit(node, (party, number), submit),
                    ClientFrame::Ready => self.offences.push(Refusal::Repeated),
                }
                Vec::new()
            }
        }
    }

    fn hear(&mut self, node: NodeId, party: PartyId, frame: &[u8]) {
        if self.taps.is_some() {
            let frame = frame.to_vec();
            self.heard.push(Heard { node, party, frame });
        }
    }

    fn submit(&mut self, node: NodeId, (party, number): (PartyId, u64), submit: Submit) {
        if self.taps.is_some() {
            self.dealt.push(Dealt {
                node,
                round: submit.round,
                program: submit.program,
                party,
                share: submit.share.clone(),
            });
        }
        let Some(open) = self.open.iter_mut().find(|open| open.round == submit.round) else {
            // Its round closed meanwhile, or never was.
            return;
        };
        if open.program != submit.program {
            self.offences.push(Refusal::WrongProgram);
            return;
        }
        let share = &mut open.submissions.entry(node).or_default().shares[party.index()];
        // A newer connection's replaces an older one's.
        match share {
            Some((before, _)) if *before >= number => self.offences.push(Refusal::Repeated),
            _ => *share = Some((number, submit.share)),
        }
    }

    /// Seals a frame for a client that is ready for it.
    fn seal(&mut self, node: NodeId, party: PartyId, frame: &ServerFrame) -> Vec<Sent> {
        match self.sockets.get_mut(&(node, party.index())) {
            Some(Socket {
                state: State::Ready(_, transport),
                ..
            }) => vec![Sent {
                node,
                party,
                bytes: transport.seal(&frame.encode()).unwrap(),
            }],
            _ => Vec::new(),
        }
    }

    /// Sends what a server says, or what it says instead.
    fn tell(&mut self, node: NodeId, party: PartyId, frame: &ServerFrame) -> Vec<Sent> {
        let liar = self
            .liars
            .iter()
            .find(|liar| liar.party == party && liar.suspect.is_none_or(|suspect| suspect == node));
        let frames = match liar {
            Some(liar) => lied(liar.lie, frame),
            None => vec![frame.clone()],
        };
        let sealed = frames.iter().map(|frame| self.seal(node, party, frame));
        let sealed: Vec<_> = sealed.collect();
        sealed.into_iter().flatten().collect()
    }

    fn opens(&self) -> Vec<ServerFrame> {
        let open = |open: &OpenRound| {
            ServerFrame::Open(Open {
                round: open.round,
                program: open.program,
                turn: open.turn,
                closes_in_ms: 900,
                online: self.online,
            })
        };
        self.open.iter().map(open).collect()
    }

    fn sockets(&self) -> Vec<(NodeId, PartyId)> {
        let sockets = self.sockets.keys();
        sockets
            .map(|(node, index)| (*node, PartyId::from_index(*index).unwrap()))
            .collect()
    }

    /// Opens the next round.
    pub(crate) fn open(&mut self, program: Program) -> Vec<Sent> {
        self.round = self.round.next();
        self.turn = self.turn.after(program);
        self.open.push(OpenRound {
            round: self.round,
            program,
            turn: self.turn,
            submissions: BTreeMap::new(),
        });
        let frame = self.opens().pop().unwrap();
        let sockets = self.sockets();
        let sent = sockets
            .into_iter()
            .map(|(node, party)| self.tell(node, party, &frame));
        let sent: Vec<_> = sent.collect();
        sent.into_iter().flatten().collect()
    }

    /// Closes the round that is open longest.
    pub(crate) fn close(&mut self) -> OpenRound {
        self.open.remove(0)
    }

    pub(crate) const fn turn(&self) -> Turn {
        self.turn
    }

    pub(crate) const fn newest(&self) -> RoundId {
        self.round
    }

    /// Lets rounds pass that none of the clients takes part in.
    pub(crate) const fn skip(&mut self, conversations: u64, dials: u64) {
        self.round.0 += conversations + dials;
        self.turn.0 += conversations;
    }

    /// Tells all clients that no rounds are run any more.
    pub(crate) fn stop(&mut self) -> Vec<Sent> {
        let nodes: BTreeSet<_> = self.sockets().into_iter().map(|(node, _)| node).collect();
        let nodes: Vec<_> = nodes.into_iter().collect();
        self.tell_all(&nodes, &ServerFrame::Stopped)
    }

    /// Forgets the newest conversation rounds: their numbers come again.
    pub(crate) const fn go_back(&mut self, rounds: u64) {
        self.round.0 -= rounds;
        self.turn.0 -= rounds;
    }

    /// Ends a round without a result.
    pub(crate) fn fail(&mut self, open: &OpenRound, reason: FailedReason) -> Vec<Sent> {
        let frame = ServerFrame::Failed {
            round: open.round,
            program: open.program,
            reason,
        };
        let nodes: Vec<_> = open.submissions.keys().copied().collect();
        self.tell_all(&nodes, &frame)
    }

    fn tell_all(&mut self, nodes: &[NodeId], frame: &ServerFrame) -> Vec<Sent> {
        let mut out = Vec::new();
        for node in nodes {
            for party in PartyId::ALL {
                out.extend(self.tell(*node, party, frame));
            }
        }
        out
    }

    /// Computes a round and returns the replies; `late` are left out.
    pub(crate) fn compute(&mut self, open: OpenRound, late: &[NodeId]) -> Vec<Sent> {
        let OpenRound {
            round,
            program,
            submissions,
            ..
        } = open;
        let mut rows = Vec::new();
        let mut missed = Vec::new();
        for (node, submission) in submissions {
            let whole = match submission.shares {
                [Some((_, s0)), Some((_, s1)), Some((_, s2))] if !late.contains(&node) => {
                    reconstruct(&[s0, s1, s2])
                }
                _ => None,
            };
            match whole {
                Some(row) => rows.push((node, row)),
                None => missed.push(node),
            }
        }
        if !program.is_dialing() {
            self.online = u32::try_from(rows.len()).unwrap();
        }
        let reason = MissedReason::Absent;
        let left_out = ServerFrame::Missed {
            round,
            program,
            reason,
        };
        let mut out = self.tell_all(&missed, &left_out);
        let mut tap = Tap {
            program,
            met: BTreeMap::new(),
            dialled: BTreeMap::new(),
        };
        let replies = match program {
            Program::Conversation => self.converse(&rows, &mut tap),
            Program::Contacts | Program::Open => self.dial(program, &rows, &mut tap),
        };
        for ((node, whole), messages) in rows.iter().zip(replies) {
            let mut bodies = self.share_reply(*node, round, &messages);
            if !program.is_dialing() && self.brings_back(*node) {
                whole.bring_back(self.shape(), &messages, &mut bodies[1]);
            }
            for (party, body) in PartyId::ALL.into_iter().zip(bodies) {
                let reply = ServerFrame::Reply(Reply {
                    round,
                    program,
                    body,
                });
                out.extend(self.tell(*node, party, &reply));
            }
        }
        if let Some(taps) = &mut self.taps {
            taps.push(tap);
        }
        out
    }

    /// The ideal conversation: exactly two rows of one tag and different roles swap messages.
    fn converse(&self, submissions: &[(NodeId, Whole)], tap: &mut Tap) -> Vec<Vec<Vec<u8>>> {
        let shape = self.shape();
        let mut by_tag: BTreeMap<&[u8], Vec<(usize, usize)>> = BTreeMap::new();
        for (client, (_, whole)) in submissions.iter().enumerate() {
            for slot in 0..shape.slots {
                let (head, _) = whole.conversation(shape, slot);
                by_tag.entry(&head[..8]).or_default().push((client, slot));
            }
        }
        let row = |(client, slot): (usize, usize)| {
            let (_, whole) = &submissions[client];
            whole.conversation(shape, slot)
        };
        let role = |at| row(at).0[8] & 1;
        let mut replies = Vec::new();
        for (client, (node, whole)) in submissions.iter().enumerate() {
            let mut messages = Vec::new();
            for slot in 0..shape.slots {
                let (head, message) = whole.conversation(shape, slot);
                let own = (client, slot);
                let partner = match by_tag[&head[..8]][..] {
                    [a, b] if role(a) != role(b) => Some(if a == own { b } else { a }),
                    _ => None,
                };
                if let Some((other, their_slot)) = partner {
                    let their_node = submissions[other].0;
                    tap.met.insert((*node, slot), (their_node, their_slot));
                }
                messages.push(match self.forged.get(node) {
                    Some(Forgery::ComesBack) => message.to_vec(),
                    Some(Forgery::Noise) => vec![0xa5; message.len()],
                    None => row(partner.unwrap_or(own)).1.to_vec(),
                });
            }
            replies.push(messages);
        }
        replies
    }

    /// The ideal dialing: everybody gets one of the messages that are for them, or what nobody
    /// knows.
    fn dial(
        &mut self,
        program: Program,
        submissions: &[(NodeId, Whole)],
        tap: &mut Tap,
    ) -> Vec<Vec<Vec<u8>>> {
        let mut dials = Vec::new();
        for (node, whole) in submissions {
            let (head, message) = whole.row.split_at(DIAL_HEAD_BYTES);
            let (id, pass) = (head[..16].to_vec(), Some(head[16..32].to_vec()));
            dials.push((*node, id, pass, message.to_vec()));
        }
        for stray in &self.strays {
            let StrayDial { id, pass, message } = stray;
            let pass = pass.map(|pass| pass.to_vec());
            dials.push((STRAY, id.0.to_vec(), pass, message.to_vec()));
        }
        let mut replies = Vec::new();
        for (node, whole) in submissions {
            let id = self.key_of(*node).map(|key| self.id(&key).0);
            let own_pass = &whole.row[32..48];
            let for_me = dials.iter().filter(|(_, to, pass, _)| {
                let named = id.is_some_and(|id| to[..] == id);
                let let_in = pass.as_ref().is_none_or(|pass| pass == own_pass);
                named && (program == Program::Open || let_in)
            });
            let for_me: Vec<_> = for_me.collect();
            replies.push(vec![if for_me.is_empty() {
                whole.check.to_vec()
            } else {
                let pick = self.rng.next_u64() % for_me.len() as u64;
                let (caller, _, _, message) = for_me[usize::try_from(pick).unwrap()];
                tap.dialled.insert(*node, *caller);
                message.clone()
            }]);
        }
        replies
    }

    fn brings_back(&self, node: NodeId) -> bool {
        let to = |liar: &Liar| liar.suspect.is_none_or(|suspect| suspect == node);
        let mut liars = self.liars.iter().filter(|liar| to(liar));
        liars.any(|liar| liar.lie == Lie::BringsBack && liar.party == PartyId::P1)
    }

    fn key_of(&self, node: NodeId) -> Option<ClientKey> {
        PartyId::ALL
            .iter()
            .find_map(|party| match self.sockets.get(&(node, party.index())) {
                Some(Socket {
                    state: State::Ready(key, _),
                    ..
                }) => Some(*key),
                _ => None,
            })
    }

    fn share_reply(&self, node: NodeId, round: RoundId, messages: &[Vec<u8>]) -> [Vec<u8>; 3] {
        let mut rng = self.rng_for(9, node, round.0);
        let mut bodies = [const { Vec::new() }; 3];
        for (row, message) in messages.iter().enumerate() {
            let seeds = [(); 2].map(|()| Seed::random(&mut rng));
            let mut y2 = message.clone();
            for seed in &seeds {
                seed.xor_into(&mut y2);
                bodies[0].extend_from_slice(seed.as_bytes());
            }
            let [y0, y1] = &seeds;
            bodies[1].extend_from_slice(&y2);
            bodies[1].extend_from_slice(&seed_digest(round, row, y1.as_bytes()));
            bodies[2].extend_from_slice(&row_digest(round, row, y0.as_bytes(), &y2));
        }
        bodies
    }
}

/// A submission in clear, and what its client gets where no dial reaches it.
struct Whole {
    row: Vec<u8>,
    check: [u8; 200],
}

impl Whole {
    /// Returns head and message of one of its rows.
    fn conversation(&self, shape: Shape, slot: usize) -> (&[u8], &[u8]) {
        split_row(shape, &self.row, slot)
    }

    /// Changes P1's part of a reply so that each row becomes what was handed in.
    fn bring_back(&self, shape: Shape, messages: &[Vec<u8>], body: &mut [u8]) {
        let each = body.len() / messages.len();
        for (slot, (part, reply)) in body.chunks_mut(each).zip(messages).enumerate() {
            let (_, own) = self.conversation(shape, slot);
            for (byte, (own, reply)) in part.iter_mut().zip(own.iter().zip(reply)) {
                *byte ^= own ^ reply;
            }
        }
    }
}

/// Returns head and message of one row of a conversation round's submission.
pub(crate) fn split_row(shape: Shape, submission: &[u8], slot: usize) -> (&[u8], &[u8]) {
    let (heads, messages) = submission.split_at(shape.heads_bytes(Program::Conversation));
    let (head, message) = (shape.head_bytes(Program::Conversation), shape.message_bytes);
    (
        &heads[slot * head..][..head],
        &messages[slot * message..][..message],
    )
}

/// Whose digests are compared, and under which keys, matters to nobody here.
static SOMEBODY: LazyLock<(ClientKey, [DigestKey; 2])> = LazyLock::new(|| {
    let key = DigestKey::derive(&[0; 32], RoundId(0));
    let client = SecretKey::from_bytes([9; 32]).client_key();
    (client, [key.clone(), key])
});

/// Puts the shares together; `None` where the servers were dealt different ones.
fn reconstruct(shares: &[DealtShare; 3]) -> Option<Whole> {
    let (client, keys) = &*SOMEBODY;
    let digests = |share: &DealtShare| share.digests(client, keys);
    for party in PartyId::ALL {
        let (own, next) = (&shares[party.index()], &shares[party.next().index()]);
        if digests(own)[1] != digests(next)[0] {
            return None;
        }
    }
    let [p0, _, p2] = shares.each_ref().map(DealtShare::expand);
    let row = p0.first.iter().zip(&p0.second).zip(&p2.first);
    let row = row.map(|((x0, x1), x2)| x0 ^ x1 ^ x2).collect();
    let [s0, _, s2] = shares.clone().map(DealtShare::into_components);
    let check = match (&s0.first, &s0.second, &s2.check) {
        (Component::Seed(s0), Component::Seed(s1), Some(s2)) => check_payload([s0, s1, s2]),
        _ => [0; 200],
    };
    Some(Whole { row, check })
}

/// Returns what a liar says instead of a frame.
fn lied(lie: Lie, frame: &ServerFrame) -> Vec<ServerFrame> {
    let honest = || vec![frame.clone()];
    match (lie, frame) {
        (Lie::Withholds, _)
        | (Lie::WithholdsReplies, ServerFrame::Reply(_))
        | (Lie::WithholdsRounds, ServerFrame::Open(_)) => Vec::new(),
        (Lie::AnnouncesMore, ServerFrame::Open(open)) => {
            let bogus = (1..=9_u64).map(|k| {
                ServerFrame::Open(Open {
                    round: RoundId(open.round.0 + k * k),
                    program: Program::ALL[usize::try_from(k % 3).unwrap()],
                    turn: Turn(open.turn.0 + k),
                    ..*open
                })
            });
            bogus.chain(honest()).collect()
        }
        (Lie::AnnouncesOtherTurns, ServerFrame::Open(open)) => vec![ServerFrame::Open(Open {
            turn: Turn(open.turn.0 + 1),
            ..*open
        })],
        (Lie::AnnouncesOtherPrograms, ServerFrame::Open(open)) => vec![ServerFrame::Open(Open {
            program: match open.program {
                Program::Conversation => Program::Open,
                Program::Contacts | Program::Open => Program::Conversation,
            },
            ..*open
        })],
        (Lie::AnnouncesCrowds, ServerFrame::Open(open)) => vec![ServerFrame::Open(Open {
            online: 1_000_000,
            ..*open
        })],
        (Lie::SaysMissed, ServerFrame::Reply(reply)) => vec![ServerFrame::Missed {
            round: reply.round,
            program: reply.program,
            reason: MissedReason::Absent,
        }],
        (Lie::SaysFailed, ServerFrame::Reply(reply)) => vec![ServerFrame::Failed {
            round: reply.round,
            program: reply.program,
            reason: FailedReason::Broken,
        }],
        (Lie::SaysAborted, ServerFrame::Reply(reply)) => vec![ServerFrame::Failed {
            round: reply.round,
            program: reply.program,
            reason: FailedReason::Aborted,
        }],
        (Lie::SaysStopped, ServerFrame::Reply(_)) => {
            [honest(), vec![ServerFrame::Stopped]].concat()
        }
        (Lie::Refuses(reason), ServerFrame::Reply(_)) => {
            let refused = ServerFrame::Refused { reason };
            [vec![refused], honest()].concat()
        }
        (Lie::Garbles | Lie::GarblesAll, ServerFrame::Reply(reply)) => {
            let mut reply = reply.clone();
            let step = if lie == Lie::Garbles { 16 } else { 1 };
            for byte in reply.body.iter_mut().step_by(step) {
                *byte ^= 1;
            }
            vec![ServerFrame::Reply(reply)]
        }
        _ => honest(),
    }
}

/// FNV-1a.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
