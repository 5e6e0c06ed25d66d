//! A call that is declined: nothing tells the caller, and the text that waited keeps waiting.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::introduce;
use crate::page::{From, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    introduce(&alice, &bob).await?;
    introduce(&bob, &alice).await?;

    alice.call("Bob").await?;
    alice.send("Bob", "Are you there?").await?;
    bob.decline("Alice").await?;
    bob.wait_state("Alice", "known").await?;
    ensure!(!bob.shows(&id("incoming")).await?, "still ringing");

    // Alice's page goes on calling; what ends it is up to her.
    alice.wait_state("Bob", "calling").await?;
    alice.cancel_call("Bob").await?;
    alice
        .wait_message(From::Me, "queued", "Are you there?")
        .await?;
    bob.open("Alice").await?;
    ensure!(
        bob.texts(From::Them).await?.is_empty(),
        "a declined call brought a text"
    );
    ensure!(!bob.shows(&id("incoming")).await?, "rang again");
    Ok(())
}
