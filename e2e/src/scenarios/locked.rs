//! All that is kept is sealed; behind a passphrase it opens by that alone, in whatever window, and is
//! offline until then. Erased, it is gone.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{connect, tell};
use crate::engine::Engine;
use crate::kept::Kept;
use crate::page::{From, id};
use crate::world::World;

const FIRST: &str = "correct horse battery staple";
const SECOND: &str = "five words drawn at random";

/// Has five minutes go by at once on a page.
const HURRY: &str = r"
const done = arguments[0];
const later = window.setTimeout;
window.setTimeout = (call, delay, ...rest) => later(call, delay === 300_000 ? 0 : delay, ...rest);
done(true);
";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&bob, &alice, "a telling text").await?;

    // Nothing stands there as it is, and what stands there is all of it.
    alice.leave().await?;
    alice.visit_beside("sw.js").await?;
    let kept = Kept::read(&alice).await?;
    // Long enough not to stand in random bytes by chance.
    for plain in ["a telling text", "message/", "contact/", "identity"] {
        let found = kept
            .raw
            .windows(plain.len())
            .any(|it| it == plain.as_bytes());
        ensure!(!found, "{plain} stands in the store");
    }
    ensure!(kept.names().any(|name| name == "identity"));
    ensure!(kept.names().any(|name| name.starts_with("message/")));
    let browser = alice.engine();
    ensure!(
        kept.sealed_by_browser || browser == Engine::WebKit,
        "{browser} keeps our key as it is"
    );
    // As pages kept it that sealed nothing: the next one goes on with it, and seals it.
    kept.write(&alice).await?;
    alice.come_back().await?;
    alice.wait_state("Bob", "paired").await?;
    tell(&bob, &alice, "two").await?;

    // Behind a passphrase.
    alice.protect(FIRST, "another one").await?;
    alice.wait(&id("passphrase-wrong")).await?;
    alice.protect(FIRST, FIRST).await?;
    alice.wait_protected().await?;
    alice.click("lock-now").await?;
    alice.wait(&id("locked")).await?;
    bob.wait(&format!("{}[data-online='1']", id("online")))
        .await?;
    bob.send("Alice", "are you there?").await?;
    alice.reload_asked().await?;
    alice.wait(&id("locked")).await?;
    alice.unlock("correct horse").await?;
    alice
        .wait(&format!("{}[data-count='1']", id("wrong-passphrase")))
        .await?;
    alice.unlock(FIRST).await?;
    alice.wait_connected().await?;
    alice.wait_received("Bob", "are you there?").await?;

    // Another passphrase; the first one opens nothing any more.
    alice.protect(SECOND, SECOND).await?;
    alice.wait_protected().await?;
    alice.reload_asked().await?;
    alice.unlock(FIRST).await?;
    alice.wait(&id("wrong-passphrase")).await?;
    alice.unlock(SECOND).await?;
    alice.wait_connected().await?;
    ensure!(alice.texts(From::Them).await? == ["a telling text", "two", "are you there?"]);
    // By itself, after five minutes: of which this page believes that they are over at once.
    alice.run_script(HURRY, Vec::new()).await?;
    alice.open_protection().await?;
    alice.click("lock-after-5").await?;
    alice.wait(&id("locked")).await?;
    alice.reload_asked().await?;
    alice.unlock(SECOND).await?;
    alice.wait_connected().await?;
    // And none.
    alice.open_protection().await?;
    alice.click("remove-passphrase").await?;
    alice.wait(&protected(false)).await?;
    alice.reload().await?;

    // Erased in one window, it does not come back from another one in which it is open.
    let ann = alice.second_window("Ann").await?;
    ann.click("new-identity").await?;
    ann.sign_up().await?;
    ann.open_protection().await?;
    ann.click("erase-all").await?;
    ann.click("confirm-erase-all").await?;
    ann.wait(&id("welcome")).await?;
    bob.send("Alice", "too late").await?;
    alice.wait(&id("lost-identity")).await?;
    ann.wait_gone(&id("home")).await?;
    for store in ["identities", "records"] {
        ensure!(ann.stored(store).await? == 0, "{store} are left");
    }
    // What is made afterwards, in the window that was there before, is there again.
    alice.click("new-identity").await?;
    alice.sign_up().await?;
    alice.reload().await
}

fn protected(is: bool) -> String {
    format!("{}[data-protected='{is}']", id("protected"))
}
