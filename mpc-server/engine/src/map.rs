//! What moves rows: 0/1 matrices with at most one entry a row, or a column (docs/protocol.md §4.2).

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::{bytes, context::Context, permutation::Permutation};

/// No row.
pub(crate) const NOTHING: u32 = u32::MAX;

/// Returns of each of `inputs` rows where a list names it, each at most once: [`NOTHING`] if nowhere.
pub(crate) fn invert(list: &[u32], inputs: usize, context: &Context) -> Vec<u32> {
    /// Entries that a thread takes at a time.
    const PART: usize = 1 << 14;
    let back: Vec<_> = (0..inputs).map(|_| AtomicU32::new(NOTHING)).collect();
    let mut parts: Vec<_> = (0_u32..).step_by(PART).zip(list.chunks(PART)).collect();
    context.each(&mut parts, |(first, part)| {
        for (at, &from) in (*first..).zip(*part) {
            if let Some(back) = back.get(from as usize) {
                back.store(at, Relaxed);
            }
        }
    });
    back.into_iter().map(AtomicU32::into_inner).collect()
}

/// A linear map of whole rows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Map {
    /// `out[j] = in[from[j]]`, zero where that is [`NOTHING`].
    Gather { from: Vec<u32>, inputs: usize },
    /// `out[to[k]] ^= in[k]`, unless that is [`NOTHING`].
    Scatter { to: Vec<u32>, outputs: usize },
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} to {} rows, ..)", self.inputs(), self.outputs())
    }
}

impl From<&Permutation> for Map {
    fn from(permutation: &Permutation) -> Self {
        let from = permutation.as_slice().to_vec();
        let inputs = from.len();
        Self::Gather { from, inputs }
    }
}

impl Map {
    /// Rows that go in.
    pub(crate) const fn inputs(&self) -> usize {
        match self {
            Self::Gather { inputs, .. } => *inputs,
            Self::Scatter { to, .. } => to.len(),
        }
    }

    /// Rows that come out.
    pub(crate) const fn outputs(&self) -> usize {
        match self {
            Self::Gather { from, .. } => from.len(),
            Self::Scatter { outputs, .. } => *outputs,
        }
    }

    /// XORs the rows that come out into `out`.
    pub(crate) fn add(&self, context: &Context, rows: &[u8], row_bytes: usize, out: &mut [u8]) {
        match row_bytes {
            4 => self.add_rows::<4>(context, rows, out),
            8 => self.add_rows::<8>(context, rows, out),
            12 => self.add_rows::<12>(context, rows, out),
            _ => self.add_any(rows, row_bytes, out),
        }
    }

    fn add_rows<const N: usize>(&self, context: &Context, rows: &[u8], out: &mut [u8]) {
        let rows = rows.as_chunks::<N>().0;
        match self {
            Self::Gather { from, .. } => context.fill(out, N, |offset, out| {
                let from = from.get(offset / N..).unwrap_or_default();
                for (out, &from) in out.as_chunks_mut::<N>().0.iter_mut().zip(from) {
                    if let Some(row) = rows.get(from as usize) {
                        bytes::xor_row(out, row);
                    }
                }
            }),
            Self::Scatter { to, .. } => {
                let out = out.as_chunks_mut::<N>().0;
                for (&to, row) in to.iter().zip(rows) {
                    if let Some(out) = out.get_mut(to as usize) {
                        bytes::xor_row(out, row);
                    }
                }
            }
        }
    }

    fn add_any(&self, rows: &[u8], row_bytes: usize, out: &mut [u8]) {
        let at = |row: u32| {
            let start = (row as usize).checked_mul(row_bytes)?;
            Some(start..start.checked_add(row_bytes)?)
        };
        match self {
            Self::Gather { from, .. } => {
                for (out, &from) in out.chunks_exact_mut(row_bytes).zip(from) {
                    if let Some(row) = at(from).and_then(|range| rows.get(range)) {
                        bytes::xor(out, row);
                    }
                }
            }
            Self::Scatter { to, .. } => {
                for (&to, row) in to.iter().zip(rows.chunks_exact(row_bytes)) {
                    if let Some(out) = at(to).and_then(|range| out.get_mut(range)) {
                        bytes::xor(out, row);
                    }
                }
            }
        }
    }
}
