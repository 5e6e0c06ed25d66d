//! Sessions that outlive what they were for: with somebody whom we removed, or who removed us.
//! They lie apart from contacts, so that the same person can be a contact anew.

use serde::{Deserialize, Serialize};

use super::{
    moment::{Lasts, Moment, Pace},
    stored::{Record, Unreadable, decode, encode},
};
use crate::{
    call::Place,
    delivery::Farewell as Word,
    identity::ClientKey,
    manifest::Realm,
    session::{Session, SessionRecord},
};

/// Days that a farewell keeps its place. Earlier, who garbles a suspect's rows would learn from
/// the place's next turns who was removed.
const DAYS: u64 = 7;
/// Quick rows that say to who removed us that we heard it.
const ACKNOWLEDGEMENTS: u8 = 4;

/// A session that ends.
#[derive(Debug)]
pub(super) struct Farewell {
    pub(super) session: Session,
    pub(super) peer: ClientKey,
    pub(super) place: Place,
    pub(super) since: Moment,
    pub(super) stage: Stage,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    /// We removed them, and say so.
    Leaving,
    /// They removed us; so many rows still say that we heard it.
    Ended { rows: u8 },
    /// Nothing is left to say.
    Over,
}

impl Farewell {
    pub(super) fn leaving(
        (session, peer, place): (Session, ClientKey, Place),
        since: Moment,
    ) -> Self {
        Self {
            session,
            peer,
            place,
            since,
            stage: Stage::Leaving,
        }
    }

    pub(super) fn ended(
        (session, peer, place): (Session, ClientKey, Place),
        since: Moment,
    ) -> Self {
        Self {
            session,
            peer,
            place,
            since,
            stage: Stage::Ended {
                rows: ACKNOWLEDGEMENTS,
            },
        }
    }

    /// Returns what its next row says; `None` for a decoy.
    pub(super) const fn word(&self) -> Option<Word> {
        match self.stage {
            Stage::Leaving => Some(Word::End),
            Stage::Ended { .. } => Some(Word::EndAcknowledged),
            Stage::Over => None,
        }
    }

    /// Counts a row that said it.
    pub(super) const fn said(&mut self) {
        if let Stage::Ended { rows } = self.stage {
            self.stage = match rows.checked_sub(1) {
                None | Some(0) => Stage::Over,
                Some(rows) => Stage::Ended { rows },
            };
        }
    }

    /// Hears the other side: both may remove each other at once.
    pub(super) const fn heard(&mut self, word: Word) {
        match (self.stage, word) {
            (Stage::Leaving, Word::EndAcknowledged) => self.stage = Stage::Over,
            (Stage::Leaving, Word::End) => {
                self.stage = Stage::Ended {
                    rows: ACKNOWLEDGEMENTS,
                };
            }
            _ => {}
        }
    }

    /// Returns whether its place is free again.
    pub(super) fn is_gone(&self, now: Moment, pace: Pace) -> bool {
        now.is_over(self.since, Lasts::Days(DAYS), pace)
    }
}

const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct FarewellRecord {
    session: SessionRecord,
    peer: [u8; 32],
    place: u8,
    since: Moment,
    stage: Stage,
}

impl Record for Farewell {
    fn encode(&self) -> Option<Vec<u8>> {
        let record = FarewellRecord {
            session: self.session.to_record(),
            peer: *self.peer.as_bytes(),
            place: self.place.code(),
            since: self.since,
            stage: self.stage,
        };
        Some(encode(VERSION, &record))
    }
}

impl Farewell {
    /// Reads a record.
    pub(super) fn decode(record: &[u8], realm: Realm, own: ClientKey) -> Result<Self, Unreadable> {
        let record: FarewellRecord = decode(VERSION, record)?;
        let read = || {
            let peer = ClientKey::from_bytes(record.peer)
                .ok()
                .filter(|peer| *peer != own)?;
            Some(Self {
                session: Session::from_record(&realm, own, peer, record.session)?,
                peer,
                place: Place::new(record.place)?,
                since: record.since,
                stage: record.stage,
            })
        };
        read().ok_or(Unreadable::Damaged)
    }
}
