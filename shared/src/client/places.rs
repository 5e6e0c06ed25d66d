//! How crowded places are, and which ones to take (docs/protocol.md §11.2).

use crate::{
    call::{Place, Places},
    kdf::{Secret, derive},
};

/// How many places there are.
const PLACES: usize = 32;

/// How many sessions each place has.
#[derive(Debug, Default)]
pub(super) struct Crowd([u32; PLACES]);

impl Crowd {
    pub(super) fn of(taken: impl Iterator<Item = Place>) -> Self {
        let mut crowd = Self::default();
        for place in taken {
            if let Some(count) = crowd.0.get_mut(usize::from(place.code())) {
                *count += 1;
            }
        }
        crowd
    }

    /// Returns all places, the least crowded first; the ranking decides among equals.
    fn order(&self, ranking: &Secret) -> Vec<Place> {
        let rank = |place: &Place| {
            let number = place.code();
            let count = self.0.get(usize::from(number)).copied();
            let tie = *derive("place", ranking.as_bytes(), &[&[number]]).as_bytes();
            (count, tie)
        };
        let mut places: Vec<_> = (0..32).filter_map(Place::new).collect();
        places.sort_by_cached_key(rank);
        places
    }

    /// Returns the eight places that a caller offers.
    pub(super) fn offer(&self, ranking: &Secret) -> Places {
        let bit = |place: &Place| 1 << place.code();
        let mask = self
            .order(ranking)
            .iter()
            .take(Places::OFFERED as usize)
            .map(bit)
            .sum();
        Places::new(mask).expect("eight distinct places")
    }

    /// Returns the place that a callee takes of those.
    pub(super) fn take(&self, offered: Places, ranking: &Secret) -> Place {
        let order = self.order(ranking);
        let taken = order.into_iter().find(|place| offered.contains(*place));
        taken.expect("eight are offered")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_crowded_are_offered_and_ties_stay() {
        let ranking = Secret::from_bytes([7; 32]);
        let place = |number| Place::new(number).unwrap();
        let crowd = Crowd::of((0..28).map(place));
        let offered = crowd.offer(&ranking);
        assert!((28..32).all(|free| offered.contains(place(free))));
        assert_eq!(
            offered.mask(),
            crowd.offer(&ranking).mask(),
            "no fresh ties"
        );
        let other = Crowd::default().offer(&Secret::from_bytes([8; 32]));
        assert_ne!(Crowd::default().offer(&ranking).mask(), other.mask());
        let taken = Crowd::of((28..31).map(place)).take(offered, &ranking);
        assert!(offered.contains(taken) && !(28..31).contains(&taken.code()));
    }
}
