//! What message 1 says: 104 bytes.

use core::fmt;

use super::{MeetingSeed, ResumeId};
use crate::{
    bytes::Reader,
    identity::{MAX_NAME_BYTES, Name},
    program::RoundId,
};

/// Bytes of a payload: version 1, flags 1, name length 1, name 64, seed 16, resume id 8, until 8,
/// places 4, zero 1.
pub(super) const PAYLOAD_BYTES: usize = 104;

const VERSION: u8 = 2;
const WITHDRAWN: u8 = 1;
const RING: u8 = 2;

/// Where a pair's rows stand in the quick slot: one of 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(u8);

impl Place {
    /// How many places there are.
    pub(crate) const COUNT: u8 = 32;

    /// Takes a place; `None` from 32 on.
    pub(crate) fn new(place: u8) -> Option<Self> {
        (place < Self::COUNT).then_some(Self(place))
    }

    /// Returns the place's byte.
    pub(crate) const fn code(self) -> u8 {
        self.0
    }

    /// Returns whether the place is served in a turn, once in every `quick_rounds` of them.
    pub(crate) fn is_due(self, quick_rounds: u8, turn: u64) -> bool {
        let rounds = u64::from(quick_rounds);
        let phase = u64::from(self.0).checked_rem(rounds);
        phase.is_some() && phase == turn.checked_rem(rounds)
    }
}

/// Eight places that a caller offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places(u32);

impl Places {
    /// How many places a call offers.
    pub(crate) const OFFERED: u32 = 8;

    /// Takes a mask, bit p for place p; `None` unless it has exactly eight bits.
    pub(crate) fn new(mask: u32) -> Option<Self> {
        (mask.count_ones() == Self::OFFERED).then_some(Self(mask))
    }

    /// Returns the mask.
    pub(crate) const fn mask(self) -> u32 {
        self.0
    }

    /// Returns whether a place is among them.
    pub(crate) fn contains(self, place: Place) -> bool {
        self.0 >> place.0 & 1 == 1
    }

    /// Returns the eight places, the smallest first.
    #[cfg(test)]
    pub(crate) fn iter(self) -> impl Iterator<Item = Place> {
        (0..Place::COUNT)
            .map(Place)
            .filter(move |place| self.contains(*place))
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places(..)")
    }
}

/// What the caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// To become a pair, or one again.
    Call,
    /// A contact's attention.
    Ring,
}

/// Whether the caller still wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// It does.
    Stands,
    /// It cancelled.
    Withdrawn,
}

/// What message 1 says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct CallPayload {
    /// What the caller wants.
    pub(crate) kind: CallKind,
    /// Whether it still does.
    pub(crate) validity: Validity,
    /// What a stranger is shown as the caller's name.
    pub(crate) name: Name,
    /// s of the call.
    pub(crate) seed: MeetingSeed,
    /// The name of the resume secret that the caller would show itself by.
    pub(crate) resume: ResumeId,
    /// The round at which the caller gives up.
    pub(crate) until: RoundId,
    /// The places that the callee may choose from.
    pub(crate) places: Places,
}

impl CallPayload {
    pub(super) fn to_bytes(&self) -> [u8; PAYLOAD_BYTES] {
        let withdrawn = match self.validity {
            Validity::Stands => 0,
            Validity::Withdrawn => WITHDRAWN,
        };
        let ring = match self.kind {
            CallKind::Call => 0,
            CallKind::Ring => RING,
        };
        let text = self.name.as_str().as_bytes();
        let len = u8::try_from(text.len()).expect("a name has at most 64 bytes");
        let mut name = [0; MAX_NAME_BYTES];
        for (to, from) in name.iter_mut().zip(text) {
            *to = *from;
        }
        let fields: [&[u8]; 7] = [
            &[VERSION, withdrawn | ring, len],
            &name,
            self.seed.as_bytes(),
            self.resume.as_bytes(),
            &self.until.0.to_le_bytes(),
            &self.places.mask().to_le_bytes(),
            &[0],
        ];
        let mut bytes = [0; PAYLOAD_BYTES];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// Reads a payload; `None` unless it is one that [`Self::to_bytes`] writes.
    pub(super) fn from_bytes(bytes: &[u8; PAYLOAD_BYTES]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let [version, flags, len] = reader.array().ok()?;
        let name: [u8; MAX_NAME_BYTES] = reader.array().ok()?;
        let (text, filling) = name.split_at_checked(len.into())?;
        let text = core::str::from_utf8(text).ok()?;
        let payload = Self {
            kind: match flags & RING {
                0 => CallKind::Call,
                _ => CallKind::Ring,
            },
            validity: match flags & WITHDRAWN {
                0 => Validity::Stands,
                _ => Validity::Withdrawn,
            },
            name: Name::new(text).ok()?,
            seed: MeetingSeed::from_bytes(reader.array().ok()?),
            resume: ResumeId::from_bytes(reader.array().ok()?),
            until: RoundId(reader.u64().ok()?),
            places: Places::new(reader.u32().ok()?)?,
        };
        let strict = version == VERSION
            && flags & !(RING | WITHDRAWN) == 0
            && payload.name.as_str() == text
            && filling.iter().all(|byte| *byte == 0)
            && reader.rest() == [0];
        strict.then_some(payload)
    }
}

impl fmt::Debug for CallPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallPayload(..)")
    }
}
