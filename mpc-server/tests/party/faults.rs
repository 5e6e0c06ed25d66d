//! Servers that stop, crash, or are not who they should be.

use mcmix_server::config::Config;
use mcmix_server::keys::TlsIdentity;
use mcmix_server::server::{Ready, Server};
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;

use crate::conversation::{introduce, say};
use crate::process::Process;
use crate::world::{World, get, soon, until};
use mcmix_native::raw::{RawClient, RawLink};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_loses_nothing() {
    let mut world = World::start().await;
    let (mut alice, mut bob) = (world.client("Alice"), world.client("Bob"));
    introduce(&mut alice, &mut bob).await;
    for party in PartyId::ALL {
        let before = alice.view().conversation.unwrap().round;
        world.stop(party).await;
        let others: Vec<&Server> = world.servers.iter().flatten().collect();
        let noticed = || others.iter().all(|server| !server.is_ready());
        soon("the others to notice", until(noticed)).await;
        world.run(party).await;
        world.ready().await;
        say(&mut alice, &mut bob, &format!("after {party} came back")).await;
        assert!(alice.view().conversation.unwrap().round > before);
    }
}

/// Numbers and turns go on wherever a server restarts, and where its disk was lost, too: all three
/// announce the same.
#[tokio::test(flavor = "multi_thread")]
async fn turns_go_on_when_a_server_comes_back() {
    let mut world = World::start().await;
    let key = SecretKey::from_bytes([1; 32]);
    for (party, is_lost) in [
        (PartyId::P0, false),
        (PartyId::P1, false),
        (PartyId::P2, false),
        (PartyId::P0, true),
        (PartyId::P1, true),
        (PartyId::P2, true),
    ] {
        let mut link = RawLink::connect(world.deployment(), party.next(), &key)
            .await
            .unwrap();
        let before = link.open_round(Program::Conversation).await.unwrap();
        world.stop(party).await;
        if is_lost {
            let state = format!("party{}/state/round", party.index());
            std::fs::remove_file(world.folder().join(state)).unwrap();
        }
        let others: Vec<&Server> = world.servers.iter().flatten().collect();
        let noticed = || others.iter().all(|server| !server.is_ready());
        soon("the others to notice", until(noticed)).await;
        world.run(party).await;
        world.ready().await;
        let mut client = Box::pin(RawClient::connect(world.deployment(), &key))
            .await
            .unwrap();
        // Fails unless all three announce it with one turn.
        let after = client.open_round(Program::Conversation).await.unwrap();
        assert!(after.round > before.round && after.turn > before.turn);
        // Only what was announced counts, and that is a round in 100 ms.
        assert!(after.turn.0 - before.turn.0 < 1000, "{after:?} {before:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_in_the_middle_comes_back() {
    for party in [PartyId::P0, PartyId::P2] {
        let mut world = World::prepare(&[]);
        let process = Process::start(&world, party);
        for other in [party.next(), party.prev()] {
            world.run(other).await;
        }
        world.ready().await;
        let key = SecretKey::from_bytes([1; 32]);
        let mut link = RawLink::connect(world.deployment(), party.next(), &key)
            .await
            .unwrap();
        let before = link.open_round(Program::Conversation).await.unwrap().round;
        drop(process);
        let mut others = world.servers.iter().flatten();
        soon(
            "the others to notice",
            until(|| others.all(|server| !server.is_ready())),
        )
        .await;
        let _process = Process::start(&world, party);
        world.ready().await;
        let after = link.open_round(Program::Conversation).await.unwrap().round;
        assert!(after > before);
    }
}

/// Ready is who completes rounds now: before anything has failed, a peer that does nothing shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_freezes_shows_before_its_round_fails() {
    let mut world = World::prepare(&["rounds.limit_ms=16000", "peers.idle_ms=600000"]);
    let p2 = Process::start(&world, PartyId::P2);
    let others = [PartyId::P0, PartyId::P1];
    for party in others {
        world.run(party).await;
    }
    world.ready().await;
    let failed = async |party| {
        let config = Config::load(world.config(party), [], &[]).unwrap();
        let metrics = get(config.admin.unwrap().listen, "/metrics").await;
        let lines = metrics.lines().map(str::to_owned);
        let lines = lines.filter(|line| line.contains("outcome=\"failed\""));
        lines.collect::<Vec<_>>()
    };
    let before = [failed(PartyId::P0).await, failed(PartyId::P1).await];
    p2.signal("STOP");
    let servers: Vec<_> = world.servers.iter().flatten().collect();
    let noticed = || servers.iter().all(|server| !server.is_ready());
    soon("the others to notice", until(noticed)).await;
    let said = readiness(&world, PartyId::P0).await;
    assert!(
        said.contains("503") && said.contains("no round completes; the last"),
        "{said}"
    );
    let after = [failed(PartyId::P0).await, failed(PartyId::P1).await];
    assert_eq!(before, after);
    p2.signal("CONT");
    world.ready().await;
}

async fn readiness(world: &World, party: PartyId) -> String {
    let config = Config::load(world.config(party), [], &[]).unwrap();
    get(config.admin.unwrap().listen, "/readyz").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_that_is_missing_is_named() {
    let mut world = World::start().await;
    world.stop(PartyId::P2).await;
    for (party, link) in [(PartyId::P0, "P0 and P2"), (PartyId::P1, "P1 and P2")] {
        let server = world.servers[party.index()].as_ref().unwrap();
        soon("the others to notice", until(|| !server.is_ready())).await;
        let said = readiness(&world, party).await;
        let text = format!("no link between {link}; the last round completed");
        assert!(said.contains("503") && said.contains(&text), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_another_certificate_gets_no_link() {
    let mut world = World::prepare(&[]);
    // P1 runs with a certificate that nobody pinned.
    let folder = world.folder().join("impostor");
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    TlsIdentity::generate(&certificate, &key).unwrap();
    let mut config = Config::load(world.config(PartyId::P1), [], &[]).unwrap();
    config.keys.tls_certificate = certificate;
    config.keys.tls_key = key;
    let impostor = Server::start(Ready::read(config).unwrap()).await.unwrap();
    for party in [PartyId::P0, PartyId::P2] {
        world.run(party).await;
    }
    assert!(!world.servers.iter().flatten().any(Server::is_ready));
    // With the right certificate the same three go on by themselves.
    impostor.stop().await;
    world.run(PartyId::P1).await;
    world.ready().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_that_say_nothing_keep_no_peer_out() {
    let mut world = World::prepare(&[]);
    for party in [PartyId::P1, PartyId::P2] {
        world.run(party).await;
    }
    let config = Config::load(world.config(PartyId::P1), [], &[]).unwrap();
    let mut strangers = Vec::new();
    for _ in 0..200 {
        let socket = tokio::net::TcpStream::connect(config.peers.listen).await;
        strangers.push(socket.unwrap());
    }
    world.run(PartyId::P0).await;
    world.ready().await;
    drop(strangers);
}

/// Whatever clients do, sockets are left for peers and operators.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_leave_room_for_peers_and_operators() {
    const FILES: usize = 600;
    let reserve = mcmix_server::descriptors::RESERVE;
    let mut world = World::prepare(&[]);
    let p0 = Process::start_with_files(FILES, &world, PartyId::P0);
    for party in [PartyId::P1, PartyId::P2] {
        world.run(party).await;
    }
    world.ready().await;
    let config = Config::load(world.config(PartyId::P0), [], &[]).unwrap();
    let mut idle = tokio::task::JoinSet::new();
    for _ in 0..FILES + 100 {
        idle.spawn(async move {
            // Some wait in the system's queue, some before it.
            let _socket = tokio::net::TcpStream::connect(config.clients.listen).await;
            std::future::pending::<()>().await;
        });
    }
    let most = FILES - reserve;
    soon("P0 to take clients", until(|| p0.files() >= most)).await;
    world.stop(PartyId::P1).await;
    world.run(PartyId::P1).await;
    world.ready().await;
    let admin = config.admin.unwrap().listen;
    let health = get(admin, "/healthz").await;
    assert!(health.contains("200 OK"), "{health}");
    assert!(p0.files() < FILES - reserve / 2, "{}", p0.files());
}

#[tokio::test]
async fn what_is_in_the_way_at_start_is_said() {
    let world = World::prepare(&[]);
    let load = |settings: &[String]| Config::load(world.config(PartyId::P0), [], settings).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let setting = format!("clients.listen={}", taken.local_addr().unwrap());
    let error = Server::start(Ready::read(load(&[setting])).unwrap())
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("clients.listen") && text.contains("in use"),
        "{text}"
    );

    let error = Ready::read(load(&["keys.noise=nowhere.key".to_owned()])).unwrap_err();
    assert!(error.to_string().contains("keygen"), "{error}");
    let other = format!(
        "keys.noise={}",
        world.folder().join("party1/noise.key").display()
    );
    let error = Ready::read(load(&[other])).unwrap_err();
    assert!(error.to_string().contains("party = 1"), "{error}");
    let error = Ready::read(load(&["clients.page=nowhere".to_owned()])).unwrap_err();
    assert!(error.to_string().contains("is no folder"), "{error}");
    let error = Ready::read(load(&["clients.max_connections=4000000000".to_owned()])).unwrap_err();
    let text = error.to_string();
    for part in ["4000000000", "ulimit -n", "LimitNOFILE", "max_connections"] {
        assert!(text.contains(part), "{text}");
    }
}
