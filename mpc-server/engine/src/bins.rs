//! Bins: a hint by which list B finds its rows in list A (docs/protocol.md §6.4).
//!
//! Every value has two candidate bins, one in each half, by a pseudo-random function whose key nobody
//! knows before the values are fixed. A value that occurs once goes into one of the two; its row is then
//! found by looking into both. Nobody's privacy depends on the hint: a wrong one leaves rows out.

use crate::{
    map::NOTHING,
    stream::{SEED_BYTES, Stream},
};

/// Rows that are moved to make room for one, at most.
const MOVES: usize = 1000;
/// Values whose bins are worked out at a time.
const BATCH: usize = 64;

/// Returns how many bins there are for so many rows.
pub(crate) const fn count(rows: usize) -> usize {
    2 * (5 * rows).div_ceil(4) + 256
}

/// Values with their candidate bins.
pub(crate) struct Candidates<'a> {
    values: &'a [u64],
    bins: Vec<[u32; 2]>,
    half: usize,
}

impl<'a> Candidates<'a> {
    /// Works out the candidates by the key that was opened.
    pub(crate) fn new(key: &[u8; SEED_BYTES], values: &'a [u64], bins: usize) -> Self {
        let function = Stream::new(key);
        let half = bins / 2;
        let mut out = Vec::with_capacity(values.len());
        for values in values.chunks(BATCH) {
            let mut blocks = [[0; SEED_BYTES]; BATCH];
            let blocks = blocks.split_at_mut(values.len()).0;
            for (block, value) in blocks.iter_mut().zip(values) {
                *block = u128::from(*value).to_le_bytes();
            }
            function.encrypt(blocks);
            // Half of the block for each candidate; bias below 2^-32.
            let bin = |word: u128| ((u128::from(word as u64) * half as u128) >> 64) as u32;
            out.extend(blocks.iter().map(|block| {
                let word = u128::from_le_bytes(*block);
                [bin(word), half as u32 + bin(word >> 64)]
            }));
        }
        Self {
            values,
            bins: out,
            half,
        }
    }

    #[cfg(test)]
    pub(crate) fn bins(&self) -> &[[u32; 2]] {
        &self.bins
    }

    /// Tells of each value whether it occurs once.
    fn single(&self) -> Vec<bool> {
        let mut single = vec![true; self.values.len()];
        // Different values with one first candidate; there are few of them.
        let mut last = vec![NOTHING; self.half];
        let mut before = vec![NOTHING; self.values.len()];
        for (row, (value, [bin, _])) in self.values.iter().zip(&self.bins).enumerate() {
            let Some(last) = last.get_mut(*bin as usize) else {
                continue;
            };
            let mut at = *last;
            while let Some(other) = self.values.get(at as usize) {
                if other == value {
                    break;
                }
                at = before.get(at as usize).copied().unwrap_or(NOTHING);
            }
            if let Some(repeated) = single.get_mut(at as usize) {
                *repeated = false;
                if let Some(this) = single.get_mut(row) {
                    *this = false;
                }
            } else if let Some(before) = before.get_mut(row) {
                *before = core::mem::replace(last, row as u32);
            }
        }
        single
    }

    /// Returns where to look for each value, the first candidates before the second ones, `rows` of
    /// each: nowhere for a value that is repeated, or not there.
    pub(crate) fn places(&self, rows: usize) -> Vec<u32> {
        let mut places = vec![NOTHING; 2 * rows];
        let (first, second) = places.split_at_mut(rows);
        let both = first.iter_mut().zip(second);
        for (((one, two), bins), single) in both.zip(&self.bins).zip(self.single()) {
            if single {
                [*one, *two] = *bins;
            }
        }
        places
    }

    /// Puts every row into a bin of its own: a value that occurs once into one of its candidates, as
    /// far as they go, all others into neither of theirs. Returns what stands in each bin, if something
    /// does.
    pub(crate) fn fill(&self) -> Vec<u32> {
        let mut owners = vec![NOTHING; 2 * self.half];
        let mut rest = Vec::new();
        for (row, single) in (0..).zip(self.single()) {
            if !single {
                rest.push(row);
            } else if let Some(homeless) = self.put(row, &mut owners) {
                rest.push(homeless);
            }
        }
        let mut free = 0..owners.len() as u32;
        let mut skipped: Vec<u32> = Vec::new();
        for row in rest {
            let own = self.bins.get(row as usize).copied().unwrap_or_default();
            let old = skipped.iter().position(|bin| !own.contains(bin));
            let bin = old.map(|at| skipped.swap_remove(at)).or_else(|| {
                free.by_ref().find(|&bin| {
                    let is_free = owners.get(bin as usize) == Some(&NOTHING);
                    if is_free && own.contains(&bin) {
                        skipped.push(bin);
                    }
                    is_free && !own.contains(&bin)
                })
            });
            if let Some(owner) = bin.and_then(|bin| owners.get_mut(bin as usize)) {
                *owner = row;
            }
        }
        owners
    }

    /// Puts a row into one of its candidates and moves others to theirs; returns who found no room.
    fn put(&self, row: u32, owners: &mut [u32]) -> Option<u32> {
        let mut row = row;
        let mut from = NOTHING;
        for _ in 0..MOVES {
            let [one, two] = *self.bins.get(row as usize)?;
            // Where it was not, the free one first.
            let is_free = |bin: u32| owners.get(bin as usize) == Some(&NOTHING);
            let bin = if from == one || from != two && !is_free(one) && is_free(two) {
                two
            } else {
                one
            };
            let owner = owners.get_mut(bin as usize)?;
            row = core::mem::replace(owner, row);
            from = bin;
            if row == NOTHING {
                return None;
            }
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; SEED_BYTES] = [9; SEED_BYTES];

    /// Distinct values, and some that are used twice and three times.
    fn values(rows: u64, repeated: u64) -> Vec<u64> {
        let distinct = (0..rows).map(|row| row * 4 + 1000);
        distinct
            .chain((0..repeated).flat_map(|n| vec![n; 2 + n as usize % 2]))
            .collect()
    }

    /// Every row has a bin of its own; one that occurs once stands in one of its candidates, all others
    /// in neither of theirs.
    #[test]
    fn rows_stand_where_they_are_looked_for() {
        let sizes = [(1, 0), (0, 1), (2, 1), (3, 5), (300, 40), (20_000, 700)];
        // Few rows stand in one of few bins by chance, so these are tried with many keys.
        let keys = |rows| if rows < 10 { 0..100 } else { 9..10 };
        let all = sizes
            .into_iter()
            .flat_map(|size| keys(size.0).map(move |key| (size, key)));
        for ((rows, repeated), key) in all {
            let values = values(rows, repeated);
            let bins = count(values.len());
            let candidates = Candidates::new(&[key; SEED_BYTES], &values, bins);
            let owners = candidates.fill();
            assert_eq!(owners.len(), bins);
            let mut places = vec![None; values.len()];
            for (bin, owner) in (0..).zip(&owners).filter(|(_, owner)| **owner != NOTHING) {
                assert_eq!(places[*owner as usize].replace(bin), None, "one bin each");
            }
            for (row, place) in places.into_iter().enumerate() {
                let stands_in_own = candidates.bins[row].contains(&place.expect("every row"));
                let once = values.iter().filter(|value| **value == values[row]).count() == 1;
                assert_eq!(stands_in_own, once, "row {row} of {rows}");
            }
        }
    }

    /// Too few bins for all: nobody stands in a candidate but its own, and every row somewhere.
    #[test]
    fn what_finds_no_room_stands_in_neither_of_its_bins() {
        let values: Vec<u64> = (0..14).map(|n| n << 2).collect();
        for seed in 0..200 {
            let candidates = Candidates::new(&[seed; SEED_BYTES], &values, 16);
            let owners = candidates.fill();
            let placed = owners.iter().filter(|owner| **owner != NOTHING).count();
            // A row may find only its own bins left; then it stands nowhere and pads take them.
            assert!(placed >= values.len() - 2, "seed {seed}: {placed}");
            let homes = |row: usize| owners.iter().filter(|owner| **owner == row as u32).count();
            assert!((0..values.len()).all(|row| homes(row) <= 1));
        }
    }

    /// Where values are repeated nothing is looked up; else both candidates are, one of each half.
    #[test]
    fn repeated_values_are_not_looked_up() {
        let values = values(50, 7);
        let bins = count(values.len());
        let candidates = Candidates::new(&KEY, &values, bins);
        let padded = values.len().next_multiple_of(64);
        let places = candidates.places(padded);
        for row in 0..padded {
            let both = [places[row], places[padded + row]];
            let once = values
                .get(row)
                .is_some_and(|value| values.iter().filter(|other| *other == value).count() == 1);
            if once {
                assert!(
                    both[0] < bins as u32 / 2
                        && both[1] >= bins as u32 / 2
                        && both[1] < bins as u32
                );
            } else {
                assert_eq!(both, [NOTHING; 2]);
            }
        }
    }

    /// Rows that find no room are few: none in these rounds of 100 and 1,000.
    #[test]
    fn hardly_a_row_finds_no_room() {
        for rows in [100, 1000] {
            let values = values(rows, 0);
            for seed in 0..60 {
                let candidates = Candidates::new(&[seed; SEED_BYTES], &values, count(values.len()));
                let owners = candidates.fill();
                let at_home = owners.iter().enumerate().filter(|(bin, owner)| {
                    **owner != NOTHING && candidates.bins[**owner as usize].contains(&(*bin as u32))
                });
                assert_eq!(at_home.count(), values.len(), "{rows} rows, seed {seed}");
            }
        }
    }
}
