//! What a proof costs, prover and both verifiers on one thread: `cargo bench -p mcmix-engine --bench proof`.

use divan::{Bencher, counter::ItemsCount};
use mcmix_engine::blocks::{Instructions, Proof};

const BYTES: usize = 1 << 20;
const ROWS: usize = 200_000;

fn main() {
    divan::main();
}

/// Products of bits: a prover's ANDs.
#[divan::bench(args = Instructions::all(), sample_count = 20)]
fn products(bencher: Bencher<'_, '_>, instructions: Instructions) {
    let proof = Proof::of_products(BYTES);
    let counter = ItemsCount::new(8 * BYTES);
    bencher
        .counter(counter)
        .bench_local(|| proof.run(instructions));
}

/// Rows of a hop, of 4, 8 and 12 bytes.
#[divan::bench(args = Instructions::all(), consts = [4, 8, 12], sample_count = 20)]
fn rows<const ROW_BYTES: usize>(bencher: Bencher<'_, '_>, instructions: Instructions) {
    let proof = Proof::of_rows(ROWS, ROW_BYTES);
    bencher
        .counter(ItemsCount::new(ROWS))
        .bench_local(|| proof.run(instructions));
}
