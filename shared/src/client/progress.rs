//! What packets bring, and how pairs and people go.

use super::{
    Client, EndReason, Notice, SendStatus,
    calling::{Answering, Theirs},
    farewell::Farewell,
    person::{Pair, Person},
    stored::{Key, Stored},
};
use crate::{
    delivery::{Item, Progress},
    identity::ClientKey,
    session::OVERHEAD_BYTES,
};

/// Bytes of a packet and an item beyond the piece in it.
const PACKET_HEADER_BYTES: usize = 28;

impl Client {
    /// Returns the bytes of a piece that fits into a row alone.
    pub(super) fn piece_bytes(&self) -> usize {
        usize::from(self.deployment.message_bytes)
            .saturating_sub(OVERHEAD_BYTES + PACKET_HEADER_BYTES)
            .min(u8::MAX.into())
    }

    pub(super) fn take_progress(&mut self, peer: ClientKey, progress: Progress) {
        let wall = self.now.wall;
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        for id in progress.delivered {
            person.history.set_status(id, SendStatus::Delivered);
        }
        let mut news = false;
        for item in progress.incoming {
            match item {
                Item::Text { id, text } => news |= person.history.receive(id, text, wall),
                Item::Pass(pass) => person.card.edit().pass = Some(pass),
            }
        }
        let name = person.card.name.clone();
        if news {
            self.notify(Notice::NewMessage {
                contact: peer,
                name,
            });
        }
    }

    /// The other side removed us: the session lives on for a while, apart from the contact.
    pub(super) fn peer_left(&mut self, peer: ClientKey) {
        let now = self.moment();
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let Some(pair) = person.pair.edit().take() else {
            return;
        };
        person.outbox.hold();
        let card = person.card.edit();
        card.resume = pair.session.resume_secrets();
        card.ended = Some(EndReason::ByPeer);
        let name = card.name.clone();
        let farewell = Farewell::ended((pair.session, peer, pair.place), now);
        self.say_farewell(farewell);
        self.notify(Notice::Ended {
            contact: peer,
            name,
        });
    }

    /// The other side left a session of which we had heard nothing but have a later pair: that one
    /// stays.
    pub(super) fn answer_left(&mut self, peer: ClientKey) {
        let now = self.moment();
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let calls = person.calls.edit();
        match core::mem::take(&mut calls.theirs) {
            Theirs::Answering(answering) => {
                let Answering {
                    session,
                    place,
                    newer,
                    ..
                } = *answering;
                calls.theirs = newer.map_or(Theirs::Idle, |newer| Theirs::Ringing(Box::new(newer)));
                self.say_farewell(Farewell::ended((session, peer, place), now));
            }
            theirs => calls.theirs = theirs,
        }
    }

    /// We removed them.
    pub(super) fn leave(&mut self, peer: ClientKey, pair: Pair) {
        let farewell = Farewell::leaving((pair.session, peer, pair.place), self.moment());
        self.say_farewell(farewell);
    }

    fn say_farewell(&mut self, farewell: Farewell) {
        let last = self.farewells.last_key_value();
        let id = last.map_or(0, |(id, _)| id.saturating_add(1));
        self.farewells.insert(id, Stored::new(farewell));
    }

    pub(super) fn forget_farewell(&mut self, id: u64) {
        self.farewells.remove(&id);
        self.store.put(Key::Farewell(id), None);
    }

    /// Forgets a person with all records.
    pub(super) fn forget(&mut self, key: ClientKey) {
        if let Some(person) = self.people.remove(&key) {
            person.erase(&mut self.store, key);
        }
    }

    pub(super) fn forget_if_nobody(&mut self, key: ClientKey) {
        if self.people.get(&key).is_some_and(Person::is_nobody) {
            self.forget(key);
        }
    }
}
