//! A backup made in one browser is restored in another: identity, contacts and messages are there, no
//! session is; all are called once more, and see a device that they do not know.

use std::fs;
use std::sync::Arc;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use super::{connect, tell};
use crate::page::{From, id};
use crate::world::World;

const PASSPHRASE: &str = "correct horse battery staple";

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let alice = world.person("Alice").await?;
    // Where browsers differ, in another one than hers.
    let again = world.visitor("Alice").await?;
    let bob = world.person("Bob").await?;
    connect(&alice, &bob).await?;
    tell(&bob, &alice, "before").await?;
    let link = alice.invite_link().await?;

    // What anybody can read is a file of its own.
    alice.open("Bob").await?;
    alice.click("contact-menu").await?;
    let text = String::from_utf8(alice.save_by("export", ".txt").await?)?;
    ensure!(
        text.starts_with("Alice and Bob\n")
            && text.ends_with("Bob\u{2069}: \u{2068}before\u{2069}\n"),
        "saved: {text:?}"
    );
    alice.click("close-dialog").await?;

    alice.open_protection().await?;
    alice.fill("backup", PASSPHRASE).await?;
    alice.fill("backup-again", PASSPHRASE).await?;
    let file = alice.save_by("save-backup", ".backup").await?;
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
