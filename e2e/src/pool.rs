//! Running browsers, used again from one scenario to the next.
//!
//! Starting one takes seconds. Every world has ports of its own, so every world is another
//! origin and a used browser knows nothing there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use crate::engine::Engine;
use crate::session::Session;

/// The browsers that run.
#[derive(Debug, Default)]
pub struct Pool {
    idle: Mutex<HashMap<Engine, Vec<Session>>>,
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
        Session::start(engine).await
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
