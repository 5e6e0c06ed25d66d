//! Two who call each other at once are a pair: neither has to accept.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{introduce, tell};
use crate::page::From;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    introduce(&alice, &bob).await?;
    introduce(&bob, &alice).await?;
    alice.open("Bob").await?;
    bob.open("Alice").await?;

    // Before either hears of the other's call, which takes a dialing round.
    let (one, other) = tokio::join!(alice.click("call"), bob.click("call"));
    one.and(other)?;
    alice.wait_state("Bob", "paired").await?;
    bob.wait_state("Alice", "paired").await?;
    tell(&alice, &bob, "Hello Bob").await?;
    tell(&bob, &alice, "Hello Alice").await?;

    ensure!(bob.texts(From::Them).await? == ["Hello Bob"]);
    ensure!(alice.texts(From::Them).await? == ["Hello Alice"]);
    Ok(())
}
