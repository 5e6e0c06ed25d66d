//! A pair's one side asks the other for attention: the other sees it, and nothing else happens.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};

use super::{connect, tell};
use crate::page::{Page, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    // He comes anew: no conversation is open on his side.
    bob.leave().await?;
    bob.come_back().await?;

    ring(&alice, &bob).await?;
    ensure!(
        !bob.shows(&id("incoming")).await?,
        "a ring asks to be accepted"
    );
    bob.wait_state("Alice", "paired").await?;
    alice.wait_state("Bob", "paired").await?;

    bob.click("open-ring").await?;
    bob.click("dismiss-ring").await?;
    bob.wait_gone(&id("rang")).await?;
    tell(&bob, &alice, "What is it?").await?;

    // Once more, while Bob looks at the conversation.
    ring(&alice, &bob).await?;
    tell(&alice, &bob, "Only this").await
}

/// Rings until it is heard: one ring lasts for four dialing rounds, of which a busy machine may
/// miss all.
async fn ring(who: &Page, at: &Page) -> Result<()> {
    for _ in 0..5 {
        who.ring(&at.name).await?;
        who.wait_ring("quiet").await?;
        if at.heard_ring(&who.name).await? {
            return Ok(());
        }
    }
    bail!(
        "{} rang five times, and {} heard nothing",
        who.name,
        at.name
    )
}
