//! Every sentence the page shows.

/// The product's name.
pub const NAME: &str = "MCMix";
