//! Memory of proofs that is used again: to get it anew takes as long as half a proof.

use core::fmt;
use std::sync::{Mutex, PoisonError};

use super::simd::Cell;
use crate::context::LARGEST_SPARE;

/// What the last proof has left: f and h.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Vec<Vec<Cell>>>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(..)")
    }
}

impl Memory {
    /// Returns zeros.
    pub(super) fn take(&self, len: usize) -> Vec<Cell> {
        let mut cells = self.lock().pop().unwrap_or_default();
        if cells.capacity() < len {
            return vec![[0; 2]; len];
        }
        cells.clear();
        cells.resize(len, [0; 2]);
        cells
    }

    /// Keeps vectors, unless they are large, instead of those that were kept and not taken.
    pub(super) fn keep(&self, cells: [Vec<Cell>; 2]) {
        let small = |cells: &Vec<Cell>| size_of::<Cell>() * cells.capacity() <= LARGEST_SPARE;
        *self.lock() = cells.into_iter().filter(small).collect();
    }

    fn lock(&self) -> impl core::ops::DerefMut<Target = Vec<Vec<Cell>>> {
        // Whatever is in there can be used.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
