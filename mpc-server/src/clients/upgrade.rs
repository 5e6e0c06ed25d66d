//! How a client's link comes about: an HTTP request becomes a bare socket, on which both ends make
//! their Noise session. From its first sealed frame on the link is served with all others.

use std::io;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64ct::{Base64, Encoding as _};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use mcmix_shared::noise::{self, HELLO_BYTES, Transport};
use mcmix_shared::wire::{ClientFrame, Refusal, SUBPROTOCOL, ServerFrame, WireError};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::counts::Unserved;
use super::framing::{self, HEADER_BYTES, Message};
use super::shard::Arrival;
use super::{Busy, Client, seal};
use crate::http::App;
use crate::http::accept::Permit;
use crate::http::impatient::Impatient;

/// Answers the request for a client link.
pub(crate) async fn upgrade(
    State(app): State<App>,
    permit: Option<Extension<Permit>>,
    request: Request,
) -> Response {
    let refuse = |why, status, text: &'static str| {
        app.clients().turn_away(why);
        (status, text).into_response()
    };
    if !origin_allowed(app.origins(), request.headers()) {
        let text = "this page may not connect; clients.origins lists those that may\n";
        return refuse(Unserved::Origin, StatusCode::FORBIDDEN, text);
    }
    if !offers_subprotocol(request.headers()) {
        let text = "expected the WebSocket subprotocol mcmix.v2\n";
        return refuse(Unserved::Subprotocol, StatusCode::BAD_REQUEST, text);
    }
    if app.clients().pace().is_full() {
        return refuse(Unserved::Busy, StatusCode::SERVICE_UNAVAILABLE, BUSY);
    }
    let has_key = has_key(request.headers());
    let (mut parts, _body) = request.into_parts();
    let upgrade = parts.extensions.remove::<OnUpgrade>();
    let response = create_response(&Request::from_parts(parts, ()));
    let (Some(upgrade), Ok(mut response), true) = (upgrade, response, has_key) else {
        let text = "expected a WebSocket\n";
        return refuse(Unserved::NoWebSocket, StatusCode::UPGRADE_REQUIRED, text);
    };
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    let of_task = app.clone();
    app.spawn(async move {
        // Everything that ends a link early is the client's affair; there is nobody to tell.
        let greeting = welcome(&of_task, upgrade, permit);
        if timeout(of_task.handshake(), greeting).await.is_err() {
            of_task.clients().turn_away(Unserved::Slow);
        }
    });
    response.map(|()| Body::empty())
}

/// What those read who are to come back.
const BUSY: &str = "too many connect at this moment; try again later\n";

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

/// Says whether the key is 16 bytes in Base64, which RFC 6455 4.2.1 asks for and the library that
/// makes the response does not.
fn has_key(headers: &HeaderMap) -> bool {
    let key = headers.get(header::SEC_WEBSOCKET_KEY);
    key.is_some_and(|key| Base64::decode(key, &mut [0; 16]).is_ok_and(|key| key.len() == 16))
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    let mut offers = offers
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split(','));
    offers.any(|offer| offer.trim() == SUBPROTOCOL)
}

/// Keep-alives that may come before a client is there; none of ours sends any so early.
const KEEP_ALIVES: u32 = 16;

/// Makes the Noise session, then hands the socket over to be served with all others.
async fn welcome(app: &App, upgrade: OnUpgrade, permit: Option<Extension<Permit>>) -> Option<()> {
    let upgraded = upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<Impatient>>().ok()?;
    let mut socket = Socket {
        stream: parts.io.into_inner().into_inner(),
        came: parts.read_buf.into(),
        keep_alives: 0,
    };
    match greet(app, &mut socket).await {
        Ok((client, transport)) => {
            let Socket { stream, came, .. } = socket;
            app.clients().join(Arrival {
                socket: stream.into_std().ok()?,
                permit: permit.map(|Extension(permit)| permit),
                client,
                transport,
                came,
            });
        }
        Err(Unwelcome::Gone) => app.clients().turn_away(Unserved::Closed),
        Err(Unwelcome::Refused(refusal, last)) => {
            app.clients().counts().links.add(refusal);
            let _full = socket.stream.try_write(&last);
        }
        Err(Unwelcome::Told(why, last)) => {
            app.clients().turn_away(why);
            // Whoever reads nothing isn't waited for.
            let _full = socket.stream.try_write(&last);
        }
    }
    Some(())
}

/// Why no link comes about.
enum Unwelcome {
    /// The socket is gone.
    Gone,
    /// With the last bytes that the client is sent.
    Told(Unserved, Vec<u8>),
    /// The same, where it can be told by a frame.
    Refused(Refusal, Vec<u8>),
}

impl From<io::Error> for Unwelcome {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Unwelcome {
    fn closed(why: Unserved, code: CloseCode, reason: &str) -> Self {
        let mut last = Vec::new();
        framing::close(code, reason, &mut last);
        Self::Told(why, last)
    }

    fn refused(transport: &mut Transport, reason: Refusal) -> Self {
        let mut last = Vec::new();
        seal(transport, &ServerFrame::Refused { reason }, &mut last);
        framing::close(CloseCode::Policy, "refused", &mut last);
        Self::Refused(reason, last)
    }
}

/// Makes the session and waits for the frame that shows that the client is there and no recording.
async fn greet(app: &App, socket: &mut Socket) -> Result<(Client, Transport), Unwelcome> {
    let hello = socket.binary(HELLO_BYTES).await?;
    let mut rng = UnwrapErr(SysRng);
    let (realm, party) = (app.realm(), app.party());
    let accept = || noise::accept(&realm.deployment, party, app.key(), &hello, &mut rng);
    let accepted = app.clients().pace().in_turn(accept).await;
    let accepted = accepted
        .map_err(|Busy| Unwelcome::closed(Unserved::Busy, CloseCode::Again, BUSY.trim_end()))?
        .map_err(|_| {
            let reason = "the handshake failed: wrong key, party, deployment or version";
            Unwelcome::closed(Unserved::Handshake, CloseCode::Policy, reason)
        })?;
    let mut answer = Vec::new();
    framing::binary(accepted.answer.len(), &mut answer);
    answer.extend_from_slice(&accepted.answer);
    tokio::io::AsyncWriteExt::write_all(&mut socket.stream, &answer).await?;

    let mut transport = accepted.transport;
    let sealed = socket.binary(app.rules().longest_in()).await?;
    let opened = transport
        .open(&sealed)
        .map_err(|_| Unwelcome::refused(&mut transport, Refusal::Malformed))?;
    let shape = app.rules().shape;
    match ClientFrame::decode(party, shape, &opened).map_err(WireError::refusal) {
        Ok(ClientFrame::Ready) => Ok((Client::new(accepted.client, &realm.deployment), transport)),
        Ok(ClientFrame::Submit(_)) => Err(Unwelcome::refused(&mut transport, Refusal::Malformed)),
        Err(reason) => Err(Unwelcome::refused(&mut transport, reason)),
    }
}

/// The socket before it is served with others.
struct Socket {
    stream: TcpStream,
    /// What came and was not read yet.
    came: Vec<u8>,
    keep_alives: u32,
}

impl Socket {
    /// Waits for a binary message of at most `longest` bytes. Keep-alives get no answer yet; whoever
    /// sends too many only wants to keep us busy.
    async fn binary(&mut self, longest: usize) -> Result<Vec<u8>, Unwelcome> {
        loop {
            match framing::next(&mut self.came, longest) {
                Ok(Some((message, len))) => {
                    let binary = match message {
                        Message::Binary(bytes) => Some(bytes.to_vec()),
                        Message::Ping(_) | Message::Pong if self.keep_alives < KEEP_ALIVES => {
                            self.keep_alives += 1;
                            None
                        }
                        Message::Ping(_) | Message::Pong => return Err(Unwelcome::Gone),
                        Message::Close => {
                            return Err(Unwelcome::closed(Unserved::Closed, CloseCode::Normal, ""));
                        }
                    };
                    self.came.drain(..len);
                    if let Some(bytes) = binary {
                        return Ok(bytes);
                    }
                }
                Ok(None) => {
                    self.came.reserve(HEADER_BYTES + longest);
                    if self.stream.read_buf(&mut self.came).await? == 0 {
                        return Err(Unwelcome::Gone);
                    }
                }
                Err(violation) => {
                    let reason = violation.to_string();
                    return Err(Unwelcome::closed(
                        Unserved::Violation,
                        violation.code(),
                        &reason,
                    ));
                }
            }
        }
    }
}
