//! What browser and server must agree on. No I/O, no clock, no global randomness.

pub mod party;
