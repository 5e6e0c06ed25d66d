//! Takes pictures of the main views: `cargo xtask shots`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    match mcmix_e2e::shots::take().await {
        Ok(folder) => {
            println!("{}", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("shots: {error:#}");
            ExitCode::FAILURE
        }
    }
}
