//! One party of the three.

pub mod config;
pub mod keys;
pub mod net;
