//! The clients of a round, all from a seed: whoever knows it derives the same crowd.
//!
//! Clients come in blocks, inside of which all matches are: a sample of whole blocks can be
//! checked without the rest. Ids are random, so blocks are strewn over the round's rows.
//!
//! Conversation, blocks of 4: two who talk with each other, two who are idle.
//! Dialing, blocks of 8: a call, two calls to one, a call with a wrong pass, and four who call
//! nobody. Where both are told, those who are called take calls, but for the last of them.

use mcmix_shared::identity::{ClientId, ClientKey, SecretKey};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::{
    CONVERSATION_HEAD_BYTES, ConversationRow, DIAL_MESSAGE_BYTES, DialRow, Pass, Role, Shape,
    Submission, Tag,
};
use mcmix_shared::share::{Component, DealtShare, Seed, check_payload, deal};
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
    /// Bytes of a message; those of dialing are as they are.
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
    /// Its row, in the clear: head and message.
    pub row: Vec<u8>,
    /// What its dealing draws from.
    stream: u64,
}

impl Person {
    /// Returns the id by which the paper's program knows it.
    pub fn short_id(&self) -> u64 {
        short(&self.id.0)
    }

    /// Returns the id that it dials in the paper's program.
    pub fn short_callee(&self) -> u64 {
        short(&self.row)
    }
}

/// Cuts an id, at the start of `bytes`, to what the paper's program compares.
pub fn short(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default())
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
            Program::Contacts | Program::Open => 8,
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
            .map(|_| ClientId(random(&mut rng)))
            .collect();
        let rows = match self.case.algorithm.program() {
            Program::Conversation => conversation_rows(self.case.message_bytes, &mut rng),
            Program::Contacts | Program::Open => {
                let called = match self.case.algorithm {
                    Algorithm::DialingBothTold => BOTH_TOLD,
                    _ => ONE_TOLD,
                };
                dialing_rows(&ids, called, &mut rng)
            }
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
        let [p0, p1, p2] = self.deal_all(person);
        match party {
            PartyId::P0 => p0,
            PartyId::P1 => p1,
            PartyId::P2 => p2,
        }
    }

    /// Returns what the engine reads of a person: its row and, in dialing, its check row's payload.
    pub fn engine_row(&self, person: &Person) -> Vec<u8> {
        let mut row = person.row.clone();
        if self.case.algorithm.program().is_dialing() {
            let [p0, _, p2] = self.deal_all(person).map(DealtShare::into_components);
            if let (Component::Seed(s0), Component::Seed(s1), Some(s2)) =
                (&p0.first, &p0.second, &p2.check)
            {
                let seeds: [&Seed; 3] = [s0, s1, s2];
                row.extend(check_payload(seeds));
            }
        }
        row
    }

    fn deal_all(&self, person: &Person) -> [DealtShare; 3] {
        let mut rng = self.rng(person.stream);
        deal(&self.submission(&person.row), &mut rng)
    }

    fn submission(&self, row: &[u8]) -> Submission {
        if self.case.algorithm.program().is_dialing() {
            let fields = row.as_chunks().0;
            let field = |i: usize| fields.get(i).copied().unwrap_or_default();
            return Submission::dialing(&DialRow {
                id: ClientId(field(0)),
                pass: Pass::from_bytes(field(1)),
                own_pass: Pass::from_bytes(field(2)),
                message: *row.last_chunk().unwrap_or(&[0; DIAL_MESSAGE_BYTES]),
            });
        }
        let (head, message) = row.split_at(CONVERSATION_HEAD_BYTES);
        let tag = head.first_chunk().copied().unwrap_or_default();
        let role = match head.last() {
            Some(0) => Role::Lower,
            _ => Role::Higher,
        };
        let row = ConversationRow {
            tag: Tag(u64::from_le_bytes(tag)),
            role,
            message: message.to_vec(),
        };
        Submission::conversation(self.case.shape(), &[row])
    }

    fn key_of(&self, id: ClientId) -> ClientKey {
        let index = u128::from_le_bytes(id.0) % u128::from(KEYS);
        let index = usize::try_from(index).unwrap_or_default();
        self.keys.get(index).copied().expect("as many keys as that")
    }

    fn rng(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.case.seed);
        rng.set_stream(stream);
        rng
    }
}

fn conversation_rows(message_bytes: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let pair: [u8; 8] = random(rng);
    let mut row = |tag: Option<[u8; 8]>, role: Role| {
        let alone = random(rng);
        let mut row = [&tag.unwrap_or(alone)[..], &[role.code()]].concat();
        row.resize(CONVERSATION_HEAD_BYTES + message_bytes, 0);
        rng.fill_bytes(row.split_at_mut(CONVERSATION_HEAD_BYTES).1);
        row
    };
    vec![
        row(Some(pair), Role::Higher),
        row(None, Role::Lower),
        row(Some(pair), Role::Lower),
        row(None, Role::Higher),
    ]
}

/// Whom each of a block calls, with whose pass.
type Called = [Option<(usize, usize)>; 8];

const ONE_TOLD: Called = [
    Some((1, 1)),
    None,
    Some((4, 4)),
    Some((4, 4)),
    None,
    Some((6, 7)),
    None,
    None,
];

/// Who calls itself takes calls.
const BOTH_TOLD: Called = [
    Some((1, 1)),
    Some((1, 1)),
    Some((4, 4)),
    Some((4, 4)),
    Some((4, 4)),
    Some((6, 6)),
    None,
    Some((7, 7)),
];

fn dialing_rows(ids: &[ClientId], called: Called, rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let passes: Vec<[u8; 16]> = ids.iter().map(|_| random(rng)).collect();
    let dial = |(called, own_pass): (Option<(usize, usize)>, &[u8; 16])| {
        let nobody = [random(rng), random(rng)];
        let message: [u8; DIAL_MESSAGE_BYTES] = random(rng);
        let somebody = called.and_then(|(id, pass)| Some([ids.get(id)?.0, *passes.get(pass)?]));
        let [id, pass] = somebody.unwrap_or(nobody);
        [&id, &pass, own_pass, &message[..]].concat()
    };
    called.into_iter().zip(&passes).map(dial).collect()
}

fn random<const N: usize>(rng: &mut ChaCha8Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill_bytes(&mut bytes);
    bytes
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
    fn two_of_eight_get_a_call_and_three_in_open() {
        let cases = [Algorithm::DialingContacts, Algorithm::DialingOpen];
        for (algorithm, expected) in cases.into_iter().zip([200, 300]) {
            let crowd = crowd(algorithm, 800);
            let ids: Vec<[u8; 16]> = crowd.people().map(|person| person.id.0).collect();
            let rows: Vec<Vec<u8>> = crowd.people().map(|p| crowd.engine_row(&p)).collect();
            let program = algorithm.dialing().unwrap();
            let choose = |callees: &[usize], callers: &[usize]| (callees[0], callers[0]);
            let told = mcmix_engine::ideal::dialing_callers(program, &ids, &rows.concat(), choose);
            assert_eq!(told.iter().flatten().count(), expected);
        }
    }

    #[test]
    fn four_of_eight_are_matched_where_both_are_told() {
        let crowd = crowd(Algorithm::DialingBothTold, 800);
        let ids: Vec<u64> = crowd.people().map(|person| person.short_id()).collect();
        let callees: Vec<u64> = crowd.people().map(|person| person.short_callee()).collect();
        let partners = mcmix_engine::ideal::both_told_partners(&ids, &callees, |_, c| c[0]);
        let matched = (0..).zip(&partners).filter(|(i, p)| i != *p).count();
        assert_eq!(matched, 400);
    }
}
