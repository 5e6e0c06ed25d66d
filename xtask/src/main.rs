//! Set-up, build, demo and test: `cargo xtask help`.

fn main() {}
