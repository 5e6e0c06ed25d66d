//! Whole programs: real = ideal, same trace, views, tampering.

pub(crate) mod probe;
mod real_is_ideal;
