//! A server that crashes and comes back, each in turn: both people see it, nothing is lost.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::{From, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&alice, &bob, "before").await?;

    // One machine runs all three servers: that is said, until somebody has read it.
    alice
        .wait_text(&id("in-common"), "addresses of their own")
        .await?;
    alice.click("dismiss-in-common").await?;
    alice.wait_gone(&id("in-common")).await?;

    let mut expected = vec!["before".to_owned()];
    for party in 0..3 {
        let text = format!("while P{party} is away");
        world.kill(party);
        alice.wait_party(party, "away").await?;
        alice.wait_covered(false).await?;
        alice.click("status").await?;
        alice.wait_text(&id("cover"), "not been in every").await?;
        alice.click("close-dialog").await?;
        alice.send("Bob", &text).await?;
        world.revive(&[party])?;
        bob.wait_received("Alice", &text).await?;
        alice.wait_delivered("Bob", &text).await?;
        alice.wait_covered(true).await?;
        expected.push(text);
    }
    tell(&bob, &alice, "after").await?;

    ensure!(bob.texts(From::Them).await? == expected);
    ensure!(alice.texts(From::Them).await? == ["after"]);
    Ok(())
}
