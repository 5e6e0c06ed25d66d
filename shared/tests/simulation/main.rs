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
mod page;
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

use core::{
    num::NonZero,
    sync::atomic::{AtomicU64, Ordering},
};

/// Runs a test for few seeds in the suite, for all of them where that is asked for, on all cores,
/// and returns what each gave, in the seeds' order.
fn each_seed<T: Send>(few: u64, all: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let whole = std::env::var_os("MCMIX_ALL").is_some();
    let seeds = if whole { all } else { few };
    let next = AtomicU64::new(0);
    let work = || {
        let mut results = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return results;
            }
            results.push((seed, run(seed)));
            if whole && seed % 500 == 499 {
                println!("{} of {seeds}", seed + 1);
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|it| match it.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect::<Vec<_>>()
    });
    results.sort_unstable_by_key(|(seed, _)| *seed);
    results.into_iter().map(|(_, result)| result).collect()
}
