//! WebSocket messages in bytes that came, and bytes that go out. A client's message is one frame:
//! what a browser sends is short, and fragments would cost us more than their sender.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// Bytes of the longest frame header.
pub(super) const HEADER_BYTES: usize = 14;
/// Bytes that a control frame may carry.
const CONTROL_BYTES: u64 = 125;

/// One message, taken out of its frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// What all our frames come in.
    Binary(&'a [u8]),
    /// To be answered with the same bytes.
    Ping(&'a [u8]),
    /// An answer to a keep-alive.
    Pong,
    /// The end.
    Close,
}

/// What no client of ours sends; the link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Violation {
    /// Longer than any message may be.
    #[error("a message that is longer than any frame")]
    TooLong,
    /// Not binary.
    #[error("expected binary messages")]
    Text,
    /// In several frames.
    #[error("a message in several frames")]
    Fragmented,
    /// Against RFC 6455: not masked, reserved bits or kinds, a control frame that is long or not
    /// whole.
    #[error("no WebSocket frame")]
    Malformed,
}

impl Violation {
    /// Returns the code by which a WebSocket says so when it closes.
    pub(super) const fn code(self) -> CloseCode {
        match self {
            Self::TooLong => CloseCode::Size,
            Self::Text | Self::Fragmented => CloseCode::Unsupported,
            Self::Malformed => CloseCode::Protocol,
        }
    }
}

/// Takes the message at the start of what came, of at most `longest` bytes, and says how many bytes
/// it took; `None` where it has not come whole.
pub(super) fn next(
    came: &mut [u8],
    longest: usize,
) -> Result<Option<(Message<'_>, usize)>, Violation> {
    let mut cursor = Cursor::new(&*came);
    let parsed = FrameHeader::parse(&mut cursor).map_err(|_| Violation::Malformed)?;
    let Some((header, length)) = parsed else {
        return Ok(None);
    };
    let start = usize::try_from(cursor.position()).map_err(|_| Violation::TooLong)?;
    let FrameHeader {
        is_final,
        rsv1: false,
        rsv2: false,
        rsv3: false,
        mask: Some(mask),
        opcode,
    } = header
    else {
        return Err(Violation::Malformed);
    };
    match opcode {
        OpCode::Data(_) if !is_final => return Err(Violation::Fragmented),
        OpCode::Control(_) if !is_final => return Err(Violation::Malformed),
        OpCode::Data(Data::Binary) if length > longest as u64 => return Err(Violation::TooLong),
        OpCode::Data(Data::Binary) => {}
        OpCode::Data(Data::Text) => return Err(Violation::Text),
        OpCode::Data(Data::Continue) => return Err(Violation::Fragmented),
        OpCode::Control(Control::Close | Control::Ping | Control::Pong)
            if length <= CONTROL_BYTES => {}
        _ => return Err(Violation::Malformed),
    }
    let length = usize::try_from(length).map_err(|_| Violation::TooLong)?;
    let Some(payload) = came.get_mut(start..start + length) else {
        return Ok(None);
    };
    unmask(payload, mask);
    let message = match opcode {
        OpCode::Control(Control::Ping) => Message::Ping(payload),
        OpCode::Control(Control::Pong) => Message::Pong,
        OpCode::Control(_) => Message::Close,
        OpCode::Data(_) => Message::Binary(payload),
    };
    Ok(Some((message, start + length)))
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    rest.iter_mut()
        .zip(mask)
        .for_each(|(byte, mask)| *byte ^= mask);
}

/// Writes the header of a message of ours.
fn header(opcode: OpCode, length: usize, out: &mut Vec<u8>) {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    let written = header.format(length as u64, out);
    debug_assert!(written.is_ok(), "writing to memory");
}

/// Writes the header of a binary message.
pub(super) fn binary(length: usize, out: &mut Vec<u8>) {
    header(OpCode::Data(Data::Binary), length, out);
}

/// Writes the answer to a ping.
pub(super) fn pong(payload: &[u8], out: &mut Vec<u8>) {
    header(OpCode::Control(Control::Pong), payload.len(), out);
    out.extend_from_slice(payload);
}

/// Writes a keep-alive, which is empty: nothing in it tells one link from another.
pub(super) fn ping(out: &mut Vec<u8>) {
    header(OpCode::Control(Control::Ping), 0, out);
}

/// Writes the last frame: why we close, in a few words.
pub(super) fn close(code: CloseCode, reason: &str, out: &mut Vec<u8>) {
    header(OpCode::Control(Control::Close), 2 + reason.len(), out);
    out.extend_from_slice(&u16::from(code).to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::Frame;

    use super::*;

    /// A frame as a browser masks it.
    fn frame(opcode: OpCode, payload: &[u8], change: impl FnOnce(&mut FrameHeader)) -> Vec<u8> {
        let mut header = FrameHeader {
            opcode,
            mask: Some([1, 2, 3, 4]),
            ..FrameHeader::default()
        };
        change(&mut header);
        let mut bytes = Vec::new();
        Frame::from_payload(header, payload.to_vec().into())
            .format(&mut bytes)
            .unwrap();
        bytes
    }

    const BINARY: OpCode = OpCode::Data(Data::Binary);

    #[test]
    fn messages_are_taken_whole_and_unmasked() {
        for length in [0, 1, 125, 126, 900, 70_000] {
            let payload: Vec<u8> = (0..length).map(|i: u32| i.to_le_bytes()[0]).collect();
            let mut bytes = frame(BINARY, &payload, |_| {});
            let whole = bytes.len();
            for part in [0, 1, whole / 2, whole - 1] {
                assert_eq!(next(&mut bytes.clone()[..part], 70_000), Ok(None));
            }
            bytes.push(0x82);
            let taken = Ok(Some((Message::Binary(&payload), whole)));
            assert_eq!(next(&mut bytes, 70_000), taken);
        }
        let control = |kind| frame(OpCode::Control(kind), b"\x03\xe8", |_| {});
        for (kind, message) in [
            (Control::Ping, Message::Ping(b"\x03\xe8")),
            (Control::Pong, Message::Pong),
            (Control::Close, Message::Close),
        ] {
            assert_eq!(next(&mut control(kind), 10), Ok(Some((message, 8))));
        }
    }

    /// Nothing is waited for that would be refused once it is there.
    #[test]
    fn what_no_client_sends_is_refused_at_its_header() {
        let text = OpCode::Data(Data::Text);
        let more = OpCode::Data(Data::Continue);
        let ping = OpCode::Control(Control::Ping);
        for (mut bytes, violation) in [
            (frame(BINARY, &[0; 11], |_| {}), Violation::TooLong),
            (frame(text, b"", |_| {}), Violation::Text),
            (frame(more, b"", |_| {}), Violation::Fragmented),
            (
                frame(BINARY, b"", |it| it.is_final = false),
                Violation::Fragmented,
            ),
            (
                frame(ping, b"", |it| it.is_final = false),
                Violation::Malformed,
            ),
            (
                frame(BINARY, b"", |it| it.mask = None),
                Violation::Malformed,
            ),
            (
                frame(BINARY, b"", |it| it.rsv1 = true),
                Violation::Malformed,
            ),
            (frame(ping, &[0; 126], |_| {}), Violation::Malformed),
            (vec![0x83, 0x80, 0, 0, 0, 0], Violation::Malformed),
        ] {
            let header = bytes.len().min(HEADER_BYTES);
            assert_eq!(next(&mut bytes[..header], 10), Err(violation));
        }
    }

    #[test]
    fn what_is_written_reads_as_frames() {
        let mut out = Vec::new();
        binary(300, &mut out);
        assert_eq!(out, [0x82, 126, 1, 44]);
        out.clear();
        pong(b"hi", &mut out);
        assert_eq!(out, b"\x8a\x02hi");
        out.clear();
        close(CloseCode::Policy, "no", &mut out);
        assert_eq!(out, b"\x88\x04\x03\xf0no");
    }
}
