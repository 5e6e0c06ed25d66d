//! A text to someone who is offline waits, and arrives when they are back, without a call.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::From;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&alice, &bob, "before").await?;
    bob.leave().await?;

    alice.send("Bob", "while you are away").await?;
    bob.come_back().await?;
    bob.wait_unread("Alice").await?;
    alice.wait_delivered("Bob", "while you are away").await?;
    bob.wait_received("Alice", "while you are away").await?;

    ensure!(bob.texts(From::Them).await? == ["before", "while you are away"]);
    Ok(())
}
