//! Takes pictures of the main views: `cargo xtask shots`.

use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = mcmix_e2e::shots::take().await?;
    println!("{}", folder.display());
    Ok(())
}
