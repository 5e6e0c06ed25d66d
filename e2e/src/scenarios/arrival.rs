//! A message that arrives adds itself to the page and changes nothing else: what somebody has
//! selected stays selected, and a screen reader reads what is new.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{connect, tell};
use crate::page::id;
use crate::world::World;

/// Selects the first message, and counts from now on what is added to the log and what goes.
const WATCH: &str = r"
const [log, text, done] = arguments;
const messages = document.querySelector(log);
getSelection().selectAllChildren(messages.querySelector(text));
window.watched = { added: 0, gone: 0 };
new MutationObserver((records) => {
  for (const record of records) {
    const elements = (list) => [...list].filter((node) => node.nodeType === Node.ELEMENT_NODE);
    if (record.target === messages) window.watched.added += elements(record.addedNodes).length;
    window.watched.gone += elements(record.removedNodes).length;
  }
}).observe(messages, { childList: true, subtree: true });
done(true);
";

/// Says what became of both.
const SEEN: &str = r"
arguments[0]({ ...window.watched, selected: String(getSelection()) });
";

const BEFORE: [&str; 3] = ["one", "two", "three"];
const ARRIVALS: [&str; 2] = ["four", "five"];

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    for text in BEFORE {
        tell(&bob, &alice, text).await?;
    }
    let selectors = vec![json!(id("messages")), json!(id("message-text"))];
    alice.run_script(WATCH, selectors).await?;
    for text in ARRIVALS {
        tell(&bob, &alice, text).await?;
    }
    let seen: Value = alice.run_script(SEEN, Vec::new()).await?;
    ensure!(
        seen == json!({ "added": ARRIVALS.len(), "gone": 0, "selected": BEFORE[0] }),
        "{} arrivals: {seen}",
        ARRIVALS.len()
    );
    Ok(())
}
