//! The sending end of a stream: numbers pieces, repeats what is lost, knows what has left.

use std::collections::VecDeque;

use super::{
    Item, Outcome, Pieces, ROUNDS_TO_TAKE, Receipt, TooLate, WINDOW,
    flights::Flights,
    packet::{ITEM_HEADER_BYTES, Piece},
    record::{PassRecord, SenderRecord},
    unit::{Content, Release, Unit},
};
use crate::{
    client::BatchId,
    kdf::{self, Secret},
    program::RoundId,
};

/// Numbers that one skip item can cover.
const MAX_SKIP: u32 = 1 << 16;
/// The longest pieces that there are.
const MAX_PIECE_BYTES: usize = u8::MAX as usize;

/// The sending end.
#[derive(Debug)]
pub(super) struct Sender {
    stream: u32,
    streams: StreamIds,
    /// The number of the next piece.
    next: u32,
    /// Pieces before this number are stored on the other side.
    acked: u32,
    /// Set until the other side is heard: only the numbers before this one mean the same in
    /// every state that our storage may have been in, so no others leave.
    unheard: Option<u32>,
    /// The round of the first row since the start.
    began: Option<RoundId>,
    /// What is not acknowledged, in order; together they cover `acked` to `next`.
    units: VecDeque<Unit>,
    flights: Flights,
    stored: BatchId,
    /// Whether the record differs from the one given out last.
    pub(super) changed: bool,
}

/// Draws stream ids, so that a new one needs no generator at hand.
#[derive(Debug)]
struct StreamIds {
    seed: Secret,
    drawn: u64,
}

impl StreamIds {
    /// Returns a random id that is not 0.
    fn next(&mut self) -> u32 {
        loop {
            self.drawn += 1;
            let id = kdf::derive("stream", self.seed.as_bytes(), &[&self.drawn.to_le_bytes()]);
            let (first, _) = id.as_bytes().split_first_chunk().expect("32 bytes");
            match u32::from_le_bytes(*first) {
                0 => {}
                id => return id,
            }
        }
    }
}

impl Sender {
    /// Starts a stream with nothing in it.
    pub(super) fn new(seed: Secret) -> Self {
        let mut streams = StreamIds { seed, drawn: 0 };
        Self {
            stream: streams.next(),
            streams,
            next: 0,
            acked: 0,
            unheard: None,
            began: None,
            units: VecDeque::new(),
            flights: Flights::default(),
            stored: BatchId(0),
            changed: true,
        }
    }

    pub(super) fn stream(&self) -> u32 {
        self.stream
    }

    /// Goes on from what was stored. Where nothing is acknowledged in part, or where the parts do
    /// not fit together, a new stream begins: numbers that could mean something else to the
    /// other side, should our storage have lost its last state, are not used at all then.
    pub(super) fn restore(
        record: &SenderRecord,
        mut items: Vec<(Item, Pieces)>,
        seed: Secret,
    ) -> Self {
        if let Some(pass) = &record.pass {
            items.push((Item::Pass(Secret::from_bytes(pass.secret)), pass.pieces));
        }
        let mut sender = Self::new(seed);
        if !record.fits(&items) {
            let left = items
                .into_iter()
                .map(|(item, pieces)| Unit::left(item, pieces));
            sender.units = left.collect();
            sender.restart(MAX_PIECE_BYTES);
            return sender;
        }
        items.sort_by_key(|(_, pieces)| pieces.first);
        sender.stream = record.stream;
        (sender.next, sender.acked) = (record.acked, record.acked);
        for (item, pieces) in items {
            sender.skip_to(pieces.first);
            sender.next = pieces.end();
            sender.units.push_back(if pieces.first < record.released {
                Unit::left(item, pieces)
            } else {
                Unit::held(item, pieces)
            });
        }
        sender.skip_to(record.next);
        sender.unheard = Some(record.unheard.unwrap_or(record.firm));
        let first = sender.units.front();
        if first.is_some_and(|unit| unit.pieces.first < record.acked) {
            sender.changed = false;
        } else {
            sender.restart(MAX_PIECE_BYTES);
            sender.changed = !sender.units.is_empty();
        }
        sender
    }

    /// Covers the numbers up to that one with a skip item: what had them was taken back.
    fn skip_to(&mut self, number: u32) {
        if number > self.next {
            self.units.push_back(Unit::skip(Pieces {
                stream: self.stream,
                first: self.next,
                count: number - self.next,
                piece_bytes: u8::MAX,
            }));
            self.next = number;
        }
    }

    pub(super) fn to_record(&self) -> SenderRecord {
        let may_leave = |unit: &&Unit| unit.release != Release::Held || self.may_have_left(unit);
        let is_firm = |unit: &&Unit| unit.is_firm(self.acked, &self.flights);
        let end = |unit: Option<&Unit>| unit.map_or(self.acked, |unit| unit.pieces.end());
        let pass = |unit: &Unit| match &unit.content {
            Content::Item(Item::Pass(secret)) => Some(PassRecord {
                secret: *secret.as_bytes(),
                pieces: unit.pieces,
            }),
            Content::Item(Item::Text { .. }) | Content::Skip => None,
        };
        SenderRecord {
            stream: self.stream,
            next: self.next,
            acked: self.acked,
            released: end(self.units.iter().rev().find(may_leave)),
            firm: end(self.units.iter().take_while(is_firm).last()),
            unheard: self.unheard,
            pass: self.units.iter().rev().find_map(pass),
        }
    }

    /// Begins a new stream: cuts what is not acknowledged anew and numbers it from 0.
    fn restart(&mut self, piece_bytes: usize) {
        for unit in &mut self.units {
            unit.left = unit.may_have_left(self.acked, &self.flights);
        }
        let units = core::mem::take(&mut self.units);
        self.flights.clear();
        (self.stream, self.next, self.acked) = (self.streams.next(), 0, 0);
        self.unheard = None;
        self.changed = true;
        for mut unit in units {
            if let Content::Item(item) = &unit.content {
                let piece_bytes = piece_bytes.min(unit.pieces.piece_bytes.into());
                let pieces = self.number(item, piece_bytes);
                unit.renumber(pieces);
                self.units.push_back(unit);
            }
        }
    }

    /// Gives the next numbers to an item.
    fn number(&mut self, item: &Item, piece_bytes: usize) -> Pieces {
        let pieces = Pieces::cut(item, self.stream, self.next, piece_bytes);
        self.next = pieces.end();
        pieces
    }

    pub(super) fn queue(&mut self, item: Item, piece_bytes: usize) -> Pieces {
        if matches!(item, Item::Pass(_)) {
            let waits = |unit: &Unit| unit.is_pass() && !self.may_have_left(unit);
            if let Some(index) = self.units.iter().rposition(waits) {
                self.remove(index);
            }
        }
        if self.next > u32::MAX / 2 {
            self.restart(piece_bytes);
        }
        let pieces = self.number(&item, piece_bytes);
        self.changed = true;
        self.units.push_back(Unit::new(item, pieces));
        pieces
    }

    fn find(&self, text_id: u64) -> Option<(usize, &Unit)> {
        let mut units = self.units.iter().enumerate();
        units.find(|(_, unit)| unit.text_id() == Some(text_id))
    }

    /// Returns the number from which on the other side can know nothing.
    fn known(&self) -> u32 {
        self.next.min(self.unheard.unwrap_or(self.next))
    }

    fn may_have_left(&self, unit: &Unit) -> bool {
        unit.may_have_left(self.acked, &self.flights)
    }

    pub(super) fn cancel(&mut self, text_id: u64) -> Result<(), TooLate> {
        match self.find(text_id) {
            Some((index, unit)) if !self.may_have_left(unit) => {
                self.remove(index);
                Ok(())
            }
            _ => Err(TooLate),
        }
    }

    /// Removes a unit of which nothing has left. What comes after it moves up, so that nobody
    /// sees that it was there; if some of that may have left, a skip item covers its numbers.
    fn remove(&mut self, index: usize) {
        self.changed = true;
        let mut behind = self.units.iter().skip(index + 1);
        if behind.any(|unit| self.may_have_left(unit)) {
            if let Some(unit) = self.units.get_mut(index) {
                unit.content = Content::Skip;
                unit.release = Release::WithNext;
            }
        } else if let Some(removed) = self.units.remove(index) {
            self.next = removed.pieces.first;
            for unit in self.units.iter_mut().skip(index) {
                let first = self.next;
                unit.renumber(Pieces {
                    first,
                    ..unit.pieces
                });
                self.next = unit.pieces.end();
            }
        }
    }

    pub(super) fn hold(&mut self) {
        for unit in &mut self.units {
            let has_left = unit.is_skip() || unit.may_have_left(self.acked, &self.flights);
            if !has_left && unit.release != Release::Held {
                unit.release = Release::Held;
                self.changed = true;
            }
        }
    }

    pub(super) fn release(&mut self) {
        for unit in &mut self.units {
            if unit.release == Release::Held {
                unit.release = Release::WithNext;
                self.changed = true;
            }
        }
    }

    /// Begins a new stream if pieces are too long for the rows.
    pub(super) fn fit(&mut self, piece_bytes: usize) {
        let too_long = |unit: &Unit| unit.longest_piece() > piece_bytes;
        if piece_bytes > 0 && self.units.iter().any(too_long) {
            self.restart(piece_bytes);
        }
    }

    /// Picks the pieces for a row, as many as fit, in order of their numbers.
    pub(super) fn pick(&mut self, round: RoundId, mut room: usize) -> Vec<(u32, Piece)> {
        self.began.get_or_insert(round);
        let mut picked = Vec::new();
        for (number, unit) in self.candidates() {
            let bytes = ITEM_HEADER_BYTES + unit.piece_bytes(number);
            if bytes <= room {
                room -= bytes;
                picked.push((number, unit.piece(number)));
            }
        }
        picked.sort_by_key(|(number, _)| *number);
        for (number, _) in &picked {
            self.flights.send(*number, round);
        }
        picked
    }

    /// Returns the numbers that may be put into a row, the most urgent first.
    fn candidates(&self) -> Vec<(u32, &Unit)> {
        let end = self.acked.saturating_add(WINDOW).min(self.known());
        let may_leave = |unit: &&Unit| {
            let starts = unit.pieces.first < end;
            starts && matches!(unit.release, Release::With(batch) if batch <= self.stored)
        };
        let mut candidates = Vec::new();
        for unit in self.units.iter().filter(may_leave) {
            let first = unit.pieces.first.max(self.acked);
            let last = if unit.is_skip() {
                first.saturating_add(1)
            } else {
                unit.pieces.end().min(end)
            };
            candidates.extend((first..last).map(|number| (number, unit)));
        }
        candidates.sort_by_key(|(number, _)| self.flights.urgency(*number));
        candidates
    }

    /// Learns what became of a row; returns texts that were now handed over as a whole.
    pub(super) fn settle(&mut self, receipt: &Receipt, outcome: Outcome) -> Vec<u64> {
        if receipt.stream != self.stream {
            return Vec::new();
        }
        for number in &receipt.numbers {
            self.flights.settle(*number, receipt.round, outcome);
        }
        let mut handed_over = Vec::new();
        for unit in &mut self.units {
            let whole = self.flights.handed_over(&unit.pieces) == unit.open(self.acked) as usize;
            if let (Some(id), true, false) = (unit.text_id(), whole, unit.told) {
                unit.told = true;
                handed_over.push(id);
            }
        }
        handed_over
    }

    /// Takes an acknowledgement of a round; returns the texts that are delivered now, in order.
    pub(super) fn acknowledge(
        &mut self,
        round: RoundId,
        acked_stream: u32,
        ack: u32,
        bits: u32,
    ) -> Vec<u64> {
        if acked_stream != self.stream {
            // It does not know the stream: not yet, or not any more.
            if self.acked > 0 {
                self.restart(MAX_PIECE_BYTES);
            }
            return Vec::new();
        }
        let top = ack.saturating_add(u32::BITS - bits.leading_zeros());
        if ack < self.acked || top > self.known() {
            self.restart(MAX_PIECE_BYTES);
            return Vec::new();
        }
        self.hear(round);
        self.flights.see(round, ack, bits);
        self.changed |= ack > self.acked;
        self.acked = ack;
        let mut delivered = Vec::new();
        while let Some(unit) = self.units.pop_front_if(|unit| unit.pieces.end() <= ack) {
            delivered.extend(unit.text_id());
        }
        delivered
    }

    /// Learns that the other side knows of nothing that we do not, unless a row from before the
    /// start could still reach it.
    fn hear(&mut self, round: RoundId) {
        let is_settled = |began: RoundId| round.0 >= began.0.saturating_add(ROUNDS_TO_TAKE);
        if self.began.is_some_and(is_settled) {
            self.changed |= self.unheard.take().is_some();
        }
    }

    /// Lets what was queued, released or renumbered leave once that batch is stored; returns
    /// the texts whose numbers must be stored anew.
    pub(super) fn commit_with(&mut self, batch: BatchId) -> Vec<(u64, Pieces)> {
        self.changed = false;
        let mut renumbered = Vec::new();
        for unit in &mut self.units {
            if unit.release == Release::WithNext {
                unit.release = Release::With(batch);
            }
            if unit.renumbered {
                renumbered.extend(unit.text_id().map(|id| (id, unit.pieces)));
                unit.renumbered = false;
            }
        }
        renumbered
    }

    pub(super) fn stored(&mut self, batch: BatchId) {
        self.stored = self.stored.max(batch);
    }

    pub(super) fn take_unacknowledged(&mut self) -> Vec<u64> {
        let ids = self.units.iter().filter_map(Unit::text_id).collect();
        self.units.clear();
        self.restart(MAX_PIECE_BYTES);
        ids
    }

    pub(super) fn has_left(&self, text_id: u64) -> bool {
        let unit = self.find(text_id);
        unit.is_some_and(|(_, unit)| self.may_have_left(unit))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.units.is_empty()
    }

    #[cfg(test)]
    pub(super) fn pieces_left(&self, text_id: u64) -> u32 {
        let unit = self.find(text_id);
        unit.map_or(0, |(_, unit)| unit.open(self.acked))
    }
}

impl SenderRecord {
    /// Returns whether record and items are of one state: all numbers in the stream, none twice.
    fn fits(&self, items: &[(Item, Pieces)]) -> bool {
        let mut pieces: Vec<_> = items.iter().map(|(_, pieces)| *pieces).collect();
        pieces.sort_by_key(|pieces| pieces.first);
        let mut end = self.acked;
        for (index, pieces) in pieces.iter().enumerate() {
            let is_begun = index == 0 && pieces.first < self.acked;
            let gap = pieces.first.checked_sub(end);
            let is_next = is_begun || gap.is_some_and(|gap| gap <= MAX_SKIP);
            if !is_next || pieces.end() <= end {
                return false;
            }
            end = pieces.end();
        }
        let is_cut_so = |(item, pieces): &(Item, Pieces)| {
            let cut = Pieces::cut(item, self.stream, pieces.first, pieces.piece_bytes.into());
            *pieces == cut
        };
        self.stream != 0
            && self
                .next
                .checked_sub(end)
                .is_some_and(|gap| gap <= MAX_SKIP)
            && items.iter().all(is_cut_so)
    }
}
