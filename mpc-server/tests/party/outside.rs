//! Nothing outside stops rounds: not the log, not the disk, not the resolver, not a proxy.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use futures_util::StreamExt as _;
use mcmix_native::raw::{RawLink, deal_idle, submit};
use mcmix_server::config::Config;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::wire::Refusal;
use tokio_tungstenite::tungstenite::Message;

use crate::process::Process;
use crate::world::{World, get, soon, until};

/// Starts P0 as a process with that log, the others here, lets rounds go by, and stops it.
async fn rounds_go_on(log: PipeWriter, begun: impl FnOnce()) {
    let mut world = World::prepare(&[]);
    let mut p0 = Process::start_with_log(log, &world, PartyId::P0);
    for other in [PartyId::P1, PartyId::P2] {
        world.run(other).await;
    }
    world.ready().await;
    begun();
    let key = SecretKey::from_bytes([1; 32]);
    let link = RawLink::connect(world.deployment(), PartyId::P1, &key).await;
    let mut link = link.unwrap();
    for _ in 0..5 {
        let round = link.open_round(Program::Conversation);
        soon("a round", round).await.unwrap();
    }
    // Nor does it hold up the end.
    p0.signal("TERM");
    assert!(p0.end().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_takes_any_more_stops_no_rounds() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut lines = BufReader::new(reader).lines();
    rounds_go_on(writer, move || {
        // As `head` does.
        assert!(lines.next().unwrap().unwrap().contains("running"));
        drop::<std::io::Lines<BufReader<PipeReader>>>(lines);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_takes_nothing_stops_no_rounds() {
    let (_never_read, mut writer) = std::io::pipe().unwrap();
    // What Linux keeps for a pipe at least; with it the pipe is full.
    #[cfg(target_os = "linux")]
    writer.write_all(&vec![b'\n'; 1 << 16]).unwrap();
    rounds_go_on(writer, || ()).await;
}

/// A proxy takes a link for dead on which nothing passes. What passes is the same for all, and nobody
/// is held to have sent too much who only answers.
#[tokio::test(flavor = "multi_thread")]
async fn quiet_links_are_kept_alive_all_alike() {
    let settings = ["clients.keep_alive_ms=50", "clients.max_refusals=1"];
    let mut world = World::prepare_quiet(&settings);
    for party in PartyId::ALL {
        world.run(party).await;
    }
    let connect = async |byte| {
        let key = SecretKey::from_bytes([byte; 32]);
        let link = RawLink::connect(world.deployment(), PartyId::P1, &key).await;
        link.unwrap()
    };
    let (mut idle, mut busy) = (connect(1).await, connect(2).await);
    let program = Program::Conversation;
    let open = busy.open_round(program).await.unwrap();
    let [_, share, _] = deal_idle(world.deployment(), program);
    busy.send(&submit(open.round, program, share)).await;
    for _ in 0..5 {
        for link in [&mut idle, &mut busy] {
            soon("a keep-alive", async {
                loop {
                    match link.socket.next().await.unwrap().unwrap() {
                        Message::Ping(payload) => break assert!(payload.is_empty()),
                        Message::Close(frame) => panic!("closed: {frame:?}"),
                        _ => {}
                    }
                }
            })
            .await;
        }
    }
}

/// Signals that other programs listen for are no reason to end, let alone without a farewell.
#[tokio::test(flavor = "multi_thread")]
async fn signals_end_a_party_with_a_farewell_or_not_at_all() {
    let mut world = World::prepare(&[]);
    let mut p0 = Process::start(&world, PartyId::P0);
    for other in [PartyId::P1, PartyId::P2] {
        world.run(other).await;
    }
    world.ready().await;
    let key = SecretKey::from_bytes([1; 32]);
    for signal in ["HUP", "USR1", "USR2", "ALRM", "IO", "XFSZ", "PIPE"] {
        p0.signal(signal);
    }
    for signal in ["QUIT", "INT", "TERM"] {
        let link = RawLink::connect(world.deployment(), PartyId::P0, &key).await;
        let mut link = link.unwrap();
        let round = link.open_round(Program::Conversation);
        soon("a round", round).await.unwrap();
        p0.signal(signal);
        assert_eq!(
            link.farewell().await.unwrap(),
            Some(Refusal::Stopping),
            "{signal}"
        );
        assert!(p0.end().await.success(), "{signal}");
        p0 = Process::start(&world, PartyId::P0);
        world.ready().await;
    }
}

/// A disk that is so slow that it seems to stand still: whoever opens the file waits.
struct SlowDisk(PathBuf);

impl SlowDisk {
    /// Waits until the file is not there for a moment, and takes its place.
    async fn under(folder: &Path) -> Self {
        let path = folder.join("round.new");
        let made = || {
            let mut command = Command::new("mkfifo");
            let made = command.arg(&path).stderr(Stdio::null()).status();
            made.unwrap().success()
        };
        soon("the file's place", until(made)).await;
        Self(path)
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // With somebody who reads, whoever waited goes on; for both, this waits for nobody.
        let _reader = OpenOptions::new().read(true).write(true).open(&self.0);
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Rounds wait for it, since no number may be used that was not stored; nothing else does.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_disk_holds_up_neither_health_nor_links() {
    let world = World::start().await;
    let slow = SlowDisk::under(&world.folder().join("party0/state")).await;
    let waits = || {
        world
            .servers
            .iter()
            .flatten()
            .all(|server| !server.is_ready())
    };
    soon("rounds to wait", until(waits)).await;
    for party in PartyId::ALL {
        let config = Config::load(world.config(party), [], &[]).unwrap();
        let admin = config.admin.unwrap().listen;
        assert!(get(admin, "/healthz").await.contains("200 OK"), "{party}");
        let ready = get(admin, "/readyz").await;
        assert!(ready.contains("all links are up"), "{party}: {ready}");
    }
    drop(slow);
}
