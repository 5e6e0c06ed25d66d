//! People who are a pair write without a call, whether or not either has the conversation open.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::connect;
use crate::page::{From, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;

    // Both come anew: no conversation is open on either side.
    for page in [&alice, &bob] {
        page.leave().await?;
        page.come_back().await?;
    }
    alice.wait_state("Bob", "paired").await?;
    ensure!(!alice.shows(&id("conversation")).await?);
    ensure!(!bob.shows(&id("conversation")).await?);

    alice.send("Bob", "No call needed").await?;
    bob.wait_unread("Alice").await?;
    alice.wait_delivered("Bob", "No call needed").await?;
    ensure!(
        !bob.shows(&id("conversation")).await?,
        "Bob opened the conversation"
    );

    // Now it is open on both sides.
    bob.wait_received("Alice", "No call needed").await?;
    bob.send("Alice", "So I see").await?;
    alice.wait_received("Bob", "So I see").await?;
    bob.wait_delivered("Alice", "So I see").await?;

    ensure!(bob.texts(From::Them).await? == ["No call needed"]);
    ensure!(alice.texts(From::Them).await? == ["So I see"]);
    for page in [&alice, &bob] {
        ensure!(
            !page.shows(&id("call")).await?,
            "contacts are offered a call"
        );
    }
    Ok(())
}
