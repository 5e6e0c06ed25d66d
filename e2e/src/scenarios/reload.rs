//! A page reload in the middle of a conversation: it goes on, nothing is lost or doubled, and the
//! mark of a compared safety number stays. Nor is anything where one leaves the page and goes back.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::{From, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&alice, &bob, "one").await?;
    ensure!(alice.looks_at("Bob").await?, "Alice types and is not there");

    alice.verify("Bob").await?;
    // One text on its way in each direction.
    alice.send("Bob", "two").await?;
    bob.send("Alice", "three").await?;
    alice.draft("Bob", "not finished").await?;
    alice.reload().await?;
    ensure!(
        !alice.looks_at("Bob").await?,
        "a page that nobody touched looks at somebody"
    );
    ensure!(
        alice.written().await? == "not finished",
        "the draft is gone"
    );

    let mark = id("verified-mark");
    alice.wait(&mark).await?;
    ensure!(!bob.shows(&mark).await?, "he is said to have compared");

    bob.wait_received("Alice", "two").await?;
    alice.wait_received("Bob", "three").await?;
    bob.wait_delivered("Alice", "three").await?;
    alice.wait_delivered("Bob", "two").await?;
    tell(&alice, &bob, "four").await?;
    tell(&bob, &alice, "five").await?;

    // Whatever the browser still has of a page that was left, it is connected again.
    alice.leave().await?;
    alice.go_back().await?;
    tell(&bob, &alice, "six").await?;

    ensure!(bob.texts(From::Them).await? == ["one", "two", "four"]);
    ensure!(alice.texts(From::Them).await? == ["three", "five", "six"]);
    Ok(())
}
