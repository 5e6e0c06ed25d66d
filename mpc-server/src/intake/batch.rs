//! One round's submissions as a table: a line a client, in the order in which they came.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use mcmix_engine::{ConversationInput, DialingInput, DialingProgram};
use mcmix_shared::identity::ClientId;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::Shape;
use mcmix_shared::share::{DealtShare, Digest, DigestKey};
use mcmix_shared::wire::{MissedReason, Refusal};
use rayon::slice::ParallelSliceMut as _;

use super::rows::{DealtRows, Rows};
use crate::clients::Client;

/// One client's part in a round, as this party holds it.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// The client, as its link proved it.
    pub client: Client,
    /// What the holders of its components compare.
    pub digests: [Digest; 2],
    /// The connection over which it came; of two, the later one has the greater number.
    pub connection: u64,
    /// Where what it dealt stands.
    place: u32,
}

impl Member {
    /// Looks at a client's share. The hashes are the costly part.
    pub fn new(client: Client, connection: u64, share: &DealtShare, keys: &[DigestKey; 2]) -> Self {
        Self {
            client,
            digests: share.digests(&client.key, keys),
            connection,
            place: 0,
        }
    }
}

/// The submissions of a round.
#[derive(Debug)]
pub struct Batch {
    members: Vec<Member>,
    /// Where in `members` a client stands.
    index: HashMap<ClientId, u32>,
    rows: Rows,
    most: usize,
}

impl Batch {
    /// Makes an empty one of at most so many clients.
    pub fn new(me: PartyId, program: Program, shape: Shape, most: usize) -> Self {
        Self {
            members: Vec::new(),
            index: HashMap::new(),
            rows: Rows::new(me, program, shape),
            most,
        }
    }

    /// Takes one client's share. One that came over an earlier connection is replaced: a client
    /// that starts anew in the middle of a round deals again.
    ///
    /// # Errors
    /// The reason that the client is told.
    pub fn put(&mut self, mut member: Member, share: DealtShare) -> Result<(), Refusal> {
        let is_full = self.members.len() >= self.most;
        match self.index.entry(member.client.id) {
            Slot::Occupied(slot) => {
                let earlier = self.members.get_mut(*slot.get() as usize);
                let earlier = earlier.ok_or(Refusal::Repeated)?;
                if earlier.client.key != member.client.key
                    || earlier.connection >= member.connection
                {
                    return Err(Refusal::Repeated);
                }
                member.place = earlier.place;
                self.rows.replace(member.place, share);
                *earlier = member;
            }
            Slot::Vacant(_) if is_full => return Err(Refusal::TooManyConnections),
            Slot::Vacant(slot) => {
                member.place = self.rows.push(share);
                slot.insert(member.place);
                self.members.push(member);
            }
        }
        Ok(())
    }

    /// Closes the table: from now on in the order of ids, which is the same at all parties.
    #[must_use]
    pub fn in_order(mut self) -> Self {
        self.index = HashMap::new();
        self.members
            .par_sort_unstable_by_key(|member| member.client.id);
        self
    }

    /// Returns who handed in.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Leaves out those with an error, in the order of members, and returns them.
    pub fn leave_out(
        &mut self,
        verdicts: &[Result<(), MissedReason>],
    ) -> Vec<(Client, MissedReason)> {
        let judged = self.members.iter().zip(verdicts);
        let out = judged
            .filter_map(|(member, verdict)| Some((member.client, verdict.err()?)))
            .collect();
        let mut verdicts = verdicts.iter();
        self.members
            .retain(|_| verdicts.next().is_some_and(Result::is_ok));
        out
    }

    /// Returns a conversation round's input.
    pub fn into_conversation(self) -> ConversationInput<DealtRows> {
        let (message_bytes, each) = (self.rows.message_bytes(), self.rows.each());
        let rows = self.members.len() * each;
        let [first, second] = self.into_rows();
        ConversationInput {
            rows,
            message_bytes,
            first,
            second,
        }
    }

    /// Returns a dialing round's input.
    pub fn into_dialing(self, program: DialingProgram) -> DialingInput<DealtRows> {
        let ids = self.members.iter().map(|member| member.client.id.0);
        let ids = ids.collect();
        let [first, second] = self.into_rows();
        DialingInput {
            program,
            ids,
            first,
            second,
        }
    }

    fn into_rows(self) -> [DealtRows; 2] {
        let places = self.members.iter().map(|member| member.place).collect();
        self.rows.of(&places)
    }
}
