//! What people do with MCMix, one file each.

use core::future::Future;
use core::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use xtask::servers::Pace;

use crate::page::Page;
use crate::world::World;

mod absent;
mod any_time;
mod arrival;
mod backup;
mod busy_page;
mod changed_keys;
mod closed;
mod declined;
pub(crate) mod demo;
mod first_message;
mod frozen;
mod glare;
mod keyboard;
pub(crate) mod kills;
mod locked;
mod no_network;
mod notified;
mod offline;
mod pasted;
mod reload;
mod removed;
mod restart;
mod ring;
mod same_browser;
mod storage;
mod throwaway;
mod two_conversations;
mod wire_lengths;

/// A story while it is played.
pub(crate) type Play = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One story.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// How fast rounds follow each other.
    pub(crate) pace: Pace,
    /// Plays it.
    pub(crate) play: fn(Arc<World>) -> Play,
}

macro_rules! scenarios {
    ($($name:ident: $pace:ident),* $(,)?) => {
        &[$(Scenario {
            name: stringify!($name),
            pace: Pace::$pace,
            play: |world| Box::pin($name::play(world)),
        }),*]
    };
}

/// Those that every engine plays.
pub(crate) const ALL: &[Scenario] = scenarios![
    first_message: Quick,
    any_time: Quick,
    arrival: Quick,
    pasted: Quick,
    no_network: Quick,
    ring: Quick,
    glare: Quick,
    removed: Quick,
    absent: Quick,
    busy_page: Quick,
    changed_keys: Quick,
    same_browser: Quick,
    throwaway: Quick,
    demo: Unhurried,
    keyboard: Quick,
    notified: Quick,
    locked: Quick,
    storage: Quick,
    backup: Quick,
    two_conversations: Quick,
    declined: Quick,
    closed: Quick,
    offline: Quick,
    reload: Quick,
    restart: Quick,
    wire_lengths: Unhurried,
    frozen: Quick,
];

/// Those that kill pages, which one browser alone lets others do.
pub(crate) const KILLS: &[Scenario] = scenarios![kills: Quick];

/// Those that two different engines play with each other.
pub(crate) const MIXED: &[Scenario] =
    scenarios![first_message: Quick, reload: Quick, backup: Quick];

/// Lets one person add another from their invite link.
async fn introduce(who: &Page, to: &Page) -> Result<()> {
    who.add_contact(&to.name, &to.invite_link().await?).await
}

/// Makes two people a pair: one calls, the other accepts.
async fn connect(caller: &Page, friend: &Page) -> Result<()> {
    introduce(caller, friend).await?;
    introduce(friend, caller).await?;
    caller.call(&friend.name).await?;
    friend.accept(&caller.name).await?;
    caller.wait_state(&friend.name, "paired").await
}

/// Sends a text and waits until both see that it arrived.
async fn tell(from: &Page, to: &Page, text: &str) -> Result<()> {
    from.send(&to.name, text).await?;
    to.wait_received(&from.name, text).await?;
    from.wait_delivered(&to.name, text).await
}
