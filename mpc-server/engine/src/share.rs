//! Sharings of vectors (docs/protocol.md §1 and §4).
//!
//! Vectors are byte strings: rows of a fixed width, or bit planes. Fields are private to the crate's
//! blocks; nothing here can be printed, compared or serialised.

use core::fmt;

use mcmix_shared::party::PartyId;

use crate::{
    bytes,
    context::Context,
    step::Step,
    stream::{Purpose, Streams},
};

/// A replicated sharing: this party's components `x_i` and `x_{i+1}`.
#[derive(Clone, Default)]
pub(crate) struct Share {
    pub(crate) first: Vec<u8>,
    pub(crate) second: Vec<u8>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} bytes, ..)", self.first.len())
    }
}

impl Share {
    pub(crate) const fn new(first: Vec<u8>, second: Vec<u8>) -> Self {
        Self { first, second }
    }

    /// Draws a shared random vector. Local.
    pub(crate) fn random(context: &mut Context, streams: &Streams, step: Step, len: usize) -> Self {
        let party = context.party();
        let [first, second] = [party.prev(), party.next()].map(|peer| {
            let stream = streams.with(peer, step, Purpose::Random);
            let mut out = context.scratch(len);
            context.fill(&mut out, 16, |offset, chunk| {
                chunk.fill(0);
                stream.xor(offset, chunk);
            });
            out
        });
        Self { first, second }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// XORs a public vector, which is put into component 0. Local.
    pub(crate) fn add_public(&mut self, party: PartyId, public: impl FnOnce(&mut [u8])) {
        match party {
            PartyId::P0 => public(&mut self.first),
            PartyId::P1 => {}
            PartyId::P2 => public(&mut self.second),
        }
    }

    /// XORs another sharing. Local.
    pub(crate) fn add(&mut self, other: &Self) {
        bytes::xor(&mut self.first, &other.first);
        bytes::xor(&mut self.second, &other.second);
    }

    /// Puts another vector's rows after this one's. Local.
    pub(crate) fn append(&mut self, context: &mut Context, other: Self) {
        self.first.extend_from_slice(&other.first);
        self.second.extend_from_slice(&other.second);
        other.recycle(context);
    }

    /// Puts one vector after another. Local.
    pub(crate) fn concat(one: &Self, two: &Self) -> Self {
        Self {
            first: [&one.first[..], &two.first].concat(),
            second: [&one.second[..], &two.second].concat(),
        }
    }

    /// Cuts a vector into two of equal length. Local.
    pub(crate) fn halves(self) -> [Self; 2] {
        let Self {
            mut first,
            mut second,
        } = self;
        let half = first.len() / 2;
        let other = Self {
            first: first.split_off(half),
            second: second.split_off(half),
        };
        [Self { first, second }, other]
    }

    /// Turns the first `rows` bits into masks of `N` bytes. Local.
    pub(crate) fn spread<const N: usize>(&self, context: &mut Context, rows: usize) -> Self {
        let [first, second] = [&self.first, &self.second].map(|bits| {
            let mut masks = context.scratch(rows * N);
            context.fill(&mut masks, N, |offset, out| {
                bytes::spread::<N>(bits, offset / N, out);
            });
            masks
        });
        Self { first, second }
    }

    pub(crate) fn recycle(self, context: &mut Context) {
        context.recycle(self.first);
        context.recycle(self.second);
    }
}

/// A two-additive sharing between an ordered pair of parties, rows of `row_bytes`.
pub(crate) struct Split {
    pub(crate) holders: [PartyId; 2],
    pub(crate) row_bytes: usize,
    pub(crate) rows: usize,
    /// This party's half; empty at the third party.
    pub(crate) half: Vec<u8>,
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.holders;
        write!(
            f,
            "Split({a}, {b}: {} rows of {} bytes, ..)",
            self.rows, self.row_bytes
        )
    }
}

impl Split {
    /// Splits a replicated vector: the first holder takes the component that the second lacks and,
    /// by convention, the second both others or one of them. Local.
    ///
    /// `P_i` holds `(x_i, x_{i+1})`; between a party and its next, the party before takes `x_i` alone
    /// and the next both of its own; `x_i ^ (x_{i+1} ^ x_{i+2})`.
    pub(crate) fn from_share(
        context: &mut Context,
        holders: [PartyId; 2],
        row_bytes: usize,
        share: Share,
    ) -> Self {
        let rows = share.len() / row_bytes;
        let party = context.party();
        let [a, b] = holders;
        let (one, both) = if a.next() == b { (a, b) } else { (b, a) };
        let Share { mut first, second } = share;
        let half = if party == one {
            context.recycle(second);
            first
        } else {
            if party == both {
                bytes::xor(&mut first, &second);
            }
            context.recycle(second);
            if party == both { first } else { Vec::new() }
        };
        Self {
            holders,
            row_bytes,
            rows,
            half,
        }
    }

    /// Returns the same sharing with the pair in the other order.
    pub(crate) fn swapped(self) -> Self {
        let [a, b] = self.holders;
        Self {
            holders: [b, a],
            ..self
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.rows * self.row_bytes
    }

    /// Returns an empty sharing of the same holders and widths.
    pub(crate) const fn shape(&self) -> Self {
        Self {
            half: Vec::new(),
            ..*self
        }
    }

    /// Returns the party that holds nothing.
    pub(crate) fn third(&self) -> PartyId {
        let [a, b] = self.holders;
        if a.next() == b { b.next() } else { a.next() }
    }

    /// Returns the other holder, if this party is one.
    pub(crate) fn other(&self, party: PartyId) -> Option<PartyId> {
        let [a, b] = self.holders;
        match party {
            p if p == a => Some(b),
            p if p == b => Some(a),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConversationInput, PairKeys, stream::Stream};

    /// No secret byte gets into a log through `Debug`.
    #[test]
    fn debug_hides_secrets() {
        let secret = vec![213; 16];
        let share = Share::new(secret.clone(), secret.clone());
        let split = Split {
            holders: [PartyId::P0, PartyId::P1],
            row_bytes: 8,
            rows: 2,
            half: secret.clone(),
        };
        let input = ConversationInput {
            rows: 1,
            message_bytes: 7,
            first: secret.clone(),
            second: secret,
        };
        let keys = PairKeys {
            next: [213; 32],
            prev: [213; 32],
        };
        let shown = format!(
            "{share:?} {split:?} {input:?} {keys:?} {:?}",
            Stream::new(&[213; 16])
        );
        assert!(
            !shown.contains("213") && !shown.to_lowercase().contains("d5"),
            "{shown}"
        );
    }
}
