//! A retrieval table: maps n keys to cells, says nothing of which keys it knows.
//!
//! A key's cell is the XOR of three table cells, one in each of three consecutive segments (built by
//! peeling; binary fuse filters, Graf and Lemire 2022), and of a random subset of 64 cells at the
//! end. Segments are short, so that building walks through memory once. The 64 make sure that a table exists
//! but for a chance below 2^-40 (Pinkas, Rosulek, Trieu, Yanai, CRYPTO 2020), so nobody ever has to
//! choose other hashes: a second try would tell the helper something about the keys.
//!
//! Many keys are strewn over some such tables by their hashes, each with room to spare: a thread
//! builds one.
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
    /// Part after part: all segments, then the dense cells.
    cells: Vec<u8>,
    parts: Parts,
}

/// How keys are strewn over parts.
#[derive(Clone, Copy, Debug)]
struct Parts {
    count: u32,
    /// Keys that there is room for in each.
    room: usize,
    layout: Layout,
}

impl Parts {
    fn of(keys: usize) -> Self {
        const KEYS: usize = 100_000;
        const MOST: usize = 16;
        let count = (keys / KEYS).clamp(1, MOST);
        let room = match keys / count {
            _ if count == 1 => keys,
            // Eight standard deviations: too little with a chance below 2^-45.
            mean => mean + 8 * mean.isqrt(),
        };
        Self {
            count: count as u32,
            room,
            layout: Layout::of(room),
        }
    }

    const fn cells(self) -> usize {
        self.layout.sparse_cells() + DENSE
    }

    /// The part that a key is in: by bits that its places there do not depend on.
    const fn part(self, hash: u64) -> usize {
        let bits = mix(hash ^ 0x9e37_79b9_7f4a_7c15) >> 32;
        ((bits * self.count as u64) >> 32) as usize
    }
}

/// How a part for so many keys is laid out.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// Cells of a segment.
    segment: u32,
    /// Segments that a key's three can begin with.
    starts: u32,
}

impl Layout {
    fn of(keys: usize) -> Self {
        let segment = match keys {
            // Few keys: three segments.
            0..20_000 => {
                return Self {
                    segment: (keys * 13).div_ceil(30) as u32 + 8,
                    starts: 1,
                };
            }
            20_000..60_000 => 1024,
            60_000..500_000 => 2048,
            _ => 8192,
        };
        Self {
            segment,
            starts: (keys * 5).div_ceil(4 * segment as usize) as u32,
        }
    }

    const fn sparse_cells(self) -> usize {
        (self.starts as usize + 2) * self.segment as usize
    }

    /// The segment that a key's three begin with.
    const fn start(self, hash: u64) -> u32 {
        (((hash & 0xffff_ffff) * self.starts as u64) >> 32) as u32
    }
}

/// Where a key's cells are.
#[derive(Clone, Copy)]
struct Places {
    sparse: [u32; 3],
    dense: u64,
}

impl Places {
    fn of(hash: u64, layout: Layout) -> Self {
        // The hash is uniformly random already; more bits are mixed from it.
        let more = mix(hash);
        let first = layout.start(hash) * layout.segment;
        let within = |bits: u64| ((bits * u64::from(layout.segment)) >> 32) as u32;
        Self {
            sparse: [
                first + within(hash >> 32),
                first + layout.segment + within(more & 0xffff_ffff),
                first + 2 * layout.segment + within(more >> 32),
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
    /// Returns the bytes of a table for that many keys.
    pub(crate) fn len(keys: usize) -> usize {
        let parts = Parts::of(keys);
        parts.count as usize * parts.cells() * CELL_BYTES
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.cells
    }

    /// Takes [`Self::len`] bytes as a table.
    pub(crate) fn from_bytes(cells: Vec<u8>, keys: usize) -> Self {
        Self {
            cells,
            parts: Parts::of(keys),
        }
    }

    /// Makes the table that maps each hash to its cell; `None` if there is none.
    pub(crate) fn build(
        context: &Context,
        hashes: &[u64],
        values: impl Iterator<Item = Cell>,
    ) -> Option<Self> {
        let parts = Parts::of(hashes.len());
        let mut built: Vec<Part> = (0..parts.count).map(|_| Part::with_room(parts)).collect();
        for (&hash, value) in hashes.iter().zip(values) {
            let part = &mut built[parts.part(hash)];
            part.hashes.push(hash);
            part.values.push(value);
        }
        context.each(&mut built, Part::build);
        let mut cells = Vec::with_capacity(Self::len(hashes.len()));
        for part in built {
            cells.extend_from_slice(part.cells?.as_flattened());
        }
        Some(Self { cells, parts })
    }

    /// Looks all hashes (8 bytes each) up.
    pub(crate) fn answer_all(&self, context: &mut Context, hashes: &[u8]) -> Answers {
        let hashes = hashes.as_chunks::<8>().0;
        let cells = self.cells.as_chunks::<CELL_BYTES>().0;
        let layout = self.parts.layout;
        let parts: Vec<_> = cells
            .chunks_exact(self.parts.cells())
            .map(|cells| (cells, dense_sums(&cells[layout.sparse_cells()..])))
            .collect();
        let mut answers = context.scratch(hashes.len() * CELL_BYTES);
        context.fill(&mut answers, CELL_BYTES, |offset, out| {
            let out = out.as_chunks_mut::<CELL_BYTES>().0;
            for (out, hash) in out.iter_mut().zip(&hashes[offset / CELL_BYTES..]) {
                let hash = u64::from_le_bytes(*hash);
                let (cells, sums) = &parts[self.parts.part(hash)];
                let places = Places::of(hash, layout);
                let [a, b, c] = places.sparse.map(|cell| as_word(&cells[cell as usize]));
                let mut sum = a ^ b ^ c;
                for (byte, sums) in places.dense.to_le_bytes().into_iter().zip(sums) {
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

/// A part that is being built.
struct Part {
    parts: Parts,
    hashes: Vec<u64>,
    values: Vec<Cell>,
    /// What it has become, unless there is no such table.
    cells: Option<Vec<Cell>>,
}

impl Part {
    fn with_room(parts: Parts) -> Self {
        Self {
            parts,
            hashes: Vec::with_capacity(parts.room),
            values: Vec::with_capacity(parts.room),
            cells: None,
        }
    }

    fn build(&mut self) {
        if self.hashes.len() <= self.parts.room {
            self.cells = build(self.parts.layout, &self.hashes, &self.values);
        }
    }
}

/// Makes the cells that map each hash to its value; `None` if there are none.
fn build(layout: Layout, hashes: &[u64], values: &[Cell]) -> Option<Vec<Cell>> {
    let sparse = layout.sparse_cells();
    let (places, mut values) = in_order(hashes, values, layout);

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
    Some(cells)
}

/// Sorts keys by the segment that they begin in: neighbours in the table are then neighbours here.
fn in_order(hashes: &[u64], values: &[Cell], layout: Layout) -> (Vec<Places>, Vec<Cell>) {
    let mut next = vec![0_u32; layout.starts as usize + 1];
    for &hash in hashes {
        next[layout.start(hash) as usize + 1] += 1;
    }
    for start in 1..next.len() {
        next[start] += next[start - 1];
    }
    let mut places = vec![
        Places {
            sparse: [0; 3],
            dense: 0
        };
        hashes.len()
    ];
    let mut sorted = vec![[0; CELL_BYTES]; hashes.len()];
    for (&hash, &value) in hashes.iter().zip(values) {
        let at = &mut next[layout.start(hash) as usize];
        places[*at as usize] = Places::of(hash, layout);
        sorted[*at as usize] = value;
        *at += 1;
    }
    (places, sorted)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, stream::Stream, world::World};

    /// Every key finds its cell, for any number of keys, also where peeling gets stuck.
    #[test]
    fn finds_its_keys() {
        for keys in [
            0, 1, 2, 3, 10, 63, 64, 65, 300, 1000, 5000, 19_999, 20_000, 70_000, 250_000,
        ] {
            let hashes = Stream::new(&[keys as u8; 16]).bytes(keys * 8);
            let words: Vec<u64> = hashes
                .as_chunks::<8>()
                .0
                .iter()
                .map(|h| u64::from_le_bytes(*h))
                .collect();
            let cell = |i: u32| {
                let mut cell = [0; CELL_BYTES];
                cell[8..].copy_from_slice(&i.to_le_bytes());
                cell
            };
            let settings = Settings {
                threads: 2,
                ..Settings::default()
            };
            let mut world = World::with_settings(1, settings);
            let found = world.run(&[], |context, _, _| {
                let cells = (0..keys as u32).map(cell);
                let table = Table::build(context, &words, cells).expect("a table");
                assert_eq!(table.cells.len(), Table::len(keys));
                Ok(table.answer_all(context, &hashes).positions)
            });
            for (i, position) in (0_u32..).zip(found.unwrap()[0].as_chunks::<4>().0) {
                assert_eq!(u32::from_le_bytes(*position), i, "of {keys}");
            }
        }
    }

    /// Keys that share all three cells, which peeling cannot tell apart, are told apart all the same.
    #[test]
    fn solves_what_cannot_be_peeled() {
        let place = |dense| Places {
            sparse: [1, 10, 20],
            dense,
        };
        let core = [
            (place(0b11), [1; CELL_BYTES]),
            (place(0b110), [2; CELL_BYTES]),
            (place(1 << 63), [3; CELL_BYTES]),
        ];
        let mut cells = vec![[0; CELL_BYTES]; 24 + DENSE];
        solve(&core, &mut cells).expect("independent equations");
        for (places, value) in core {
            let mut sum = [0; CELL_BYTES];
            places
                .sparse
                .iter()
                .for_each(|&cell| add(&mut sum, &cells[cell as usize]));
            for bit in (0..DENSE).filter(|bit| places.dense >> bit & 1 == 1) {
                add(&mut sum, &cells[24 + bit]);
            }
            assert_eq!(sum, value);
        }
    }
}
