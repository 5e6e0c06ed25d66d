//! What is known of the pieces that were put into rows.

use std::collections::BTreeMap;

use super::{Outcome, Pieces};
use crate::program::RoundId;

/// Rounds after which an answer shows what came of a row: the next one may be written before
/// that row's reply is there.
const ROUNDS_TO_ANSWER: u64 = 2;
/// Rows with one piece whose outcome is waited for; older ones count as unknown.
const MAX_ROWS: usize = 16;

/// The pieces of which a row may have reached the other side.
#[derive(Debug, Default)]
pub(super) struct Flights {
    by_number: BTreeMap<u32, Flight>,
}

/// A piece of which a row may have reached the other side.
#[derive(Debug)]
struct Flight {
    /// Rounds of rows whose outcome is not known yet, at most [`MAX_ROWS`].
    rows: Vec<RoundId>,
    /// The last of its rounds.
    sent: RoundId,
    fate: Fate,
    need: Need,
}

/// What came of the rows of a piece whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    CameBack,
    Unknown,
    HandedOver,
}

/// How urgent it is to send a piece again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// It is lost, or was never sent.
    Due,
    /// Nothing is known.
    Waits,
    /// The other side has it, but does not acknowledge it yet.
    Seen,
}

/// The order in which pieces are put into a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency(Need, Fate, RoundId);

impl Flights {
    fn of(&self, pieces: &Pieces) -> impl Iterator<Item = &Flight> {
        let range = self.by_number.range(pieces.first..pieces.end());
        range.map(|(_, flight)| flight)
    }

    /// Returns whether some row with one of these pieces did not come back, as far as known.
    pub(super) fn may_have_left(&self, pieces: &Pieces) -> bool {
        self.of(pieces).next().is_some()
    }

    /// Returns whether some row with one of these pieces will never be known to have come back.
    pub(super) fn may_have_come(&self, pieces: &Pieces) -> bool {
        self.of(pieces).any(|flight| flight.fate >= Fate::Unknown)
    }

    /// Returns how many of these pieces were handed over and are not acknowledged.
    pub(super) fn handed_over(&self, pieces: &Pieces) -> usize {
        let flights = self.of(pieces);
        flights.filter(|it| it.fate == Fate::HandedOver).count()
    }

    /// Returns how urgent a piece is. What is lost or new comes first; then pieces whose last
    /// row may not have met, then those sent longest ago.
    pub(super) fn urgency(&self, number: u32) -> Urgency {
        match self.by_number.get(&number) {
            Some(flight) if flight.need != Need::Due => {
                Urgency(flight.need, flight.fate, flight.sent)
            }
            Some(_) | None => Urgency(Need::Due, Fate::CameBack, RoundId(0)),
        }
    }

    /// Notes that a piece is in a row.
    pub(super) fn send(&mut self, number: u32, round: RoundId) {
        let flight = self.by_number.entry(number).or_insert_with(|| Flight {
            rows: Vec::new(),
            sent: round,
            fate: Fate::CameBack,
            need: Need::Waits,
        });
        if flight.rows.len() >= MAX_ROWS {
            flight.rows.remove(0);
            flight.fate = flight.fate.max(Fate::Unknown);
        }
        flight.rows.push(round);
        flight.sent = round;
        if flight.need == Need::Due {
            flight.need = Need::Waits;
        }
    }

    /// Learns what became of a row with a piece.
    pub(super) fn settle(&mut self, number: u32, round: RoundId, outcome: Outcome) {
        let Some(flight) = self.by_number.get_mut(&number) else {
            return;
        };
        let Some(row) = flight.rows.iter().position(|row| *row == round) else {
            return;
        };
        flight.rows.remove(row);
        flight.fate = flight.fate.max(match outcome {
            Outcome::Met => Fate::HandedOver,
            Outcome::CameBack => Fate::CameBack,
            Outcome::Unknown => Fate::Unknown,
        });
        let is_lost = outcome != Outcome::Met && flight.rows.is_empty();
        if is_lost && flight.need == Need::Waits {
            flight.need = Need::Due;
        }
        if flight.rows.is_empty() && flight.fate == Fate::CameBack {
            self.by_number.remove(&number);
        }
    }

    /// Learns from an answer which pieces came and which did not.
    pub(super) fn see(&mut self, round: RoundId, ack: u32, bits: u32) {
        self.by_number = self.by_number.split_off(&ack);
        for (number, flight) in &mut self.by_number {
            let came = bits.checked_shr(number - ack).is_some_and(|it| it & 1 == 1);
            let is_answered = round.0 >= flight.sent.0.saturating_add(ROUNDS_TO_ANSWER);
            flight.need = match flight.need {
                _ if came => Need::Seen,
                // It came and is gone: the other side started anew.
                Need::Seen => Need::Due,
                Need::Waits if is_answered => Need::Due,
                need => need,
            };
            if came {
                flight.fate = Fate::HandedOver;
            }
        }
    }

    /// Forgets all: a new stream begins.
    pub(super) fn clear(&mut self) {
        self.by_number.clear();
    }
}
