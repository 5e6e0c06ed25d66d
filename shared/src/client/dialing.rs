//! Dialing rounds: one sealed message to somebody or nobody, and at most one from somebody
//! (docs/protocol.md §5, §11.1).
//!
//! Nothing that arrives here changes what leaves, before a person accepts or has called the same
//! person.

use rand_core::CryptoRng;

use super::{
    Caller, CallerDevice, Client, EndReason, MAX_CONTACTS, Notice, OpenToCalls,
    calling::{
        Accepted, Answering, Between, CALL_DIALS, Circumstances, Effect, Incoming, Input, KeyOrder,
        Outgoing, Own, TASK_TURNS, Theirs, stay_of_call, withdrawn,
    },
    moment::Pace,
    person::{Card, Greeting, Kind, Owed, Pair, Person},
    places::Crowd,
    settings::Stay,
};
use crate::{
    call::{
        self, AnswerSeed, Answered, CallKind, CallPayload, CallSecret, Device, ResumeId, Validity,
    },
    delivery::{Delivery, Item},
    identity::{ClientId, ClientKey},
    kdf::{Secret, derive, truncate},
    program::{Program, RoundId},
    row::{DialRow, Pass, Submission},
    session::Session,
    share::ReplyRow,
};

/// The most strangers whose calls ring or are answered; the oldest gives way.
const MAX_STRANGERS: usize = 100;

/// Returns the pass of a round that follows from a pass secret.
fn pass(secret: &Secret, round: RoundId) -> Pass {
    let pass = derive("pass", secret.as_bytes(), &[&round.0.to_le_bytes()]);
    Pass::from_bytes(truncate(pass.as_bytes()))
}

impl Client {
    /// Writes the row of a dialing round.
    pub(super) fn compose_dial(
        &self,
        round: RoundId,
        program: Program,
        rng: &mut impl CryptoRng,
    ) -> Submission {
        let own_pass = pass(&self.settings.pass, round);
        let (secret, realm) = (&self.profile.secret, &self.realm);
        // Who calls nobody does the same with secrets of the moment.
        let mut nobody = ClientId([0; 16]);
        rng.fill_bytes(&mut nobody.0);
        let nobodys_pass = Secret::random(rng);
        let dialled = self.dialled(round, program);
        let known_pass = dialled.as_ref().and_then(|dialled| dialled.pass);
        let pass = pass(known_pass.unwrap_or(&nobodys_pass), round);
        let (id, message) = match dialled {
            Some(Dialled {
                callee,
                call,
                payload,
                ..
            }) => (
                callee.id(&realm.deployment),
                call::seal(secret, realm, &callee, &call.secret, &payload),
            ),
            None => (nobody, call::seal_to_nobody(secret, realm, rng)),
        };
        Submission::dialing(&DialRow {
            id,
            pass,
            own_pass,
            message,
        })
    }

    /// Returns whom the round dials. Who calls a contact whose pass is known dials in both
    /// programs; anybody else can be dialled in *open* alone.
    fn dialled(&self, round: RoundId, program: Program) -> Option<Dialled<'_>> {
        let stored = self.store.stored();
        let durable = self
            .people
            .iter()
            .filter(|(_, it)| it.calls.is_durable(stored));
        let mut dialled = durable.filter_map(|(key, person)| match &person.calls.own {
            Own::Calling(call) if call.paused.is_none() && round <= call.payload.until => {
                Some((*key, call, call.payload.clone()))
            }
            Own::Withdrawing { call, .. } => Some((*key, call, withdrawn(&call.payload))),
            _ => None,
        });
        let (callee, call, payload) = dialled.next()?;
        let pass = self.people.get(&callee)?.card.pass.as_ref();
        let reached = program == Program::Open || pass.is_some();
        reached.then_some(Dialled {
            callee,
            call,
            payload,
            pass,
        })
    }

    /// Takes the reply of a dialing round: opening takes the same steps whatever it is.
    pub(super) fn take_dial(&mut self, reply: Option<&ReplyRow>, rng: &mut impl CryptoRng) {
        let (secret, realm) = (&self.profile.secret, &self.realm);
        let nothing = [0; call::MESSAGE_BYTES];
        let message = reply.map_or(&nothing[..], |reply| &reply.message);
        if let Some(received) = call::open(secret, realm, message) {
            self.take_call(received, rng);
        }
    }

    fn take_call(&mut self, received: call::Received, rng: &mut impl CryptoRng) {
        let call::Received {
            caller,
            payload,
            message,
        } = received;
        if caller == self.own || self.settings.blocked.contains(&caller) {
            return;
        }
        let person = self.people.get(&caller);
        if person.is_some_and(Person::is_blocked) {
            return;
        }
        let taken_back = payload.validity == Validity::Withdrawn;
        if payload.kind == CallKind::Ring {
            if !taken_back {
                self.rang(caller, &payload);
            }
            return;
        }
        if taken_back {
            if person.is_some() {
                self.step(caller, Input::TakenBack(payload.seed), rng);
            }
            return;
        }
        let wanted = person.is_some_and(|it| !matches!(it.calls.own, Own::Idle));
        let contact = person.is_some_and(Person::is_contact);
        let welcome = match self.settings.open_to_calls {
            OpenToCalls::Everyone => true,
            OpenToCalls::Contacts => contact,
            OpenToCalls::Nobody => false,
        };
        if !(wanted || welcome) || self.settings.is_deaf_to(caller, &payload.seed) {
            return;
        }
        let known =
            person.is_none_or(|it| !it.was_met() || it.resume_secret(&payload.resume).is_some());
        if person.is_none() {
            self.make_room_for_stranger();
            let card = Card::new(payload.name.clone(), Kind::Stranger);
            let person = Person::new(card, Delivery::new(rng));
            self.people.insert(caller, person);
        }
        let now = self.moment();
        let incoming = Incoming {
            message,
            seed: payload.seed.clone(),
            until: payload.until,
            device: if known {
                CallerDevice::Known
            } else {
                CallerDevice::New
            },
            first: now,
            last: now,
        };
        self.step(caller, Input::Dialled(Box::new(incoming)), rng);
    }

    /// A contact asks for attention. Each ring shows once, however often it is dialled.
    fn rang(&mut self, caller: ClientKey, payload: &CallPayload) {
        let wall = self.now.wall;
        let Some(person) = self.people.get_mut(&caller).filter(|it| it.is_contact()) else {
            return;
        };
        if person.card.ring.as_ref() == Some(&payload.seed)
            || self.settings.open_to_calls == OpenToCalls::Nobody
        {
            return;
        }
        let card = person.card.edit();
        card.ring = Some(payload.seed.clone());
        card.rang = Some(wall);
        let name = card.name.clone();
        self.notify(Notice::Rang {
            contact: caller,
            name,
        });
    }

    /// Forgets the stranger whose call rings longest, if there are too many.
    fn make_room_for_stranger(&mut self) {
        let strangers = self.people.iter().filter(|(_, it)| !it.is_contact());
        let ringing = strangers
            .clone()
            .filter_map(|(key, person)| match &person.calls.theirs {
                Theirs::Ringing(incoming) => Some((incoming.first.round, *key)),
                _ => None,
            });
        if strangers.count() >= MAX_STRANGERS
            && let Some((_, oldest)) = ringing.min()
        {
            self.forget(oldest);
        }
    }

    fn between(&self, peer: ClientKey) -> Between<'_> {
        Between {
            secret: &self.profile.secret,
            realm: &self.realm,
            own: self.own,
            peer,
            message_bytes: self.deployment.message_bytes.into(),
        }
    }

    pub(super) fn pace(&self) -> Pace {
        Pace::of(&self.deployment)
    }

    fn circumstances(&self, peer: ClientKey) -> Circumstances {
        Circumstances {
            now: self.moment(),
            pace: self.pace(),
            order: if self.own < peer {
                KeyOrder::OursIsSmaller
            } else {
                KeyOrder::OursIsGreater
            },
        }
    }

    /// Takes an input to the calls with a person, and does what follows.
    pub(super) fn step(&mut self, peer: ClientKey, input: Input, rng: &mut impl CryptoRng) {
        let at = self.circumstances(peer);
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let calls = core::mem::take(person.calls.lossy());
        let (shape, ticks) = (calls.shape(), matches!(input, Input::Tick));
        let (calls, effects) = calls.step(input, at);
        let changed = !ticks || calls.shape() != shape;
        *person.calls.lossy() = calls;
        if changed {
            person.calls.edit();
        }
        for effect in effects {
            self.act_on(peer, effect, rng);
        }
        self.forget_if_nobody(peer);
    }

    fn act_on(&mut self, peer: ClientKey, effect: Effect, rng: &mut impl CryptoRng) {
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let name = person.card.name.clone();
        match effect {
            Effect::AnswerTheirs => self.accept(peer, rng),
            Effect::Rings => self.notify(Notice::IncomingCall {
                contact: peer,
                name,
            }),
            Effect::Over(reason) => {
                person.card.edit().ended = Some(reason);
                if reason == EndReason::NoAnswer {
                    self.notify(Notice::NoAnswer {
                        contact: peer,
                        name,
                    });
                }
            }
            Effect::ReleaseSlot => {
                if self.tasks.call.is_some_and(|stay| stay.peer == peer) {
                    self.tasks.edit().call = None;
                }
            }
        }
    }

    /// Makes the answer to the call that rings; a stranger who called becomes a contact.
    pub(super) fn accept(&mut self, peer: ClientKey, rng: &mut impl CryptoRng) {
        let now = self.moment();
        let crowd = self.crowd();
        let Some(person) = self.people.get(&peer) else {
            return;
        };
        let Some(incoming) = person.calls.ringing().cloned() else {
            return;
        };
        let (secret, realm) = (&self.profile.secret, &self.realm);
        let Some(received) = call::open(secret, realm, &incoming.message) else {
            return;
        };
        let accepted = Accepted {
            message: incoming.message,
            meeting: incoming.seed,
            seed: AnswerSeed(Secret::random(rng)),
            resume: person.resume_secret(&received.payload.resume),
            place: crowd.take(received.payload.places, &self.settings.ranking),
            device: incoming.device,
        };
        let Some(answering) = Answering::new(accepted, now, self.between(peer)) else {
            return;
        };
        if let Some(person) = self.people.get_mut(&peer)
            && (!person.is_contact() || person.card.ended.is_some())
        {
            let card = person.card.edit();
            card.kind = Kind::Contact;
            card.ended = None;
        }
        self.step(peer, Input::Answer(Box::new(answering)), rng);
    }

    pub(super) fn decline(&mut self, peer: ClientKey, rng: &mut impl CryptoRng) {
        let ringing = self.people.get(&peer).and_then(|it| it.calls.ringing());
        if let Some(seed) = ringing.map(|incoming| incoming.seed.clone()) {
            self.settings.edit().decline(peer, seed);
            self.step(peer, Input::Decline, rng);
        }
    }

    pub(super) fn crowd(&self) -> Crowd {
        let answers = self.people.values().filter_map(|it| it.calls.answering());
        let pairs = self.people.values().filter_map(|it| it.pair.as_ref());
        let farewells = self.farewells.values();
        let places = answers.map(|it| it.place);
        let places = places.chain(pairs.map(|it| it.place));
        Crowd::of(places.chain(farewells.map(|it| it.place)))
    }

    /// Message 2 opened: the two are a pair.
    pub(super) fn answered(&mut self, peer: ClientKey, answered: Answered) {
        let own = self.own;
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let Own::Calling(call) = &person.calls.own else {
            return;
        };
        let session = Session::new(
            &self.realm,
            own,
            peer,
            answered.secret,
            call.meeting.clone(),
        );
        let device = match answered.device {
            Device::Same => CallerDevice::Known,
            Device::New if !person.was_met() => CallerDevice::Known,
            Device::New => CallerDevice::New,
        };
        let pair = Pair {
            number: 0,
            session,
            place: answered.place,
            greeting: Greeting::Due,
        };
        self.become_pair(peer, pair, device, Input::Answered);
    }

    /// Their first packet opened under our answer: the two are a pair. Returns whether there still was
    /// that answer.
    pub(super) fn heard_answer(&mut self, peer: ClientKey) -> bool {
        let Some(person) = self.people.get_mut(&peer) else {
            return false;
        };
        let calls = core::mem::take(person.calls.edit());
        let Theirs::Answering(answering) = calls.theirs else {
            *person.calls.edit() = calls;
            return false;
        };
        let pair = Pair {
            number: 0,
            session: answering.session,
            place: answering.place,
            greeting: Greeting::Done,
        };
        self.become_pair(peer, pair, answering.device, Input::Heard);
        true
    }

    fn become_pair(&mut self, peer: ClientKey, pair: Pair, device: CallerDevice, input: Input) {
        self.pairs += 1;
        let (number, piece_bytes) = (self.pairs, self.piece_bytes());
        let (at, wall) = (self.circumstances(peer), self.now.wall);
        let pass = self.settings.pass.clone();
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let was_met = person.was_met();
        let calls = core::mem::take(person.calls.edit());
        (*person.calls.edit(), _) = calls.step(input, at);
        let old = person.pair.edit().replace(Pair { number, ..pair });
        let card = person.card.edit();
        if let Some(old) = old {
            card.resume = old.session.resume_secrets();
        }
        card.kind = Kind::Contact;
        card.ended = None;
        card.last_heard = Some(wall);
        let name = card.name.clone();
        let (contact, new) = (peer, device == CallerDevice::New);
        if new {
            // Whoever stole their key may have answered: what was written before waits.
            for id in person.outbox.take_unacknowledged() {
                person.history.set_status(id, super::SendStatus::Held);
            }
        }
        person.outbox.release();
        // So does the pass secret: with it, a thief could crowd the contacts program.
        person.card.edit().owed = if new { Owed::Pass } else { Owed::Nothing };
        if !new {
            person.outbox.queue(Item::Pass(pass), piece_bytes);
        }
        if new {
            self.notify(Notice::NewDevice {
                contact,
                name: name.clone(),
            });
        }
        if !was_met || new {
            self.notify(Notice::Answered { contact, name });
        }
    }

    /// Does what is due with time: calls begin, end, or go on; places are freed; the pass secret
    /// changes.
    pub(super) fn time_goes_by(&mut self, rng: &mut impl CryptoRng) {
        let (now, pace) = (self.moment(), self.pace());
        let over = |stay: &Option<Stay>| stay.is_some_and(|stay| stay.is_over(now, pace));
        if over(&self.tasks.call) {
            self.tasks.edit().call = None;
        }
        if over(&self.tasks.answer) {
            self.tasks.edit().answer = None;
        }
        let busy = self.people.iter().filter(|(_, it)| !it.calls.is_idle());
        let busy: Vec<_> = busy.map(|(key, _)| *key).collect();
        for peer in busy {
            self.step(peer, Input::Tick, rng);
        }
        let gone = self
            .farewells
            .iter()
            .filter(|(_, it)| it.is_gone(now, pace));
        let gone: Vec<_> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            self.forget_farewell(id);
        }
        self.begin_what_waits(rng);
        if self.settings.is_pass_old(self.now.wall) {
            self.change_pass(rng);
        }
    }

    /// Lets calls and answers begin whose slot is free; not before it is known where rounds are.
    pub(super) fn begin_what_waits(&mut self, rng: &mut impl CryptoRng) {
        if self.rounds.latest(Program::Conversation).is_some() {
            self.begin_waiting_call(rng);
            self.begin_waiting_answer(rng);
        }
    }

    /// Lets the call or ring begin that waits longest, once no other is under way.
    fn begin_waiting_call(&mut self, rng: &mut impl CryptoRng) {
        let dials =
            |person: &Person| matches!(person.calls.own, Own::Calling(_) | Own::Withdrawing { .. });
        if self.people.values().any(dials) {
            return;
        }
        let slot_is_free = self.tasks.call.is_none();
        let waiting = self
            .people
            .iter()
            .filter_map(|(key, it)| match it.calls.own {
                Own::Waiting { kind, since } if slot_is_free || kind == CallKind::Ring => {
                    Some((since.wall, *key, kind))
                }
                _ => None,
            });
        let first = waiting.min_by_key(|(since, key, _)| (*since, *key));
        let Some((_, peer, kind)) = first else { return };
        let (now, pace) = (self.moment(), self.pace());
        let Some(person) = self.people.get(&peer) else {
            return;
        };
        let secret = CallSecret(Secret::random(rng));
        let fresh = ResumeId::random(rng);
        let payload = CallPayload {
            kind,
            validity: Validity::Stands,
            name: self.profile.name.clone(),
            seed: secret.meeting_seed(),
            resume: person
                .resume()
                .map_or(fresh, |secret| ResumeId::of(&secret)),
            until: now.ahead(0, CALL_DIALS, pace),
            places: self.crowd().offer(&self.settings.ranking),
        };
        let call = Outgoing::new(secret, payload, now, None, self.between(peer));
        if kind == CallKind::Call {
            let ends = stay_of_call(&call, pace);
            self.tasks.edit().call = Some(Stay::new(peer, now, ends));
        }
        self.step(peer, Input::Begin(Box::new(call)), rng);
    }

    /// Lets the answer that waits longest have the task slot.
    fn begin_waiting_answer(&mut self, rng: &mut impl CryptoRng) {
        if self.tasks.answer.is_some() {
            return;
        }
        let waiting = self.people.iter().filter_map(|(key, person)| {
            let answering = person.calls.answering()?;
            let waits = answering.task.is_none() && !person.is_blocked();
            waits.then_some((answering.since.wall, *key))
        });
        let Some((_, peer)) = waiting.min() else {
            return;
        };
        let (now, pace) = (self.moment(), self.pace());
        let ends = now.ahead(TASK_TURNS, 0, pace);
        self.tasks.edit().answer = Some(Stay::new(peer, now, ends));
        self.step(peer, Input::AnswerBegins, rng);
    }

    /// Changes the pass secret and tells all contacts that are not blocked.
    fn change_pass(&mut self, rng: &mut impl CryptoRng) {
        let (now, piece_bytes) = (self.now.wall, self.piece_bytes());
        let pass = Secret::random(rng);
        self.settings.edit().change_pass(now, pass.clone());
        for person in self.people.values_mut() {
            let trusted = person.card.owed == Owed::Nothing && !person.is_blocked();
            if person.pair.is_some() && trusted {
                person.outbox.queue(Item::Pass(pass.clone()), piece_bytes);
            }
        }
    }

    /// Returns whether somebody is shown as a contact or a stranger.
    pub(super) fn caller_kind(person: &Person) -> Caller {
        if person.is_contact() {
            Caller::Contact
        } else {
            Caller::Stranger
        }
    }

    pub(super) fn has_room_for_contact(&self) -> Result<(), Notice> {
        let contacts = self.people.values().filter(|it| it.is_contact()).count();
        if contacts < MAX_CONTACTS {
            Ok(())
        } else {
            Err(Notice::ContactsFull)
        }
    }
}

/// Whom a round dials.
struct Dialled<'a> {
    callee: ClientKey,
    call: &'a Outgoing,
    payload: CallPayload,
    /// Their pass secret, if it is known.
    pass: Option<&'a Secret>,
}
