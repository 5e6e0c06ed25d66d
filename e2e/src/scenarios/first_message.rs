//! From the first visit to a delivered message in both directions.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::From;
use crate::world::World;

/// Longer than a row, and not ASCII: it goes in fragments and comes back whole.
const LONG: &str = "Žluťoučký kůň příšerně úpěl ďábelské ódy. 十人十色。Ünïcödé über alles. \
    Once more, so that no single row can hold it: Žluťoučký kůň příšerně úpěl ďábelské ódy. \
    十人十色。And a third time, to be sure: žluťoučký kůň příšerně úpěl ďábelské ódy, 十人十色。";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&alice, &bob, "Hello Bob").await?;
    tell(&bob, &alice, "Hello Alice").await?;
    tell(&alice, &bob, LONG).await?;

    ensure!(bob.texts(From::Them).await? == ["Hello Bob", LONG]);
    ensure!(alice.texts(From::Them).await? == ["Hello Alice"]);
    alice.end("Bob").await?;
    bob.wait_call("Alice", "idle").await
}
