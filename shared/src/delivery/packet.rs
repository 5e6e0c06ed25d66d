//! The packet: acknowledgement of the other direction, and pieces.
//!
//! stream u32 ‖ acked stream u32 ‖ ack u32 ‖ bits u32 ‖ fetched u32 ‖ items, filled up with
//! zeros. An item: kind u8 ‖ number u32 ‖ left u16 ‖ length u8 ‖ bytes. Kind 0 ends the items.

use core::fmt;

use zeroize::Zeroizing;

use super::Farewell;
use crate::{
    bytes::Reader,
    piece::{RatchetKind, RatchetPiece},
};

/// Bytes of a packet before its items.
pub(super) const HEADER_BYTES: usize = 20;
/// Bytes of an item before its piece.
pub(super) const ITEM_HEADER_BYTES: usize = 8;

const TEXT: u8 = 1;
const PASS: u8 = 2;
const SKIP: u8 = 3;
const OFFER: u8 = 4;
const ANSWER: u8 = 5;
const END: u8 = 6;
const END_ACKNOWLEDGED: u8 = 7;

/// What a piece in the stream is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PieceKind {
    Text,
    Pass,
    /// Nothing: this number and the `left` after it were taken back.
    Skip,
}

/// A piece in the stream.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) kind: PieceKind,
    /// Pieces of the same item after this one.
    pub(super) left: u16,
    /// Empty in a skip item, nowhere else.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({:?}, {} left, ..)", self.kind, self.left)
    }
}

/// One packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packet {
    /// The stream of `pieces`; 0 is none.
    pub(super) stream: u32,
    /// The other side's stream that `ack` and `bits` are about; 0 is none.
    pub(super) acked_stream: u32,
    /// Pieces before this number are stored.
    pub(super) ack: u32,
    /// Bit i: piece `ack + i` came.
    pub(super) bits: u32,
    /// A piece of a ratchet message, in front of all others.
    pub(super) ratchet: Vec<RatchetPiece>,
    /// Numbers and pieces of the stream.
    pub(super) pieces: Vec<(u32, Piece)>,
    /// What a session that leaves says.
    pub(super) farewell: Option<Farewell>,
}

impl Packet {
    /// Writes the packet; whoever fills it leaves out what does not fit.
    pub(super) fn encode(&self, packet_bytes: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(packet_bytes);
        for word in [self.stream, self.acked_stream, self.ack, self.bits, 0] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for piece in &self.ratchet {
            let kind = match piece.kind {
                RatchetKind::Offer => OFFER,
                RatchetKind::Answer => ANSWER,
            };
            put_item(&mut out, kind, (piece.generation, piece.left), &piece.bytes);
        }
        for (number, piece) in &self.pieces {
            let kind = match piece.kind {
                PieceKind::Text => TEXT,
                PieceKind::Pass => PASS,
                PieceKind::Skip => SKIP,
            };
            put_item(&mut out, kind, (*number, piece.left), &piece.bytes);
        }
        if let Some(farewell) = self.farewell {
            let kind = match farewell {
                Farewell::End => END,
                Farewell::EndAcknowledged => END_ACKNOWLEDGED,
            };
            put_item(&mut out, kind, (0, 0), &[]);
        }
        debug_assert!(out.len() <= packet_bytes, "only what fits is put in");
        out.resize(packet_bytes, 0);
        out
    }

    /// Reads a packet; `None` if it is not laid out as [`Self::encode`] would. Items of unknown
    /// kinds are passed over, so their numbers are never acknowledged.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let mut word = || reader.u32().ok();
        let mut packet = Self {
            stream: word()?,
            acked_stream: word()?,
            ack: word()?,
            bits: word()?,
            ..Self::default()
        };
        let _fetched = word()?;
        let mut rest = reader.rest();
        while rest.first().is_some_and(|kind| *kind != 0) {
            let mut reader = Reader::new(rest);
            let kind = reader.u8().ok()?;
            let (number, left) = (reader.u32().ok()?, reader.u16().ok()?);
            let length = reader.u8().ok()?;
            let bytes = reader.take(length.into()).ok()?;
            packet.read_item(kind, (number, left), bytes)?;
            rest = reader.rest();
        }
        rest.iter().all(|byte| *byte == 0).then_some(packet)
    }

    fn read_item(&mut self, kind: u8, (number, left): (u32, u16), bytes: &[u8]) -> Option<()> {
        let piece = |kind| Piece {
            kind,
            left,
            bytes: Zeroizing::new(bytes.to_vec()),
        };
        let ratchet = |kind| RatchetPiece {
            kind,
            generation: number,
            left,
            bytes: bytes.to_vec(),
        };
        let is_bare = number == 0 && left == 0 && bytes.is_empty();
        match kind {
            TEXT | PASS | OFFER | ANSWER if bytes.is_empty() => return None,
            SKIP if !bytes.is_empty() => return None,
            END | END_ACKNOWLEDGED if !is_bare || self.farewell.is_some() => return None,
            TEXT => self.pieces.push((number, piece(PieceKind::Text))),
            PASS => self.pieces.push((number, piece(PieceKind::Pass))),
            SKIP => self.pieces.push((number, piece(PieceKind::Skip))),
            OFFER => self.ratchet.push(ratchet(RatchetKind::Offer)),
            ANSWER => self.ratchet.push(ratchet(RatchetKind::Answer)),
            END => self.farewell = Some(Farewell::End),
            END_ACKNOWLEDGED => self.farewell = Some(Farewell::EndAcknowledged),
            _ => {}
        }
        Some(())
    }
}

fn put_item(out: &mut Vec<u8>, kind: u8, (number, left): (u32, u16), bytes: &[u8]) {
    out.push(kind);
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&left.to_le_bytes());
    out.push(u8::try_from(bytes.len()).expect("pieces have at most 255 bytes"));
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::{Packet, Piece, PieceKind};
    use crate::{
        delivery::{Farewell, farewell_packet, read_farewell},
        piece::{RatchetKind, RatchetPiece},
    };

    fn piece(kind: PieceKind, left: u16, bytes: &[u8]) -> Piece {
        Piece {
            kind,
            left,
            bytes: Zeroizing::new(bytes.to_vec()),
        }
    }

    fn example() -> Packet {
        Packet {
            stream: 0x0403_0201,
            acked_stream: 5,
            ack: 6,
            bits: 7,
            ratchet: vec![RatchetPiece {
                kind: RatchetKind::Answer,
                generation: 8,
                left: 9,
                bytes: b"r".to_vec(),
            }],
            pieces: vec![
                (10, piece(PieceKind::Skip, 2, b"")),
                (13, piece(PieceKind::Text, 1, b"hey")),
                (15, piece(PieceKind::Pass, 0, &[0xaa, 0xbb])),
            ],
            farewell: None,
        }
    }

    #[test]
    fn layout_is_frozen() {
        let bytes = [
            &[1, 2, 3, 4, 5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0][..],
            &[5, 8, 0, 0, 0, 9, 0, 1, b'r'],
            &[3, 10, 0, 0, 0, 2, 0, 0],
            &[1, 13, 0, 0, 0, 1, 0, 3, b'h', b'e', b'y'],
            &[2, 15, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb],
            &[0, 0, 0],
        ]
        .concat();
        assert_eq!(example().encode(bytes.len()), bytes);
        assert_eq!(Packet::decode(&bytes), Some(example()));
    }

    #[test]
    fn farewells_are_frozen() {
        for (kind, farewell) in [(6, Farewell::End), (7, Farewell::EndAcknowledged)] {
            let mut bytes = vec![0; 40];
            bytes[20] = kind;
            assert_eq!(farewell_packet(farewell, 40), bytes);
            assert_eq!(read_farewell(&bytes), Some(farewell));
        }
        assert_eq!(read_farewell(&[0; 40]), None);
    }

    #[test]
    fn anything_else_is_refused() {
        let good = example().encode(61);
        assert!(Packet::decode(&good).is_some());
        for len in (0..58).filter(|len| ![20, 29, 37, 48].contains(len)) {
            assert!(Packet::decode(&good[..len]).is_none(), "{len} bytes");
        }
        let changed = |at: usize, to| {
            let mut bytes = good.clone();
            bytes[at] = to;
            Packet::decode(&bytes)
        };
        assert!(changed(60, 1).is_none(), "padding");
        assert!(changed(27, 0).is_none(), "a ratchet piece without bytes");
        assert!(changed(36, 1).is_none(), "a skip item with bytes");
        assert!(changed(44, 0).is_none(), "a text piece without bytes");
        assert!(changed(55, 200).is_none(), "a length beyond the packet");
        assert!(changed(48, 6).is_none(), "an end with a number");
    }

    #[test]
    fn unknown_kinds_are_passed_over() {
        let mut bytes = example().encode(61);
        bytes[37] = 200;
        let mut expected = example();
        expected.pieces.remove(1);
        assert_eq!(Packet::decode(&bytes), Some(expected));
    }

    #[test]
    fn what_mail_will_need_is_passed_over() {
        let mut bytes = example().encode(61);
        bytes[16] = 1;
        assert_eq!(Packet::decode(&bytes), Some(example()));
    }

    fn packets() -> impl Strategy<Value = Packet> {
        let bytes = || prop::collection::vec(any::<u8>(), 1..60);
        let ratchet = (any::<bool>(), any::<u32>(), any::<u16>(), bytes()).prop_map(
            |(offer, generation, left, bytes)| RatchetPiece {
                kind: if offer {
                    RatchetKind::Offer
                } else {
                    RatchetKind::Answer
                },
                generation,
                left,
                bytes,
            },
        );
        let pieces = prop_oneof![
            (any::<u16>(), bytes()).prop_map(|(left, bytes)| piece(PieceKind::Text, left, &bytes)),
            (any::<u16>(), bytes()).prop_map(|(left, bytes)| piece(PieceKind::Pass, left, &bytes)),
            any::<u16>().prop_map(|left| piece(PieceKind::Skip, left, b"")),
        ];
        let farewell = prop_oneof![
            Just(None),
            Just(Some(Farewell::End)),
            Just(Some(Farewell::EndAcknowledged))
        ];
        (
            any::<[u32; 4]>(),
            prop::collection::vec(ratchet, 0..3),
            prop::collection::vec((any::<u32>(), pieces), 0..6),
            farewell,
        )
            .prop_map(
                |([stream, acked_stream, ack, bits], ratchet, pieces, farewell)| Packet {
                    stream,
                    acked_stream,
                    ack,
                    bits,
                    ratchet,
                    pieces,
                    farewell,
                },
            )
    }

    proptest! {
        #[test]
        fn decode_after_encode_is_the_identity(packet in packets()) {
            prop_assert_eq!(Packet::decode(&packet.encode(1000)), Some(packet));
        }

        #[test]
        fn any_bytes_are_survived(
            mut bytes in prop::collection::vec(any::<u8>(), 0..80),
            items in prop::collection::vec((0_u8..10, any::<u32>(), any::<u16>(), 0_u8..20), 0..4),
        ) {
            let _ = Packet::decode(&bytes);
            bytes.truncate(20);
            for (kind, number, left, length) in items {
                bytes.push(kind);
                bytes.extend(number.to_le_bytes());
                bytes.extend(left.to_le_bytes());
                bytes.push(length);
                bytes.extend(vec![1; usize::from(length % 16)]);
            }
            let _ = Packet::decode(&bytes);
        }
    }
}
