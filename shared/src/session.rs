//! Two people's session inside the conversation rows: generations of keys and tags that heal
//! (docs/protocol.md §8.4 to §8.7).
//!
//! A generation's secret is expanded once, into tags, row keys of both directions, a resume
//! secret and a root, and erased. Offers and answers of the ratchet travel in the rows of one
//! generation and lead to the next. A row belongs to one generation, tag and key alike.
//!
//! Cost: a row is taken, sealed and opened by the same derivations whatever the session's state,
//! its age, or whether there is anybody at the other end.

mod generation;
mod key_tree;
mod pieces;
mod ratchet;
mod row_cipher;

use core::fmt;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    call::ResumeId,
    identity::{ClientKey, SecretKey},
    kdf::{self, Secret},
    manifest::Realm,
    program::RoundId,
    row::{Role, Tag},
};

pub(crate) use crate::piece::{RatchetKind, RatchetPiece};
use generation::Generation;
pub(crate) use key_tree::KeyTree;
use pieces::{Cut, Incoming, Outgoing};
use ratchet::{ANSWER_BYTES, Asked, OFFER_BYTES, Step};
pub(crate) use row_cipher::OVERHEAD_BYTES;
use row_cipher::{RowContext, open_row, seal_row};

/// Conversation rounds after which a complete ratchet is followed by the next.
const RATCHET_ROUNDS: u64 = 4096;
/// Milliseconds after which it is, should rounds be slow.
const RATCHET_MS: u64 = 24 * 3_600_000;
/// While texts wait, one row of the quick slot in so many is a due ratchet's.
const RATCHET_SHARE: u8 = 4;

/// Which of a pair's two rows in one round this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Texts, in whatever slot.
    Text = 0,
    /// A picture's pieces.
    Picture = 1,
}

impl Lane {
    const fn code(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Picture => 1,
        }
    }

    const fn bit(self) -> u8 {
        1 << self.code()
    }
}

/// Where a row stands. Ratchets run in the quick slot alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// The conversation on the screen.
    Front,
    /// A call, an answer, a picture.
    Task,
    /// All contacts in turn.
    Quick,
}

/// Returns the role of one's own rows: 0 for the smaller key.
pub(crate) fn role(own: &ClientKey, peer: &ClientKey) -> Role {
    if own < peer {
        Role::Lower
    } else {
        Role::Higher
    }
}

/// One row of a pair in one round: where it meets, and under which keys it is sealed.
#[derive(Clone)]
pub(crate) struct RowTicket {
    /// Where the row meets its partner.
    pub(crate) tag: Tag,
    /// The role of one's own row.
    pub(crate) role: Role,
    round: RoundId,
    lane: Lane,
    generation: u32,
}

impl fmt::Debug for RowTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowTicket(..)")
    }
}

/// A packet that a row brought.
pub(crate) struct Opened {
    /// The packet in clear.
    pub(crate) packet: Vec<u8>,
    /// Whether it is the first of its generation that opened.
    pub(crate) first_of_generation: First,
}

/// Whether something is the first of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// It is.
    Yes,
    /// There was one before.
    No,
}

/// What time it is for a ratchet, and how much fits into a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RatchetClock {
    /// Conversation rounds announced so far.
    pub(crate) turn: u64,
    /// Milliseconds of wall time.
    pub(crate) now_ms: u64,
    /// Bytes of a ratchet piece in one row.
    pub(crate) piece_bytes: usize,
}

/// Whether texts to this person wait for rows; they go before a ratchet in three rows of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Some wait.
    Waiting,
    /// None does.
    None,
}

/// The session with one person.
pub(crate) struct Session {
    realm: Realm,
    own: ClientKey,
    peer: ClientKey,
    state: SessionRecord,
}

/// A session as stored: all that changes. Holds secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    rank: Secret,
    /// The resume secret of the generation before the current one.
    previous: Option<Secret>,
    current: Generation,
    /// The answerer's next generation, until a packet of it opens.
    next: Option<Next>,
    /// The asker's seeds, until the whole answer came.
    asked: Option<Asked>,
    /// The pieces that came, of an offer or of an answer.
    incoming: Incoming,
    /// When the current generation was seen to be complete.
    since: Option<Since>,
    /// The round and lanes for which rows were taken last.
    taken: Taken,
    /// Rows taken in each lane.
    rows: [u32; 2],
    /// Rows of the quick slot since a ratchet had its last one.
    quick_rows: u8,
}

#[derive(Clone, Serialize, Deserialize)]
struct Next {
    generation: Generation,
    answer: Vec<u8>,
    /// The hash of the offer that it answers.
    offer: [u8; 32],
    outgoing: Outgoing,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Since {
    turn: u64,
    now_ms: u64,
}

impl Since {
    fn is_long_ago(self, clock: RatchetClock) -> bool {
        clock.turn.saturating_sub(self.turn) >= RATCHET_ROUNDS
            || clock.now_ms.saturating_sub(self.now_ms) >= RATCHET_MS
    }
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Taken {
    round: u64,
    lanes: u8,
}

impl Taken {
    /// Notes that a row is taken; `None` if it was, or a later round's.
    fn take(&mut self, round: RoundId, lane: Lane) -> Option<()> {
        if round.0 < self.round || round.0 == self.round && self.lanes & lane.bit() != 0 {
            return None;
        }
        if round.0 > self.round {
            *self = Self {
                round: round.0,
                lanes: 0,
            };
        }
        self.lanes |= lane.bit();
        Some(())
    }
}

impl SessionRecord {
    /// Returns whether what was stored is a session's.
    fn is_sound(&self, own: Role) -> bool {
        let next = self.current.number.checked_add(1);
        let asks = next.is_some_and(|number| asks(own, number));
        let next_fits = self.next.as_ref().is_none_or(|stored| {
            !asks
                && Some(stored.generation.number) == next
                && stored.generation.is_sound()
                && stored.answer.len() == ANSWER_BYTES
        });
        self.current.is_sound() && next_fits && (asks || self.asked.is_none())
    }
}

/// Returns whether one begins the ratchet to a generation: odd ones are the smaller key's.
fn asks(own: Role, generation: u32) -> bool {
    match own {
        Role::Lower => generation % 2 == 1,
        Role::Higher => generation.is_multiple_of(2),
    }
}

/// Returns whether a row is the next generation's, where both live: one of each two rows is,
/// which of them differs from pair to pair of rows.
///
/// Strictly in turn, two would never meet where the other side has every second row, or one in
/// sixteen while this side has all.
fn is_next_ones_turn(rows: u32) -> bool {
    let [order, ..] = kdf::hash("turns", &[&(rows / 2).to_le_bytes()]);
    (u32::from(order) ^ rows) & 1 == 1
}

impl Session {
    /// Starts a session from `S_0`, which is expanded and erased; generation 0 keeps the tags of
    /// the meeting point.
    pub(crate) fn new(
        realm: &Realm,
        own: ClientKey,
        peer: ClientKey,
        secret: Secret,
        meeting_tags: KeyTree,
    ) -> Self {
        let state = SessionRecord {
            rank: kdf::derive("rank", secret.as_bytes(), &[]),
            previous: None,
            current: Generation::expand(0, secret, role(&own, &peer), Some(meeting_tags)),
            next: None,
            asked: None,
            incoming: Incoming::default(),
            since: None,
            taken: Taken::default(),
            rows: [0; 2],
            quick_rows: 0,
        };
        Self {
            realm: *realm,
            own,
            peer,
            state,
        }
    }

    /// Makes a session with nobody, whose rows are made by the same steps and meet nobody.
    pub(crate) fn decoy(realm: &Realm, own: ClientKey, rng: &mut impl CryptoRng) -> Self {
        let nobody = SecretKey::generate(rng).client_key();
        let tags = KeyTree::new(Secret::random(rng));
        Self::new(realm, own, nobody, Secret::random(rng), tags)
    }

    /// Returns the session for storage.
    pub(crate) fn to_record(&self) -> SessionRecord {
        self.state.clone()
    }

    /// Takes back what [`Self::to_record`] gave; `None` if it is damaged.
    ///
    /// What must not be lost is stored before the next row leaves: that the session is asking
    /// ([`Self::is_asking`]), what a ratchet piece changed, and the first packet of a
    /// generation. Other changes may be lost.
    pub(crate) fn from_record(
        realm: &Realm,
        own: ClientKey,
        peer: ClientKey,
        record: SessionRecord,
    ) -> Option<Self> {
        let mut state = record;
        if !state.is_sound(role(&own, &peer)) {
            return None;
        }
        if let Some(asked) = &mut state.asked {
            asked.restore();
        }
        // What went out after this was stored may have met.
        if let Some(next) = &mut state.next {
            next.outgoing.forget();
        }
        Some(Self {
            realm: *realm,
            own,
            peer,
            state,
        })
    }

    /// Takes the row of a round and lane; `None` for a second one, for rounds before the last of
    /// which one was taken, and for erased ones.
    pub(crate) fn take_row(&mut self, round: RoundId, lane: Lane) -> Option<RowTicket> {
        self.state.taken.take(round, lane)?;
        let [texts, pictures] = &mut self.state.rows;
        let rows = match lane {
            Lane::Text => texts,
            Lane::Picture => pictures,
        };
        let nexts_turn = is_next_ones_turn(*rows);
        *rows = rows.wrapping_add(1);
        let next = self
            .state
            .next
            .as_ref()
            .filter(|next| nexts_turn && next.outgoing.all_may_have_met(ANSWER_BYTES));
        let generation = next.map_or(&self.state.current, |next| &next.generation);
        Some(RowTicket {
            tag: generation.tags.tag(round, lane)?,
            role: role(&self.own, &self.peer),
            round,
            lane,
            generation: generation.number,
        })
    }

    /// Seals a packet into a row's message, [`OVERHEAD_BYTES`] longer, and erases the key;
    /// `None` a second time.
    ///
    /// # Security
    /// The key is gone from what is stored next. A client that starts again from an older state
    /// may seal another packet for the same row: its nonce is another.
    pub(crate) fn seal(
        &mut self,
        ticket: &RowTicket,
        packet: &[u8],
        rng: &mut impl CryptoRng,
    ) -> Option<Vec<u8>> {
        let generation = self.generation(ticket.generation)?;
        let key = generation.take_sending_key(ticket.round, ticket.lane)?;
        let context = RowContext {
            realm: &self.realm,
            round: ticket.round,
            lane: ticket.lane,
            sender: &self.own,
            receiver: &self.peer,
        };
        Some(seal_row(&key, &context, packet, rng))
    }

    /// Opens the message that a row met; `None` if it met nobody of ours.
    ///
    /// The first packet of the answerer's next generation ends the current one.
    pub(crate) fn open(&mut self, ticket: &RowTicket, message: &[u8]) -> Option<Opened> {
        let context = RowContext {
            realm: &self.realm,
            round: ticket.round,
            lane: ticket.lane,
            sender: &self.peer,
            receiver: &self.own,
        };
        let (own, peer) = (&self.state.current, self.state.next.as_ref());
        let generation = peer
            .map(|next| &next.generation)
            .into_iter()
            .chain([own])
            .find(|generation| generation.number == ticket.generation)?;
        let key = generation.receiving_key(ticket.round, ticket.lane)?;
        let packet = open_row(&key, &context, message)?;
        if ticket.generation != self.state.current.number {
            let next = self.state.next.take()?;
            self.enter(next.generation);
        }
        let first_of_generation = if self.state.current.opened {
            First::No
        } else {
            First::Yes
        };
        self.state.current.opened = true;
        Some(Opened {
            packet,
            first_of_generation,
        })
    }

    /// Erases the keys and tags of all earlier rounds.
    pub(crate) fn erase_before(&mut self, round: RoundId) {
        self.state.current.erase_before(round);
        if let Some(next) = &mut self.state.next {
            next.generation.erase_before(round);
        }
    }

    /// Returns the first round of which a key or a tag is still there.
    pub(crate) fn first_round(&self) -> Option<RoundId> {
        let next = self.state.next.as_ref().map(|next| &next.generation);
        let live = [Some(&self.state.current), next].into_iter().flatten();
        live.filter_map(Generation::first).min()
    }

    /// Ranks this pair among those whose place has a turn; the same on both sides.
    pub(crate) fn rank(&self, turn: u64) -> [u8; 16] {
        let rank = kdf::mac("rank", self.state.rank.as_bytes(), &[&turn.to_le_bytes()]);
        kdf::truncate(&rank)
    }

    /// Returns the resume secret of that name, if it is one of the two newest generations'.
    pub(crate) fn resume_secret(&self, id: &ResumeId) -> Option<Secret> {
        let mut secrets = self.resume_secrets().into_iter();
        secrets.find(|secret| ResumeId::of(secret) == *id)
    }

    /// Names the resume secret of the last generation in which a packet opened; `None` before
    /// the first packet.
    pub(crate) fn resume_id(&self) -> Option<ResumeId> {
        let current = self
            .state
            .current
            .opened
            .then_some(&self.state.current.resume);
        current.or(self.state.previous.as_ref()).map(ResumeId::of)
    }

    /// Returns the resume secrets of the two newest generations, to be kept with the contact;
    /// first the one that [`Self::resume_id`] names.
    pub(crate) fn resume_secrets(&self) -> Vec<Secret> {
        let state = &self.state;
        let mut secrets = vec![state.current.resume.clone()];
        match (&state.next, &state.previous) {
            (Some(next), _) => secrets.push(next.generation.resume.clone()),
            (None, Some(previous)) if state.current.opened => secrets.push(previous.clone()),
            (None, Some(previous)) => secrets.insert(0, previous.clone()),
            (None, None) => {}
        }
        secrets
    }

    /// Returns the ratchet piece for a row of the quick slot, if a ratchet is due or under way
    /// and it has the row's turn. Called once for each such row, and for no others.
    ///
    /// The call that begins a ratchet returns `None`: what it drew is stored before any of it
    /// leaves.
    pub(crate) fn ratchet_piece(
        &mut self,
        ticket: &RowTicket,
        clock: RatchetClock,
        texts: Texts,
        rng: &mut impl CryptoRng,
    ) -> Option<RatchetPiece> {
        let own = role(&self.own, &self.peer);
        let state = &mut self.state;
        let generation = state.current.number.checked_add(1)?;
        // Whoever reads a row of the next generation needs no piece any more.
        if !state.current.opened || ticket.generation != state.current.number {
            return None;
        }
        let since = *state.since.get_or_insert(Since {
            turn: clock.turn,
            now_ms: clock.now_ms,
        });
        let (kind, whole, outgoing) = if asks(own, generation) {
            let is_due = generation == 1 || since.is_long_ago(clock);
            let Some(asked) = &mut state.asked else {
                state.asked = is_due.then(|| Asked::new(rng));
                return None;
            };
            let (offer, outgoing) = asked.outgoing();
            (RatchetKind::Offer, offer, outgoing)
        } else {
            let next = state.next.as_mut()?;
            (RatchetKind::Answer, &next.answer[..], &mut next.outgoing)
        };
        state.quick_rows = state.quick_rows.saturating_add(1);
        if texts == Texts::Waiting && state.quick_rows < RATCHET_SHARE {
            return None;
        }
        state.quick_rows = 0;
        let cut = outgoing.next(whole, clock.piece_bytes, rng)?;
        Some(RatchetPiece {
            kind,
            generation,
            left: cut.left,
            bytes: cut.bytes.to_vec(),
        })
    }

    /// Returns whether the seeds of an offer are there, which are stored before it leaves.
    pub(crate) fn is_asking(&self) -> bool {
        self.state.asked.is_some()
    }

    /// Takes note that the row with that piece met nobody, which only three agreeing replies
    /// show. Without it a ratchet with somebody who is away takes turns too early, and no more.
    pub(crate) fn ratchet_piece_came_back(&mut self, piece: &RatchetPiece) {
        let state = &mut self.state;
        if state.current.number.checked_add(1) != Some(piece.generation) {
            return;
        }
        match (piece.kind, &mut state.asked, &mut state.next) {
            (RatchetKind::Offer, Some(asked), _) => {
                asked.outgoing().1.came_back(OFFER_BYTES, piece.left);
            }
            (RatchetKind::Answer, _, Some(next)) => {
                next.outgoing.came_back(ANSWER_BYTES, piece.left);
            }
            _ => {}
        }
    }

    /// Takes a ratchet piece out of a packet of this session.
    pub(crate) fn take_ratchet_piece(
        &mut self,
        piece: &RatchetPiece,
        clock: RatchetClock,
        rng: &mut impl CryptoRng,
    ) {
        let own = role(&self.own, &self.peer);
        let state = &mut self.state;
        if state.current.number.checked_add(1) != Some(piece.generation) {
            return;
        }
        let cut = Cut {
            left: piece.left,
            bytes: &piece.bytes,
        };
        match (piece.kind, &state.asked) {
            (RatchetKind::Offer, _) if !asks(own, piece.generation) => {
                let offer = state.incoming.take(&cut, OFFER_BYTES, clock.piece_bytes);
                if let Some(offer) = offer {
                    self.answer(piece.generation, &offer, rng);
                }
            }
            (RatchetKind::Answer, Some(asked)) => {
                let answer = state.incoming.take(&cut, ANSWER_BYTES, clock.piece_bytes);
                let step = Step {
                    root: &state.current.root,
                    generation: piece.generation,
                };
                let secret = answer.and_then(|answer| asked.finish(step, &answer));
                if let Some(secret) = secret {
                    self.enter(Generation::expand(piece.generation, secret, own, None));
                }
            }
            (RatchetKind::Offer | RatchetKind::Answer, _) => {}
        }
    }

    /// Answers a whole offer. One that differs from the offer answered before comes from a state
    /// in which the old answer is of no use; the new one replaces it.
    fn answer(&mut self, generation: u32, offer: &[u8], rng: &mut impl CryptoRng) {
        let state = &mut self.state;
        let step = Step {
            root: &state.current.root,
            generation,
        };
        let before = state.next.as_ref().map(|next| &next.offer);
        if let Some(answered) = ratchet::answer(step, offer, before, rng) {
            let own = role(&self.own, &self.peer);
            state.next = Some(Next {
                generation: Generation::expand(generation, answered.secret, own, None),
                answer: answered.answer,
                offer: answered.offer,
                outgoing: Outgoing::default(),
            });
        }
    }

    /// Ends the current generation, of which the resume secret stays.
    fn enter(&mut self, generation: Generation) {
        let state = &mut self.state;
        let old = core::mem::replace(&mut state.current, generation);
        state.previous = Some(old.resume);
        state.next = None;
        state.asked = None;
        state.incoming = Incoming::default();
        state.since = None;
    }

    /// Says what whoever reads the stored state now can open of a row, and whether it can tell
    /// the row's tag, provided that it sees all rows from now on and changes none.
    #[cfg(test)]
    fn opens(&self, row: &tests::Row) -> tests::Reach {
        let state = &self.state;
        let next = state.next.as_ref().map(|next| &next.generation);
        let live = [Some(&state.current), next].into_iter().flatten();
        let stored = live.into_iter().find(|live| live.number == row.generation);
        if let Some(generation) = stored {
            return tests::Reach {
                packet: if row.sender == self.own {
                    generation.has_sending_key(row.round, row.lane)
                } else {
                    generation.has_receiving_key(row.round)
                },
                tag: generation
                    .tags
                    .first()
                    .is_some_and(|first| first <= row.round),
            };
        }
        // The seeds of an offer, and an answer to it that is still to come.
        let asked = state.asked.is_some() && state.current.number + 1 == row.generation;
        tests::Reach {
            packet: asked,
            tag: asked,
        }
    }

    fn generation(&mut self, number: u32) -> Option<&mut Generation> {
        let next = self.state.next.as_mut().map(|next| &mut next.generation);
        [Some(&mut self.state.current), next]
            .into_iter()
            .flatten()
            .find(|generation| generation.number == number)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

#[cfg(test)]
mod tests;
