//! A server that crashes and comes back, each in turn: both people see it, nothing is lost.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::From;
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&alice, &bob, "before").await?;

    let mut expected = vec!["before".to_owned()];
    for party in 0..3 {
        let text = format!("while P{party} is away");
        world.kill(party);
        alice.wait_party(party, "away").await?;
        alice.send("Bob", &text).await?;
        world.revive(&[party])?;
        bob.wait_received("Alice", &text).await?;
        alice.wait_delivered("Bob", &text).await?;
        expected.push(text);
    }
    tell(&bob, &alice, "after").await?;

    ensure!(bob.texts(From::Them).await? == expected);
    ensure!(alice.texts(From::Them).await? == ["after"]);
    Ok(())
}
