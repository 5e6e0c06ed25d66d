//! A contact who is removed is told, keeps what did not arrive, and can be accepted anew.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, introduce, tell};
use crate::page::{From, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&alice, &bob, "before").await?;

    alice.verify("Bob").await?;
    alice.draft("Bob", "never sent").await?;
    alice.remove("Bob").await?;
    bob.wait_state("Alice", "known").await?;
    bob.open("Alice").await?;
    bob.wait_notice("removed you").await?;
    bob.send("Alice", "Why?").await?;
    bob.wait_message(From::Me, "queued", "Why?").await?;

    // To Alice he is a stranger now; accepting makes him a contact again.
    bob.call("Alice").await?;
    alice.accept("Bob").await?;
    bob.wait_state("Alice", "paired").await?;
    ensure!(
        !alice.shows(&id("verified-mark")).await?,
        "the mark outlived the contact"
    );
    // She forgot what they had in common, as somebody would who has only her key: he is asked.
    bob.wait_message(From::Me, "held", "Why?").await?;
    bob.click("send-held").await?;
    bob.wait_delivered("Alice", "Why?").await?;
    alice.wait_received("Bob", "Why?").await?;
    ensure!(
        alice.written().await?.is_empty(),
        "the draft of a removed contact came back"
    );
    tell(&alice, &bob, "A slip of the hand").await?;

    ensure!(alice.texts(From::Them).await? == ["Why?"]);
    ensure!(bob.texts(From::Them).await? == ["before", "A slip of the hand"]);

    // And once more from the other side, without a call after it.
    bob.remove("Alice").await?;
    alice.wait_state("Bob", "known").await?;
    introduce(&bob, &alice).await?;
    bob.wait_state("Alice", "known").await?;
    ensure!(!alice.shows(&id("incoming")).await?);
    Ok(())
}
