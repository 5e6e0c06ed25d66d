//! The whole journey without a mouse: an identity, a link, a call, messages; what opens closes again,
//! and the focus is then where it was.

use std::sync::Arc;

use anyhow::{Result, ensure};
use thirtyfour::Key;

use crate::page::{From, Page, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = arrive(&world, "Alice").await?;
    let bob = arrive(&world, "Bob").await?;

    alice.tab_to("invite").await?;
    alice.type_keys(Key::Enter).await?;
    let link = alice.shown_link().await?;
    alice.type_keys(Key::Escape).await?;
    alice.wait_gone(&id("invite-dialog")).await?;
    ensure!(alice.focused().await? == "invite", "the focus is lost");

    bob.tab_to("add-contact").await?;
    bob.type_keys(Key::Enter).await?;
    bob.tab_to("link-input").await?;
    bob.type_keys(link).await?;
    bob.tab_to("add-and-call").await?;
    bob.type_keys(Key::Enter).await?;

    alice.wait(&id("accept")).await?;
    alice.tab_to("accept").await?;
    alice.type_keys(Key::Enter).await?;
    for (page, friend) in [(&alice, "Bob"), (&bob, "Alice")] {
        page.wait_state(friend, "paired").await?;
    }
    say(&alice, "Bob", "No mouse here").await?;
    bob.wait_message(From::Them, "received", "No mouse here")
        .await?;
    say(&bob, "Alice", "None here either").await?;
    alice
        .wait_message(From::Them, "received", "None here either")
        .await
}

/// Makes an identity: the field for the name has the focus.
async fn arrive(world: &World, name: &str) -> Result<Page> {
    let page = world.visitor(name).await?;
    page.tab_to("name-input").await?;
    page.type_keys(name).await?;
    page.type_keys(Key::Enter).await?;
    page.wait_connected().await?;
    Ok(page)
}

/// Writes in the conversation that is open, or opens it.
async fn say(page: &Page, friend: &str, text: &str) -> Result<()> {
    if !page.shows(&id("conversation")).await? {
        page.tab_to("contact").await?;
        page.type_keys(Key::Enter).await?;
        page.wait_text(&id("conversation"), friend).await?;
    }
    page.tab_to("composer-input").await?;
    page.type_keys(text).await?;
    page.type_keys(Key::Enter).await
}
