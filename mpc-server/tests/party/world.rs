//! Three parties in this process.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_native::NativeClient;
use mcmix_server::config::Config;
use mcmix_server::config::demo::{self, Demo, DemoOptions};
use mcmix_server::server::{Ready, Server};
use mcmix_shared::client::Client;
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A state that does not come within this time never comes.
const NEVER: Duration = Duration::from_mins(1);

/// Waits for a state.
pub(crate) async fn soon<T>(what: &str, state: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(NEVER, state).await;
    waited.unwrap_or_else(|_| panic!("waited in vain for: {what}"))
}

/// Three parties, their files, and what they run.
pub(crate) struct World {
    pub(crate) demo: Demo,
    pub(crate) servers: [Option<Server>; 3],
    settings: Vec<String>,
    folder: TempDir,
}

impl World {
    /// Starts three parties with short rounds and waits until rounds run.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with conversation rounds so long that much can be done while one is open.
    pub(crate) async fn start_slow() -> Self {
        Self::start_slow_with(&[]).await
    }

    /// The same with settings as `--set` takes them.
    pub(crate) async fn start_slow_with(settings: &[&str]) -> Self {
        let mut world = Self::with_period(2000, settings);
        for party in PartyId::ALL {
            world.run(party).await;
        }
        world.ready().await;
        world
    }

    /// Short rounds with settings.
    pub(crate) async fn start_with(settings: &[&str]) -> Self {
        let mut world = Self::prepare(settings);
        for party in PartyId::ALL {
            world.run(party).await;
        }
        world.ready().await;
        world
    }

    /// Writes the files and starts nothing.
    pub(crate) fn prepare(settings: &[&str]) -> Self {
        Self::with_period(100, settings)
    }

    /// Writes the files for rounds that don't come while a test runs.
    pub(crate) fn prepare_quiet(settings: &[&str]) -> Self {
        Self::with_periods([3_600_000; 2], settings)
    }

    fn with_period(conversation_period_ms: u32, settings: &[&str]) -> Self {
        Self::with_periods([conversation_period_ms, 150], settings)
    }

    fn with_periods(periods_ms: [u32; 2], settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [conversation_period_ms, dialing_period_ms] = periods_ms;
        let options = DemoOptions {
            conversation_period_ms,
            dialing_period_ms,
            ..DemoOptions::on_free_ports()
        };
        let demo = demo::write(folder.path(), &options).unwrap();
        Self {
            demo,
            servers: [None, None, None],
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            folder,
        }
    }

    pub(crate) async fn run(&mut self, party: PartyId) {
        let config = Config::load(self.config(party), [], &self.settings).unwrap();
        let server = Server::start(Ready::read(config).unwrap()).await.unwrap();
        self.servers[party.index()] = Some(server);
    }

    pub(crate) async fn stop(&mut self, party: PartyId) {
        self.servers[party.index()].take().unwrap().stop().await;
    }

    /// Waits until rounds go through at every party of this process.
    pub(crate) async fn ready(&self) {
        let ready = || self.servers.iter().flatten().all(Server::is_ready);
        soon("rounds to run", until(ready)).await;
    }

    pub(crate) fn config(&self, party: PartyId) -> &Path {
        &self.demo.configs[party.index()]
    }

    pub(crate) fn deployment(&self) -> &Deployment {
        &self.demo.deployment
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn client(&self, name: &str) -> NativeClient {
        NativeClient::start(self.identity(name), self.deployment())
    }

    pub(crate) fn identity(&self, name: &str) -> Client {
        let name = Name::new(name).unwrap();
        Client::create(self.deployment().clone(), name, &mut UnwrapErr(SysRng))
    }
}

/// Looks again and again; for states that nobody announces.
pub(crate) async fn until(mut state: impl FnMut() -> bool) {
    let mut glance = tokio::time::interval(Duration::from_millis(5));
    while !state() {
        glance.tick().await;
    }
}

/// Asks a server by HTTP, and returns its whole answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = soon("an answer", socket.read_to_string(&mut answer)).await;
    read.unwrap();
    answer
}
