//! From replies to sockets: what a round came to, for its clients.

use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::wire::MissedReason;

use crate::clients::Client;

/// What a round came to.
#[derive(Debug)]
pub struct Replies {
    /// The round.
    pub round: RoundId,
    /// Its program.
    pub program: Program,
    /// Whose rows were computed on.
    pub kept: Vec<Client>,
    /// This party's part of the reply to each of them, one behind the other.
    pub bodies: Vec<u8>,
    /// Who was left out, and why.
    pub left_out: Vec<(Client, MissedReason)>,
}

impl Replies {
    /// Returns the part of the reply that each client is sent.
    pub fn each(&self) -> impl Iterator<Item = (&Client, &[u8])> {
        let bytes = self.bodies.len().checked_div(self.kept.len());
        // Of a round without clients there are no bodies either.
        let bodies = self.bodies.chunks_exact(bytes.unwrap_or(1).max(1));
        self.kept.iter().zip(bodies)
    }
}
