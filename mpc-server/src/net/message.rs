//! What travels on a peer link: control messages, and the engine's frames.
//!
//! A message ends with its kind. Control: postcard, kind. Frame: the frame, its number in the
//! round (4), round (8), kind. Numbers put frames back in order that came over several strands.
//! The label stands behind the frame so that it is appended in place, without a copy.

use bytes::Bytes;
use mcmix_engine::link::MAX_FRAME_BYTES;
use mcmix_shared::program::{Program, RoundId, Turn};
use serde::{Deserialize, Serialize};

/// The longest message.
pub(super) const MESSAGE_BYTES: usize = MAX_FRAME_BYTES + LABEL_BYTES;

/// The longest account of an abort, in bytes.
pub const ACCOUNT_BYTES: usize = 240;

const LABEL_BYTES: usize = 13;
const CONTROL: u8 = 0;
const FRAME: u8 = 1;

/// How far the rounds have come, as one party knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The newest round, and the last that the party can't take part in any more; 0 where it knows
    /// of none.
    pub round: RoundId,
    /// Conversation rounds announced up to it.
    pub turn: Turn,
}

/// What parties tell each other about rounds. `Open` and `Close` come from P0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// A round opens for shares.
    Open {
        /// Its number.
        round: RoundId,
        /// Its program.
        program: Program,
        /// Conversation rounds opened so far, this one included.
        turn: Turn,
        /// When it is expected to close.
        closes_in_ms: u32,
        /// How wide the sort is.
        sort_ways: u8,
    },
    /// A round is closed: freeze, agree, compute.
    Close {
        /// Its number.
        round: RoundId,
    },
    /// A round is over without a result.
    Failed {
        /// Its number.
        round: RoundId,
    },
    /// A round is over, since a check found that somebody deviates.
    Aborted {
        /// Its number.
        round: RoundId,
        /// What was found, in words for an operator.
        account: String,
    },
    /// The sender runs no more rounds, since too many were aborted.
    Stopped,
    /// To P0: whether the sender's link with the third party is up.
    Linked {
        /// Whether it is.
        up: bool,
    },
    /// To P0, with a close: how long the sender's clients took to answer. Left out where that was
    /// no longer than a period twice running.
    Needs {
        /// In 32nds of a period.
        need: u16,
    },
}

/// The form of [`Control`] on the wire.
#[derive(Serialize, Deserialize)]
enum Encoded {
    Open(u64, u8, u64, u32, u8),
    Close(u64),
    Failed(u64),
    Linked(bool),
    Aborted(u64, String),
    Stopped,
    Needs(u16),
}

/// One message, read.
#[derive(Debug)]
pub(super) enum Message {
    Control(Control),
    Frame { place: Place, frame: Bytes },
}

/// Where a frame belongs: its round, and its number among all that one party sends another in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) round: RoundId,
    pub(super) number: u32,
}

/// Writes a control message.
pub(super) fn control(control: Control) -> Bytes {
    let encoded = match control {
        Control::Open {
            round,
            program,
            turn,
            closes_in_ms,
            sort_ways,
        } => Encoded::Open(round.0, program.code(), turn.0, closes_in_ms, sort_ways),
        Control::Close { round } => Encoded::Close(round.0),
        Control::Failed { round } => Encoded::Failed(round.0),
        Control::Linked { up } => Encoded::Linked(up),
        Control::Aborted { round, account } => Encoded::Aborted(round.0, account),
        Control::Stopped => Encoded::Stopped,
        Control::Needs { need } => Encoded::Needs(need),
    };
    let mut message = postcard::to_allocvec(&encoded).expect("numbers and texts always encode");
    message.push(CONTROL);
    message.into()
}

/// Labels a frame with its place.
pub(super) fn frame(place: Place, mut frame: Vec<u8>) -> Bytes {
    frame.extend_from_slice(&place.number.to_le_bytes());
    frame.extend_from_slice(&place.round.0.to_le_bytes());
    frame.push(FRAME);
    frame.into()
}

/// Reads a message; an error says what is wrong with it.
pub(super) fn decode(mut message: Bytes) -> Result<Message, &'static str> {
    let (&kind, body) = message.split_last().ok_or("empty")?;
    match kind {
        CONTROL => decode_control(body).map(Message::Control),
        FRAME => {
            let without = "a frame without its place";
            let (body, round) = body.split_last_chunk().ok_or(without)?;
            let (frame, number) = body.split_last_chunk().ok_or(without)?;
            let place = Place {
                round: RoundId(u64::from_le_bytes(*round)),
                number: u32::from_le_bytes(*number),
            };
            let length = frame.len();
            message.truncate(length);
            Ok(Message::Frame {
                place,
                frame: message,
            })
        }
        _ => Err("unknown kind"),
    }
}

/// Reads what a peer may send and writes again what was read: for the fuzz targets.
///
/// # Errors
///
/// Says what is wrong with it.
pub fn reread_message(message: Bytes) -> Result<Bytes, &'static str> {
    Ok(match decode(message)? {
        Message::Control(read) => control(read),
        Message::Frame { place, frame: read } => frame(place, read.to_vec()),
    })
}

fn decode_control(body: &[u8]) -> Result<Control, &'static str> {
    let (encoded, rest) =
        postcard::take_from_bytes(body).map_err(|_| "a control message that can't be read")?;
    if !rest.is_empty() {
        return Err("bytes after a control message");
    }
    Ok(match encoded {
        Encoded::Open(round, program, turn, closes_in_ms, sort_ways) => Control::Open {
            round: RoundId(round),
            program: Program::from_code(program).ok_or("unknown program")?,
            turn: Turn(turn),
            closes_in_ms,
            sort_ways,
        },
        Encoded::Close(round) => Control::Close {
            round: RoundId(round),
        },
        Encoded::Failed(round) => Control::Failed {
            round: RoundId(round),
        },
        Encoded::Linked(up) => Control::Linked { up },
        Encoded::Aborted(_, account) if account.len() > ACCOUNT_BYTES => {
            return Err("an account of an abort that is too long");
        }
        Encoded::Aborted(round, account) => Control::Aborted {
            round: RoundId(round),
            account,
        },
        Encoded::Stopped => Control::Stopped,
        Encoded::Needs(need) => Control::Needs { need },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_messages_survive_the_wire() {
        for message in [
            Control::Open {
                round: RoundId(u64::MAX),
                program: Program::Open,
                turn: Turn(9),
                closes_in_ms: 7,
                sort_ways: 6,
            },
            Control::Close { round: RoundId(1) },
            Control::Failed { round: RoundId(2) },
            Control::Linked { up: true },
            Control::Aborted {
                round: RoundId(3),
                account: "é".repeat(ACCOUNT_BYTES / 2),
            },
            Control::Stopped,
            Control::Needs { need: 77 },
        ] {
            let Ok(Message::Control(decoded)) = decode(control(message.clone())) else {
                panic!("{message:?} did not decode");
            };
            assert_eq!(decoded, message);
        }
    }

    #[test]
    fn frames_survive_the_wire() {
        for length in [0, 1, MAX_FRAME_BYTES] {
            let bytes = vec![7; length];
            let at = Place {
                round: RoundId(3),
                number: 9,
            };
            let message = frame(at, bytes.clone());
            assert!(message.len() <= MESSAGE_BYTES);
            let Ok(Message::Frame { place, frame }) = decode(message) else {
                panic!("a frame of {length} bytes did not decode");
            };
            assert_eq!((place, frame.as_ref()), (at, bytes.as_slice()));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let longer = [
            &postcard::to_allocvec(&Encoded::Linked(true)).unwrap()[..],
            &[0, CONTROL],
        ];
        for message in [
            &[][..],
            &[9],
            &[1, 2, FRAME],
            &[0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, FRAME],
            &[99, CONTROL],
            &longer.concat(),
            &control(Control::Aborted {
                round: RoundId(3),
                account: "x".repeat(ACCOUNT_BYTES + 1),
            }),
        ] {
            assert!(
                decode(Bytes::copy_from_slice(message)).is_err(),
                "{message:?}"
            );
        }
    }
}
