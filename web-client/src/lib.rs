//! The browser app: thin views over the client state machine of `mcmix-shared`.

pub mod app;
pub mod clock;
pub mod components;
pub mod cover;
pub mod engine;
pub mod lock;
pub mod manifest;
pub mod meter;
pub mod notify;
pub mod page;
pub mod store;
pub mod tap;
pub mod texts;
pub mod transport;
pub mod worker;

/// Runs the engine where this is the worker, and else mounts the app on the page's `#app` element.
pub fn start() {
    match worker::scope() {
        Some(scope) => worker::serve(&scope),
        None => app::mount(),
    }
}
