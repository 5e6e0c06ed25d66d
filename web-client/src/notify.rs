//! Notifications by the browser while nobody sees the page.
//!
//! They pass by nobody's server: the page makes them itself, for as long as it is open. What they
//! tell may stay in a list that others see, so that names are told only to who wants it, and never
//! what was written.

use std::cell::RefCell;

use gloo_events::EventListener;
use js_sys::{Array, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Notification, NotificationOptions, NotificationPermission, ServiceWorkerRegistration,
};
use yew::Callback;

use crate::{page, texts};

const NOTIFY: &str = "mcmix.notify";
const SOUND: &str = "mcmix.notify-sound";

/// One notification takes the place of the one before.
const TAG: &str = "mcmix";

thread_local! {
    /// The one that may still be shown.
    static SHOWN: RefCell<Option<Notification>> = const { RefCell::new(None) };
    /// Whose may still be.
    static BY_WORKER: RefCell<Option<ServiceWorkerRegistration>> = const { RefCell::new(None) };
}

/// What notifications tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// There are none.
    Never,
    /// That there is something.
    Something,
    /// Who it is from.
    Names,
}

impl Notify {
    /// All choices, in the order of the settings.
    pub const ALL: [Self; 3] = [Self::Never, Self::Something, Self::Names];

    /// Returns the name under which it is kept.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Something => "something",
            Self::Names => "names",
        }
    }

    /// Returns the choice that this browser keeps, if one was made.
    pub fn kept() -> Option<Self> {
        let kept = page::kept(NOTIFY)?;
        Self::ALL.into_iter().find(|it| it.as_str() == kept)
    }

    /// Keeps the choice.
    pub fn keep(self) {
        page::keep(NOTIFY, self.as_str());
    }
}

/// Whether notifications sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// They do, as the system has it.
    On,
    /// They don't.
    Off,
}

impl Sound {
    /// Returns the choice that this browser keeps.
    pub fn kept() -> Self {
        match page::kept(SOUND).as_deref() {
            Some("on") => Self::On,
            _ => Self::Off,
        }
    }

    /// Keeps the choice.
    pub fn keep(self) {
        page::keep(SOUND, if self == Self::On { "on" } else { "off" });
    }
}

/// Whether the browser lets this page notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// It has no notifications.
    Impossible,
    /// It would ask.
    Unasked,
    /// It does.
    Granted,
    /// It does not.
    Denied,
}

/// Returns whether the browser lets this page notify.
pub fn permission() -> Permission {
    if !Reflect::has(&js_sys::global(), &"Notification".into()).unwrap_or(false) {
        return Permission::Impossible;
    }
    match Notification::permission() {
        NotificationPermission::Granted => Permission::Granted,
        NotificationPermission::Denied => Permission::Denied,
        _ => Permission::Unasked,
    }
}

/// Lets the browser ask for permission, where it has to, and hands on the answer.
pub fn ask(then: Callback<Permission>) {
    if permission() != Permission::Unasked {
        return then.emit(permission());
    }
    let Ok(asked) = Notification::request_permission() else {
        return then.emit(Permission::Denied);
    };
    spawn_local(async move {
        let _ = JsFuture::from(asked).await;
        then.emit(permission());
    });
}

/// Shows a notification, unless somebody sees the page.
pub fn show(text: &str) {
    if page::is_visible() || permission() != Permission::Granted {
        return;
    }
    let options = NotificationOptions::new();
    options.set_body(text);
    options.set_tag(TAG);
    options.set_renotify(true);
    options.set_silent(Some(Sound::kept() == Sound::Off));
    match Notification::new_with_options(texts::PRODUCT, &options) {
        Ok(notification) => {
            EventListener::once(&notification, "click", |_| page::come_to_front()).forget();
            SHOWN.set(Some(notification));
        }
        // Browsers of phones leave it to the service worker.
        Err(_) => spawn_local(async move {
            let _ = show_by_worker(&options).await;
        }),
    }
}

async fn show_by_worker(options: &NotificationOptions) -> Result<(), JsValue> {
    let window = page::window().ok_or(JsValue::NULL)?;
    let ready = window.navigator().service_worker().ready()?;
    let registration: ServiceWorkerRegistration = JsFuture::from(ready).await?.dyn_into()?;
    let shown = registration.show_notification_with_options(texts::PRODUCT, options)?;
    JsFuture::from(shown).await?;
    BY_WORKER.set(Some(registration));
    if page::is_visible() {
        take_back();
    }
    Ok(())
}

/// Takes back what is still shown: somebody sees the page, or there is nothing new any more.
pub fn take_back() {
    if let Some(notification) = SHOWN.take() {
        notification.close();
    }
    if let Some(registration) = BY_WORKER.take() {
        spawn_local(async move {
            let _ = close_by_worker(&registration).await;
        });
    }
}

async fn close_by_worker(registration: &ServiceWorkerRegistration) -> Result<(), JsValue> {
    let shown = JsFuture::from(registration.get_notifications()?).await?;
    for notification in shown.dyn_into::<Array>()? {
        notification.dyn_into::<Notification>()?.close();
    }
    Ok(())
}
