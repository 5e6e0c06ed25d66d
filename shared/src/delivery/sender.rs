//! The sending end of a stream: numbers pieces, repeats what is lost, knows what has left.

use std::collections::{BTreeMap, VecDeque};

use zeroize::Zeroizing;

use super::{
    Item, Outcome, Pieces, ROUNDS_TO_TAKE, Receipt, TooLate, WINDOW,
    packet::{ITEM_HEADER_BYTES, Piece, PieceKind},
    record::{PassRecord, SenderRecord},
};
use crate::{
    client::BatchId,
    kdf::{self, Secret},
    program::RoundId,
};

/// Rounds after which an answer shows what came of a row: the next one may be written before
/// that row's reply is there.
const ROUNDS_TO_ANSWER: u64 = 2;
/// Rows with one piece whose outcome is waited for; older ones count as unknown.
const MAX_ROWS: usize = 16;
/// Numbers that one skip item can cover.
const MAX_SKIP: u32 = 1 << 16;

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
    /// Pieces of which a row may have reached the other side.
    flights: BTreeMap<u32, Flight>,
    stored: BatchId,
    /// Whether the record differs from the one given out last.
    pub(super) changed: bool,
}

/// An item and its numbers, or numbers that were taken back.
#[derive(Debug)]
struct Unit {
    content: Content,
    pieces: Pieces,
    release: Release,
    /// Whether some of it may have left before this start, or in an older stream.
    left: bool,
    /// Whether the caller was told that all of it was handed over.
    told: bool,
    /// Whether the caller must store other numbers than before.
    renumbered: bool,
}

#[derive(Debug)]
enum Content {
    Item(Item),
    Skip,
}

/// Whether a unit may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Release {
    /// Not before it is released.
    Held,
    /// Once the next batch is stored.
    WithNext,
    /// Once that batch is stored.
    With(BatchId),
}

/// What is known of a piece that was put into rows.
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
    /// It is lost.
    Due,
    /// Nothing is known.
    Waits,
    /// The other side has it, but does not acknowledge it yet.
    Seen,
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

impl Unit {
    fn text_id(&self) -> Option<u64> {
        match &self.content {
            Content::Item(Item::Text { id, .. }) => Some(*id),
            Content::Item(Item::Pass(_)) | Content::Skip => None,
        }
    }

    fn is_pass(&self) -> bool {
        matches!(self.content, Content::Item(Item::Pass(_)))
    }

    /// Returns the piece with a number of this unit.
    fn piece(&self, number: u32) -> Piece {
        let last = self.pieces.end().saturating_sub(1);
        let left = last.saturating_sub(number).try_into().unwrap_or(u16::MAX);
        let (kind, bytes) = match &self.content {
            Content::Skip => (PieceKind::Skip, Zeroizing::default()),
            Content::Item(item) => {
                let kind = match item {
                    Item::Text { .. } => PieceKind::Text,
                    Item::Pass(_) => PieceKind::Pass,
                };
                let index = number.saturating_sub(self.pieces.first) as usize;
                let bytes = item.to_bytes();
                let mut cut = bytes.chunks(self.pieces.piece_bytes.into()).skip(index);
                let bytes = cut.next().unwrap_or_default().to_vec();
                (kind, Zeroizing::new(bytes))
            }
        };
        Piece { kind, left, bytes }
    }

    /// Returns the bytes of the longest piece.
    fn longest_piece(&self) -> usize {
        match &self.content {
            Content::Skip => 0,
            Content::Item(item) => item.byte_count().min(self.pieces.piece_bytes.into()),
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
            flights: BTreeMap::new(),
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
            let restored = |(item, pieces)| Unit::restored(item, pieces, true);
            sender.units = items.into_iter().map(restored).collect();
            sender.restart(u8::MAX.into());
            return sender;
        }
        items.sort_by_key(|(_, pieces)| pieces.first);
        sender.stream = record.stream;
        (sender.next, sender.acked) = (record.acked, record.acked);
        for (item, pieces) in items {
            sender.skip_to(pieces.first);
            sender.next = pieces.end();
            let left = pieces.first < record.released;
            sender.units.push_back(Unit::restored(item, pieces, left));
        }
        sender.skip_to(record.next);
        sender.unheard = Some(record.unheard.unwrap_or(record.firm));
        let first = sender.units.front();
        if first.is_some_and(|unit| unit.pieces.first < record.acked) {
            sender.changed = false;
        } else {
            sender.restart(u8::MAX.into());
            sender.changed = !sender.units.is_empty();
        }
        sender
    }

    /// Covers the numbers up to that one with skip items: what had them was taken back.
    fn skip_to(&mut self, number: u32) {
        if number > self.next {
            let pieces = Pieces {
                stream: self.stream,
                first: self.next,
                count: number - self.next,
                piece_bytes: u8::MAX,
            };
            self.units.push_back(Unit {
                content: Content::Skip,
                pieces,
                release: Release::With(BatchId(0)),
                left: true,
                told: true,
                renumbered: false,
            });
            self.next = number;
        }
    }

    pub(super) fn to_record(&self) -> SenderRecord {
        let may_leave = |unit: &&Unit| unit.release != Release::Held || self.may_have_left(unit);
        let last = self.units.iter().rev().find(may_leave);
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
            released: last.map_or(self.acked, |unit| unit.pieces.end()),
            firm: self.firm(),
            unheard: self.unheard,
            pass: self.units.iter().rev().find_map(pass),
        }
    }

    /// Returns the number up to which all numbers mean for ever what they mean now.
    fn firm(&self) -> u32 {
        let is_firm = |unit: &&Unit| match unit.content {
            Content::Skip => true,
            Content::Item(_) => {
                let mut flights = self.flights(unit);
                let may_have_come = flights.any(|flight| flight.fate >= Fate::Unknown);
                unit.left || unit.pieces.first < self.acked || may_have_come
            }
        };
        let firm = self.units.iter().take_while(is_firm).last();
        firm.map_or(self.acked, |unit| unit.pieces.end())
    }

    /// Begins a new stream: cuts what is not acknowledged anew and numbers it from 0.
    fn restart(&mut self, piece_bytes: usize) {
        for index in 0..self.units.len() {
            let left = self
                .units
                .get(index)
                .is_some_and(|unit| self.may_have_left(unit));
            if let Some(unit) = self.units.get_mut(index) {
                unit.left = left;
            }
        }
        let last_pass = self.units.iter().rposition(Unit::is_pass);
        let units = core::mem::take(&mut self.units);
        self.flights.clear();
        (self.stream, self.next, self.acked) = (self.streams.next(), 0, 0);
        self.unheard = None;
        self.changed = true;
        for (index, mut unit) in units.into_iter().enumerate() {
            let Content::Item(item) = &unit.content else {
                continue;
            };
            if unit.is_pass() && Some(index) != last_pass {
                continue;
            }
            let piece_bytes = piece_bytes.min(unit.pieces.piece_bytes.into());
            unit.pieces = self.number(item, piece_bytes);
            unit.renumber();
            self.units.push_back(unit);
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
        self.units.push_back(Unit {
            content: Content::Item(item),
            pieces,
            release: Release::WithNext,
            left: false,
            told: false,
            renumbered: false,
        });
        pieces
    }

    fn find(&self, text_id: u64) -> Option<(usize, &Unit)> {
        let mut units = self.units.iter().enumerate();
        units.find(|(_, unit)| unit.text_id() == Some(text_id))
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
        let behind = || self.units.iter().skip(index + 1);
        if behind().any(|unit| self.may_have_left(unit)) {
            if let Some(unit) = self.units.get_mut(index) {
                unit.content = Content::Skip;
                unit.release = Release::WithNext;
            }
            return;
        }
        let Some(removed) = self.units.remove(index) else {
            return;
        };
        self.next = removed.pieces.first;
        for unit in self.units.iter_mut().skip(index) {
            unit.pieces.first = self.next;
            self.next = unit.pieces.end();
            unit.renumber();
        }
    }

    pub(super) fn hold(&mut self) {
        for index in 0..self.units.len() {
            let Some(unit) = self.units.get(index) else {
                return;
            };
            let is_item = matches!(unit.content, Content::Item(_));
            if is_item && unit.release != Release::Held && !self.may_have_left(unit) {
                self.changed = true;
                if let Some(unit) = self.units.get_mut(index) {
                    unit.release = Release::Held;
                }
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

    /// Returns the flights of a unit's pieces.
    fn flights(&self, unit: &Unit) -> impl Iterator<Item = &Flight> {
        let range = unit.pieces.first..unit.pieces.end();
        self.flights.range(range).map(|(_, flight)| flight)
    }

    fn may_have_left(&self, unit: &Unit) -> bool {
        unit.left || unit.pieces.first < self.acked || self.flights(unit).next().is_some()
    }

    /// Picks the pieces for a row, as many as fit, in order of their numbers.
    pub(super) fn pick(&mut self, round: RoundId, mut room: usize) -> Vec<(u32, Piece)> {
        self.began.get_or_insert(round);
        let mut picked = Vec::new();
        for (_, number, index) in self.candidates() {
            let Some(unit) = self.units.get(index) else {
                continue;
            };
            let piece = unit.piece(number);
            let bytes = ITEM_HEADER_BYTES + piece.bytes.len();
            if bytes <= room {
                room -= bytes;
                picked.push((number, piece));
            }
        }
        picked.sort_by_key(|(number, _)| *number);
        for (number, _) in &picked {
            self.fly(*number, round);
        }
        picked
    }

    /// Begins a new stream if pieces are too long for the rows.
    pub(super) fn fit(&mut self, piece_bytes: usize) {
        let too_long = |unit: &Unit| unit.longest_piece() > piece_bytes;
        if piece_bytes > 0 && self.units.iter().any(too_long) {
            self.restart(piece_bytes);
        }
    }

    /// Returns what may be put into a row, the most urgent first: need, number and unit.
    fn candidates(&self) -> Vec<(Need, u32, usize)> {
        let window = self.acked..self.acked.saturating_add(WINDOW);
        let known = self.unheard.unwrap_or(self.next);
        let mut candidates = Vec::new();
        for (index, unit) in self.units.iter().enumerate() {
            let first = unit.pieces.first.max(window.start);
            if first >= window.end.min(known) {
                break;
            }
            if !matches!(unit.release, Release::With(batch) if batch <= self.stored) {
                continue;
            }
            let end = match unit.content {
                Content::Skip => first.saturating_add(1),
                Content::Item(_) => unit.pieces.end().min(window.end).min(known),
            };
            candidates.extend((first..end).map(|number| {
                let need = self
                    .flights
                    .get(&number)
                    .map_or(Need::Due, |flight| flight.need);
                (need, number, index)
            }));
        }
        candidates.sort_unstable();
        candidates
    }

    fn fly(&mut self, number: u32, round: RoundId) {
        let flight = self.flights.entry(number).or_insert_with(|| Flight {
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

    /// Learns what became of a row; returns texts that were now handed over as a whole.
    pub(super) fn settle(&mut self, receipt: &Receipt, outcome: Outcome) -> Vec<u64> {
        if receipt.stream != self.stream {
            return Vec::new();
        }
        for number in &receipt.numbers {
            self.settle_piece(*number, receipt.round, outcome);
        }
        let mut told = Vec::new();
        for index in 0..self.units.len() {
            let Some(unit) = self.units.get(index) else {
                break;
            };
            let (Some(id), false) = (unit.text_id(), unit.told) else {
                continue;
            };
            let handed_over = self
                .flights(unit)
                .filter(|flight| flight.fate == Fate::HandedOver)
                .count();
            let open = unit.pieces.end() - unit.pieces.first.max(self.acked);
            if handed_over == open as usize {
                told.push(id);
                if let Some(unit) = self.units.get_mut(index) {
                    unit.told = true;
                }
            }
        }
        told
    }

    fn settle_piece(&mut self, number: u32, round: RoundId, outcome: Outcome) {
        let Some(flight) = self.flights.get_mut(&number) else {
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
        let lost = outcome != Outcome::Met && flight.rows.is_empty();
        if lost && flight.need == Need::Waits {
            flight.need = Need::Due;
        }
        if flight.rows.is_empty() && flight.fate == Fate::CameBack {
            self.flights.remove(&number);
        }
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
            if self.acked > 0 || self.unheard.is_some() {
                self.restart(u8::MAX.into());
            }
            return Vec::new();
        }
        let top = ack.saturating_add(u32::BITS - bits.leading_zeros());
        if ack < self.acked || top > self.unheard.unwrap_or(self.next) {
            self.restart(u8::MAX.into());
            return Vec::new();
        }
        self.hear(round);
        self.see(round, ack, bits);
        self.advance(ack)
    }

    /// Learns that the other side knows of nothing that we do not, unless a row from before the
    /// start could still reach it.
    fn hear(&mut self, round: RoundId) {
        let is_settled = |began: RoundId| round.0 >= began.0.saturating_add(ROUNDS_TO_TAKE);
        if self.began.is_some_and(is_settled) {
            self.changed |= self.unheard.take().is_some();
        }
    }

    /// Learns which pieces came but are not acknowledged, and which did not.
    fn see(&mut self, round: RoundId, ack: u32, bits: u32) {
        for (number, flight) in &mut self.flights {
            let bit = number.checked_sub(ack);
            let came = bit.is_some_and(|bit| bits.checked_shr(bit).is_some_and(|it| it & 1 == 1));
            let answered = round.0 >= flight.sent.0.saturating_add(ROUNDS_TO_ANSWER);
            flight.need = match flight.need {
                _ if came => Need::Seen,
                Need::Seen => Need::Due,
                Need::Waits if answered => Need::Due,
                need => need,
            };
            if came {
                flight.fate = Fate::HandedOver;
            }
        }
    }

    fn advance(&mut self, ack: u32) -> Vec<u64> {
        self.changed |= ack > self.acked;
        self.acked = ack;
        self.flights = self.flights.split_off(&ack);
        let mut delivered = Vec::new();
        while let Some(unit) = self.units.pop_front_if(|unit| unit.pieces.end() <= ack) {
            delivered.extend(unit.text_id());
        }
        delivered
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

    pub(super) fn store_failed(&mut self) {
        self.changed = true;
        for unit in &mut self.units {
            unit.renumbered = true;
            if matches!(unit.release, Release::With(batch) if batch > self.stored) {
                unit.release = Release::WithNext;
            }
        }
    }

    pub(super) fn take_unacknowledged(&mut self) -> Vec<u64> {
        let ids = self.units.iter().filter_map(Unit::text_id).collect();
        self.units.clear();
        self.restart(u8::MAX.into());
        ids
    }

    pub(super) fn has_left(&self, text_id: u64) -> bool {
        let unit = self.find(text_id);
        unit.is_some_and(|(_, unit)| self.may_have_left(unit))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.units.is_empty()
    }

    pub(super) fn pieces_left(&self, text_id: u64) -> u32 {
        self.find(text_id).map_or(0, |(_, unit)| {
            unit.pieces.end() - unit.pieces.first.max(self.acked)
        })
    }
}

impl Unit {
    /// Takes an item back from storage. One that has not left was held.
    fn restored(item: Item, pieces: Pieces, left: bool) -> Self {
        let release = if left {
            Release::With(BatchId(0))
        } else {
            Release::Held
        };
        Self {
            content: Content::Item(item),
            pieces,
            release,
            left,
            told: false,
            renumbered: false,
        }
    }

    /// Notes that the numbers are other ones, which must be stored first.
    fn renumber(&mut self) {
        self.renumbered = true;
        if self.release != Release::Held {
            self.release = Release::WithNext;
        }
    }
}

impl SenderRecord {
    /// Returns whether record and items are of one state: all numbers in the stream, none twice.
    fn fits(&self, items: &[(Item, Pieces)]) -> bool {
        let mut pieces: Vec<_> = items.iter().map(|(_, pieces)| *pieces).collect();
        pieces.sort_by_key(|pieces| pieces.first);
        let mut end = self.acked;
        for (index, pieces) in pieces.iter().enumerate() {
            let begins = index == 0 && pieces.first < self.acked || pieces.first >= end;
            if !begins || pieces.end() <= end || pieces.first.saturating_sub(end) > MAX_SKIP {
                return false;
            }
            end = pieces.end();
        }
        let are_cut_so = |(item, pieces): &(Item, Pieces)| {
            let cut = Pieces::cut(item, self.stream, pieces.first, pieces.piece_bytes.into());
            *pieces == cut
        };
        self.stream != 0
            && self.released <= self.next
            && self.firm <= self.next
            && end <= self.next
            && self.next - end <= MAX_SKIP
            && items.iter().all(are_cut_so)
    }
}
