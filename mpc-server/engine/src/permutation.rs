//! Permutations of rows, and moving rows by them.
#![expect(
    clippy::indexing_slicing,
    reason = "a Permutation's entries are below its length, which its constructors check"
)]

use core::fmt;

use crate::{context::Context, map, stream::Stream};

/// A permutation p of 0..n; rows move by `out[j] = in[p[j]]`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Permutation(Vec<u32>);

impl fmt::Debug for Permutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permutation({} rows, ..)", self.0.len())
    }
}

impl Permutation {
    /// Draws a uniformly random permutation (Fisher-Yates; bias below n^2 / 2^64).
    pub(crate) fn random(stream: &Stream, rows: usize) -> Self {
        const DRAWS: usize = 1024;
        let mut map: Vec<u32> = (0..rows as u32).collect();
        let mut draws = [0; DRAWS * 8];
        let mut left = rows;
        let mut offset = 0;
        while left > 1 {
            draws.fill(0);
            stream.xor(offset, &mut draws);
            offset += draws.len();
            for draw in draws.as_chunks::<8>().0.iter().take(left - 1) {
                let below = u128::from(u64::from_le_bytes(*draw)) * left as u128;
                left -= 1;
                map.swap(left, (below >> 64) as usize);
            }
        }
        Self(map)
    }

    /// Reads an opened list of little-endian positions, if it is a permutation.
    pub(crate) fn from_opened(list: &[u8]) -> Option<Self> {
        let positions = list.as_chunks::<4>().0;
        let map: Vec<u32> = positions.iter().map(|p| u32::from_le_bytes(*p)).collect();
        let mut seen = vec![0_u64; map.len().div_ceil(64)];
        for &position in &map {
            let at = position as usize;
            if at >= map.len() || seen[at / 64] >> (at % 64) & 1 == 1 {
                return None;
            }
            seen[at / 64] |= 1 << (at % 64);
        }
        Some(Self(map))
    }

    pub(crate) fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Returns the permutation that moves rows by `self` first, then by `then`. Local.
    pub(crate) fn then(&self, then: &Self, context: &Context) -> Self {
        assert_eq!(self.0.len(), then.0.len(), "permutations differ in length");
        let mut map = vec![0; self.0.len()];
        context.fill(&mut map, 1, |first, out| {
            for (out, &j) in out.iter_mut().zip(&then.0[first..]) {
                *out = self.0[j as usize];
            }
        });
        Self(map)
    }

    pub(crate) fn inverse(&self, context: &Context) -> Self {
        Self(map::invert(&self.0, self.0.len(), context))
    }

    /// Moves rows `first..` into `out`: `out[j] = rows[p[first + j]]`.
    pub(crate) fn gather(&self, rows: &Rows<'_>, first: usize, out: &mut [u8]) {
        rows.gather(self.part(first, out.len() / rows.row_bytes), out);
    }

    /// Returns `count` entries from `first` on.
    pub(crate) fn part(&self, first: usize, count: usize) -> &[u32] {
        &self.0[first..first + count]
    }
}

/// Rows of `row_bytes` that follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    bytes: &'a [u8],
    pub(crate) row_bytes: usize,
}

impl<'a> Rows<'a> {
    pub(crate) const fn packed(bytes: &'a [u8], row_bytes: usize) -> Self {
        Self { bytes, row_bytes }
    }

    /// Copies the rows named by `order` into `out`.
    pub(crate) fn gather(&self, order: &[u32], out: &mut [u8]) {
        match self.row_bytes {
            4 => gather::<4>(self.bytes, order, out),
            8 => gather::<8>(self.bytes, order, out),
            12 => gather::<12>(self.bytes, order, out),
            _ => {
                for (out, &from) in out.chunks_exact_mut(self.row_bytes).zip(order) {
                    let start = from as usize * self.row_bytes;
                    out.copy_from_slice(&self.bytes[start..start + self.row_bytes]);
                }
            }
        }
    }
}

fn gather<const N: usize>(rows: &[u8], order: &[u32], out: &mut [u8]) {
    let rows = rows.as_chunks::<N>().0;
    for (out, &from) in out.as_chunks_mut::<N>().0.iter_mut().zip(order) {
        *out = rows[from as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PairKeys, PartyId, Settings, link::memory};

    fn context() -> Context {
        let settings = Settings {
            threads: 2,
            ..Settings::default()
        };
        let keys = PairKeys {
            next: [1; 32],
            prev: [2; 32],
        };
        let [link, _, _] = memory::connect();
        Context::new(PartyId::P0, keys, link, settings)
    }

    fn random(seed: u8, rows: usize) -> Permutation {
        Permutation::random(&Stream::new(&[seed; 16]), rows)
    }

    #[test]
    fn inverse_undoes() {
        let context = context();
        // The last one is worked on by two threads.
        for rows in [1, 2, 3, 100, 5000, 200_000] {
            let p = random(1, rows);
            let identity: Vec<u32> = (0..rows as u32).collect();
            let inverse = p.inverse(&context);
            assert_eq!(p.then(&inverse, &context).as_slice(), identity);
            assert_eq!(inverse.then(&p, &context).as_slice(), identity);
        }
    }

    #[test]
    fn only_permutations_are_read() {
        let list = |p: &[u32]| p.iter().flat_map(|p| p.to_le_bytes()).collect::<Vec<_>>();
        assert!(Permutation::from_opened(&list(&[2, 0, 1])).is_some());
        assert!(Permutation::from_opened(&list(&[2, 0, 2])).is_none());
        assert!(Permutation::from_opened(&list(&[3, 0, 1])).is_none());
    }

    /// All 24 permutations of four rows are equally likely (chi-square, 23 degrees of freedom).
    #[test]
    fn uniform() {
        let mut counts = std::collections::HashMap::<Vec<u32>, f64>::new();
        for seed in 0..24_000_u64 {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&seed.to_le_bytes());
            let p = Permutation::random(&Stream::new(&key), 4);
            *counts.entry(p.0).or_default() += 1.0;
        }
        let chi2: f64 = counts
            .values()
            .map(|c| (c - 1000.0) * (c - 1000.0) / 1000.0)
            .sum();
        assert_eq!(counts.len(), 24);
        assert!(chi2 < 49.7, "chi-square {chi2} (p < 0.001)");
    }
}
