//! Sorting by opened comparisons (docs/protocol.md §4.6).
//!
//! In:      shuffled keys of 64 bits, shuffled secret tie-breaks.      Out: the order, public.
//! Cost:    9 rounds a batch, 10 beyond 2^18 rows; about n·log2(n) comparisons for width 2, more for
//!          wider.
//! Reveals: the order of the shuffled rows: uniformly random, since tie-breaks are distinct, secret
//!          and random, and the shuffle is unknown to everyone.
//! Secure:  one party that deviates: each batch's outcomes are verified before they are opened.
//! Right:   two equal keys are neighbours unless a third one's lower bits are theirs too, 46 of them or
//!          more: a word of key and tie-break has 64 bits, or as many as it takes.
//!
//! k-way sample sort: a segment's sample is sorted by comparing all its pairs, then its other rows
//! walk down the sorted sample, k ways at a time. All segments do so side by side. A batch with few
//! comparisons takes as long as one with [`FREE`] a way: so small ones split wider, and the last one
//! compares all that is left.
#![expect(
    clippy::indexing_slicing,
    reason = "segments are ranges of the order that they cut up; comparisons are counted before"
)]

use crate::{
    compare::{
        BLOCK_ROWS, COLUMN_BITS, Word,
        order::{Layout, TILE_BLOCKS, WORD_BYTES, less_than},
    },
    context::SortWidth,
    error::Error,
    open,
    round::Round,
    share::Share,
    shuffle::Shuffled,
    step::{Phase, Step},
};

/// So many comparisons for each way of the sort's width cost less than a batch's rounds.
const FREE: usize = 1 << 15;

/// Bits of a key that are compared at least. Words are of 64 bits, or more if it takes more.
const KEY_BITS: usize = 46;
const TIE_BYTES: usize = 4;

/// What shuffled rows are sorted by.
#[derive(Debug)]
pub(crate) struct Keys {
    /// 8 bytes a row.
    pub(crate) values: Shuffled,
    /// 4 bytes a row: distinct, random, secret.
    pub(crate) ties: Shuffled,
}

/// The order of sorted rows: the j-th is the shuffled row `order[j]`.
#[derive(Debug)]
pub(crate) struct Sorted(pub(crate) Vec<u32>);

/// Sorts shuffled rows.
pub(crate) fn sort(round: &mut Round<'_>, keys: &Keys) -> Result<Sorted, Error> {
    round.context.phase(Phase::Sort);
    let words = Words::new(keys);
    let mut sorter = Sorter::new(words.rows(), round.context.sort_width().ways());
    let mut step = Step::new(Phase::Sort, 0);
    let mut opening = Step::new(Phase::OpenOrder, 0);
    let mut pairs = Vec::new();
    loop {
        sorter.list_pairs(&mut pairs);
        if pairs.is_empty() {
            break;
        }
        let sliced = words.gather(round, &pairs);
        // The first of a pair stays first unless the second is less.
        let second_less = less_than(round, step, (&words.layout, sliced))?;
        let second_less = open::to_all(round, opening, second_less, WORD_BYTES)?;
        sorter.advance(&second_less).ok_or(Error::NotAnOrder {
            peer: round.party().next(),
            step: opening,
        })?;
        round.context.recycle(second_less);
        step = step.plus(words.layout.rounds());
        opening = opening.plus(open::STEPS);
    }
    let order: Vec<u8> = sorter.order.iter().flat_map(|p| p.to_le_bytes()).collect();
    round.context.saw(Step::new(Phase::Sort, 0), &order, 4);
    Ok(Sorted(sorter.order))
}

/// What rows are compared by: the key's lower bits, and below them all that the tie-break has.
struct Words {
    layout: Layout,
    /// The lowest 64 bits of all rows, then what is left.
    columns: Vec<Vec<Word>>,
}

impl Words {
    fn new(keys: &Keys) -> Self {
        let (values, ties) = (keys.values.share(), keys.ties.share());
        let rows = ties.len() / TIE_BYTES;
        let tie_bits = (usize::BITS - rows.saturating_sub(1).leading_zeros()) as usize;
        let bits = (KEY_BITS + tie_bits).max(COLUMN_BITS).next_multiple_of(2);
        let word = |(value, tie): (&[u8; 8], &[u8; TIE_BYTES])| {
            let tie = u128::from(u32::from_le_bytes(*tie)) & ((1 << tie_bits) - 1);
            u128::from(u64::from_le_bytes(*value)) << tie_bits | tie
        };
        let [first, second] = [
            (values.first(), ties.first()),
            (values.second(), ties.second()),
        ]
        .map(|(values, ties)| {
            values
                .as_chunks()
                .0
                .iter()
                .zip(ties.as_chunks().0)
                .map(word)
        });
        let column = |from: usize| {
            let both = first.clone().zip(second.clone());
            let part = move |(one, two)| [one, two].map(|word: u128| (word >> from) as u64);
            both.map(part).collect()
        };
        Self {
            layout: Layout::new(bits),
            columns: (0..bits).step_by(COLUMN_BITS).map(column).collect(),
        }
    }

    fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Puts pairs' words into sliced tiles: x is the second of a pair, y the first.
    fn gather(&self, round: &mut Round<'_>, pairs: &[[u32; 2]]) -> Share {
        const TILE_ROWS: usize = TILE_BLOCKS * BLOCK_ROWS;
        let party = round.party();
        let unit = self.layout.bytes(TILE_BLOCKS);
        let len = self.layout.bytes(pairs.len().div_ceil(BLOCK_ROWS));
        Share::written(round.context, len, unit, |offset, [first, second]| {
            let pairs = pairs[offset / unit * TILE_ROWS..].chunks(TILE_ROWS);
            let tiles = first.chunks_mut(unit).zip(second.chunks_mut(unit));
            for ((first, second), pairs) in tiles.zip(pairs) {
                for (block, pairs) in pairs.chunks(BLOCK_ROWS).enumerate() {
                    let [one, _] = pairs[0];
                    let same = pairs.iter().all(|&[other, _]| other == one);
                    let columns = self.columns.iter().map(|words| {
                        let word = |row: u32| words[row as usize];
                        let pairs = pairs.iter().map(move |&[one, two]| [word(two), word(one)]);
                        (pairs, same.then(|| word(one)))
                    });
                    let tile = [&mut *first, &mut *second];
                    self.layout.slice(party, columns, block, tile);
                }
            }
        })
    }
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

impl Segment {
    /// Comparisons that decide all of it at once.
    const fn all_pairs(self) -> usize {
        self.rows * self.rows.saturating_sub(1) / 2 + self.rows * self.pivots
    }
}

/// What is done with a segment in a batch.
enum Plan {
    /// Compare the first so many rows with each other and all pivots: they become pivots.
    Sample(usize),
    /// Compare all rows with these pivots, numbered from 0.
    Split(Vec<usize>),
}

/// What the plans of a batch have in common.
struct Batch {
    /// Whether it decides everything.
    last: bool,
    /// How wide segments split.
    ways: usize,
    /// Comparisons that cost nothing, and the undecided rows that they are for.
    free: usize,
    undecided: usize,
}

impl Batch {
    fn plan(&self, Segment { rows, pivots, .. }: Segment) -> Plan {
        if self.last || pivots == 0 && rows <= 2 * self.ways {
            return Plan::Sample(rows);
        }
        if pivots > 0 {
            let ways = self.ways.min(pivots + 1);
            return Plan::Split((1..ways).map(|i| (pivots + 1) * i / ways - 1).collect());
        }
        // A sample of s costs s^2 / 2 comparisons and saves rounds; each row costs log2(s) anyway.
        let free = self.free * rows / self.undecided;
        let mut sample = 3_usize;
        while 4 * sample * sample <= (rows * (sample.ilog2() as usize)).max(2 * free) {
            sample = 2 * sample + 1;
        }
        Plan::Sample(sample.min(rows))
    }
}

#[derive(Debug)]
struct Sorter {
    width: usize,
    order: Vec<u32>,
    open: Vec<Segment>,
    /// Memory for a segment's rows, and for a number to each.
    moved: Vec<u32>,
    numbers: Vec<u32>,
}

impl Sorter {
    fn new(rows: usize, width: usize) -> Self {
        let all = Segment {
            start: 0,
            rows,
            pivots: 0,
        };
        Self {
            width,
            order: (0..rows as u32).collect(),
            open: vec![all],
            moved: Vec::new(),
            numbers: Vec::new(),
        }
    }

    fn batch(&self) -> Batch {
        let free = FREE * self.width;
        let undecided = self.open.iter().map(|s| s.rows).sum::<usize>().max(1);
        let widest = SortWidth::WIDEST.ways();
        Batch {
            last: self.open.iter().map(|s| s.all_pairs()).sum::<usize>() <= free,
            ways: self.width.max(widest.min(1 + free / undecided)),
            free,
            undecided,
        }
    }

    /// Lists the comparisons of the next batch.
    fn list_pairs(&self, pairs: &mut Vec<[u32; 2]>) {
        let batch = self.batch();
        pairs.clear();
        for &segment in &self.open {
            let Segment {
                start,
                rows,
                pivots,
            } = segment;
            let (undecided, pivots) = self.order[start..start + rows + pivots].split_at(rows);
            let mut compare = |pivot: u32, rows: &[u32]| {
                pairs.extend(rows.iter().map(|&row| [pivot, row]));
            };
            match batch.plan(segment) {
                Plan::Sample(count) => {
                    let sample = &undecided[..count];
                    for (i, &row) in sample.iter().enumerate() {
                        compare(row, &sample[i + 1..]);
                    }
                    for &pivot in pivots {
                        compare(pivot, sample);
                    }
                }
                Plan::Split(splitters) => {
                    for splitter in splitters {
                        compare(pivots[splitter], undecided);
                    }
                }
            }
        }
    }

    /// Uses the outcomes of [`Self::list_pairs`]; `None` if they contradict each other.
    fn advance(&mut self, second_less: &[u8]) -> Option<()> {
        let batch = self.batch();
        let mut outcomes = Outcomes {
            bits: second_less,
            at: 0,
        };
        let open = core::mem::take(&mut self.open);
        for segment in open {
            match batch.plan(segment) {
                Plan::Sample(count) => self.rank(segment, count, &mut outcomes)?,
                Plan::Split(splitters) => self.split(segment, &splitters, &mut outcomes),
            }
        }
        Some(())
    }

    /// Sorts a segment's first `count` rows and its pivots, which become its pivots.
    fn rank(&mut self, segment: Segment, count: usize, outcomes: &mut Outcomes<'_>) -> Option<()> {
        let Segment {
            start,
            rows,
            pivots,
        } = segment;
        let part = &mut self.order[start..start + rows + pivots];
        // A row's rank is the number of rows before it.
        let ranks = &mut self.numbers;
        ranks.clear();
        ranks.resize(count, 0);
        ranks.extend(0..pivots as u32);
        let (sample, sorted) = ranks.split_at_mut(count);
        let mut compare = |rank: &mut u32, others: &mut [u32]| {
            for other in others {
                *(if outcomes.next() { &mut *rank } else { other }) += 1;
            }
        };
        let mut rest = &mut *sample;
        while let Some((rank, others)) = rest.split_first_mut() {
            compare(rank, others);
            rest = others;
        }
        for rank in sorted {
            compare(rank, sample);
        }
        self.moved.clear();
        self.moved.resize(count + pivots, u32::MAX);
        let compared = part[..count].iter().chain(&part[rows..]);
        for (&row, &rank) in compared.zip(&*ranks) {
            if core::mem::replace(self.moved.get_mut(rank as usize)?, row) != u32::MAX {
                return None;
            }
        }
        part.copy_within(count..rows, 0);
        part[rows - count..].copy_from_slice(&self.moved);
        self.open(Segment {
            start,
            rows: rows - count,
            pivots: pivots + count,
        });
        Some(())
    }

    /// Splits a segment at some of its pivots.
    fn split(&mut self, segment: Segment, splitters: &[usize], outcomes: &mut Outcomes<'_>) {
        let Segment {
            start,
            rows,
            pivots,
        } = segment;
        let part = &mut self.order[start..start + rows + pivots];
        // A row goes behind as many splitters as come before it.
        let ways = &mut self.numbers;
        ways.clear();
        ways.resize(rows, 0);
        for _ in splitters {
            for way in &mut *ways {
                *way += u32::from(!outcomes.next());
            }
        }
        self.moved.clear();
        self.moved.extend_from_slice(part);
        let (undecided, sorted) = self.moved.split_at(rows);
        let mut places = [0; SortWidth::WIDEST.ways()];
        for &way in &*ways {
            places[way as usize] += 1;
        }
        let mut place = 0;
        let mut from = 0;
        for (way, first) in places.iter_mut().enumerate().take(splitters.len() + 1) {
            let to = splitters.get(way).copied().unwrap_or(pivots);
            let count = core::mem::replace(first, place);
            let inner = &sorted[from..to];
            part[place + count..][..inner.len()].copy_from_slice(inner);
            if count > 1 || count == 1 && !inner.is_empty() {
                self.open.push(Segment {
                    start: start + place,
                    rows: count,
                    pivots: inner.len(),
                });
            }
            place += count + inner.len();
            if to < pivots {
                part[place] = sorted[to];
                place += 1;
            }
            from = to + 1;
        }
        for (&row, &way) in undecided.iter().zip(&*ways) {
            let place = &mut places[way as usize];
            part[*place] = row;
            *place += 1;
        }
    }

    /// Goes on with a segment in the next batch, if something in it is undecided.
    fn open(&mut self, segment: Segment) {
        if segment.rows > 0 {
            self.open.push(segment);
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Settings, permutation::Permutation, stream::Stream, world::World};

    /// A word has all bits of the tie-break, and never fewer than 46 of the key.
    #[test]
    fn words_grow_with_the_number_of_rows() {
        for (rows, tie_bits, bits) in [(2, 1, 64), (1 << 18, 18, 64), ((1 << 18) + 1, 19, 66)] {
            let share = |row_bytes: usize, seed: u8| {
                let first = Stream::new(&[seed; 16]).bytes(rows * row_bytes);
                Share::new(first.clone(), first)
            };
            let (values, ties) = (share(8, 1), share(4, 2));
            let keys = Keys {
                values: Shuffled::made_up(values.clone()),
                ties: Shuffled::made_up(ties.clone()),
            };
            let words = Words::new(&keys);
            assert_eq!(words.layout.bytes(1), 2 * 8 * bits, "{rows} rows");
            for row in [0, 1, rows - 1] {
                let bytes = |all: &[u8], width: usize| {
                    let mut padded = [0; 16];
                    padded[..width].copy_from_slice(&all[row * width..][..width]);
                    u128::from_le_bytes(padded)
                };
                let tie = bytes(ties.first(), 4) % (1 << tie_bits);
                let mut word = bytes(values.first(), 8) << tie_bits | tie;
                for column in &words.columns {
                    assert_eq!(column[row], [word as u64; 2], "{rows} rows");
                    word >>= 64;
                }
                assert!(bits - tie_bits >= 46 && words.columns.len() == bits.div_ceil(64));
            }
        }
    }

    /// Sorts rows of these keys and tie-breaks as the parties do.
    fn sorted(seed: u64, width: u8, keys: &[u64], ties: &[u32]) -> Vec<u32> {
        let values = keys.iter().flat_map(|key| key.to_le_bytes());
        let input: Vec<u8> = values
            .chain(ties.iter().flat_map(|tie| tie.to_le_bytes()))
            .collect();
        let settings = Settings {
            threads: 1,
            sort_width: SortWidth::new(width),
        };
        let orders = World::with_settings(seed, settings).run(&input, |context, first, second| {
            context.begin(1)?;
            let mut round = context.enter()?;
            round.open_nonce()?;
            let rows = Share::new(first, second);
            let [values, ties] = [0..8 * keys.len(), 8 * keys.len()..rows.len()]
                .map(|range| Shuffled::made_up(rows.part(range)));
            sort(&mut round, &Keys { values, ties })
        });
        let [Sorted(order), Sorted(other), Sorted(another)] = orders.expect("honest parties");
        assert!(order == other && order == another);
        order
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        /// Equal keys stand in the order of their tie-breaks: secret and random ones, or it would tell
        /// which keys are equal.
        #[test]
        fn parties_sort(keys in proptest::collection::vec(0..20_u64, 1..150), seed: u64, width in 2..17_u8) {
            let ties = Permutation::random(&Stream::new(&[seed as u8; 16]), keys.len());
            let order = sorted(seed, width, &keys, ties.as_slice());
            let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
            expected.sort_by_key(|&row| (keys[row as usize], ties.as_slice()[row as usize]));
            prop_assert_eq!(order, expected);
        }
    }

    /// Runs the sorter on plain distinct keys; returns batches and comparisons.
    fn sort_plain(keys: &[u64], width: usize) -> (Vec<u32>, usize, usize) {
        let mut sorter = Sorter::new(keys.len(), width);
        let mut pairs = Vec::new();
        let (mut batches, mut comparisons) = (0, 0);
        loop {
            sorter.list_pairs(&mut pairs);
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
