//! What each party gets to see: values without flags, coins, uniformly random permutations, and nothing
//! else. That messages are uniform is the matter of `uniform`.

use std::collections::HashSet;

use super::{
    dialing::{self, callers},
    probe::Sight,
};
use crate::{
    Context, ConversationInput, DialingProgram, Error, PartyId, Phase, conversation,
    stream::Stream, world::World,
};

type Views = [Vec<Sight>; 3];

/// Runs `program` and returns what each party saw.
fn views(
    seed: u64,
    input: &[u8],
    program: impl Fn(&mut Context, Vec<u8>, Vec<u8>) -> Result<(), Error> + Sync,
) -> Views {
    let views = World::new(seed).run(input, |context, first, second| {
        program(context, first, second)?;
        Ok(std::mem::take(&mut context.probe.seen))
    });
    views.expect("honest parties")
}

fn phases(view: &[Sight]) -> Vec<Phase> {
    view.iter().map(|sight| sight.step.phase()).collect()
}

/// The rows of the list that a party saw.
fn list(view: &[Sight]) -> Vec<u64> {
    let is_list = |sight: &&Sight| sight.step.phase() == Phase::OpenLists && sight.rows.len() > 1;
    let sight = view.iter().find(is_list).unwrap();
    let rows = sight.rows.iter();
    rows.map(|row| u64::from_le_bytes(row[..].try_into().unwrap()))
        .collect()
}

/// `pairs` pairs and as many idle rows, with random tags, messages of two bytes.
fn conversation_rows(seed: u8, pairs: usize) -> Vec<u8> {
    let tags = Stream::new(&[seed; 16]).bytes(pairs * 3 * 8);
    let tags: Vec<&[u8]> = tags.chunks(8).collect();
    let row = |tag: &[u8], role| [tag, &[role, 1, 2]].concat();
    let paired = tags[..pairs]
        .iter()
        .flat_map(|tag| [row(tag, 0), row(tag, 1)]);
    let idle = tags[pairs..].iter().map(|tag| row(tag, tag[0]));
    paired.chain(idle).collect::<Vec<_>>().concat()
}

#[test]
fn conversation_views_are_what_the_protocol_allows() {
    use Phase::{OpenCoins, OpenLists, OpenPartners, PlaceRows};
    let pairs = 100;
    let rows = 4 * pairs;
    let views = views(3, &conversation_rows(1, pairs), |context, first, second| {
        context.begin(1)?;
        let input = ConversationInput {
            rows,
            message_bytes: 2,
            first,
            second,
        };
        conversation(context, input).map(drop)
    });
    let [p0, p1, p2] = &views;
    // Nothing else is opened to anyone: the nonce; a list and the bins' key; the hint; partners.
    assert_eq!(phases(p0), [OpenCoins, OpenLists, OpenLists]);
    assert_eq!(phases(p1), [OpenCoins, OpenLists, OpenLists, OpenPartners]);
    assert_eq!(
        phases(p2),
        [OpenCoins, OpenLists, OpenLists, PlaceRows, OpenPartners]
    );
    // List A to P1, list B to P0 and P2: distinct values, each pair's tag once in both.
    let [of_p0, a, b] = [p0, p1, p2].map(|view| list(view));
    assert_eq!(of_p0, b);
    let [a, b] = [a, b].map(|list| list.into_iter().collect::<HashSet<_>>());
    assert_eq!((a.len(), b.len()), (rows, rows));
    assert_eq!(a.intersection(&b).count(), pairs);
    // Flags would tell which rows stand in a list with a tag.
    assert!(a.union(&b).all(|value| value.trailing_zeros() >= 2));
}

#[test]
fn dialing_views_are_what_the_protocol_allows() {
    use Phase::{OpenCoins, OpenOrder, OpenPartners, Sort};
    let clients = callers(&[1, 1, 9]);
    for program in [DialingProgram::Contacts, DialingProgram::Open] {
        let views = views(4, &dialing::rows(&clients), |context, first, second| {
            dialing::party(context, (1, program), &clients, [first, second]).map(drop)
        });
        for (party, view) in PartyId::ALL.into_iter().zip(&views) {
            // The nonce, the coins; one batch's outcomes, and the order that follows from them.
            let mut expected = vec![OpenCoins, OpenCoins, OpenOrder, Sort];
            if party != PartyId::P0 {
                expected.push(OpenPartners);
            }
            assert_eq!(phases(view), expected, "{party}");
        }
    }
}

/// Comparisons are made of 64 at a time. Those that belong to no pair are opened, too, and are nothing:
/// however many there are, and whatever is compared.
#[test]
fn outcomes_of_no_pair_are_nothing() {
    // One batch: all pairs of twice as many rows. One pair, one more than a block, and ends of blocks
    // that compare the same row and that do not.
    for clients in [1, 2, 4, 6, 65] {
        let clients = callers(&vec![0; clients]);
        let rows = 2 * clients.len();
        let pairs = rows * (rows - 1) / 2;
        for seed in 0..20 {
            let views = views(seed, &dialing::rows(&clients), |context, first, second| {
                let program = (1, DialingProgram::Open);
                dialing::party(context, program, &clients, [first, second]).map(drop)
            });
            for view in &views {
                let mut opened = view.iter().filter(|it| it.step.phase() == Phase::OpenOrder);
                let bits = opened.next().unwrap().rows.concat();
                assert!(opened.next().is_none(), "one batch");
                let is_set = |bit: usize| bits[bit / 8] >> (bit % 8) & 1 == 1;
                assert_eq!((pairs..8 * bits.len()).find(|bit| is_set(*bit)), None);
            }
        }
    }
}
