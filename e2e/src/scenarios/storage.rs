//! Storage that somebody else changes: it is said as it is, and nothing is lost silently.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::page::{From, id};
use crate::world::World;

/// Deletes all that the page keeps.
const DELETE: &str = r"
const done = arguments[0];
const deleting = indexedDB.deleteDatabase('mcmix');
deleting.onsuccess = () => done(true);
";

/// Lays the database out as a later version of the page will.
const UPGRADE: &str = r"
const done = arguments[0];
const opening = indexedDB.open('mcmix', 3);
opening.onsuccess = () => { opening.result.close(); done(true); };
";

/// Lays it out as the first version did, and keeps it open.
const HOLD_OLD: &str = r"
const done = arguments[0];
const deleting = indexedDB.deleteDatabase('mcmix');
deleting.onsuccess = () => {
  const opening = indexedDB.open('mcmix', 1);
  opening.onupgradeneeded = () => {
    for (const store of ['identities', 'records']) opening.result.createObjectStore(store);
  };
  opening.onsuccess = () => { window.held = opening.result; done(true); };
};
";

/// Lets go of it.
const LET_GO: &str = "window.held.close(); arguments[0](true);";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&bob, &alice, "before").await?;

    // Deleted under the open page: it is kept anew from that, and said so.
    let beside = alice.second_window("beside").await?;
    beside.visit_beside("sw.js").await?;
    beside.run_script(DELETE, Vec::new()).await?;
    alice.wait_text(&id("notice-toast"), "deleted").await?;
    // Though another page has laid all out anew meanwhile, or comes before it.
    beside.come_back_asked().await?;
    beside.wait(&id("identities")).await?;
    tell(&alice, &bob, "still here").await?;
    beside.visit_beside("sw.js").await?;
    alice.reload().await?;
    alice.wait_state("Bob", "paired").await?;
    ensure!(alice.texts(From::Them).await? == ["before"]);
    tell(&bob, &alice, "after").await?;

    // A later version takes the database over: this page stops, and leaves all as it is.
    beside.run_script(UPGRADE, Vec::new()).await?;
    bob.send("Alice", "not kept").await?;
    alice
        .wait_text(&id("fatal"), "older than your data")
        .await?;
    alice.reload_asked().await?;
    alice
        .wait_text(&id("fatal"), "older than your data")
        .await?;

    // A window with an old page is in the way: the page says so, and goes on once that is gone.
    alice.leave().await?;
    beside.run_script(HOLD_OLD, Vec::new()).await?;
    alice.come_back_asked().await?;
    alice
        .wait_text(&id("fatal"), "Close the other windows")
        .await?;
    beside.run_script(LET_GO, Vec::new()).await?;
    alice.wait(&id("welcome")).await
}
