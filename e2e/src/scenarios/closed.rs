//! A call to someone who is closed: it rings nowhere, and to the caller nobody answers.

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
    bob.close_to_calls().await?;

    alice.call("Bob").await?;
    alice.send("Bob", "Are you there?").await?;
    // A call rings for thirty dialing rounds, which at WebKit's pace is longer than one wait.
    if alice.wait_notice("did not answer").await.is_err() {
        alice.wait_notice("did not answer").await?;
    }
    alice.wait_state("Bob", "known").await?;
    alice
        .wait_message(From::Me, "queued", "Are you there?")
        .await?;
    ensure!(!bob.shows(&id("incoming")).await?, "a closed client rang");
    Ok(())
}
