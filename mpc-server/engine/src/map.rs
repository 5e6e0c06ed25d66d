//! What moves rows: 0/1 matrices with at most one entry a row, or a column (docs/protocol.md §4.3).

use core::fmt;

/// No row.
pub(crate) const NOTHING: u32 = u32::MAX;

/// A linear map of whole rows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Map {
    /// `out[j] = in[from[j]]`, zero where that is [`NOTHING`].
    Gather { from: Vec<u32>, inputs: usize },
    #[allow(dead_code, reason = "for the blocks that are made of hops")]
    /// `out[to[k]] ^= in[k]`, unless that is [`NOTHING`].
    Scatter { to: Vec<u32>, outputs: usize },
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Map({} to {} rows, ..)", self.inputs(), self.outputs())
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
}
