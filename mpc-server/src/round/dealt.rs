//! What clients dealt to this party in a round, kept as short as the party can do with.
//!
//! A row's head, its tag and role or the id that it dials, is expanded as it comes: a round begins
//! with all of them. Of messages, P0 keeps the seeds, which are expanded as they are sent, P1
//! nothing, since no half of them is its own, and P2 x2.

use core::fmt;
use std::sync::Arc;

use mcmix_engine::{Context, ConversationInput, BothToldInput, JoinedRows};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::Shape;
use mcmix_shared::share::{Component, DealtShare, Seed};

use super::collect::Entry;

/// The shares of a round, in the order in which they came.
#[derive(Debug)]
pub struct Dealt {
    me: PartyId,
    rows: Layout,
    count: u32,
    parts: [Part; 2],
}

/// The rows of one submission.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Rows that a client hands in.
    each: usize,
    /// Bytes of a row.
    bytes: usize,
    /// Bytes of its head.
    head: usize,
}

/// Component `x_i` or `x_{i+1}` of all shares.
struct Part {
    /// All heads.
    heads: Vec<u8>,
    messages: Messages,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part(..)")
    }
}

/// A component of all messages.
enum Messages {
    /// What they are expanded from, client after client.
    Seeds(Vec<Seed>),
    /// Row after row.
    Explicit(Vec<u8>),
    /// Not needed.
    Dropped,
}

impl Part {
    const fn new(messages: Messages) -> Self {
        let heads = Vec::new();
        Self { heads, messages }
    }

    fn push(&mut self, component: &Component, rows: Layout) {
        match component {
            Component::Seed(seed) => {
                let end = self.heads.len();
                self.heads.resize(end + rows.each * rows.head, 0);
                let heads = self.heads.split_at_mut(end).1;
                for (row, head) in heads.chunks_exact_mut(rows.head).enumerate() {
                    seed.xor_at(row * rows.bytes, head);
                }
            }
            Component::Explicit(bytes) => {
                let heads = bytes.chunks_exact(rows.bytes);
                heads.for_each(|row| self.heads.extend(row.iter().take(rows.head)));
            }
        }
        match (&mut self.messages, component) {
            (Messages::Seeds(seeds), Component::Seed(seed)) => seeds.push(seed.clone()),
            (Messages::Explicit(messages), Component::Explicit(bytes)) => {
                for row in bytes.chunks_exact(rows.bytes) {
                    messages.extend_from_slice(row.get(rows.head..).unwrap_or_default());
                }
            }
            (Messages::Dropped, _) => {}
            (Messages::Seeds(_) | Messages::Explicit(_), _) => {
                unreachable!("the components of a share are of its party's kinds")
            }
        }
    }
}

impl Dealt {
    /// Makes room for a party's shares of a round.
    pub fn new(me: PartyId, program: Program, shape: Shape) -> Self {
        use Messages::{Dropped, Explicit, Seeds};
        let messages = match (program, me) {
            (Program::Conversation, PartyId::P0) => [Seeds(Vec::new()), Seeds(Vec::new())],
            (Program::Conversation, PartyId::P2) => [Explicit(Vec::new()), Dropped],
            (Program::Conversation, PartyId::P1) | (Program::Dialing, _) => [Dropped, Dropped],
        };
        Self {
            me,
            rows: Layout {
                each: shape.rows(program),
                bytes: shape.row_bytes(program),
                head: shape.head_bytes(program),
            },
            count: 0,
            parts: messages.map(Part::new),
        }
    }

    /// Adds a share and returns its place: the number of those before it.
    ///
    /// # Panics
    /// If it is another party's or of another length, which no client's frame can be.
    pub fn push(&mut self, share: DealtShare) -> u32 {
        let Layout { each, bytes, .. } = self.rows;
        assert_eq!(share.party(), self.me, "a share of another party");
        assert_eq!(share.submission_bytes(), each * bytes, "a share's length");
        for (part, component) in self.parts.iter_mut().zip(share.into_components()) {
            part.push(&component, self.rows);
        }
        self.count += 1;
        self.count - 1
    }

    /// Returns a conversation round's input: the rows of those who are kept, in their order.
    pub fn into_conversation(self, kept: &[Entry]) -> ConversationInput<DealtRows> {
        let Layout { each, bytes, head } = self.rows;
        let [first, second] = self.into_rows(kept);
        ConversationInput {
            rows: kept.len() * each,
            message_bytes: bytes - head,
            first,
            second,
        }
    }

    /// Returns a dialing round's input: the rows of those who are kept, in their order.
    pub fn into_dialing(self, kept: &[Entry], context: &mut Context) -> BothToldInput {
        let [first, second] = self.into_rows(kept);
        BothToldInput {
            ids: kept.iter().map(|entry| entry.id.0).collect(),
            keys: kept.iter().map(|entry| *entry.key.as_bytes()).collect(),
            first: first.join(context),
            second: second.join(context),
        }
    }

    fn into_rows(self, kept: &[Entry]) -> [DealtRows; 2] {
        let places: Arc<[u32]> = kept.iter().map(|entry| entry.place).collect();
        let Self { rows, parts, .. } = self;
        parts.map(|part| DealtRows {
            rows,
            part,
            places: Arc::clone(&places),
        })
    }
}

/// A component of the rows that a round computes on.
#[derive(Debug)]
pub struct DealtRows {
    rows: Layout,
    part: Part,
    places: Arc<[u32]>,
}

impl DealtRows {
    /// Joins all rows, in the context's memory.
    fn join(&self, context: &mut Context) -> Vec<u8> {
        let mut joined = context.scratch(self.len());
        context.fill(&mut joined, self.rows.bytes, |offset, out| {
            let rows = out.chunks_exact_mut(self.rows.bytes);
            for (at, row) in (offset..).step_by(self.rows.bytes).zip(rows) {
                row.fill(0);
                self.xor(at, row);
            }
        });
        joined
    }
}

impl JoinedRows for DealtRows {
    fn len(&self) -> usize {
        self.places.len() * self.rows.each * self.rows.bytes
    }

    fn xor(&self, at: usize, out: &mut [u8]) {
        let Layout { each, bytes, head } = self.rows;
        let (client, slot) = (at / bytes / each, at / bytes % each);
        let Some(&place) = self.places.get(client) else {
            return;
        };
        let client = place as usize;
        let (row, offset) = (client * each + slot, at % bytes);
        let (heads, messages) = out.split_at_mut(out.len().min(head.saturating_sub(offset)));
        xor(heads, &self.part.heads, row * head + offset);
        let offset = offset.saturating_sub(head);
        match &self.part.messages {
            Messages::Seeds(seeds) if !messages.is_empty() => {
                if let Some(seed) = seeds.get(client) {
                    seed.xor_at(slot * bytes + head + offset, messages);
                }
            }
            Messages::Explicit(all) => xor(messages, all, row * (bytes - head) + offset),
            Messages::Seeds(_) | Messages::Dropped => {}
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self.part.messages {
            Messages::Explicit(messages) => messages,
            Messages::Seeds(_) | Messages::Dropped => Vec::new(),
        }
    }
}

fn xor(out: &mut [u8], bytes: &[u8], at: usize) {
    let bytes = bytes.get(at..at + out.len()).unwrap_or_default();
    out.iter_mut()
        .zip(bytes)
        .for_each(|(out, byte)| *out ^= byte);
}

#[cfg(test)]
mod tests {
    use mcmix_engine::PairKeys;
    use mcmix_shared::identity::SecretKey;
    use mcmix_shared::program::RoundId;

    use super::*;

    const SHAPE: Shape = Shape {
        slots: 3,
        message_bytes: 20,
    };

    fn share(me: PartyId, client: u8) -> DealtShare {
        let len = SHAPE.submission_bytes(Program::Conversation);
        let (s0, s1) = (vec![client; 16], vec![!client; 16]);
        let x2: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[0] ^ client).collect();
        let bytes = match me {
            PartyId::P0 => [s0, s1],
            PartyId::P1 => [s1, x2],
            PartyId::P2 => [x2, s0],
        };
        DealtShare::decode(me, len, &bytes.concat()).unwrap()
    }

    /// Deals of some clients, and the same kept short, of all but the first in reverse.
    fn dealt(me: PartyId) -> ([DealtShare; 3], ConversationInput<DealtRows>) {
        let key = SecretKey::from_bytes([1; 32]).client_key();
        let keys = PairKeys {
            next: [1; 32],
            prev: [2; 32],
        };
        let mut dealt = Dealt::new(me, Program::Conversation, SHAPE);
        let shares: Vec<_> = (0..4).map(|client| share(me, client)).collect();
        for share in &shares {
            dealt.push(share.clone());
        }
        let kept = [3, 2, 1];
        let entries = kept.map(|place| Entry {
            place,
            ..Entry::new((key.id(), key), &shares[0], RoundId(1), &keys)
        });
        let shares = kept.map(|place| shares[place as usize].clone());
        (shares, dealt.into_conversation(&entries))
    }

    #[test]
    fn what_is_kept_reads_as_what_was_dealt() {
        for me in PartyId::ALL {
            let (shares, input) = dealt(me);
            let row_bytes = SHAPE.row_bytes(Program::Conversation);
            assert_eq!(input.rows, 9);
            assert_eq!(input.message_bytes, SHAPE.message_bytes);
            let expanded = shares.iter().map(DealtShare::expand);
            let (first, second): (Vec<_>, Vec<_>) =
                expanded.map(|it| (it.first, it.second)).unzip();
            for (component, whole) in [(input.first, first), (input.second, second)] {
                let whole = whole.concat();
                assert_eq!(component.len(), whole.len());
                let read = match component.part.messages {
                    Messages::Dropped => SHAPE.head_bytes(Program::Conversation),
                    Messages::Seeds(_) | Messages::Explicit(_) => row_bytes,
                };
                for start in (0..whole.len()).step_by(row_bytes) {
                    for (offset, len) in [(0, read), (4, read - 4)] {
                        let mut out = vec![0; len];
                        component.xor(start + offset, &mut out);
                        assert_eq!(out, whole[start + offset..start + offset + len]);
                    }
                }
            }
        }
    }

    #[test]
    fn only_p2_keeps_messages() {
        let kept = PartyId::ALL.map(|me| {
            let (_, input) = dealt(me);
            input.first.into_buffer().len() + input.second.into_buffer().len()
        });
        assert_eq!(kept, [0, 0, 4 * SHAPE.slots * SHAPE.message_bytes]);
    }

    #[test]
    fn debug_hides_the_shares() {
        let (_, input) = dealt(PartyId::P2);
        let shown = format!("{:?}", input.first);
        assert!(shown.contains("part: Part(..)"), "{shown}");
    }
}
