//! Running browsers, used again from one scenario to the next.
//!
//! Starting one takes seconds. Every world has ports of its own, so every world is another
//! origin and a used browser knows nothing there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use crate::engine::Engine;
use crate::session::{Display, Session};

/// The browsers that run.
#[derive(Debug, Default)]
pub struct Pool {
    // Before the display: they draw on it.
    idle: Mutex<HashMap<Engine, Vec<Session>>>,
    display: tokio::sync::OnceCell<Display>,
}

impl Pool {
    /// Returns an idle browser, or starts another.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub async fn take(&self, engine: Engine) -> Result<Session> {
        let idle = self.idle().get_mut(&engine).and_then(Vec::pop);
        if let Some(session) = idle {
            return Ok(session);
        }
        let display = if engine.needs_display() {
            let start = || async { Display::start() };
            Some(self.display.get_or_try_init(start).await?)
        } else {
            None
        };
        Session::start(engine, display).await
    }

    /// Takes a browser back, unless it no longer answers.
    pub async fn put(&self, session: Session) {
        let Ok(web) = session.web() else { return };
        if web.goto("about:blank").await.is_ok() {
            self.idle().entry(session.engine).or_default().push(session);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, HashMap<Engine, Vec<Session>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
