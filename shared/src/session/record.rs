//! A session as stored.

use serde::{Deserialize, Serialize};

use super::{Chains, KeyTree, Session, Stage};
use crate::{
    identity::{ClientKey, Name},
    kdf::Secret,
    noise::HandshakeSeed,
    program::RoundId,
};

type TreeRecord = Vec<(u64, u8, [u8; 32])>;

/// A session as stored. Holds secrets.
#[derive(Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    matched_in: u64,
    tags: TreeRecord,
    stage: StageRecord,
}

#[derive(Serialize, Deserialize)]
enum StageRecord {
    Calling {
        psk: [u8; 32],
        seed: [u8; 32],
        name: String,
        hello: Vec<u8>,
    },
    Called {
        psk: [u8; 32],
        seed: [u8; 32],
    },
    Answered {
        answer: Vec<u8>,
        send: TreeRecord,
        receive: TreeRecord,
    },
    Established {
        send: TreeRecord,
        receive: TreeRecord,
    },
}

impl Session {
    /// Returns the session for storage.
    pub(crate) fn to_record(&self) -> SessionRecord {
        let stage = match &self.stage {
            Stage::Calling {
                psk,
                seed,
                name,
                hello,
            } => StageRecord::Calling {
                hello: hello.clone(),
                psk: *psk.as_bytes(),
                seed: *seed.as_bytes(),
                name: name.as_str().to_owned(),
            },
            Stage::Called { psk, seed } => StageRecord::Called {
                psk: *psk.as_bytes(),
                seed: *seed.as_bytes(),
            },
            Stage::Answered { answer, chains } => StageRecord::Answered {
                answer: answer.clone(),
                send: chains.send.parts().collect(),
                receive: chains.receive.parts().collect(),
            },
            Stage::Established { chains } => StageRecord::Established {
                send: chains.send.parts().collect(),
                receive: chains.receive.parts().collect(),
            },
        };
        SessionRecord {
            matched_in: self.matched_in.0,
            tags: self.tags.parts().collect(),
            stage,
        }
    }

    /// Takes back what [`Self::to_record`] gave; `None` if it is damaged.
    pub(crate) fn from_record(
        own: ClientKey,
        peer: ClientKey,
        record: SessionRecord,
    ) -> Option<Self> {
        let chains = |send, receive| {
            Some(Chains {
                send: KeyTree::from_parts(send)?,
                receive: KeyTree::from_parts(receive)?,
            })
        };
        let stage = match record.stage {
            StageRecord::Calling {
                psk,
                seed,
                name,
                hello,
            } if hello.len() == super::HELLO_BYTES => Stage::Calling {
                hello,
                psk: Secret::from_bytes(psk),
                seed: HandshakeSeed::from_bytes(seed),
                name: Name::new(&name).ok()?,
            },
            StageRecord::Called { psk, seed } => Stage::Called {
                psk: Secret::from_bytes(psk),
                seed: HandshakeSeed::from_bytes(seed),
            },
            StageRecord::Answered {
                answer,
                send,
                receive,
            } if answer.len() == super::ANSWER_BYTES => Stage::Answered {
                answer,
                chains: chains(send, receive)?,
            },
            StageRecord::Answered { .. } | StageRecord::Calling { .. } => return None,
            StageRecord::Established { send, receive } => Stage::Established {
                chains: chains(send, receive)?,
            },
        };
        let tags = KeyTree::from_parts(record.tags)?;
        Some(Self {
            own,
            peer,
            matched_in: RoundId(record.matched_in),
            tags,
            stage,
        })
    }
}
