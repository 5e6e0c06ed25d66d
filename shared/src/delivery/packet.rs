//! The packet: acknowledgement of the other direction, and one body at most.
//!
//! to u64 ‖ ack u32 ‖ seen u32 ‖ kind u8 ‖ seq u32 ‖ len u16 ‖ payload, filled up with zeros.
//! A text begins with its id (u64) and its length (u16).

use core::fmt;

use crate::{bytes::Reader, client::MAX_TEXT_BYTES, session::Epoch};

pub(super) const HEADER_BYTES: usize = 23;
pub(super) const TEXT_HEADER_BYTES: usize = 10;

const NOTHING: u8 = 0;
const TEXT: u8 = 1;
const MORE: u8 = 2;
const ACCEPT: u8 = 3;
const DECLINE: u8 = 4;
const END: u8 = 5;

/// What one client tells the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// The call is accepted.
    Accept,
    /// The call is declined.
    Decline,
    /// The conversation is over.
    End,
}

/// What a packet carries.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// The beginning of a text.
    Text { id: u64, total: u16, bytes: Vec<u8> },
    /// More of it.
    More(Vec<u8>),
    /// A control message.
    Control(Control),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { total, .. } => write!(f, "Text({total} bytes, ..)"),
            Self::More(_) => f.write_str("More(..)"),
            Self::Control(control) => control.fmt(f),
        }
    }
}

/// One packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// The start of the receiver's client that ack and body are for.
    pub(super) to: Epoch,
    /// Packets before this number are stored.
    pub(super) ack: u32,
    /// Bit i: packet ack + 1 + i came.
    pub(super) seen: u32,
    /// Number and body.
    pub(super) body: Option<(u32, Body)>,
}

impl Packet {
    pub(super) fn encode(&self, packet_bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(packet_bytes);
        out.extend_from_slice(&self.to.0.to_le_bytes());
        out.extend_from_slice(&self.ack.to_le_bytes());
        out.extend_from_slice(&self.seen.to_le_bytes());
        let (seq, kind, payload) = match &self.body {
            None => (0, NOTHING, Vec::new()),
            Some((seq, Body::Text { id, total, bytes })) => {
                let header = [&id.to_le_bytes()[..], &total.to_le_bytes(), bytes].concat();
                (*seq, TEXT, header)
            }
            Some((seq, Body::More(bytes))) => (*seq, MORE, bytes.clone()),
            Some((seq, Body::Control(control))) => (*seq, control.kind(), Vec::new()),
        };
        out.push(kind);
        out.extend_from_slice(&seq.to_le_bytes());
        let len = u16::try_from(payload.len()).expect("payloads fit into a row");
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&payload);
        debug_assert!(
            out.len() <= packet_bytes,
            "the sender cuts bodies to the row"
        );
        out.resize(packet_bytes, 0);
        out
    }

    /// Reads a packet; `None` if it is not laid out exactly as [`Self::encode`] would.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let to = Epoch(reader.u64().ok()?);
        let (ack, seen) = (reader.u32().ok()?, reader.u32().ok()?);
        let (kind, seq) = (reader.u8().ok()?, reader.u32().ok()?);
        let len = reader.u16().ok()?;
        let payload = reader.take(len.into()).ok()?;
        if reader.rest().iter().any(|&byte| byte != 0) {
            return None;
        }
        let control = |control| payload.is_empty().then_some(Body::Control(control));
        let body = match kind {
            NOTHING => {
                return (len == 0 && seq == 0).then_some(Self {
                    to,
                    ack,
                    seen,
                    body: None,
                });
            }
            TEXT => read_text(payload)?,
            MORE => (!payload.is_empty()).then(|| Body::More(payload.to_vec()))?,
            ACCEPT => control(Control::Accept)?,
            DECLINE => control(Control::Decline)?,
            END => control(Control::End)?,
            _ => return None,
        };
        Some(Self {
            to,
            ack,
            seen,
            body: Some((seq, body)),
        })
    }
}

fn read_text(payload: &[u8]) -> Option<Body> {
    let mut reader = Reader::new(payload);
    let (id, total) = (reader.u64().ok()?, reader.u16().ok()?);
    let bytes = reader.rest();
    let fits =
        (1..=usize::from(total)).contains(&bytes.len()) && usize::from(total) <= MAX_TEXT_BYTES;
    fits.then(|| Body::Text {
        id,
        total,
        bytes: bytes.to_vec(),
    })
}

impl Control {
    const fn kind(self) -> u8 {
        match self {
            Self::Accept => ACCEPT,
            Self::Decline => DECLINE,
            Self::End => END,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Body, Control, Packet};
    use crate::session::Epoch;
    use proptest::prelude::*;

    fn text() -> Packet {
        let body = Body::Text {
            id: 9,
            total: 3,
            bytes: b"hey".to_vec(),
        };
        Packet {
            to: Epoch(1),
            ack: 2,
            seen: 3,
            body: Some((4, body)),
        }
    }

    #[test]
    fn layout_is_frozen() {
        let bytes = [
            &[1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0][..],
            &[
                1, 4, 0, 0, 0, 13, 0, 9, 0, 0, 0, 0, 0, 0, 0, 3, 0, b'h', b'e', b'y', 0, 0,
            ],
        ]
        .concat();
        assert_eq!(text().encode(bytes.len()), bytes);
        assert_eq!(Packet::decode(&bytes), Some(text()));
    }

    #[test]
    fn anything_else_is_refused() {
        let good = text().encode(40);
        assert!(Packet::decode(&good[..30]).is_none());
        let changed = |at: usize, to| {
            let mut bytes = good.clone();
            bytes[at] = to;
            Packet::decode(&bytes)
        };
        assert!(changed(39, 1).is_none(), "padding");
        assert!(changed(16, 9).is_none(), "kind");
        assert!(changed(16, 3).is_none(), "a control message has no payload");
        assert!(changed(21, 9).is_none(), "no text without bytes");
        assert!(changed(31, 2).is_none(), "more bytes than the text has");
        assert!(changed(32, 0x41).is_none(), "a text that is too long");
    }

    fn body() -> impl Strategy<Value = Option<(u32, Body)>> {
        let bytes = || prop::collection::vec(any::<u8>(), 1..60);
        let body = prop_oneof![
            (any::<u64>(), 0_u16..9000, bytes()).prop_map(|(id, more, bytes)| Body::Text {
                id,
                total: u16::try_from(bytes.len()).unwrap() + more,
                bytes
            }),
            bytes().prop_map(Body::More),
            Just(Body::Control(Control::Accept)),
            Just(Body::Control(Control::Decline)),
            Just(Body::Control(Control::End)),
        ];
        prop::option::of((any::<u32>(), body))
    }

    proptest! {
        #[test]
        fn decode_after_encode_is_the_identity(to: u64, ack: u32, seen: u32, body in body()) {
            let packet = Packet { to: Epoch(to), ack, seen, body };
            prop_assert_eq!(Packet::decode(&packet.encode(100)), Some(packet));
        }

        #[test]
        fn what_decodes_encodes_to_the_same(mut bytes in prop::collection::vec(any::<u8>(), 0..64), kind in 0_u8..7, len in 0_u16..40) {
            if bytes.len() > 23 {
                bytes[16] = kind;
                bytes[21..23].copy_from_slice(&len.to_le_bytes());
                let end = (23 + usize::from(len)).min(bytes.len());
                bytes[end..].fill(0);
            }
            if let Some(packet) = Packet::decode(&bytes) {
                prop_assert_eq!(packet.encode(bytes.len()), bytes);
            }
        }
    }
}
