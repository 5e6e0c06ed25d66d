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
