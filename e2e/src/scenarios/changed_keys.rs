//! Servers with other keys than before: the page asks, and reaches none of them before it may.
//! What is written meanwhile is kept, up to a full outbox.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::introduce;
use crate::kept::swap_server_keys;
use crate::page::{From, id};
use crate::world::World;

/// Texts that fit into an outbox.
const FULL: usize = 100;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    introduce(&alice, &bob).await?;
    alice.leave_and_change_records(swap_server_keys).await?;

    let connections = || world.taps().each_ref().map(|tap| tap.traces().len());
    let before = connections();
    alice.come_back_asked().await?;
    alice.wait(&id("keys-dialog")).await?;
    for (party, changed) in [true, true, false].into_iter().enumerate() {
        let server = format!("{}[data-party='{party}']", id("changed-server"));
        ensure!(alice.shows(&server).await? == changed, "P{party}");
    }
    alice.click("stay-disconnected").await?;
    alice.wait(&id("keys-changed")).await?;

    alice.open("Bob").await?;
    let texts: Vec<String> = (1..=FULL).map(|number| format!("text {number}")).collect();
    alice.write_many(&texts).await?;
    alice.wait_outlook("full").await?;
    alice.draft("Bob", "one too many").await?;
    alice.press_enter().await?;
    ensure!(alice.written().await? == "one too many");
    ensure!(alice.texts(From::Me).await? == texts);
    ensure!(connections() == before, "connected without being told to");

    alice.click("decide-keys").await?;
    alice.click("trust-servers").await?;
    alice.wait_connected().await?;
    // It does not ask twice, and kept everything.
    alice.reload().await?;
    alice.wait_outlook("full").await?;
    ensure!(alice.written().await? == "one too many");
    alice.click_last("cancel-message").await?;
    alice.wait_outlook("unpaired").await?;
    alice.press_enter().await?;
    alice.wait_message(From::Me, "queued", "one too many").await
}
