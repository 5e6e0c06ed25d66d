//! What a server sends.

use core::fmt;

use super::{FailedReason, MissedReason, Refusal, VERSION, WireError, finish};
use crate::{
    bytes::Reader,
    manifest::Deployment,
    party::PartyId,
    program::{Program, RoundId, Turn},
    row::Shape,
    share::reply_body_bytes,
};

const WELCOME: u8 = 129;
const OPEN: u8 = 130;
const REPLY: u8 = 131;
const MISSED: u8 = 132;
const FAILED: u8 = 133;
const REFUSED: u8 = 134;
const STOPPED: u8 = 135;
const REPLY_HEADER_BYTES: usize = 11;

/// A frame from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    /// The first frame: who the server is and what it runs.
    Welcome(Welcome),
    /// A round takes submissions.
    Open(Open),
    /// The server's part of the reply to a submission.
    Reply(Reply),
    /// The client was left out of a round.
    Missed {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
        /// Why.
        reason: MissedReason,
    },
    /// A round is over without a result, for everyone.
    Failed {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
        /// Why.
        reason: FailedReason,
    },
    /// No rounds are run any more, since too many were aborted; until one opens.
    Stopped,
    /// A frame or the connection is refused.
    Refused {
        /// Why.
        reason: Refusal,
    },
}

/// Who the server is and what it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Which of the three it is.
    pub party: PartyId,
    /// As in the manifest.
    pub slots: u8,
    /// As in the manifest.
    pub message_bytes: u16,
    /// As in the manifest.
    pub conversation_period_ms: u32,
    /// As in the manifest.
    pub dialing_period_ms: u32,
    /// Clients in the last finished conversation round.
    pub online: u32,
}

impl Welcome {
    /// Makes the greeting of a party of that deployment.
    pub const fn new(party: PartyId, deployment: &Deployment, online: u32) -> Self {
        Self {
            party,
            slots: deployment.slots,
            message_bytes: deployment.message_bytes,
            conversation_period_ms: deployment.conversation_period_ms,
            dialing_period_ms: deployment.dialing_period_ms,
            online,
        }
    }

    /// Returns whether the server runs what the manifest says; the periods may differ.
    pub fn fits(&self, party: PartyId, deployment: &Deployment) -> bool {
        self.party == party
            && self.slots == deployment.slots
            && self.message_bytes == deployment.message_bytes
    }
}

/// A round takes submissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// The round.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// Conversation rounds announced so far, this one included.
    pub turn: Turn,
    /// Milliseconds until it closes.
    pub closes_in_ms: u32,
    /// Clients in the last finished round of that program.
    pub online: u32,
}

/// The server's part of the reply to a submission.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The round.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// Per row: two seeds from P0, the row and a digest from P1, a digest from P2.
    pub body: Vec<u8>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Reply({} {}, {} bytes, ..)",
            self.program,
            self.round,
            self.body.len()
        )
    }
}

impl ServerFrame {
    /// Returns the bytes of a [`Reply`] frame from that party.
    pub const fn reply_bytes(party: PartyId, shape: Shape, program: Program) -> usize {
        REPLY_HEADER_BYTES + reply_body_bytes(party, shape, program)
    }

    /// Writes a [`Reply`] frame into a buffer, in place of what stood there.
    pub fn encode_reply(round: RoundId, program: Program, body: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&[VERSION, REPLY]);
        write_round(out, round, program);
        out.extend_from_slice(body);
    }

    /// Writes the frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.kind()];
        match self {
            Self::Welcome(welcome) => {
                out.push(welcome.party.index().to_le_bytes()[0]);
                out.push(welcome.slots);
                out.extend_from_slice(&welcome.message_bytes.to_le_bytes());
                out.extend_from_slice(&welcome.conversation_period_ms.to_le_bytes());
                out.extend_from_slice(&welcome.dialing_period_ms.to_le_bytes());
                out.extend_from_slice(&welcome.online.to_le_bytes());
            }
            Self::Open(open) => {
                write_round(&mut out, open.round, open.program);
                out.extend_from_slice(&open.turn.0.to_le_bytes());
                out.extend_from_slice(&open.closes_in_ms.to_le_bytes());
                out.extend_from_slice(&open.online.to_le_bytes());
            }
            Self::Reply(Reply {
                round,
                program,
                body,
            }) => Self::encode_reply(*round, *program, body, &mut out),
            Self::Missed {
                round,
                program,
                reason,
            } => {
                write_round(&mut out, *round, *program);
                out.push(reason.code());
            }
            Self::Failed {
                round,
                program,
                reason,
            } => {
                write_round(&mut out, *round, *program);
                out.push(reason.code());
            }
            Self::Stopped => {}
            Self::Refused { reason } => out.push(reason.code()),
        }
        out
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Welcome(_) => WELCOME,
            Self::Open(_) => OPEN,
            Self::Reply(_) => REPLY,
            Self::Missed { .. } => MISSED,
            Self::Failed { .. } => FAILED,
            Self::Stopped => STOPPED,
            Self::Refused { .. } => REFUSED,
        }
    }

    /// Reads a frame of that party in a deployment of that shape.
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn decode(party: PartyId, shape: Shape, bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        match reader.u8()? {
            VERSION => {}
            version => return Err(WireError::Version(version)),
        }
        let frame = match reader.u8()? {
            WELCOME => Self::Welcome(read_welcome(&mut reader)?),
            OPEN => {
                let (round, program) = read_round(&mut reader)?;
                Self::Open(Open {
                    round,
                    program,
                    turn: Turn(reader.u64()?),
                    closes_in_ms: reader.u32()?,
                    online: reader.u32()?,
                })
            }
            REPLY => {
                let (round, program) = read_round(&mut reader)?;
                let (expected, body) = (reply_body_bytes(party, shape, program), reader.rest());
                if body.len() != expected {
                    return Err(WireError::Body {
                        expected,
                        got: body.len(),
                    });
                }
                return Ok(Self::Reply(Reply {
                    round,
                    program,
                    body: body.to_vec(),
                }));
            }
            MISSED => {
                let (round, program) = read_round(&mut reader)?;
                let code = reader.u8()?;
                let reason = MissedReason::from_code(code).ok_or(WireError::Reason(code))?;
                Self::Missed {
                    round,
                    program,
                    reason,
                }
            }
            FAILED => {
                let (round, program) = read_round(&mut reader)?;
                let code = reader.u8()?;
                let reason = FailedReason::from_code(code).ok_or(WireError::Reason(code))?;
                Self::Failed {
                    round,
                    program,
                    reason,
                }
            }
            STOPPED => Self::Stopped,
            REFUSED => {
                let code = reader.u8()?;
                let reason = Refusal::from_code(code).ok_or(WireError::Reason(code))?;
                Self::Refused { reason }
            }
            kind => return Err(WireError::Kind(kind)),
        };
        finish(reader.rest())?;
        Ok(frame)
    }
}

fn write_round(out: &mut Vec<u8>, round: RoundId, program: Program) {
    out.extend_from_slice(&round.0.to_le_bytes());
    out.push(program.code());
}

fn read_round(reader: &mut Reader<'_>) -> Result<(RoundId, Program), WireError> {
    let round = RoundId(reader.u64()?);
    let code = reader.u8()?;
    Ok((
        round,
        Program::from_code(code).ok_or(WireError::Program(code))?,
    ))
}

fn read_welcome(reader: &mut Reader<'_>) -> Result<Welcome, WireError> {
    let index = reader.u8()?;
    Ok(Welcome {
        party: PartyId::from_index(index.into()).ok_or(WireError::Party(index))?,
        slots: reader.u8()?,
        message_bytes: reader.u16()?,
        conversation_period_ms: reader.u32()?,
        dialing_period_ms: reader.u32()?,
        online: reader.u32()?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Open, Reply, ServerFrame, Welcome};
    use crate::{
        party::PartyId,
        program::{Program, RoundId, Turn},
        row::Shape,
        wire::{FailedReason, MissedReason, Refusal, WireError},
    };
    use proptest::prelude::*;

    const SHAPE: Shape = Shape {
        slots: 3,
        message_bytes: 256,
    };

    /// Every kind with its frozen bytes.
    fn frozen() -> Vec<(ServerFrame, Vec<u8>)> {
        let (round, program) = (RoundId(258), Program::Contacts);
        let welcome = Welcome {
            party: PartyId::P2,
            slots: 3,
            message_bytes: 256,
            conversation_period_ms: 1000,
            dialing_period_ms: 2000,
            online: 5,
        };
        let at = |kind| vec![2, kind, 2, 1, 0, 0, 0, 0, 0, 0, 1];
        vec![
            (
                ServerFrame::Welcome(welcome),
                vec![2, 129, 2, 3, 0, 1, 0xe8, 3, 0, 0, 0xd0, 7, 0, 0, 5, 0, 0, 0],
            ),
            (
                ServerFrame::Open(Open {
                    round,
                    program,
                    turn: Turn(0x0605),
                    closes_in_ms: 900,
                    online: 7,
                }),
                [
                    at(130),
                    vec![5, 6, 0, 0, 0, 0, 0, 0, 0x84, 3, 0, 0, 7, 0, 0, 0],
                ]
                .concat(),
            ),
            (
                ServerFrame::Reply(Reply {
                    round,
                    program,
                    body: vec![0xcc; 16],
                }),
                [at(131), vec![0xcc; 16]].concat(),
            ),
            (
                ServerFrame::Missed {
                    round,
                    program,
                    reason: MissedReason::Mismatch,
                },
                [at(132), vec![2]].concat(),
            ),
            (
                ServerFrame::Failed {
                    round,
                    program,
                    reason: FailedReason::Aborted,
                },
                [at(133), vec![2]].concat(),
            ),
            (ServerFrame::Stopped, vec![2, 135]),
            (
                ServerFrame::Refused {
                    reason: Refusal::Late,
                },
                vec![2, 134, 7],
            ),
        ]
    }

    #[test]
    fn layouts_are_frozen() {
        for (frame, bytes) in frozen() {
            assert_eq!(frame.encode(), bytes, "{frame:?}");
            assert_eq!(ServerFrame::decode(PartyId::P2, SHAPE, &bytes), Ok(frame));
        }
    }

    #[test]
    fn short_and_long_frames_are_refused() {
        for (frame, bytes) in frozen() {
            for len in 0..bytes.len() {
                assert!(
                    ServerFrame::decode(PartyId::P2, SHAPE, &bytes[..len]).is_err(),
                    "{frame:?}"
                );
            }
            let long = [&bytes[..], &[0]].concat();
            assert!(matches!(
                ServerFrame::decode(PartyId::P2, SHAPE, &long),
                Err(WireError::Trailing(1) | WireError::Body { .. })
            ));
        }
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same(mut bytes in prop::collection::vec(any::<u8>(), 2..120), kind in 127_u8..137) {
            bytes[0] = 2;
            bytes[1] = kind;
            for party in PartyId::ALL {
                for len in 0..=bytes.len() {
                    if let Ok(frame) = ServerFrame::decode(party, SHAPE, &bytes[..len]) {
                        prop_assert_eq!(frame.encode(), &bytes[..len]);
                    }
                }
            }
        }
    }
}
