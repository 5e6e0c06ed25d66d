//! A pair's one side asks the other for attention: the other sees it, and nothing else happens.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::id;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    bob.come_back().await?;

    alice.ring("Bob").await?;
    bob.wait_rang("Alice").await?;
    ensure!(
        !bob.shows(&id("incoming")).await?,
        "a ring asks to be accepted"
    );
    bob.wait_state("Alice", "paired").await?;
    alice.wait_ring("quiet").await?;
    alice.wait_state("Bob", "paired").await?;

    bob.click("open-ring").await?;
    bob.click("dismiss-ring").await?;
    bob.wait_gone(&id("rang")).await?;
    tell(&bob, &alice, "What is it?").await?;

    // Once more, while Bob looks at the conversation.
    alice.ring("Bob").await?;
    bob.wait_rang("Alice").await?;
    alice.wait_ring("quiet").await?;
    tell(&alice, &bob, "Only this").await
}
