//! What the app does to the page around it: title, theme, focus, address, clipboard.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use gloo_timers::callback::Timeout;
use js_sys::{Array, Date, Uint8Array};
use mcmix_shared::identity::{ClientKey, Name};
use mcmix_shared::vault::MOST_BYTES;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Blob, Document, Event, EventTarget, HtmlElement, HtmlInputElement, KeyboardEvent, MouseEvent,
    Storage, Url, UrlSearchParams, VisibilityState, Window,
};
use yew::Callback;

use crate::store::IdentityId;
use crate::texts;
use crate::worker::Guest;

const THEME: &str = "mcmix.theme";
const IDENTITY: &str = "mcmix.identity";
const MANIFEST: &str = "mcmix.deployment";
const LOCK_AFTER: &str = "mcmix.lock-after";
const INVITE: &str = "#/invite/";

/// Light, dark, or what the system prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All themes, in the order of the settings.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    /// Returns the name under which it is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Returns the theme that this browser keeps.
    pub fn kept() -> Self {
        let kept = kept(THEME);
        Self::ALL
            .into_iter()
            .find(|theme| Some(theme.as_str()) == kept.as_deref())
            .unwrap_or_default()
    }

    /// Applies the theme now and on every later visit.
    pub fn keep(self) {
        keep(THEME, self.as_str());
        if let Some(root) = document().and_then(|document| document.document_element()) {
            let _ = match self {
                Self::Auto => root.remove_attribute("data-theme"),
                Self::Light | Self::Dark => root.set_attribute("data-theme", self.as_str()),
            };
        }
    }
}

/// When an identity that has a passphrase locks by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockAfter {
    /// It does not.
    #[default]
    Never,
    /// After five minutes in which nobody touched the page.
    FiveMinutes,
    /// After an hour.
    Hour,
}

impl LockAfter {
    /// All choices, in the order of the dialog.
    pub const ALL: [Self; 3] = [Self::Never, Self::FiveMinutes, Self::Hour];

    /// Returns the name under which it is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::FiveMinutes => "5",
            Self::Hour => "60",
        }
    }

    /// Returns the minutes, if there is an end to them.
    pub const fn minutes(self) -> Option<u32> {
        match self {
            Self::Never => None,
            Self::FiveMinutes => Some(5),
            Self::Hour => Some(60),
        }
    }

    /// Returns what this browser keeps.
    pub fn kept() -> Self {
        let kept = kept(LOCK_AFTER);
        Self::ALL
            .into_iter()
            .find(|after| Some(after.as_str()) == kept.as_deref())
            .unwrap_or_default()
    }

    /// Keeps the choice.
    pub fn keep(self) {
        keep(LOCK_AFTER, self.as_str());
    }
}

/// What shows that somebody is there.
const TOUCHES: [&str; 5] = ["pointerdown", "keydown", "wheel", "touchstart", "focus"];

/// Calls back when nobody has touched the page for so many minutes, until the returned function is
/// called.
pub fn on_idle(minutes: u32, idle: impl Fn() + 'static) -> impl FnOnce() + 'static {
    let idle = Rc::new(idle);
    let millis = minutes * 60_000;
    let wait = {
        let idle = Rc::clone(&idle);
        move || {
            let idle = Rc::clone(&idle);
            (Date::now(), Timeout::new(millis, move || idle()))
        }
    };
    let waiting = Rc::new(RefCell::new(wait()));
    let stops = TOUCHES.map(|touch| {
        let (idle, wait, waiting) = (Rc::clone(&idle), wait.clone(), Rc::clone(&waiting));
        on_window(touch, move |_| {
            let (began, _) = waiting.replace(wait());
            // A machine that slept has let no time pass for timers.
            if Date::now() - began >= f64::from(millis) {
                idle();
            }
        })
    });
    move || {
        for stop in stops {
            stop();
        }
        drop(waiting);
    }
}

/// Removes all that the page keeps beside the store, and begins anew.
pub fn forget_everything() {
    for storage in [local(), session()].into_iter().flatten() {
        let _ = storage.clear();
    }
    reload();
}

/// Returns the identity that this tab had open, which a reload keeps.
pub fn tab_identity() -> Option<IdentityId> {
    let kept = session()?.get_item(IDENTITY).ok()??;
    Some(IdentityId::from_text(kept))
}

/// Keeps in mind which identity this tab has open.
pub fn keep_tab_identity(id: Option<&IdentityId>) {
    if let Some(storage) = session() {
        let _ = match id {
            Some(id) => storage.set_item(IDENTITY, id.as_str()),
            None => storage.remove_item(IDENTITY),
        };
    }
}

/// Takes an invite link out of the address, if the page was opened by one. The address is cleaned,
/// so that the key stays neither in view nor in the history.
pub fn take_invite() -> Option<String> {
    let hash = window()?.location().hash().ok()?;
    if !hash.starts_with(INVITE) {
        return None;
    }
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let state = history.state().unwrap_or(JsValue::NULL);
        let query = window().and_then(|window| window.location().search().ok());
        let address = bare_address() + &query.unwrap_or_default();
        let _ = history.replace_state_with_url(&state, "", Some(&address));
    }
    Some(hash)
}

/// Returns the guest who uses this page where another shows it in a frame, as the demo does: what
/// this browser keeps is never opened there. The address names the guest (`?guest=NAME`) and the
/// channel on which they are shown (`&shown-on=CHANNEL`).
pub fn guest() -> Option<Guest> {
    if !is_framed() {
        return None;
    }
    let query = window()?.location().search().ok()?;
    let query = UrlSearchParams::new_with_str(&query).ok()?;
    let named = query.get("guest").and_then(|name| Name::new(&name).ok());
    Some(Guest {
        name: named.or_else(|| Name::new(texts::GUEST).ok())?,
        shown_on: query.get("shown-on"),
    })
}

/// Returns the address of this page up to the fragment, the base of invite links.
pub fn base_address() -> String {
    let location = window().map(|window| window.location());
    let origin = location
        .and_then(|location| location.origin().ok())
        .unwrap_or_default();
    origin + &bare_address()
}

fn bare_address() -> String {
    window()
        .and_then(|window| window.location().pathname().ok())
        .unwrap_or_else(|| "/".to_owned())
}

/// Enters into the tab's history whose conversation is shown, so that "back" leads to the list.
/// The address stays the same: it says nothing of whom one talks with.
pub fn push_place(place: Option<ClientKey>) {
    if place == current_place() {
        return;
    }
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let state = place.map_or(JsValue::NULL, |key| key.to_text().into());
        let _ = history.push_state(&state, "");
    }
}

/// Returns whose conversation the tab's history says is shown.
pub fn current_place() -> Option<ClientKey> {
    let state = window()?.history().ok()?.state().ok()?;
    ClientKey::from_text(&state.as_string()?).ok()
}

/// Sets the page's title.
pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(title);
    }
}

/// Moves the focus to the element of that id.
pub fn focus(id: &str) {
    let element = document().and_then(|document| document.get_element_by_id(id));
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Says whether another page shows this one in a frame, as the demo does.
pub fn is_framed() -> bool {
    let window = window();
    let parent = window.as_ref().and_then(|it| it.parent().ok()?);
    parent != window
}

/// Says whether list and conversation stand side by side.
pub fn is_wide() -> bool {
    window()
        .and_then(|window| window.match_media("(min-width: 760px)").ok()?)
        .is_none_or(|query| query.matches())
}

/// Copies a text, and tells whether that worked.
pub fn copy(text: &str, done: Callback<bool>) {
    let Some(navigator) = window().map(|window| window.navigator()) else {
        return done.emit(false);
    };
    let copied = navigator.clipboard().write_text(text);
    spawn_local(async move { done.emit(JsFuture::from(copied).await.is_ok()) });
}

/// Returns what this browser keeps under a name, for all identities.
pub fn kept(name: &str) -> Option<String> {
    local()?.get_item(name).ok()?
}

/// Keeps something under a name, for all identities. Where storage is blocked, it lasts as long as
/// the page.
pub fn keep(name: &str, value: &str) {
    if let Some(storage) = local() {
        let _ = storage.set_item(name, value);
    }
}

/// Shows the page's window.
pub fn come_to_front() {
    if let Some(window) = window() {
        let _ = window.focus();
    }
}

/// Returns the manifest of the last visit.
pub fn kept_manifest() -> Option<String> {
    kept(MANIFEST)
}

/// Keeps the manifest for a visit while the page's server is away.
pub fn keep_manifest(text: &str) {
    keep(MANIFEST, text);
}

/// Listens to an event of the window until the returned function is called.
pub fn on_window(
    name: &'static str,
    heard: impl FnMut(&Event) + 'static,
) -> impl FnOnce() + 'static {
    let listener = window().map(|window| EventListener::new(&window, name, heard));
    move || drop(listener)
}

/// Calls back when the browser puts the page away. One that it takes out again as it was is loaded
/// anew.
pub fn put_away(away: impl Fn() + 'static) -> EventListener {
    let target = js_sys::global().unchecked_into::<EventTarget>();
    EventListener::new(&target.clone(), "pagehide", move |_| {
        away();
        EventListener::once(&target, "pageshow", |_| reload()).forget();
    })
}

/// Lets the browser ask whether to leave, until the returned function is called.
pub fn ask_before_leaving() -> impl FnOnce() + 'static {
    let options = EventListenerOptions::enable_prevent_default();
    let listener = window().map(|window| {
        EventListener::new_with_options(&window, "beforeunload", options, |event| {
            event.prevent_default();
        })
    });
    move || drop(listener)
}

/// Calls back whenever the page comes into view or leaves it, until the returned function is
/// called.
pub fn on_visibility(mut heard: impl FnMut(bool) + 'static) -> impl FnOnce() + 'static {
    let listener = document().map(|document| {
        EventListener::new(&document, "visibilitychange", move |_| heard(is_visible()))
    });
    move || drop(listener)
}

/// Says whether the user can see the page.
pub fn is_visible() -> bool {
    document().is_none_or(|document| document.visibility_state() == VisibilityState::Visible)
}

/// Says whether an event is a pointer's "move" of no distance: browsers send one when the page
/// moves under a pointer that rests.
pub fn is_still(event: &Event) -> bool {
    event.type_() == "pointermove"
        && event
            .dyn_ref::<MouseEvent>()
            .is_some_and(|event| event.movement_x() == 0 && event.movement_y() == 0)
}

/// The key code of whatever belongs to an input method: Safari ends a composition with an Enter
/// that says nothing else of it.
const COMPOSING: u32 = 229;

/// Says whether a key is Enter. While a word is being composed, Enter belongs to the input method.
pub fn is_enter(event: &KeyboardEvent) -> bool {
    let composing = event.is_composing() || event.key_code() == COMPOSING;
    event.key() == "Enter" && !composing
}

/// Runs something once the views have changed.
pub fn after_render(then: impl FnOnce() + 'static) {
    gloo_timers::callback::Timeout::new(0, then).forget();
}

/// Loads the page anew and lets the user choose an identity.
pub fn leave_identity() {
    if let Some(storage) = session() {
        // No identity has this id: the page then shows the list, even of one.
        let _ = storage.set_item(IDENTITY, "");
    }
    if let Some(history) = window().and_then(|window| window.history().ok()) {
        let _ = history.replace_state(&JsValue::NULL, "");
    }
    reload();
}

/// Replaces the views by a message, after a fault that no view can show.
pub fn give_up(title: &str, text: &str) {
    let Some((document, root)) = document()
        .and_then(|document| Some((document.clone(), document.get_element_by_id("app")?)))
    else {
        return;
    };
    root.set_text_content(None);
    for (tag, text) in [("h1", title), ("p", text)] {
        if let Ok(element) = document.create_element(tag) {
            element.set_text_content(Some(text));
            let _ = root.append_child(&element);
        }
    }
    let _ = root.set_attribute("class", "boot boot-failed");
    let _ = root.set_attribute("role", "alert");
}

/// Saves bytes as a file of that name.
pub fn save_file(name: &str, bytes: &[u8]) {
    let save = || -> Result<(), JsValue> {
        let parts = Array::of1(&Uint8Array::from(bytes));
        let blob = Blob::new_with_u8_array_sequence(&parts)?;
        let url = Url::create_object_url_with_blob(&blob)?;
        let document = document().ok_or(JsValue::NULL)?;
        let link: HtmlElement = document.create_element("a")?.dyn_into()?;
        link.set_attribute("href", &url)?;
        link.set_attribute("download", name)?;
        link.click();
        Timeout::new(FILE_KEPT, move || drop(Url::revoke_object_url(&url))).forget();
        Ok(())
    };
    if let Err(error) = save() {
        web_sys::console::error_1(&error);
    }
}

/// How long a browser may take to begin with saving a file, in milliseconds.
const FILE_KEPT: u32 = 60_000;

/// Reads the file that was chosen and hands it on; `false` if there is none, or one that is too large.
pub fn read_file(field: &HtmlInputElement, then: impl FnOnce(Vec<u8>) + 'static) -> bool {
    let file = field.files().and_then(|files| files.get(0));
    let Some(file) = file.filter(|file| file.size() <= f64::from(MOST_BYTES)) else {
        return false;
    };
    spawn_local(async move {
        if let Ok(buffer) = JsFuture::from(file.array_buffer()).await {
            then(Uint8Array::new(&buffer).to_vec());
        }
    });
    true
}

/// Returns today's date, as in 2026-11-27.
pub fn today() -> String {
    let now: String = Date::new_0().to_iso_string().into();
    now.chars().take(10).collect()
}

/// Loads the page anew.
pub fn reload() {
    if let Some(window) = window() {
        let _ = window.location().reload();
    }
}

/// Asks the browser not to throw this page's data away when space runs short.
pub fn ask_to_persist() {
    let navigator = window().map(|window| window.navigator());
    // WebKitGTK has no `navigator.storage`.
    let storage = navigator
        .filter(|it| js_sys::Reflect::has(it, &"storage".into()).unwrap_or(false))
        .map(|it| it.storage());
    if let Some(Ok(asked)) = storage.map(|storage| storage.persist()) {
        spawn_local(async move {
            // A "no" changes nothing that we could do.
            let _ = JsFuture::from(asked).await;
        });
    }
}

/// Returns the page's window.
pub fn window() -> Option<Window> {
    web_sys::window()
}

/// Returns the page's document.
pub fn document() -> Option<Document> {
    window()?.document()
}

fn local() -> Option<Storage> {
    window()?.local_storage().ok()?
}

/// Returns what this tab keeps; a frame has nothing of its own, and leaves the tab's alone.
fn session() -> Option<Storage> {
    if is_framed() {
        return None;
    }
    window()?.session_storage().ok()?
}
