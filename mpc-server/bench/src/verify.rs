//! Holds a round's replies against the plain result: a wrong round is never a number.

use anyhow::{Context as _, Result, bail, ensure};
use mcmix_engine::program::{BOTH_TOLD_REPLY_BYTES, DIAL_MESSAGE_BYTES};
use mcmix_engine::{DialingProgram, ideal};
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::Shape;
use mcmix_shared::share::combine;

use crate::crowd::{Crowd, Person};
use crate::options::Algorithm;

/// The three parties' replies to one client.
pub type Bodies<'a> = [&'a [u8]; 3];

/// Combines the replies to one block of a crowd as clients do, and checks them.
///
/// # Errors
/// A reply is not what the rows in the clear give.
pub fn block(
    crowd: &Crowd,
    round: RoundId,
    people: &[Person],
    bodies: &[Bodies<'_>],
) -> Result<()> {
    let case = crowd.case();
    let (program, shape) = match case.algorithm {
        // No client ever combines these: they have the form of a conversation's.
        Algorithm::DialingBothTold => {
            let message_bytes = BOTH_TOLD_REPLY_BYTES;
            let slots = 1;
            (
                Program::Conversation,
                Shape {
                    slots,
                    message_bytes,
                },
            )
        }
        algorithm => (algorithm.program(), case.shape()),
    };
    ensure!(people.len() == bodies.len(), "replies are missing");
    let mut replies = Vec::with_capacity(people.len());
    for (person, bodies) in people.iter().zip(bodies) {
        let rows = combine(round, program, shape, *bodies)
            .with_context(|| format!("the reply to client {}", person.id))?;
        let row = rows.into_iter().next().context("no row in a reply")?;
        if let Some(disagreement) = row.disagreement {
            bail!("client {}: {disagreement}", person.id);
        }
        replies.push(row.message);
    }
    match (case.algorithm, case.algorithm.dialing()) {
        (_, Some(program)) => dialing(program, crowd, people, &replies),
        (Algorithm::DialingBothTold, _) => both_told(people, &replies),
        _ => conversation(people, case.message_bytes, &replies),
    }
}

fn conversation(people: &[Person], message_bytes: usize, replies: &[Vec<u8>]) -> Result<()> {
    let rows: Vec<u8> = people
        .iter()
        .flat_map(|person| person.row.clone())
        .collect();
    let expected = ideal::conversation(&rows, message_bytes);
    let expected = expected.chunks(message_bytes);
    for ((person, reply), expected) in people.iter().zip(replies).zip(expected) {
        ensure!(
            reply == expected,
            "client {} got a wrong message",
            person.id
        );
    }
    Ok(())
}

fn dialing(
    program: DialingProgram,
    crowd: &Crowd,
    people: &[Person],
    replies: &[Vec<u8>],
) -> Result<()> {
    let ids: Vec<[u8; 16]> = people.iter().map(|person| person.id.0).collect();
    let rows: Vec<u8> = people.iter().flat_map(|p| crowd.engine_row(p)).collect();
    // Which of several callers it is, is random: the one whose message came.
    let choose = |callees: &[usize], callers: &[usize]| {
        let callee = callees.first().copied().unwrap_or_default();
        let whose = callers.iter().copied().find(|&caller| {
            let message = people.get(caller).map(|person| &person.row);
            let message = message.and_then(|row| row.last_chunk::<DIAL_MESSAGE_BYTES>());
            replies.get(callee).map(Vec::as_slice) == message.map(<[u8; _]>::as_slice)
        });
        (
            callee,
            whose.or(callers.first().copied()).unwrap_or_default(),
        )
    };
    let expected = ideal::dialing(program, &ids, &rows, choose);
    let expected = expected.chunks(DIAL_MESSAGE_BYTES);
    for ((person, reply), expected) in people.iter().zip(replies).zip(expected) {
        ensure!(
            reply == expected,
            "client {} got a wrong message",
            person.id
        );
    }
    Ok(())
}

/// A reply where both are told.
struct BothTold {
    partner: [u8; 32],
    tag: [u8; 16],
}

impl BothTold {
    fn decode(reply: &[u8]) -> Result<Self> {
        match (reply.first_chunk(), reply.last_chunk()) {
            (Some(&partner), Some(&tag)) if reply.len() == BOTH_TOLD_REPLY_BYTES => {
                Ok(Self { partner, tag })
            }
            _ => bail!("a reply of a wrong length"),
        }
    }
}

fn both_told(people: &[Person], replies: &[Vec<u8>]) -> Result<()> {
    let replies = replies
        .iter()
        .map(BothTold::decode)
        .collect::<Result<Vec<_>>>()?;
    let ids: Vec<u64> = people.iter().map(Person::short_id).collect();
    let callees: Vec<u64> = people.iter().map(Person::short_callee).collect();
    let tag = |i: usize| replies.get(i).map(|reply| reply.tag);
    // Which of several callers it is, is random: the one that got the callee's tag.
    let partners = ideal::both_told_partners(&ids, &callees, |callee, callers| {
        let matched = callers
            .iter()
            .copied()
            .find(|&caller| tag(caller) == tag(callee));
        matched.or(callers.first().copied()).unwrap_or(callee)
    });
    for (i, ((person, reply), &partner)) in people.iter().zip(&replies).zip(&partners).enumerate() {
        let key = people.get(partner).map(|partner| partner.key.as_bytes());
        if key != Some(&reply.partner) {
            bail!("client {} got a wrong partner", person.id);
        }
        let matched = reply.tag != [0; 16];
        if matched != (partner != i) || tag(partner) != tag(i) {
            bail!("client {} got a wrong dial tag", person.id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mcmix_shared::share::{Seed, row_digest, seed_digest};

    use super::*;
    use crate::crowd::Case;
    use crate::options::Algorithm;

    const ROUND: RoundId = RoundId(4);

    /// What the three parties would send for this reply.
    fn bodies(reply: &[u8]) -> [Vec<u8>; 3] {
        let mut y2 = reply.to_vec();
        let seeds = [[7; 16], [8; 16]];
        for seed in seeds {
            Seed::from_bytes(seed).xor_into(&mut y2);
        }
        let digest = row_digest(ROUND, 0, &seeds[0], &y2).to_vec();
        y2.extend(seed_digest(ROUND, 0, &seeds[1]));
        [seeds.concat(), y2, digest]
    }

    fn check(crowd: &Crowd, replies: &[Vec<u8>]) -> Result<()> {
        let bodies: Vec<[Vec<u8>; 3]> = replies.iter().map(|reply| bodies(reply)).collect();
        let bodies: Vec<Bodies<'_>> = bodies
            .iter()
            .map(|bodies| bodies.each_ref().map(Vec::as_slice))
            .collect();
        block(crowd, ROUND, &crowd.block(0), &bodies)
    }

    fn crowd(algorithm: Algorithm) -> Crowd {
        Crowd::new(Case {
            algorithm,
            users: 8,
            message_bytes: 5,
            seed: 1,
        })
    }

    #[test]
    fn swapped_messages_pass_and_others_do_not() {
        let crowd = crowd(Algorithm::Conversation);
        let messages: Vec<Vec<u8>> = crowd.block(0).iter().map(|p| p.row[9..].to_vec()).collect();
        let swapped = [2, 1, 0, 3].map(|i| messages[i].clone());
        check(&crowd, &swapped).unwrap();
        check(&crowd, &messages).unwrap_err();
        check(&crowd, &swapped[..3]).unwrap_err();
    }

    #[test]
    fn a_callee_hears_any_one_caller() {
        for (algorithm, sixth_hears) in
            [(Algorithm::DialingContacts, 6), (Algorithm::DialingOpen, 5)]
        {
            let crowd = crowd(algorithm);
            let people = crowd.block(0);
            let message = |i: usize| people[i].row[48..].to_vec();
            let mut nobody: Vec<_> = people
                .iter()
                .map(|p| crowd.engine_row(p)[248..].to_vec())
                .collect();
            nobody[1] = message(0);
            if sixth_hears != 6 {
                nobody[6] = message(sixth_hears);
            }
            check(&crowd, &nobody).unwrap_err();
            for heard in [2, 3] {
                let mut replies = nobody.clone();
                replies[4] = message(heard);
                check(&crowd, &replies).unwrap();
                for (i, wrong) in [(4, 5), (1, 2), (0, 1), (6, 3), (7, 7)] {
                    let mut replies = replies.clone();
                    replies[i] = message(wrong);
                    check(&crowd, &replies).unwrap_err();
                }
            }
        }
    }

    #[test]
    fn both_are_told_of_any_one_caller() {
        let crowd = crowd(Algorithm::DialingBothTold);
        let people = crowd.block(0);
        let reply = |partner: usize, tag: u8| {
            [people[partner].key.as_bytes().as_slice(), &[tag; 16]].concat()
        };
        for (chosen, left) in [(2, 3), (3, 2)] {
            let mut replies: Vec<_> = (0..8).map(|i| reply(i, 0)).collect();
            (replies[0], replies[1]) = (reply(1, 5), reply(0, 5));
            (replies[chosen], replies[4]) = (reply(4, 6), reply(chosen, 6));
            check(&crowd, &replies).unwrap();
            for (i, wrong) in [
                (left, reply(4, 6)),
                (chosen, reply(4, 7)),
                (4, reply(4, 0)),
                (0, reply(0, 0)),
                (5, reply(6, 1)),
                (7, reply(7, 1)),
            ] {
                let mut replies = replies.clone();
                replies[i] = wrong;
                check(&crowd, &replies).unwrap_err();
            }
        }
    }
}
