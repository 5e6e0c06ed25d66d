//! End-to-end tests: real browsers, the real site, three real server processes.
//!
//! A [`world`] is three servers and the [`page`]s that [`session`]s show of them; a scenario
//! lets people on those pages do things and waits for what they see. Nothing sleeps: every
//! wait is for a state.

pub mod engine;
pub mod evidence;
mod faults;
mod kept;
pub mod page;
pub mod pool;
pub mod session;
pub mod wire;
pub mod world;

pub mod shots;

mod scenarios;
mod trials;

pub use trials::run;
