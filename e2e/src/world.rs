//! Three servers with ports and keys of their own, and the people who use them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use xtask::servers::{self, Build, Deployment, Pace, Plan, Servers};

use crate::engine::Engine;
use crate::page::Page;
use crate::pool::Pool;
use crate::session::Session;
use crate::wire::Tap;
use crate::{evidence, faults};

/// What a scenario plays in.
#[derive(Debug)]
pub struct World {
    engines: Vec<Engine>,
    pool: Arc<Pool>,
    folder: PathBuf,
    servers: Mutex<Servers>,
    url: String,
    taps: [Tap; 3],
    people: Mutex<Vec<(String, Arc<Session>)>>,
}

impl World {
    /// Starts three servers. People take the engines in turn.
    ///
    /// # Errors
    ///
    /// The servers do not come up.
    pub async fn start(
        trial: &str,
        engines: &[Engine],
        pace: Pace,
        pool: Arc<Pool>,
    ) -> Result<Self> {
        let folder = evidence::folder(trial)?;
        let plan = Plan::for_test(pace)?;
        let mut deployment = Deployment::write(&folder, servers::program(Build::Test), plan)?;
        let site = faults::lay_out(&folder)?;
        let [p0_settings, ..] = &mut deployment.settings;
        p0_settings.push(format!("clients.page={}", site.display()));
        let [p0, p1, p2] = plan.clients;
        let taps = [
            Tap::start(p0).await?,
            Tap::start(p1).await?,
            Tap::start(p2).await?,
        ];
        deployment.announce(taps.each_ref().map(|tap| tap.port))?;
        let servers = tokio::task::spawn_blocking(move || Servers::start(deployment)).await??;
        Ok(Self {
            engines: engines.to_vec(),
            pool,
            folder,
            servers: Mutex::new(servers),
            url: plan.url(),
            taps,
            people: Mutex::default(),
        })
    }

    /// Lets one more person open the page and create an identity.
    ///
    /// # Errors
    ///
    /// The browser or the page does not come up.
    pub async fn person(&self, name: &str) -> Result<Page> {
        let page = self.visitor(name).await?;
        page.sign_up().await?;
        Ok(page)
    }

    /// Lets one more person open the page.
    ///
    /// # Errors
    ///
    /// The browser does not come up.
    pub async fn visitor(&self, name: &str) -> Result<Page> {
        self.visit(name, &self.url).await
    }

    /// Lets somebody open the demo.
    ///
    /// # Errors
    ///
    /// The browser does not come up.
    pub async fn demo(&self) -> Result<Page> {
        self.visit("Demo", &format!("{}demo.html", self.url)).await
    }

    async fn visit(&self, name: &str, url: &str) -> Result<Page> {
        let turn = self.people().len();
        let engine = self
            .engines
            .get(turn % self.engines.len())
            .context("no engine")?;
        let session = Arc::new(self.pool.take(*engine).await?);
        self.people().push((name.to_owned(), Arc::clone(&session)));
        Page::visit(name, session, url).await
    }

    /// Ends one server, as a crash would.
    pub fn kill(&self, party: usize) {
        self.servers().kill(party);
    }

    /// Starts servers again that were ended, and waits until all three run rounds.
    ///
    /// # Errors
    ///
    /// One does not come up.
    pub fn revive(&self, parties: &[usize]) -> Result<()> {
        tokio::task::block_in_place(|| self.servers().revive(parties))
    }

    /// Returns the origin of the page.
    pub fn origin(&self) -> &str {
        self.url.trim_end_matches('/')
    }

    /// Returns the taps on the wires between browsers and servers, P0's first.
    pub fn taps(&self) -> &[Tap; 3] {
        &self.taps
    }

    /// Ends the world: keeps the browsers for the next, or what they show where it failed.
    pub async fn end(self, failed: bool) {
        let people = self
            .people
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, session) in people {
            if failed {
                if let Err(error) = evidence::collect(&session, &self.folder, &name).await {
                    eprintln!("no evidence from {name}'s page: {error:#}");
                }
            } else if let Some(session) = Arc::into_inner(session) {
                self.pool.put(session).await;
            }
        }
        drop(self.servers);
        if failed {
            eprintln!("screenshots, pages and logs: {}", self.folder.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    fn people(&self) -> MutexGuard<'_, Vec<(String, Arc<Session>)>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
