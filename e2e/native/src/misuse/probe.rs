//! Connections that say anything, and what is read on them.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt as _;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::party::PartyId;
use mcmix_shared::wire::ServerFrame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use super::{Answer, Target};
use crate::raw::{RawLink, rng, soon};
use crate::socket::{Socket, open_socket};

/// How a WebSocket says that it refuses what came.
const POLICY: u16 = 1008;
/// Announcements after which whatever was sent has been read.
const READ_BY: u32 = 4;

/// Returns a key that nobody has.
pub(super) fn new_key() -> SecretKey {
    SecretKey::generate(&mut rng())
}

/// A bare connection.
#[derive(Debug)]
pub(super) struct Bare {
    socket: TcpStream,
    since: Instant,
}

impl Bare {
    pub(super) async fn open(to: SocketAddr) -> Result<Self> {
        let since = Instant::now();
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, since })
    }

    /// Opens one and says the first bytes.
    pub(super) async fn saying(to: SocketAddr, bytes: &[u8]) -> Result<Self> {
        let mut bare = Self::open(to).await?;
        let _hung_up = bare.say(bytes).await;
        Ok(bare)
    }

    /// Says more, and returns whether the server has hung up.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), std::io::Error> {
        self.socket.write_all(bytes).await
    }

    /// Reads all until the server hangs up.
    async fn read(&mut self) -> Result<Vec<u8>> {
        let mut read = Vec::new();
        // A reset is an end, too.
        let _reset = soon("the server to hang up", self.socket.read_to_end(&mut read)).await?;
        Ok(read)
    }

    /// Reads on until the server hangs up, and returns how it answered the one request.
    pub(super) async fn http(&mut self) -> Result<Answer> {
        let read = self.read().await?;
        let text = String::from_utf8_lossy(&read);
        let answers = text.match_indices("HTTP/1.").map(|(at, _)| text.get(at..));
        let answers: Vec<_> = answers.flatten().collect();
        match answers.as_slice() {
            [] => Answer::hung_up(self.since),
            [answer] => Ok(Answer::Http(status(answer)?)),
            several => bail!("answered {} times: {several:?}", several.len()),
        }
    }

    /// Reads on until the server hangs up, whatever it says.
    pub(super) async fn end(&mut self) -> Result<Answer> {
        self.read().await?;
        Answer::hung_up(self.since)
    }

    /// Reads on until the server hangs up, which says why in a WebSocket's close frame and nothing
    /// else.
    pub(super) async fn close_code(&mut self) -> Result<Answer> {
        match self.read().await?.as_slice() {
            [0x88, _, high, low, ..] => Ok(Answer::Closed(u16::from_be_bytes([*high, *low]))),
            [] => Answer::hung_up(self.since),
            other => bail!("expected a close frame, got {other:?}"),
        }
    }

    /// Reads the head of an answer; the connection goes on.
    pub(super) async fn head(&mut self) -> Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("an answer", self.socket.read_u8()).await??);
        }
        Ok(String::from_utf8_lossy(&head).to_lowercase())
    }
}

/// Reads the status of an answer's head.
pub(super) fn status(head: &str) -> Result<u16> {
    let status = head.split_whitespace().nth(1).context("no status")?;
    Ok(status.parse()?)
}

/// Returns a masked frame with that first byte: 0x80 is the last part, then three reserved bits,
/// then the kind.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..126), _) => frame.push(0x80 | short),
        (_, Ok(medium)) => {
            frame.push(0x80 | 0x7e);
            frame.extend(medium.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 0x7f);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    // Whatever is masked by zeros stays what it is.
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Opens a WebSocket, and says since when.
pub(super) async fn upgraded(target: &Target, party: PartyId) -> Result<(Socket, Instant)> {
    let since = Instant::now();
    Ok((
        open_socket(&target.deployment.server(party).url).await?,
        since,
    ))
}

/// Reads until the server ends a WebSocket.
pub(super) async fn end(socket: &mut Socket, since: Instant) -> Result<Answer> {
    let read = async {
        let mut code = None;
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(frame) = message {
                code = frame.map(|frame| frame.code.into());
            }
        }
        code
    };
    match soon("the server to hang up", read).await? {
        Some(code) => Ok(Answer::Closed(code)),
        None => Answer::hung_up(since),
    }
}

/// Makes a link that is ready and welcome.
pub(super) async fn linked(target: &Target, party: PartyId) -> Result<RawLink> {
    RawLink::connect(&target.deployment, party, &new_key()).await
}

/// Reads how a link goes on, or how it ends.
pub(super) async fn answer(link: &mut RawLink) -> Result<Answer> {
    let since = Instant::now();
    let (mut told, mut announced) = (None, 0);
    while let Some(frame) = link.next().await? {
        match frame {
            ServerFrame::Refused { reason } => told = Some(reason),
            ServerFrame::Open(_) => announced += 1,
            _ => {}
        }
        match told {
            Some(reason) if announced > 0 && matches!(frame, ServerFrame::Open(_)) => {
                return Ok(Answer::Refused(reason));
            }
            None if announced == READ_BY => return Ok(Answer::GoesOn),
            _ => {}
        }
    }
    match (told, link.closed) {
        (Some(reason), Some(POLICY)) => Ok(Answer::Cut(reason)),
        (Some(reason), code) => bail!("refused {reason:?}, then closed with {code:?}"),
        (None, Some(code)) => Ok(Answer::Closed(code)),
        (None, None) => Answer::hung_up(since),
    }
}
