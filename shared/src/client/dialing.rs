//! Dialing rounds: whom to dial, whom to let in, when to give up.

#![allow(
    dead_code,
    reason = "dials are answered by people now; the new client replaces this"
)]

use rand_core::CryptoRng;

use super::{
    CallState, Client, EndReason, Millis, Notice, OpenToCalls,
    conversation::{Beginning, CONNECT_ROUNDS, Conversation, Phase, Side},
    people::Person,
    storage::Key,
};
use crate::{
    identity::{ClientKey, Name},
    row::{DIAL_MESSAGE_BYTES, DialRow, Pass},
    session::{Match, OVERHEAD_BYTES, Session},
};

/// Dialing rounds after which a call counts as not answered.
const MAX_ATTEMPTS: u32 = 12;
/// After a reload, a call goes on only if it is not older than this.
const STALE_MS: u64 = 120_000;

/// A call that is being dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dialing {
    /// Dialing rounds that brought no match.
    pub(super) attempts: u32,
    /// When the user called.
    pub(super) since: Millis,
}

impl Dialing {
    pub(super) fn state(self) -> CallState {
        CallState::Calling {
            attempt: self.attempts.saturating_add(1).min(MAX_ATTEMPTS),
            of: MAX_ATTEMPTS,
        }
    }

    /// Returns whether nobody is dialled any more; a row that is under way may still meet them.
    pub(super) const fn is_exhausted(self) -> bool {
        self.attempts >= MAX_ATTEMPTS
    }
}

/// What we handed in to a dialing round.
#[derive(Clone, Copy)]
pub(super) enum Dialed {
    Dial(ClientKey),
    Check,
    Closed,
}

impl core::fmt::Debug for Dialed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Dialed(..)")
    }
}

impl Client {
    /// Writes the row of a dialing round.
    ///
    /// A new call dials at once. After that a caller dials or checks with equal chance, so that
    /// two who call each other meet.
    pub(super) fn compose_dial(&mut self, rng: &mut impl CryptoRng) -> (DialRow, Dialed) {
        let wanted: Vec<_> = self
            .people
            .iter()
            .filter(|(_, it)| it.may_be_dialed())
            .map(|(key, _)| *key)
            .collect();
        let new: Vec<_> = wanted
            .iter()
            .copied()
            .filter(|it| self.is_new(*it))
            .collect();
        let (coin, choice) = (rng.next_u32() & 1, rng.next_u64());
        let (among, dials) = if new.is_empty() {
            (&wanted, coin == 1)
        } else {
            (&new, true)
        };
        let pick = (choice.checked_rem(among.len() as u64))
            .and_then(|index| among.get(usize::try_from(index).ok()?))
            .filter(|_| dials);
        let open = self.open_to_calls != OpenToCalls::Nobody || !wanted.is_empty();
        let dialed = match pick {
            Some(callee) => Dialed::Dial(*callee),
            None if open && self.has_ear() => Dialed::Check,
            None => Dialed::Closed,
        };
        let mut message = [0; DIAL_MESSAGE_BYTES];
        rng.fill_bytes(&mut message);
        let row = DialRow {
            id: self.own.id(&self.deployment.realm().deployment),
            pass: Pass::random(rng),
            own_pass: Pass::random(rng),
            message,
        };
        (row, dialed)
    }

    /// Returns whether a call has not been dialled yet.
    fn is_new(&self, callee: ClientKey) -> bool {
        let dialing = self.people.get(&callee).and_then(|it| it.dialing);
        dialing.is_some_and(|it| it.attempts == 0) && !self.rounds.is_dialed(callee)
    }

    /// Takes the reply of a dialing round, which tells nobody of a match any more.
    pub(super) fn receive_dial(&mut self) {
        self.count_attempts();
    }

    fn met_callee(&mut self, met: &Match, rng: &mut impl CryptoRng) {
        let Some(person) = self.people.get(&met.peer) else {
            return;
        };
        let talks = person
            .conversation
            .as_ref()
            .is_some_and(Conversation::is_active);
        // Cancelled meanwhile, unless the other's call came through first: then the later match
        // counts, on both sides.
        if (person.dialing.is_some() || talks) && self.make_room(met.peer) {
            let session = Session::caller(&self.secret, met, self.name.clone(), rng);
            self.begin(met.peer, session, Side::Caller, Phase::Ringing);
        }
    }

    fn met_caller(&mut self, met: &Match, rng: &mut impl CryptoRng) {
        let Some(phase) = self.welcome_phase(met.peer) else {
            return;
        };
        if !self.make_room(met.peer) {
            return;
        }
        self.people.entry(met.peer).or_insert_with(|| {
            Person::stranger(Name::new("Unknown caller").expect("a valid name"))
        });
        let session = Session::callee(self.own, met, rng);
        self.begin(met.peer, session, Side::Callee, phase);
    }

    /// Decides what a caller's call begins as; `None` passes it over in silence.
    fn welcome_phase(&self, caller: ClientKey) -> Option<Phase> {
        let Some(person) = self
            .people
            .get(&caller)
            .filter(|person| !person.is_stranger())
        else {
            let strangers = self
                .people
                .values()
                .filter(|person| person.is_stranger())
                .count();
            let room = self.slots().saturating_sub(1).max(1);
            let known = self.people.contains_key(&caller);
            let welcome =
                self.open_to_calls == OpenToCalls::Everyone && (known || strangers < room);
            return welcome.then_some(Phase::Incoming);
        };
        let phase = person
            .conversation
            .as_ref()
            .map(|conversation| conversation.phase);
        if person.dialing.is_some() || matches!(phase, Some(Phase::Ringing | Phase::Talking)) {
            return Some(Phase::Talking);
        }
        (self.open_to_calls != OpenToCalls::Nobody).then_some(Phase::Incoming)
    }

    fn begin(&mut self, peer: ClientKey, session: Session, side: Side, phase: Phase) {
        self.conversation_count += 1;
        let beginning = Beginning {
            number: self.conversation_count,
            session,
            side,
            phase,
            durable_with: self.store.batch(),
            since: self.now,
        };
        let conversation = Conversation::new(beginning, self.epoch, self.packet_bytes());
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        person.conversation = Some(conversation);
        if phase == Phase::Talking {
            person.ended = None;
        }
        self.store.mark(Key::Contact(peer));
        self.store.mark(Key::Session(peer));
    }

    pub(super) fn packet_bytes(&self) -> usize {
        usize::from(self.deployment.message_bytes).saturating_sub(OVERHEAD_BYTES)
    }

    pub(super) fn slots(&self) -> usize {
        self.deployment.slots.into()
    }

    pub(super) fn active_conversations(&self) -> usize {
        let conversations = self
            .people
            .values()
            .filter_map(|person| person.conversation.as_ref());
        conversations
            .filter(|conversation| conversation.is_active())
            .count()
    }

    /// Returns whether a caller could be let in: there is a free slot, or somebody has been
    /// silent for so long that they may have lost their end of the conversation and call anew.
    fn has_ear(&self) -> bool {
        let mut conversations = self
            .people
            .values()
            .filter_map(|it| it.conversation.as_ref());
        self.active_conversations() < self.slots()
            || conversations.any(|it| it.is_active() && it.silent_rounds >= CONNECT_ROUNDS)
    }

    /// Returns how many more calls may start.
    pub(super) fn free_slots(&self) -> usize {
        let dialing = self
            .people
            .values()
            .filter(|person| person.is_dialing())
            .count();
        self.slots()
            .saturating_sub(self.active_conversations())
            .saturating_sub(dialing)
    }

    /// Makes sure that a row is free for that person, at the cost of one that is over.
    fn make_room(&mut self, peer: ClientKey) -> bool {
        let others = self.people.iter().filter(|(key, _)| **key != peer);
        let others: Vec<_> = others
            .filter_map(|(key, it)| Some((*key, it.conversation.as_ref()?)))
            .collect();
        if others.len() < self.slots() {
            return true;
        }
        let over = others
            .iter()
            .filter_map(|(key, it)| Some((it.rounds_left()?, *key)))
            .min();
        if let Some((_, key)) = over {
            self.drop_conversation(key);
        }
        over.is_some()
    }

    fn count_attempts(&mut self) {
        let dialing: Vec<_> = self
            .people
            .iter()
            .filter(|(_, it)| it.is_dialing())
            .map(|(key, _)| *key)
            .collect();
        for peer in dialing {
            if let Some(dialing) = self
                .people
                .get_mut(&peer)
                .and_then(|it| it.dialing.as_mut())
            {
                dialing.attempts += 1;
            }
            self.give_up_dialing(peer);
        }
    }

    /// Ends the calls that nobody waits for any more; called once after a reload.
    pub(super) fn give_up_stale_calls(&mut self) {
        let now = self.now;
        for (peer, person) in &mut self.people {
            if person
                .dialing
                .is_some_and(|dialing| now.since(dialing.since) > STALE_MS)
            {
                person.dialing = None;
                person.ended = Some(EndReason::NoAnswer);
                self.store.mark(Key::Contact(*peer));
            }
        }
    }

    /// Ends a call that was dialled often enough, unless they may yet be met by a row that is
    /// under way: they would see a call of somebody who has given up.
    pub(super) fn give_up_dialing(&mut self, peer: ClientKey) {
        let under_way = self.rounds.is_dialed(peer);
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        if person.is_dialing() && !person.may_be_dialed() && !under_way {
            person.dialing = None;
            person.ended = Some(EndReason::NoAnswer);
            self.store.mark(Key::Contact(peer));
            self.tell_no_answer(peer);
        }
    }

    pub(super) fn tell_no_answer(&mut self, peer: ClientKey) {
        if let Some(person) = self.people.get(&peer) {
            self.notify(Notice::NoAnswer {
                contact: peer,
                name: person.name.clone(),
            });
        }
    }
}
