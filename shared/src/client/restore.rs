//! Makes a client of what it stored. What can't be read is set aside and reported.

use std::collections::BTreeMap;

use rand_core::CryptoRng;

use super::{
    Client, MAX_CONTACTS, MessageNumber, Notice, Record, RestoreError,
    calling::{Between, Calls, Own, Theirs},
    farewell::Farewell,
    history::{History, Message},
    moment::Moment,
    person::{Card, Draft, Pair, Person},
    settings::{KnownServers, Profile, Settings, Tasks},
    stored::{Key, Stored, Unreadable, decode},
};
use crate::{
    delivery::{Delivery, DeliveryRecord, Item},
    identity::ClientKey,
    manifest::Deployment,
};

/// What a record that was set aside is called.
const ASIDE: &str = "aside/";
/// Records that are set aside at most; the rest is dropped.
const MAX_ASIDE: usize = 100;
/// Farewells that are read at most.
const MAX_FAREWELLS: usize = 2 * MAX_CONTACTS;

/// The records of one person, as far as they could be read.
#[derive(Default)]
struct Parts {
    card: Option<Card>,
    calls: Option<Calls>,
    draft: Option<Draft>,
    outbox: Option<DeliveryRecord>,
    pair: Option<Pair>,
    messages: Vec<Message>,
}

impl Client {
    /// Makes a client from what it stored, in any order.
    ///
    /// # Errors
    /// Fails without a readable identity; other damaged records are set aside with a notice.
    pub fn restore(
        deployment: Deployment,
        records: Vec<Record>,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, RestoreError> {
        let identity = records.iter().find(|record| record.key == "identity");
        let identity = identity.ok_or(if records.is_empty() {
            RestoreError::NoIdentity
        } else {
            RestoreError::DamagedIdentity
        })?;
        let profile = Profile::decode(&identity.value).map_err(|unreadable| match unreadable {
            Unreadable::Damaged => RestoreError::DamagedIdentity,
            Unreadable::Newer => RestoreError::Newer,
        })?;
        let mut client = Self::empty(deployment, Stored::restored(profile), rng);
        client.read_records(records, rng)?;
        Ok(client)
    }

    fn read_records(
        &mut self,
        mut records: Vec<Record>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), RestoreError> {
        // In the order of the keys, which is that of messages.
        records.sort_by(|a, b| a.key.cmp(&b.key));
        let mut people: BTreeMap<ClientKey, Parts> = BTreeMap::new();
        let mut aside = Vec::new();
        for record in records {
            if record.key.starts_with(ASIDE) {
                continue;
            }
            match self.read_record(&record, &mut people) {
                Ok(()) => {}
                Err(Unreadable::Newer) => return Err(RestoreError::Newer),
                Err(Unreadable::Damaged) => aside.push(record),
            }
        }
        for (key, parts) in people {
            self.take_person(key, parts, rng);
        }
        if !aside.is_empty() {
            self.notify(Notice::RecordsDamaged { count: aside.len() });
        }
        for (index, record) in aside.into_iter().enumerate() {
            if index < MAX_ASIDE {
                let aside = format!("{ASIDE}{}", record.key);
                self.store.put_text(aside, Some(record.value));
            }
            self.store.put_text(record.key, None);
        }
        Ok(())
    }

    fn read_record(
        &mut self,
        Record { key, value }: &Record,
        people: &mut BTreeMap<ClientKey, Parts>,
    ) -> Result<(), Unreadable> {
        let key = Key::from_text(key).ok_or(Unreadable::Damaged)?;
        let own = self.own;
        match key {
            Key::Identity => {}
            Key::Settings => self.settings = Stored::restored(Settings::decode(value)?),
            Key::Servers => self.known_servers = Stored::restored(KnownServers::decode(value)?),
            Key::Tasks => self.tasks = Stored::restored(Tasks::decode(value)?),
            Key::Farewell(id) => {
                let farewell = Farewell::decode(value, self.realm, own)?;
                if self.farewells.len() >= MAX_FAREWELLS {
                    return Err(Unreadable::Damaged);
                }
                self.farewells.insert(id, Stored::restored(farewell));
            }
            Key::Contact(key) => parts_of(people, own, key)?.card = Some(Card::decode(value)?),
            Key::Draft(key) => parts_of(people, own, key)?.draft = Some(Draft::decode(value)?),
            Key::Outbox(key) => {
                parts_of(people, own, key)?.outbox = Some(decode(super::person::VERSION, value)?);
            }
            Key::Call(key) => {
                let between = Between {
                    secret: &self.profile.secret,
                    realm: &self.realm,
                    own,
                    peer: key,
                    message_bytes: self.deployment.message_bytes.into(),
                };
                parts_of(people, own, key)?.calls = Some(Calls::decode(value, between)?);
            }
            Key::Pair(key) => {
                self.pairs += 1;
                let pair = Pair::decode(value, (self.realm, own, key), self.pairs)?;
                parts_of(people, own, key)?.pair = Some(pair);
            }
            Key::Message(key, number) => {
                let message = Message::decode(number, value)?;
                parts_of(people, own, key)?.messages.push(message);
            }
        }
        Ok(())
    }

    /// Puts a person together. Without a card there is none: records without an owner go.
    fn take_person(&mut self, key: ClientKey, parts: Parts, rng: &mut impl CryptoRng) {
        let Parts {
            card,
            calls,
            draft,
            outbox,
            pair,
            messages,
        } = parts;
        let mut history = History::default();
        history.go_on_from(card.as_ref().map_or(MessageNumber(0), |card| card.next));
        for message in messages {
            history.restore(message);
        }
        let outbox = restore_outbox(outbox, &mut history, self.piece_bytes(), rng);
        let calls = calls.unwrap_or_default();
        for moment in moments(&calls) {
            self.rounds.restore(moment);
        }
        let lost = card.is_none();
        let name = crate::identity::Name::new("Damaged contact").expect("a name");
        let card = card.unwrap_or_else(|| Card::new(name, super::person::Kind::Contact));
        let person = Person {
            card: if lost {
                Stored::new(card)
            } else {
                Stored::restored(card)
            },
            calls: Stored::restored(calls),
            pair: Stored::restored(pair),
            outbox,
            draft: Stored::restored(draft.unwrap_or_default()),
            history,
        };
        let keeps = !lost || person.history.iter().next().is_some() || person.pair.is_some();
        if keeps && !person.is_nobody() {
            self.people.insert(key, person);
        } else {
            person.erase(&mut self.store, key);
        }
    }
}

/// Returns the records of a person; nobody is a contact of oneself.
fn parts_of(
    people: &mut BTreeMap<ClientKey, Parts>,
    own: ClientKey,
    person: ClientKey,
) -> Result<&mut Parts, Unreadable> {
    let room = people.contains_key(&person) || people.len() < 2 * MAX_CONTACTS;
    if room && person != own {
        Ok(people.entry(person).or_default())
    } else {
        Err(Unreadable::Damaged)
    }
}

/// Returns when what is under way began: rounds have come at least so far.
fn moments(calls: &Calls) -> Vec<Moment> {
    let own = match &calls.own {
        Own::Calling(call) => Some(call.began),
        Own::Withdrawing { since, .. } => Some(*since),
        Own::Idle | Own::Waiting { .. } => None,
    };
    let theirs = match &calls.theirs {
        Theirs::Ringing(incoming) => Some(incoming.last),
        Theirs::Answering(answering) => Some(answering.since),
        Theirs::Idle => None,
    };
    own.into_iter().chain(theirs).collect()
}

/// Goes on with what was on its way; all of it under new numbers where they were lost.
fn restore_outbox(
    record: Option<DeliveryRecord>,
    history: &mut History,
    piece_bytes: usize,
    rng: &mut impl CryptoRng,
) -> Delivery {
    let waiting = history.iter().filter(|message| message.pieces.is_some());
    let waiting = waiting.filter_map(|message| {
        let item = Item::Text {
            id: message.id,
            text: message.view.text.clone(),
        };
        Some((message.id, item, message.pieces?))
    });
    let waiting: Vec<_> = waiting.collect();
    if let Some(record) = record {
        let items = waiting.into_iter().map(|(_, item, pieces)| (item, pieces));
        return Delivery::restore(record, items.collect(), rng);
    }
    let mut outbox = Delivery::new(rng);
    for (id, item, _) in waiting {
        history.renumber(id, outbox.queue(item, piece_bytes));
    }
    outbox
}
