//! What clients dealt to this party in a round, kept as short as the party can do with.
//!
//! P0 has two seeds of each client and never expands the messages before they are sent; P1 needs
//! tags and roles only, since no half of a message is its own; P2 keeps x2 in full.

use std::sync::Arc;

use mcmix_engine::{Component as _, Context, ConversationInput, DialingInput};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::{CONVERSATION_HEADER_BYTES, Shape};
use mcmix_shared::share::{Component, DealtShare, Seed};

use super::collect::Entry;

/// The shares of a round, in the order in which they came.
#[derive(Debug)]
pub struct Dealt {
    rows: RowShape,
    count: u32,
    parts: [Part; 2],
}

/// The rows of one submission.
#[derive(Clone, Copy, Debug)]
struct RowShape {
    /// Rows that a client hands in.
    each: usize,
    /// Bytes of a row.
    bytes: usize,
}

/// Component `x_i` or `x_{i+1}` of all shares.
#[derive(Debug)]
enum Part {
    /// x0 or x1.
    Seeds(Vec<Seed>),
    /// x2: the first `kept` bytes of every row.
    Explicit { kept: usize, bytes: Vec<u8> },
}

impl Part {
    fn push(&mut self, component: &Component, row_bytes: usize) {
        match (self, component) {
            (Self::Seeds(seeds), Component::Seed(seed)) => seeds.push(seed.clone()),
            (Self::Explicit { kept, bytes }, Component::Explicit(explicit)) => {
                for row in explicit.chunks_exact(row_bytes) {
                    bytes.extend_from_slice(row.get(..*kept).unwrap_or(row));
                }
            }
            // A share's components are of the kinds that its party's are.
            _ => debug_assert!(false, "a share of another party"),
        }
    }
}

impl Dealt {
    /// Makes room for a party's shares of a round.
    pub fn new(me: PartyId, program: Program, shape: Shape) -> Self {
        let rows = RowShape {
            each: shape.rows(program),
            bytes: shape.row_bytes(program),
        };
        let seeds = || Part::Seeds(Vec::new());
        let explicit = |kept: usize| Part::Explicit {
            kept,
            bytes: Vec::new(),
        };
        let parts = match me {
            PartyId::P0 => [seeds(), seeds()],
            PartyId::P1 => [seeds(), explicit(rows.bytes.min(CONVERSATION_HEADER_BYTES))],
            PartyId::P2 => [explicit(rows.bytes), seeds()],
        };
        Self {
            rows,
            count: 0,
            parts,
        }
    }

    /// Adds a share and returns its place.
    pub fn push(&mut self, share: DealtShare) -> u32 {
        let place = self.count;
        self.count += 1;
        for (part, component) in self.parts.iter_mut().zip(share.into_components()) {
            part.push(&component, self.rows.bytes);
        }
        place
    }

    /// Returns a conversation round's input: the rows of those who are kept, in their order.
    pub fn into_conversation(self, kept: &[Entry]) -> ConversationInput<DealtRows> {
        let RowShape { each, bytes } = self.rows;
        let [first, second] = self.into_rows(kept);
        ConversationInput {
            rows: kept.len() * each,
            message_bytes: bytes - CONVERSATION_HEADER_BYTES,
            first,
            second,
        }
    }

    /// Returns a dialing round's input: the rows of those who are kept, in their order.
    pub fn into_dialing(self, kept: &[Entry], context: &mut Context) -> DialingInput {
        let [first, second] = self.into_rows(kept);
        DialingInput {
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
    rows: RowShape,
    part: Part,
    places: Arc<[u32]>,
}

impl DealtRows {
    /// Joins all rows, in the context's memory.
    fn join(&self, context: &mut Context) -> Vec<u8> {
        let mut joined = context.buffer();
        joined.resize(self.len(), 0);
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

impl mcmix_engine::Component for DealtRows {
    fn len(&self) -> usize {
        self.places.len() * self.rows.each * self.rows.bytes
    }

    fn xor(&self, at: usize, out: &mut [u8]) {
        let RowShape { each, bytes } = self.rows;
        let (row, offset) = (at / bytes, at % bytes);
        let (client, slot) = (row / each, row % each);
        let Some(&place) = self.places.get(client) else {
            return;
        };
        match &self.part {
            Part::Seeds(seeds) => {
                if let Some(seed) = seeds.get(place as usize) {
                    seed.xor_at(
                        u32::try_from(slot * bytes + offset).unwrap_or(u32::MAX),
                        out,
                    );
                }
            }
            Part::Explicit { kept, bytes } => {
                let start = (place as usize * each + slot) * kept + offset;
                let row = bytes.get(start..start + out.len()).unwrap_or_default();
                out.iter_mut().zip(row).for_each(|(out, byte)| *out ^= byte);
            }
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self.part {
            Part::Seeds(_) => Vec::new(),
            Part::Explicit { bytes, .. } => bytes,
        }
    }
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
    fn dealt(me: PartyId) -> (Vec<DealtShare>, ConversationInput<DealtRows>) {
        let key = SecretKey::from_bytes([1; 32]).client_key();
        let keys = PairKeys {
            next: [1; 32],
            prev: [2; 32],
        };
        let mut dealt = Dealt::new(me, Program::Conversation, SHAPE);
        let (shares, mut entries): (Vec<_>, Vec<_>) = (0..4)
            .map(|client| {
                let share = share(me, client);
                let place = dealt.push(share.clone());
                let entry = Entry::new((key.id(), key), &share, place, RoundId(1), &keys);
                (share, entry)
            })
            .rev()
            .unzip();
        entries.pop();
        (shares, dealt.into_conversation(&entries))
    }

    #[test]
    fn what_is_kept_reads_as_what_was_dealt() {
        for me in PartyId::ALL {
            let (shares, input) = dealt(me);
            let row_bytes = SHAPE.row_bytes(Program::Conversation);
            assert_eq!(input.rows, 9);
            assert_eq!(input.message_bytes, SHAPE.message_bytes);
            let expanded = shares.iter().map(DealtShare::expand).take(3);
            let (first, second): (Vec<_>, Vec<_>) =
                expanded.map(|it| (it.first, it.second)).unzip();
            for (component, whole) in [(input.first, first), (input.second, second)] {
                let whole = whole.concat();
                assert_eq!(component.len(), whole.len());
                // P1 has no use for x2's messages.
                let read = match component.part {
                    Part::Explicit { kept, .. } => kept,
                    Part::Seeds(_) => row_bytes,
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
        let rows = 4 * SHAPE.slots;
        let row_bytes = SHAPE.row_bytes(Program::Conversation);
        assert_eq!(
            kept,
            [0, rows * CONVERSATION_HEADER_BYTES, rows * row_bytes]
        );
    }
}
