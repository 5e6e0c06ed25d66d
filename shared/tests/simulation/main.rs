//! Several clients against three plain servers, over many rounds, in memory.
//!
//! The servers deal with real frames, links and shares, and compute the ideal functionality of
//! both programs in the clear. Everything is seeded: the same seed gives the same run.

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

mod calls;
mod chat;
mod failures;
mod frozen;
mod node;
mod servers;
mod storm;
mod traffic;
mod world;
