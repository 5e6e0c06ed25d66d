//! What browser and server must agree on. No I/O, no clock, no global randomness.
//!
//! Modules stand in the order in which a message meets them: what a deployment is, who takes
//! part, what a client hands in for a round, how it travels, what two people say to each other
//! inside it, and the client that drives all of it.

#![allow(
    clippy::missing_panics_doc,
    reason = "`expect` stands for local invariants only"
)]
#![allow(
    clippy::similar_names,
    reason = "share and shape are the words of the field"
)]

pub mod party;
pub mod program;

pub mod identity;
pub mod manifest;

pub mod row;
pub mod share;

pub mod noise;
pub mod wire;

mod call;
mod delivery;
mod piece;
mod session;

pub mod client;
pub mod vault;

pub mod hostile;

mod bytes;
mod exchange;
mod kdf;
#[allow(dead_code, reason = "links and sessions take it up next")]
mod kem;
