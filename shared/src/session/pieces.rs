//! An offer or answer cut into pieces, one a row, that go round until the next step shows that
//! they came.

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

/// The most pieces that something may be cut into.
const MOST: u32 = 64;

/// Returns into how many pieces of that size something is cut.
fn count(total: usize, piece_bytes: usize) -> Option<u32> {
    let count = total.checked_div(piece_bytes)? + usize::from(total % piece_bytes != 0);
    u32::try_from(count).ok().filter(|count| *count <= MOST)
}

fn all(count: u32) -> u64 {
    u64::MAX.checked_shr(MOST - count).unwrap_or(0)
}

fn bit(piece: u32) -> u64 {
    1 << (piece % MOST)
}

/// A piece: which, how many come after it, where it stands.
pub(super) struct Cut<'a> {
    pub(super) left: u16,
    pub(super) bytes: &'a [u8],
}

/// Which pieces of something went out.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Outgoing {
    piece_bytes: usize,
    /// Pieces that went out since all had gone out last.
    round: u64,
    /// Pieces whose last row may have met; what became of it may not be known yet.
    flying: u64,
    /// Pieces of which an earlier row may have met.
    met: u64,
    /// All may have met, before they were cut anew.
    all_met: bool,
}

impl Outgoing {
    /// Returns the next piece: in a random order, each once before any comes again, so that no
    /// pattern of rows that meet lets the same piece through time after time.
    pub(super) fn next<'a>(
        &mut self,
        whole: &'a [u8],
        piece_bytes: usize,
        rng: &mut impl CryptoRng,
    ) -> Option<Cut<'a>> {
        let count = count(whole.len(), piece_bytes)?;
        if self.piece_bytes != piece_bytes {
            *self = Self {
                piece_bytes,
                all_met: self.all_may_have_met(whole.len()),
                ..Self::default()
            };
        }
        let mut unsent = all(count) & !self.round;
        if unsent == 0 {
            self.round = 0;
            unsent = all(count);
        }
        let choice = rng.next_u32().checked_rem(unsent.count_ones())?;
        let piece = (0..count)
            .filter(|piece| unsent & bit(*piece) != 0)
            .nth(usize::try_from(choice).ok()?)?;
        self.round |= bit(piece);
        self.met |= self.flying & bit(piece);
        self.flying |= bit(piece);
        let bytes = whole
            .chunks(piece_bytes)
            .nth(usize::try_from(piece).ok()?)?;
        let left = u16::try_from(count - 1 - piece).ok()?;
        Some(Cut { left, bytes })
    }

    /// Takes note that the last row with that piece met nobody; it goes again soon.
    pub(super) fn came_back(&mut self, total: usize, left: u16) {
        let piece =
            count(total, self.piece_bytes).and_then(|count| count.checked_sub(1 + u32::from(left)));
        if let Some(piece) = piece {
            self.flying &= !bit(piece);
            self.round &= !bit(piece);
        }
    }

    /// Returns whether the other side may have all pieces.
    pub(super) fn all_may_have_met(&self, total: usize) -> bool {
        self.all_met
            || count(total, self.piece_bytes)
                .is_some_and(|count| (self.met | self.flying) & all(count) == all(count))
    }
}

/// The pieces that came.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Incoming {
    piece_bytes: usize,
    have: u64,
    whole: Vec<u8>,
}

impl Incoming {
    /// Takes a piece of something that has `total` bytes; returns the whole with the last of
    /// them, and begins anew. Pieces of another size, or of something else, replace what is
    /// there.
    pub(super) fn take(
        &mut self,
        piece: &Cut<'_>,
        total: usize,
        piece_bytes: usize,
    ) -> Option<Vec<u8>> {
        let count = count(total, piece_bytes)?;
        let index = count.checked_sub(1 + u32::from(piece.left))?;
        if self.piece_bytes != piece_bytes || self.whole.len() != total {
            self.begin(total, piece_bytes);
        }
        let at = usize::try_from(index).ok()?.checked_mul(piece_bytes)?;
        let end = total.min(at.checked_add(piece_bytes)?);
        let place = self.whole.get(at..end)?;
        if place.len() != piece.bytes.len() {
            return None;
        }
        if self.have & bit(index) != 0 && place != piece.bytes {
            self.begin(total, piece_bytes);
        }
        self.whole.get_mut(at..end)?.copy_from_slice(piece.bytes);
        self.have |= bit(index);
        let complete = self.have & all(count) == all(count);
        complete.then(|| core::mem::take(self).whole)
    }

    fn begin(&mut self, total: usize, piece_bytes: usize) {
        *self = Self {
            piece_bytes,
            have: 0,
            whole: vec![0; total],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{Cut, Incoming, Outgoing};
    use proptest::prelude::*;
    use rand_chacha::{ChaCha12Rng, rand_core::SeedableRng as _};

    fn whole(total: usize, salt: u8) -> Vec<u8> {
        (0..total)
            .map(|at| u8::try_from(at % 251).unwrap() ^ salt)
            .collect()
    }

    proptest! {
        /// Without losses as many rows as pieces; in random losses all come in the end.
        #[test]
        fn all_pieces_come(
            total in 1..1300_usize,
            piece_bytes in 21..300_usize,
            seed: u64,
            period in 1..4_usize,
        ) {
            let mut rng = ChaCha12Rng::seed_from_u64(seed);
            let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
            let whole = whole(total, 3);
            let count = total.div_ceil(piece_bytes);
            let mut came = None;
            for row in 0..count * period * 20 {
                prop_assert!(!outgoing.all_may_have_met(total) || row >= count);
                let cut = outgoing.next(&whole, piece_bytes, &mut rng).unwrap();
                if row % period == 0 && came.is_none() {
                    came = incoming.take(&cut, total, piece_bytes).map(|got| (row, got));
                }
            }
            prop_assert!(outgoing.all_may_have_met(total));
            let (row, got) = came.expect("all came");
            prop_assert_eq!(got, whole);
            prop_assert!(period > 1 || row + 1 == count);
        }

        #[test]
        fn any_piece_is_survived(
            total in 0..1300_usize,
            piece_bytes in 0..300_usize,
            pieces in prop::collection::vec((any::<u16>(), 0..300_usize), 0..8),
        ) {
            let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
            for (left, length) in pieces {
                let cut = Cut { left, bytes: &vec![1; length] };
                incoming.take(&cut, total, piece_bytes);
                outgoing.came_back(total, left);
            }
            let mut rng = ChaCha12Rng::seed_from_u64(1);
            outgoing.next(&whole(total, 1), piece_bytes, &mut rng);
            outgoing.came_back(total, 3);
        }
    }

    /// What came back counts as not gone, unless an earlier row with it may have met; and what
    /// may have met is not forgotten when rows get shorter.
    #[test]
    fn what_came_back_has_not_met() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let whole = whole(1124, 0);
        let mut outgoing = Outgoing::default();
        let mut last = 0;
        for _ in 0..6 {
            last = outgoing.next(&whole, 200, &mut rng).unwrap().left;
        }
        assert!(outgoing.all_may_have_met(1124));
        outgoing.came_back(1124, last);
        assert!(!outgoing.all_may_have_met(1124));
        let again = outgoing.next(&whole, 200, &mut rng).unwrap().left;
        assert_eq!(again, last, "it goes again first");
        assert!(outgoing.all_may_have_met(1124));
        for _ in 0..6 {
            let left = outgoing.next(&whole, 200, &mut rng).unwrap().left;
            outgoing.came_back(1124, left);
        }
        assert!(
            outgoing.all_may_have_met(1124),
            "the rows before may have met"
        );
        outgoing.next(&whole, 104, &mut rng).unwrap();
        assert!(outgoing.all_may_have_met(1124));
    }

    /// The pieces of two offers are never taken for one while the receiver can see that they
    /// differ.
    #[test]
    fn another_whole_replaces_what_is_there() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let (one, two) = (whole(1124, 0), whole(1124, 1));
        let mut incoming = Incoming::default();
        let mut outgoing = Outgoing::default();
        for _ in 0..5 {
            let cut = outgoing.next(&one, 200, &mut rng).unwrap();
            assert!(incoming.take(&cut, 1124, 200).is_none());
        }
        let mut outgoing = Outgoing::default();
        let mut got = Vec::new();
        for _ in 0..18 {
            let cut = outgoing.next(&two, 200, &mut rng).unwrap();
            got.extend(incoming.take(&cut, 1124, 200));
        }
        assert_eq!(got.last(), Some(&two));
    }
}
