//! `mcmix-bench`: what a round costs, measured over the real links.

use std::process::ExitCode;

use clap::Parser as _;
use mcmix_bench::options::{Cli, Command};
use mcmix_bench::{party, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Party) => party::run(),
        None => run::run(&cli.options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mcmix-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
