//! The receiving end of a stream: puts bodies in order and items together.

use core::fmt;
use std::collections::{BTreeMap, VecDeque};

use super::{Body, Control, WINDOW};
use crate::client::BatchId;

/// An item that came as a whole.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A text with its id.
    Text { id: u64, text: String },
    /// A control message.
    Control(Control),
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => write!(f, "Text({} bytes, ..)", text.len()),
            Self::Control(control) => control.fmt(f),
        }
    }
}

/// The receiving end.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// The number of the next body in order.
    next: u32,
    /// Bodies before this number may be acknowledged.
    committed: u32,
    /// What waits for storage: bodies before the number, once the batch is stored.
    commits: VecDeque<(BatchId, u32)>,
    /// Bodies that came before their turn, at most [`WINDOW`].
    early: BTreeMap<u32, Body>,
    /// A text of which the beginning came.
    partial: Option<Partial>,
}

struct Partial {
    id: u64,
    total: usize,
    bytes: Vec<u8>,
}

impl fmt::Debug for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Partial({} of {} bytes, ..)",
            self.bytes.len(),
            self.total
        )
    }
}

impl Receiver {
    pub(super) fn committed(&self) -> u32 {
        self.committed
    }

    /// Returns the bitmap of bodies after the first that is not committed.
    pub(super) fn seen(&self) -> u32 {
        (0..32)
            .filter(|bit| self.has(self.committed.saturating_add(bit + 1)))
            .fold(0, |seen, bit| seen | 1 << bit)
    }

    fn has(&self, seq: u32) -> bool {
        seq < self.next || self.early.contains_key(&seq)
    }

    /// Takes a body; returns the items that are complete now, in order.
    pub(super) fn take(&mut self, seq: u32, body: Body) -> Vec<Incoming> {
        let ahead = seq.checked_sub(self.next);
        if ahead.is_none_or(|ahead| ahead >= WINDOW) {
            return Vec::new();
        }
        self.early.entry(seq).or_insert(body);
        let mut items = Vec::new();
        while let Some(body) = self.early.remove(&self.next) {
            self.next = self.next.saturating_add(1);
            items.extend(self.join(body));
        }
        items
    }

    /// Joins a body to what came before it. A body out of place ends what was begun.
    fn join(&mut self, body: Body) -> Option<Incoming> {
        let begun = self.partial.take();
        let partial = match body {
            Body::Control(control) => return Some(Incoming::Control(control)),
            Body::Text { id, total, bytes } => Partial {
                id,
                total: total.into(),
                bytes,
            },
            Body::More(more) => {
                let mut partial = begun?;
                partial.bytes.extend_from_slice(&more);
                partial
            }
        };
        if partial.bytes.len() < partial.total {
            self.partial = Some(partial);
            return None;
        }
        let exact = partial.bytes.len() == partial.total;
        let text = String::from_utf8(partial.bytes).ok().filter(|_| exact)?;
        Some(Incoming::Text {
            id: partial.id,
            text,
        })
    }

    pub(super) fn commit_with(&mut self, batch: Option<BatchId>) {
        match (batch, self.commits.back_mut()) {
            (Some(batch), _) => self.commits.push_back((batch, self.next)),
            (None, Some((_, upto))) => *upto = self.next,
            (None, None) => self.committed = self.next,
        }
    }

    pub(super) fn stored(&mut self, batch: BatchId) {
        while let Some((_, upto)) = self
            .commits
            .pop_front_if(|(waits_for, _)| *waits_for <= batch)
        {
            self.committed = upto;
        }
    }
}
