//! The doctor sees what is wrong from outside: all of it, and each thing by its name.

use std::net::SocketAddr;
use std::process::Command;

use mcmix_server::doctor::{self, Report};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::world::{World, soon};

async fn examine(deployment: &Deployment, origin: Option<&str>) -> Report {
    soon("a report", doctor::examine(deployment, origin)).await
}

/// What is wrong, a line each.
fn findings(report: &Report) -> Vec<String> {
    report.findings().map(ToString::to_string).collect()
}

/// A proxy that answers every request with that.
async fn proxy(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = [0; 4096];
            // All of a request comes at once here.
            if socket.read(&mut head).await.is_ok() {
                let _gone = socket.write_all(answer.as_bytes()).await;
            }
        }
    });
    address
}

fn answer(status: &str) -> &'static str {
    format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nsorry").leak()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_it_says_so() {
    let world = World::start_slow_with(&["clients.origins=[\"https://listed.example\"]"]).await;
    for origin in [None, Some("https://listed.example")] {
        let report = examine(world.deployment(), origin).await;
        assert_eq!(findings(&report), [""; 0], "{report}");
        assert_eq!(report.checks().last().unwrap().what, "a round");
        assert!(report.checks().iter().any(|check| check.what == "clocks"));
    }
    // The manifest is found where it is published.
    let url = world.deployment().server(PartyId::P1).url.clone();
    let url = url
        .replace("ws://", "http://")
        .replace("/client", "/deployment.json");
    let published = doctor::manifest(&url).await.unwrap();
    assert_eq!(&published, world.deployment());
    let wrong = doctor::manifest(&url.replace("deployment", "other")).await;
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .contains("expected 200, got 404")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_where_all_is_well_the_command_says_zero() {
    let world = World::start_slow_with(&["clients.origins=[\"https://listed.example\"]"]).await;
    let url = world.deployment().server(PartyId::P0).url.clone();
    let url = url
        .replace("ws://", "http://")
        .replace("/client", "/deployment.json");
    let doctor = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcmix-server"));
        command.args(["doctor", &url]).args(options);
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    for (options, code, says) in [
        (
            &["--origin", "https://listed.example"][..],
            0,
            "all is well",
        ),
        // The page's is that of the address.
        (&[], 1, "takes no page of this origin"),
        (
            &["--origin", "https://listed.example/"],
            2,
            "is sent as \"https://listed.example\"",
        ),
    ] {
        let (ended, said) = doctor(options);
        assert!(
            ended == Some(code) && said.contains(says),
            "{ended:?} {said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_down_is_named_and_the_others_are_looked_at() {
    let mut world = World::start().await;
    world.stop(PartyId::P2).await;
    let found = findings(&examine(world.deployment(), None).await);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("P2 connection: WRONG: "), "{found:?}");
    assert!(found[0].contains("nothing listens there"), "{found:?}");
    // Without it there are no rounds.
    assert!(found[1].contains("announces no round"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_an_origin_that_is_not_listed_and_another_manifest_are_told_apart() {
    let world = World::start_with(&["clients.origins=[\"https://listed.example\"]"]).await;
    let mut strange = world.deployment().clone();
    // As where two addresses are swapped.
    strange.first = Some(strange.realm().deployment);
    let [p0, p1, _] = &mut strange.servers;
    std::mem::swap(&mut p0.url, &mut p1.url);
    let found = findings(&examine(&strange, None).await);
    assert_eq!(found.len(), 2, "{found:?}");
    for (found, party) in found.iter().zip(["P0", "P1"]) {
        assert!(
            found.starts_with(&format!("{party} Noise: WRONG: ")),
            "{found}"
        );
        assert!(
            found.contains("does not prove that it has the manifest's key"),
            "{found}"
        );
    }

    let found = findings(&examine(world.deployment(), Some("https://other.example")).await);
    assert_eq!(found.len(), 3, "{found:?}");
    for found in &found {
        assert!(found.contains("takes no page of this origin"), "{found}");
    }

    let mut longer = world.deployment().clone();
    longer.first = Some(longer.realm().deployment);
    longer.conversation_period_ms += 1;
    let found = findings(&examine(&longer, None).await);
    assert!(found[0].contains("runs on another manifest"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_answers_instead_is_explained() {
    let world = World::start().await;
    let mut behind = world.deployment().clone();
    behind.first = Some(behind.realm().deployment);
    let answers = [
        ("404 Not Found", "this path leads to no server"),
        ("502 Bad Gateway", "the proxy has no server behind it"),
        (
            "429 Too Many Requests",
            "takes no more connections from this address",
        ),
        (
            "426 Upgrade Required",
            "did not come as one for a WebSocket",
        ),
        (
            "301 Moved\r\nLocation: https://b.example/client",
            "sends elsewhere",
        ),
        ("200 OK", "no server of ours says that"),
    ];
    for (status, means) in answers {
        let address = proxy(answer(status)).await;
        behind.servers[1].url = format!("ws://{address}/client");
        let found = findings(&examine(&behind, None).await);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("P1 WebSocket: WRONG: expected 101"),
            "{found:?}"
        );
        assert!(found[0].contains(means), "{found:?}");
    }
    let address = proxy("no HTTP at all\r\n\r\n").await;
    behind.servers[1].url = format!("ws://{address}/client");
    let found = findings(&examine(&behind, None).await);
    assert!(found[0].contains("the answer is no HTTP"), "{found:?}");
    // Plain HTTP where TLS is promised.
    behind.servers[1].url = format!("wss://{address}/client");
    let found = findings(&examine(&behind, None).await);
    assert!(found[0].contains("P1 TLS: WRONG: "), "{found:?}");
    behind.servers[1].url = "ws://no-such-name.invalid/client".to_owned();
    let found = findings(&examine(&behind, None).await);
    assert!(found[0].contains("can't be resolved"), "{found:?}");
}

/// Listens, and does that with every connection.
async fn hostile<T>(serve: fn(TcpStream) -> T) -> String
where
    T: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket));
        }
    });
    format!("ws://{address}/client")
}

/// Reads a request, all of which comes at once here.
async fn request(socket: &mut TcpStream) -> std::io::Result<String> {
    let mut head = [0; 4096];
    let count = socket.read(&mut head).await?;
    Ok(String::from_utf8_lossy(&head[..count]).into_owned())
}

async fn endless_headers(mut socket: TcpStream) -> std::io::Result<()> {
    request(&mut socket).await?;
    socket.write_all(b"HTTP/1.1 101 Ha\r\n").await?;
    loop {
        socket.write_all(b"a: b\r\n").await?;
    }
}

async fn endless_informations(mut socket: TcpStream) -> std::io::Result<()> {
    request(&mut socket).await?;
    loop {
        socket.write_all(b"HTTP/1.1 102 Wait\r\n\r\n").await?;
    }
}

/// Upgrades rightly; then nothing comes but pings.
async fn endless_pings(mut socket: TcpStream) -> std::io::Result<()> {
    let head = request(&mut socket).await?;
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let accept = derive_accept_key(key.unwrap().1.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Yes\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mcmix.v2\r\n\r\n"
    );
    socket.write_all(answer.as_bytes()).await?;
    loop {
        socket.write_all(&[0x89, 0]).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_without_an_end_are_given_up() {
    let mut deployment = World::prepare(&[]).deployment().clone();
    let urls = [
        hostile(endless_headers).await,
        hostile(endless_informations).await,
        hostile(endless_pings).await,
    ];
    for (server, url) in deployment.servers.iter_mut().zip(urls) {
        server.url = url;
    }
    let found = findings(&examine(&deployment, None).await);
    for (found, expected) in found.iter().zip([
        "P0 WebSocket: WRONG: the answer is no HTTP",
        "P1 WebSocket: WRONG: the connection is taken, and nothing is answered",
        "P2 clock: WRONG: the answer has no date",
        "P2 Noise: WRONG: the link ended: nothing is answered",
    ]) {
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(found.len(), 4, "{found:?}");
}
