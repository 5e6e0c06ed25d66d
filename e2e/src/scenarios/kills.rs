//! Pages that are killed at random moments while texts are on their way: what a page had stored is
//! delivered, once and in order, and nothing else is.
//!
//! A few kills with all other scenarios; as many as wanted by `./mcmix e2e --kills N`.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::connect;
use crate::page::{From, Page, id};
use crate::world::World;

/// How many pages are killed; [`count`] reads it.
pub(crate) const KILLS: &str = "MCMIX_E2E_KILLS";
/// How many where nobody says.
const FEW: usize = 6;

/// The longest that a page lives after its last text, in milliseconds: some rounds.
const LIFE: u32 = 1_500;
/// After so many kills, both live until all is delivered.
const SETTLES: usize = 10;
/// The most texts a life.
const TEXTS: u32 = 3;

/// Returns how many pages are killed.
pub(crate) fn count() -> usize {
    let kills = env::var(KILLS).ok();
    kills.and_then(|it| it.parse().ok()).unwrap_or(FEW)
}

/// One of the two, and what nobody may lose.
struct Side {
    page: Page,
    friend: &'static str,
    stored: Vec<String>,
    written: u32,
}

impl Side {
    /// Writes some texts, and returns at once.
    async fn write(&mut self, count: u32) -> Result<()> {
        self.page.open(self.friend).await?;
        let first = self.written;
        self.written += count;
        let name = &self.page.name;
        let texts = (first..self.written).map(|number| format!("{name} {number}"));
        let texts: Vec<_> = texts.collect();
        let written = self.page.write_many(&texts).await;
        written.with_context(|| format!("{name} writes {texts:?}"))
    }

    /// Waits until all that was written is delivered.
    async fn wait_delivered(&self) -> Result<()> {
        let own = format!("{}[data-from='me']", id("message"));
        let undelivered = format!("{own}:not([data-status='delivered'])");
        self.page.wait_gone(&undelivered).await
    }

    /// Dies, after a look at what was stored until then, and comes back.
    async fn die(&mut self) -> Result<()> {
        let stored = self.page.stored_texts().await?;
        self.stored.extend(stored.unwrap_or_default());
        let name = self.page.name.clone();
        let killed = self.page.kill().await;
        killed.with_context(|| format!("{name} comes back"))?;
        self.page.open(self.friend).await
    }
}

pub(super) async fn play(world: Arc<World>) -> Result<()> {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let mut below = move |bound: u32| rng.next_u32() % bound;
    let side = |page, friend| Side {
        page,
        friend,
        stored: Vec::new(),
        written: 0,
    };
    let mut alice = side(world.person("Alice").await?, "Bob");
    let mut bob = side(world.person("Bob").await?, "Alice");
    connect(&alice.page, &bob.page).await?;

    let kills = count();
    for kill in 1..=kills {
        let (victim, other) = match below(2) {
            0 => (&mut alice, &mut bob),
            _ => (&mut bob, &mut alice),
        };
        victim.write(1 + below(TEXTS)).await?;
        other.write(below(TEXTS)).await?;
        // When it dies is what is tried here: there is nothing to wait for.
        tokio::time::sleep(Duration::from_millis(below(LIFE).into())).await;
        victim.die().await?;
        if kill % SETTLES == 0 {
            // More than a hundred texts that wait are not taken, and both die faster than they talk.
            victim.wait_delivered().await?;
            other.wait_delivered().await?;
            println!("{kill} of {kills} pages were killed");
        }
    }

    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        from.wait_delivered().await?;
        from.page.show_all().await?;
        to.page.show_all().await?;
        let (sent, got) = (
            from.page.texts(From::Me).await?,
            to.page.texts(From::Them).await?,
        );
        ensure!(
            sent == got,
            "{} wrote {sent:?}, and there arrived {got:?}",
            from.page.name
        );
        let numbers: Vec<u32> = got
            .iter()
            .filter_map(|text| text.rsplit(' ').next()?.parse().ok())
            .collect();
        let is_ordered = numbers.is_sorted_by(|one, next| one < next);
        ensure!(
            is_ordered && numbers.len() == got.len() && !from.stored.is_empty(),
            "{} stored {}, and there arrived {got:?}",
            from.page.name,
            from.stored.len()
        );
        let lost = from.stored.iter().find(|text| !sent.contains(text));
        ensure!(lost.is_none(), "{lost:?} had been stored");
        println!("{} of {} texts arrived", got.len(), from.written);
    }
    Ok(())
}
