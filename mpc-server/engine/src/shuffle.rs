//! Oblivious shuffle (docs/protocol.md §4.3; Araki et al., CCS 2021): three hops, each by a permutation
//! that another pair knows, so that nobody knows all of them.
//!
//! In:      replicated columns of n rows.    Out: the same rows in an order that nobody knows.
//! Cost:    3 rounds, 6 messages of n rows a column; of public ones 4.    Reveals: nothing.
//! Secure:  one party that deviates, once proved (`verify`).

use std::sync::Arc;

use crate::{
    error::Error,
    hop::{self, Known, hop, hop_each},
    permutation::{Permutation, Rows},
    round::Round,
    share::{Pair, Share},
    step::Step,
};

/// Who knows the permutations, in the order in which rows are moved.
const PAIRS: [Pair; 3] = [Pair::P20, Pair::P01, Pair::P12];

/// A column in shuffled order. Only such a one can be sorted.
#[derive(Debug, Default)]
pub(crate) struct Shuffled(Share);

impl Shuffled {
    pub(crate) const fn share(&self) -> &Share {
        &self.0
    }

    pub(crate) fn into_share(self) -> Share {
        self.0
    }

    /// Takes rows as shuffled that are not: for tests and benchmarks.
    pub(crate) const fn made_up(share: Share) -> Self {
        Self(share)
    }
}

/// What a party knows of three permutations: two of them.
#[derive(Debug)]
pub(crate) struct Shuffle {
    /// The first one, at P2 and P0.
    pub(crate) first: Option<Arc<Permutation>>,
    hops: [Known; 3],
}

impl Shuffle {
    /// Draws this party's permutations. Takes three steps. Local.
    pub(crate) fn draw(round: &Round<'_>, step: Step, rows: usize) -> Self {
        let mut index = 0;
        let drawn = PAIRS.map(|pair| {
            let drawn = hop::draw(round, step.plus(index), pair, rows);
            index += 1;
            (pair, drawn)
        });
        let known = |(pair, drawn): &(Pair, Option<Permutation>)| {
            Known::permutation(*pair, drawn.as_ref(), rows)
        };
        let hops = drawn.each_ref().map(known);
        let [(_, first), _, _] = drawn;
        Self {
            first: first.map(Arc::new),
            hops,
        }
    }

    /// Moves a secret column by the first permutation. 1 round.
    pub(crate) fn begin(
        &self,
        round: &mut Round<'_>,
        step: Step,
        column: (Share, usize),
    ) -> Result<Share, Error> {
        let [first, _, _] = &self.hops;
        let (rows, row_bytes) = column;
        hop(round, step, vec![(first, rows)], row_bytes)
    }

    /// Moves a public column by the first permutation: its pair knows where rows go, so nothing is
    /// sent.
    pub(crate) fn begin_public(
        &self,
        round: &mut Round<'_>,
        (rows, row_bytes): (&[u8], usize),
    ) -> Share {
        let moved = self.first.as_ref().map(|first| {
            let mut moved = round.context.scratch(rows.len());
            first.gather(&Rows::packed(rows, row_bytes), 0, &mut moved);
            moved
        });
        let [Known { pair, .. }, _, _] = self.hops;
        Share::known(round.context, pair, moved, rows.len())
    }

    /// Moves a column of shuffled rows back to where the first permutation had put them. 2 rounds, and
    /// two steps.
    pub(crate) fn back(
        &self,
        round: &mut Round<'_>,
        step: Step,
        (column, row_bytes): (Share, usize),
    ) -> Result<Share, Error> {
        let [_, second, third] = &self.hops;
        let column = hop(
            round,
            step,
            vec![(&third.inverse(round.context), column)],
            row_bytes,
        )?;
        hop(
            round,
            step.plus(1),
            vec![(&second.inverse(round.context), column)],
            row_bytes,
        )
    }
}

/// Moves columns that the first permutations have moved by the other ones. 2 rounds.
pub(crate) fn finish<const N: usize>(
    round: &mut Round<'_>,
    step: Step,
    mut columns: [(&Shuffle, Share, usize); N],
) -> Result<[Shuffled; N], Error> {
    let second = columns.each_ref().map(|(shuffle, rows, row_bytes)| {
        let [_, second, _] = &shuffle.hops;
        (second, rows.clone(), *row_bytes)
    });
    let moved = hop_each(round, step, second)?;
    for ((_, rows, _), moved) in columns.iter_mut().zip(moved) {
        *rows = moved;
    }
    let third = columns.map(|(shuffle, rows, row_bytes)| {
        let [_, _, third] = &shuffle.hops;
        (third, rows, row_bytes)
    });
    Ok(hop_each(round, step.plus(N as u16), third)?.map(Shuffled))
}
