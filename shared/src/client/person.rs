//! One person: a contact, or a stranger while they call.

use serde::{Deserialize, Serialize};

use super::{
    Blocked, EndReason, MessageNumber, Millis, Take, Verified,
    calling::Calls,
    history::History,
    stored::{Key, Record, Store, Stored, Unreadable, decode, encode},
};
use crate::{
    call::{MeetingSeed, Place, ResumeId},
    delivery::{Delivery, Item},
    identity::{ClientKey, Name},
    kdf::Secret,
    manifest::Realm,
    session::{Session, SessionRecord},
};

/// One person. Each part has a record of its own.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) card: Stored<Card>,
    pub(super) calls: Stored<Calls>,
    pub(super) pair: Stored<Option<Pair>>,
    /// What is on its way to them and what came of theirs; outlives pairs.
    pub(super) outbox: Delivery,
    pub(super) draft: Stored<Draft>,
    pub(super) history: History,
}

impl Person {
    pub(super) fn new(card: Card, outbox: Delivery) -> Self {
        Self {
            card: Stored::new(card),
            calls: Stored::restored(Calls::default()),
            pair: Stored::restored(None),
            outbox,
            draft: Stored::restored(Draft::default()),
            history: History::default(),
        }
    }

    pub(super) fn is_contact(&self) -> bool {
        self.card.kind == Kind::Contact
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.card.blocked == Blocked::Yes
    }

    /// Returns whether there is no reason to keep a stranger.
    pub(super) fn is_nobody(&self) -> bool {
        !self.is_contact() && self.calls.is_idle() && self.pair.is_none()
    }

    /// Returns the secret of an earlier session that has that name.
    pub(super) fn resume_secret(&self, id: &ResumeId) -> Option<Secret> {
        let session = self.pair.as_ref().map(|pair| &pair.session);
        session.and_then(|it| it.resume_secret(id)).or_else(|| {
            let named = |secret: &&Secret| ResumeId::of(secret) == *id;
            self.card.resume.iter().find(named).cloned()
        })
    }

    /// Returns the secret of an earlier session that a call names: the last in which a packet
    /// opened.
    pub(super) fn resume(&self) -> Option<Secret> {
        let session = self.pair.as_ref().map(|pair| &pair.session);
        let named = session.and_then(|it| it.resume_secret(&it.resume_id()?));
        named.or_else(|| self.card.resume.first().cloned())
    }

    /// Returns whether there was a session with this person before, even if its secrets are lost.
    pub(super) fn was_met(&self) -> bool {
        self.pair.is_some() || !self.card.resume.is_empty() || self.card.last_heard.is_some()
    }

    /// Queues what they get once the person writes to them.
    pub(super) fn pay(&mut self, pass: &Secret, piece_bytes: usize) {
        if self.card.owed == Owed::Pass {
            self.card.edit().owed = Owed::Nothing;
            self.outbox.queue(Item::Pass(pass.clone()), piece_bytes);
        }
    }

    /// Writes the records that must be.
    pub(super) fn write(&mut self, store: &mut Store, key: ClientKey) {
        if self.card.next != self.history.next() {
            self.card.edit().next = self.history.next();
        }
        self.card.write(store, Key::Contact(key));
        self.calls.write(store, Key::Call(key));
        self.pair.write(store, Key::Pair(key));
        if let Some(commit) = self.outbox.commit_with(store.batch()) {
            store.put(Key::Outbox(key), Some(encode(VERSION, &commit.record)));
            for (id, pieces) in commit.renumbered {
                self.history.renumber(id, pieces);
            }
        }
        self.draft.write(store, Key::Draft(key));
        self.history.write(store, key);
    }

    /// Gives each record to `take`.
    pub(super) fn each_record(&self, key: ClientKey, take: &mut Take<'_>) {
        take(Key::Contact(key), self.card.record());
        take(Key::Call(key), self.calls.record());
        take(Key::Pair(key), self.pair.record());
        take(
            Key::Outbox(key),
            Some(encode(VERSION, &self.outbox.to_record())),
        );
        take(Key::Draft(key), self.draft.record());
        for (number, record) in self.history.records() {
            take(Key::Message(key, number), Some(record));
        }
    }

    /// Gives each record to `take` that means something on another device.
    pub(super) fn each_lasting_record(&self, key: ClientKey, take: &mut Take<'_>) {
        let mut card = self.card.to_record();
        card.resume.clear();
        card.ring = None;
        take(Key::Contact(key), Some(encode(VERSION, &card)));
        for (number, record) in self.history.records() {
            take(Key::Message(key, number), Some(record));
        }
    }

    /// Removes all records.
    pub(super) fn erase(mut self, store: &mut Store, key: ClientKey) {
        for record in [
            Key::Contact(key),
            Key::Call(key),
            Key::Pair(key),
            Key::Outbox(key),
            Key::Draft(key),
        ] {
            store.put(record, None);
        }
        self.history.clear();
        self.history.write(store, key);
    }
}

/// Whether a person is a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Contact,
    /// Forgotten as soon as their call is over.
    Stranger,
}

/// What somebody gets once the person writes to them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Owed {
    Nothing,
    /// The pass secret: their device is new, and nobody has said yet that it is theirs.
    Pass,
}

/// What is known of a person.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) blocked: Blocked,
    pub(super) verified: Verified,
    /// The secrets of the two newest generations of the last session that is over, first the one
    /// in which a packet last opened.
    pub(super) resume: Vec<Secret>,
    /// Their pass secret, κ.
    pub(super) pass: Option<Secret>,
    /// What they get once the person writes to them again.
    pub(super) owed: Owed,
    /// Why the last call or pair is over.
    pub(super) ended: Option<EndReason>,
    pub(super) last_heard: Option<Millis>,
    /// When they last rang, until one has seen it.
    pub(super) rang: Option<Millis>,
    /// Their last ring, by which its repetitions are known.
    pub(super) ring: Option<MeetingSeed>,
    /// The number of the next message.
    pub(super) next: MessageNumber,
    /// Messages before this number are read.
    pub(super) read_upto: MessageNumber,
}

impl Card {
    pub(super) const fn new(name: Name, kind: Kind) -> Self {
        Self {
            name,
            kind,
            blocked: Blocked::No,
            verified: Verified::No,
            resume: Vec::new(),
            pass: None,
            owed: Owed::Nothing,
            ended: None,
            last_heard: None,
            rang: None,
            ring: None,
            next: MessageNumber(0),
            read_upto: MessageNumber(0),
        }
    }
}

pub(super) const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct CardRecord {
    name: String,
    kind: Kind,
    blocked: bool,
    verified: bool,
    resume: Vec<[u8; 32]>,
    pass: Option<[u8; 32]>,
    owed: Owed,
    ended: Option<EndRecord>,
    last_heard: Option<u64>,
    rang: Option<u64>,
    ring: Option<[u8; 16]>,
    next: u64,
    read_upto: u64,
}

#[derive(Serialize, Deserialize)]
enum EndRecord {
    NoAnswer,
    Missed,
    ByPeer,
    ByUs,
}

impl Record for Card {
    fn encode(&self) -> Option<Vec<u8>> {
        Some(encode(VERSION, &self.to_record()))
    }
}

impl Card {
    fn to_record(&self) -> CardRecord {
        CardRecord {
            name: self.name.as_str().to_owned(),
            kind: self.kind,
            blocked: self.blocked == Blocked::Yes,
            verified: self.verified == Verified::Yes,
            resume: self.resume.iter().map(|it| *it.as_bytes()).collect(),
            pass: self.pass.as_ref().map(|it| *it.as_bytes()),
            owed: self.owed,
            ended: self.ended.map(|reason| match reason {
                EndReason::NoAnswer => EndRecord::NoAnswer,
                EndReason::Missed => EndRecord::Missed,
                EndReason::ByPeer => EndRecord::ByPeer,
                EndReason::ByUs => EndRecord::ByUs,
            }),
            last_heard: self.last_heard.map(|at| at.0),
            rang: self.rang.map(|at| at.0),
            ring: self.ring.as_ref().map(|it| *it.as_bytes()),
            next: self.next.0,
            read_upto: self.read_upto.0,
        }
    }

    /// Reads a record.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        let record: CardRecord = decode(VERSION, record)?;
        let name = Name::new(&record.name).map_err(|_| Unreadable::Damaged)?;
        if record.resume.len() > 2 {
            return Err(Unreadable::Damaged);
        }
        Ok(Self {
            name,
            kind: record.kind,
            blocked: if record.blocked {
                Blocked::Yes
            } else {
                Blocked::No
            },
            verified: if record.verified {
                Verified::Yes
            } else {
                Verified::No
            },
            resume: record.resume.into_iter().map(Secret::from_bytes).collect(),
            pass: record.pass.map(Secret::from_bytes),
            owed: record.owed,
            ended: record.ended.map(|reason| match reason {
                EndRecord::NoAnswer => EndReason::NoAnswer,
                EndRecord::Missed => EndReason::Missed,
                EndRecord::ByPeer => EndReason::ByPeer,
                EndRecord::ByUs => EndReason::ByUs,
            }),
            last_heard: record.last_heard.map(Millis),
            rang: record.rang.map(Millis),
            ring: record.ring.map(MeetingSeed::from_bytes),
            next: MessageNumber(record.next),
            read_upto: MessageNumber(record.read_upto),
        })
    }
}

/// Two people who accepted each other.
#[derive(Debug)]
pub(super) struct Pair {
    /// Tells it from other pairs with the same person, in this start of the client.
    pub(super) number: u64,
    pub(super) session: Session,
    pub(super) place: Place,
    /// Whether the caller's first packet, an empty one, has left. What a callee hears first must
    /// be worth nothing to who answered in its name.
    pub(super) greeting: Greeting,
}

/// Whether texts may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Greeting {
    Due,
    Done,
}

#[derive(Serialize, Deserialize)]
struct PairRecord {
    session: SessionRecord,
    place: u8,
    greeting: Greeting,
}

impl Record for Option<Pair> {
    fn encode(&self) -> Option<Vec<u8>> {
        let pair = self.as_ref()?;
        let record = PairRecord {
            session: pair.session.to_record(),
            place: pair.place.code(),
            greeting: pair.greeting,
        };
        Some(encode(VERSION, &record))
    }
}

impl Pair {
    /// Reads a record of a pair of those two.
    pub(super) fn decode(
        record: &[u8],
        (realm, own, peer): (Realm, ClientKey, ClientKey),
        number: u64,
    ) -> Result<Self, Unreadable> {
        let record: PairRecord = decode(VERSION, record)?;
        let session = Session::from_record(&realm, own, peer, record.session);
        Ok(Self {
            number,
            session: session.ok_or(Unreadable::Damaged)?,
            place: Place::new(record.place).ok_or(Unreadable::Damaged)?,
            greeting: record.greeting,
        })
    }
}

/// What is being written to somebody.
#[derive(Default, PartialEq, Eq)]
pub(super) struct Draft(pub(super) String);

impl core::fmt::Debug for Draft {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Draft({} bytes)", self.0.len())
    }
}

impl Record for Draft {
    fn encode(&self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then(|| encode(VERSION, &self.0))
    }
}

impl Draft {
    /// Reads a record.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        decode(VERSION, record).map(Self)
    }
}
