//! One press makes an identity that is kept nowhere: its link works like any other, and it is gone
//! with the page.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::tell;
use crate::page::id;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let guest = world.visitor("Guest").await?;
    guest.click("throwaway").await?;
    guest.wait(&id("throwaway-note")).await?;
    guest.wait_connected().await?;

    alice
        .start_adding("Guest", &guest.invite_link().await?)
        .await?;
    alice.click("add-and-call").await?;
    guest.accept("Alice").await?;
    tell(&guest, &alice, "just trying").await?;
    tell(&alice, &guest, "welcome").await?;

    // Nothing was stored: the next visit is a first one.
    guest.leave().await?;
    guest.come_back_asked().await?;
    guest.wait(&id("welcome")).await?;
    for store in ["identities", "records"] {
        ensure!(guest.stored(store).await? == 0, "{store} are stored");
    }

    // Whoever then stays and double-clicks makes one identity, not two.
    guest.fill("name-input", "Gus").await?;
    guest.double_click("create-identity").await?;
    guest.wait_connected().await?;
    let made = guest.stored("identities").await?;
    ensure!(made == 1, "{made} identities of one double click");
    Ok(())
}
