//! Whoever wants to is told by the browser what comes while nobody sees the page: not what was
//! written, and from whom only if they say so.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{connect, tell};
use crate::page::{Page, id};
use crate::world::World;

/// Takes the place of the browser's notifications, which nobody sees in a test.
const STAND_IN: &str = r"
const [done] = arguments;
const told = document.documentElement;
window.Notification = class extends EventTarget {
    static permission = 'default';
    static async requestPermission() { return (this.permission = 'granted'); }
    constructor(title, { body }) { super(); told.dataset.told = `${title}: ${body}`; }
    close() { delete told.dataset.told; }
};
done(true);
";

/// Lets the page be seen, or not.
const SEE: &str = r"
const [state, done] = arguments;
Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
document.dispatchEvent(new Event('visibilitychange'));
done(true);
";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    alice.run_script(STAND_IN, Vec::new()).await?;
    ensure!(
        !alice.shows(&id("notify-offer")).await?,
        "notifications are offered before there is a use of them"
    );
    connect(&bob, &alice).await?;
    alice.click("notify-yes").await?;
    alice.wait_gone(&id("notify-offer")).await?;

    // While she sees the page, it says nothing.
    tell(&bob, &alice, "seen").await?;
    ensure!(!alice.shows("[data-told]").await?);

    see(&alice, "hidden").await?;
    bob.send("Alice", "a secret").await?;
    wait_told(&alice, "MCMix: A new message").await?;
    see(&alice, "visible").await?;
    alice.wait_gone("[data-told]").await?;

    alice.show_contacts().await?;
    alice.click("settings").await?;
    alice.click("notify-names").await?;
    alice.click("close-dialog").await?;
    see(&alice, "hidden").await?;
    bob.send("Alice", "another").await?;
    wait_told(&alice, "MCMix: A message from Bob").await?;
    see(&alice, "visible").await?;

    alice.click("settings").await?;
    alice.click("notify-never").await?;
    alice.click("close-dialog").await?;
    see(&alice, "hidden").await?;
    bob.send("Alice", "one more").await?;
    bob.wait_delivered("Alice", "one more").await?;
    alice.wait_unread("Bob").await?;
    ensure!(!alice.shows("[data-told]").await?);
    Ok(())
}

async fn see(page: &Page, state: &str) -> Result<()> {
    page.run_script(SEE, vec![json!(state)]).await.map(drop)
}

async fn wait_told(page: &Page, text: &str) -> Result<()> {
    page.wait(&format!("[data-told='{text}']")).await
}
