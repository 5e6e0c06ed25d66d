//! What the user does.

use rand_core::CryptoRng;

use super::{
    Action, Client, EndReason, MAX_CONTACTS, MAX_QUEUED_TEXTS, MAX_TEXT_BYTES, MessageNumber,
    Notice, SendStatus,
    conversation::Phase,
    dialing::Dialing,
    history::Release,
    people::{Kind, Person},
    storage::Key,
};
use crate::{
    delivery::Control,
    identity::{ClientKey, Invite, Name},
};

impl Client {
    pub(super) fn act(&mut self, action: Action, rng: &mut impl CryptoRng) {
        let done = match action {
            Action::SetName(name) => {
                self.name = name;
                self.store.mark(Key::Identity);
                Ok(())
            }
            Action::SetOpenToCalls(open) => {
                self.open_to_calls = open;
                self.store.mark(Key::Settings);
                Ok(())
            }
            Action::AddContact { link } => self.add_contact(&link),
            Action::RenameContact { contact, name } => self.rename(contact, name),
            Action::RemoveContact(contact) => self.remove(contact),
            Action::Call(contact) => self.call(contact),
            Action::CancelCall(contact) | Action::EndConversation(contact) => {
                self.hang_up(contact, Control::End)
            }
            Action::Accept(contact) => self.accept(contact),
            Action::Decline(contact) => self.hang_up(contact, Control::Decline),
            Action::SendText { contact, text } => self.send_text(contact, text, rng),
            Action::CancelText { contact, message } => self.cancel_text(contact, message),
            Action::MarkRead(contact) => self.mark_read(contact),
            Action::DismissNotice(id) => {
                self.notices.dismiss(id);
                Ok(())
            }
        };
        if let Err(notice) = done {
            self.notify(notice);
        }
    }

    fn contact_mut(&mut self, key: ClientKey) -> Result<&mut Person, Notice> {
        let person = self
            .people
            .get_mut(&key)
            .filter(|person| !person.is_stranger());
        person.ok_or(Notice::Gone)
    }

    fn has_room_for_contact(&self) -> Result<(), Notice> {
        let contacts = self
            .people
            .values()
            .filter(|person| !person.is_stranger())
            .count();
        if contacts < MAX_CONTACTS {
            Ok(())
        } else {
            Err(Notice::ContactsFull)
        }
    }

    fn add_contact(&mut self, link: &str) -> Result<(), Notice> {
        let realm = self.deployment.realm();
        let Invite { key, name } = Invite::from_link(link, &realm).map_err(Notice::BadInvite)?;
        if key == self.own {
            return Err(Notice::OwnInvite);
        }
        if let Ok(person) = self.contact_mut(key) {
            let name = person.name.clone();
            return Err(Notice::KnownContact { contact: key, name });
        }
        self.has_room_for_contact()?;
        // A stranger who calls right now becomes a contact under the link's name.
        let person = self
            .people
            .entry(key)
            .or_insert_with(|| Person::contact(name.clone()));
        (person.kind, person.name) = (Kind::Contact, name);
        self.store.mark(Key::Contact(key));
        Ok(())
    }

    fn rename(&mut self, contact: ClientKey, name: Name) -> Result<(), Notice> {
        self.contact_mut(contact)?.name = name;
        self.store.mark(Key::Contact(contact));
        Ok(())
    }

    fn remove(&mut self, contact: ClientKey) -> Result<(), Notice> {
        let person = self.contact_mut(contact)?;
        let history = core::mem::take(&mut person.history);
        // Whoever is left in the middle of a conversation is told before they are forgotten.
        person.kind = Kind::Stranger;
        let keep = person.conversation.is_some();
        for message in history.iter() {
            self.store.mark(Key::Message(contact, message.view.number));
        }
        if keep {
            self.leave(contact, Control::End, EndReason::ByUs);
        } else {
            self.people.remove(&contact);
            self.store.mark(Key::Contact(contact));
        }
        Ok(())
    }

    fn call(&mut self, contact: ClientKey) -> Result<(), Notice> {
        let conversation = self.contact_mut(contact)?.conversation.as_ref();
        if let Some(conversation) = conversation.filter(|it| it.is_active()) {
            if conversation.is_incoming() {
                return self.accept(contact);
            }
            if conversation.phase != Phase::Incoming {
                return Ok(());
            }
            // A match whose caller never showed: they may have given up in that very round.
            self.drop_conversation(contact);
        }
        let (free, slots, now) = (self.free_slots(), self.slots(), self.now);
        let person = self.contact_mut(contact)?;
        if person.dialing.is_none() {
            if free == 0 {
                return Err(Notice::SlotsFull { slots });
            }
            person.dialing = Some(Dialing {
                attempts: 0,
                since: now,
            });
            person.ended = None;
            self.store.mark(Key::Contact(contact));
        }
        Ok(())
    }

    fn accept(&mut self, contact: ClientKey) -> Result<(), Notice> {
        let stranger = self.people.get(&contact).is_some_and(Person::is_stranger);
        if stranger {
            self.has_room_for_contact()?;
        }
        let batch = self.store.batch();
        let person = self.people.get_mut(&contact).ok_or(Notice::Gone)?;
        let incoming = person
            .conversation
            .as_mut()
            .filter(|it| it.phase == Phase::Incoming);
        incoming.ok_or(Notice::Gone)?.enter(Phase::Talking, batch);
        person.kind = Kind::Contact;
        person.ended = None;
        person.dialing = None;
        self.store.mark(Key::Contact(contact));
        self.store.mark(Key::Session(contact));
        Ok(())
    }

    fn hang_up(&mut self, contact: ClientKey, control: Control) -> Result<(), Notice> {
        let person = self.people.get(&contact).ok_or(Notice::Gone)?;
        let active = person.conversation.as_ref().filter(|it| it.is_active());
        if active.is_none() && person.dialing.is_none() {
            return Err(Notice::Gone);
        }
        // Only a call that still rings can be declined.
        let rings = active.is_some_and(|it| it.phase == Phase::Incoming);
        let control = if rings { Control::Decline } else { control };
        self.leave(contact, control, EndReason::ByUs);
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
        let (now, id) = (self.now, rng.next_u64());
        let person = self.contact_mut(contact)?;
        if text.trim().is_empty() {
            return Ok(());
        }
        if person.history.waiting() >= MAX_QUEUED_TEXTS {
            return Err(Notice::QueueFull {
                contact,
                name: person.name.clone(),
            });
        }
        let number = person.history.queue(id, text, now);
        self.store.mark(Key::Message(contact, number));
        self.store.mark(Key::Contact(contact));
        self.trim_history(contact);
        Ok(())
    }

    fn cancel_text(&mut self, contact: ClientKey, number: MessageNumber) -> Result<(), Notice> {
        let person = self.contact_mut(contact)?;
        let message = person.history.get(number).ok_or(Notice::Gone)?;
        let (id, release) = (message.id, message.release);
        match message.status() {
            Some(SendStatus::Queued { .. }) if release != Release::Earlier => {}
            _ => return Err(Notice::TooLateToCancel),
        }
        if let Some(conversation) = &mut person.conversation {
            conversation
                .delivery
                .cancel(id)
                .map_err(|_| Notice::TooLateToCancel)?;
        }
        self.set_status(contact, id, SendStatus::Cancelled);
        Ok(())
    }

    fn mark_read(&mut self, contact: ClientKey) -> Result<(), Notice> {
        let history = &mut self.contact_mut(contact)?.history;
        if history.unread() > 0 {
            history.read_upto = history.next;
            self.store.mark(Key::Contact(contact));
        }
        Ok(())
    }

    pub(super) fn set_status(&mut self, contact: ClientKey, id: u64, status: SendStatus) {
        let Some(person) = self.people.get_mut(&contact) else {
            return;
        };
        if let Some(number) = person.history.set_status(id, status) {
            self.store.mark(Key::Message(contact, number));
        }
    }

    pub(super) fn trim_history(&mut self, contact: ClientKey) {
        let Some(person) = self.people.get_mut(&contact) else {
            return;
        };
        while let Some(number) = person.history.trim() {
            self.store.mark(Key::Message(contact, number));
        }
    }
}
