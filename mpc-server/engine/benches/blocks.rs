//! What each block costs, three parties on threads of one process: `cargo bench -p mcmix-engine --bench blocks`.

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use mcmix_engine::{
    blocks::{self, Block},
    world::World,
};

const ROWS: usize = 100_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn prg(bencher: Bencher<'_, '_>) {
    let mut out = vec![0; 1 << 20];
    bencher
        .counter(BytesCount::new(out.len()))
        .bench_local(|| blocks::prg(&mut out));
}

#[divan::bench(args = Block::ALL, sample_count = 10)]
fn three_parties(bencher: Bencher<'_, '_>, block: Block) {
    let mut world = World::new(1);
    let mut round = 0;
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        round += 1;
        world.run(&[], |context, _, _| {
            context.begin(round)?;
            block.run(context, ROWS)
        })
    });
}
