//! The messages with one person. The outbox is the part of it that is not delivered.

use core::fmt;
use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    MessageKind, MessageNumber, MessageView, Millis, SendStatus,
    stored::{Key, Store, Unreadable, decode, encode},
};
use crate::{delivery::Pieces, identity::ClientKey, program::RoundId};

/// The most messages kept with one person; the oldest that are not waiting give way.
pub(super) const MAX_MESSAGES: usize = 2000;

/// The messages with one person, in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct History {
    messages: Vec<Message>,
    /// The number of the next message.
    next: MessageNumber,
    /// Messages whose records must be written, or removed if they are gone.
    changed: BTreeSet<MessageNumber>,
}

/// One message.
pub(super) struct Message {
    pub(super) view: Arc<MessageView>,
    /// By which the other side knows it again.
    pub(super) id: u64,
    /// The numbers of its pieces in the stream, while it waits there.
    pub(super) pieces: Option<Pieces>,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?}, ..)", self.view.number)
    }
}

impl Message {
    pub(super) fn status(&self) -> Option<SendStatus> {
        match self.view.kind {
            MessageKind::Received => None,
            MessageKind::Outgoing(status) => Some(status),
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(
            self.status(),
            Some(SendStatus::Queued { .. } | SendStatus::Sent { .. } | SendStatus::Held)
        )
    }
}

impl MessageNumber {
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl History {
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.iter()
    }

    /// Returns the number of the next message.
    pub(super) const fn next(&self) -> MessageNumber {
        self.next
    }

    fn index(&self, number: MessageNumber) -> Option<usize> {
        self.messages
            .binary_search_by_key(&number, |message| message.view.number)
            .ok()
    }

    pub(super) fn get(&self, number: MessageNumber) -> Option<&Message> {
        self.messages.get(self.index(number)?)
    }

    /// Returns our message that waits under that id.
    fn waiting_mut(&mut self, id: u64) -> Option<&mut Message> {
        let own = |message: &&mut Message| message.id == id && message.is_waiting();
        self.messages.iter_mut().rev().find(own)
    }

    pub(super) fn waiting(&self) -> usize {
        self.messages.iter().filter(|it| it.is_waiting()).count()
    }

    pub(super) fn unread(&self, read_upto: MessageNumber) -> usize {
        let unread = self.messages.iter().rev();
        unread
            .take_while(|message| message.view.number >= read_upto)
            .filter(|message| message.view.kind == MessageKind::Received)
            .count()
    }

    fn push(&mut self, id: u64, text: String, at: Millis, kind: MessageKind) -> MessageNumber {
        let number = self.next;
        self.next = number.next();
        self.changed.insert(number);
        let view = MessageView {
            number,
            at,
            text,
            kind,
        };
        self.messages.push(Message {
            view: view.into(),
            id,
            pieces: None,
        });
        self.trim();
        number
    }

    /// Takes a text of ours, which now waits as those pieces.
    pub(super) fn queue(&mut self, id: u64, text: String, at: Millis, pieces: Pieces) {
        let kind = MessageKind::Outgoing(SendStatus::Queued { cancellable: true });
        self.push(id, text, at, kind);
        if let Some(message) = self.messages.last_mut() {
            message.pieces = Some(pieces);
        }
    }

    /// Takes a text of theirs; `false` if it came before.
    pub(super) fn receive(&mut self, id: u64, text: String, at: Millis) -> bool {
        let known = |message: &Message| message.id == id && message.status().is_none();
        let news = !self.messages.iter().rev().any(known);
        if news {
            self.push(id, text, at, MessageKind::Received);
        }
        news
    }

    /// Notes how far a text of ours came.
    pub(super) fn set_status(&mut self, id: u64, status: SendStatus) {
        let Some(message) = self.waiting_mut(id) else {
            return;
        };
        Arc::make_mut(&mut message.view).kind = MessageKind::Outgoing(status);
        if !message.is_waiting() || status == SendStatus::Held {
            message.pieces = None;
        }
        let number = message.view.number;
        self.changed.insert(number);
    }

    /// Notes that a text waits as other pieces now.
    pub(super) fn renumber(&mut self, id: u64, pieces: Pieces) {
        if let Some(message) = self.waiting_mut(id) {
            message.pieces = Some(pieces);
            let number = message.view.number;
            self.changed.insert(number);
        }
    }

    /// Queues a text again that was held, as those pieces.
    pub(super) fn release(&mut self, id: u64, pieces: Pieces) {
        self.set_status(id, SendStatus::Queued { cancellable: true });
        if let Some(message) = self.waiting_mut(id) {
            message.pieces = Some(pieces);
        }
    }

    /// Removes the oldest message that waits for nothing, if there are too many.
    fn trim(&mut self) {
        if self.messages.len() > MAX_MESSAGES
            && let Some(index) = self.messages.iter().position(|it| !it.is_waiting())
        {
            self.changed.insert(self.messages.remove(index).view.number);
        }
    }

    /// Removes all messages.
    pub(super) fn clear(&mut self) {
        let gone = self.messages.drain(..).map(|message| message.view.number);
        self.changed.extend(gone);
    }

    /// Returns all records.
    pub(super) fn records(&self) -> impl Iterator<Item = (MessageNumber, Vec<u8>)> {
        let messages = self.messages.iter();
        messages.map(|message| (message.view.number, message.encode()))
    }

    /// Writes the records that must be.
    pub(super) fn write(&mut self, store: &mut Store, person: ClientKey) {
        for number in core::mem::take(&mut self.changed) {
            let record = self.get(number).map(Message::encode);
            store.put(Key::Message(person, number), record);
        }
    }

    /// Puts a stored message back; the caller does so in the order of the numbers.
    pub(super) fn restore(&mut self, message: Message) {
        self.next = self.next.max(message.view.number.next());
        self.messages.push(message);
    }

    /// Makes sure that no number is given out again that messages, now gone, had.
    pub(super) fn go_on_from(&mut self, next: MessageNumber) {
        self.next = self.next.max(next);
    }
}

const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct MessageRecord {
    id: u64,
    at: u64,
    text: String,
    kind: KindRecord,
    pieces: Option<Pieces>,
}

#[derive(Serialize, Deserialize)]
enum KindRecord {
    Received,
    Queued,
    Sent { round: u64 },
    Held,
    Delivered,
    Cancelled,
}

impl Message {
    fn encode(&self) -> Vec<u8> {
        let kind = match self.status() {
            None => KindRecord::Received,
            Some(SendStatus::Queued { .. }) => KindRecord::Queued,
            Some(SendStatus::Sent { round }) => KindRecord::Sent { round: round.0 },
            Some(SendStatus::Held) => KindRecord::Held,
            Some(SendStatus::Delivered) => KindRecord::Delivered,
            Some(SendStatus::Cancelled) => KindRecord::Cancelled,
        };
        let record = MessageRecord {
            id: self.id,
            at: self.view.at.0,
            text: self.view.text.clone(),
            kind,
            pieces: self.pieces,
        };
        encode(VERSION, &record)
    }

    /// Reads a record.
    pub(super) fn decode(number: MessageNumber, record: &[u8]) -> Result<Self, Unreadable> {
        let record: MessageRecord = decode(VERSION, record)?;
        // Nobody could have written or received a longer one.
        if record.text.len() > super::MAX_TEXT_BYTES || number.0 == u64::MAX {
            return Err(Unreadable::Damaged);
        }
        let outgoing = MessageKind::Outgoing;
        let kind = match record.kind {
            KindRecord::Received => MessageKind::Received,
            // It may have left before this start.
            KindRecord::Queued => outgoing(SendStatus::Queued { cancellable: false }),
            KindRecord::Sent { round } => outgoing(SendStatus::Sent {
                round: RoundId(round),
            }),
            KindRecord::Held => outgoing(SendStatus::Held),
            KindRecord::Delivered => outgoing(SendStatus::Delivered),
            KindRecord::Cancelled => outgoing(SendStatus::Cancelled),
        };
        let view = MessageView {
            number,
            at: Millis(record.at),
            text: record.text,
            kind,
        };
        let message = Self {
            view: view.into(),
            id: record.id,
            pieces: record.pieces,
        };
        let is_on_its_way = message.is_waiting() && message.status() != Some(SendStatus::Held);
        if is_on_its_way == message.pieces.is_some() {
            Ok(message)
        } else {
            Err(Unreadable::Damaged)
        }
    }
}
