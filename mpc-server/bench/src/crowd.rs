//! The clients of a round, all from a seed: whoever knows it derives the same crowd.
//!
//! Clients come in blocks, inside of which all matches are: a sample of whole blocks can be
//! checked without the rest. Ids are random, so blocks are strewn over the round's rows.
//!
//! Conversation, blocks of 4: two who talk with each other, two who are idle.
//! Dialing, blocks of 8: a call that is taken, two calls to one who takes calls, a call to one
//! who does not, and two whom nobody calls, one open to calls and one not.

use mcmix_shared::identity::{ClientId, ClientKey, SecretKey};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::{ConversationRow, DialInput, Role, Shape, Tag};
use mcmix_shared::share::{DealtShare, deal};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::options::Algorithm;

/// What a crowd is derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// What computes its rounds.
    pub algorithm: Algorithm,
    /// How many clients there are.
    pub users: usize,
    /// Bytes of a message; dialing has none.
    pub message_bytes: usize,
    /// What everything random is drawn from.
    pub seed: u64,
}

/// The clients of a [`Case`].
#[derive(Debug)]
pub struct Crowd {
    case: Case,
    keys: Vec<ClientKey>,
}

/// One client and what it hands in.
#[derive(Clone, Debug)]
pub struct Person {
    /// Its id.
    pub id: ClientId,
    /// Its public key.
    pub key: ClientKey,
    /// Its row, in the clear.
    pub row: Vec<u8>,
    /// What its dealing draws from.
    stream: u64,
}

/// Keys are shared by many ids here: to make one costs more than all that is measured per client.
const KEYS: u8 = 251;

/// Streams below are for blocks, those above for dealing.
const DEALING: u64 = 1 << 40;

impl Case {
    /// Returns the sizes of its rows. A user has one row.
    pub const fn shape(&self) -> Shape {
        Shape {
            slots: 1,
            message_bytes: self.message_bytes,
        }
    }

    /// Returns the number of blocks, the last of which may be cut short.
    pub const fn blocks(&self) -> usize {
        self.users.div_ceil(self.block_users())
    }

    const fn block_users(&self) -> usize {
        match self.algorithm.program() {
            Program::Conversation => 4,
            Program::Dialing => 8,
        }
    }
}

impl Crowd {
    /// Derives a crowd.
    pub fn new(case: Case) -> Self {
        let key = |i| SecretKey::from_bytes([i; 32]).client_key();
        Self {
            case,
            keys: (0..KEYS).map(key).collect(),
        }
    }

    /// Returns what the crowd is derived from.
    pub const fn case(&self) -> &Case {
        &self.case
    }

    /// Returns everyone.
    pub fn people(&self) -> impl Iterator<Item = Person> {
        (0..self.case.blocks()).flat_map(|block| self.block(block))
    }

    /// Returns the people of a block.
    pub fn block(&self, block: usize) -> Vec<Person> {
        let first = block * self.case.block_users();
        let mut rng = self.rng(block as u64);
        let ids: Vec<ClientId> = (0..self.case.block_users())
            .map(|_| ClientId(rng.next_u64()))
            .collect();
        let rows = match self.case.algorithm.program() {
            Program::Conversation => conversation_rows(self.case.message_bytes, &mut rng),
            Program::Dialing => dialing_rows(&ids, &mut rng),
        };
        let people = ids.into_iter().zip(rows).zip(first..self.case.users);
        people
            .map(|((id, row), number)| Person {
                id,
                key: self.key_of(id),
                row,
                stream: DEALING + number as u64,
            })
            .collect()
    }

    /// Deals a person's row as its client would, and returns one party's share.
    pub fn deal(&self, person: &Person, party: PartyId) -> DealtShare {
        let [p0, p1, p2] = deal(&person.row, &mut self.rng(person.stream));
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }

    fn key_of(&self, id: ClientId) -> ClientKey {
        let index = usize::try_from(id.0 % u64::from(KEYS)).unwrap_or_default();
        self.keys.get(index).copied().expect("as many keys as that")
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.case.seed);
        rng.set_stream(stream);
        rng
    }
}

fn conversation_rows(message_bytes: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let [mut lower, mut higher, idle, bored] =
        [(); 4].map(|()| ConversationRow::idle(message_bytes, rng));
    let tag = Tag(rng.next_u64());
    (lower.tag, lower.role) = (tag, Role::Lower);
    (higher.tag, higher.role) = (tag, Role::Higher);
    let bytes = |row: ConversationRow| {
        let mut bytes = Vec::new();
        row.write(&mut bytes);
        bytes
    };
    [higher, idle, lower, bored].map(bytes).into()
}

fn dialing_rows(ids: &[ClientId], rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let dial = |whom: usize| {
        ids.get(whom)
            .map_or(DialInput::Closed, |&id| DialInput::Dial(id))
    };
    let inputs = [
        dial(1),
        DialInput::Check,
        dial(4),
        dial(4),
        DialInput::Check,
        dial(6),
        DialInput::Closed,
        DialInput::Check,
    ];
    let pairs = ids.iter().zip(inputs);
    pairs
        .map(|(&id, input)| input.row(id, rng).to_vec())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(algorithm: Algorithm, users: usize) -> Crowd {
        Crowd::new(Case {
            algorithm,
            users,
            message_bytes: 16,
            seed: 3,
        })
    }

    #[test]
    fn as_many_people_as_asked_for() {
        for algorithm in Algorithm::ALL {
            for users in [2, 8, 13, 1000] {
                assert_eq!(crowd(algorithm, users).people().count(), users);
            }
        }
    }

    #[test]
    fn everyone_derives_the_same_crowd() {
        let crowds = [(); 2].map(|()| crowd(Algorithm::Conversation, 9));
        for (a, b) in crowds[0].people().zip(crowds[1].people()) {
            assert_eq!((a.id, a.key, &a.row), (b.id, b.key, &b.row));
            for party in PartyId::ALL {
                let [a, b] = [crowds[0].deal(&a, party), crowds[1].deal(&b, party)];
                assert_eq!(a.encode(), b.encode());
            }
        }
    }

    #[test]
    fn half_of_them_talk() {
        let rows: Vec<u8> = crowd(Algorithm::Conversation, 1000)
            .people()
            .flat_map(|person| person.row)
            .collect();
        let partners = mcmix_engine::ideal::conversation_partners(&rows, 16);
        let matched = (0..).zip(&partners).filter(|(i, p)| i != *p).count();
        assert_eq!(matched, 500);
    }

    #[test]
    fn two_of_eight_calls_are_taken() {
        let crowd = crowd(Algorithm::Dialing, 800);
        let ids: Vec<u64> = crowd.people().map(|person| person.id.0).collect();
        let callees: Vec<u64> = crowd
            .people()
            .map(|person| u64::from_le_bytes(person.row.try_into().unwrap()))
            .collect();
        let partners = mcmix_engine::ideal::both_told_partners(&ids, &callees, |_, c| c[0]);
        let matched = (0..).zip(&partners).filter(|(i, p)| i != *p).count();
        assert_eq!(matched, 400);
    }
}
