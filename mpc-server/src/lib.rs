//! One party of the three.
//!
//! Modules stand in the order in which a client's submission meets them, from the outside in.

pub mod config;
pub mod descriptors;
pub mod files;
pub mod keys;
pub mod log;
pub mod process;
mod seldom;
mod vital;

pub mod server;

pub mod doctor;

pub mod http;

pub mod clients;

pub mod egress;
pub mod intake;
pub mod round;

pub mod net;
