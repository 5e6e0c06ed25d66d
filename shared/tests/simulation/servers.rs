//! The three servers: real links and shares, rounds computed in the clear.

use std::collections::BTreeMap;

use mcmix_shared::{
    identity::{ClientId, ClientKey, SecretKey},
    manifest::{Deployment, Server},
    noise::{Transport, accept},
    party::PartyId,
    program::{Program, RoundId},
    row::Shape,
    share::{DealtShare, Seed, reply_digest},
    wire::{ClientFrame, MissedReason, Open, Refusal, Reply, ServerFrame, Submit, Welcome},
};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Names a client of the simulation.
pub(crate) type NodeId = usize;

/// One end of a socket, as a server sees it.
enum Socket {
    Fresh,
    Greeted(ClientKey, Transport),
    Ready(ClientKey, Transport),
}

/// What one client handed in for a round.
#[derive(Default)]
struct Submission {
    shares: [Option<DealtShare>; 3],
}

/// A round that takes submissions.
pub(crate) struct OpenRound {
    pub(crate) round: RoundId,
    pub(crate) program: Program,
    submissions: BTreeMap<NodeId, Submission>,
}

/// Bytes to a client.
pub(crate) struct Sent {
    pub(crate) node: NodeId,
    pub(crate) party: PartyId,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Servers {
    pub(crate) deployment: Deployment,
    secrets: [SecretKey; 3],
    sockets: BTreeMap<(NodeId, usize), Socket>,
    round: RoundId,
    open: Vec<OpenRound>,
    online: u32,
    rng: ChaCha12Rng,
    /// Frames that a well-behaved client never sends.
    pub(crate) offences: Vec<Refusal>,
}

impl Servers {
    pub(crate) fn new(slots: u8, message_bytes: u16, seed: u64) -> Self {
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
            quick_rounds: 8,
            message_bytes,
            conversation_period_ms: 1000,
            dialing_period_ms: 2000,
            servers: PartyId::ALL.map(server),
        };
        Self {
            deployment,
            secrets,
            sockets: BTreeMap::new(),
            round: RoundId(0),
            open: Vec::new(),
            online: 0,
            rng: ChaCha12Rng::seed_from_u64(seed),
            offences: Vec::new(),
        }
    }

    fn shape(&self) -> Shape {
        self.deployment.shape()
    }

    pub(crate) fn connect(&mut self, node: NodeId, party: PartyId) {
        self.sockets.insert((node, party.index()), Socket::Fresh);
        // What an earlier start of the client handed in goes with its connection.
        for submission in self
            .open
            .iter_mut()
            .filter_map(|open| open.submissions.get_mut(&node))
        {
            submission.shares[party.index()] = None;
        }
    }

    pub(crate) fn disconnect(&mut self, node: NodeId, party: PartyId) {
        self.sockets.remove(&(node, party.index()));
    }

    /// Takes bytes of a client and returns the answers.
    pub(crate) fn receive(&mut self, node: NodeId, party: PartyId, bytes: &[u8]) -> Vec<Sent> {
        match self.sockets.remove(&(node, party.index())) {
            Some(Socket::Fresh) => {
                let secret = &self.secrets[party.index()];
                let digest = self.deployment.realm().deployment;
                let accepted = accept(&digest, party, secret, bytes, &mut self.rng).unwrap();
                let socket = Socket::Greeted(accepted.client, accepted.transport);
                self.sockets.insert((node, party.index()), socket);
                vec![Sent {
                    node,
                    party,
                    bytes: accepted.answer,
                }]
            }
            Some(Socket::Greeted(key, mut transport)) => {
                let frame = transport.open(bytes).unwrap();
                let frame = ClientFrame::decode(party, self.shape(), &frame).unwrap();
                assert!(matches!(frame, ClientFrame::Ready));
                self.sockets
                    .insert((node, party.index()), Socket::Ready(key, transport));
                let welcome = Welcome::new(party, &self.deployment, self.online);
                let mut out = vec![self.seal(node, party, &ServerFrame::Welcome(welcome))];
                for open in self.opens() {
                    out.push(self.seal(node, party, &open));
                }
                out
            }
            Some(Socket::Ready(key, mut transport)) => {
                let frame = transport.open(bytes).unwrap();
                self.sockets
                    .insert((node, party.index()), Socket::Ready(key, transport));
                match ClientFrame::decode(party, self.shape(), &frame).unwrap() {
                    ClientFrame::Submit(submit) => self.submit(node, party, submit),
                    ClientFrame::Ready => self.offences.push(Refusal::Repeated),
                }
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn submit(&mut self, node: NodeId, party: PartyId, submit: Submit) {
        let Some(open) = self.open.iter_mut().find(|open| open.round == submit.round) else {
            // Its round closed meanwhile.
            return;
        };
        if open.program != submit.program {
            self.offences.push(Refusal::WrongProgram);
            return;
        }
        let share = &mut open.submissions.entry(node).or_default().shares[party.index()];
        if share.replace(submit.share).is_some() {
            self.offences.push(Refusal::Repeated);
        }
    }

    fn seal(&mut self, node: NodeId, party: PartyId, frame: &ServerFrame) -> Sent {
        let Some(Socket::Ready(_, transport)) = self.sockets.get_mut(&(node, party.index())) else {
            panic!("not ready");
        };
        Sent {
            node,
            party,
            bytes: transport.seal(&frame.encode()).unwrap(),
        }
    }

    fn is_ready(&self, node: NodeId, party: PartyId) -> bool {
        matches!(
            self.sockets.get(&(node, party.index())),
            Some(Socket::Ready(..))
        )
    }

    fn opens(&self) -> Vec<ServerFrame> {
        let open = |open: &OpenRound| {
            let (round, program) = (open.round, open.program);
            ServerFrame::Open(Open {
                round,
                program,
                closes_in_ms: 900,
                online: self.online,
            })
        };
        self.open.iter().map(open).collect()
    }

    /// Opens the next round.
    pub(crate) fn open(&mut self, program: Program) -> Vec<Sent> {
        self.round = self.round.next();
        self.open.push(OpenRound {
            round: self.round,
            program,
            submissions: BTreeMap::new(),
        });
        let frame = self.opens().pop().unwrap();
        let sockets: Vec<_> = self.sockets.keys().copied().collect();
        let mut out = Vec::new();
        for (node, index) in sockets {
            let party = PartyId::from_index(index).unwrap();
            if self.is_ready(node, party) {
                out.push(self.seal(node, party, &frame));
            }
        }
        out
    }

    /// Closes the round that is open longest.
    pub(crate) fn close(&mut self) -> OpenRound {
        self.open.remove(0)
    }

    /// Ends a round without a result.
    pub(crate) fn fail(&mut self, open: &OpenRound) -> Vec<Sent> {
        let frame = ServerFrame::Failed {
            round: open.round,
            program: open.program,
        };
        self.seal_for(open.submissions.keys().copied().collect(), &frame)
    }

    fn seal_for(&mut self, nodes: Vec<NodeId>, frame: &ServerFrame) -> Vec<Sent> {
        let mut out = Vec::new();
        for node in nodes {
            for party in PartyId::ALL {
                if self.is_ready(node, party) {
                    out.push(self.seal(node, party, frame));
                }
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
        } = open;
        let mut rows = Vec::new();
        let mut missed = Vec::new();
        for (node, submission) in submissions {
            match submission.shares {
                [Some(s0), Some(s1), Some(s2)] if !late.contains(&node) => {
                    rows.push((node, reconstruct(round, &[s0, s1, s2])));
                }
                _ => missed.push(node),
            }
        }
        self.online = u32::try_from(rows.len()).unwrap();
        let reason = MissedReason::Absent;
        let mut out = self.seal_for(
            missed,
            &ServerFrame::Missed {
                round,
                program,
                reason,
            },
        );
        let replies = match program {
            Program::Conversation => self.converse(&rows),
            Program::Dialing => self.dial(&rows),
        };
        for ((node, _), reply_rows) in rows.iter().zip(replies) {
            let bodies = self.share_reply(round, &reply_rows);
            for (party, body) in PartyId::ALL.into_iter().zip(bodies) {
                if self.is_ready(*node, party) {
                    let reply = ServerFrame::Reply(Reply {
                        round,
                        program,
                        body,
                    });
                    out.push(self.seal(*node, party, &reply));
                }
            }
        }
        out
    }

    /// The ideal conversation: exactly two rows of one tag and different roles swap messages.
    fn converse(&self, submissions: &[(NodeId, Vec<u8>)]) -> Vec<Vec<Vec<u8>>> {
        let row_bytes = self.shape().row_bytes(Program::Conversation);
        let rows: Vec<&[u8]> = submissions
            .iter()
            .flat_map(|(_, s)| s.chunks(row_bytes))
            .collect();
        let mut by_tag: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_tag.entry(&row[..8]).or_default().push(index);
        }
        let partner = |index: usize| match by_tag[&rows[index][..8]][..] {
            [a, b] if rows[a][8] & 1 != rows[b][8] & 1 => a + b - index,
            _ => index,
        };
        let replies: Vec<_> = (0..rows.len())
            .map(|index| rows[partner(index)][9..].to_vec())
            .collect();
        replies
            .chunks(self.shape().slots)
            .map(<[_]>::to_vec)
            .collect()
    }

    /// The ideal dialing: every callee who checks meets one random caller.
    fn dial(&mut self, submissions: &[(NodeId, Vec<u8>)]) -> Vec<Vec<Vec<u8>>> {
        let keys: Vec<_> = submissions
            .iter()
            .map(|(node, _)| self.key_of(*node))
            .collect();
        let wanted: Vec<_> = submissions
            .iter()
            .map(|(_, row)| u64::from_le_bytes(row[..].try_into().unwrap()))
            .collect();
        let mut replies: Vec<_> = keys
            .iter()
            .map(|key| [&key.as_bytes()[..], &[0; 16]].concat())
            .collect();
        for callee in 0..keys.len() {
            let id = keys[callee].id().0;
            let callers: Vec<_> = (0..keys.len())
                .filter(|&i| i != callee && wanted[i] == id)
                .collect();
            if wanted[callee] != id || callers.is_empty() {
                continue;
            }
            let pick = self.rng.next_u64() % callers.len() as u64;
            let caller = callers[usize::try_from(pick).unwrap()];
            let mut tag = [0; 16];
            self.rng.fill_bytes(&mut tag);
            replies[callee] = [&keys[caller].as_bytes()[..], &tag].concat();
            replies[caller] = [&keys[callee].as_bytes()[..], &tag].concat();
        }
        replies.into_iter().map(|row| vec![row]).collect()
    }

    fn key_of(&self, node: NodeId) -> ClientKey {
        PartyId::ALL
            .iter()
            .find_map(|party| match self.sockets.get(&(node, party.index())) {
                Some(Socket::Ready(key, _)) => Some(*key),
                _ => None,
            })
            .unwrap_or_else(|| SecretKey::from_bytes([99; 32]).client_key())
    }

    fn share_reply(&mut self, round: RoundId, rows: &[Vec<u8>]) -> [Vec<u8>; 3] {
        let mut bodies = [const { Vec::new() }; 3];
        for row in rows {
            let mut y2 = row.clone();
            for _ in 0..2 {
                let seed = Seed::random(&mut self.rng);
                seed.xor_into(&mut y2);
                bodies[0].extend_from_slice(seed.as_bytes());
            }
            bodies[2].extend_from_slice(&reply_digest(round, &y2));
            bodies[1].extend_from_slice(&y2);
        }
        bodies
    }
}

fn reconstruct(round: RoundId, shares: &[DealtShare; 3]) -> Vec<u8> {
    for party in PartyId::ALL {
        let (own, next) = (&shares[party.index()], &shares[party.next().index()]);
        let digests = |share: &DealtShare| share.digests(round, ClientId(0), [&[0; 32]; 2]);
        assert_eq!(digests(own)[1], digests(next)[0]);
    }
    let [a, b, c] = shares.each_ref().map(|share| share.expand().first);
    a.iter()
        .zip(&b)
        .zip(&c)
        .map(|((a, b), c)| a ^ b ^ c)
        .collect()
}
