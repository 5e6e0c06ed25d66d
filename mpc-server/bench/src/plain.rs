//! The same work in the clear: one thread, one hash map, no privacy.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::{Duration, Instant};

use mcmix_engine::DialingProgram;
use mcmix_engine::ideal::UNCOMPARED_BITS;
use mcmix_engine::program::{DIAL_HEAD_BYTES, DIAL_INPUT_BYTES, DIAL_MESSAGE_BYTES};
use mcmix_shared::row::CONVERSATION_HEAD_BYTES;

use crate::crowd::{Crowd, Person};
use crate::options::Algorithm;

/// Bytes of a reply where both are told: a key and a number.
const BOTH_TOLD_REPLY_BYTES: usize = 48;

/// Does a crowd's round in the clear and returns how long that took, as the median of a few.
pub fn measure(crowd: &Crowd) -> Duration {
    const TIMES: usize = 5;
    let people: Vec<_> = crowd.people().collect();
    let rows: Vec<u8> = people
        .iter()
        .flat_map(|person| crowd.engine_row(person))
        .collect();
    let ids: Vec<[u8; 16]> = people.iter().map(|person| person.id.0).collect();
    let short_ids: Vec<u64> = people.iter().map(Person::short_id).collect();
    let callees: Vec<u64> = people.iter().map(Person::short_callee).collect();
    let keys: Vec<[u8; 32]> = people.iter().map(|person| *person.key.as_bytes()).collect();
    drop(people);
    let mut times = [(); TIMES].map(|()| {
        let began = Instant::now();
        let replies = match crowd.case().algorithm {
            Algorithm::Conversation | Algorithm::ConversationBySorting => {
                conversation(&rows, crowd.case().message_bytes)
            }
            Algorithm::DialingContacts => dialing(DialingProgram::Contacts, &ids, &rows),
            Algorithm::DialingOpen => dialing(DialingProgram::Open, &ids, &rows),
            Algorithm::DialingBothTold => both_told(&short_ids, &keys, &callees),
        };
        let time = began.elapsed();
        std::hint::black_box(replies);
        time
    });
    times.sort_unstable();
    times.get(TIMES / 2).copied().unwrap_or_default()
}

/// Swaps messages where exactly two rows carry a tag, one of each role.
pub fn conversation(rows: &[u8], message_bytes: usize) -> Vec<u8> {
    let row_bytes = CONVERSATION_HEAD_BYTES + message_bytes;
    let count = rows.len() / row_bytes;
    let mut partners: Vec<usize> = (0..count).collect();
    // The first row of a tag, its role, and how many rows there are.
    let mut seen: HashMap<u64, (usize, u8, u32)> = HashMap::with_capacity(count);
    for (i, row) in rows.chunks_exact(row_bytes).enumerate() {
        let Some((tag, [role, ..])) = row.split_first_chunk() else {
            continue;
        };
        match seen.entry(u64::from_le_bytes(*tag) >> UNCOMPARED_BITS) {
            Entry::Vacant(entry) => {
                entry.insert((i, role & 1, 1));
            }
            Entry::Occupied(mut entry) => {
                let (first, other, count) = entry.get_mut();
                *count += 1;
                let second = partners.get(*first).copied().unwrap_or(*first);
                if *count == 2 && *other != role & 1 {
                    partners.swap(*first, i);
                } else if *count == 3 && second != *first {
                    partners.swap(*first, second);
                }
            }
        }
    }
    let mut replies = Vec::with_capacity(count * message_bytes);
    for partner in partners {
        let message = partner * row_bytes + CONVERSATION_HEAD_BYTES;
        replies.extend_from_slice(
            rows.get(message..message + message_bytes)
                .unwrap_or_default(),
        );
    }
    replies
}

/// Gives everyone the message of the first who dials it, or what its own row has for that case.
pub fn dialing(program: DialingProgram, ids: &[[u8; 16]], rows: &[u8]) -> Vec<u8> {
    let counts = |pass| match program {
        DialingProgram::Contacts => pass,
        DialingProgram::Open => [0; 16],
    };
    let mut dials: HashMap<[[u8; 16]; 2], &[u8]> = HashMap::with_capacity(ids.len());
    let rows = rows.chunks_exact(DIAL_INPUT_BYTES);
    for row in rows.clone() {
        if let [id, pass, ..] = *row.as_chunks().0 {
            dials.entry([id, counts(pass)]).or_insert(row);
        }
    }
    let mut replies = Vec::with_capacity(ids.len() * DIAL_MESSAGE_BYTES);
    for (id, row) in ids.iter().zip(rows) {
        let own_pass = row.as_chunks().0.get(2).copied().unwrap_or_default();
        let (row, from) = match dials.remove(&[*id, counts(own_pass)]) {
            Some(dial) => (dial, DIAL_HEAD_BYTES),
            None => (row, DIAL_HEAD_BYTES + DIAL_MESSAGE_BYTES),
        };
        replies.extend_from_slice(row.get(from..from + DIAL_MESSAGE_BYTES).unwrap_or_default());
    }
    replies
}

/// Gives each callee who is open to calls and the first of its callers each other's keys and a
/// number in common.
pub fn both_told(ids: &[u64], keys: &[[u8; 32]], callees: &[u64]) -> Vec<u8> {
    let callees = callees.iter().copied();
    let mut open: HashMap<u64, usize> = HashMap::with_capacity(ids.len());
    for (i, (&id, callee)) in ids.iter().zip(callees.clone()).enumerate() {
        if id == callee {
            open.insert(id, i);
        }
    }
    let mut partners: Vec<usize> = (0..ids.len()).collect();
    for (i, (&id, callee)) in ids.iter().zip(callees).enumerate() {
        if id != callee
            && let Some(callee) = open.remove(&callee)
        {
            partners.swap(i, callee);
        }
    }
    let mut replies = Vec::with_capacity(ids.len() * BOTH_TOLD_REPLY_BYTES);
    for (i, &partner) in partners.iter().enumerate() {
        replies.extend_from_slice(keys.get(partner).map_or(&[0; 32], |key| key));
        let number = if partner == i {
            0
        } else {
            (i as u128) ^ (partner as u128)
        };
        replies.extend_from_slice(&number.to_le_bytes());
    }
    replies
}

#[cfg(test)]
mod tests {
    use mcmix_engine::ideal;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

    use super::*;
    use crate::crowd::Case;
    use crate::options::Algorithm;

    #[test]
    fn conversation_is_the_ideal_one() {
        for seed in 0..50 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            // Few tags, so that many rows share one.
            let row = |_| {
                let [tag, role, message @ ..] = rng.next_u64().to_le_bytes();
                let mut row = vec![0; 8];
                row[0] = tag % 64;
                row.push(role);
                row.extend(message);
                row
            };
            let rows: Vec<u8> = (0..40).flat_map(row).collect();
            assert_eq!(
                conversation(&rows, 6),
                ideal::conversation(&rows, 6),
                "seed {seed}"
            );
        }
    }

    fn crowd(algorithm: Algorithm) -> (Crowd, Vec<Person>) {
        let crowd = Crowd::new(Case {
            algorithm,
            users: 800,
            message_bytes: 0,
            seed: 1,
        });
        let people = crowd.people().collect();
        (crowd, people)
    }

    #[test]
    fn dialing_is_an_ideal_one() {
        for algorithm in [Algorithm::DialingContacts, Algorithm::DialingOpen] {
            let (crowd, people) = crowd(algorithm);
            let program = algorithm.dialing().unwrap();
            let ids: Vec<[u8; 16]> = people.iter().map(|person| person.id.0).collect();
            let rows: Vec<u8> = people.iter().flat_map(|p| crowd.engine_row(p)).collect();
            let choose = |callees: &[usize], callers: &[usize]| (callees[0], callers[0]);
            let expected = ideal::dialing(program, &ids, &rows, choose);
            assert!(dialing(program, &ids, &rows) == expected, "{algorithm}");
        }
    }

    #[test]
    fn both_told_is_an_ideal_one() {
        let (_, people) = crowd(Algorithm::DialingBothTold);
        let ids: Vec<u64> = people.iter().map(Person::short_id).collect();
        let callees: Vec<u64> = people.iter().map(Person::short_callee).collect();
        let keys: Vec<[u8; 32]> = (0..800_u32)
            .map(|i| core::array::from_fn(|at| i.to_le_bytes()[at % 4]))
            .collect();
        let partners = ideal::both_told_partners(&ids, &callees, |_, callers| callers[0]);
        let replies = both_told(&ids, &keys, &callees);
        for (i, reply) in replies.chunks(BOTH_TOLD_REPLY_BYTES).enumerate() {
            assert_eq!(reply[..32], keys[partners[i]]);
            assert_eq!(reply[32..] == [0; 16], partners[i] == i);
        }
    }
}
