//! The sending end of a stream: cuts items into bodies, repeats what is lost.

use core::fmt;
use std::collections::VecDeque;

use super::{Body, Control, TooLate, WINDOW, packet::TEXT_HEADER_BYTES};

/// Rows after which an unacknowledged body is taken for lost.
const PATIENCE: u64 = 4;
/// The same where the row would carry nothing else.
const EAGER_PATIENCE: u64 = 2;

/// Something to deliver as a whole.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A text with the id by which the receiver knows it again.
    Text { id: u64, text: String },
    /// A control message.
    Control(Control),
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => write!(f, "Text({} bytes, ..)", text.len()),
            Self::Control(control) => control.fmt(f),
        }
    }
}

impl Item {
    fn is_text(&self, wanted: u64) -> bool {
        matches!(self, Self::Text { id, .. } if *id == wanted)
    }
}

/// What became of the round that carried a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The round was computed with our row in it.
    Carried,
    /// It was not, as far as we know.
    Lost,
}

/// The sending end.
#[derive(Debug)]
pub(crate) struct Sender {
    payload_bytes: usize,
    /// Items of which something has left, in order; the last may not be cut up yet.
    leaving: VecDeque<Leaving>,
    /// Items of which nothing has left.
    waiting: VecDeque<Item>,
    /// Bodies that are not acknowledged, in order.
    flight: VecDeque<Flight>,
    next_seq: u32,
}

/// An item of which something has left.
#[derive(Debug)]
struct Leaving {
    item: Item,
    /// Bytes of a text that are cut off.
    cut: usize,
    /// The number after its last body, once that is cut off.
    end: Option<u32>,
    /// Whether the caller was told that all of it has left.
    told: bool,
}

/// A body that is not acknowledged.
#[derive(Debug)]
struct Flight {
    seq: u32,
    body: Body,
    sent_at: u64,
    state: FlightState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FlightState {
    /// On its way.
    Flying,
    /// Its round was computed.
    Carried,
    /// To be sent again at once.
    Lost,
    /// It came, but one before it did not, or it is not stored yet.
    Seen,
}

impl Sender {
    pub(super) fn new(payload_bytes: usize) -> Self {
        Self {
            payload_bytes,
            leaving: VecDeque::new(),
            waiting: VecDeque::new(),
            flight: VecDeque::new(),
            next_seq: 0,
        }
    }

    pub(super) fn push(&mut self, item: Item) {
        self.waiting.push_back(item);
    }

    pub(super) fn cancel(&mut self, text_id: u64) -> Result<(), TooLate> {
        if self.has_left(text_id) {
            return Err(TooLate);
        }
        self.waiting.retain(|item| !item.is_text(text_id));
        Ok(())
    }

    pub(super) fn has_left(&self, text_id: u64) -> bool {
        self.leaving
            .iter()
            .any(|leaving| leaving.item.is_text(text_id))
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.leaving.is_empty() && self.waiting.is_empty()
    }

    /// Begins a new stream: whatever was not acknowledged as a whole is sent again from its start.
    pub(super) fn restart(&mut self) {
        self.flight.clear();
        self.next_seq = 0;
        for leaving in &mut self.leaving {
            (leaving.cut, leaving.end) = (0, None);
        }
    }

    /// Returns the body for this row.
    pub(super) fn next(&mut self, tick: u64) -> Option<(u32, Body)> {
        let aged = |patience| {
            move |flight: &Flight| {
                flight.state != FlightState::Seen && tick.saturating_sub(flight.sent_at) >= patience
            }
        };
        self.again(tick, |flight| flight.state == FlightState::Lost)
            .or_else(|| self.again(tick, aged(PATIENCE)))
            .or_else(|| self.fresh(tick))
            .or_else(|| self.again(tick, aged(EAGER_PATIENCE)))
    }

    fn again(&mut self, tick: u64, wanted: impl Fn(&Flight) -> bool) -> Option<(u32, Body)> {
        let flight = self.flight.iter_mut().find(|flight| wanted(flight))?;
        flight.sent_at = tick;
        if flight.state == FlightState::Lost {
            flight.state = FlightState::Flying;
        }
        Some((flight.seq, flight.body.clone()))
    }

    fn fresh(&mut self, tick: u64) -> Option<(u32, Body)> {
        if self.flight.len() >= WINDOW as usize {
            return None;
        }
        let seq = self.next_seq;
        let after = seq.checked_add(1)?;
        if self.leaving.iter().all(|leaving| leaving.end.is_some()) {
            let item = self.waiting.pop_front()?;
            self.leaving.push_back(Leaving {
                item,
                cut: 0,
                end: None,
                told: false,
            });
        }
        let leaving = self
            .leaving
            .iter_mut()
            .find(|leaving| leaving.end.is_none())?;
        let body = leaving.cut(self.payload_bytes, after);
        self.next_seq = after;
        let state = FlightState::Flying;
        self.flight.push_back(Flight {
            seq,
            body: body.clone(),
            sent_at: tick,
            state,
        });
        Some((seq, body))
    }

    /// Takes an acknowledgement; returns the items that are stored at the other end now.
    pub(super) fn acknowledge(&mut self, ack: u32, seen: u32) -> Vec<Item> {
        if ack > self.next_seq {
            return Vec::new();
        }
        while self
            .flight
            .pop_front_if(|flight| flight.seq < ack)
            .is_some()
        {}
        let mut newest_seen = None;
        for flight in &mut self.flight {
            let bit = flight
                .seq
                .checked_sub(ack)
                .and_then(|ahead| ahead.checked_sub(1));
            if bit.is_some_and(|bit| seen.checked_shr(bit).unwrap_or(0) & 1 == 1) {
                flight.state = FlightState::Seen;
                newest_seen = newest_seen.max(Some(flight.sent_at));
            }
        }
        for flight in &mut self.flight {
            if flight.state != FlightState::Seen && Some(flight.sent_at) < newest_seen {
                flight.state = FlightState::Lost;
            }
        }
        let mut delivered = Vec::new();
        while let Some(leaving) = self
            .leaving
            .pop_front_if(|leaving| leaving.end.is_some_and(|end| end <= ack))
        {
            delivered.push(leaving.item);
        }
        delivered
    }

    /// Learns what became of a body; returns the item that has left as a whole by it.
    pub(super) fn settle(&mut self, seq: u32, outcome: Outcome) -> Option<Item> {
        if let Some(flight) = self.flight.iter_mut().find(|flight| flight.seq == seq) {
            flight.state = match (flight.state, outcome) {
                (FlightState::Seen, _) => FlightState::Seen,
                (FlightState::Carried, Outcome::Lost) | (_, Outcome::Carried) => {
                    FlightState::Carried
                }
                (_, Outcome::Lost) => FlightState::Lost,
            };
        }
        let left =
            |flight: &Flight| matches!(flight.state, FlightState::Carried | FlightState::Seen);
        let behind = self
            .flight
            .iter()
            .find(|flight| !left(flight))
            .map_or(self.next_seq, |flight| flight.seq);
        let leaving = self
            .leaving
            .iter_mut()
            .find(|leaving| !leaving.told && leaving.end.is_some_and(|end| end <= behind))?;
        leaving.told = true;
        Some(leaving.item.clone())
    }
}

impl Leaving {
    /// Cuts the next body off; `after` is the number after that body's.
    fn cut(&mut self, payload_bytes: usize, after: u32) -> Body {
        let text = match &self.item {
            Item::Control(control) => {
                self.end = Some(after);
                return Body::Control(*control);
            }
            Item::Text { text, .. } => text.as_bytes(),
        };
        let header = if self.cut == 0 { TEXT_HEADER_BYTES } else { 0 };
        let rest = text.get(self.cut..).unwrap_or_default();
        let (piece, more) = rest.split_at(rest.len().min(payload_bytes.saturating_sub(header)));
        let bytes = piece.to_vec();
        let first = self.cut == 0;
        self.cut += bytes.len();
        if more.is_empty() {
            self.end = Some(after);
        }
        match &self.item {
            Item::Text { id, text } if first => {
                let total = u16::try_from(text.len()).expect("texts are limited when queued");
                Body::Text {
                    id: *id,
                    total,
                    bytes,
                }
            }
            _ => Body::More(bytes),
        }
    }
}
