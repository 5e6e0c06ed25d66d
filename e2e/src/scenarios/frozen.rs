//! What the native tests froze byte for byte, the browser's build sends as well.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use xtask::site;

use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let page = world.visitor("Ada").await?;
    let program = fs::read(site::frozen_run())?;
    let differs = "this engine sends something else than what is frozen";
    page.run_wasm(&program).await.context(differs)
}
