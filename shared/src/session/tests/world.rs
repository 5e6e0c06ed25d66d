//! Two sessions, three honest servers and the losses between them.

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::{
    super::{
        First, KeyTree, Lane, RatchetClock, RatchetKind, RatchetPiece, RowTicket, Session,
        SessionRecord, Texts, ratchet::Asked,
    },
    PACKET_BYTES, REALM, Row, keys,
};
use crate::{kdf::Secret, program::RoundId};

/// What one side does in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It has no row for the other.
    Absent,
    /// It has a row of its front slot.
    Front,
    /// It has a row of its quick slot.
    Quick,
}

/// What reaches the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storing {
    /// Every change.
    All,
    /// What must not be lost, with all that had changed by then.
    Vital,
}

/// What becomes of one side's reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It comes and is stored.
    Comes,
    /// It does not come, and nobody knows whether the row met.
    Lost,
    /// It comes, and the client stops before it has stored that.
    Forgotten,
    /// It comes, and the client starts again.
    Reload,
}

/// One side's part and luck in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) part: Part,
    pub(super) reply: Reply,
}

pub(super) const CALM: Fate = Fate {
    part: Part::Quick,
    reply: Reply::Comes,
};

pub(super) struct Side {
    pub(super) session: Session,
    /// What storage has: written before a row leaves, and after each round.
    pub(super) stored: Vec<u8>,
    pub(super) texts: Texts,
    /// Packets of the other side that opened.
    pub(super) opened: u32,
}

struct Sent {
    ticket: RowTicket,
    piece: Option<RatchetPiece>,
    message: Vec<u8>,
}

impl Side {
    /// Stores the session, if this storage writes all changes or one that must not be lost.
    fn keep(&mut self, storing: Storing) {
        let vital = |session: &Session| {
            let state = &session.state;
            let next = state.next.as_ref().map(|next| next.offer);
            let current = (state.current.number, state.current.opened);
            (current, next, session.is_asking())
        };
        if storing == Storing::All || vital(&self.session) != vital(&self.thief()) {
            self.store();
        }
    }

    fn store(&mut self) {
        self.stored = postcard::to_allocvec(&self.session.to_record()).unwrap();
    }

    pub(super) fn load(&mut self) {
        self.session = self.thief();
    }

    /// The session as whoever reads the storage has it.
    pub(super) fn thief(&self) -> Session {
        let record: SessionRecord = postcard::from_bytes(&self.stored).unwrap();
        Session::from_record(&REALM, self.session.own, self.session.peer, record).unwrap()
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a row depends on, each by itself"
    )]
    fn send(
        &mut self,
        round: RoundId,
        part: Part,
        clock: RatchetClock,
        storing: Storing,
        rng: &mut ChaCha12Rng,
    ) -> Option<Sent> {
        if part == Part::Absent {
            return None;
        }
        // A client that stopped after it had stored a round's row does not get it again.
        let ticket = self.session.take_row(round, Lane::Text)?;
        let piece = match part {
            Part::Quick => self.session.ratchet_piece(&ticket, clock, self.texts, rng),
            Part::Front | Part::Absent => None,
        };
        let packet = write(piece.as_ref());
        let message = self.session.seal(&ticket, &packet, rng)?;
        self.keep(storing);
        Some(Sent {
            ticket,
            piece,
            message,
        })
    }

    fn take_reply(
        &mut self,
        sent: &Sent,
        message: &[u8],
        clock: RatchetClock,
        rng: &mut ChaCha12Rng,
    ) {
        if message == sent.message {
            if let Some(piece) = &sent.piece {
                self.session.ratchet_piece_came_back(piece);
            }
        } else if let Some(opened) = self.session.open(&sent.ticket, message) {
            self.opened += 1;
            if opened.first_of_generation == First::Yes {
                assert!(self.session.state.current.opened);
            }
            if let Some(piece) = read(&opened.packet) {
                self.session.take_ratchet_piece(&piece, clock, rng);
            }
        } else {
            panic!("a row that met does not open");
        }
    }
}

pub(super) struct World {
    pub(super) lower: Side,
    pub(super) higher: Side,
    pub(super) round: u64,
    /// Conversation rounds that pass from one round of the test to the next.
    pub(super) pace: u64,
    pub(super) piece_bytes: usize,
    pub(super) storing: Storing,
    /// Rounds whose keys a client keeps.
    pub(super) keep: u64,
    /// All rows that left.
    pub(super) wire: Vec<Row>,
    /// All offers that were made: what breaks a half of the hybrid gives away their seeds.
    pub(super) offers: Vec<(u32, Asked)>,
    pub(super) rng: ChaCha12Rng,
}

impl World {
    /// Starts with a fresh pair, in whose generation 0 the caller's first row opened.
    pub(super) fn new(seed: u64) -> Self {
        let [lower, higher] = keys();
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let (secret, tags) = (Secret::random(&mut rng), Secret::random(&mut rng));
        let side = |own, peer| {
            let tags = KeyTree::new(tags.clone());
            let mut side = Side {
                session: Session::new(&REALM, own, peer, secret.clone(), tags),
                stored: Vec::new(),
                texts: Texts::None,
                opened: 0,
            };
            side.store();
            side
        };
        Self {
            lower: side(lower, higher),
            higher: side(higher, lower),
            round: 100,
            pace: 4096,
            piece_bytes: 200,
            storing: Storing::All,
            keep: 8,
            wire: Vec::new(),
            offers: Vec::new(),
            rng,
        }
    }

    pub(super) fn sides(&mut self) -> [&mut Session; 2] {
        [&mut self.lower.session, &mut self.higher.session]
    }

    /// The greater of both sides' generations.
    pub(super) fn generation(&self) -> u32 {
        let [a, b] = self.generations();
        a.max(b)
    }

    pub(super) fn generations(&self) -> [u32; 2] {
        [&self.lower, &self.higher].map(|side| side.session.state.current.number)
    }

    pub(super) fn calm_round(&mut self) {
        self.run(CALM, CALM);
    }

    /// Runs one round; returns whether the rows met.
    pub(super) fn run(&mut self, lower: Fate, higher: Fate) -> bool {
        self.round += 1;
        let round = RoundId(self.round);
        let clock = RatchetClock {
            turn: self.round * self.pace,
            now_ms: 0,
            piece_bytes: self.piece_bytes,
        };
        let mut sent = Vec::new();
        for (side, fate) in [(&mut self.lower, lower), (&mut self.higher, higher)] {
            let row = side.send(round, fate.part, clock, self.storing, &mut self.rng);
            if let Some(row) = &row {
                self.wire.push(Row {
                    sender: side.session.own,
                    round,
                    lane: Lane::Text,
                    generation: row.ticket.generation,
                    tag: row.ticket.tag.0,
                    message: row.message.clone(),
                });
            }
            sent.push(row);
        }
        let met = match &sent[..] {
            [Some(a), Some(b)] => a.ticket.tag == b.ticket.tag,
            _ => false,
        };
        let fates = [lower, higher];
        for (at, side) in [&mut self.lower, &mut self.higher].into_iter().enumerate() {
            let Some(own) = &sent[at] else { continue };
            let message = match &sent[1 - at] {
                Some(other) if met => &other.message,
                _ => &own.message,
            };
            if fates[at].reply != Reply::Lost {
                side.take_reply(own, message, clock, &mut self.rng);
            }
            side.session
                .erase_before(RoundId(self.round.saturating_sub(self.keep)));
            match fates[at].reply {
                Reply::Comes | Reply::Lost => side.keep(self.storing),
                Reply::Forgotten => side.load(),
                Reply::Reload => {
                    side.keep(self.storing);
                    side.load();
                }
            }
            if let Some(asked) = &side.session.state.asked {
                let generation = side.session.state.current.number + 1;
                if !self.offers.iter().any(|(number, _)| *number == generation) {
                    self.offers.push((generation, asked.clone()));
                }
            }
        }
        met
    }

    /// Runs rounds in which nothing is lost until both sides have that generation.
    pub(super) fn calm_until(&mut self, generation: u32, most: u32) {
        for _ in 0..most {
            if self.generations() == [generation; 2] {
                return;
            }
            self.calm_round();
        }
        panic!("stuck at {:?} before {generation}", self.generations());
    }

    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.rng.next_u32().is_multiple_of(count)
    }
}

/// A packet with a ratchet piece or none.
fn write(piece: Option<&RatchetPiece>) -> Vec<u8> {
    let mut packet = Vec::new();
    if let Some(piece) = piece {
        packet.push(match piece.kind {
            RatchetKind::Offer => 1,
            RatchetKind::Answer => 2,
        });
        packet.extend_from_slice(&piece.generation.to_le_bytes());
        packet.extend_from_slice(&piece.left.to_le_bytes());
        packet.push(u8::try_from(piece.bytes.len()).unwrap());
        packet.extend_from_slice(&piece.bytes);
    }
    packet.resize(PACKET_BYTES, 0);
    packet
}

/// The ratchet piece in a packet.
pub(super) fn read(packet: &[u8]) -> Option<RatchetPiece> {
    let kind = match packet[0] {
        1 => RatchetKind::Offer,
        2 => RatchetKind::Answer,
        _ => return None,
    };
    Some(RatchetPiece {
        kind,
        generation: u32::from_le_bytes(packet[1..5].try_into().unwrap()),
        left: u16::from_le_bytes(packet[5..7].try_into().unwrap()),
        bytes: packet[8..8 + usize::from(packet[7])].to_vec(),
    })
}
