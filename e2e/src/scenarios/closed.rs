//! A call to someone who is closed: nothing tells it from someone who is not there.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::introduce;
use crate::page::id;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    introduce(&alice, &bob).await?;
    bob.close_to_calls().await?;

    alice.call("Bob").await?;
    alice.wait_notice("did not answer").await?;
    alice.wait_call("Bob", "idle").await?;
    ensure!(!bob.shows(&id("incoming")).await?, "a closed client rang");
    Ok(())
}
