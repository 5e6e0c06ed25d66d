//! What each party gets to see: distinct random-looking values and uniformly random permutations,
//! whatever the inputs. Two deliberate mistakes show that these checks catch what they are for.

use std::collections::{HashMap, HashSet};

use super::{
    dialing::{self, Client, caller, callers},
    dialing_both_told::{id, key},
    probe::{Mistake, Sight},
};
use crate::{
    BothToldInput, Context, ConversationInput, DialingProgram, Error, Phase, Step, conversation,
    dialing_both_told,
    field::Multiplier,
    stream::Stream,
    world::{World, reconstruct},
};

type Views = [Vec<Sight>; 3];

/// Runs `program` and returns what each party saw.
fn views(
    world: &mut World,
    mistake: Option<Mistake>,
    input: &[u8],
    program: impl Fn(&mut Context, Vec<u8>, Vec<u8>) -> Result<(), Error> + Sync,
) -> Views {
    let views = world.run(input, |context, first, second| {
        context.probe.mistake = mistake;
        program(context, first, second)?;
        Ok(std::mem::take(&mut context.probe.seen))
    });
    views.expect("honest parties")
}

fn of(view: &[Sight], step: Step) -> Option<&Vec<Vec<u8>>> {
    view.iter()
        .find(|sight| sight.step == step)
        .map(|sight| &sight.rows)
}

fn steps(view: &[Sight]) -> Vec<Step> {
    view.iter().map(|sight| sight.step).collect()
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

fn conversation_views(
    world: &mut World,
    round: u64,
    mistake: Option<Mistake>,
    input: &[u8],
) -> Views {
    views(world, mistake, input, |context, first, second| {
        context.begin(round)?;
        let rows = first.len() / 11;
        conversation(
            context,
            ConversationInput {
                rows,
                message_bytes: 2,
                first,
                second,
            },
        )?;
        Ok(())
    })
}

/// The helper's queries of both directions have nothing in common.
fn queries_are_distinct(views: &Views) -> Result<(), String> {
    let [_, _, helper] = views;
    let queries: Vec<_> = [1, 3]
        .into_iter()
        .flat_map(|index| of(helper, Step::new(Phase::Lookup, index)).expect("queries"))
        .collect();
    let distinct: HashSet<_> = queries.iter().collect();
    if distinct.len() == queries.len() {
        Ok(())
    } else {
        Err(format!("{} queries repeat", queries.len() - distinct.len()))
    }
}

#[test]
fn conversation_views_are_what_the_protocol_allows() {
    let pairs = 100;
    let rows = 4 * pairs;
    let input = conversation_rows(1, pairs);
    let views = conversation_views(&mut World::new(3), 1, None, &input);
    let [p0, p1, p2] = &views;
    let step = Step::new;
    // Nothing else is opened to anyone.
    assert_eq!(
        steps(p0),
        [step(Phase::OpenLists, 0), step(Phase::OpenMatches, 0)]
    );
    assert_eq!(
        steps(p1),
        [
            step(Phase::OpenLists, 1),
            step(Phase::OpenMatches, 0),
            step(Phase::Deliver, 0)
        ]
    );
    let lookups = [3, 1, 2, 0].map(|index| step(Phase::Lookup, index));
    assert_eq!(
        steps(p2),
        [&lookups[..], &[step(Phase::Deliver, 0)]].concat()
    );
    // Lists: distinct values, each tag in one of them at most.
    let a: HashSet<_> = of(p0, step(Phase::OpenLists, 0)).unwrap().iter().collect();
    let b: HashSet<_> = of(p1, step(Phase::OpenLists, 1)).unwrap().iter().collect();
    assert_eq!((a.len(), b.len()), (rows, rows));
    assert_eq!(
        a.intersection(&b).count(),
        pairs,
        "only pairs' tags are in both lists"
    );
    // The helper: distinct queries, tables of uniform bytes (chi-square, 255 degrees of freedom).
    queries_are_distinct(&views).unwrap();
    for index in [0, 2] {
        let mut counts = [0.0_f64; 256];
        let table = of(p2, step(Phase::Lookup, index)).unwrap().concat();
        for byte in &table {
            counts[usize::from(*byte)] += 1.0;
        }
        let expected = table.len() as f64 / 256.0;
        let chi2: f64 = counts
            .iter()
            .map(|c| (c - expected).powi(2) / expected)
            .sum();
        assert!(chi2 < 330.6, "table {index}: chi-square {chi2} (p < 0.001)");
    }
}

/// Mistake: with one key in both directions the helper sees which queries match.
#[test]
fn one_lookup_key_is_caught() {
    let input = conversation_rows(1, 10);
    let mistake = Some(Mistake::OneLookupKey);
    let views = conversation_views(&mut World::new(3), 1, mistake, &input);
    assert_eq!(
        queries_are_distinct(&views),
        Err("10 queries repeat".into())
    );
}

/// How often each opened list occurred.
type Counts = HashMap<Vec<Vec<u8>>, f64>;

/// Chi-square against the uniform distribution over all `kinds` permutations.
fn chi_square(counts: &Counts, kinds: usize) -> f64 {
    let total: f64 = counts.values().sum();
    let expected = total / kinds as f64;
    let unseen = (kinds - counts.len()) as f64 * expected;
    counts
        .values()
        .map(|c| (c - expected).powi(2) / expected)
        .sum::<f64>()
        + unseen
}

/// Opened matches (4 positions) and destinations (2 rows) are uniform, for a pair as for idle rows.
#[test]
fn opened_permutations_are_uniform() {
    let tag = |tag: u8, role: u8| [[tag; 8].as_slice(), &[role, 1, 2]].concat();
    for (seed, input) in [(1, [tag(5, 0), tag(5, 1)]), (2, [tag(5, 0), tag(6, 1)])] {
        let mut world = World::new(seed);
        let (mut matches, mut destinations) = (Counts::new(), Counts::new());
        for round in 1..=1200 {
            let [p0, p1, p2] = conversation_views(&mut world, round, None, &input.concat());
            let opened = |view, phase| of(view, Step::new(phase, 0)).unwrap().clone();
            assert_eq!(
                opened(&p0, Phase::OpenMatches),
                opened(&p1, Phase::OpenMatches)
            );
            assert_eq!(opened(&p1, Phase::Deliver), opened(&p2, Phase::Deliver));
            *matches.entry(opened(&p0, Phase::OpenMatches)).or_default() += 1.0;
            *destinations.entry(opened(&p1, Phase::Deliver)).or_default() += 1.0;
        }
        let chi2 = (chi_square(&matches, 24), chi_square(&destinations, 2));
        assert!(
            chi2.0 < 49.7 && chi2.1 < 10.8,
            "seed {seed}: chi-square {chi2:?} (p < 0.001)"
        );
    }
}

fn dialing_views(
    world: &mut World,
    round: u64,
    mistake: Option<Mistake>,
    clients: &[Client],
) -> Views {
    let program = DialingProgram::Contacts;
    views(
        world,
        mistake,
        &dialing::rows(clients),
        |context, first, second| {
            dialing::party(context, (round, program), clients, [first, second])?;
            Ok(())
        },
    )
}

/// Two clients and so four rows: nobody dials anybody, both dial one of them, both themselves, or each
/// the other.
fn two_clients() -> [Vec<Client>; 4] {
    [[7, 8], [0, 0], [0, 1], [1, 0]].map(|callees| callers(&callees))
}

/// Nothing is opened but the coins, the order and the destinations, all of them uniform, whoever dials
/// whom (chi-square, 23 degrees of freedom, and 255).
#[test]
fn dialing_views_are_what_the_protocol_allows() {
    let [coins, order, destinations] =
        [Phase::OpenCoins, Phase::Sort, Phase::Deliver].map(|phase| Step::new(phase, 0));
    for (seed, clients) in (30..).zip(two_clients()) {
        let mut world = World::new(seed);
        let (mut orders, mut lists) = (Counts::new(), Counts::new());
        let mut bytes = [0.0; 256];
        for round in 1..=1200 {
            let views = dialing_views(&mut world, round, None, &clients);
            let [p0, p1, p2] = &views;
            assert_eq!(steps(p0), [coins, order]);
            assert_eq!(steps(p1), [coins, order, destinations]);
            assert_eq!(steps(p2), [coins, order, destinations]);
            for step in [coins, order] {
                assert!(of(p0, step) == of(p1, step) && of(p1, step) == of(p2, step));
            }
            assert_eq!(of(p1, destinations), of(p2, destinations));
            *orders.entry(of(p0, order).unwrap().clone()).or_default() += 1.0;
            *lists
                .entry(of(p1, destinations).unwrap().clone())
                .or_default() += 1.0;
            for byte in of(p0, coins).unwrap().concat() {
                bytes[usize::from(byte)] += 1.0;
            }
        }
        let expected = 1200.0 * 32.0 / 256.0;
        let of_coins = bytes.map(|count: f64| (count - expected).powi(2) / expected);
        let chi2 = [
            chi_square(&orders, 24),
            chi_square(&lists, 24),
            of_coins.iter().sum(),
        ];
        assert!(
            chi2[0] < 49.7 && chi2[1] < 49.7 && chi2[2] < 330.6,
            "seed {seed}, {clients:?}: chi-square {chi2:?} (p < 0.001)"
        );
    }
}

/// Mistake: with ties broken by shuffled position, two who dial one id stand in ascending positions.
#[test]
fn missing_tie_breaks_of_dials_are_caught() {
    for (seed, clients, caught) in [(1, callers(&[0, 0]), true), (2, callers(&[7, 8]), false)] {
        let mut world = World::new(seed);
        let mut orders = Counts::new();
        for round in 1..=1200 {
            let mistake = Some(Mistake::TiesByPosition);
            let [p0, _, _] = dialing_views(&mut world, round, mistake, &clients);
            let order = of(&p0, Step::new(Phase::Sort, 0)).unwrap();
            *orders.entry(order.clone()).or_default() += 1.0;
        }
        let chi2 = chi_square(&orders, 24);
        assert_eq!(chi2 > 200.0, caught, "chi-square {chi2}");
        assert_eq!(chi2 < 49.7, !caught, "chi-square {chi2}");
    }
}

/// In how many rounds a client that dials itself hears itself, of those in which its id and another
/// one's agree in the three lowest bits of what rows are sorted by: it knows when that is so.
fn own_dials_heard(mistake: Option<Mistake>, others: usize) -> [u32; 2] {
    // The last ones dial client 1, those before them nobody.
    let mut clients = callers(&[0, 9, 10, 11]);
    for (i, client) in clients.iter_mut().enumerate().skip(4 - others) {
        *client = caller(i, 1);
    }
    let rows = dialing::rows(&clients);
    let mut world = World::new(others as u64);
    let (mut agree, mut heard) = (0, 0);
    for round in 1..=1600 {
        let program = DialingProgram::Open;
        let replies = world.run(&rows, |context, first, second| {
            context.probe.mistake = mistake;
            let replies = dialing::party(context, (round, program), &clients, [first, second])?;
            Ok((replies, std::mem::take(&mut context.probe.seen)))
        });
        let [(p0, seen), (p1, _), (p2, _)] = replies.expect("honest parties");
        let coins = of(&seen, Step::new(Phase::OpenCoins, 0)).unwrap();
        let alpha = Multiplier::new(coins[0][..16].try_into().unwrap());
        let [own, other] = [0, 1].map(|i| alpha.upper(&clients[i].id) >> 2 & 0b11);
        if own == other {
            agree += 1;
            let reply = reconstruct(&[p0, p1, p2]);
            heard += u32::from(reply[..200] == rows[48..248]);
        }
    }
    [heard, agree]
}

/// Mistake: where rows are sorted by few bits of their keys, a client whose id agrees in these with
/// another's hears itself the less often the more others dial that one. With all bits it always hears
/// itself.
#[test]
fn few_key_bits_are_caught() {
    for others in [0, 2] {
        let [heard, agree] = own_dials_heard(None, others);
        assert!(heard == agree && agree > 300, "{heard} of {agree}");
    }
    let [none, two] = [0, 2].map(|others| {
        let [heard, agree] = own_dials_heard(Some(Mistake::FewKeyBits), others);
        f64::from(heard) / f64::from(agree)
    });
    assert!(none - two > 0.08, "{none}, {two}");
}

/// Chi-square of the opened order of four rows that dial `callees`.
fn order_chi_square(mistake: Option<Mistake>, callees: [u64; 4]) -> f64 {
    let mut world = World::new(17);
    let input: Vec<u8> = callees.iter().flat_map(|c| c.to_le_bytes()).collect();
    let mut orders = Counts::new();
    for round in 1..=1200 {
        let [p0, p1, _] = views(&mut world, mistake, &input, |context, first, second| {
            context.begin(round)?;
            let (ids, keys) = (0..4).map(|i| (id(i), key(i))).unzip();
            dialing_both_told(
                context,
                BothToldInput {
                    ids,
                    keys,
                    first,
                    second,
                },
            )?;
            Ok(())
        });
        let opened = |view| of(view, Step::new(Phase::Sort, 0)).unwrap().clone();
        assert_eq!(opened(&p0), opened(&p1));
        *orders.entry(opened(&p0)).or_default() += 1.0;
    }
    chi_square(&orders, 24)
}

/// The opened order is uniform whatever the keys are.
#[test]
fn opened_order_is_uniform() {
    for callees in [[9, 9, 9, 9], [1, 2, 3, 4], [id(0), id(0), 5, 5]] {
        let chi2 = order_chi_square(None, callees);
        assert!(chi2 < 49.7, "{callees:?}: chi-square {chi2} (p < 0.001)");
    }
}

/// Mistake: with ties broken by shuffled position, equal keys stand in ascending positions.
#[test]
fn missing_tie_breaks_are_caught() {
    let mistake = Some(Mistake::TiesByPosition);
    assert!(order_chi_square(mistake, [1, 2, 3, 4]) < 49.7);
    assert!(order_chi_square(mistake, [9, 9, 9, 9]) > 1000.0);
    assert!(order_chi_square(mistake, [9, 9, 1, 2]) > 1000.0);
}
