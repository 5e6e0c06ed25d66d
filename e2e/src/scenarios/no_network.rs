//! A browser that says it has no network is believed at once, and again when it has one.

use std::sync::Arc;

use anyhow::Result;

use crate::page::id;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    alice.wait_connected().await?;
    // Real sockets stay open meanwhile: nothing but the browser's word says that they are of no use.
    alice.say_offline().await?;
    alice
        .wait(&format!("{}[data-connected='false']", id("status")))
        .await?;
    alice.say_online().await?;
    alice.wait_connected().await
}
