//! What operators are told of clients: that some are turned away and why, and nothing more.

use std::io::{BufRead as _, BufReader, Lines, PipeReader};

use mcmix_native::raw::RawLink;
use mcmix_server::config::Config;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::wire::Refusal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::world::{World, soon};

const STRANGE: &str = "https://not-listed.example";

/// Asks for a link as a page of another origin does.
async fn ask_from_elsewhere(config: &Config) {
    let mut socket = TcpStream::connect(config.clients.listen).await.unwrap();
    let request = format!("GET /client HTTP/1.1\r\nHost: a\r\nOrigin: {STRANGE}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = String::new();
    soon("an answer", socket.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.contains("403 Forbidden"), "{answer}");
}

type Log = Lines<BufReader<PipeReader>>;

/// Reads the log until a line says so, and returns all lines until then.
async fn read_until(mut log: Log, text: &'static str) -> (Vec<String>, Log) {
    let read = tokio::task::spawn_blocking(move || {
        let mut lines = Vec::new();
        while let Some(Ok(line)) = log.next() {
            lines.push(line);
            if lines.last().is_some_and(|line| line.contains(text)) {
                break;
            }
        }
        (lines, log)
    });
    soon("the log", read).await.unwrap()
}

/// Adds to P0's file.
fn append(world: &World, text: &str) {
    let file = world.config(PartyId::P0);
    let config = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, config + text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn how_much_is_logged_is_read_anew() {
    let mut world = World::prepare(&[]);
    append(&world, "[log]\nlevel = \"error\"\n");
    let (reader, writer) = std::io::pipe().unwrap();
    let p0 = Process::start_with_log(writer, &world, PartyId::P0);
    for other in [PartyId::P1, PartyId::P2] {
        world.run(other).await;
    }
    world.ready().await;
    let file = world.config(PartyId::P0);
    let config = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, config.replace("\"error\"", "\"info\"")).unwrap();
    p0.signal("HUP");
    let (lines, log) = read_until(BufReader::new(reader).lines(), "read anew").await;
    // Rounds go by meanwhile, and the level is set a moment before this is said.
    let from_before = |line: &String| line.contains("running") || line.contains("linked");
    assert!(!lines.iter().any(from_before), "{lines:#?}");
    let (_, log) = read_until(log, "done").await;
    // What is wrong in the file by then changes nothing.
    append(&world, "colour = 1\n");
    p0.signal("HUP");
    read_until(log, "log.colour: there is no such key").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_can_read_the_log() {
    let world = World::prepare(&[]);
    append(&world, "[log]\nformat = \"json\"\n");
    let (reader, writer) = std::io::pipe().unwrap();
    let _p0 = Process::start_with_log(writer, &world, PartyId::P0);
    let (lines, _) = read_until(BufReader::new(reader).lines(), "running").await;
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(
            event["level"].is_string() && event["message"].is_string(),
            "{line}"
        );
    }
}

/// Returns the log of a P0 with one seat, from where it runs to its end.
async fn log_of(turn_away: impl AsyncFnOnce(&World, &Config)) -> Vec<String> {
    let world = World::prepare(&[]);
    let file = world.config(PartyId::P0);
    let config = std::fs::read_to_string(file).unwrap();
    let config = config.replace("[clients]", "[clients]\nmax_connections = 1");
    std::fs::write(file, config).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let p0 = Process::start_with_log(writer, &world, PartyId::P0);
    let (_, log) = read_until(BufReader::new(reader).lines(), "running").await;
    let config = Config::load(file, [], &[]).unwrap();
    turn_away(&world, &config).await;
    p0.signal("TERM");
    read_until(log, "stopped").await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_not_listed_is_told_of_once_without_its_name() {
    let turn_away = async |_: &World, config: &Config| {
        for _ in 0..5 {
            ask_from_elsewhere(config).await;
        }
    };
    let log = log_of(turn_away).await;
    let told: Vec<_> = log
        .iter()
        .filter(|line| line.contains("turned away"))
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("clients.origins"),
        "{log:#?}"
    );
    assert!(
        !log.iter().any(|line| line.contains("not-listed")),
        "{log:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so() {
    let turn_away = async |world: &World, _: &Config| {
        let connect = async |byte| {
            let key = SecretKey::from_bytes([byte; 32]);
            RawLink::greet(world.deployment(), PartyId::P0, &key)
                .await
                .unwrap()
        };
        let ready = mcmix_shared::wire::ClientFrame::Ready.encode();
        let mut links = [connect(1).await, connect(2).await];
        for link in &mut links {
            link.send(&ready).await;
        }
        let refused = async {
            let [one, other] = &mut links;
            tokio::select! { it = one.refusal() => it, it = other.refusal() => it }
        };
        let refused = soon("a refusal", refused).await.unwrap();
        assert_eq!(refused, Refusal::TooManyConnections);
    };
    let log = log_of(turn_away).await;
    let line = log
        .iter()
        .find(|line| line.contains("turned away"))
        .unwrap();
    assert!(
        line.contains("1 with no room for more") && !line.contains("127.0.0.1"),
        "{line}"
    );
}
