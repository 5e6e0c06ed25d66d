//! Whole programs: real = ideal, same trace, views, tampering.

mod attacks;
mod dialing;
mod dialing_both_told;
mod independence;
pub(crate) mod probe;
mod programs;
mod real_is_ideal;
mod tamper;
mod trace;
mod uniform;
mod views;
