//! What operators are told in numbers: that rounds go by and frames are refused, and nothing of one
//! client.
#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mcmix_native::raw::{RawClient, RawLink, deal_idle, submit};
use mcmix_server::config::Config;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::wire::Refusal;

use crate::world::{World, get, soon};

/// All series of a server, each with its value.
async fn metrics(admin: SocketAddr) -> BTreeMap<String, f64> {
    let answer = get(admin, "/metrics").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let series = lines.filter_map(|line| line.rsplit_once(' '));
    series
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn admin(world: &World, party: PartyId) -> SocketAddr {
    let config = Config::load(world.config(party), [], &[]).unwrap();
    config.admin.unwrap().listen
}

/// Waits until a metric is as it is to be.
async fn until(admin: SocketAddr, name: &str, fits: impl Fn(f64) -> bool) {
    let look = async { while !fits(metrics(admin).await[name]) {} };
    soon(name, look).await;
}

const DONE: &str = r#"mcmix_rounds_total{program="conversation",outcome="done"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn counters_move_and_nothing_is_of_one_client() {
    let world = World::start().await;
    let admins = PartyId::ALL.map(|party| admin(&world, party));
    let deployment = world.deployment();
    let before = metrics(admins[1]).await;
    assert_eq!(before["mcmix_clients"], 0.0);
    assert_eq!(before[r#"mcmix_client_bytes_total{way="in"}"#], 0.0);

    let mut clients = Vec::new();
    for byte in [1, 2] {
        let key = SecretKey::from_bytes([byte; 32]);
        clients.push(RawClient::connect(deployment, &key).await.unwrap());
    }
    let (program, lane) = (Program::Conversation, r#"{lane="conversation"}"#);
    let in_round = format!("mcmix_clients_in_round{lane}");
    // A busy machine may let a round close before all have handed in.
    while metrics(admins[1]).await[&in_round] < 2.0 {
        for client in &mut clients {
            let shares = deal_idle(deployment, program).map(Some);
            client.submit(program, shares).await.unwrap();
        }
    }
    for admin in admins {
        until(admin, DONE, |rounds| rounds > before[DONE]).await;
        let after = metrics(admin).await;
        assert_eq!(after["mcmix_clients"], 2.0);
        assert_eq!(after["mcmix_ready"], 1.0);
        assert!(after["mcmix_seconds_since_round"] < 60.0);
        for name in [
            r#"mcmix_round_phase_seconds_count{program="conversation",phase="compute"}"#,
            r#"mcmix_round_phase_seconds_sum{program="conversation",phase="collect"}"#,
            r#"mcmix_client_bytes_total{way="in"}"#,
            r#"mcmix_client_bytes_total{way="out"}"#,
        ] {
            assert!(after[name] > 0.0, "{name}: {after:?}");
        }
        let of_peers = |metric: &str| {
            let of = after.iter().filter(|(name, _)| name.starts_with(metric));
            of.map(|(_, value)| *value).collect::<Vec<_>>()
        };
        assert_eq!(of_peers("mcmix_peer_linked"), [1.0, 1.0]);
        assert!(of_peers("mcmix_peer_sent_bytes_total").iter().sum::<f64>() > 0.0);
    }
    // However many come, and whatever they do, the series are those that were there before.
    let after = metrics(admins[1]).await;
    assert!(after.keys().eq(before.keys()));
    let text = get(admins[1], "/metrics").await;
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_see_the_last_rounds() {
    let mut world = World::start().await;
    let config = Config::load(world.config(PartyId::P0), [], &[]).unwrap();
    let status = async || {
        let answer = get(config.clients.listen, "/status.json").await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str::<serde_json::Value>(body).unwrap()
    };
    let key = SecretKey::from_bytes([1; 32]);
    let mut client = RawClient::connect(world.deployment(), &key).await.unwrap();
    let program = Program::Conversation;
    // Until it was in time.
    let round = loop {
        let shares = deal_idle(world.deployment(), program).map(Some);
        let round = client.submit(program, shares).await.unwrap();
        if client.reply(round, program).await.unwrap().is_ok() {
            break round;
        }
    };
    let look = async {
        loop {
            let status = status().await;
            let mut rounds = status["rounds"].as_array().unwrap().iter();
            if let Some(past) = rounds.find(|past| past["round"] == round.0) {
                return past.clone();
            }
        }
    };
    let past = soon("its round", look).await;
    assert_eq!(past["outcome"], "done");
    assert_eq!(past["program"], "conversation");
    assert_eq!(past["clients"], 1);
    let page = get(config.clients.listen, "/status").await;
    assert!(
        page.contains("Rounds are running") && page.contains("<rect"),
        "{page}"
    );

    world.stop(PartyId::P2).await;
    let look = async { while !status().await["rounds"].to_string().contains("failed") {} };
    soon("a round that failed", look).await;
    assert_eq!(status().await["ready"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_reason() {
    let world = World::start_slow_with(&["clients.origins=[\"https://listed.example\"]"]).await;
    let (deployment, party) = (world.deployment(), PartyId::P1);
    let admin = admin(&world, party);
    let key = SecretKey::from_bytes([1; 32]);
    let mut link = RawLink::connect(deployment, party, &key).await.unwrap();
    let program = Program::Conversation;
    let round = link.open_round(program).await.unwrap().round;
    let [_, share, _] = deal_idle(deployment, program);
    for _ in 0..2 {
        link.send(&submit(round, program, share.clone())).await;
    }
    assert_eq!(link.refusal().await.unwrap(), Refusal::Repeated);
    let frames = |reason| format!(r#"mcmix_refused_frames_total{{reason="{reason}"}}"#);
    let links = |reason| format!(r#"mcmix_refused_connections_total{{reason="{reason}"}}"#);
    let counts = metrics(admin).await;
    assert_eq!(counts[&frames("repeated")], 1.0);
    assert_eq!(counts[&frames("late")], 0.0);

    // The same identity again, and whoever does not know the server's key.
    let _second = RawLink::connect(deployment, party, &key).await.unwrap();
    until(admin, &links("replaced"), |count| count == 1.0).await;
    let mut strange = deployment.clone();
    strange.servers.rotate_left(1);
    strange.servers[1]
        .url
        .clone_from(&deployment.server(party).url);
    assert!(RawLink::connect(&strange, party, &key).await.is_err());
    until(admin, &links("handshake"), |count| count == 1.0).await;
    let config = Config::load(world.config(party), [], &[]).unwrap();
    get(config.clients.listen, "/client").await;
    assert_eq!(metrics(admin).await[&links("subprotocol")], 1.0);
    assert_eq!(metrics(admin).await["mcmix_clients"], 1.0);
}
