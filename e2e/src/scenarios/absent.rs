//! Somebody who seems to be away: because he was blocked, and because his session is lost.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::{From, Page, id};
use crate::world::World;

/// Rounds in which a text would have arrived: every contact's turn comes once in them.
const ROUNDS: u32 = 8;

/// Rounds after which nothing comes of somebody who has left.
const LAST_ROUNDS: u32 = 4;

/// Someone who was not heard for so long is not here.
const AWAY: Duration = Duration::from_mins(5);

/// After that long, connecting again is offered.
const LONG_AWAY: Duration = Duration::from_hours(8 * 24);

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    // He calls, so that no call of hers is in the way later.
    connect(&bob, &alice).await?;
    tell(&bob, &alice, "before").await?;
    blocked(&alice, &bob).await?;
    lost(&alice, &bob).await?;
    ensure!(alice.texts(From::Them).await? == ["before", "Do you hear me?", "Here again"]);
    ensure!(bob.texts(From::Them).await? == ["Kept for you", "Where are you?"]);
    Ok(())
}

/// Neither hears the other, and to him she is away. Then what both wrote arrives.
async fn blocked(alice: &Page, bob: &Page) -> Result<()> {
    alice.block("Bob").await?;
    alice.send("Bob", "Kept for you").await?;
    bob.send("Alice", "Do you hear me?").await?;
    // Both have the conversation open meanwhile.
    bob.wait_rounds(ROUNDS).await?;
    ensure!(
        alice.texts(From::Them).await? == ["before"],
        "she hears him"
    );
    ensure!(bob.texts(From::Them).await?.is_empty(), "he hears her");
    bob.wait_message(From::Me, "queued", "Do you hear me?")
        .await?;
    bob.wait_state("Alice", "paired").await?;
    bob.set_clock_ahead(AWAY).await?;
    bob.wait_outlook("away").await?;

    alice.unblock("Bob").await?;
    alice.wait_received("Bob", "Do you hear me?").await?;
    bob.wait_received("Alice", "Kept for you").await?;
    bob.wait_delivered("Alice", "Do you hear me?").await?;
    alice.wait_delivered("Bob", "Kept for you").await
}

/// His session is lost, and he was not heard for a week. She connects again, and he is asked.
async fn lost(alice: &Page, bob: &Page) -> Result<()> {
    bob.leave_and_change_records(|key, value| (!key.starts_with("pair/")).then(|| value.to_vec()))
        .await?;
    // What was on its way when he left is heard of him, too.
    alice.wait_rounds(LAST_ROUNDS).await?;
    alice.set_clock_ahead(LONG_AWAY).await?;
    alice.wait(&id("again")).await?;
    alice.send("Bob", "Where are you?").await?;
    alice.click("connect-again").await?;
    alice.wait_state("Bob", "calling").await?;

    bob.come_back().await?;
    bob.wait_state("Alice", "incoming").await?;
    // He can't tell her from somebody who has her key, nor she him.
    ensure!(bob.shows(&id("new-device")).await?, "he is not warned");
    bob.accept("Alice").await?;
    alice.wait_state("Bob", "paired").await?;
    alice
        .wait_message(From::Me, "held", "Where are you?")
        .await?;
    alice.click("send-held").await?;
    bob.wait_received("Alice", "Where are you?").await?;
    alice.wait_delivered("Bob", "Where are you?").await?;
    tell(bob, alice, "Here again").await?;
    ensure!(
        !alice.shows(&id("again")).await?,
        "connecting again is still offered"
    );
    Ok(())
}
