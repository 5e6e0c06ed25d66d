//! What Batcher's odd-even merge sort would need in place of the shuffle and sort by opened comparisons:
//! counted, not run. The paper weighs sorting networks against these (MCMix, USENIX Security 2017).

use core::fmt;

use crate::options::Algorithm;
use crate::statistics::Summary;
use crate::table::grouped;

/// ANDs of a comparison of words of 64 bits.
const COMPARE_ANDS: u64 = 152;
/// Rounds of a comparison.
const COMPARE_ROUNDS: u64 = 7;
/// Bits that change places where a comparison says so: a word and a wire id. One AND each, one round.
const SWAP_ANDS: u64 = 64 + 32;

/// Batcher's network for so many rows, filled up to a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    rows: usize,
    /// Comparisons, each followed by an exchange.
    pub comparisons: u64,
    /// Layers, one after another.
    pub layers: u64,
}

impl Network {
    /// Counts the network for some rows.
    pub fn new(rows: usize) -> Self {
        let log = u64::from(rows.max(2).next_power_of_two().ilog2());
        // (k^2 - k + 4) 2^(k-2) - 1 comparisons (Knuth, The Art of Computer Programming, 5.3.4).
        let comparisons = ((log * log - log + 4) << log) / 4 - 1;
        Self {
            rows,
            comparisons,
            layers: log * (log + 1) / 2,
        }
    }

    /// Counts the network that would sort in place of a program's own sort, if it has one.
    pub fn of(summary: &Summary) -> Option<Self> {
        match summary.algorithm {
            Algorithm::Conversation => None,
            Algorithm::ConversationBySorting | Algorithm::DialingBothTold => {
                Some(Self::new(summary.users))
            }
            Algorithm::DialingContacts | Algorithm::DialingOpen => {
                Some(Self::new(2 * summary.users))
            }
        }
    }

    /// Communication rounds: of comparisons and exchanges, for one verification at the end.
    pub const fn rounds(&self) -> u64 {
        self.layers * (COMPARE_ROUNDS + 1)
    }

    /// Bytes that all three parties would send: a bit an AND and party.
    pub const fn bytes(&self) -> u64 {
        self.comparisons * (COMPARE_ANDS + SWAP_ANDS) * 3 / 8
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows: {} comparisons, {} rounds, {} bytes a row",
            grouped(self.rows),
            grouped_all(self.comparisons),
            self.rounds(),
            grouped_all(self.bytes() / (self.rows.max(1) as u64)),
        )
    }
}

fn grouped_all(count: u64) -> String {
    usize::try_from(count).map_or_else(|_| count.to_string(), grouped)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The network itself, layer by layer.
    fn layers(rows: usize) -> Vec<Vec<(usize, usize)>> {
        let mut layers = Vec::new();
        let mut width = 1;
        while width < rows {
            let mut step = width;
            while step >= 1 {
                let mut layer = Vec::new();
                for start in (step % width..rows - step).step_by(2 * step) {
                    for at in start..(start + step).min(rows - step) {
                        if at / (2 * width) == (at + step) / (2 * width) {
                            layer.push((at, at + step));
                        }
                    }
                }
                layers.push(layer);
                step /= 2;
            }
            width *= 2;
        }
        layers
    }

    #[test]
    fn counts_are_those_of_the_network() {
        for log in 1..10 {
            let rows = 1 << log;
            let network = layers(rows);
            let counted = Network::new(rows);
            let comparisons: usize = network.iter().map(Vec::len).sum();
            assert_eq!(counted.comparisons, comparisons as u64, "{rows} rows");
            assert_eq!(counted.layers, network.len() as u64);
        }
    }

    /// What is counted does sort: all rows of zeros and ones (Knuth's principle).
    #[test]
    fn the_network_sorts() {
        let network = layers(8);
        for bits in 0..256_u32 {
            let mut rows: Vec<u32> = (0..8).map(|at| bits >> at & 1).collect();
            for (low, high) in network.iter().flatten() {
                if rows[*low] > rows[*high] {
                    rows.swap(*low, *high);
                }
            }
            assert!(rows.is_sorted(), "{bits:b}");
        }
    }
}
