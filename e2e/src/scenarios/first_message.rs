//! From the first visit to a delivered message in both directions.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{introduce, tell};
use crate::page::From;
use crate::world::World;

/// Longer than a row, and not ASCII: it goes in pieces and comes back whole.
const LONG: &str = "Žluťoučký kůň příšerně úpěl ďábelské ódy. 十人十色。Ünïcödé über alles. \
    Once more, so that no single row can hold it: Žluťoučký kůň příšerně úpěl ďábelské ódy. \
    十人十色。And a third time, to be sure: žluťoučký kůň příšerně úpěl ďábelské ódy, 十人十色。";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    // Bob hears of Alice when she calls: he has nothing but an open page.
    introduce(&alice, &bob).await?;
    alice.call("Bob").await?;
    alice.send("Bob", "Hello Bob").await?;
    bob.accept("Alice").await?;
    alice.wait_state("Bob", "paired").await?;
    bob.wait_received("Alice", "Hello Bob").await?;
    alice.wait_delivered("Bob", "Hello Bob").await?;
    tell(&bob, &alice, "Hello Alice").await?;
    tell(&alice, &bob, LONG).await?;

    ensure!(bob.texts(From::Them).await? == ["Hello Bob", LONG]);
    ensure!(alice.texts(From::Them).await? == ["Hello Alice"]);
    let (one, other) = (
        alice.safety_number("Bob").await?,
        bob.safety_number("Alice").await?,
    );
    ensure!(one.len() == 60 && one.bytes().all(|digit| digit.is_ascii_digit()));
    ensure!(one == other, "the safety numbers differ: {one}, {other}");
    Ok(())
}
