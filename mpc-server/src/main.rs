//! One party of the three: see `mcmix-server --help`.

fn main() {}
