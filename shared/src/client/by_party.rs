//! One value for each of the three servers.

use crate::party::PartyId;

/// One value for each of the three servers.
#[derive(Clone, Debug, Default)]
pub(super) struct ByParty<T>(pub(super) [T; 3]);

impl<T> ByParty<T> {
    pub(super) fn get(&self, party: PartyId) -> &T {
        let [p0, p1, p2] = &self.0;
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }

    pub(super) fn get_mut(&mut self, party: PartyId) -> &mut T {
        let [p0, p1, p2] = &mut self.0;
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }
}
