//! What clients can do wrong: each gets a typed refusal or is dropped, and nobody else notices.

use futures_util::{SinkExt, StreamExt};
use mcmix_native::open_socket;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{ClientFrame, MissedReason, Refusal, ServerFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, client_async};

use crate::world::{World, soon, until};
use mcmix_native::raw::{RawClient, RawLink, deal_idle, submit};

fn key(byte: u8) -> SecretKey {
    SecretKey::from_bytes([byte; 32])
}

/// Rounds go on for everyone else: an honest client gets through.
async fn assert_honest_client_gets_through(world: &World) {
    let mut client = RawClient::connect(world.deployment(), &key(200))
        .await
        .unwrap();
    let program = Program::Conversation;
    loop {
        let shares = deal_idle(world.deployment(), program).map(Some);
        let round = client.submit(program, shares).await.unwrap();
        if client.reply(round, program).await.unwrap().is_ok() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_frame_has_its_refusal() {
    let world = World::start_with(&["rounds.limit_ms=5000"]).await;
    let deployment = world.deployment();
    let mut link = RawLink::connect(deployment, PartyId::P1, &key(1))
        .await
        .unwrap();
    let [_, share, _] = deal_idle(deployment, Program::Open);
    let [_, long_share, _] = deal_idle(deployment, Program::Conversation);
    let program = Program::Open;
    let good = submit(RoundId(1), program, share.clone());
    let with = |at: usize, byte: u8| {
        let mut frame = good.clone();
        frame[at] = byte;
        frame
    };

    link.send(&with(0, 9)).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::UnsupportedVersion);
    link.send(&with(1, 9)).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::UnknownKind);
    link.send(&with(10, 9)).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::WrongProgram);
    link.send(&[&good[..], &[0]].concat()).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::WrongSize);
    link.send(&good).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::WrongRound);
    link.send(&ClientFrame::Ready.encode()).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::Repeated);

    let open = link.open_round(program).await.unwrap();
    link.send(&submit(
        RoundId(open.round.0 + 1000),
        program,
        share.clone(),
    ))
    .await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::Early);
    link.send(&submit(open.round, Program::Conversation, long_share))
        .await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::WrongProgram);
    link.send(&submit(open.round, Program::Contacts, share.clone()))
        .await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::WrongProgram);
    link.send(&submit(open.round, program, share.clone())).await;
    link.send(&submit(open.round, program, share.clone())).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::Repeated);
    link.open_round(program).await.unwrap();
    link.send(&submit(open.round, program, share)).await;
    assert_eq!(link.refusal().await.unwrap(), Refusal::Late);
    Box::pin(assert_honest_client_gets_through(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_that_do_not_fit_leave_out_their_owner_alone() {
    let world = World::start().await;
    let deployment = world.deployment();
    let mut cheat = RawClient::connect(deployment, &key(1)).await.unwrap();
    let mut lazy = RawClient::connect(deployment, &key(2)).await.unwrap();
    let mut honest = RawClient::connect(deployment, &key(3)).await.unwrap();
    for program in Program::ALL {
        let deal = || deal_idle(deployment, program);
        let ([p0, _, p2], [_, p1, _]) = (deal(), deal());
        let [own_p0, own_p1, _] = deal();
        let (cheated, skipped, submitted) = tokio::join!(
            cheat.submit(program, [p0, p1, p2].map(Some)),
            lazy.submit(program, [Some(own_p0), Some(own_p1), None]),
            honest.submit(program, deal().map(Some)),
        );
        let [cheated, skipped, submitted] = [cheated, skipped, submitted].map(Result::unwrap);
        for link in &mut cheat.links {
            let reason = link.find(|frame| missed(&frame, cheated)).await.unwrap();
            assert_eq!(reason, MissedReason::Mismatch);
        }
        let [p0, p1, _] = &mut lazy.links;
        for link in [p0, p1] {
            let reason = link.find(|frame| missed(&frame, skipped)).await.unwrap();
            assert_eq!(reason, MissedReason::Absent);
        }
        let rows = honest.reply(submitted, program).await.unwrap().unwrap();
        assert_eq!(rows.len(), deployment.shape().rows(program));
        assert!(rows.iter().all(|row| row.disagreement.is_none()));
    }
}

fn missed(frame: &ServerFrame, expected: RoundId) -> Option<MissedReason> {
    match frame {
        ServerFrame::Missed { round, reason, .. } if *round == expected => Some(*reason),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_connection_wins_and_a_full_server_says_so() {
    let world = World::start_with(&["clients.max_connections=1"]).await;
    let deployment = world.deployment();
    let mut first = RawLink::connect(deployment, PartyId::P0, &key(1))
        .await
        .unwrap();
    let _second = RawLink::connect(deployment, PartyId::P0, &key(1))
        .await
        .unwrap();
    assert_eq!(first.farewell().await.unwrap(), Some(Refusal::Replaced));
    let mut other = RawLink::greet(deployment, PartyId::P0, &key(2))
        .await
        .unwrap();
    other.send(&ClientFrame::Ready.encode()).await;
    assert_eq!(
        other.farewell().await.unwrap(),
        Some(Refusal::TooManyConnections)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_handshake_replaces_nobody() {
    let world = World::start().await;
    let deployment = world.deployment();
    let mut present = RawLink::connect(deployment, PartyId::P0, &key(1))
        .await
        .unwrap();
    let mut replayed = RawLink::greet(deployment, PartyId::P0, &key(1))
        .await
        .unwrap();
    replayed.send_unsealed(vec![7; 18]).await;
    assert_eq!(replayed.farewell().await.unwrap(), Some(Refusal::Malformed));
    present.open_round(Program::Conversation).await.unwrap();
    present.open_round(Program::Conversation).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_cut_off() {
    let world = World::start_with(&["clients.max_refusals=10"]).await;
    let mut link = RawLink::connect(world.deployment(), PartyId::P2, &key(1))
        .await
        .unwrap();
    for _ in 0..100 {
        link.send(&ClientFrame::Ready.encode()).await;
    }
    assert_eq!(link.farewell().await.unwrap(), Some(Refusal::TooFast));
    let mut link = RawLink::connect(world.deployment(), PartyId::P2, &key(1))
        .await
        .unwrap();
    for _ in 0..100 {
        let _closed = link.socket.send(Message::Ping(bytes::Bytes::new())).await;
    }
    assert_eq!(link.farewell().await.unwrap(), Some(Refusal::TooFast));
    Box::pin(assert_honest_client_gets_through(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_never_gets_past_the_handshake() {
    let world = World::start_with(&["clients.handshake_ms=300"]).await;
    let url = &world.deployment().server(PartyId::P0).url;
    let address = url.trim_start_matches("ws://").trim_end_matches("/client");

    // Not HTTP, and nothing at all.
    for bytes in [
        &b"\x00\xff garbage\r\n\r\n"[..],
        b"",
        b"GET /client HTTP/1.1\r\n",
    ] {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _reset = soon("the server to hang up", socket.read_to_end(&mut answer)).await;
    }
    // A WebSocket, but no Noise: wrong bytes, too many of them, text, silence.
    let messages = [
        Some(Message::Binary(vec![1; 96].into())),
        Some(Message::Binary(vec![1; 5].into())),
        Some(Message::Binary(vec![1; 1 << 20].into())),
        Some(Message::Text("hello".into())),
        None,
    ];
    for message in messages {
        let mut socket = open_socket(url).await.unwrap();
        if let Some(message) = message {
            let _closed = socket.send(message).await;
        }
        let end = async { while let Some(Ok(_)) = socket.next().await {} };
        soon("the server to close", end).await;
    }
    // Submitting before being ready.
    let mut hasty = RawLink::greet(world.deployment(), PartyId::P0, &key(1))
        .await
        .unwrap();
    let [share, ..] = deal_idle(world.deployment(), Program::Open);
    hasty.send(&submit(RoundId(1), Program::Open, share)).await;
    assert_eq!(hasty.farewell().await.unwrap(), Some(Refusal::Malformed));
    Box::pin(assert_honest_client_gets_through(&world)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_not_connect() {
    let world = World::start().await;
    let url = &world.deployment().server(PartyId::P0).url;
    let address = url.trim_start_matches("ws://").trim_end_matches("/client");
    let own = format!("http://{address}");
    let cases = [
        ("https://elsewhere.example", "mcmix.v2", "HTTP/1.1 403"),
        (own.as_str(), "another", "HTTP/1.1 400"),
        (own.as_str(), "mcmix.v2", "HTTP/1.1 101"),
    ];
    for (origin, protocol, expected) in cases {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /client HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: {protocol}\r\nOrigin: {origin}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon("an answer", socket.read_exact(&mut answer))
            .await
            .unwrap();
        assert_eq!(
            String::from_utf8_lossy(&answer),
            expected,
            "{origin} {protocol}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_dropped() {
    let world = World::start_with(&["clients.max_refusals=1000000"]).await;
    let deployment = world.deployment();
    let url = &deployment.server(PartyId::P1).url;
    let address = url.trim_start_matches("ws://").trim_end_matches("/client");
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let stream = socket.connect(address.parse().unwrap()).await.unwrap();
    let mut request = url.into_client_request().unwrap();
    let protocol = HeaderValue::from_static("mcmix.v2");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let stream = MaybeTlsStream::Plain(stream);
    let (socket, _response) = client_async(request, stream).await.unwrap();
    let mut link = RawLink::over(deployment, PartyId::P1, &key(1), socket)
        .await
        .unwrap();
    link.send(&ClientFrame::Ready.encode()).await;
    let p1 = world.servers[1].as_ref().unwrap();
    soon("the client to be connected", until(|| p1.connected() == 1)).await;
    // Refusals fill the buffers sooner than rounds would.
    soon("the client to be dropped", async {
        while p1.connected() == 1 {
            link.send(&[9]).await;
        }
    })
    .await;
    Box::pin(assert_honest_client_gets_through(&world)).await;
}
