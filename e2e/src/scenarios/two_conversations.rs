//! Two conversations at once, and no text in the wrong one.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{connect, tell};
use crate::page::{From, contact, id};
use crate::world::World;

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    let carol = world.person("Carol").await?;
    connect(&alice, &bob).await?;
    connect(&carol, &alice).await?;
    alice.wait_state("Bob", "paired").await?;

    tell(&alice, &bob, "For Bob").await?;
    tell(&alice, &carol, "For Carol").await?;
    tell(&bob, &alice, "From Bob").await?;
    tell(&carol, &alice, "From Carol").await?;

    ensure!(bob.texts(From::Them).await? == ["For Bob"]);
    ensure!(carol.texts(From::Them).await? == ["For Carol"]);
    alice.open("Bob").await?;
    ensure!(alice.texts(From::Them).await? == ["From Bob"]);
    alice.open("Carol").await?;
    ensure!(alice.texts(From::Them).await? == ["From Carol"]);

    // An address is a link that shows where it leads; what only looks like one is none.
    tell(
        &carol,
        &alice,
        "https://example.org/a?b=c, not https://еxample.org",
    )
    .await?;
    let links = r"
        const [link, done] = arguments;
        done([...document.querySelectorAll(link)].map(({ href, rel, target }) => [href, rel, target]));
    ";
    let links = alice.run_script(links, vec![json!(id("link"))]).await?;
    let expected = json!([["https://example.org/a?b=c", "noopener noreferrer", "_blank"]]);
    ensure!(links == expected, "links: {links}");

    // Who said it is found by what was said, and the message is in view.
    alice.show_contacts().await?;
    alice.fill("search", "from BOB").await?;
    alice.wait_gone(&contact("Carol")).await?;
    alice.click("contact").await?;
    alice.wait_text(".message.found", "From Bob").await?;
    alice.show_contacts().await?;
    alice.fill("search", "caro").await?;
    alice.wait(&contact("Carol")).await?;
    ensure!(!alice.shows(&contact("Bob")).await?);
    alice.fill("search", "nobody said this").await?;
    alice.wait(&id("nothing-found")).await
}
