//! What someone on the wire sees: the WebSocket frames between browsers and one server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Which way a frame went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the server.
    Up,
    /// To the browser.
    Down,
}

/// The opcode of binary messages, which carry everything of ours; pings and their answers do not.
pub const BINARY: u8 = 2;

/// Time, kind and length of one frame, all that its encryption leaves to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// When its header passed.
    pub at: Instant,
    /// The WebSocket opcode, such as [`BINARY`].
    pub opcode: u8,
    /// Bytes of its payload.
    pub payload_bytes: u64,
}

/// Frames of one connection, in order, for each direction.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// To the server.
    pub up: Vec<Frame>,
    /// To the browser.
    pub down: Vec<Frame>,
}

/// Forwards connections to a server and notes the frames of each.
#[derive(Debug)]
pub struct Tap {
    /// Where it listens.
    pub port: u16,
    traces: Traces,
    task: tokio::task::JoinHandle<()>,
}

type Traces = Arc<Mutex<Vec<Trace>>>;

impl Tap {
    /// Listens on a free port, and forwards to that port.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let traces = Traces::default();
        let noted = Arc::clone(&traces);
        let task = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let index = {
                    let mut traces = noted.lock().unwrap_or_else(PoisonError::into_inner);
                    traces.push(Trace::default());
                    traces.len() - 1
                };
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, to));
                tokio::spawn(forward(browser, to, Arc::clone(&noted), index));
            }
        });
        Ok(Self { port, traces, task })
    }

    /// Returns what was seen so far, one trace per connection in the order in which they came.
    pub fn traces(&self) -> Vec<Trace> {
        self.traces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(browser: TcpStream, to: SocketAddr, traces: Traces, index: usize) {
    let Ok(server) = TcpStream::connect(to).await else {
        return;
    };
    let (from_browser, to_browser) = browser.into_split();
    let (from_server, to_server) = server.into_split();
    let note = |direction| {
        let traces = Arc::clone(&traces);
        move |frame| {
            let mut traces = traces.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(trace) = traces.get_mut(index) {
                match direction {
                    Direction::Up => trace.up.push(frame),
                    Direction::Down => trace.down.push(frame),
                }
            }
        }
    };
    tokio::join!(
        copy(from_browser, to_server, note(Direction::Up)),
        copy(from_server, to_browser, note(Direction::Down)),
    );
}

/// Copies until either end closes, and notes every frame once its header has passed.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut note: impl FnMut(Frame),
) {
    let mut parser = Parser::default();
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..count) else {
            break;
        };
        parser.feed(bytes, &mut note);
        if to.write_all(bytes).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// Finds the frames in what follows an HTTP upgrade (RFC 6455, section 5.2).
#[derive(Debug, Default)]
struct Parser {
    upgraded: bool,
    /// Bytes of a header that is not complete.
    pending: Vec<u8>,
    /// Bytes of the payload that are yet to pass.
    to_skip: u64,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8], note: &mut impl FnMut(Frame)) {
        for &byte in bytes {
            if self.to_skip > 0 {
                self.to_skip -= 1;
                continue;
            }
            self.pending.push(byte);
            if !self.upgraded {
                if self.pending.ends_with(b"\r\n\r\n") {
                    self.upgraded = true;
                    self.pending.clear();
                }
            } else if let Some((frame, masked)) = header(&self.pending) {
                self.to_skip = frame.payload_bytes + if masked { 4 } else { 0 };
                self.pending.clear();
                note(frame);
            }
        }
    }
}

/// Returns the frame that a header announces, once its length is complete, and whether a mask follows.
fn header(bytes: &[u8]) -> Option<(Frame, bool)> {
    let [first, second, rest @ ..] = bytes else {
        return None;
    };
    let payload_bytes = match second & 0x7f {
        126 => u64::from(u16::from_be_bytes(rest.try_into().ok()?)),
        127 => u64::from_be_bytes(rest.try_into().ok()?),
        short => u64::from(short),
    };
    let frame = Frame {
        at: Instant::now(),
        opcode: first & 0x0f,
        payload_bytes,
    };
    Some((frame, second & 0x80 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut bytes = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n".to_vec();
        // Short and masked, medium, long, then an empty ping.
        bytes.extend([0x82, 0x85, 1, 2, 3, 4]);
        bytes.extend([7; 5]);
        bytes.extend([0x82, 126, 0x01, 0x00]);
        bytes.extend([7; 256]);
        bytes.extend([0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        bytes.extend(vec![7; 1 << 16]);
        bytes.extend([0x89, 0]);
        for cut in [1, 2, 3, 7, 1000, bytes.len()] {
            let mut frames = Vec::new();
            let mut parser = Parser::default();
            for chunk in bytes.chunks(cut) {
                parser.feed(chunk, &mut |frame: Frame| {
                    frames.push((frame.opcode, frame.payload_bytes));
                });
            }
            assert_eq!(
                frames,
                [(2, 5), (2, 256), (2, 1 << 16), (9, 0)],
                "cut into {cut}"
            );
        }
    }
}
