//! What each party gets to see: distinct random-looking values and uniformly random permutations,
//! whatever the inputs. Two deliberate mistakes show that these checks catch what they are for.

use std::collections::{HashMap, HashSet};

use super::{
    dialing_both_told::{id, key},
    probe::{Mistake, Sight},
};
use crate::{
    BothToldInput, Context, ConversationInput, Error, Phase, Step, conversation, dialing_both_told,
    stream::Stream, world::World,
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
