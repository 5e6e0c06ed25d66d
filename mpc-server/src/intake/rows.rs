//! The columns of a batch: what clients dealt, kept as short as the party can do with.
//!
//! Heads are expanded as they come: a round begins with all of them. Of messages, P0 keeps the
//! seeds, which are expanded as they are sent, P1 gets nothing, since no half of them is its own,
//! and P2 keeps x2; in dialing, a check row's payload is kept as the seeds that it comes from.

use core::fmt;
use std::sync::Arc;

use mcmix_engine::JoinedRows;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::Shape;
use mcmix_shared::share::{CHECK_PAYLOAD_AT, Component, Components, DealtShare, Seed};

/// The shares of a round, in the order in which they came.
#[derive(Debug)]
pub(super) struct Rows {
    me: PartyId,
    layout: Layout,
    count: u32,
    parts: [Part; 2],
}

/// The rows of one submission, as the engine reads them.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Rows that a client hands in.
    each: usize,
    /// Bytes of a row's head.
    head: usize,
    /// Bytes of a row's message.
    message: usize,
    /// Bytes of the payload of the check row that stands behind a dial row.
    check: usize,
}

impl Layout {
    const fn of(program: Program, shape: Shape) -> Self {
        let message = shape.row_message_bytes(program);
        Self {
            each: shape.rows(program),
            head: shape.head_bytes(program),
            message,
            check: if program.is_dialing() { message } else { 0 },
        }
    }

    const fn row(self) -> usize {
        self.head + self.message + self.check
    }

    const fn heads(self) -> usize {
        self.each * self.head
    }

    const fn messages(self) -> usize {
        self.each * self.message
    }
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

/// A component of all messages and of the check rows' payloads behind them.
enum Messages {
    /// What both are expanded from, client after client.
    Seeds(Vec<Seed>),
    /// Messages, row after row, and what the payloads are expanded from, if there are any.
    Explicit { bytes: Vec<u8>, checks: Vec<Seed> },
    /// Not needed.
    Dropped,
}

impl Part {
    const fn new(messages: Messages) -> Self {
        let heads = Vec::new();
        Self { heads, messages }
    }

    /// Takes in a client's component, in place of what stood there.
    fn put(&mut self, place: usize, component: &Component, check: Option<&Seed>, rows: Layout) {
        let heads = place_for(&mut self.heads, place, rows.heads());
        let explicit = match component {
            Component::Seed(seed) => {
                heads.fill(0);
                seed.xor_into(heads);
                &[][..]
            }
            Component::Explicit(bytes) => {
                let (dealt, messages) = bytes.split_at(heads.len().min(bytes.len()));
                heads.copy_from_slice(dealt);
                messages
            }
        };
        match (&mut self.messages, component) {
            (Messages::Seeds(seeds), Component::Seed(seed)) => put(seeds, place, seed.clone()),
            (Messages::Explicit { bytes, checks }, Component::Explicit(_)) => {
                place_for(bytes, place, rows.messages()).copy_from_slice(explicit);
                if let Some(check) = check {
                    put(checks, place, check.clone());
                }
            }
            (Messages::Dropped, _) => {}
            (Messages::Seeds(_) | Messages::Explicit { .. }, _) => {
                unreachable!("the components of a share are of its party's kinds")
            }
        }
    }
}

/// Returns the bytes of one place, which is there or is the next.
fn place_for(all: &mut Vec<u8>, place: usize, len: usize) -> &mut [u8] {
    let (start, end) = (place * len, (place + 1) * len);
    if all.len() < end {
        all.resize(end, 0);
    }
    all.get_mut(start..end).unwrap_or_default()
}

fn put<T>(all: &mut Vec<T>, place: usize, value: T) {
    match all.get_mut(place) {
        Some(old) => *old = value,
        None => all.push(value),
    }
}

impl Rows {
    /// Makes room for a party's shares of a round.
    pub(super) fn new(me: PartyId, program: Program, shape: Shape) -> Self {
        let messages = match me {
            PartyId::P0 => [(); 2].map(|()| Messages::Seeds(Vec::new())),
            PartyId::P1 => [Messages::Dropped, Messages::Dropped],
            PartyId::P2 => {
                let (bytes, checks) = (Vec::new(), Vec::new());
                [Messages::Explicit { bytes, checks }, Messages::Dropped]
            }
        };
        Self {
            me,
            layout: Layout::of(program, shape),
            count: 0,
            parts: messages.map(Part::new),
        }
    }

    /// Returns the rows that a client hands in.
    pub(super) const fn each(&self) -> usize {
        self.layout.each
    }

    /// Returns the bytes of a row's message.
    pub(super) const fn message_bytes(&self) -> usize {
        self.layout.message
    }

    /// Adds a share and returns its place: the number of those before it.
    ///
    /// # Panics
    /// If it is another party's or of another length, which no client's frame can be.
    pub(super) fn push(&mut self, share: DealtShare) -> u32 {
        let place = self.count;
        self.count += 1;
        self.replace(place, share);
        place
    }

    /// Puts a share in the place of an earlier one of the same client.
    ///
    /// # Panics
    /// As [`Self::push`], or where there is no such place.
    pub(super) fn replace(&mut self, place: u32, share: DealtShare) {
        let layout = self.layout;
        assert!(place < self.count, "a place that there is not");
        assert_eq!(share.party(), self.me, "a share of another party");
        let expected = layout.heads() + layout.messages();
        assert_eq!(share.submission_bytes(), expected, "a share's length");
        let Components {
            first,
            second,
            check,
        } = share.into_components();
        for (part, component) in self.parts.iter_mut().zip([first, second]) {
            part.put(place as usize, &component, check.as_ref(), layout);
        }
    }

    /// Returns both components of the rows at those places, in their order.
    pub(super) fn of(self, places: &Arc<[u32]>) -> [DealtRows; 2] {
        let Self { layout, parts, .. } = self;
        parts.map(|part| DealtRows {
            rows: layout,
            part,
            places: Arc::clone(places),
        })
    }
}

/// A component of the rows that a round computes on, each as head, message and, in dialing, the
/// payload of the check row.
#[derive(Debug)]
pub struct DealtRows {
    rows: Layout,
    part: Part,
    places: Arc<[u32]>,
}

impl JoinedRows for DealtRows {
    fn len(&self) -> usize {
        self.places.len() * self.rows.each * self.rows.row()
    }

    fn xor(&self, at: usize, out: &mut [u8]) {
        let rows = self.rows;
        let (client, slot) = (at / rows.row() / rows.each, at / rows.row() % rows.each);
        let Some(&place) = self.places.get(client) else {
            return;
        };
        let client = place as usize;
        let (row, offset) = (client * rows.each + slot, at % rows.row());
        let (heads, rest) = split(out, rows.head, offset);
        xor(heads, &self.part.heads, row * rows.head + offset);
        let offset = offset.saturating_sub(rows.head);
        match &self.part.messages {
            Messages::Seeds(seeds) if !rest.is_empty() => {
                if let Some(seed) = seeds.get(client) {
                    // A check row's payload follows the row that the seed masks.
                    seed.xor_at(rows.heads() + slot * rows.message + offset, rest);
                }
            }
            Messages::Explicit { bytes, checks } => {
                let (messages, payload) = split(rest, rows.message, offset);
                xor(messages, bytes, row * rows.message + offset);
                if let Some(seed) = checks.get(client).filter(|_| !payload.is_empty()) {
                    let [.., from] = CHECK_PAYLOAD_AT;
                    seed.xor_at(from + offset.saturating_sub(rows.message), payload);
                }
            }
            Messages::Seeds(_) | Messages::Dropped => {}
        }
    }

    fn into_buffer(self) -> Vec<u8> {
        match self.part.messages {
            Messages::Explicit { bytes, .. } => bytes,
            Messages::Seeds(_) | Messages::Dropped => Vec::new(),
        }
    }
}

/// Splits what is read from `offset` on where the first `len` bytes of a row end.
fn split(out: &mut [u8], len: usize, offset: usize) -> (&mut [u8], &mut [u8]) {
    let here = out.len().min(len.saturating_sub(offset));
    out.split_at_mut(here)
}

fn xor(out: &mut [u8], bytes: &[u8], at: usize) {
    let bytes = bytes.get(at..at + out.len()).unwrap_or_default();
    out.iter_mut()
        .zip(bytes)
        .for_each(|(out, byte)| *out ^= byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        slots: 3,
        message_bytes: 20,
    };

    /// What a client dealt, every byte another one.
    fn share(me: PartyId, program: Program, client: u8) -> DealtShare {
        let len = SHAPE.submission_bytes(program);
        let seeds = [client, !client, client ^ 0x40].map(|byte| vec![byte; 16]);
        let [s0, s1, s2] = seeds;
        let x2: Vec<u8> = (0..len).map(|i| i.to_le_bytes()[0] ^ client).collect();
        let heads = x2[..SHAPE.heads_bytes(program)].to_vec();
        let check = if program.is_dialing() { s2 } else { Vec::new() };
        let bytes = match me {
            PartyId::P0 => [s0, s1, Vec::new()],
            PartyId::P1 => [s1, heads, Vec::new()],
            PartyId::P2 => [x2, s0, check],
        };
        DealtShare::decode(me, SHAPE, program, &bytes.concat()).unwrap()
    }

    /// The row of a component as the engine is to read it, from the definition.
    fn expected(share: &DealtShare, program: Program, slot: usize) -> [Vec<u8>; 2] {
        let Layout {
            each,
            head,
            message,
            check,
        } = Layout::of(program, SHAPE);
        let total = each * (head + message) + check;
        let Components {
            first,
            second,
            check: s2,
        } = share.clone().into_components();
        [first, second].map(|component| {
            let whole = match component {
                Component::Seed(ref seed) => {
                    let mut whole = vec![0; total];
                    seed.xor_into(&mut whole);
                    whole
                }
                Component::Explicit(ref bytes) => {
                    let (mut bytes, len) = (bytes.clone(), bytes.len());
                    bytes.resize(total, 0);
                    if let Some(s2) = &s2 {
                        s2.xor_into(&mut bytes[len..]);
                    }
                    bytes
                }
            };
            let (heads, rest) = whole.split_at(each * head);
            let (messages, payload) = rest.split_at(each * message);
            [
                &heads[slot * head..][..head],
                &messages[slot * message..][..message],
                payload,
            ]
            .concat()
        })
    }

    /// Deals of some clients, of all but the first in reverse, one of them dealt twice.
    fn dealt(me: PartyId, program: Program) -> ([DealtShare; 3], [DealtRows; 2]) {
        let mut rows = Rows::new(me, program, SHAPE);
        for client in [0, 1, 77, 3] {
            rows.push(share(me, program, client));
        }
        rows.replace(2, share(me, program, 2));
        let shares = [3, 2, 1].map(|client| share(me, program, client));
        (shares, rows.of(&Arc::from([3, 2, 1])))
    }

    #[test]
    fn what_is_kept_reads_as_what_was_dealt() {
        for program in Program::ALL {
            let rows = Layout::of(program, SHAPE);
            for me in PartyId::ALL {
                let (shares, components) = dealt(me, program);
                for (i, component) in components.into_iter().enumerate() {
                    assert_eq!(component.len(), 3 * rows.each * rows.row());
                    let read = match component.part.messages {
                        Messages::Dropped => rows.head,
                        Messages::Seeds(_) | Messages::Explicit { .. } => rows.row(),
                    };
                    for at in 0..3 * rows.each {
                        let share = &shares[at / rows.each];
                        let whole = &expected(share, program, at % rows.each)[i];
                        for (offset, end) in [
                            (0, read),
                            (4, read - 1),
                            (rows.head, read),
                            (rows.head + 3, read.max(rows.head + 3)),
                            (0, rows.head),
                        ] {
                            let mut out = vec![0; end - offset];
                            component.xor(at * rows.row() + offset, &mut out);
                            if end <= read {
                                assert_eq!(out, whole[offset..end], "{program} {me} {i} {at}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn only_p2_keeps_messages() {
        for program in Program::ALL {
            let kept = PartyId::ALL.map(|me| {
                let (_, components) = dealt(me, program);
                let buffers = components.map(|it| it.into_buffer().len());
                buffers.iter().sum::<usize>()
            });
            assert_eq!(kept, [0, 0, 4 * Layout::of(program, SHAPE).messages()]);
        }
    }

    #[test]
    fn debug_hides_the_shares() {
        let (_, [first, _]) = dealt(PartyId::P2, Program::Conversation);
        let shown = format!("{first:?}");
        assert!(shown.contains("part: Part(..)"), "{shown}");
    }
}
