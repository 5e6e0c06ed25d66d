//! What the user does.

use rand_core::CryptoRng;

use super::{
    Action, Blocked, Client, MAX_QUEUED_TEXTS, MAX_TEXT_BYTES, MessageNumber, Notice, SendStatus,
    Verified,
    calling::{Calls, Input, Own, Theirs},
    person::{Card, Draft, Kind, Owed, Person},
    settings::KnownServers,
    stored::Stored,
};
use crate::{
    call::CallKind,
    delivery::{Delivery, Item},
    identity::{ClientKey, Invite, Name},
};

impl Client {
    pub(super) fn act(&mut self, action: Action, rng: &mut impl CryptoRng) {
        let done = match action {
            Action::SetName(name) => {
                self.profile.edit().name = name;
                Ok(())
            }
            Action::SetOpenToCalls(open) => {
                self.settings.edit().open_to_calls = open;
                Ok(())
            }
            Action::AddContact { link } => self.add_contact(&link, rng),
            Action::RenameContact { contact, name } => self.rename(contact, name),
            Action::RemoveContact(contact) => self.remove(contact, rng),
            Action::Block(person) => {
                self.block(person, rng);
                Ok(())
            }
            Action::Unblock(person) => {
                self.unblock(person);
                Ok(())
            }
            Action::SetVerified { contact, verified } => self.set_verified(contact, verified),
            Action::Call(contact) => self.call(contact, rng),
            Action::Ring(contact) => self.ring(contact, rng),
            Action::CancelCall(contact) => {
                self.step(contact, Input::Cancel, rng);
                Ok(())
            }
            Action::Accept(contact) => self.accept_call(contact, rng),
            Action::Decline(contact) => {
                self.decline(contact, rng);
                Ok(())
            }
            Action::SendText { contact, text } => self.send_text(contact, text, rng),
            Action::CancelText { contact, message } => self.cancel_text(contact, message),
            Action::SendHeld(contact) => self.send_held(contact),
            Action::SetDraft { contact, text } => {
                self.set_draft(contact, text);
                Ok(())
            }
            Action::Look(at) => {
                self.screen.look(at);
                Ok(())
            }
            Action::Touch => {
                self.screen.touch();
                Ok(())
            }
            Action::MarkRead(contact) => {
                self.mark_read(contact);
                Ok(())
            }
            Action::DismissNotice(id) => {
                self.notices.dismiss(id);
                Ok(())
            }
            Action::TrustServers => {
                *self.known_servers.edit() = KnownServers::of(&self.deployment);
                self.connect_all();
                Ok(())
            }
        };
        if let Err(notice) = done {
            self.notify(notice);
        }
    }

    fn contact_mut(&mut self, key: ClientKey) -> Result<&mut Person, Notice> {
        let person = self.people.get_mut(&key);
        person
            .filter(|person| person.is_contact())
            .ok_or(Notice::Gone)
    }

    fn add_contact(&mut self, link: &str, rng: &mut impl CryptoRng) -> Result<(), Notice> {
        let Invite { key, name } =
            Invite::from_link(link, &self.realm).map_err(Notice::BadInvite)?;
        if key == self.own {
            return Err(Notice::OwnInvite);
        }
        if let Ok(person) = self.contact_mut(key) {
            let name = person.card.name.clone();
            return Err(Notice::KnownContact { contact: key, name });
        }
        self.has_room_for_contact()?;
        if self.settings.blocked.contains(&key) {
            self.settings
                .edit()
                .blocked
                .retain(|blocked| *blocked != key);
        }
        let card = Card::new(name.clone(), Kind::Contact);
        // A stranger who calls right now becomes a contact under the link's name.
        let person = self
            .people
            .entry(key)
            .or_insert_with(|| Person::new(card, Delivery::new(rng)));
        let card = person.card.edit();
        (card.kind, card.name) = (Kind::Contact, name);
        Ok(())
    }

    fn rename(&mut self, contact: ClientKey, name: Name) -> Result<(), Notice> {
        self.contact_mut(contact)?.card.edit().name = name;
        Ok(())
    }

    /// Forgets a contact. Its session goes on apart from it until the other side has heard.
    fn remove(&mut self, contact: ClientKey, rng: &mut impl CryptoRng) -> Result<(), Notice> {
        self.contact_mut(contact)?;
        self.step(contact, Input::Cancel, rng);
        self.screen.forget(contact);
        let Some(mut person) = self.people.remove(&contact) else {
            return Ok(());
        };
        if let Some(pair) = person.pair.edit().take() {
            self.leave(contact, pair);
        }
        let own = core::mem::take(&mut person.calls.edit().own);
        let name = person.card.name.clone();
        person.erase(&mut self.store, contact);
        // A call is taken back even so.
        if matches!(own, Own::Withdrawing { .. }) {
            let card = Card::new(name, Kind::Stranger);
            let mut stranger = Person::new(card, Delivery::new(rng));
            let theirs = Theirs::Idle;
            stranger.calls = Stored::new(Calls { own, theirs });
            self.people.insert(contact, stranger);
        }
        Ok(())
    }

    /// Hears no more of somebody. They see an absence; own calls and answers to them end.
    fn block(&mut self, key: ClientKey, rng: &mut impl CryptoRng) {
        match self.people.get_mut(&key) {
            Some(person) if person.is_contact() => {
                person.card.edit().blocked = Blocked::Yes;
                self.step(key, Input::Block, rng);
            }
            _ => {
                self.settings.edit().block(key);
                self.forget(key);
            }
        }
    }

    fn unblock(&mut self, key: ClientKey) {
        let (pass, piece_bytes) = (self.settings.pass.clone(), self.piece_bytes());
        if self.settings.blocked.contains(&key) {
            self.settings
                .edit()
                .blocked
                .retain(|blocked| *blocked != key);
        }
        if let Some(person) = self.people.get_mut(&key)
            && person.is_blocked()
        {
            person.card.edit().blocked = Blocked::No;
            if person.pair.is_some() && person.card.owed == Owed::Nothing {
                // It may have changed meanwhile.
                person.outbox.queue(Item::Pass(pass), piece_bytes);
            }
        }
    }

    fn set_verified(&mut self, contact: ClientKey, verified: Verified) -> Result<(), Notice> {
        self.contact_mut(contact)?.card.edit().verified = verified;
        Ok(())
    }

    fn call(&mut self, contact: ClientKey, rng: &mut impl CryptoRng) -> Result<(), Notice> {
        let person = self.contact_mut(contact)?;
        if person.calls.ringing().is_some() {
            return self.accept_call(contact, rng);
        }
        person.card.edit().ended = None;
        self.step(contact, Input::Press(CallKind::Call), rng);
        Ok(())
    }

    fn ring(&mut self, contact: ClientKey, rng: &mut impl CryptoRng) -> Result<(), Notice> {
        if self.contact_mut(contact)?.pair.is_none() {
            return Err(Notice::Gone);
        }
        self.step(contact, Input::Press(CallKind::Ring), rng);
        Ok(())
    }

    fn accept_call(&mut self, caller: ClientKey, rng: &mut impl CryptoRng) -> Result<(), Notice> {
        let person = self.people.get(&caller);
        let ringing = person.filter(|it| it.calls.ringing().is_some());
        if !ringing.ok_or(Notice::Gone)?.is_contact() {
            self.has_room_for_contact()?;
        }
        self.accept(caller, rng);
        Ok(())
    }

    fn send_text(
        &mut self,
        contact: ClientKey,
        text: String,
        rng: &mut impl CryptoRng,
    ) -> Result<(), Notice> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Notice::TextTooLong { got: text.len() });
        }
        let (wall, piece_bytes) = (self.now.wall, self.piece_bytes());
        let (id, pass) = (rng.next_u64(), self.settings.pass.clone());
        let person = self.contact_mut(contact)?;
        if text.trim().is_empty() {
            return Ok(());
        }
        if person.history.waiting() >= MAX_QUEUED_TEXTS {
            return Err(Notice::QueueFull {
                contact,
                name: person.card.name.clone(),
            });
        }
        let item = Item::Text {
            id,
            text: text.clone(),
        };
        person.pay(&pass, piece_bytes);
        let pieces = person.outbox.queue(item, piece_bytes);
        if person.pair.is_none() {
            // It can't leave yet, and so can be taken back after a restart, too.
            person.outbox.hold();
        }
        person.history.queue(id, text, wall, pieces);
        *person.draft.edit() = Draft::default();
        Ok(())
    }

    fn cancel_text(&mut self, contact: ClientKey, number: MessageNumber) -> Result<(), Notice> {
        let person = self.contact_mut(contact)?;
        let message = person.history.get(number).ok_or(Notice::Gone)?;
        let id = message.id;
        match message.status() {
            Some(SendStatus::Held) => {}
            Some(SendStatus::Queued { .. }) => {
                let cancelled = person.outbox.cancel(id);
                cancelled.map_err(|_| Notice::TooLateToCancel)?;
            }
            _ => return Err(Notice::TooLateToCancel),
        }
        person.history.set_status(id, SendStatus::Cancelled);
        Ok(())
    }

    /// Sends what waited because the other side's device was not known.
    fn send_held(&mut self, contact: ClientKey) -> Result<(), Notice> {
        let (pass, piece_bytes) = (self.settings.pass.clone(), self.piece_bytes());
        let person = self.contact_mut(contact)?;
        person.pay(&pass, piece_bytes);
        let held = person.history.iter();
        let held = held.filter(|message| message.status() == Some(SendStatus::Held));
        let held: Vec<_> = held
            .map(|message| (message.id, message.view.text.clone()))
            .collect();
        for (id, text) in held {
            let pieces = person.outbox.queue(Item::Text { id, text }, piece_bytes);
            person.history.release(id, pieces);
        }
        Ok(())
    }

    fn set_draft(&mut self, contact: ClientKey, text: String) {
        if text.len() <= MAX_TEXT_BYTES
            && let Ok(person) = self.contact_mut(contact)
            && person.draft.0 != text
        {
            *person.draft.edit() = Draft(text);
        }
    }

    fn mark_read(&mut self, contact: ClientKey) {
        let Ok(person) = self.contact_mut(contact) else {
            return;
        };
        if person.history.unread(person.card.read_upto) > 0 || person.card.rang.is_some() {
            let next = person.history.next();
            let card = person.card.edit();
            card.read_upto = next;
            card.rang = None;
        }
    }
}
