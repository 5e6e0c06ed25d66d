//! A backup made in one browser is restored in another: identity, contacts and messages are there, no
//! session is; all are called once more, and see a device that they do not know.

use std::fs;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::{connect, tell};
use crate::page::{From, id};
use crate::world::World;

const PASSPHRASE: &str = "correct horse battery staple";

/// Keeps what the page saves as a file, in place of the browser.
const CATCH: &str = r"
const done = arguments[0];
const make = URL.createObjectURL;
window.saved = new Promise((resolve) => {
  URL.createObjectURL = (blob) => { resolve(blob); return make.call(URL, blob); };
  HTMLAnchorElement.prototype.click = function () {
    if (!this.download.endsWith('.backup')) throw new Error(this.download);
  };
});
done(true);
";

/// Gives it.
const CAUGHT: &str = r"
const done = arguments[0];
window.saved.then(async (blob) => {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  done(btoa(String.fromCharCode(...bytes)));
});
";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    // Where browsers differ, in another one than hers.
    let again = world.visitor("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&bob, &alice, "before").await?;
    let link = alice.invite_link().await?;

    alice.open_protection().await?;
    alice.fill("backup", PASSPHRASE).await?;
    alice.fill("backup-again", PASSPHRASE).await?;
    alice.run_script(CATCH, Vec::new()).await?;
    alice.click("save-backup").await?;
    let file = alice.run_script(CAUGHT, Vec::new()).await?;
    let file = STANDARD.decode(file.as_str().context("nothing was saved")?)?;
    ensure!(file.starts_with(b"mcmix backup 1\n"));
    alice.leave().await?;

    let folder = TempDir::with_prefix("mcmix-backup-")?;
    let path = folder.path().join("mcmix.backup");
    again.click("restore-backup").await?;
    again.click("restore").await?;
    again.wait_text(&id("not-restored"), "Choose").await?;
    fs::write(&path, b"something else")?;
    again.choose_file("backup-file", &path).await?;
    again.click("restore").await?;
    again.wait_text(&id("not-restored"), "no backup").await?;
    fs::write(&path, &file)?;
    again.choose_file("backup-file", &path).await?;
    again.fill("backup-passphrase", "a guess").await?;
    again.click("restore").await?;
    again.wait_text(&id("not-restored"), "passphrase").await?;
    again.fill("backup-passphrase", PASSPHRASE).await?;
    again.click("restore").await?;
    again.wait_connected().await?;

    ensure!(again.invite_link().await? == link, "another identity");
    again.open("Bob").await?;
    ensure!(again.texts(From::Them).await? == ["before"]);
    again.click("connect-all").await?;
    bob.wait_state("Alice", "incoming").await?;
    ensure!(bob.shows(&id("new-device")).await?, "he is not warned");
    bob.accept("Alice").await?;
    again.wait_state("Bob", "paired").await?;
    tell(&again, &bob, "after").await?;
    tell(&bob, &again, "welcome back").await?;
    ensure!(again.texts(From::Them).await? == ["before", "welcome back"]);
    Ok(())
}
