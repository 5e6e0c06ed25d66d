//! Sorting by opened comparisons (docs/protocol.md §4.6).
//!
//! In:      shuffled keys of 64 bits, shuffled secret tie-breaks.      Out: the order, public.
//! Cost:    7 rounds a batch; about n·log2(n) comparisons for width 2, more for wider.
//! Reveals: the order of the shuffled rows: uniformly random, since tie-breaks are distinct, secret
//!          and random, and the shuffle is unknown to everyone.
//! Secure:  one semi-honest party. Contradicting comparisons are an error.
//!
//! k-way sample sort: a segment's sample is sorted by comparing all its pairs, then its other rows
//! walk down the sorted sample, k ways at a time. All segments do so side by side.
#![expect(
    clippy::indexing_slicing,
    reason = "segments are ranges of the order that they cut up; comparisons are counted before"
)]

use crate::{
    compare::{
        BLOCK_BYTES, BLOCK_ROWS,
        order::{ORDER_ROUNDS, PAIR_BYTES, Pairs, less_than},
    },
    context::Context,
    error::Error,
    reshare::ShuffledShare,
    share::Share,
    step::{Phase, Step},
    stream::Streams,
};

/// What shuffled rows are sorted by.
#[derive(Debug)]
pub(crate) struct Keys {
    /// 8 bytes a row.
    pub(crate) values: ShuffledShare,
    /// 4 bytes a row: distinct, random, secret.
    pub(crate) ties: ShuffledShare,
}

/// The order of sorted rows: the j-th is the shuffled row `order[j]`.
#[derive(Debug)]
pub(crate) struct Sorted(pub(crate) Vec<u32>);

/// Sorts shuffled rows.
pub(crate) fn sort(context: &mut Context, streams: &Streams, keys: &Keys) -> Result<Sorted, Error> {
    let rows = keys.ties.0.len() / 4;
    let width = context.sort_width().ways();
    let mut sorter = Sorter {
        width,
        order: (0..rows as u32).collect(),
        open: vec![Segment {
            start: 0,
            rows,
            pivots: 0,
        }],
    };
    let mut step = Step::new(Phase::Sort, 0);
    loop {
        let pairs = sorter.pairs();
        if pairs.is_empty() {
            break;
        }
        let sliced = gather(context, keys, &pairs);
        // The first of a pair stays first unless the second is less.
        let second_less = less_than(context, streams, step, sliced)?;
        let last = step.plus(ORDER_ROUNDS - 1);
        sorter.advance(&second_less).ok_or(Error::NotAnOrder {
            peer: context.party().next(),
            step: last,
        })?;
        context.recycle(second_less);
        step = step.plus(ORDER_ROUNDS);
    }
    let order: Vec<u8> = sorter.order.iter().flat_map(|p| p.to_le_bytes()).collect();
    context.saw(Step::new(Phase::Sort, 0), &order, 4);
    Ok(Sorted(sorter.order))
}

/// Consecutive places of the order whose rows are known to belong there, in some order.
///
/// First come its undecided rows, then its pivots, sorted.
#[derive(Clone, Copy, Debug)]
struct Segment {
    start: usize,
    rows: usize,
    pivots: usize,
}

/// What is done with a segment in a batch.
enum Plan {
    /// Compare all pairs of the first so many rows, which become pivots.
    Sample(usize),
    /// Compare all rows with these pivots, numbered from 0.
    Split(Vec<usize>),
}

#[derive(Debug)]
struct Sorter {
    width: usize,
    order: Vec<u32>,
    open: Vec<Segment>,
}

impl Sorter {
    fn plan(&self, segment: Segment) -> Plan {
        let Segment { rows, pivots, .. } = segment;
        if pivots > 0 {
            let ways = self.width.min(pivots + 1);
            return Plan::Split((1..ways).map(|i| (pivots + 1) * i / ways - 1).collect());
        }
        if rows <= 2 * self.width {
            return Plan::Sample(rows);
        }
        // A sample of s costs s^2 / 2 comparisons and saves rounds; each row costs log2(s) anyway.
        let mut sample = 3_usize;
        while 4 * sample * sample <= rows * (sample.ilog2() as usize) {
            sample = 2 * sample + 1;
        }
        Plan::Sample(sample.min(rows))
    }

    /// Lists the comparisons of the next batch.
    fn pairs(&self) -> Vec<[u32; 2]> {
        let mut pairs = Vec::new();
        for &segment in &self.open {
            let Segment {
                start,
                rows,
                pivots,
            } = segment;
            match self.plan(segment) {
                Plan::Sample(sample) => {
                    let sample = &self.order[start..start + sample];
                    for (i, &a) in sample.iter().enumerate() {
                        pairs.extend(sample[..i].iter().map(|&b| [b, a]));
                    }
                }
                Plan::Split(splitters) => {
                    let (undecided, pivots) =
                        self.order[start..start + rows + pivots].split_at(rows);
                    for &row in undecided {
                        pairs.extend(splitters.iter().map(|&p| [pivots[p], row]));
                    }
                }
            }
        }
        pairs
    }

    /// Uses the outcomes of [`Self::pairs`]; `None` if they contradict each other.
    fn advance(&mut self, second_less: &[u8]) -> Option<()> {
        let mut outcomes = Outcomes {
            bits: second_less,
            at: 0,
        };
        let mut next = Vec::new();
        let mut scratch = Vec::new();
        for segment in core::mem::take(&mut self.open) {
            let Segment {
                start,
                rows,
                pivots,
            } = segment;
            match self.plan(segment) {
                Plan::Sample(count) => {
                    // A row's rank is the number of rows before it.
                    let sample = &mut self.order[start..start + rows];
                    let mut ranks = vec![0; count];
                    for i in 0..count {
                        for j in 0..i {
                            let first = if outcomes.next() { i } else { j };
                            ranks[i + j - first] += 1;
                        }
                    }
                    scratch.clear();
                    scratch.resize(count, u32::MAX);
                    for (&row, rank) in sample.iter().zip(ranks) {
                        if core::mem::replace(&mut scratch[rank], row) != u32::MAX {
                            return None;
                        }
                    }
                    sample.copy_within(count.., 0);
                    sample[rows - count..].copy_from_slice(&scratch);
                    if rows > count {
                        next.push(Segment {
                            start,
                            rows: rows - count,
                            pivots: count,
                        });
                    }
                }
                Plan::Split(splitters) => {
                    let ways = splitters.len() + 1;
                    let part = &mut self.order[start..start + rows + pivots];
                    scratch.clear();
                    scratch.extend_from_slice(part);
                    let (undecided, sorted) = scratch.split_at(rows);
                    // A row goes behind as many splitters as come before it.
                    let way_of: Vec<usize> = (0..rows)
                        .map(|_| (1..ways).filter(|_| !outcomes.next()).count())
                        .collect();
                    let mut counts = vec![0; ways];
                    for &way in &way_of {
                        counts[way] += 1;
                    }
                    let mut at = Vec::with_capacity(ways);
                    let mut place = 0;
                    let bounds = |way: usize| {
                        let from = if way == 0 { 0 } else { splitters[way - 1] + 1 };
                        from..splitters.get(way).copied().unwrap_or(pivots)
                    };
                    for (way, &count) in counts.iter().enumerate() {
                        let between = bounds(way);
                        let inner = &sorted[between.clone()];
                        at.push(place);
                        part[place + count..][..inner.len()].copy_from_slice(inner);
                        let segment = Segment {
                            start: start + place,
                            rows: count,
                            pivots: inner.len(),
                        };
                        if count > 1 || count == 1 && segment.pivots > 0 {
                            next.push(segment);
                        }
                        place += count + inner.len();
                        if let Some(&splitter) = splitters.get(way) {
                            part[place] = sorted[splitter];
                            place += 1;
                        }
                    }
                    for (&row, way) in undecided.iter().zip(way_of) {
                        part[at[way]] = row;
                        at[way] += 1;
                    }
                }
            }
        }
        self.open = next;
        Some(())
    }
}

/// Opened bits, one after the other.
struct Outcomes<'a> {
    bits: &'a [u8],
    at: usize,
}

impl Outcomes<'_> {
    fn next(&mut self) -> bool {
        let bit = self.bits[self.at / 8] >> (self.at % 8) & 1;
        self.at += 1;
        bit == 1
    }
}

/// Puts pairs' keys and tie-breaks into sliced blocks: x is the second of a pair, y the first.
fn gather(context: &mut Context, keys: &Keys, pairs: &[[u32; 2]]) -> Share {
    let (values, ties) = (&keys.values.0, &keys.ties.0);
    let components = [(&values.first, &ties.first), (&values.second, &ties.second)];
    let [first, second] = components.map(|(values, ties)| {
        let mut out = context.scratch(pairs.len().div_ceil(BLOCK_ROWS) * PAIR_BYTES);
        let values = values.as_chunks::<8>().0;
        let ties = ties.as_chunks::<4>().0;
        context.fill(&mut out, PAIR_BYTES, |offset, out| {
            let first = offset / PAIR_BYTES * BLOCK_ROWS;
            let blocks = out.as_chunks_mut::<PAIR_BYTES>().0.iter_mut();
            for (block, pairs) in blocks.zip(pairs[first..].chunks(BLOCK_ROWS)) {
                let (mut x, mut y, mut both) =
                    ([0; BLOCK_BYTES], [0; BLOCK_BYTES], [0; BLOCK_BYTES]);
                let rows = x
                    .as_chunks_mut::<8>()
                    .0
                    .iter_mut()
                    .zip(y.as_chunks_mut::<8>().0);
                let rows = rows.zip(both.as_chunks_mut::<8>().0).zip(pairs);
                for (((x, y), both), &[one, two]) in rows {
                    let (one, two) = (one as usize, two as usize);
                    *x = values[two];
                    *y = values[one];
                    let (lower, upper) = both.split_at_mut(4);
                    lower.copy_from_slice(&ties[two]);
                    upper.copy_from_slice(&ties[one]);
                }
                Pairs {
                    keys: [&mut x, &mut y],
                    ties: &mut both,
                }
                .slice(block);
            }
        });
        out
    });
    Share::new(first, second)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs the sorter on plain distinct keys; returns batches and comparisons.
    fn sort_plain(keys: &[u64], width: usize) -> (Vec<u32>, usize, usize) {
        let mut sorter = Sorter {
            width,
            order: (0..keys.len() as u32).collect(),
            open: vec![Segment {
                start: 0,
                rows: keys.len(),
                pivots: 0,
            }],
        };
        let (mut batches, mut comparisons) = (0, 0);
        loop {
            let pairs = sorter.pairs();
            if pairs.is_empty() {
                return (sorter.order, batches, comparisons);
            }
            let mut bits = vec![0; pairs.len().div_ceil(8)];
            for (i, [one, two]) in pairs.iter().enumerate() {
                bits[i / 8] |= u8::from(keys[*two as usize] < keys[*one as usize]) << (i % 8);
            }
            sorter.advance(&bits).expect("plain keys have an order");
            batches += 1;
            comparisons += pairs.len();
        }
    }

    proptest! {
        #[test]
        fn sorts(mut keys in proptest::collection::vec(any::<u64>(), 0..2000), width in 2..17_usize) {
            let (order, _, _) = sort_plain(&keys, width);
            let sorted: Vec<u64> = order.iter().map(|&i| keys[i as usize]).collect();
            keys.sort_unstable();
            prop_assert_eq!(sorted, keys);
        }
    }

    /// Few comparisons when narrow, few batches when wide.
    #[test]
    fn cost() {
        let keys = crate::stream::Stream::new(&[9; 16]).bytes(800_000);
        let keys: Vec<u64> = keys
            .as_chunks::<8>()
            .0
            .iter()
            .map(|k| u64::from_le_bytes(*k))
            .collect();
        for width in [2, 4, 8, 16] {
            for rows in [10_000, 100_000] {
                let (_, batches, comparisons) = sort_plain(&keys[..rows], width);
                let least = rows as f64 * (rows as f64).log2();
                println!(
                    "width {width}, {rows} rows: {batches} batches, {:.2} of n·log n",
                    comparisons as f64 / least
                );
            }
        }
        let (_, _, comparisons) = sort_plain(&keys, 2);
        assert!((comparisons as f64) < 1.4 * 1e5 * 1e5_f64.log2());
        let (_, batches, _) = sort_plain(&keys[..10_000], 8);
        assert!(batches <= 14, "{batches} batches");
    }
}
