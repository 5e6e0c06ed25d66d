//! Dialing is ideal: the right people are matched, and the winner is uniform.

use proptest::prelude::*;

use crate::{
    BothToldInput, Settings, SortWidth, dialing_both_told, ideal,
    world::{World, reconstruct},
};

/// Distinct, recognisable ids and keys.
pub(super) fn id(i: usize) -> u64 {
    (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

pub(super) fn key(i: usize) -> [u8; 32] {
    let mut key = [7; 32];
    key[..8].copy_from_slice(&id(i).to_le_bytes());
    key
}

/// Runs a round; returns each row's partner and tag.
fn run(seed: u64, width: u8, callees: &[u64]) -> Vec<(usize, [u8; 16])> {
    let settings = Settings {
        threads: 1,
        sort_width: SortWidth::new(width),
    };
    let mut world = World::with_settings(seed, settings);
    outcome(&mut world, 1, callees)
}

fn outcome(world: &mut World, round: u64, callees: &[u64]) -> Vec<(usize, [u8; 16])> {
    let ids: Vec<u64> = (0..callees.len()).map(id).collect();
    let keys: Vec<[u8; 32]> = (0..callees.len()).map(key).collect();
    let input: Vec<u8> = callees.iter().flat_map(|c| c.to_le_bytes()).collect();
    let replies = world.run(&input, |context, first, second| {
        context.begin(round)?;
        dialing_both_told(
            context,
            BothToldInput {
                ids: ids.clone(),
                keys: keys.clone(),
                first,
                second,
            },
        )
    });
    let replies = reconstruct(&replies.expect("honest parties"));
    replies
        .chunks_exact(48)
        .map(|reply| {
            let partner = keys
                .iter()
                .position(|key| key == &reply[..32])
                .expect("a client's key");
            (partner, reply[32..].try_into().unwrap())
        })
        .collect()
}

fn assert_ideal(callees: &[u64], outcome: &[(usize, [u8; 16])]) {
    let ids: Vec<u64> = (0..callees.len()).map(id).collect();
    let real: Vec<usize> = outcome.iter().map(|(partner, _)| *partner).collect();
    let allowed = ideal::both_told_partners(&ids, callees, |callee, callers| {
        let chosen = real[callee];
        assert!(
            callers.contains(&chosen),
            "callee {callee} got {chosen}, not of {callers:?}"
        );
        chosen
    });
    assert_eq!(real, allowed);
    for (i, (partner, tag)) in outcome.iter().enumerate() {
        assert_eq!(tag, &outcome[*partner].1, "partners' tags differ");
        assert_eq!(*tag == [0; 16], *partner == i, "row {i}: tag {tag:?}");
    }
}

/// What a client does: closed, checks, or dials one of the first few.
fn callees(max: usize) -> impl Strategy<Value = Vec<u64>> {
    let who = prop_oneof![
        Just(None),
        Just(Some(usize::MAX)),
        (0..12_usize).prop_map(Some),
        any::<usize>().prop_map(Some)
    ];
    proptest::collection::vec((who, any::<u64>()), 1..=max).prop_map(|rows| {
        let count = rows.len();
        let dial = |(i, (who, closed)): (usize, (Option<usize>, u64))| match who {
            None => closed,
            Some(usize::MAX) => id(i),
            Some(callee) => id(callee % count),
        };
        rows.into_iter().enumerate().map(dial).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn dialing_is_ideal(callees in callees(300), seed: u64, width in 2..17_u8) {
        assert_ideal(&callees, &run(seed, width, &callees));
    }
}

#[test]
fn dialing_is_ideal_for_cheaters() {
    let everyone_calls_one: Vec<u64> = vec![id(3); 50];
    let each_other = vec![id(1), id(0)];
    let chain = vec![id(1), id(2), id(2)];
    let alone = vec![id(0)];
    let nobody = vec![5];
    let all_check: Vec<u64> = (0..20).map(id).collect();
    let none_checks: Vec<u64> = (0..20).map(|i| id((i + 1) % 20)).collect();
    for callees in [
        everyone_calls_one,
        each_other,
        chain,
        alone,
        nobody,
        all_check,
        none_checks,
    ] {
        assert_ideal(&callees, &run(11, 2, &callees));
    }
}

/// Of nine callers of one callee each wins as often (chi-square, 8 degrees of freedom).
#[test]
fn winner_is_uniform() {
    let callees = [id(4); 10];
    let mut wins = [0_u32; 10];
    let rounds = 1800;
    let mut world = World::new(99);
    for round in 1..=rounds {
        let outcome = outcome(&mut world, round, &callees);
        wins[outcome[4].0] += 1;
    }
    assert_eq!(wins[4], 0, "the callee is matched every time");
    let expected = rounds as f64 / 9.0;
    let chi2: f64 = wins
        .iter()
        .map(|w| (f64::from(*w) - expected).powi(2) / expected)
        .sum::<f64>()
        - expected;
    assert!(chi2 < 26.1, "chi-square {chi2} (p < 0.001): {wins:?}");
}
