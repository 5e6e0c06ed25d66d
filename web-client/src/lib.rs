//! The browser app: thin views over the client state machine of `mcmix-shared`.

pub mod app;
pub mod texts;

/// Mounts the app on the page's `#app` element.
pub fn start() {
    app::mount();
}
