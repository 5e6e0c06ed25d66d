//! A client's WebSocket.

use mcmix_shared::wire::SUBPROTOCOL;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A WebSocket to a server.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens the WebSocket of a client link; the Noise handshake is the caller's.
///
/// # Errors
/// When the server can't be reached or refuses.
pub async fn open_socket(url: &str) -> Result<Socket, tungstenite::Error> {
    let (socket, _response) = connect_async(request(url)?).await?;
    Ok(socket)
}

/// Returns the request for a client link.
///
/// # Errors
/// When it is no address of a WebSocket.
pub fn request(url: &str) -> Result<Request, tungstenite::Error> {
    let mut request = url.into_client_request()?;
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    request
        .headers_mut()
        .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    Ok(request)
}
