//! Single blocks on made-up inputs, for benchmarks: what a round consists of, taken apart.

mod block;
mod proof;

pub use block::Block;
pub use proof::{Instructions, Proof};

/// XORs a pseudo-random stream into `out`: what masks cost.
pub fn prg(out: &mut [u8]) {
    crate::stream::Stream::new(&[1; 16]).xor(0, out);
}
