//! Single blocks on made-up inputs, for benchmarks: what a round consists of, taken apart.

mod proof;

pub use proof::{Instructions, Proof};
