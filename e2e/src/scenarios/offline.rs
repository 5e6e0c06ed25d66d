//! A call to someone who is offline; the text waits, and arrives when they are back.

use std::sync::Arc;

use anyhow::Result;

use super::introduce;
use crate::page::From;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    introduce(&alice, &bob).await?;
    introduce(&bob, &alice).await?;
    bob.leave().await?;

    alice.call("Bob").await?;
    alice.send("Bob", "Call me back").await?;
    alice.wait_notice("did not answer").await?;
    alice
        .wait_message(From::Me, "queued", "Call me back")
        .await?;

    bob.come_back().await?;
    bob.call("Alice").await?;
    alice.accept("Bob").await?;
    bob.wait_received("Alice", "Call me back").await?;
    alice.wait_delivered("Bob", "Call me back").await
}
