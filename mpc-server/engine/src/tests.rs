//! Whole programs: real = ideal, same trace, views, tampering.

mod dialing;
mod dialing_both_told;
pub(crate) mod probe;
mod real_is_ideal;
