//! Checks that this build sends, byte for byte, what the frozen run of the tests sent.
//!
//! Native: `cargo run -p mcmix-shared --example frozen`. Wasm: build it with
//! `--target wasm32-unknown-unknown` and call the exported `main` in any engine, without
//! imports; it traps where it differs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "it runs a part of the tests with all of their helpers"
)]
#![allow(
    clippy::similar_names,
    reason = "caller and callee are the words of the field"
)]

#[path = "../tests/simulation/frozen.rs"]
mod frozen;
#[path = "../tests/simulation/node.rs"]
mod node;
#[path = "../tests/simulation/servers.rs"]
mod servers;
#[path = "../tests/simulation/world.rs"]
mod world;

fn main() {
    frozen::check();
}
