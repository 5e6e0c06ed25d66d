//! What a client sends.

use super::{VERSION, WireError, finish};
use crate::{
    bytes::Reader,
    party::PartyId,
    program::{Program, RoundId},
    row::Shape,
    share::DealtShare,
};

const READY: u8 = 1;
const SUBMIT: u8 = 2;
const SUBMIT_HEADER_BYTES: usize = 11;

/// A frame from a client.
#[derive(Clone, Debug)]
pub enum ClientFrame {
    /// The first frame: proves that the client is there and no recording.
    Ready,
    /// One party's share of the client's rows for a round.
    Submit(Submit),
}

/// One party's share of the client's rows for a round.
#[derive(Clone, Debug)]
pub struct Submit {
    /// The round it is for.
    pub round: RoundId,
    /// The program of that round.
    pub program: Program,
    /// The share of the party that it is sent to.
    pub share: DealtShare,
}

impl ClientFrame {
    /// Returns the bytes of a [`Submit`] frame to that party.
    pub const fn submit_bytes(party: PartyId, shape: Shape, program: Program) -> usize {
        SUBMIT_HEADER_BYTES + DealtShare::encoded_bytes(party, shape, program)
    }

    /// Returns the bytes of the longest frame to that party.
    pub fn max_bytes(party: PartyId, shape: Shape) -> usize {
        Program::ALL
            .map(|p| Self::submit_bytes(party, shape, p))
            .into_iter()
            .fold(2, usize::max)
    }

    /// Writes the frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Ready => vec![VERSION, READY],
            Self::Submit(Submit {
                round,
                program,
                share,
            }) => {
                let mut out = vec![VERSION, SUBMIT];
                out.extend_from_slice(&round.0.to_le_bytes());
                out.push(program.code());
                out.extend_from_slice(&share.encode());
                out
            }
        }
    }

    /// Reads a frame to that party in a deployment of that shape.
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn decode(party: PartyId, shape: Shape, bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(bytes);
        match reader.u8()? {
            VERSION => {}
            version => return Err(WireError::Version(version)),
        }
        match reader.u8()? {
            READY => {
                finish(reader.rest())?;
                Ok(Self::Ready)
            }
            SUBMIT => {
                let round = RoundId(reader.u64()?);
                let code = reader.u8()?;
                let program = Program::from_code(code).ok_or(WireError::Program(code))?;
                let share = DealtShare::decode(party, shape, program, reader.rest())?;
                Ok(Self::Submit(Submit {
                    round,
                    program,
                    share,
                }))
            }
            kind => Err(WireError::Kind(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClientFrame, Submit};
    use crate::{
        party::PartyId,
        program::{Program, RoundId},
        row::Shape,
        share::DealtShare,
        wire::WireError,
    };
    use proptest::prelude::*;

    const SHAPE: Shape = Shape {
        slots: 1,
        message_bytes: 128,
    };

    /// A dialing round's frame to P1: s1, then the heads of x2.
    fn frozen() -> Vec<u8> {
        let mut bytes = vec![2, 2, 7, 1, 0, 0, 0, 0, 0, 0, 2];
        bytes.extend([0xaa; 16]);
        bytes.extend([0xbb; 48]);
        bytes
    }

    #[test]
    fn layout_is_frozen() {
        let share = DealtShare::decode(PartyId::P1, SHAPE, Program::Open, &frozen()[11..]).unwrap();
        let submit = Submit {
            round: RoundId(263),
            program: Program::Open,
            share,
        };
        assert_eq!(ClientFrame::Submit(submit).encode(), frozen());
        assert_eq!(ClientFrame::Ready.encode(), [2, 1]);
        assert_eq!(
            frozen().len(),
            ClientFrame::submit_bytes(PartyId::P1, SHAPE, Program::Open)
        );
    }

    #[test]
    fn wrong_frames_are_named() {
        let decode = |bytes: &[u8]| ClientFrame::decode(PartyId::P1, SHAPE, bytes).map(drop);
        let changed = |at: usize, to| {
            let mut bytes = frozen();
            bytes[at] = to;
            bytes
        };
        assert_eq!(decode(&frozen()), Ok(()));
        assert_eq!(decode(&[]), Err(WireError::Short));
        assert_eq!(decode(&changed(0, 1)), Err(WireError::Version(1)));
        assert_eq!(decode(&changed(1, 9)), Err(WireError::Kind(9)));
        assert_eq!(decode(&changed(10, 5)), Err(WireError::Program(5)));
        assert_eq!(decode(&[2, 1, 0]), Err(WireError::Trailing(1)));
        assert!(matches!(decode(&changed(10, 0)), Err(WireError::Share(_))));
        assert!(matches!(decode(&frozen()[..34]), Err(WireError::Share(_))));
        assert!(matches!(
            decode(&[&frozen()[..], &[0]].concat()),
            Err(WireError::Share(_))
        ));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same(mut bytes in prop::collection::vec(any::<u8>(), 0..300), plausible: bool) {
            if plausible && bytes.len() > 11 {
                bytes[0] = 2;
                bytes[1] = 1 + bytes[1] % 2;
                bytes[10] %= 3;
            }
            for party in PartyId::ALL {
                for len in [bytes.len(), 2, 43, 36, 164, 75, 291] {
                    let bytes = &bytes[..len.min(bytes.len())];
                    if let Ok(frame) = ClientFrame::decode(party, SHAPE, bytes) {
                        prop_assert_eq!(frame.encode(), bytes);
                        prop_assert!(bytes.len() <= ClientFrame::max_bytes(party, SHAPE));
                    }
                }
            }
        }
    }
}
