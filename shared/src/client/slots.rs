//! Who gets the rows of a conversation round, and what the rows bring (docs/protocol.md §11.2).
//!
//! A front row for the conversation on the screen, task rows for a call and an answer, a quick
//! row that serves all sessions in turn, in an order drawn anew. A row that nobody needs is that
//! of a session with nobody, made and read by the same steps.

use core::ops::Range;

use rand_core::CryptoRng;

use super::{
    Client, SendStatus,
    calling::{Beside, Calls, Input},
    person::Greeting,
};
use crate::{
    call::{self, Place},
    delivery::{Delivery, Farewell as Word, Outcome, Receipt, farewell_packet, read_farewell},
    identity::ClientKey,
    program::{RoundId, Turn},
    row::{ConversationRow, Submission, Tag},
    session::{
        First, KeyTree, Lane, OVERHEAD_BYTES, Opened, RatchetClock, RatchetPiece, RowTicket,
        Session, Slot, Texts, role,
    },
    share::ReplyRow,
};

/// How often, in milliseconds, it is stored when somebody was last heard.
const HEARD_EVERY_MS: u64 = 60_000;
/// Conversation rounds after which sessions are stored for no other reason than that used keys
/// are erased in storage, too.
const STORE_EVERY: u64 = 32;

/// Whose row it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seat {
    /// Our call, where its answer is met.
    Call(ClientKey),
    /// Our answer to their call.
    Answer(ClientKey),
    Pair(ClientKey),
    Farewell(u64),
}

/// A row that was handed in.
#[derive(Debug)]
pub(super) struct SentRow {
    seat: Option<Seat>,
    /// The pair's number, if it is a pair's.
    pair: u64,
    ticket: RowTicket,
    /// The piece of a ratchet that it carries.
    piece: Option<RatchetPiece>,
    receipt: Option<Receipt>,
    /// As it was sent, to know it when it comes back.
    message: Vec<u8>,
}

/// What became of a row.
struct Settled {
    round: RoundId,
    row: SentRow,
    outcome: Outcome,
    /// What it brought, if it opened.
    packet: Option<Vec<u8>>,
}

/// The coin of a round: whether its task row is for the call or the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coin {
    Call,
    Answer,
}

/// What a row's packet is made of.
enum Writing<'a> {
    Nothing,
    /// What is on its way to somebody; the pair's number with it.
    Packet(&'a mut Delivery, &'a mut Greeting, u64),
    /// That a session is over.
    Word(Word),
}

/// Returns the seat of a call that is not paused for the other side's.
fn call_seat(peer: ClientKey, calls: &Calls) -> Option<Seat> {
    let call = calls.calling().filter(|call| call.paused.is_none());
    call.map(|_| Seat::Call(peer))
}

fn meeting_tag(tags: &KeyTree, round: RoundId) -> Option<Tag> {
    let leaf = tags.key(round)?;
    let (tag, _) = leaf.as_bytes().split_first_chunk()?;
    Some(Tag(u64::from_le_bytes(*tag)))
}

/// Puts them into a uniformly random order (Fisher, Yates).
fn shuffle<T>(list: &mut [T], rng: &mut impl CryptoRng) {
    for last in (1..list.len()).rev() {
        let choices = last as u64 + 1;
        // Slots are few: the bias is below 2^-59.
        let other = usize::try_from(rng.next_u64() % choices).unwrap_or(last);
        list.swap(last, other);
    }
}

impl Client {
    /// Writes the rows of a round.
    pub(super) fn compose_rows(
        &mut self,
        round: RoundId,
        turn: Turn,
        rng: &mut impl CryptoRng,
    ) -> (Submission, Vec<SentRow>) {
        let front = self.screen.front();
        let coin = if rng.next_u32() & 1 == 0 {
            Coin::Call
        } else {
            Coin::Answer
        };
        let mut seats = self.choose_seats(turn, coin, front);
        shuffle(&mut seats, rng);
        let mut rows = Vec::with_capacity(seats.len());
        let mut sent = Vec::with_capacity(seats.len());
        for (index, seat) in seats.into_iter().enumerate() {
            let (mut row, mut used) = self.compose_row(index, seat, round, rng);
            if let Some(Seat::Answer(peer)) = used.seat
                && let Some(person) = self.people.get(&peer)
                && let Some(answering) = person.calls.answering()
            {
                row.message.clone_from(&answering.row);
            }
            used.message.clone_from(&row.message);
            rows.push(row);
            sent.push(used);
        }
        let shape = self.deployment.shape();
        (Submission::conversation(shape, &rows), sent)
    }

    /// Chooses whose rows they are; none twice, since a session has one tag a round.
    fn choose_seats(
        &self,
        turn: Turn,
        coin: Coin,
        front: Option<ClientKey>,
    ) -> Vec<(Option<Seat>, Slot)> {
        let task = self.task_seat(coin).filter(|seat| self.is_heard(*seat));
        let front = front.and_then(|person| self.front_seat(person, coin));
        let front = front.filter(|seat| self.is_heard(*seat) && Some(*seat) != task);
        // Chosen among all first, and only then left out who is blocked or served elsewhere.
        let quick = self.quick_seat(turn);
        let quick = quick
            .filter(|seat| self.is_heard(*seat) && Some(*seat) != task && Some(*seat) != front);
        let mut seats = vec![
            (front, Slot::Front),
            (task, Slot::Task),
            (quick, Slot::Quick),
        ];
        seats.resize(self.deployment.slots.into(), (None, Slot::Task));
        seats
    }

    fn task_seat(&self, coin: Coin) -> Option<Seat> {
        let stay = match coin {
            Coin::Call => &self.tasks.call,
            Coin::Answer => &self.tasks.answer,
        };
        let peer = stay.as_ref()?.peer;
        let person = self.people.get(&peer)?;
        let seat = match coin {
            Coin::Call => call_seat(peer, &person.calls),
            Coin::Answer => person.calls.answering().map(|_| Seat::Answer(peer)),
        };
        // Once the two are a pair, the stay goes on with its rows.
        seat.or_else(|| person.pair.as_ref().map(|_| Seat::Pair(peer)))
    }

    fn front_seat(&self, peer: ClientKey, coin: Coin) -> Option<Seat> {
        let person = self.people.get(&peer)?;
        let call = call_seat(peer, &person.calls);
        let answer = person.calls.answering().filter(|it| it.task.is_some());
        let answer = answer.map(|_| Seat::Answer(peer));
        let both = match coin {
            Coin::Call => call.or(answer),
            Coin::Answer => answer.or(call),
        };
        both.or_else(|| person.pair.as_ref().map(|_| Seat::Pair(peer)))
    }

    /// Returns the session whose turn in the quick slot it is: of those at that place the one with
    /// the smallest rank, the same on both sides.
    fn quick_seat(&self, turn: Turn) -> Option<Seat> {
        let due = |place: Place| place.is_due(self.deployment.quick_rounds, turn.0);
        let sessions = self.sessions().filter(|(_, place, _)| due(*place));
        sessions
            .min_by_key(|(seat, _, session)| (session.rank(turn.0), *seat))
            .map(|(seat, _, _)| seat)
    }

    /// Returns all sessions that have a place.
    pub(super) fn sessions(&self) -> impl Iterator<Item = (Seat, Place, &Session)> {
        let people = self.people.iter().flat_map(|(key, person)| {
            let pair = person.pair.as_ref();
            let pair = pair.map(|pair| (Seat::Pair(*key), pair.place, &pair.session));
            // An answer has its task slot first.
            let answer = person
                .calls
                .answering()
                .filter(|_| self.is_answer_in_quick_slot(*key));
            let answer = answer.map(|it| (Seat::Answer(*key), it.place, &it.session));
            pair.into_iter().chain(answer)
        });
        let farewells = self.farewells.iter();
        people.chain(farewells.map(|(id, it)| (Seat::Farewell(*id), it.place, &it.session)))
    }

    fn is_answer_in_quick_slot(&self, peer: ClientKey) -> bool {
        let in_task_slot = self.tasks.answer.is_some_and(|stay| stay.peer == peer);
        let person = self.people.get(&peer);
        let begun = person.and_then(|it| it.calls.answering()?.task);
        begun.is_some() && !in_task_slot
    }

    /// Returns whether rows of theirs are of interest, and what ours depend on is stored.
    fn is_heard(&self, seat: Seat) -> bool {
        let stored = self.store.stored();
        match seat {
            Seat::Call(peer) | Seat::Answer(peer) => self
                .people
                .get(&peer)
                .is_some_and(|it| !it.is_blocked() && it.calls.is_durable(stored)),
            Seat::Pair(peer) => self
                .people
                .get(&peer)
                .is_some_and(|it| !it.is_blocked() && it.pair.is_durable(stored)),
            Seat::Farewell(id) => self
                .farewells
                .get(&id)
                .is_some_and(|it| it.word().is_some() && it.is_durable(stored)),
        }
    }

    /// Writes the row of a slot.
    #[expect(
        clippy::too_many_lines,
        reason = "one session is borrowed from one of five places from start to end"
    )]
    fn compose_row(
        &mut self,
        index: usize,
        (seat, slot): (Option<Seat>, Slot),
        round: RoundId,
        rng: &mut impl CryptoRng,
    ) -> (ConversationRow, SentRow) {
        let (packet_bytes, clock, own) = (self.packet_bytes(), self.ratchet_clock(), self.own);
        let Self {
            people,
            farewells,
            decoys,
            ..
        } = self;
        let person = match seat {
            Some(Seat::Call(peer) | Seat::Answer(peer) | Seat::Pair(peer)) => people.get_mut(&peer),
            Some(Seat::Farewell(_)) | None => None,
        };
        let mut writing = Writing::Nothing;
        // The tag of a meeting point is derived in every row, whether it is used or not.
        let mut meeting = (&decoys.meeting, None);
        let session = match (seat, person) {
            (Some(Seat::Call(peer)), Some(person)) => {
                if let Some(call) = person.calls.calling() {
                    meeting = (&call.meeting, Some(role(&own, &peer)));
                }
                None
            }
            (Some(Seat::Answer(_)), Some(person)) => {
                let answering = person.calls.lossy().answering_mut();
                answering.map(|it| &mut it.session)
            }
            (Some(Seat::Pair(_)), Some(person)) => person.pair.lossy().as_mut().map(|pair| {
                writing = Writing::Packet(&mut person.outbox, &mut pair.greeting, pair.number);
                &mut pair.session
            }),
            (Some(Seat::Farewell(id)), _) => farewells.get_mut(&id).map(|farewell| {
                writing = farewell.word().map_or(Writing::Nothing, Writing::Word);
                let farewell = farewell.edit();
                farewell.said();
                &mut farewell.session
            }),
            _ => None,
        };
        let meeting_tag = meeting_tag(meeting.0, round);
        // A client that starts again in an open round may have stored that this row was taken:
        // then it is nobody's, for a row is sealed once.
        let mut session = session;
        let ticket = session
            .as_mut()
            .and_then(|it| it.take_row(round, Lane::Text));
        let used = ticket.is_some() || meeting.1.is_some();
        let (session, ticket) = if let (Some(session), Some(ticket)) = (session, ticket) {
            (session, ticket)
        } else {
            writing = Writing::Nothing;
            let decoy = decoys.sessions.get_mut(index);
            let decoy = decoy.expect("there is a decoy for each slot");
            let ticket = decoy.take_row(round, Lane::Text);
            (decoy, ticket.expect("rounds are dealt for once, in order"))
        };
        let mut sent = SentRow {
            seat: seat.filter(|_| used),
            pair: 0,
            ticket,
            piece: None,
            receipt: None,
            message: Vec::new(),
        };
        let mut packet = vec![0; packet_bytes];
        let asked = session.is_asking();
        match writing {
            Writing::Packet(outbox, greeting, number) => {
                sent.pair = number;
                if *greeting == Greeting::Done {
                    let texts = if outbox.is_idle() {
                        Texts::None
                    } else {
                        Texts::Waiting
                    };
                    sent.piece = match slot {
                        Slot::Quick => session.ratchet_piece(&sent.ticket, clock, texts, rng),
                        Slot::Front | Slot::Task => None,
                    };
                    let (composed, receipt) =
                        outbox.compose(round, packet_bytes, sent.piece.as_ref());
                    (packet, sent.receipt) = (composed, Some(receipt));
                } else {
                    packet = outbox.compose_empty(round, packet_bytes);
                }
                *greeting = Greeting::Done;
            }
            Writing::Word(word) => packet = farewell_packet(word, packet_bytes),
            Writing::Nothing => {}
        }
        let message = session
            .seal(&sent.ticket, &packet, rng)
            .expect("a row is sealed once");
        let mut row = ConversationRow {
            tag: sent.ticket.tag,
            role: sent.ticket.role,
            message,
        };
        if let ((_, Some(role)), Some(tag)) = (meeting, meeting_tag) {
            (row.tag, row.role) = (tag, role);
        }
        // The seeds of an offer are stored before any of it leaves.
        let begins = session.is_asking() != asked;
        if let (true, Some(Seat::Pair(peer))) = (begins, seat)
            && let Some(person) = people.get_mut(&peer)
        {
            person.pair.edit();
        }
        (row, sent)
    }

    /// Takes what the rows of a round brought; nothing where the round has no result.
    pub(super) fn take_rows(
        &mut self,
        round: RoundId,
        sent: Vec<SentRow>,
        replies: &[ReplyRow],
        rng: &mut impl CryptoRng,
    ) {
        let complete = !replies.is_empty();
        let mut replies = replies.iter();
        let nothing = vec![0; self.deployment.message_bytes.into()];
        let mut call_row = None;
        let mut settled = Vec::with_capacity(sent.len());
        for row in sent {
            let reply = replies.next();
            let message = reply.map_or(&nothing, |reply| &reply.message);
            if let Some(Seat::Call(peer)) = row.seat {
                call_row = Some((peer, message.clone()));
            }
            let packet = self.open_row(&row, message);
            let came_back = reply
                .is_some_and(|reply| reply.disagreement.is_none() && reply.message == row.message);
            let outcome = match (&packet, came_back) {
                (Some(_), _) => Outcome::Met,
                (None, true) => Outcome::CameBack,
                (None, false) => Outcome::Unknown,
            };
            settled.push(Settled {
                round,
                row,
                outcome,
                packet,
            });
        }
        // Where a row of a pair met something, whoever is there hears it, and comes over: then a packet
        // under the answer beside that pair is from before, and each would leave the session that the
        // other one comes to.
        let with_company = |it: &Settled| match it.row.seat {
            Some(Seat::Pair(peer)) if it.outcome != Outcome::CameBack => Some(peer),
            _ => None,
        };
        let company: Vec<_> = settled.iter().filter_map(with_company).collect();
        for settled in settled {
            match settled.row.seat {
                Some(Seat::Answer(peer))
                    if company.contains(&peer) && self.is_beside_pair(peer) => {}
                _ => self.take_row(settled, rng),
            }
        }
        self.read_answer(call_row.as_ref());
        if complete {
            self.erase_before(round.next());
        }
    }

    /// Opens what a row met, by the same steps for a row that was nobody's.
    fn open_row(&mut self, row: &SentRow, message: &[u8]) -> Option<Vec<u8>> {
        let Self {
            people,
            farewells,
            decoys,
            ..
        } = self;
        let session = match row.seat {
            Some(Seat::Answer(peer)) => {
                let answering = people.get_mut(&peer)?.calls.lossy().answering_mut();
                answering.map(|it| &mut it.session)
            }
            Some(Seat::Pair(peer)) => {
                let pair = people.get_mut(&peer)?.pair.lossy().as_mut();
                pair.filter(|it| it.number == row.pair)
                    .map(|it| &mut it.session)
            }
            Some(Seat::Farewell(id)) => Some(&mut farewells.get_mut(&id)?.lossy().session),
            Some(Seat::Call(_)) | None => None,
        };
        let session = match session {
            Some(session) => session,
            None => decoys.sessions.first_mut()?,
        };
        let Opened {
            packet,
            first_of_generation,
        } = session.open(&row.ticket, message)?;
        // A generation that has opened ends the one before, in storage, too.
        if let (First::Yes, Some(Seat::Pair(peer))) = (first_of_generation, row.seat) {
            people.get_mut(&peer)?.pair.edit();
        }
        Some(packet)
    }

    fn take_row(&mut self, settled: Settled, rng: &mut impl CryptoRng) {
        match settled.row.seat {
            Some(Seat::Pair(peer)) => self.take_row_of_pair(peer, &settled, rng),
            Some(Seat::Answer(peer)) => match settled.packet {
                Some(packet)
                    if self.is_beside_pair(peer) && read_farewell(&packet) == Some(Word::End) =>
                {
                    self.answer_left(peer);
                }
                Some(packet) if self.heard_answer(peer) => {
                    self.take_packet(peer, settled.round, &packet, rng);
                }
                _ => {}
            },
            Some(Seat::Farewell(id)) => {
                if let Some(word) = settled.packet.as_deref().and_then(read_farewell)
                    && let Some(farewell) = self.farewells.get_mut(&id)
                {
                    farewell.edit().heard(word);
                }
            }
            Some(Seat::Call(_)) | None => {}
        }
    }

    /// Returns whether our answer is kept beside a pair that our own call made.
    fn is_beside_pair(&self, peer: ClientKey) -> bool {
        let person = self.people.get(&peer);
        let answering = person.and_then(|it| it.calls.answering());
        answering.is_some_and(|it| it.beside == Beside::OwnPair)
    }

    fn take_row_of_pair(&mut self, peer: ClientKey, settled: &Settled, rng: &mut impl CryptoRng) {
        let Settled {
            round,
            row,
            outcome,
            packet,
        } = settled;
        let (round, outcome) = (*round, *outcome);
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        if person
            .pair
            .as_ref()
            .is_none_or(|pair| pair.number != row.pair)
        {
            return;
        }
        if let (Some(piece), Outcome::CameBack, Some(pair)) =
            (&row.piece, outcome, person.pair.lossy())
        {
            pair.session.ratchet_piece_came_back(piece);
        }
        if let Some(receipt) = &row.receipt {
            for id in person.outbox.settle(receipt, outcome) {
                person.history.set_status(id, SendStatus::Sent { round });
            }
        }
        if let Some(packet) = packet {
            self.take_packet(peer, round, packet, rng);
        }
    }

    fn take_packet(
        &mut self,
        peer: ClientKey,
        round: RoundId,
        packet: &[u8],
        rng: &mut impl CryptoRng,
    ) {
        let (clock, wall) = (self.ratchet_clock(), self.now.wall);
        let beside = self.is_beside_pair(peer);
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let progress = person.outbox.receive(round, packet);
        let heard = person.card.last_heard;
        if heard.is_none_or(|heard| wall.0.abs_diff(heard.0) >= HEARD_EVERY_MS) {
            person.card.edit().last_heard = Some(wall);
        }
        for piece in &progress.ratchet {
            if let Some(pair) = person.pair.edit() {
                pair.session.take_ratchet_piece(piece, clock, rng);
            }
        }
        let farewell = progress.farewell;
        self.take_progress(peer, progress);
        if beside {
            self.step(peer, Input::HeardPair, rng);
        }
        if farewell == Some(Word::End) {
            self.peer_left(peer);
        }
    }

    /// Tries what a row of our call met as message 2; to no avail where there is none.
    fn read_answer(&mut self, row: Option<&(ClientKey, Vec<u8>)>) {
        let (secret, realm) = (&self.profile.secret, &self.realm);
        let found = row.and_then(|(peer, message)| {
            let person = self.people.get(peer)?;
            let call = person.calls.calling()?;
            // The one that the call named; the session may have a newer one by now.
            let resume = person.resume_secret(&call.payload.resume);
            Some((*peer, call, resume, message))
        });
        let Some((peer, call, resume, message)) = found else {
            let nothing = vec![0; self.deployment.message_bytes.into()];
            self.decoys.call.read_answer(secret, realm, &nothing);
            return;
        };
        let (call_secret, payload) = (&call.secret, &call.payload);
        let resume = resume.as_ref();
        let answered =
            call::read_answer(secret, realm, &peer, call_secret, payload, resume, message);
        if let Some(answered) = answered {
            self.answered(peer, answered);
        }
    }

    /// Erases the keys of rounds before that one.
    pub(super) fn erase_before(&mut self, round: RoundId) {
        for session in &mut self.decoys.sessions {
            session.erase_before(round);
        }
        self.decoys.meeting.erase_before(round);
        for person in self.people.values_mut() {
            if let Some(pair) = person.pair.lossy().as_mut() {
                pair.session.erase_before(round);
            }
            if let Some(answering) = person.calls.lossy().answering_mut() {
                answering.session.erase_before(round);
            }
        }
        for farewell in self.farewells.values_mut() {
            farewell.lossy().session.erase_before(round);
        }
    }

    /// Stores the sessions that were due in the turns since the last round, for no other reason
    /// than that erased keys go from storage, too; not all people in one round.
    pub(super) fn store_sessions(&mut self, turns: Range<Turn>) {
        for (key, person) in &mut self.people {
            let offset = u64::from(*key.as_bytes().first().unwrap_or(&0));
            let times = |turn: Turn| turn.0.saturating_add(offset) / STORE_EVERY;
            if person.pair.is_some() && times(turns.start) != times(turns.end) {
                person.pair.edit();
            }
        }
    }

    /// Returns the first round of which a row, or its tag, opens to whoever reads this device now
    /// and has seen what travelled. Not counted is an answer of which no packet opened yet: it is
    /// kept as the seed from which it was made.
    #[must_use]
    pub fn first_readable_round(&self) -> Option<RoundId> {
        let pairs = self.people.values().filter_map(|it| it.pair.as_ref());
        let pairs = pairs.map(|pair| &pair.session);
        let farewells = self.farewells.values().map(|farewell| &farewell.session);
        let sessions = pairs.chain(farewells);
        sessions.filter_map(Session::first_round).min()
    }

    pub(super) fn packet_bytes(&self) -> usize {
        usize::from(self.deployment.message_bytes).saturating_sub(OVERHEAD_BYTES)
    }

    pub(super) fn ratchet_clock(&self) -> RatchetClock {
        RatchetClock {
            turn: self.moment().turn,
            now_ms: self.now.wall.0,
            piece_bytes: self.piece_bytes(),
        }
    }
}
