//! `mcmix-bench`: what a round costs, measured over the real links.

fn main() {
    eprintln!("mcmix-bench: not built yet");
}
