//! What tests see of a party: everything opened to it, and mistakes it is told to make.

/// A party's recorder.
#[derive(Debug, Default)]
pub(crate) struct Probe {}
