//! A link as a mail brought it: broken into lines, quoted, with words around it. Adding somebody and
//! calling them is one press. A second link asks about somebody else than the first.

use std::sync::Arc;

use anyhow::Result;

use super::tell;
use crate::page::id;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    let eve = world.person("Eve").await?;

    // The second click of a double click falls on what the first one opened.
    alice.double_click("add-contact").await?;
    alice.wait(&id("add-dialog")).await?;
    let link = bob.invite_link().await?;
    let (before, after) = link.split_at(link.len() - 30);
    let mail = format!("Hi Alice!\n\n> {before}=\n> {after}?utm_source=mail.\n> See you, Bob");
    alice.paste("link-input", &mail).await?;
    alice.click("add-and-call").await?;
    bob.accept("Alice").await?;
    tell(&alice, &bob, "that was easy").await?;

    alice.follow_link(&bob.invite_link().await?).await?;
    alice.wait_text(&id("add-dialog"), "Bob").await?;
    alice.follow_link(&eve.invite_link().await?).await?;
    alice.wait_text(&id("add-dialog"), "Eve").await?;
    alice.click("add-and-call").await?;
    // It rings only when the first call has left its slot.
    alice.wait_state("Eve", "calling").await
}
