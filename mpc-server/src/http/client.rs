//! One client's link: WebSocket outside, Noise inside, one frame a message.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_shared::identity::ClientKey;
use mcmix_shared::noise::{self, ANSWER_BYTES, HELLO_BYTES, SEAL_BYTES, Transport};
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::{ClientFrame, Refusal, SUBPROTOCOL, ServerFrame, Welcome};
use tokio::time::timeout;

use super::App;
use super::accept::Permit;
use crate::clients::{Outgoing, Place};

/// Held per connection while nothing is sent; ten thousand connections are 40 MB.
const READ_BUFFER_BYTES: usize = 4096;
/// A frame that is not taken in this time counts as never.
const SEND: Duration = Duration::from_secs(20);

pub(super) async fn upgrade(
    State(app): State<App>,
    permit: Option<Extension<Permit>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin_allowed(&app.0.limits.origins, &headers) {
        let text = "this page may not connect; clients.origins lists those that may\n";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let text = "expected the WebSocket subprotocol mcmix.v2\n";
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    let shape = app.0.deployment.shape();
    let longest = ClientFrame::max_bytes(app.0.party, shape) + SEAL_BYTES;
    let longest = longest.max(HELLO_BYTES);
    let longest_out = Program::ALL
        .map(|program| ServerFrame::reply_bytes(app.0.party, shape, program))
        .into_iter()
        .fold(ANSWER_BYTES, usize::max);
    upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * (longest_out + SEAL_BYTES))
        .max_message_size(longest)
        .max_frame_size(longest)
        .on_upgrade(async move |socket| {
            let counted = app.0.tasks.token();
            let stop = app.0.stop.clone();
            // Everything that ends a link early is the client's affair; there is nobody to tell.
            let _ended = stop.run_until_cancelled(link(app, socket)).await;
            drop((permit, counted));
        })
}

/// Pages of other origins may not connect. Whoever sends no origin is no page.
fn origin_allowed(allowed: &[String], headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    allowed.is_empty()
        || allowed
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
}

/// Why a link is over.
enum End {
    /// The socket is gone, too slow, or broke the WebSocket protocol.
    Gone,
    /// The handshake failed: there is no sealed way to say why.
    Handshake(&'static str),
    /// The client is told why.
    Refused(Refusal),
}

async fn link(app: App, mut socket: WebSocket) {
    let limit = app.handshake();
    let greeted = timeout(limit, greet(&app, &mut socket)).await;
    let (client, mut sealed) = match greeted {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(End::Handshake(problem))) => return close(socket, problem).await,
        Ok(Err(_)) => return,
        Err(_elapsed) => return close(socket, "the handshake took too long").await,
    };
    let mut link = ClientLink {
        app,
        socket,
        transport: &mut sealed,
        client,
        refusals: 0,
    };
    let reason = match link.run(limit).await {
        End::Refused(reason) => {
            let _told = timeout(limit, link.send(&ServerFrame::Refused { reason })).await;
            "refused"
        }
        End::Handshake(problem) => problem,
        End::Gone => return,
    };
    close(link.socket, reason).await;
}

/// Makes the Noise link; the client's key is known, its presence is not proven yet.
async fn greet(app: &App, socket: &mut WebSocket) -> Result<(ClientKey, Transport), End> {
    let hello = next_binary(socket).await?;
    let mut rng = UnwrapErr(SysRng);
    let realm = &app.0.realm;
    let accepted = noise::accept(&realm.deployment, app.0.party, &app.0.key, &hello, &mut rng)
        .map_err(|_| {
            End::Handshake("the handshake failed: wrong key, party, deployment or version")
        })?;
    let answer = Message::Binary(accepted.answer.into());
    socket.send(answer).await.map_err(|_| End::Gone)?;
    Ok((accepted.client, accepted.transport))
}

/// Waits for a binary message; anything else but keep-alives ends the link.
async fn next_binary(socket: &mut WebSocket) -> Result<Bytes, End> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Binary(bytes))) => return Ok(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Text(_))) => return Err(End::Handshake("expected binary messages")),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        }
    }
}

async fn close(mut socket: WebSocket, reason: &'static str) {
    let frame = CloseFrame {
        code: close_code::POLICY,
        reason: reason.into(),
    };
    let _told = timeout(SEND, socket.send(Message::Close(Some(frame)))).await;
}

struct ClientLink<'a> {
    app: App,
    socket: WebSocket,
    transport: &'a mut Transport,
    client: ClientKey,
    /// Since the last accepted submission.
    refusals: u32,
}

impl ClientLink<'_> {
    async fn run(&mut self, limit: Duration) -> End {
        match timeout(limit, self.prove()).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => return end,
            Err(_elapsed) => return End::Handshake("the handshake took too long"),
        }
        let mut place = match self.app.0.clients.join(self.client) {
            Ok(place) => place,
            Err(reason) => return End::Refused(reason),
        };
        let dropped = place.dropped.clone();
        tokio::select! {
            Err(end) = self.serve(&mut place) => end,
            () = dropped.cancelled() => End::Gone,
        }
    }

    /// Waits for the frame that shows that the client is there and no recording.
    async fn prove(&mut self) -> Result<(), End> {
        let sealed = next_binary(&mut self.socket).await?;
        match self.read(&sealed)? {
            Ok(ClientFrame::Ready) => Ok(()),
            Ok(ClientFrame::Submit(_)) => Err(End::Refused(Refusal::Malformed)),
            Err(reason) => Err(End::Refused(reason)),
        }
    }

    async fn serve(&mut self, place: &mut Place) -> Result<std::convert::Infallible, End> {
        let announced = self.announce().await?;
        loop {
            tokio::select! {
                outgoing = place.queue.recv() => match outgoing {
                    Some(Outgoing::Open(round, _)) if announced.contains(&round) => {}
                    Some(Outgoing::Open(_, frame) | Outgoing::Frame(frame)) => {
                        self.send_bytes(&frame).await?;
                    }
                    Some(Outgoing::Refuse(reason)) => return Err(End::Refused(reason)),
                    None => return Err(End::Gone),
                },
                message = self.socket.recv() => {
                    if let Err(reason) = self.take(place, message)? {
                        self.refusals += 1;
                        if self.refusals > self.app.0.limits.max_refusals {
                            return Err(End::Refused(Refusal::TooFast));
                        }
                        self.send(&ServerFrame::Refused { reason }).await?;
                    }
                }
            }
        }
    }

    /// Greets the client and tells it what is open already.
    async fn announce(&mut self) -> Result<Vec<RoundId>, End> {
        let inner = std::sync::Arc::clone(&self.app.0);
        let online = inner.clients.online(Program::Conversation);
        let welcome = Welcome::new(inner.party, &inner.deployment, online);
        self.send(&ServerFrame::Welcome(welcome)).await?;
        if inner.rounds.is_halted() {
            self.send(&ServerFrame::Stopped).await?;
        }
        let open = inner.rounds.collector.open_rounds();
        for open in &open {
            let online = inner.clients.online(open.program);
            self.send(&open.announcement(online)).await?;
        }
        Ok(open.into_iter().map(|open| open.round).collect())
    }

    /// Takes one message in. The inner error is for the client, the outer one ends the link.
    fn take(
        &mut self,
        place: &Place,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<Result<(), Refusal>, End> {
        let sealed = match message {
            Some(Ok(Message::Binary(sealed))) => sealed,
            // Harmless, but not without end.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {
                self.refusals += 1;
                if self.refusals > self.app.0.limits.max_refusals {
                    return Err(End::Refused(Refusal::TooFast));
                }
                return Ok(Ok(()));
            }
            Some(Ok(Message::Text(_))) => return Err(End::Refused(Refusal::Malformed)),
            // The WebSocket layer refuses what is longer than any frame.
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        };
        Ok(match self.read(&sealed)? {
            Ok(ClientFrame::Submit(submit)) => {
                let taken = self.app.0.rounds.collector.submit(
                    (place.id(), self.client),
                    place.connection(),
                    submit,
                );
                if taken.is_ok() {
                    self.refusals = 0;
                }
                taken
            }
            Ok(ClientFrame::Ready) => Err(Refusal::Repeated),
            Err(reason) => Err(reason),
        })
    }

    fn read(&mut self, sealed: &[u8]) -> Result<Result<ClientFrame, Refusal>, End> {
        let opened = self.transport.open(sealed);
        let frame = opened.map_err(|_| End::Refused(Refusal::Malformed))?;
        let shape = self.app.0.deployment.shape();
        let decoded = ClientFrame::decode(self.app.0.party, shape, &frame);
        Ok(decoded.map_err(mcmix_shared::wire::WireError::refusal))
    }

    async fn send(&mut self, frame: &ServerFrame) -> Result<(), End> {
        self.send_bytes(&frame.encode()).await
    }

    async fn send_bytes(&mut self, frame: &[u8]) -> Result<(), End> {
        let sealed = self.transport.seal(frame).map_err(|_| End::Gone)?;
        let sent = timeout(SEND, self.socket.send(Message::Binary(sealed.into()))).await;
        sent.map_err(|_elapsed| End::Gone)?.map_err(|_| End::Gone)
    }
}
