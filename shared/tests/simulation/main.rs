//! Several clients against three plain servers, over many rounds, in memory.
//!
//! The servers deal with real frames, links and shares, and compute the ideal functionality of
//! the programs in the clear; one of them may lie. Everything is seeded: the same seed gives the
//! same run, and what one client does changes no other's randomness.
//!
//! `MCMIX_ALL=1` runs all seeds of the tests that come in two sizes, best in release.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "all of it is a test, the helpers too"
)]
#![allow(
    clippy::similar_names,
    reason = "caller and callee are the words of the field"
)]

mod audit;
mod calls;
mod chat;
mod cost;
mod deals;
mod erasing;
mod failures;
mod forge;
mod frozen;
mod interleavings;
mod lying;
mod node;
mod pairs;
mod probes;
mod records;
mod recovery;
mod restarts;
mod rows;
mod servers;
mod silence;
mod stats;
mod storm;
mod thief;
mod traffic;
mod uniform;
mod world;

/// Returns how many seeds a test runs: few of them in the suite, all where that is asked for.
fn seeds(few: u64, all: u64) -> core::ops::Range<u64> {
    if std::env::var_os("MCMIX_ALL").is_some() {
        0..all
    } else {
        0..few
    }
}
