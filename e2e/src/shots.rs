//! Pictures of every view, for people to look at: `cargo xtask shots`.
//!
//! One journey on a wide and one on a narrow screen, each view in light and in dark.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use xtask::place;
use xtask::servers::Pace;

use crate::engine::Engine;
use crate::kept::{Kept, swap_server_keys};
use crate::page::{From, Page, id};
use crate::pool::Pool;
use crate::scenarios::demo;
use crate::world::World;

/// Widths of the screens, in CSS pixels, and their heights.
const SCREENS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// As long as a name gets.
const LONG_NAME: &str = "Hubert Blaine Wolfeschlegelsteinhausenbergerdorff the Elder";

/// After that long, connecting again is offered.
const LONG_AWAY: Duration = Duration::from_hours(8 * 24);

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
            taken: Cell::new(0),
        };
        let taken = journey(&world, &camera).await;
        world.end(taken.is_err()).await;
        taken.with_context(|| format!("at {width} pixels"))?;
    }
    Ok(folder)
}

/// Takes the demo's picture for the README.
///
/// # Errors
///
/// The demo does not come up.
pub async fn take_demo(to: &Path) -> Result<()> {
    let pool = Arc::new(Pool::default());
    let world = World::start("shots", &[Engine::Chromium], Pace::Unhurried, pool).await?;
    let taken = async {
        let demo = world.demo().await?;
        let [(width, height), _] = SCREENS;
        frame(&demo, width, height).await?;
        demo::talk(&demo).await?;
        // The words that were said, and what the network saw meanwhile, stand there.
        Ok(fs::write(to, demo.picture().await?)?)
    };
    let taken: Result<()> = taken.await;
    world.end(taken.is_err()).await;
    taken
}

/// Gives a page a screen.
async fn frame(page: &Page, width: u32, height: u32) -> Result<()> {
    // Windows of a desktop do not get this narrow; a phone's screen does.
    page.emulate(
        "Emulation.setDeviceMetricsOverride",
        json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        }),
    )
    .await
}

struct Camera {
    folder: PathBuf,
    width: u32,
    height: u32,
    /// How many views it has taken.
    taken: Cell<usize>,
}

impl Camera {
    /// Gives a page this camera's screen.
    async fn frame(&self, page: &Page) -> Result<()> {
        frame(page, self.width, self.height).await
    }

    /// Takes a view in light and in dark, with nothing half faded in.
    async fn take(&self, page: &Page, view: &str) -> Result<()> {
        self.taken.set(self.taken.get() + 1);
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
            let number = self.taken.get();
            let name = format!("{number:02}-{view}-{}-{scheme}.png", self.width);
            fs::write(self.folder.join(name), page.picture().await?)?;
        }
        Ok(())
    }
}

/// Those who talk with Ada, whose screen is shown.
struct Friends {
    grace: Page,
    alan: Page,
}

async fn journey(world: &World, camera: &Camera) -> Result<()> {
    let ada = world.visitor("Ada").await?;
    camera.frame(&ada).await?;
    first_visit(&ada, camera).await?;
    let friends = Friends {
        grace: world.person("Grace").await?,
        alan: world.person("Alan").await?,
    };
    adding(&ada, &friends, camera).await?;
    strangers(world, &ada, camera).await?;
    first_calls(&ada, &friends, camera).await?;
    talking(&ada, &friends.grace, camera).await?;
    rings(&ada, &friends.grace, camera).await?;
    one_contact(&ada, &friends.grace, camera).await?;
    new_device(&ada, &friends, camera).await?;
    ends(&ada, &friends, camera).await?;
    servers(world, &ada, camera).await?;
    records(&ada, camera).await?;
    windows(world, &ada, camera).await?;
    nothing_works(world, &ada, camera).await?;
    shown(world, camera).await
}

async fn shown(world: &World, camera: &Camera) -> Result<()> {
    let page = world.demo().await?;
    camera.frame(&page).await?;
    page.wait(&format!("{}[aria-disabled=false]", id("demo-next")))
        .await?;
    camera.take(&page, "demo").await?;
    demo::talk(&page).await?;
    camera.take(&page, "demo-talking").await?;
    page.scroll_to("demo-shares").await?;
    camera.take(&page, "demo-shares").await?;
    page.click("demo-ordinary").await?;
    page.scroll_to("demo-ordinary").await?;
    camera.take(&page, "demo-ordinary").await?;
    page.scroll_to("demo-record").await?;
    camera.take(&page, "demo-record").await
}

async fn first_visit(ada: &Page, camera: &Camera) -> Result<()> {
    ada.wait(&id("welcome")).await?;
    camera.take(ada, "welcome").await?;
    ada.click("create-identity").await?;
    camera.take(ada, "welcome-without-a-name").await?;
    ada.sign_up().await?;
    camera.take(ada, "home").await?;

    ada.click("invite").await?;
    ada.wait(&id("invite-link")).await?;
    camera.take(ada, "invite").await?;
    ada.click("copy-link").await?;
    ada.wait(&format!("{} [role='status'] p", id("invite-dialog")))
        .await?;
    camera.take(ada, "invite-copied").await?;
    ada.click("close-dialog").await?;
    ada.click("settings").await?;
    camera.take(ada, "settings").await?;
    ada.click("save-name").await?;
    ada.click("about").await?;
    ada.wait(&id("about-dialog")).await?;
    camera.take(ada, "about").await?;
    ada.click("close-dialog").await?;
    ada.open_protection().await?;
    camera.take(ada, "without-a-passphrase").await?;
    ada.protect("correct horse battery staple", "another one")
        .await?;
    camera.take(ada, "passphrases-differ").await?;
    ada.protect(
        "correct horse battery staple",
        "correct horse battery staple",
    )
    .await?;
    ada.wait_protected().await?;
    camera.take(ada, "with-a-passphrase").await?;
    ada.click("erase-all").await?;
    camera.take(ada, "erase-question").await?;
    ada.click("lock-now").await?;
    ada.wait(&id("locked")).await?;
    camera.take(ada, "locked").await?;
    ada.unlock("a guess").await?;
    ada.wait(&id("wrong-passphrase")).await?;
    camera.take(ada, "locked-wrong-passphrase").await?;
    ada.unlock("correct horse battery staple").await?;
    ada.wait_connected().await?;
    ada.open_protection().await?;
    ada.click("remove-passphrase").await?;
    ada.wait(&format!("{}[data-protected='false']", id("protected")))
        .await?;
    ada.click("close-dialog").await?;
    ada.click("status").await?;
    camera.take(ada, "network").await?;
    ada.click("close-dialog").await
}

async fn adding(ada: &Page, friends: &Friends, camera: &Camera) -> Result<()> {
    let Friends { grace, alan } = friends;
    let (own, hers) = (ada.invite_link().await?, grace.invite_link().await?);
    ada.click("add-contact").await?;
    camera.take(ada, "add").await?;
    ada.fill("link-input", "https://example.org/").await?;
    camera.take(ada, "add-not-a-link").await?;
    ada.fill("link-input", &own).await?;
    camera.take(ada, "add-own-link").await?;
    ada.click("close-dialog").await?;
    ada.start_adding("Grace", &hers).await?;
    camera.take(ada, "add-contact").await?;
    ada.click("confirm-add").await?;
    ada.wait(&id("call-offer")).await?;
    camera.take(ada, "call-offer").await?;
    ada.show_contacts().await?;
    ada.click("add-contact").await?;
    ada.fill("link-input", &hers).await?;
    camera.take(ada, "add-known").await?;
    ada.click("close-dialog").await?;

    // Somebody who is never there.
    let hubert = grace.second_window(LONG_NAME).await?;
    hubert.click("new-identity").await?;
    hubert.sign_up().await?;
    let his = hubert.invite_link().await?;
    hubert.close().await?;
    ada.start_adding(LONG_NAME, &his).await?;
    camera.take(ada, "add-long-name").await?;
    ada.click("confirm-add").await?;
    ada.add_contact("Alan", &alan.invite_link().await?).await?;
    grace.add_contact("Ada", &own).await?;
    alan.add_contact("Ada", &own).await
}

/// People who are no contacts: one who has a contact's name, and one who has not.
async fn strangers(world: &World, ada: &Page, camera: &Camera) -> Result<()> {
    let guest = world.visitor("Guest").await?;
    camera.frame(&guest).await?;
    guest.click("throwaway").await?;
    guest.wait(&id("throwaway-note")).await?;
    camera.take(&guest, "throwaway").await?;
    guest.leave().await?;

    let edsger = world.visitor("Edsger").await?;
    camera.frame(&edsger).await?;
    edsger.wait(&id("welcome")).await?;
    edsger.follow(&ada.invite_link().await?).await?;
    edsger.wait(&id("invited")).await?;
    camera.take(&edsger, "invited").await?;
    edsger.sign_up().await?;
    edsger.wait(&id("add-dialog")).await?;
    camera.take(&edsger, "invited-add").await?;
    edsger.click("confirm-add").await?;
    edsger.call("Ada").await?;
    ada.open("Grace").await?;
    ada.wait(&id("block-caller")).await?;
    camera.take(ada, "stranger-calls").await?;
    ada.click("block-caller").await?;
    ada.show_contacts().await?;
    ada.click("settings").await?;
    ada.wait(&id("blocked-stranger")).await?;
    ada.scroll_to("blocked-stranger").await?;
    camera.take(ada, "settings-blocked-stranger").await?;
    ada.click("close-dialog").await?;

    let other = edsger.second_window("GRACE").await?;
    other.click("new-identity").await?;
    other.sign_up().await?;
    other.add_contact("Ada", &ada.invite_link().await?).await?;
    other.call("Ada").await?;
    ada.wait(&id("looks-like")).await?;
    camera.take(ada, "stranger-looks-like-contact").await?;
    ada.decline("GRACE").await?;
    other.close().await
}

async fn first_calls(ada: &Page, friends: &Friends, camera: &Camera) -> Result<()> {
    let Friends { grace, alan } = friends;
    // A contact calls, and gives up.
    alan.call("Ada").await?;
    ada.open("Alan").await?;
    ada.wait(&id("incoming")).await?;
    camera.take(ada, "contact-calls").await?;
    ada.show_contacts().await?;
    camera.take(ada, "contact-calls-list").await?;
    alan.click("cancel-call").await?;
    ada.open("Alan").await?;
    ada.wait_notice("missed").await?;
    camera.take(ada, "missed").await?;

    // He calls again, and is away when she accepts.
    alan.wait_state("Ada", "known").await?;
    alan.call("Ada").await?;
    ada.wait(&id("incoming")).await?;
    alan.leave().await?;
    ada.click("accept").await?;
    ada.wait_state("Alan", "answering").await?;
    camera.take(ada, "answering").await?;

    // She calls two at once; one of them is never there.
    ada.call(LONG_NAME).await?;
    ada.send(LONG_NAME, "Are you there?").await?;
    camera.take(ada, "calling").await?;
    ada.call("Grace").await?;
    camera.take(ada, "calling-waits").await?;
    ada.show_contacts().await?;
    camera.take(ada, "list-of-calls").await?;
    alan.come_back().await?;
    ada.wait_state("Alan", "paired").await?;
    ada.open(LONG_NAME).await?;
    ada.wait(&stage("late")).await?;
    camera.take(ada, "calling-late").await?;
    ada.wait_notice("did not answer").await?;
    camera.take(ada, "no-answer").await?;
    grace.accept("Ada").await?;
    ada.open(LONG_NAME).await?;
    ada.call(LONG_NAME).await?;
    ada.wait(&stage("ringing")).await?;
    ada.click("cancel-call").await?;
    camera.take(ada, "withdrawing").await?;
    ada.open("Grace").await?;
    ada.wait_state("Grace", "paired").await?;
    camera.take(ada, "paired").await
}

async fn talking(ada: &Page, grace: &Page, camera: &Camera) -> Result<()> {
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
    grace.send("Ada", "שלום, مرحبا, 十人十色。").await?;
    grace
        .send(
            "Ada",
            "https://example.org/a/very/long/address/without/any/place/to/break/the/line?and=more&of=it&until=it&does=not&fit",
        )
        .await?;
    ada.wait_received("Grace", "example.org").await?;
    ada.wait_outlook("ready").await?;
    camera.take(ada, "conversation").await?;

    grace.leave().await?;
    ada.send("Grace", "Not even that we are the two who talk?")
        .await?;
    ada.send("Grace", "I did not mean to say this.").await?;
    ada.send("Grace", "This waits.").await?;
    ada.click_last("cancel-message").await?;
    ada.send("Grace", "And so does this.").await?;
    camera.take(ada, "queued-and-taken-back").await?;
    ada.paste("composer-input", &"Too much to say. ".repeat(900))
        .await?;
    camera.take(ada, "nearly-too-long").await?;
    ada.paste("composer-input", &"Far too much to say. ".repeat(900))
        .await?;
    camera.take(ada, "too-long").await?;
    ada.paste("composer-input", "").await?;
    grace.come_back().await?;
    ada.wait_delivered("Grace", "And so does this.").await
}

async fn rings(ada: &Page, grace: &Page, camera: &Camera) -> Result<()> {
    ada.ring("Grace").await?;
    ada.wait_ring("ringing").await?;
    camera.take(ada, "ringing").await?;
    ada.wait_ring("quiet").await?;
    grace.ring("Ada").await?;
    ada.wait_rang("Grace").await?;
    camera.take(ada, "rung").await?;
    grace.wait_ring("quiet").await?;
    ada.click("dismiss-ring").await?;
    ada.open("Alan").await?;
    grace.ring("Ada").await?;
    grace.send("Ada", "Are you back?").await?;
    ada.wait(&id("open-ring")).await?;
    ada.wait_unread("Grace").await?;
    camera.take(ada, "rung-elsewhere").await?;
    ada.show_contacts().await?;
    camera.take(ada, "rung-list").await?;
    ada.click("dismiss-ring").await
}

async fn one_contact(ada: &Page, grace: &Page, camera: &Camera) -> Result<()> {
    ada.open("Grace").await?;
    ada.click("contact-menu").await?;
    camera.take(ada, "about-contact").await?;
    ada.click("remove").await?;
    ada.scroll_to("confirm-remove").await?;
    camera.take(ada, "remove-question").await?;
    ada.click("compare").await?;
    ada.wait(&id("safety-number")).await?;
    camera.take(ada, "safety-number").await?;
    ada.click("verify").await?;
    ada.scroll_to("unverify").await?;
    camera.take(ada, "verified").await?;
    ada.click("close-dialog").await?;
    ada.block("Alan").await?;
    ada.send("Alan", "You do not get this yet.").await?;
    camera.take(ada, "blocked").await?;
    ada.click("contact-menu").await?;
    ada.scroll_to("unblock").await?;
    camera.take(ada, "about-blocked-contact").await?;
    ada.click("close-dialog").await?;
    ada.show_contacts().await?;
    camera.take(ada, "list").await?;
    ada.unblock("Alan").await?;

    // Nobody heard of her for long.
    grace.leave().await?;
    ada.open("Grace").await?;
    ada.wait_rounds(4).await?;
    ada.set_clock_ahead(LONG_AWAY).await?;
    ada.wait(&id("again")).await?;
    ada.send("Grace", "Where have you been?").await?;
    camera.take(ada, "connect-again").await?;
    ada.click("connect-again").await?;
    ada.wait_state("Grace", "calling").await?;
    camera.take(ada, "connecting-again").await?;
    ada.click("cancel-call").await?;
    ada.wait_state("Grace", "paired").await
}

/// Grace has lost all that she knew of Ada, who has written to her.
async fn new_device(ada: &Page, friends: &Friends, camera: &Camera) -> Result<()> {
    let grace = &friends.grace;
    grace
        .leave_and_change_records(|key, value| {
            ["identity", "settings", "servers"]
                .contains(&key)
                .then(|| value.to_vec())
        })
        .await?;
    ada.reload().await?;
    grace.come_back().await?;
    grace.add_contact("Ada", &ada.invite_link().await?).await?;
    grace.call("Ada").await?;
    ada.open("Grace").await?;
    ada.wait(&id("new-device")).await?;
    camera.take(ada, "contact-calls-from-new-device").await?;
    ada.accept("Grace").await?;
    ada.wait_message(From::Me, "held", "Where have you been?")
        .await?;
    camera.take(ada, "new-device").await?;
    ada.click("send-held").await?;
    ada.wait_delivered("Grace", "Where have you been?").await
}

async fn ends(ada: &Page, friends: &Friends, camera: &Camera) -> Result<()> {
    let alan = &friends.alan;
    alan.remove("Ada").await?;
    ada.open("Alan").await?;
    ada.wait_notice("removed you").await?;
    camera.take(ada, "ended-by-them").await?;
    ada.show_contacts().await?;
    camera.take(ada, "list-at-the-end").await
}

async fn servers(world: &World, ada: &Page, camera: &Camera) -> Result<()> {
    ada.send("Grace", "Handed over, and the answer is lost.")
        .await?;
    ada.wait_message(From::Me, "sent", "Handed over").await?;
    world.kill(2);
    ada.wait_party(2, "away").await?;
    camera.take(ada, "server-away").await?;
    ada.click("status").await?;
    camera.take(ada, "network-server-away").await?;
    ada.click("close-dialog").await?;
    world.kill(1);
    ada.wait_party(1, "away").await?;
    camera.take(ada, "two-servers-away").await?;
    world.revive(&[1, 2])?;
    ada.wait_connected().await?;

    // The other two go on without her.
    let [.., last] = world.taps();
    ada.cut_off(last.port).await?;
    ada.wait(&id("obstacle")).await?;
    camera.take(ada, "server-in-the-way").await?;
    ada.reload().await
}

async fn records(ada: &Page, camera: &Camera) -> Result<()> {
    // The servers' keys are another than they were: P0's is P1's and the other way round.
    ada.leave_and_change_records(swap_server_keys).await?;
    ada.come_back_asked().await?;
    ada.wait(&id("keys-dialog")).await?;
    camera.take(ada, "server-keys").await?;
    ada.click("stay-disconnected").await?;
    ada.wait(&id("keys-changed")).await?;
    camera.take(ada, "server-keys-put-off").await?;
    ada.click("decide-keys").await?;
    ada.click("trust-servers").await?;
    ada.wait_connected().await?;

    ada.leave_and_change_records(|key, value| {
        let cut = usize::from(key.starts_with("pair/"));
        value
            .get(..value.len().saturating_sub(cut))
            .map(<[u8]>::to_vec)
    })
    .await?;
    ada.come_back().await?;
    ada.wait(&id("notice-toast")).await?;
    camera.take(ada, "damaged-records").await?;
    ada.click("dismiss").await?;

    ada.open("Grace").await?;
    ada.refuse_to_store().await?;
    ada.send("Grace", "Nothing keeps this.").await?;
    ada.wait(&id("storage")).await?;
    camera.take(ada, "not-stored").await?;
    ada.reload().await
}

async fn windows(world: &World, ada: &Page, camera: &Camera) -> Result<()> {
    let window = ada.second_window("Ada").await?;
    camera.frame(&window).await?;
    window.wait(&id("take-over")).await?;
    camera.take(&window, "open-in-another-window").await?;
    window.click("take-over").await?;
    window.wait_connected().await?;
    ada.wait(&id("lost-identity")).await?;
    camera.take(ada, "taken-over").await?;
    window.close().await?;
    ada.come_back().await?;

    // The same identity in another browser.
    let elsewhere = world.visitor("Ada elsewhere").await?;
    camera.frame(&elsewhere).await?;
    elsewhere.wait(&id("welcome")).await?;
    let all = Kept::read(ada).await?;
    elsewhere.visit_beside("sw.js").await?;
    all.write(&elsewhere).await?;
    elsewhere.come_back().await?;
    ada.wait(&id("notice-toast")).await?;
    camera.take(ada, "replaced").await?;
    elsewhere.leave().await
}

async fn nothing_works(world: &World, ada: &Page, camera: &Camera) -> Result<()> {
    ada.leave_and_change_records(|key, value| (key != "identity").then(|| value.to_vec()))
        .await?;
    ada.come_back_asked().await?;
    ada.wait(&id("fatal")).await?;
    camera.take(ada, "damaged-identity").await?;

    let visitor = world.visitor("Mary").await?;
    camera.frame(&visitor).await?;
    visitor.wait(&id("welcome")).await?;
    visitor.emulate("Network.enable", json!({})).await?;
    for (what, view) in [("deployment.json", "no-manifest"), ("*.wasm", "not-loaded")] {
        visitor
            .emulate("Storage.clearDataForOrigin", json!({
                "origin": world.origin(), "storageTypes": "local_storage,service_workers,cache_storage",
            }))
            .await?;
        visitor
            .emulate(
                "Network.setBlockedURLs",
                json!({ "urls": [format!("*{what}")] }),
            )
            .await?;
        visitor.come_back_asked().await?;
        visitor.wait("[role='alert'], .boot-failed").await?;
        camera.take(&visitor, view).await?;
    }
    visitor
        .emulate("Network.setBlockedURLs", json!({ "urls": [] }))
        .await
}

fn stage(stage: &str) -> String {
    format!("{}[data-stage='{stage}']", id("call-state"))
}
