//! Holds a round's replies against the plain result: a wrong round is never a number.

use anyhow::{Context as _, Result, bail, ensure};
use mcmix_engine::ideal;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::DialReply;
use mcmix_shared::share::combine;

use crate::crowd::{Crowd, Person};

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
    let program = case.algorithm.program();
    ensure!(people.len() == bodies.len(), "replies are missing");
    let mut replies = Vec::with_capacity(people.len());
    for (person, bodies) in people.iter().zip(bodies) {
        let mut rows = combine(round, program, case.shape(), *bodies)
            .with_context(|| format!("the reply to client {}", person.id))?;
        replies.push(rows.pop().unwrap_or_default());
    }
    match program {
        Program::Conversation => conversation(people, case.message_bytes, &replies),
        Program::Dialing => dialing(people, &replies),
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

fn dialing(people: &[Person], replies: &[Vec<u8>]) -> Result<()> {
    let decode = |reply: &Vec<u8>| DialReply::decode(reply).context("a reply of a wrong length");
    let replies = replies.iter().map(decode).collect::<Result<Vec<_>>>()?;
    let ids: Vec<u64> = people.iter().map(|person| person.id.0).collect();
    let callee = |person: &Person| person.row.as_slice().try_into().map(u64::from_le_bytes);
    let callees = people.iter().map(callee).collect::<Result<Vec<_>, _>>()?;
    let tag = |i: usize| replies.get(i).map(|reply| *reply.tag.as_bytes());
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
        let matched = *reply.tag.as_bytes() != [0; 16];
        if matched != (partner != i) || tag(partner) != tag(i) {
            bail!("client {} got a wrong dial tag", person.id);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mcmix_shared::share::{Seed, reply_digest};

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
        let digest = reply_digest(ROUND, &y2).to_vec();
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
    fn a_callee_is_matched_with_any_one_caller() {
        let crowd = crowd(Algorithm::Dialing);
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
