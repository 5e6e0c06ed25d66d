//! Whole programs: real = ideal, same trace, views, tampering.

pub(crate) mod probe;
