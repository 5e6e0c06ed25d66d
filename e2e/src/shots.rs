//! Pictures of the main views, for people to look at: `cargo xtask shots`.
//!
//! One journey on a wide and one on a narrow screen, each view in light and in dark.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::json;
use xtask::place;
use xtask::servers::Pace;

use crate::engine::Engine;
use crate::page::{From, Page, id};
use crate::pool::Pool;
use crate::world::World;

/// Widths of the screens, in CSS pixels, and their heights.
const SCREENS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// Takes all pictures and returns the folder that they are in.
///
/// # Errors
///
/// A view does not come up.
pub async fn take() -> Result<PathBuf> {
    let folder = place::target().join("shots");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let pool = Arc::new(Pool::default());
    for (width, height) in SCREENS {
        let world =
            World::start("shots", &[Engine::Chromium], Pace::Quick, Arc::clone(&pool)).await?;
        let camera = Camera {
            folder: folder.clone(),
            width,
            height,
        };
        let taken = journey(&world, &camera).await;
        world.end(taken.is_err()).await;
        taken.with_context(|| format!("at {width} pixels"))?;
    }
    Ok(folder)
}

struct Camera {
    folder: PathBuf,
    width: u32,
    height: u32,
}

impl Camera {
    /// Gives a page this camera's screen.
    async fn frame(&self, page: &Page) -> Result<()> {
        // Windows of a desktop do not get this narrow; a phone's screen does.
        page.emulate(
            "Emulation.setDeviceMetricsOverride",
            json!({
                "width": self.width, "height": self.height, "deviceScaleFactor": 1,
                "mobile": self.width < 600,
            }),
        )
        .await
    }

    /// Takes a view in light and in dark, with nothing half faded in.
    async fn take(&self, page: &Page, view: &str) -> Result<()> {
        for scheme in ["light", "dark"] {
            let features = json!([
                { "name": "prefers-color-scheme", "value": scheme },
                { "name": "prefers-reduced-motion", "value": "reduce" },
            ]);
            page.emulate(
                "Emulation.setEmulatedMedia",
                json!({ "features": features }),
            )
            .await?;
            let name = format!("{view}-{}-{scheme}.png", self.width);
            fs::write(self.folder.join(name), page.picture().await?)?;
        }
        Ok(())
    }
}

async fn journey(world: &World, camera: &Camera) -> Result<()> {
    let ada = world.visitor("Ada").await?;
    camera.frame(&ada).await?;
    ada.wait(&id("welcome")).await?;
    camera.take(&ada, "01-welcome").await?;
    ada.sign_up().await?;
    camera.take(&ada, "02-home").await?;

    ada.click("invite").await?;
    ada.wait(&id("invite-link")).await?;
    camera.take(&ada, "03-invite").await?;
    ada.click("close-dialog").await?;
    ada.click("settings").await?;
    camera.take(&ada, "04-settings").await?;
    ada.click("close-dialog").await?;
    ada.click("status").await?;
    camera.take(&ada, "05-network").await?;
    ada.click("close-dialog").await?;

    let grace = world.person("Grace").await?;
    let alan = world.person("Alan").await?;
    ada.start_adding("Grace", &grace.invite_link().await?)
        .await?;
    camera.take(&ada, "06-add-contact").await?;
    ada.click("confirm-add").await?;
    grace.add_contact("Ada", &ada.invite_link().await?).await?;
    alan.add_contact("Ada", &ada.invite_link().await?).await?;
    ada.add_contact("Alan", &alan.invite_link().await?).await?;

    camera.take(&ada, "07-contact").await?;

    ada.call("Grace").await?;
    ada.send("Grace", "Are you there?").await?;
    camera.take(&ada, "08-calling").await?;
    grace.accept("Ada").await?;
    ada.wait_state("Grace", "paired").await?;
    grace
        .send("Ada", "Hello Ada! I was just reading about your engine.")
        .await?;
    ada.wait_received("Grace", "your engine").await?;
    ada.send(
        "Grace",
        "It weaves algebraic patterns 🧵 just as the loom weaves flowers and leaves.",
    )
    .await?;
    ada.wait_message(From::Me, "delivered", "algebraic patterns")
        .await?;
    grace
        .send(
            "Ada",
            "Jak žluťoučký kůň: nobody on the way knows that we talk.",
        )
        .await?;
    ada.wait_received("Grace", "žluťoučký").await?;
    ada.send("Grace", "Not even that we are the two who talk?")
        .await?;
    camera.take(&ada, "09-conversation").await?;
    grace.ring("Ada").await?;
    ada.wait_rang("Grace").await?;
    camera.take(&ada, "10-rung").await?;
    ada.click("dismiss-ring").await?;

    ada.click("contact-menu").await?;
    camera.take(&ada, "11-about-contact").await?;
    ada.click("compare").await?;
    ada.wait(&id("safety-number")).await?;
    camera.take(&ada, "12-safety-number").await?;
    ada.click("verify").await?;
    ada.click("close-dialog").await?;

    alan.call("Ada").await?;
    ada.wait(&id("incoming")).await?;
    camera.take(&ada, "13-incoming").await?;
    ada.decline("Alan").await?;
    camera.frame(&alan).await?;
    camera.take(&alan, "14-calling-on").await?;

    world.kill(2);
    ada.wait_party(2, "away").await?;
    camera.take(&ada, "15-server-away").await?;
    world.revive(2)
}
