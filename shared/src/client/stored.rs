//! What is stored: small records, each beside the type that it keeps, all changes of one event in
//! one batch.
//!
//! A record is a version byte and its fields in postcard. What is kept lies in a [`Stored`],
//! which gives nobody a way to change it without being written at the end of the event; only
//! [`Stored::lossy`] changes what a restart may forget.

use core::ops::Deref;

use serde::{Serialize, de::DeserializeOwned};

use super::{BatchId, Command, MessageNumber, Write};
use crate::identity::ClientKey;

/// Something of which a record is kept.
pub(super) trait Record {
    /// Returns the record; `None` where there is nothing to keep.
    fn encode(&self) -> Option<Vec<u8>>;
}

/// Why a record can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Damaged,
    /// Written by a newer version.
    Newer,
}

/// Writes a record of that version.
pub(super) fn encode(version: u8, fields: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![version];
    bytes.extend(postcard::to_allocvec(fields).expect("plain data fits into memory"));
    bytes
}

/// Reads a record whose newest version that is.
pub(super) fn decode<T: DeserializeOwned>(version: u8, record: &[u8]) -> Result<T, Unreadable> {
    match record.split_first() {
        Some((&got, fields)) if got == version => match postcard::take_from_bytes(fields) {
            Ok((record, [])) => Ok(record),
            _ => Err(Unreadable::Damaged),
        },
        Some((&got, _)) if got > version => Err(Unreadable::Newer),
        _ => Err(Unreadable::Damaged),
    }
}

/// A value and whether its record must be written.
#[derive(Debug)]
pub(super) struct Stored<T> {
    value: T,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The record says something else.
    Changed,
    /// The record is as of that batch.
    Written(BatchId),
}

impl<T: Record> Stored<T> {
    /// Takes a value that has no record yet.
    pub(super) const fn new(value: T) -> Self {
        Self {
            value,
            state: State::Changed,
        }
    }

    /// Takes a value as its record has it, or that has none and needs none.
    pub(super) const fn restored(value: T) -> Self {
        Self {
            value,
            state: State::Written(BatchId(0)),
        }
    }

    /// Gives the value to change; it is written at the end of the event.
    pub(super) const fn edit(&mut self) -> &mut T {
        self.state = State::Changed;
        &mut self.value
    }

    /// Gives the value for changes that a restart may forget.
    pub(super) const fn lossy(&mut self) -> &mut T {
        &mut self.value
    }

    /// Returns whether the value, as last edited, is safe from a restart.
    pub(super) fn is_durable(&self, stored: BatchId) -> bool {
        matches!(self.state, State::Written(batch) if batch <= stored)
    }

    /// Returns the record.
    pub(super) fn record(&self) -> Option<Vec<u8>> {
        self.value.encode()
    }

    /// Writes the record if it must be.
    pub(super) fn write(&mut self, store: &mut Store, key: Key) {
        if self.state == State::Changed {
            self.state = State::Written(store.next);
            store.put(key, self.value.encode());
        }
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Identity,
    Settings,
    Servers,
    Tasks,
    Contact(ClientKey),
    Call(ClientKey),
    Draft(ClientKey),
    Outbox(ClientKey),
    Pair(ClientKey),
    Message(ClientKey, MessageNumber),
    Farewell(u64),
}

impl Key {
    pub(super) fn to_text(self) -> String {
        let of = |kind: &str, key: ClientKey| format!("{kind}/{}", key.to_text());
        match self {
            Self::Identity => "identity".to_owned(),
            Self::Settings => "settings".to_owned(),
            Self::Servers => "servers".to_owned(),
            Self::Tasks => "tasks".to_owned(),
            Self::Contact(key) => of("contact", key),
            Self::Call(key) => of("call", key),
            Self::Draft(key) => of("draft", key),
            Self::Outbox(key) => of("outbox", key),
            Self::Pair(key) => of("pair", key),
            Self::Message(key, MessageNumber(number)) => {
                format!("{}/{number:016x}", of("message", key))
            }
            Self::Farewell(number) => format!("farewell/{number:016x}"),
        }
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let kind = parts.next()?;
        let second = parts.next();
        let person = || ClientKey::from_text(second?).ok();
        let key = match kind {
            "identity" if second.is_none() => Self::Identity,
            "settings" if second.is_none() => Self::Settings,
            "servers" if second.is_none() => Self::Servers,
            "tasks" if second.is_none() => Self::Tasks,
            "contact" => Self::Contact(person()?),
            "call" => Self::Call(person()?),
            "draft" => Self::Draft(person()?),
            "outbox" => Self::Outbox(person()?),
            "pair" => Self::Pair(person()?),
            "message" => Self::Message(person()?, MessageNumber(number(parts.next()?)?)),
            "farewell" => Self::Farewell(number(second?)?),
            _ => return None,
        };
        parts.next().is_none().then_some(key)
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| plain)
}

/// The batches under way.
#[derive(Debug)]
pub(super) struct Store {
    writes: Vec<Write>,
    next: BatchId,
    stored: BatchId,
    failing: bool,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            writes: Vec::new(),
            next: BatchId(1),
            stored: BatchId(0),
            failing: false,
        }
    }
}

impl Store {
    /// Sets a record, or removes it.
    pub(super) fn put(&mut self, key: Key, value: Option<Vec<u8>>) {
        self.put_text(key.to_text(), value);
    }

    /// Sets or removes a record whose key may be none of ours.
    pub(super) fn put_text(&mut self, key: String, value: Option<Vec<u8>>) {
        self.writes.push(match value {
            Some(value) => Write::Put { key, value },
            None => Write::Delete { key },
        });
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

    /// Returns the command that stores this event's changes, if there are any.
    pub(super) fn flush(&mut self) -> Option<Command> {
        if self.writes.is_empty() {
            return None;
        }
        let batch = self.next;
        self.next = BatchId(self.next.0.saturating_add(1));
        Some(Command::Store(batch, core::mem::take(&mut self.writes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::SecretKey;

    #[test]
    fn keys_round_trip() {
        let person = SecretKey::from_bytes([9; 32]).client_key();
        for key in [
            Key::Identity,
            Key::Settings,
            Key::Servers,
            Key::Tasks,
            Key::Contact(person),
            Key::Call(person),
            Key::Draft(person),
            Key::Outbox(person),
            Key::Pair(person),
            Key::Message(person, MessageNumber(77)),
            Key::Farewell(3),
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
            "farewell/+000000000000001",
        ] {
            assert_eq!(Key::from_text(text), None, "{text}");
        }
    }
}
