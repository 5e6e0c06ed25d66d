//! A retrieval table: maps n keys to cells, says nothing of which keys it knows.
//!
//! A key's cell is the XOR of three table cells, one in each third (Botelho, Pagh, Ziviani 2007; built
//! by peeling) and of a random subset of 64 cells at the end. Those 64 make sure that a table exists
//! but for a chance below 2^-40 (Pinkas, Rosulek, Trieu, Yanai, CRYPTO 2020), so nobody ever has to
//! choose other hashes: a second try would tell the helper something about the keys.
#![expect(
    clippy::indexing_slicing,
    reason = "cell numbers are made below the table's length, keys are the table's own"
)]

use crate::{context::Context, lookup::Answers};

/// A fingerprint (8) and a position (4).
pub(crate) const CELL_BYTES: usize = 12;
const DENSE: usize = 64;

type Cell = [u8; CELL_BYTES];

/// Masked or plain, as built or as received.
#[derive(Debug)]
pub(crate) struct Table {
    /// Three thirds, then the dense cells.
    cells: Vec<u8>,
    third: u32,
}

/// Where a key's cells are.
#[derive(Clone, Copy)]
struct Places {
    sparse: [u32; 3],
    dense: u64,
}

impl Places {
    fn of(hash: u64, third: u32) -> Self {
        // The hash is uniformly random already; more bits are mixed from it.
        let more = mix(hash);
        let within = |bits: u64| ((bits * u64::from(third)) >> 32) as u32;
        Self {
            sparse: [
                within(hash & 0xffff_ffff),
                third + within(hash >> 32),
                2 * third + within(more >> 32),
            ],
            dense: mix(more),
        }
    }
}

/// The finaliser of `MurmurHash3`.
const fn mix(mut h: u64) -> u64 {
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ (h >> 33)
}

fn add(to: &mut Cell, from: &Cell) {
    let sum = as_word(to) ^ as_word(from);
    to.copy_from_slice(&sum.to_le_bytes()[..CELL_BYTES]);
}

fn as_word(cell: &Cell) -> u128 {
    let mut word = [0; 16];
    word[..CELL_BYTES].copy_from_slice(cell);
    u128::from_le_bytes(word)
}

impl Table {
    fn third(keys: usize) -> u32 {
        (keys * 13).div_ceil(30) as u32 + 8
    }

    /// Returns the bytes of a table for that many keys.
    pub(crate) fn len(keys: usize) -> usize {
        (3 * Self::third(keys) as usize + DENSE) * CELL_BYTES
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.cells
    }

    /// Takes [`Self::len`] bytes as a table.
    pub(crate) fn from_bytes(cells: Vec<u8>, keys: usize) -> Self {
        Self {
            cells,
            third: Self::third(keys),
        }
    }

    /// Makes the table that maps each hash to its cell; `None` if there is none.
    pub(crate) fn build(hashes: &[u64], values: impl Iterator<Item = Cell>) -> Option<Self> {
        let third = Self::third(hashes.len());
        let sparse = 3 * third as usize;
        let mut values: Vec<Cell> = values.collect();
        let places: Vec<Places> = hashes.iter().map(|&hash| Places::of(hash, third)).collect();

        // Peel: a cell that only one key is left in is that key's own.
        let mut keys_in = vec![(0_u32, 0_u32); sparse]; // how many keys, XOR of their numbers
        for (key, places) in (0_u32..).zip(&places) {
            for cell in places.sparse {
                let (count, xor) = &mut keys_in[cell as usize];
                *count += 1;
                *xor ^= key;
            }
        }
        let mut single: Vec<u32> = (0..)
            .zip(&keys_in)
            .filter(|(_, (c, _))| *c == 1)
            .map(|(i, _)| i)
            .collect();
        let mut order = Vec::with_capacity(hashes.len());
        let mut peeled = vec![false; hashes.len()];
        while let Some(own) = single.pop() {
            let (1, key) = keys_in[own as usize] else {
                continue;
            };
            order.push((key, own));
            peeled[key as usize] = true;
            for cell in places[key as usize].sparse {
                let (count, xor) = &mut keys_in[cell as usize];
                *count -= 1;
                *xor ^= key;
                if *count == 1 {
                    single.push(cell);
                }
            }
        }

        // What is left, hardly ever anything, is solved as linear equations.
        let mut cells = vec![[0; CELL_BYTES]; sparse + DENSE];
        if order.len() < hashes.len() {
            let core: Vec<(Places, Cell)> = (0..hashes.len())
                .filter(|&key| !peeled[key])
                .map(|key| (places[key], values[key]))
                .collect();
            solve(&core, &mut cells)?;
        }
        // Backwards, each key's own cell makes up for its others.
        let has_dense = order.len() < hashes.len();
        for (key, own) in order.into_iter().rev() {
            let places = &places[key as usize];
            let value = &mut values[key as usize];
            for cell in places.sparse {
                add(value, &cells[cell as usize]);
            }
            if has_dense {
                for bit in (0..DENSE).filter(|bit| places.dense >> bit & 1 == 1) {
                    add(value, &cells[sparse + bit]);
                }
            }
            cells[own as usize] = *value;
        }
        Some(Self {
            cells: cells.into_flattened(),
            third,
        })
    }

    /// Looks all hashes (8 bytes each) up.
    pub(crate) fn answer_all(&self, context: &mut Context, hashes: &[u8]) -> Answers {
        let hashes = hashes.as_chunks::<8>().0;
        let cells = self.cells.as_chunks::<CELL_BYTES>().0;
        let sums = dense_sums(&cells[3 * self.third as usize..]);
        let mut answers = context.scratch(hashes.len() * CELL_BYTES);
        context.fill(&mut answers, CELL_BYTES, |offset, out| {
            let out = out.as_chunks_mut::<CELL_BYTES>().0;
            for (out, hash) in out.iter_mut().zip(&hashes[offset / CELL_BYTES..]) {
                let places = Places::of(u64::from_le_bytes(*hash), self.third);
                let [a, b, c] = places.sparse.map(|cell| as_word(&cells[cell as usize]));
                let mut sum = a ^ b ^ c;
                for (byte, sums) in places.dense.to_le_bytes().into_iter().zip(&sums) {
                    sum ^= sums[byte as usize];
                }
                out.copy_from_slice(&sum.to_le_bytes()[..CELL_BYTES]);
            }
        });
        let mut differences = context.scratch(hashes.len() * 8);
        let mut positions = context.scratch(hashes.len() * 4);
        let halves = differences
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(positions.as_chunks_mut::<4>().0);
        for ((difference, position), answer) in halves.zip(answers.as_chunks::<CELL_BYTES>().0) {
            let (d, p) = answer.split_at(8);
            difference.copy_from_slice(d);
            position.copy_from_slice(p);
        }
        context.recycle(answers);
        Answers {
            differences,
            positions,
        }
    }
}

/// The XOR of each subset of each eight dense cells.
fn dense_sums(dense: &[Cell]) -> Vec<[u128; 256]> {
    let groups = dense.chunks(8).map(|cells| {
        let mut sums = [0; 256];
        for (bit, cell) in cells.iter().enumerate() {
            for subset in 0..1 << bit {
                sums[1 << bit | subset] = sums[subset] ^ as_word(cell);
            }
        }
        sums
    });
    groups.collect()
}

/// Solves the equations of keys that could not be peeled, by elimination.
fn solve(core: &[(Places, Cell)], cells: &mut [Cell]) -> Option<()> {
    let sparse = cells.len() - DENSE;
    let mut variables: Vec<u32> = core.iter().flat_map(|(places, _)| places.sparse).collect();
    variables.sort_unstable();
    variables.dedup();
    let words = variables.len().div_ceil(64) + 1;
    let mut rows: Vec<(Vec<u64>, Cell)> = core
        .iter()
        .map(|(places, value)| {
            let mut row = vec![0; words];
            row[0] = places.dense;
            for cell in places.sparse {
                let at = DENSE + variables.binary_search(&cell).unwrap_or_default();
                row[at / 64] ^= 1 << (at % 64);
            }
            (row, *value)
        })
        .collect();
    let mut pivots = Vec::with_capacity(rows.len());
    for i in 0..rows.len() {
        let (done, rest) = rows.split_at_mut(i + 1);
        let (pivot_row, pivot_value) = &done[i];
        let word = pivot_row.iter().position(|&word| word != 0)?;
        let bit = pivot_row[word].trailing_zeros();
        for (row, value) in rest.iter_mut().filter(|(row, _)| row[word] >> bit & 1 == 1) {
            row.iter_mut().zip(pivot_row).for_each(|(a, b)| *a ^= b);
            add(value, pivot_value);
        }
        pivots.push(word * 64 + bit as usize);
    }
    let cell_of = |at: usize| match at.checked_sub(DENSE) {
        None => sparse + at,
        Some(at) => variables[at] as usize,
    };
    for ((row, value), &pivot) in rows.iter().zip(&pivots).rev() {
        let mut sum = *value;
        for (word, &bits) in row.iter().enumerate() {
            for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
                add(&mut sum, &cells[cell_of(word * 64 + bit)]);
            }
        }
        cells[cell_of(pivot)] = sum;
    }
    Some(())
}
