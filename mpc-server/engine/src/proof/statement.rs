//! What is proved, as the parties have it.

use core::{fmt, iter::zip};

use crate::{map::Map, stream::Stream};

/// One message's products, as one party has them: bit by bit, vectors of any equal length.
///
/// `P_i` sends `z_i = x_i y_i + x_i y_{i+1} + x_{i+1} y_i + a_L + a_R` to the left. With
/// `f = x_i + x_{i+1}` and `h = y_i + y_{i+1}` that is `f h = (z_i + a_L) + (x_{i+1} y_{i+1} + a_R)`.
pub(crate) enum Ands<'a> {
    /// Has both components.
    Prover { x: [&'a [u8]; 2], y: [&'a [u8]; 2] },
    /// Has the first components and the message; the mask it shares with the prover.
    Left {
        x: &'a [u8],
        y: &'a [u8],
        z: &'a [u8],
        mask: Stream,
    },
    /// Has the second components; the mask it shares with the prover.
    Right {
        x: &'a [u8],
        y: &'a [u8],
        mask: Stream,
    },
}

/// One message of a hop, as one party has it: rows of 1 to 32 bytes, a map for each vector moved.
///
/// Of the pair (a, b) a sends `m_a = F(x_ca) + y_ca`, where c is the third party: for any weights
/// `<F^T weights, x_ca> = <weights, m_a> + <weights, y_ca>`.
pub(crate) enum Hop<'a> {
    /// Has the maps and the rows.
    Prover {
        terms: Vec<(&'a Map, &'a [u8])>,
        row_bytes: usize,
    },
    /// Has the maps and the message.
    Map {
        maps: Vec<&'a Map>,
        message: &'a [u8],
        row_bytes: usize,
    },
    /// Has the rows and the mask, which it shares with the prover.
    Rows {
        rows: Vec<&'a [u8]>,
        outputs: usize,
        mask: Stream,
        row_bytes: usize,
    },
}

impl fmt::Debug for Ands<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ands({} bytes, ..)", self.len())
    }
}

impl fmt::Debug for Hop<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hop({} rows, ..)", self.outputs())
    }
}

impl Ands<'_> {
    /// Bytes of the message.
    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Prover { x: [x, _], .. } | Self::Left { x, .. } | Self::Right { x, .. } => {
                x.len()
            }
        }
    }

    /// Returns f and h, each the sum of two vectors.
    pub(super) const fn factors(&self) -> [[&[u8]; 2]; 2] {
        match self {
            Self::Prover { x, y } => [*x, *y],
            Self::Left { x, y, .. } | Self::Right { x, y, .. } => [[x, &[]], [y, &[]]],
        }
    }

    /// Adds what the party claims of f h, from byte `offset` on.
    pub(super) fn add_claim(&self, offset: usize, out: &mut [u8]) {
        match self {
            // Claims nothing: the verifiers do.
            Self::Prover { .. } => {}
            Self::Left { z, mask, .. } => {
                mask.xor(offset, out);
                zip(out, z.get(offset..).unwrap_or_default()).for_each(|(out, z)| *out ^= z);
            }
            Self::Right { x, y, mask } => {
                mask.xor(offset, out);
                let [x, y] = [x, y].map(|v| v.get(offset..).unwrap_or_default());
                zip(out, zip(x, y)).for_each(|(out, (x, y))| *out ^= x & y);
            }
        }
    }
}

/// One of a hop's vectors.
#[derive(Clone, Copy)]
pub(super) struct Term<'a> {
    /// What moves it, at those who know.
    pub(super) map: Option<&'a Map>,
    /// Its rows, at those who know.
    pub(super) rows: &'a [u8],
    pub(super) inputs: usize,
}

impl<'a> Hop<'a> {
    pub(super) const fn row_bytes(&self) -> usize {
        match self {
            Self::Prover { row_bytes, .. }
            | Self::Map { row_bytes, .. }
            | Self::Rows { row_bytes, .. } => *row_bytes,
        }
    }

    /// Rows of the message.
    pub(super) fn outputs(&self) -> usize {
        let of = |map: Option<&&Map>| map.map_or(0, |map| map.outputs());
        match self {
            Self::Prover { terms, .. } => of(terms.first().map(|(map, _)| map)),
            Self::Map { maps, .. } => of(maps.first()),
            Self::Rows { outputs, .. } => *outputs,
        }
    }

    pub(super) fn terms(&self) -> Vec<Term<'a>> {
        let of_map = |&map: &&'a Map| Term {
            map: Some(map),
            rows: &[],
            inputs: map.inputs(),
        };
        match self {
            Self::Prover { terms, .. } => {
                let terms = terms.iter();
                terms
                    .map(|(map, rows)| Term {
                        rows,
                        ..of_map(map)
                    })
                    .collect()
            }
            Self::Map { maps, .. } => maps.iter().map(of_map).collect(),
            Self::Rows {
                rows, row_bytes, ..
            } => {
                let terms = rows.iter().map(|&rows| Term {
                    map: None,
                    rows,
                    inputs: rows.len() / row_bytes,
                });
                terms.collect()
            }
        }
    }

    /// Adds what the party claims of the weighted message, from row `first` on.
    pub(super) fn add_claim(&self, first: usize, out: &mut [u8]) {
        match self {
            // Claims nothing: the verifiers do.
            Self::Prover { .. } => {}
            Self::Map {
                message, row_bytes, ..
            } => {
                let rows = message.get(first * row_bytes..).unwrap_or_default();
                zip(out, rows).for_each(|(out, row)| *out ^= row);
            }
            Self::Rows {
                mask, row_bytes, ..
            } => mask.xor(first * row_bytes, out),
        }
    }
}
