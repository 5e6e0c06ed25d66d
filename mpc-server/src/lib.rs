//! One party of the three.
