//! The worker in which the engine runs, from both sides.
//!
//! The page asks, the worker tells ([`post`]). Locks, storage, sockets and timers are the worker's:
//! what the page does, draws or waits for holds up nothing that is sent in a round, and shows in no
//! time at which it is sent. `www/boot.js` makes the worker, `www/engine.js` is its first script.

mod host;
mod post;

use std::fmt;
use std::rc::Rc;

use gloo_events::EventListener;
use js_sys::Reflect;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent, Worker};

pub use self::post::{Ask, Guest, Kept, Listed, Passphrase, Reason, Tell, Trouble, Usage};

use self::host::Host;
use crate::page;

/// Where boot.js leaves the worker.
const WORKER: &str = "mcmixEngine";

/// The page's side of the worker.
#[derive(Clone)]
pub struct Remote {
    worker: Worker,
    _listeners: Rc<[EventListener; 3]>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl PartialEq for Remote {
    fn eq(&self, other: &Self) -> bool {
        self.worker == other.worker
    }
}

impl Remote {
    /// Listens to the worker that boot.js made. `failed` is called if it ends by a fault.
    pub fn listen(hear: impl Fn(Tell) + 'static, failed: impl Fn() + 'static) -> Option<Self> {
        let worker = Reflect::get(&js_sys::global(), &WORKER.into()).ok()?;
        let worker: Worker = worker.dyn_into().ok()?;
        let listeners = [
            EventListener::new(&worker, "message", move |event| {
                if let Some(tell) = message(event).as_ref().and_then(post::read) {
                    hear(tell);
                }
            }),
            EventListener::new(&worker, "error", move |_| failed()),
            page::put_away({
                let worker = worker.clone();
                // Else it keeps its lock for as long as a browser may still show the page again.
                move || worker.terminate()
            }),
        ];
        Some(Self {
            worker,
            _listeners: Rc::new(listeners),
        })
    }

    /// Asks for something.
    pub fn ask(&self, ask: &Ask) {
        // It fails for what can't be copied alone, and bytes can.
        let _ = self.worker.post_message(&post::write(ask));
    }
}

/// Returns what a worker has in place of a window, where this runs in one.
pub fn scope() -> Option<DedicatedWorkerGlobalScope> {
    js_sys::global().dyn_into().ok()
}

/// Runs the engine for the page, for as long as there is one.
pub fn serve(scope: &DedicatedWorkerGlobalScope) {
    let tell = {
        let scope = scope.clone();
        move |tell: &Tell| drop(scope.post_message(&post::write(tell)))
    };
    std::panic::set_hook(Box::new(|panic| {
        web_sys::console::error_1(&panic.to_string().into());
        let stopped = post::write(&Tell::Stopped);
        let _ = self::scope().map(|scope| scope.post_message(&stopped));
    }));
    let host = Host::new(tell.clone());
    let ears = EventListener::new(scope, "message", move |event| {
        if let Some(ask) = message(event).as_ref().and_then(post::read) {
            Rc::clone(&host).hear(ask);
        }
    });
    ears.forget();
    tell(&Tell::Listens);
}

fn message(event: &web_sys::Event) -> Option<JsValue> {
    Some(event.dyn_ref::<MessageEvent>()?.data())
}
