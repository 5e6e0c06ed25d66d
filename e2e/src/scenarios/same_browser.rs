//! What the README tells a newcomer to do: two windows of one browser, an identity in each.

use std::sync::Arc;

use anyhow::Result;

use super::{connect, tell};
use crate::page::From;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = alice.second_window("Bob").await?;
    // The first window has the identity that is there already.
    bob.click("new-identity").await?;
    bob.sign_up().await?;

    connect(&alice, &bob).await?;
    tell(&alice, &bob, "Hello Bob").await?;
    tell(&bob, &alice, "Hello Alice").await?;
    alice
        .wait_message(From::Me, "delivered", "Hello Bob")
        .await?;
    bob.close().await
}
