//! Three whole parties on loopback, and clients of every kind.
//!
//! Nothing here waits for time to pass: tests wait for states, and a limit for all that waiting
//! turns a state that never comes into a failure.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod aborts;
mod anew;
mod conversation;
mod counted;
mod doctor;
mod faults;
mod misuse;
mod outside;
mod process;
mod rounds;
mod told;
mod trace;
mod world;
