//! A call that is declined: the caller is told, and the text that waited keeps waiting.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::introduce;
use crate::page::From;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    introduce(&alice, &bob).await?;
    introduce(&bob, &alice).await?;

    alice.call("Bob").await?;
    alice.send("Bob", "Are you there?").await?;
    bob.decline("Alice").await?;

    alice.wait_notice("declined").await?;
    alice.wait_call("Bob", "idle").await?;
    bob.wait_call("Alice", "idle").await?;
    alice
        .wait_message(From::Me, "queued", "Are you there?")
        .await?;
    bob.open("Alice").await?;
    ensure!(
        bob.texts(From::Them).await?.is_empty(),
        "a declined call brought a text"
    );
    Ok(())
}
