//! Set-up, build, demo and test (`cargo xtask help`).
//!
//! A library too, because the end-to-end tests start the same processes as the demo.

mod crew;
pub mod place;
pub mod ports;
pub mod process;
pub mod reproduce;
pub mod setup;
pub mod site;

pub mod servers;

pub mod bench;
pub mod ci;
pub mod cost;
pub mod demo;
pub mod fuzz;
pub mod load;
pub mod mistakes;
pub mod misuse;
pub mod models;
pub mod test;

/// Tells the user one thing on one line.
pub fn say(line: impl core::fmt::Display) {
    eprintln!("mcmix: {line}");
}
