//! What is stored: small records, all changes of one event in one batch.
//!
//! A record is a version byte and its fields in postcard. Changed things are marked while an
//! event is handled and written as they are at its end, so that a batch never holds half of a
//! change.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    BatchId, Client, Command, EndReason, MessageKind, MessageNumber, MessageView, Millis,
    OpenToCalls, Record, RestoreError, SendStatus, Write,
    conversation::{Beginning, Conversation, Phase, Side},
    dialing::Dialing,
    history::{Message, Release},
    people::{Kind, Person},
};
use crate::{
    delivery::Control,
    identity::{ClientKey, Name, SecretKey},
    program::RoundId,
    session::{Session, SessionRecord},
};

const VERSION: u8 = 1;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Identity,
    Settings,
    Contact(ClientKey),
    Session(ClientKey),
    Message(ClientKey, MessageNumber),
}

impl Key {
    fn to_text(self) -> String {
        match self {
            Self::Identity => "identity".to_owned(),
            Self::Settings => "settings".to_owned(),
            Self::Contact(key) => format!("contact/{}", key.to_text()),
            Self::Session(key) => format!("session/{}", key.to_text()),
            Self::Message(key, MessageNumber(number)) => {
                format!("message/{}/{number:016x}", key.to_text())
            }
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let kind = parts.next()?;
        let person = parts.next().map(ClientKey::from_text);
        let key = match (kind, person) {
            ("identity", None) => Self::Identity,
            ("settings", None) => Self::Settings,
            ("contact", Some(Ok(key))) => Self::Contact(key),
            ("session", Some(Ok(key))) => Self::Session(key),
            ("message", Some(Ok(key))) => {
                let number = u64::from_str_radix(parts.next()?, 16).ok()?;
                Self::Message(key, MessageNumber(number))
            }
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }
}

/// The batches under way.
#[derive(Debug)]
pub(super) struct Store {
    changed: BTreeSet<Key>,
    next: BatchId,
    stored: BatchId,
    failing: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            changed: BTreeSet::new(),
            next: BatchId(1),
            stored: BatchId(0),
            failing: false,
        }
    }
}

impl Store {
    /// Notes that a record must be written, or removed if what it is about is gone.
    pub(super) fn mark(&mut self, key: Key) {
        self.changed.insert(key);
    }

    /// Returns the batch that the changes of this event will be in.
    pub(super) const fn batch(&self) -> BatchId {
        self.next
    }

    /// Returns the batch up to which all are stored.
    pub(super) const fn stored(&self) -> BatchId {
        self.stored
    }

    pub(super) const fn is_failing(&self) -> bool {
        self.failing
    }

    /// Returns whether all batches are stored.
    pub(super) const fn is_saved(&self) -> bool {
        self.stored.0.saturating_add(1) >= self.next.0
    }

    pub(super) const fn set_failing(&mut self) {
        self.failing = true;
    }

    /// Learns that a batch is stored; a number that was never given out says nothing.
    pub(super) fn set_stored(&mut self, batch: BatchId) {
        if batch < self.next {
            self.stored = self.stored.max(batch);
            self.failing = false;
        }
    }
}

#[derive(Serialize, Deserialize)]
struct IdentityRecord {
    secret: [u8; 32],
    name: String,
}

#[derive(Serialize, Deserialize)]
struct SettingsRecord {
    open_to_calls: OpenRecord,
}

#[derive(Serialize, Deserialize)]
enum OpenRecord {
    Everyone,
    Contacts,
    Nobody,
}

#[derive(Serialize, Deserialize)]
struct ContactRecord {
    name: String,
    kind: KindRecord,
    dialing: Option<(u32, u64)>,
    ended: Option<EndRecord>,
    last_heard: Option<u64>,
    next: u64,
    read_upto: u64,
}

#[derive(Serialize, Deserialize)]
enum KindRecord {
    Contact,
    Stranger,
}

#[derive(Serialize, Deserialize)]
enum EndRecord {
    Declined,
    NoAnswer,
    Missed,
    ByPeer,
    ByUs,
}

#[derive(Serialize, Deserialize)]
struct ConversationRecord {
    session: SessionRecord,
    calls: bool,
    phase: PhaseRecord,
    since: u64,
}

#[derive(Serialize, Deserialize)]
enum PhaseRecord {
    Ringing,
    Incoming,
    Talking,
    Declining,
    Ending,
    Left,
}

#[derive(Serialize, Deserialize)]
struct MessageRecord {
    id: u64,
    at: u64,
    text: String,
    kind: MessageKindRecord,
}

#[derive(Serialize, Deserialize)]
enum MessageKindRecord {
    Received,
    Held,
    Released,
    Sent { round: u64 },
    Delivered,
    Cancelled,
}

fn encode(record: &impl Serialize) -> Vec<u8> {
    let fields = postcard::to_allocvec(record).expect("records are plain data");
    [&[VERSION][..], &fields].concat()
}

enum Unreadable {
    Damaged,
    Newer,
}

fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, Unreadable> {
    match value.split_first() {
        Some((&VERSION, fields)) => match postcard::take_from_bytes(fields) {
            Ok((record, [])) => Ok(record),
            _ => Err(Unreadable::Damaged),
        },
        Some((&version, _)) if version > VERSION => Err(Unreadable::Newer),
        _ => Err(Unreadable::Damaged),
    }
}

impl Client {
    /// Writes everything that was marked.
    pub(super) fn flush(&mut self) {
        let changed = core::mem::take(&mut self.store.changed);
        if changed.is_empty() {
            return;
        }
        let write = |key: Key| match self.encode_record(key) {
            Some(value) => Write::Put {
                key: key.to_text(),
                value,
            },
            None => Write::Delete { key: key.to_text() },
        };
        let writes = changed.into_iter().map(write).collect();
        self.out.push(Command::Store(self.store.next, writes));
        self.store.next = BatchId(self.store.next.0.saturating_add(1));
    }

    fn encode_record(&self, key: Key) -> Option<Vec<u8>> {
        let person = |key| self.people.get(&key);
        Some(match key {
            Key::Identity => encode(&IdentityRecord {
                secret: *self.secret.as_bytes(),
                name: self.name.as_str().to_owned(),
            }),
            Key::Settings => encode(&SettingsRecord {
                open_to_calls: self.open_to_calls.into(),
            }),
            Key::Contact(key) => encode(&ContactRecord::of(person(key)?)),
            Key::Session(key) => {
                encode(&ConversationRecord::of(person(key)?.conversation.as_ref()?))
            }
            Key::Message(key, number) => {
                encode(&MessageRecord::of(person(key)?.history.get(number)?))
            }
        })
    }

    /// Reads the identity first: nothing works without it.
    pub(super) fn read_identity(records: &[Record]) -> Result<(SecretKey, Name), RestoreError> {
        let identity = records.iter().find(|record| record.key == "identity");
        let record = identity.ok_or(RestoreError::NoIdentity)?;
        let record: IdentityRecord =
            decode(&record.value).map_err(|unreadable| match unreadable {
                Unreadable::Damaged => RestoreError::DamagedIdentity,
                Unreadable::Newer => RestoreError::Newer,
            })?;
        let name = Name::new(&record.name).map_err(|_| RestoreError::DamagedIdentity)?;
        Ok((SecretKey::from_bytes(record.secret), name))
    }

    /// Takes all other records back; returns how many could not be read.
    pub(super) fn read_records(&mut self, mut records: Vec<Record>) -> Result<usize, RestoreError> {
        // Contacts before what belongs to them; all else in the order of the keys.
        records.sort_by(|a, b| a.key.cmp(&b.key));
        let mut damaged = 0;
        for Record { key, value } in records {
            let read = match Key::from_text(&key) {
                Some(Key::Identity) => continue,
                Some(key) => self.read_record(key, &value),
                None => Err(Unreadable::Damaged),
            };
            match read {
                Ok(()) => {}
                Err(Unreadable::Damaged) => damaged += 1,
                Err(Unreadable::Newer) => return Err(RestoreError::Newer),
            }
        }
        for person in self.people.values_mut() {
            person.history.sort();
        }
        self.people
            .retain(|_, person| !person.is_stranger() || person.conversation.is_some());
        Ok(damaged)
    }

    fn read_record(&mut self, key: Key, value: &[u8]) -> Result<(), Unreadable> {
        match key {
            Key::Identity => {}
            Key::Settings => {
                self.open_to_calls = decode::<SettingsRecord>(value)?.open_to_calls.into();
            }
            Key::Contact(key) => {
                let person = decode::<ContactRecord>(value)?.into_person();
                let person = person
                    .filter(|_| key != self.own && self.people.len() < 2 * super::MAX_CONTACTS);
                self.people.insert(key, person.ok_or(Unreadable::Damaged)?);
            }
            Key::Message(key, number) => {
                let message = decode::<MessageRecord>(value)?.into_message(number);
                let person = self.people.get_mut(&key).ok_or(Unreadable::Damaged)?;
                person.history.restore(message);
            }
            Key::Session(key) => {
                let record = decode(value)?;
                let conversation = self
                    .read_conversation(key, record)
                    .ok_or(Unreadable::Damaged)?;
                let person = self.people.get_mut(&key).ok_or(Unreadable::Damaged)?;
                person.conversation = Some(conversation);
            }
        }
        Ok(())
    }

    fn read_conversation(
        &mut self,
        peer: ClientKey,
        record: ConversationRecord,
    ) -> Option<Conversation> {
        let taken = self
            .people
            .values()
            .filter(|person| person.conversation.is_some())
            .count();
        if taken >= self.slots() {
            return None;
        }
        self.conversation_count += 1;
        let beginning = Beginning {
            number: self.conversation_count,
            session: Session::from_record(self.own, peer, record.session)?,
            side: if record.calls {
                Side::Caller
            } else {
                Side::Callee
            },
            phase: record.phase.into(),
            durable_with: BatchId(0),
            since: Millis(record.since),
        };
        Some(Conversation::new(
            beginning,
            self.epoch,
            self.packet_bytes(),
        ))
    }
}

impl ContactRecord {
    fn of(person: &Person) -> Self {
        Self {
            name: person.name.as_str().to_owned(),
            kind: match person.kind {
                Kind::Contact => KindRecord::Contact,
                Kind::Stranger => KindRecord::Stranger,
            },
            dialing: person
                .dialing
                .map(|dialing| (dialing.attempts, dialing.since.0)),
            ended: person.ended.map(EndRecord::from),
            last_heard: person.last_heard.map(|at| at.0),
            next: person.history.next.0,
            read_upto: person.history.read_upto.0,
        }
    }

    fn into_person(self) -> Option<Person> {
        let name = Name::new(&self.name).ok()?;
        let mut person = match self.kind {
            KindRecord::Contact => Person::contact(name),
            KindRecord::Stranger => Person::stranger(name),
        };
        person.dialing = self.dialing.map(|(attempts, since)| Dialing {
            attempts,
            since: Millis(since),
        });
        person.ended = self.ended.map(EndReason::from);
        person.last_heard = self.last_heard.map(Millis);
        person.history.next = MessageNumber(self.next);
        person.history.read_upto = MessageNumber(self.read_upto);
        Some(person)
    }
}

impl ConversationRecord {
    fn of(conversation: &Conversation) -> Self {
        Self {
            session: conversation.session.to_record(),
            calls: conversation.side == Side::Caller,
            phase: conversation.phase.into(),
            since: conversation.since.0,
        }
    }
}

impl MessageRecord {
    fn of(message: &Message) -> Self {
        Self {
            id: message.id,
            at: message.view.at.0,
            text: message.view.text.clone(),
            kind: match message.status() {
                None => MessageKindRecord::Received,
                Some(SendStatus::Queued { .. }) if message.release == Release::Held => {
                    MessageKindRecord::Held
                }
                Some(SendStatus::Queued { .. }) => MessageKindRecord::Released,
                Some(SendStatus::Sent { round }) => MessageKindRecord::Sent { round: round.0 },
                Some(SendStatus::Delivered) => MessageKindRecord::Delivered,
                Some(SendStatus::Cancelled) => MessageKindRecord::Cancelled,
            },
        }
    }

    fn into_message(self, number: MessageNumber) -> Message {
        let queued = |cancellable| MessageKind::Outgoing(SendStatus::Queued { cancellable });
        let (kind, release) = match self.kind {
            MessageKindRecord::Received => (MessageKind::Received, Release::Earlier),
            MessageKindRecord::Held => (queued(true), Release::Held),
            MessageKindRecord::Released => (queued(false), Release::Earlier),
            MessageKindRecord::Sent { round } => {
                let status = SendStatus::Sent {
                    round: RoundId(round),
                };
                (MessageKind::Outgoing(status), Release::Earlier)
            }
            MessageKindRecord::Delivered => (
                MessageKind::Outgoing(SendStatus::Delivered),
                Release::Earlier,
            ),
            MessageKindRecord::Cancelled => (
                MessageKind::Outgoing(SendStatus::Cancelled),
                Release::Earlier,
            ),
        };
        let view = MessageView {
            number,
            at: Millis(self.at),
            text: self.text,
            kind,
        };
        Message {
            view: view.into(),
            id: self.id,
            release,
        }
    }
}

impl From<OpenToCalls> for OpenRecord {
    fn from(open: OpenToCalls) -> Self {
        match open {
            OpenToCalls::Everyone => Self::Everyone,
            OpenToCalls::Contacts => Self::Contacts,
            OpenToCalls::Nobody => Self::Nobody,
        }
    }
}

impl From<OpenRecord> for OpenToCalls {
    fn from(open: OpenRecord) -> Self {
        match open {
            OpenRecord::Everyone => Self::Everyone,
            OpenRecord::Contacts => Self::Contacts,
            OpenRecord::Nobody => Self::Nobody,
        }
    }
}

impl From<EndReason> for EndRecord {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::Declined => Self::Declined,
            EndReason::NoAnswer => Self::NoAnswer,
            EndReason::Missed => Self::Missed,
            EndReason::ByPeer => Self::ByPeer,
            EndReason::ByUs => Self::ByUs,
        }
    }
}

impl From<EndRecord> for EndReason {
    fn from(reason: EndRecord) -> Self {
        match reason {
            EndRecord::Declined => Self::Declined,
            EndRecord::NoAnswer => Self::NoAnswer,
            EndRecord::Missed => Self::Missed,
            EndRecord::ByPeer => Self::ByPeer,
            EndRecord::ByUs => Self::ByUs,
        }
    }
}

impl From<Phase> for PhaseRecord {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Ringing => Self::Ringing,
            Phase::Incoming => Self::Incoming,
            Phase::Talking => Self::Talking,
            Phase::Leaving(Control::Decline) => Self::Declining,
            Phase::Leaving(Control::End | Control::Accept) => Self::Ending,
            Phase::Left => Self::Left,
        }
    }
}

impl From<PhaseRecord> for Phase {
    fn from(phase: PhaseRecord) -> Self {
        match phase {
            PhaseRecord::Ringing => Self::Ringing,
            PhaseRecord::Incoming => Self::Incoming,
            PhaseRecord::Talking => Self::Talking,
            PhaseRecord::Declining => Self::Leaving(Control::Decline),
            PhaseRecord::Ending => Self::Leaving(Control::End),
            PhaseRecord::Left => Self::Left,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Client, Key, Record, RestoreError};
    use crate::{
        client::{Action, Command, Millis, Write},
        identity::{Name, SecretKey},
        manifest::tests::demo,
    };
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    fn stored() -> Vec<Record> {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut client = Client::create(demo(), Name::new("Ada").unwrap(), &mut rng);
        let mut records = Vec::new();
        for command in client.start(Millis(0), &mut rng) {
            if let Command::Store(_, writes) = command {
                for write in writes {
                    let Write::Put { key, value } = write else {
                        panic!("nothing to remove")
                    };
                    records.push(Record { key, value });
                }
            }
        }
        records
    }

    #[test]
    fn keys_round_trip() {
        let person = SecretKey::from_bytes([9; 32]).client_key();
        let number = crate::client::MessageNumber(77);
        for key in [
            Key::Identity,
            Key::Settings,
            Key::Contact(person),
            Key::Session(person),
            Key::Message(person, number),
        ] {
            assert_eq!(Key::from_text(&key.to_text()), Some(key));
        }
        for text in [
            "",
            "identity/",
            "contact",
            "contact/x",
            "message/",
            "settings/x",
        ] {
            assert_eq!(Key::from_text(text), None, "{text}");
        }
    }

    /// Neither the client nor what it hands out shows a secret or a word in `{:?}`.
    #[test]
    fn debug_hides_secrets_and_words() {
        let mut rng = ChaCha12Rng::seed_from_u64(4);
        let mut client = Client::create(demo(), Name::new("Ada").unwrap(), &mut rng);
        let started = format!("{:?}", client.start(Millis(0), &mut rng));
        let link = client.view().own.to_link("x", &client.deployment.realm());
        let text = Action::SendText {
            contact: client.view().own.key,
            text: "psst".into(),
        };
        let add = Action::AddContact { link };
        let shown = format!("{client:?} {:?} {started} {text:?} {add:?}", client.secret);
        let secret = client.secret.as_bytes();
        for hidden in [
            format!("{:?}", &secret[..8]).as_str(),
            &secret.map(|b| format!("{b:02x}")).concat(),
            "psst",
            "invite",
        ] {
            let hidden = hidden.trim_matches(['[', ']']);
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert!(started.contains("Put("), "{started}");
    }

    #[test]
    fn an_identity_comes_back() {
        let mut rng = ChaCha12Rng::seed_from_u64(2);
        let client = Client::restore(demo(), stored(), &mut rng).unwrap();
        assert_eq!(client.view().own.name.as_str(), "Ada");
        let none = Client::restore(demo(), Vec::new(), &mut rng).unwrap_err();
        assert_eq!(none, RestoreError::NoIdentity);
    }

    #[test]
    fn newer_and_damaged_identities_are_told_apart() {
        let mut rng = ChaCha12Rng::seed_from_u64(3);
        let mut with = |value: Vec<u8>| {
            let records = vec![Record {
                key: "identity".into(),
                value,
            }];
            Client::restore(demo(), records, &mut rng)
                .map(drop)
                .unwrap_err()
        };
        assert_eq!(with(vec![2, 1]), RestoreError::Newer);
        assert_eq!(with(vec![1, 1]), RestoreError::DamagedIdentity);
        assert_eq!(with(Vec::new()), RestoreError::DamagedIdentity);
    }

    proptest! {
        #[test]
        fn any_records_are_survived(values: Vec<(u8, Vec<u8>)>, seed: u64) {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let person = SecretKey::from_bytes([9; 32]).client_key();
            let number = crate::client::MessageNumber(7);
            let mut records = stored();
            for (kind, mut value) in values {
                value.insert(0, 1);
                let key = match kind % 5 {
                    0 => Key::Settings.to_text(),
                    1 => Key::Contact(person).to_text(),
                    2 => Key::Session(person).to_text(),
                    3 => Key::Message(person, number).to_text(),
                    _ => "something/else".to_owned(),
                };
                records.push(Record { key, value });
            }
            let client = Client::restore(demo(), records, &mut rng);
            prop_assert!(client.is_ok());
        }
    }
}
