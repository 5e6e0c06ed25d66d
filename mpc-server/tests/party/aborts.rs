//! A server that deviates: the honest ones abort, say so, and stop when it goes on.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use blake2::{Blake2s256, Digest as _};
use mcmix_engine::LinkError;
use mcmix_server::config::Config;
use mcmix_server::keys::TlsIdentity;
use mcmix_server::net::{
    Control, Link, PeerEvent, PeerSettings, Peers, Pins, RoundLink, TlsContext,
};
use mcmix_server::round::agree::{Terms, agree};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::wire::{FailedReason, ServerFrame};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::{World, get, soon, until};
use mcmix_native::raw::RawLink;

/// P2, as it tells P1 another set of clients than the one that it agreed to.
struct Cheat {
    links: [Option<Link>; 2],
    open: HashMap<u64, (Terms, RoundLink)>,
}

impl Cheat {
    /// Takes part until it is stopped.
    async fn run(world: &World, tasks: &TaskTracker, stop: &CancellationToken) {
        let config = Config::load(world.config(PartyId::P2), [], &[]).unwrap();
        let tls = TlsIdentity::read(&config.keys.tls_certificate, &config.keys.tls_key).unwrap();
        let pins = Pins {
            next: config.peers.next_fingerprint,
            prev: config.peers.prev_fingerprint,
        };
        let settings = PeerSettings {
            me: PartyId::P2,
            next_address: config.peers.next.clone(),
            tls: TlsContext::new(tls, pins),
            deployment: Blake2s256::digest(world.deployment().to_json()).into(),
            idle: Duration::from_secs(10),
            delay: Duration::ZERO,
            strands: 3,
        };
        let listener = TcpListener::bind(config.peers.listen).await.unwrap();
        let (peers, mut events) = Peers::start(settings, listener, tasks, stop);
        let mut cheat = Self {
            links: [None, None],
            open: HashMap::new(),
        };
        while let Some(Some(event)) = stop.run_until_cancelled(events.recv()).await {
            cheat.handle(event);
        }
        drop(peers);
    }

    fn handle(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Up { link, .. } => {
                let is_next = link.peer() == PartyId::P0;
                self.links[usize::from(!is_next)] = Some(link);
                if let [Some(p0), Some(_)] = &self.links {
                    p0.control(Control::Linked { up: true });
                }
            }
            PeerEvent::Control {
                control:
                    Control::Open {
                        round,
                        program,
                        turn,
                        sort_ways,
                        ..
                    },
                ..
            } => {
                let [Some(next), Some(prev)] = self.links.clone() else {
                    return;
                };
                let terms = Terms {
                    me: PartyId::P2,
                    round,
                    program,
                    turn,
                    sort_ways,
                    most_clients: 10,
                };
                let link = RoundLink::open(round, next, prev, 1 << 20);
                self.open.insert(round.0, (terms, link));
            }
            PeerEvent::Control {
                control: Control::Close { round },
                ..
            } => {
                if let Some((terms, link)) = self.open.remove(&round.0) {
                    tokio::task::spawn_blocking(move || agree(&mut Lying(link), &terms, &[]));
                }
            }
            PeerEvent::Control { .. } | PeerEvent::Down { .. } => {}
        }
    }
}

struct Lying(RoundLink);

impl mcmix_engine::Link for Lying {
    fn send(&mut self, to: PartyId, mut frame: Vec<u8>) -> Result<(), LinkError> {
        // The digest of the set, and nothing else, has 32 bytes.
        if to == PartyId::P1 && frame.len() == 32 {
            frame[0] ^= 1;
        }
        self.0.send(to, frame)
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        self.0.recv(from)
    }
}

/// An honest server as a process of its own, whose log is kept.
struct Honest {
    child: Child,
    log: PathBuf,
    config: Config,
}

impl Honest {
    async fn start(world: &World, party: PartyId) -> Self {
        let log = world.folder().join(format!("{party}.log"));
        let config = world.config(party);
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcmix-server"));
        command.args(["run", "--set", "rounds.aborts=3", "--config"]);
        let child = command
            .arg(config)
            .stdout(File::create(&log).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let config = Config::load(config, [], &[]).unwrap();
        let it = Self { child, log, config };
        let runs = || it.log().contains(" running ");
        soon("the server to run", until(runs)).await;
        it
    }

    fn aborts(&self) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains("aborted: "));
        lines.map(str::to_owned).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Honest {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Three aborts are too many here. P1 finds each, and P0 only hears of it; both say so in one line
/// a round, count it, tell their clients, and stop; a new start is what makes rounds run again.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_deviates_again_and_again_stops_the_rounds() {
    let mut world = World::prepare(&[]);
    let honest = [
        Honest::start(&world, PartyId::P0).await,
        Honest::start(&world, PartyId::P1).await,
    ];
    let key = SecretKey::from_bytes([1; 32]);
    let deployment = world.deployment().clone();
    let mut links = [
        RawLink::connect(&deployment, PartyId::P0, &key)
            .await
            .unwrap(),
        RawLink::connect(&deployment, PartyId::P1, &key)
            .await
            .unwrap(),
    ];
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let clients = async {
        for link in &mut links {
            let is_aborted = |frame| match frame {
                ServerFrame::Failed { reason, .. } => Some(reason == FailedReason::Aborted),
                _ => None,
            };
            while !link.find(is_aborted).await.unwrap() {}
            link.find(|frame| matches!(frame, ServerFrame::Stopped).then_some(()))
                .await
                .unwrap();
        }
    };
    tokio::select! {
        () = Cheat::run(&world, &tasks, &stop) => panic!("the cheat ended"),
        () = clients => {}
        () = tokio::time::sleep(Duration::from_secs(50)) => {
            panic!("no abort or no stop:\n{}\n{}", honest[0].log(), honest[1].log())
        }
    }
    for (server, (party, suspects)) in honest
        .iter()
        .zip([(PartyId::P0, "P1 or P2"), (PartyId::P1, "P2 or P0")])
    {
        let aborts = server.aborts();
        assert_eq!(aborts.len(), 3, "{party}: {}", server.log());
        for line in aborts {
            let (heard, suspects) = ("P1 says", format!("suspects={suspects}"));
            assert_eq!(line.contains(heard), party == PartyId::P0, "{line}");
            for part in ["round=", "program=", "expected our digest", &suspects] {
                assert!(line.contains(part), "{line}");
            }
        }
        assert!(
            server.log().contains("rounds are stopped"),
            "{}",
            server.log()
        );
        let admin = server.config.admin.as_ref().unwrap().listen;
        let metrics = get(admin, "/metrics").await;
        let aborted = metrics
            .lines()
            .filter_map(|line| line.split_once("outcome=\"aborted\"} "));
        let aborted = aborted.map(|(_, count)| count.parse::<u32>().unwrap());
        assert_eq!(aborted.sum::<u32>(), 3, "{metrics}");
        assert!(metrics.contains("mcmix_rounds_stopped 1\n"), "{metrics}");
        // Whoever found it, this server or a peer.
        let status = get(server.config.clients.listen, "/status.json").await;
        let shown = status.matches("\"outcome\":\"aborted\"").count();
        assert_eq!(shown, 3, "{party}: {status}");
        let ready = get(admin, "/readyz").await;
        assert!(
            ready.contains("503") && ready.contains("stopped"),
            "{ready}"
        );
        // Whoever comes later is told, too.
        let mut late = RawLink::connect(&deployment, party, &key).await.unwrap();
        assert_eq!(late.next().await.unwrap(), Some(ServerFrame::Stopped));
    }
    stop.cancel();
    tasks.close();
    soon("the cheat's links to end", tasks.wait()).await;
    drop(honest);
    for party in PartyId::ALL {
        world.run(party).await;
    }
    world.ready().await;
}
