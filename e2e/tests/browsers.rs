//! Every scenario in every engine: `cargo xtask e2e [--browser NAME] [--repeat N] [SCENARIO]`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcmix_e2e::run()
}
