//! All that strangers try, against three server processes: each is answered as it should be, and
//! honest clients lose no round.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use mcmix_native::misuse::{Addresses, Manner, Stage, run};
use mcmix_server::config::Config;
use mcmix_server::config::demo::{self, DemoOptions};
use mcmix_shared::party::PartyId;

/// A server as a process of its own, killed when dropped.
struct Process(Child);

impl Process {
    fn start(config: &Path, settings: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcmix-server"));
        command.arg("run").arg("--config").arg(config);
        command.args(settings.iter().flat_map(|setting| ["--set", setting]));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_answered_and_nobody_else_notices() {
    let folder = tempfile::tempdir().unwrap();
    // So long that clients of a busy machine miss none.
    let options = DemoOptions {
        conversation_period_ms: 500,
        dialing_period_ms: 700,
        ..DemoOptions::on_free_ports()
    };
    let demo = demo::write(folder.path(), &options).unwrap();
    let addresses = demo.configs.each_ref().map(|path| {
        let config = Config::load(path, [], &[]).unwrap();
        Addresses {
            clients: config.clients.listen,
            peers: config.peers.listen,
            admin: config.admin.unwrap().listen,
        }
    });
    let peers = addresses.map(|it| it.peers);
    let stage = Stage::set(folder.path(), peers).await.unwrap();
    let servers = PartyId::ALL.map(|party| {
        let config = &demo.configs[party.index()];
        Process::start(config, &stage.settings(party))
    });
    let processes = servers.each_ref().map(|server| server.0.id());
    let target = stage.open(demo.deployment, addresses, processes);
    let mut bad = Vec::new();
    let ran = run(&target, &[], Manner::Together, |row| {
        if !row.is_good() {
            bad.push(row);
        }
    });
    Box::pin(ran).await.unwrap();
    assert!(bad.is_empty(), "{bad:#?}");
}
