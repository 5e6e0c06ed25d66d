//! Replicated sharings of vectors (docs/protocol.md §1 and §4).
//!
//! Vectors are byte strings: rows of a fixed width, or bit planes. Nothing here can be printed,
//! compared or serialised; a component leaves a party through a product, a hop or an opening only.

use core::fmt;
use std::sync::Arc;

use mcmix_shared::party::PartyId;

use crate::{
    bytes,
    context::Context,
    step::Step,
    stream::{Purpose, Streams},
};

/// Two parties that work together, in no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The party that is not one of them.
    pub(crate) third: PartyId,
}

impl Pair {
    pub(crate) const P01: Self = Self { third: PartyId::P2 };
    pub(crate) const P12: Self = Self { third: PartyId::P0 };
    pub(crate) const P20: Self = Self { third: PartyId::P1 };

    /// Returns the other one of the pair, if `party` is in it.
    pub(crate) fn other(self, party: PartyId) -> Option<PartyId> {
        match party {
            party if party == self.third => None,
            party if party.next() == self.third => Some(party.prev()),
            party => Some(party.next()),
        }
    }
}

/// The party that is neither of two.
pub(crate) fn third(one: PartyId, two: PartyId) -> PartyId {
    if one.next() == two {
        two.next()
    } else {
        one.next()
    }
}

/// A vector that its holder does not change any more: cheap to clone.
pub(crate) type Component = Arc<Vec<u8>>;

/// A replicated sharing: this party's components `x_i`, which the previous party has, too, and
/// `x_{i+1}`, which the next one has.
#[derive(Clone, Default)]
pub(crate) struct Share {
    first: Component,
    second: Component,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} bytes, ..)", self.first.len())
    }
}

impl Share {
    pub(crate) fn new(first: Vec<u8>, second: Vec<u8>) -> Self {
        Self {
            first: Arc::new(first),
            second: Arc::new(second),
        }
    }

    /// Puts two components together: the one that this party shares with `peer`, and the other one.
    pub(crate) fn of(
        party: PartyId,
        peer: PartyId,
        with_peer: Component,
        other: Component,
    ) -> Self {
        if party.prev() == peer {
            Self {
                first: with_peer,
                second: other,
            }
        } else {
            Self {
                first: other,
                second: with_peer,
            }
        }
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
        Self::new(first, second)
    }

    /// Makes a sharing whose components `write` writes, some units at a time. Local.
    pub(crate) fn written(
        context: &mut Context,
        len: usize,
        unit: usize,
        write: impl Fn(usize, [&mut [u8]; 2]) + Sync,
    ) -> Self {
        let (mut first, mut second) = (context.scratch(len), context.scratch(len));
        context.fill_all([&mut first, &mut second], unit, write);
        Self::new(first, second)
    }

    /// Shares a vector that two parties know, who alone give it. Local.
    pub(crate) fn known(
        context: &mut Context,
        pair: Pair,
        vector: Option<Vec<u8>>,
        len: usize,
    ) -> Self {
        let party = context.party();
        let mut nothing = || {
            let mut out = context.scratch(len);
            out.fill(0);
            Arc::new(out)
        };
        match (pair.other(party), vector) {
            (Some(peer), Some(vector)) => {
                let other = nothing();
                Self::of(party, peer, Arc::new(vector), other)
            }
            _ => Self {
                first: nothing(),
                second: nothing(),
            },
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len()
    }

    /// The component that the previous party has, too.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }

    /// The component that the next party has, too.
    pub(crate) fn second(&self) -> &[u8] {
        &self.second
    }

    /// The component that this party shares with `peer`.
    pub(crate) fn with(&self, party: PartyId, peer: PartyId) -> &Component {
        if party.prev() == peer {
            &self.first
        } else {
            &self.second
        }
    }

    /// The same with nothing but the component that this party shares with `peer`: for a statement
    /// that needs no more.
    pub(crate) fn only(self, party: PartyId, peer: PartyId) -> Self {
        let component = Arc::clone(self.with(party, peer));
        Self::of(party, peer, component, Component::default())
    }

    /// XORs a vector that two parties know into the component that they share. Local.
    pub(crate) fn add_known(&mut self, party: PartyId, pair: Pair, known: impl FnOnce(&mut [u8])) {
        if let Some(peer) = pair.other(party) {
            let component = if party.prev() == peer {
                &mut self.first
            } else {
                &mut self.second
            };
            known(Arc::<Vec<u8>>::make_mut(component));
        }
    }

    /// XORs a public vector, which is put into component 0. Local.
    pub(crate) fn add_public(&mut self, party: PartyId, public: impl FnOnce(&mut [u8])) {
        self.add_known(party, Pair::P20, public);
    }

    /// XORs another sharing. Local.
    pub(crate) fn add(&mut self, other: &Self) {
        bytes::xor(Arc::<Vec<u8>>::make_mut(&mut self.first), &other.first);
        bytes::xor(Arc::<Vec<u8>>::make_mut(&mut self.second), &other.second);
    }

    /// Puts one vector after another. Local.
    pub(crate) fn concat(one: &Self, two: &Self) -> Self {
        Self::new(
            [&one.first[..], &two.first].concat(),
            [&one.second[..], &two.second].concat(),
        )
    }

    /// Cuts every block of `2 * half` bytes into its halves. Local.
    pub(crate) fn halves(&self, context: &mut Context, half: usize) -> [Self; 2] {
        let mut cut = |from: &[u8], skip: usize| {
            let mut out = context.scratch(from.len() / 2);
            context.fill(&mut out, half, |offset, out| {
                let blocks = from.get(2 * offset..).unwrap_or_default();
                let halves = blocks.chunks_exact(half).skip(skip).step_by(2);
                for (out, half) in out.chunks_exact_mut(half).zip(halves) {
                    out.copy_from_slice(half);
                }
            });
            out
        };
        [0, 1].map(|skip| Self::new(cut(&self.first, skip), cut(&self.second, skip)))
    }

    /// Maps rows of `A` bytes to rows of `B` bytes by a linear function. Local.
    pub(crate) fn map<const A: usize, const B: usize>(
        &self,
        context: &mut Context,
        row: impl Fn(&[u8; A]) -> [u8; B] + Sync,
    ) -> Self {
        let mut map = |from: &[u8]| {
            let from = from.as_chunks::<A>().0;
            let mut out = context.scratch(from.len() * B);
            context.fill(&mut out, B, |offset, out| {
                let from = from.get(offset / B..).unwrap_or_default();
                for (out, from) in out.as_chunks_mut::<B>().0.iter_mut().zip(from) {
                    *out = row(from);
                }
            });
            out
        };
        let (first, second) = (map(&self.first), map(&self.second));
        Self::new(first, second)
    }

    /// Joins rows of `A` bytes with rows of `B` bytes by a linear function. Local.
    pub(crate) fn zip<const A: usize, const B: usize, const C: usize>(
        &self,
        context: &mut Context,
        other: &Self,
        row: impl Fn(&[u8; A], &[u8; B]) -> [u8; C] + Sync,
    ) -> Self {
        let mut zip = |one: &[u8], two: &[u8]| {
            let (one, two) = (one.as_chunks::<A>().0, two.as_chunks::<B>().0);
            let mut out = context.scratch(one.len() * C);
            context.fill(&mut out, C, |offset, out| {
                let one = one.get(offset / C..).unwrap_or_default();
                let two = two.get(offset / C..).unwrap_or_default();
                let out = out.as_chunks_mut::<C>().0.iter_mut();
                for (out, (one, two)) in out.zip(one.iter().zip(two)) {
                    *out = row(one, two);
                }
            });
            out
        };
        let (first, second) = (
            zip(&self.first, &other.first),
            zip(&self.second, &other.second),
        );
        Self::new(first, second)
    }

    /// Returns some of the bytes. Local.
    pub(crate) fn part(&self, range: core::ops::Range<usize>) -> Self {
        let part = |from: &[u8]| from.get(range.clone()).unwrap_or_default().to_vec();
        Self::new(part(&self.first), part(&self.second))
    }

    /// Maps whole components by a linear function. Local.
    pub(crate) fn map_components(self, mut map: impl FnMut(Vec<u8>) -> Vec<u8>) -> Self {
        let [first, second] = [self.first, self.second].map(|component| {
            let component = Arc::try_unwrap(component).unwrap_or_else(|kept| kept.to_vec());
            map(component)
        });
        Self::new(first, second)
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
        Self::new(first, second)
    }

    pub(crate) fn recycle(self, context: &mut Context) {
        for component in [self.first, self.second] {
            if let Ok(component) = Arc::try_unwrap(component) {
                context.recycle(component);
            }
        }
    }
}
