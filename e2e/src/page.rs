//! A person in front of a page: what they do, and what they wait to see.
//!
//! web-client/README.md lists the names by which elements are found.

use core::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thirtyfour::error::{WebDriverError, WebDriverErrorInner};
use thirtyfour::{By, Key, TypingData, WebDriver, WebElement, WindowHandle};

use crate::engine::Engine as Browser;
use crate::kept::Kept;
use crate::session::{PATIENCE, Session};

/// Waits for an element whose text contains the given one; hears of every change, so polls nothing.
const WAIT: &str = r"
const [selector, text, done] = arguments;
const there = () =>
  [...document.querySelectorAll(selector)].some((e) => text === null || e.textContent.includes(text));
if (there()) return done(true);
const observer = new MutationObserver(() => {
  if (there()) { observer.disconnect(); done(true); }
});
observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
";

/// Waits until a number has changed so often.
const WAIT_ROUNDS: &str = r"
const [selector, rounds, done] = arguments;
const round = () => document.querySelector(selector)?.dataset.round;
let last = round();
let passed = 0;
const observer = new MutationObserver(() => {
  if (round() === last) return;
  last = round();
  passed += 1;
  if (passed === rounds) { observer.disconnect(); done(true); }
});
observer.observe(document, { subtree: true, childList: true, attributes: true });
";

/// Puts a text into a field.
const PASTE: &str = r"
const [field, text, done] = arguments;
const area = document.querySelector(field);
area.value = text;
area.dispatchEvent(new InputEvent('input', { bubbles: true }));
done(true);
";

/// Counts what a store of the database holds.
const COUNT_STORED: &str = r"
const [store, done] = arguments;
const opening = indexedDB.open('mcmix');
opening.onsuccess = () => {
  const transaction = opening.result.transaction(store);
  const all = transaction.objectStore(store).getAll();
  transaction.oncomplete = () => {
    opening.result.close();
    // Of an erased identity its random id is left, which belongs to nobody.
    done(all.result.filter((value) => value.owner !== '').length);
  };
};
";

/// Writes texts faster than a person types, each when the one before is among the messages.
const WRITE_MANY: &str = r"
const [composer, message, texts, done] = arguments;
const newest = () => {
  const own = document.querySelectorAll(`${message}[data-from=me] [data-testid=message-text]`);
  return own.length === 0 ? null : own[own.length - 1].textContent.trim();
};
const next = (index) => {
  if (index === texts.length) return done(true);
  const observer = new MutationObserver(() => {
    if (newest() !== texts[index]) return;
    observer.disconnect();
    next(index + 1);
  });
  observer.observe(document, { subtree: true, childList: true });
  const area = document.querySelector(composer);
  area.value = texts[index];
  area.dispatchEvent(new InputEvent('input', { bubbles: true }));
  area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true }));
};
next(0);
";

/// Returns the texts that were written here, if nothing waits to be stored.
const STORED_TEXTS: &str = r"
const [status, message, done] = arguments;
const own = document.querySelectorAll(`${message}[data-from=me] [data-testid=message-text]`);
const isStored = document.querySelector(status).dataset.storage === 'saved';
done(isStored ? [...own].map((text) => text.textContent.trim()) : null);
";

/// Keeps what the page saves as a file with that ending, in place of the browser.
const CATCH: &str = r"
const [ending, done] = arguments;
const make = URL.createObjectURL;
const click = HTMLAnchorElement.prototype.click;
window.saved = new Promise((resolve) => {
  URL.createObjectURL = (blob) => { resolve(blob); return make.call(URL, blob); };
  HTMLAnchorElement.prototype.click = function () {
    if (!this.download.endsWith(ending)) throw new Error(this.download);
    HTMLAnchorElement.prototype.click = click;
    URL.createObjectURL = make;
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

/// Calls the `main` of a Wasm program that imports nothing, and returns how it failed, if it did.
const RUN_WASM: &str = r"
const [program, done] = arguments;
const bytes = Uint8Array.from(atob(program), (character) => character.charCodeAt(0));
WebAssembly.instantiate(bytes)
  .then(({ instance }) => instance.exports.main(0, 0))
  .then((code) => done(code === 0 ? null : `exit code ${code}`), (error) => done(String(error)));
";

/// So many presses of Tab get around every page.
const MOST_TABS: usize = 60;

/// Who wrote a message, seen from a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The person in front of it.
    Me,
    /// The other person.
    Them,
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Me => "me",
            Self::Them => "them",
        })
    }
}

/// Which of several elements that look alike.
#[derive(Clone, Copy, Debug)]
enum Which {
    First,
    Last,
}

/// One person with one browser.
#[derive(Clone, Debug)]
pub struct Page {
    /// What the person calls themselves.
    pub name: String,
    url: String,
    session: Arc<Session>,
    window: WindowHandle,
}

/// What people do.
impl Page {
    /// Opens an address.
    ///
    /// # Errors
    ///
    /// The browser does not follow.
    pub async fn visit(name: &str, session: Arc<Session>, url: &str) -> Result<Self> {
        let web = session.web()?;
        let window = web.window().await?;
        web.goto(url).await?;
        Ok(Self {
            name: name.to_owned(),
            url: url.to_owned(),
            session,
            window,
        })
    }

    /// Opens the address in one more window of the same browser, for someone else.
    ///
    /// # Errors
    ///
    /// The browser has no second window.
    pub async fn second_window(&self, name: &str) -> Result<Self> {
        let web = self.web().await?;
        let window = web.new_window().await?;
        web.switch_to_window(window.clone()).await?;
        web.goto(&self.url).await?;
        Ok(Self {
            name: name.to_owned(),
            window,
            ..self.clone()
        })
    }

    /// Closes a second window.
    ///
    /// # Errors
    ///
    /// It is closed already.
    pub async fn close(self) -> Result<()> {
        let web = self.web().await?;
        web.close_window().await?;
        // Commands go to the window that was last in front, which must be one that is there.
        if let Some(first) = web.windows().await?.into_iter().next() {
            web.switch_to_window(first).await?;
        }
        Ok(())
    }

    /// Ends the page as a crash does, with whatever it had not stored, and opens it again.
    ///
    /// # Errors
    ///
    /// It is not Chromium, or the page does not come back.
    pub async fn kill(&mut self) -> Result<()> {
        let web = self.web().await?;
        let killed = self.window.clone();
        let next = web.new_window().await?;
        // The answer is that it is gone.
        let _ = self.session.devtools("Page.crash", json!({})).await;
        web.switch_to_window(next.clone()).await?;
        let target = json!({ "targetId": killed.to_string() });
        let _ = self.session.devtools("Target.closeTarget", target).await;
        self.window = next;
        self.come_back().await
    }

    /// Presses a button that saves a file whose name ends so, and returns what is in it.
    ///
    /// # Errors
    ///
    /// None is saved.
    pub async fn save_by(&self, button: &str, ending: &str) -> Result<Vec<u8>> {
        self.run_script(CATCH, vec![json!(ending)]).await?;
        self.click(button).await?;
        let file = self.run_script(CAUGHT, Vec::new()).await?;
        Ok(STANDARD.decode(file.as_str().context("nothing was saved")?)?)
    }

    /// Waits until the page is in every round, or is not.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait_covered(&self, covered: bool) -> Result<()> {
        let status = id("status");
        self.wait(&format!("{status}[data-covered='{covered}']"))
            .await
    }

    /// Shows all messages of the open conversation.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn show_all(&self) -> Result<()> {
        while self.shows(&id("earlier")).await? {
            self.click("earlier").await?;
        }
        Ok(())
    }

    /// Returns the texts that this person wrote, if all that the page shows is stored.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn stored_texts(&self) -> Result<Option<Vec<String>>> {
        let arguments = vec![json!(id("status")), json!(id("message"))];
        let texts = self.run_script(STORED_TEXTS, arguments).await?;
        Ok(serde_json::from_value(texts)?)
    }

    /// Creates an identity.
    ///
    /// # Errors
    ///
    /// The page does not come up, or does not connect to all servers.
    pub async fn sign_up(&self) -> Result<()> {
        self.fill("name-input", &self.name).await?;
        self.click("create-identity").await?;
        self.wait_connected().await
    }

    /// Reads the link by which others can add this person.
    ///
    /// # Errors
    ///
    /// The dialog does not show one.
    pub async fn invite_link(&self) -> Result<String> {
        self.show_contacts().await?;
        self.click("invite").await?;
        let link = self.shown_link().await?;
        self.click("close-dialog").await?;
        Ok(link)
    }

    /// Adds a contact from a link.
    ///
    /// # Errors
    ///
    /// The contact does not show up.
    pub async fn add_contact(&self, name: &str, link: &str) -> Result<()> {
        self.start_adding(name, link).await?;
        self.click("confirm-add").await?;
        self.wait(&contact(name)).await
    }

    /// Fills in what adding a contact takes, and does not confirm it yet.
    ///
    /// # Errors
    ///
    /// The dialog is not there.
    pub async fn start_adding(&self, name: &str, link: &str) -> Result<()> {
        self.show_contacts().await?;
        self.click("add-contact").await?;
        self.fill("link-input", link).await?;
        self.fill("contact-name-input", name).await
    }

    /// Opens the conversation with a contact.
    ///
    /// # Errors
    ///
    /// There is no such contact.
    pub async fn open(&self, name: &str) -> Result<()> {
        if !self.shows(&conversation(name)).await? {
            self.show_contacts().await?;
            self.press(&contact(name)).await?;
            self.wait(&conversation(name)).await?;
        }
        Ok(())
    }

    /// Goes back to the contacts where the screen is too narrow to show them beside a conversation.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn show_contacts(&self) -> Result<()> {
        let back = self.web().await?.find_all(By::Css(id("back"))).await?;
        for button in back {
            if button.is_displayed().await? {
                button.click().await?;
            }
        }
        Ok(())
    }

    /// Calls a contact.
    ///
    /// # Errors
    ///
    /// The call does not start.
    pub async fn call(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("call").await?;
        self.wait_state(name, "calling").await
    }

    /// Takes an outgoing call back.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn cancel_call(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("cancel-call").await?;
        self.wait_state(name, "known").await
    }

    /// Waits for someone's call and accepts it.
    ///
    /// # Errors
    ///
    /// Nobody of that name calls, or they are not heard after that.
    pub async fn accept(&self, name: &str) -> Result<()> {
        self.answer(name, "accept").await?;
        self.wait_state(name, "paired").await
    }

    /// Waits for someone's call and declines it.
    ///
    /// # Errors
    ///
    /// Nobody of that name calls.
    pub async fn decline(&self, name: &str) -> Result<()> {
        self.answer(name, "decline").await
    }

    async fn answer(&self, name: &str, button: &str) -> Result<()> {
        self.press(&format!("{} {}", named("incoming", name), id(button)))
            .await
    }

    /// Asks a contact for attention.
    ///
    /// # Errors
    ///
    /// There is no such contact, or they are no pair.
    pub async fn ring(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("ring").await
    }

    /// Removes a contact.
    ///
    /// # Errors
    ///
    /// They stay.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("contact-menu").await?;
        self.click("remove").await?;
        self.click("confirm-remove").await?;
        self.wait_gone(&contact(name)).await
    }

    /// Reads the safety number of a contact.
    ///
    /// # Errors
    ///
    /// The dialog does not show one.
    pub async fn safety_number(&self, name: &str) -> Result<String> {
        self.open(name).await?;
        self.click("contact-menu").await?;
        self.click("compare").await?;
        let number = self.element(&id("safety-number")).await?;
        let number = number.prop("textContent").await?.unwrap_or_default();
        self.click("close-dialog").await?;
        Ok(number.split_whitespace().collect())
    }

    /// Marks the safety number of a contact as compared.
    ///
    /// # Errors
    ///
    /// The dialog does not say so.
    pub async fn verify(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("contact-menu").await?;
        self.click("compare").await?;
        self.click("verify").await?;
        self.wait(&id("verified")).await?;
        self.click("close-dialog").await
    }

    /// Blocks a contact.
    ///
    /// # Errors
    ///
    /// The conversation does not say so.
    pub async fn block(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("contact-menu").await?;
        self.click("block").await?;
        self.click("close-dialog").await?;
        self.wait(&id("blocked")).await
    }

    /// Unblocks a contact.
    ///
    /// # Errors
    ///
    /// They are not blocked, or stay so.
    pub async fn unblock(&self, name: &str) -> Result<()> {
        self.open(name).await?;
        self.click("unblock").await?;
        self.wait_gone(&id("blocked")).await
    }

    /// Starts writing to a contact and sends nothing; waits until the draft is kept.
    ///
    /// # Errors
    ///
    /// It is not.
    pub async fn draft(&self, name: &str, text: &str) -> Result<()> {
        self.open(name).await?;
        self.fill("composer-input", text).await?;
        self.wait(&format!("{}[data-draft='kept']", id("composer-input")))
            .await?;
        self.wait(&format!("{}[data-storage='saved']", id("status")))
            .await
    }

    /// Reads what the composer of the open conversation holds.
    ///
    /// # Errors
    ///
    /// No conversation is open.
    pub async fn written(&self) -> Result<String> {
        let field = self.element(&id("composer-input")).await?;
        Ok(field.prop("value").await?.unwrap_or_default())
    }

    /// Writes to a contact. The text may stay queued.
    ///
    /// # Errors
    ///
    /// It does not show up among the messages.
    pub async fn send(&self, name: &str, text: &str) -> Result<()> {
        self.open(name).await?;
        self.fill("composer-input", text).await?;
        self.press_enter().await?;
        self.wait_text(&id("message"), text).await
    }

    /// Types into whatever has the focus.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn type_keys(&self, keys: impl Into<TypingData>) -> Result<()> {
        let focused = self.web().await?.active_element().await?;
        Ok(focused.send_keys(keys).await?)
    }

    /// Presses Tab until an element has the focus.
    ///
    /// # Errors
    ///
    /// It is not there, or the keyboard does not get to it.
    pub async fn tab_to(&self, test_id: &str) -> Result<()> {
        self.wait(&id(test_id)).await?;
        let mut passed = Vec::new();
        while passed.len() < MOST_TABS {
            let focused = self.focused().await?;
            if focused == test_id {
                return Ok(());
            }
            passed.push(focused);
            self.type_keys(Key::Tab).await?;
        }
        bail!("Tab does not get to {test_id}: {passed:?}")
    }

    /// Returns the name of what has the focus, nothing for what has none.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn focused(&self) -> Result<String> {
        let script = "return document.activeElement?.dataset.testid ?? ''";
        let focused = self.web().await?.execute(script, Vec::new()).await?;
        Ok(focused.convert()?)
    }

    /// Returns the invite link of the dialog that shows it.
    ///
    /// # Errors
    ///
    /// There is no such dialog.
    pub async fn shown_link(&self) -> Result<String> {
        let field = self.element(&id("invite-link")).await?;
        let link = field.prop("value").await?;
        link.context("the link has no value")
    }

    /// Writes many texts in the open conversation, as fast as the page takes them.
    ///
    /// # Errors
    ///
    /// One does not show up among the messages.
    pub async fn write_many(&self, texts: &[String]) -> Result<()> {
        let names = [id("composer-input"), id("message")].map(Value::String);
        let [composer, message] = names;
        let arguments = vec![composer, message, json!(texts)];
        self.run_script(WRITE_MANY, arguments).await.map(drop)
    }

    /// Presses Enter in the composer of the open conversation.
    ///
    /// # Errors
    ///
    /// No conversation is open.
    pub async fn press_enter(&self) -> Result<()> {
        let composer = self.element(&id("composer-input")).await?;
        Ok(composer.send_keys(Key::Enter + "").await?)
    }

    /// Lets nobody call.
    ///
    /// # Errors
    ///
    /// The setting is not there.
    pub async fn close_to_calls(&self) -> Result<()> {
        self.click("settings").await?;
        self.click("open-to-calls-nobody").await?;
        self.click("close-dialog").await
    }

    /// Follows a link while the page is open.
    ///
    /// # Errors
    ///
    /// The browser does not follow.
    pub async fn follow(&self, link: &str) -> Result<()> {
        Ok(self.web().await?.goto(link).await?)
    }

    /// Loads the page again, as a browser does that was closed and opened.
    ///
    /// # Errors
    ///
    /// The page does not come back.
    pub async fn reload(&self) -> Result<()> {
        self.web().await?.refresh().await?;
        self.wait_connected().await
    }

    /// Leaves for another page: to everyone else this person is gone.
    ///
    /// # Errors
    ///
    /// The browser does not follow.
    pub async fn leave(&self) -> Result<()> {
        Ok(self.web().await?.goto("about:blank").await?)
    }

    /// Comes back after leaving.
    ///
    /// # Errors
    ///
    /// The page does not come up.
    pub async fn come_back(&self) -> Result<()> {
        self.come_back_asked().await?;
        self.wait_connected().await
    }

    /// Comes back after leaving by the browser's own button.
    ///
    /// # Errors
    ///
    /// The page does not come up.
    pub async fn go_back(&self) -> Result<()> {
        self.web().await?.back().await?;
        self.wait_connected().await
    }

    /// Comes back after leaving, and waits for nothing: the page may have a question first.
    ///
    /// # Errors
    ///
    /// The browser does not follow.
    pub async fn come_back_asked(&self) -> Result<()> {
        self.visit_beside("").await
    }

    /// Opens what stands beside the page under that name.
    ///
    /// # Errors
    ///
    /// The browser does not follow.
    pub async fn visit_beside(&self, name: &str) -> Result<()> {
        let address = format!("{}{name}", self.url);
        Ok(self.web().await?.goto(address).await?)
    }

    /// Leaves, and then changes what is stored: what the change makes of a record's name and value
    /// stands in the value's place; nothing forgets it.
    ///
    /// # Errors
    ///
    /// No record changed.
    pub async fn leave_and_change_records(
        &self,
        change: impl Fn(&str, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<()> {
        // A file beside the page, on which nothing runs.
        self.visit_beside("sw.js").await?;
        let mut kept = Kept::read(self).await?;
        kept.change(change)?;
        kept.write(self).await
    }

    /// Types a new passphrase, twice.
    ///
    /// # Errors
    ///
    /// There is no place for it.
    pub async fn protect(&self, first: &str, again: &str) -> Result<()> {
        self.open_protection().await?;
        self.fill("passphrase", first).await?;
        self.fill("passphrase-again", again).await?;
        self.click("set-passphrase").await
    }

    /// Chooses a file.
    ///
    /// # Errors
    ///
    /// There is no field for it.
    pub async fn choose_file(&self, test_id: &str, path: &Path) -> Result<()> {
        let path = path.to_str().context("a path that is no text")?;
        Ok(self.element(&id(test_id)).await?.send_keys(path).await?)
    }

    /// Waits until a new passphrase is the one that opens.
    ///
    /// # Errors
    ///
    /// It does not become that in time.
    pub async fn wait_protected(&self) -> Result<()> {
        self.wait(&id("passphrase-set")).await
    }

    /// Opens the dialog of who may open what is kept, unless it is open.
    ///
    /// # Errors
    ///
    /// The page does not show it.
    pub async fn open_protection(&self) -> Result<()> {
        if !self.shows(&id("protection-dialog")).await? {
            self.click("settings").await?;
            self.click("protection").await?;
        }
        self.wait(&id("protection-dialog")).await
    }

    /// Types a passphrase that is asked for.
    ///
    /// # Errors
    ///
    /// None is.
    pub async fn unlock(&self, passphrase: &str) -> Result<()> {
        self.fill("unlock-passphrase", passphrase).await?;
        self.click("unlock").await
    }

    /// Loads the page again, and waits for nothing: it may have a question first.
    ///
    /// # Errors
    ///
    /// The browser does not.
    pub async fn reload_asked(&self) -> Result<()> {
        Ok(self.web().await?.refresh().await?)
    }

    /// Counts what is stored in `identities`, `records` or `device`.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn stored(&self, store: &str) -> Result<u64> {
        let count = self.run_script(COUNT_STORED, vec![json!(store)]).await?;
        count.as_u64().context("no count")
    }

    /// Sets this page's clock ahead, until it is loaded again.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn set_clock_ahead(&self, by: Duration) -> Result<()> {
        let script = "const now = window.Date.now; const by = arguments[0];
            window.Date.now = () => now() + by;";
        let by = json!(u64::try_from(by.as_millis())?);
        self.web().await?.execute(script, vec![by.clone()]).await?;
        self.suffer(json!({ "fault": "clock ahead", "by": by }))
            .await
    }

    /// Lets the browser refuse to store anything, until the page is loaded again.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn refuse_to_store(&self) -> Result<()> {
        self.suffer(json!({ "fault": "storage refuses" })).await
    }

    /// Lets no connection to that port last, until the page is loaded again.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn cut_off(&self, port: u16) -> Result<()> {
        self.suffer(json!({ "fault": "port is cut", "port": port }))
            .await
    }

    /// Returns which engine shows it.
    pub fn engine(&self) -> Browser {
        self.session.engine
    }

    /// Lets nothing else run on the page's thread for a while.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn be_busy(&self, time: Duration) -> Result<()> {
        let script =
            "const end = performance.now() + arguments[0]; while (performance.now() < end);";
        let time = json!(u64::try_from(time.as_millis())?);
        self.web().await?.execute(script, vec![time]).await?;
        Ok(())
    }

    /// Does something to the worker (`faults.js`).
    async fn suffer(&self, fault: Value) -> Result<()> {
        let script =
            "const [fault, done] = arguments; const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => done(true); window.mcmixEngine.postMessage(fault, [port2]);";
        self.run_script(script, vec![fault]).await?;
        Ok(())
    }
}

/// What people wait to see.
impl Page {
    /// Waits until all three servers are connected.
    ///
    /// # Errors
    ///
    /// One stays away.
    pub async fn wait_connected(&self) -> Result<()> {
        for party in 0..3 {
            self.wait_party(party, "connected").await?;
        }
        Ok(())
    }

    /// Waits for the state of the connection to a party: `connected`, `connecting` or `away`.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait_party(&self, party: usize, state: &str) -> Result<()> {
        self.wait(&stated(&id(&format!("party-{party}")), state))
            .await
    }

    /// Waits for what there is between a contact and this person: `known`, `calling`, `incoming`,
    /// `answering` or `paired`.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait_state(&self, name: &str, state: &str) -> Result<()> {
        self.wait(&stated(&contact(name), state)).await
    }

    /// Waits for the state of the ring in the open conversation: `quiet`, `waiting`, `ringing` or
    /// `withdrawing`.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait_ring(&self, state: &str) -> Result<()> {
        self.wait(&stated(&id("ring"), state)).await
    }

    /// Returns whether a contact's ring was heard and not dismissed.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn heard_ring(&self, name: &str) -> Result<bool> {
        self.shows(&named("rang", name)).await
    }

    /// Waits until a contact's ring is heard.
    ///
    /// # Errors
    ///
    /// It is not.
    pub async fn wait_rang(&self, name: &str) -> Result<()> {
        self.wait(&named("rang", name)).await
    }

    /// Waits until the list says that there is something to read of a contact.
    ///
    /// # Errors
    ///
    /// It does not.
    pub async fn wait_unread(&self, name: &str) -> Result<()> {
        self.wait(&format!("{} {}", contact(name), id("unread")))
            .await
    }

    /// Returns whether the person counts as looking at the conversation with a contact.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn looks_at(&self, name: &str) -> Result<bool> {
        self.shows(&format!("{}[data-looked-at='true']", conversation(name)))
            .await
    }

    /// Waits until a message of that text is there in that state.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait_message(&self, from: From, status: &str, text: &str) -> Result<()> {
        let message = id("message");
        let selector = format!("{message}[data-from='{from}'][data-status='{status}']");
        self.wait_text(&selector, text).await
    }

    /// Waits until the contact has confirmed a text.
    ///
    /// # Errors
    ///
    /// They do not.
    pub async fn wait_delivered(&self, name: &str, text: &str) -> Result<()> {
        self.open(name).await?;
        self.wait_message(From::Me, "delivered", text).await
    }

    /// Waits until a contact's text has arrived.
    ///
    /// # Errors
    ///
    /// It does not.
    pub async fn wait_received(&self, name: &str, text: &str) -> Result<()> {
        self.open(name).await?;
        self.wait_message(From::Them, "received", text).await
    }

    /// Waits for something said in the conversation that is open.
    ///
    /// # Errors
    ///
    /// It is not said.
    pub async fn wait_notice(&self, text: &str) -> Result<()> {
        self.wait_text(&id("notice"), text).await
    }

    /// Waits until so many conversation rounds have begun.
    ///
    /// # Errors
    ///
    /// They do not.
    pub async fn wait_rounds(&self, rounds: u32) -> Result<()> {
        let arguments = vec![json!(id("round")), json!(rounds)];
        self.run_script(WAIT_ROUNDS, arguments).await.map(drop)
    }

    /// Waits until the composer says that of what was written: a state of `outlook`.
    ///
    /// # Errors
    ///
    /// It does not.
    pub async fn wait_outlook(&self, state: &str) -> Result<()> {
        self.wait(&stated(&id("outlook"), state)).await
    }

    /// Returns all texts of one side in the conversation that is open, oldest first.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn texts(&self, from: From) -> Result<Vec<String>> {
        let selector = format!(
            "{}[data-from='{from}'] {}",
            id("message"),
            id("message-text")
        );
        let script =
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())";
        let found = self
            .web()
            .await?
            .execute(script, vec![json!(selector)])
            .await?;
        Ok(found.convert()?)
    }

    /// Waits until an element is there.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait(&self, selector: &str) -> Result<()> {
        self.observe(selector, Value::Null).await
    }

    /// Waits until an element is there whose text contains the given one.
    ///
    /// # Errors
    ///
    /// It does not come about.
    pub async fn wait_text(&self, selector: &str, text: &str) -> Result<()> {
        self.observe(selector, json!(text)).await
    }

    /// Waits until no such element is there.
    ///
    /// # Errors
    ///
    /// One stays.
    pub async fn wait_gone(&self, selector: &str) -> Result<()> {
        let none = format!("body:not(:has({selector}))");
        self.observe(&none, Value::Null).await
    }

    async fn observe(&self, selector: &str, text: Value) -> Result<()> {
        let shown = format!("{selector} {text}");
        let web = self.web().await?;
        let wait = || web.execute_async(WAIT, vec![json!(selector), text.clone()]);
        let waited = match wait().await {
            // The page loaded itself anew meanwhile.
            Err(error) if matches!(&*error, WebDriverErrorInner::NoSuchFrame(_)) => wait().await,
            waited => waited,
        };
        match waited {
            Ok(_) => Ok(()),
            Err(error) if matches!(&*error, WebDriverErrorInner::ScriptTimeout(_)) => {
                bail!(
                    "{}'s page did not show {shown} within {} s",
                    self.name,
                    PATIENCE.as_secs()
                )
            }
            Err(error) => Err(error).context(format!("{}'s page, waiting for {shown}", self.name)),
        }
    }
}

/// Screen and camera.
impl Page {
    /// Tells Chromium to imitate something (its `DevTools` protocol's domain `Emulation`).
    ///
    /// # Errors
    ///
    /// It is another browser, or knows no such command.
    pub async fn emulate(&self, command: &str, parameters: Value) -> Result<()> {
        self.session.devtools(command, parameters).await
    }

    /// Runs a script, which calls its last argument when it is done, and returns what it gave.
    ///
    /// # Errors
    ///
    /// It fails, or takes too long.
    pub async fn run_script(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let web = self.web().await?;
        let result = web.execute_async(script, arguments).await?;
        Ok(result.json().clone())
    }

    /// Returns a picture of what the page shows, as PNG.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.web().await?.screenshot_as_png().await?)
    }
}

/// The engine itself.
impl Page {
    /// Runs a Wasm program that imports nothing.
    ///
    /// # Errors
    ///
    /// It traps or returns an exit code.
    pub async fn run_wasm(&self, program: &[u8]) -> Result<()> {
        let program = json!(STANDARD.encode(program));
        let web = self.web().await?;
        let failure = web.execute_async(RUN_WASM, vec![program]).await?;
        match failure.convert::<Option<String>>()? {
            None => Ok(()),
            Some(failure) => bail!("{failure}"),
        }
    }
}

/// Mouse and keyboard.
impl Page {
    /// Returns the connection to the browser, with this page's window in front.
    async fn web(&self) -> Result<&WebDriver> {
        let web = self.session.web()?;
        web.switch_to_window(self.window.clone()).await?;
        Ok(web)
    }

    /// Returns whether an element is there now.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn shows(&self, selector: &str) -> Result<bool> {
        let found = self.web().await?.find_all(By::Css(selector)).await?;
        Ok(!found.is_empty())
    }

    /// Presses what has that test id.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub async fn click(&self, test_id: &str) -> Result<()> {
        self.press(&id(test_id)).await
    }

    /// Presses what has that test id twice, as fast as people do.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub async fn double_click(&self, test_id: &str) -> Result<()> {
        let element = self.element(&id(test_id)).await?;
        let web = self.web().await?;
        let twice = web.action_chain().double_click_element(&element);
        Ok(twice.perform().await?)
    }

    /// Follows a link to this page while it is open.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn follow_link(&self, link: &str) -> Result<()> {
        let script = "location.hash = new URL(arguments[0]).hash";
        self.web().await?.execute(script, vec![json!(link)]).await?;
        Ok(())
    }

    /// Lets the browser say that it has no network.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn say_offline(&self) -> Result<()> {
        self.say_event("offline").await
    }

    /// Lets the browser say that it has a network again.
    ///
    /// # Errors
    ///
    /// The page does not answer.
    pub async fn say_online(&self) -> Result<()> {
        self.say_event("online").await
    }

    async fn say_event(&self, name: &str) -> Result<()> {
        let script = "dispatchEvent(new Event(arguments[0]))";
        self.web().await?.execute(script, vec![json!(name)]).await?;
        Ok(())
    }

    /// Presses the last of those that have that test id.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn click_last(&self, test_id: &str) -> Result<()> {
        self.press_one(&id(test_id), Which::Last).await
    }

    /// Brings what has that test id into view.
    ///
    /// # Errors
    ///
    /// It is not there.
    pub async fn scroll_to(&self, test_id: &str) -> Result<()> {
        let element = self.element(&id(test_id)).await?;
        Ok(element.scroll_into_view().await?)
    }

    /// Puts a text into a field, all at once.
    ///
    /// # Errors
    ///
    /// There is no such field.
    pub async fn paste(&self, test_id: &str, text: &str) -> Result<()> {
        self.wait(&id(test_id)).await?;
        let arguments = vec![json!(id(test_id)), json!(text)];
        self.run_script(PASTE, arguments).await.map(drop)
    }

    async fn press(&self, selector: &str) -> Result<()> {
        self.press_one(selector, Which::First).await
    }

    async fn press_one(&self, selector: &str, which: Which) -> Result<()> {
        let start = Instant::now();
        loop {
            match self.press_once(selector, which).await {
                Ok(()) => return Ok(()),
                // Drawn anew, or still moving into place: a person would press again.
                Err(error)
                    if error.downcast_ref().is_some_and(may_pass) && start.elapsed() < PATIENCE => {
                }
                Err(error) => {
                    return Err(error)
                        .context(format!("{}'s page, pressing {selector}", self.name));
                }
            }
        }
    }

    async fn press_once(&self, selector: &str, which: Which) -> Result<()> {
        let first = self.element(selector).await?;
        let element = match which {
            Which::First => first,
            Which::Last => {
                let found = self.web().await?.find_all(By::Css(selector)).await?;
                found.into_iter().next_back().unwrap_or(first)
            }
        };
        element.scroll_into_view().await?;
        element.click().await?;
        Ok(())
    }

    /// Types a text in place of what a field holds.
    ///
    /// # Errors
    ///
    /// The field is not there, or holds something else after three tries.
    pub async fn fill(&self, test_id: &str, text: &str) -> Result<()> {
        let mut value = String::new();
        // Whatever takes the focus in between takes the selection, too: who types looks, and
        // types again.
        for _ in 0..3 {
            let field = self.element(&id(test_id)).await?;
            field.send_keys(Key::Control + "a").await?;
            field.send_keys(text).await?;
            value = field.prop("value").await?.unwrap_or_default();
            if value == text {
                return Ok(());
            }
        }
        bail!("{test_id} holds {value:?} after typing {text:?}")
    }

    async fn element(&self, selector: &str) -> Result<WebElement> {
        self.wait(selector).await?;
        Ok(self.web().await?.find(By::Css(selector)).await?)
    }
}

fn may_pass(error: &WebDriverError) -> bool {
    matches!(
        &**error,
        WebDriverErrorInner::StaleElementReference(_)
            | WebDriverErrorInner::NoSuchElement(_)
            | WebDriverErrorInner::ElementNotInteractable(_)
            | WebDriverErrorInner::ElementClickIntercepted(_)
    )
}

/// Returns the selector of a test id.
pub fn id(test_id: &str) -> String {
    format!("[data-testid='{test_id}']")
}

fn named(test_id: &str, name: &str) -> String {
    format!("{}[data-name='{name}']", id(test_id))
}

fn stated(selector: &str, state: &str) -> String {
    format!("{selector}[data-state='{state}']")
}

/// Finds a contact in the list.
pub fn contact(name: &str) -> String {
    named("contact", name)
}

fn conversation(name: &str) -> String {
    named("conversation", name)
}
