//! The messages with one person. The outbox is the part of it that is not delivered.

use core::fmt;
use std::sync::Arc;

use super::{BatchId, MessageKind, MessageNumber, MessageView, Millis, SendStatus};
use crate::delivery::Item;

/// The most messages kept with one person; the oldest that are not waiting give way.
pub(super) const MAX_MESSAGES: usize = 2000;

/// The messages with one person, in order of their numbers.
#[derive(Debug, Default)]
pub(super) struct History {
    messages: Vec<Message>,
    /// The number of the next message.
    pub(super) next: MessageNumber,
    /// Messages before this number are read.
    pub(super) read_upto: MessageNumber,
}

/// One message.
pub(super) struct Message {
    pub(super) view: Arc<MessageView>,
    /// By which the other side knows it again.
    pub(super) id: u64,
    /// Whether it may leave.
    pub(super) release: Release,
}

/// Whether a message may leave. Nothing leaves before it is stored as leaving, so what is not
/// stored so has not left, even after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// It waits for a conversation.
    Held,
    /// It may leave once that batch is stored.
    With(BatchId),
    /// It may have left before this start.
    Earlier,
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

    fn is_waiting(&self) -> bool {
        matches!(
            self.status(),
            Some(SendStatus::Queued { .. } | SendStatus::Sent { .. })
        )
    }

    fn set_status(&mut self, status: SendStatus) {
        Arc::make_mut(&mut self.view).kind = MessageKind::Outgoing(status);
    }
}

impl MessageNumber {
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl History {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    pub(super) fn get(&self, number: MessageNumber) -> Option<&Message> {
        let index = self
            .messages
            .binary_search_by_key(&number, |message| message.view.number);
        self.messages.get(index.ok()?)
    }

    /// Puts a stored message back; the caller does so in any order and then calls [`Self::sort`].
    pub(super) fn restore(&mut self, message: Message) {
        self.next = self.next.max(message.view.number.next());
        self.messages.push(message);
    }

    pub(super) fn sort(&mut self) {
        self.messages.sort_by_key(|message| message.view.number);
        self.messages.dedup_by_key(|message| message.view.number);
    }

    pub(super) fn waiting(&self) -> usize {
        self.messages
            .iter()
            .filter(|message| message.is_waiting())
            .count()
    }

    pub(super) fn unread(&self) -> usize {
        let unread = |message: &&Message| {
            message.view.number >= self.read_upto && message.view.kind == MessageKind::Received
        };
        self.messages
            .iter()
            .rev()
            .take_while(|m| m.view.number >= self.read_upto)
            .filter(unread)
            .count()
    }

    fn push(&mut self, id: u64, text: String, at: Millis, kind: MessageKind) -> MessageNumber {
        let number = self.next;
        self.next = number.next();
        let view = Arc::new(MessageView {
            number,
            at,
            text,
            kind,
        });
        self.messages.push(Message {
            view,
            id,
            release: Release::Held,
        });
        number
    }

    /// Queues a text of ours.
    pub(super) fn queue(&mut self, id: u64, text: String, at: Millis) -> MessageNumber {
        let status = SendStatus::Queued { cancellable: true };
        self.push(id, text, at, MessageKind::Outgoing(status))
    }

    /// Takes a text of theirs; `None` if it came before.
    pub(super) fn receive(&mut self, id: u64, text: String, at: Millis) -> Option<MessageNumber> {
        let known = self
            .messages
            .iter()
            .rev()
            .any(|message| message.id == id && message.status().is_none());
        (!known).then(|| self.push(id, text, at, MessageKind::Received))
    }

    /// Lets all texts leave that wait for a conversation; returns those that must be stored.
    pub(super) fn release(&mut self, batch: BatchId) -> Vec<MessageNumber> {
        let mut released = Vec::new();
        for message in &mut self.messages {
            if message.is_waiting() && message.release == Release::Held {
                message.release = Release::With(batch);
                released.push(message.view.number);
            }
        }
        released
    }

    /// Returns the first text from that number on, if its storing is done.
    pub(super) fn ready_from(
        &self,
        from: MessageNumber,
        stored: BatchId,
    ) -> Option<(MessageNumber, Item)> {
        let start = self
            .messages
            .partition_point(|message| message.view.number < from);
        let message = self
            .messages
            .iter()
            .skip(start)
            .find(|message| message.is_waiting())?;
        let ready = match message.release {
            Release::Held => false,
            Release::With(batch) => batch <= stored,
            Release::Earlier => true,
        };
        let item = || Item::Text {
            id: message.id,
            text: message.view.text.clone(),
        };
        ready.then(|| (message.view.number, item()))
    }

    /// Notes how far a text of ours came; returns its number if that is news.
    pub(super) fn set_status(&mut self, id: u64, status: SendStatus) -> Option<MessageNumber> {
        let own = |message: &&mut Message| message.id == id && message.is_waiting();
        let message = self.messages.iter_mut().rev().find(own)?;
        message.set_status(status);
        Some(message.view.number)
    }

    /// Removes the oldest message that waits for nothing, if there are too many.
    pub(super) fn trim(&mut self) -> Option<MessageNumber> {
        if self.messages.len() <= MAX_MESSAGES {
            return None;
        }
        let index = self
            .messages
            .iter()
            .position(|message| !message.is_waiting())?;
        Some(self.messages.remove(index).view.number)
    }
}
