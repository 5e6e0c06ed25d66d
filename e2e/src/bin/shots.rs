//! Takes pictures of the main views: `cargo xtask shots`.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use mcmix_e2e::shots;

#[tokio::main]
async fn main() -> ExitCode {
    match take().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shots: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn take() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => println!("{}", shots::take().await?.display()),
        ["--demo", file] => shots::take_demo(Path::new(file)).await?,
        _ => bail!("usage: shots [--demo FILE]"),
    }
    Ok(())
}
