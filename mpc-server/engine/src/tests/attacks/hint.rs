//! P1 puts list A into bins as it likes: it denies, and learns nothing of it.

use super::play::{Deviation, P1, converse, play, rows, run, value};
use crate::{
    Error,
    tests::{probe::Listed, programs::Program},
};

/// Puts a row into a bin; what stood there goes where it was.
fn put(hint: &mut [u32], row: &Listed, bin: u32) {
    let old = hint.iter().position(|number| *number == row.number);
    hint.swap(old.unwrap(), bin as usize);
}

/// Rows of list A that have a tag.
fn tagged(listed: &[Listed], tag: u8) -> impl Iterator<Item = &Listed> {
    listed.iter().filter(move |row| row.value == value(tag))
}

/// Leaves a tag out: its rows stand in bins where nobody looks for them.
fn leave_out(hint: &mut [u32], listed: &[Listed], tag: u8) {
    for row in tagged(listed, tag) {
        let is_nobodys = |bin: &u32| !listed.iter().any(|it| it.bins.contains(bin));
        let bin = (0..hint.len() as u32).find(is_nobodys);
        put(hint, row, bin.expect("there are more bins"));
    }
}

/// P1 can leave out of the bins what it likes, one tag or all, if it does so consistently: those rows meet
/// nobody, whoever had been matched with them, and nobody else notices.
#[test]
fn another_hint_only_denies() {
    let run = |world, deviation: &Deviation| run("conversation", (5, world), deviation).replies();
    let honest = [0, 1].map(|world| run(world, &Deviation::none(P1)));
    let [met, own] = &honest;
    assert_ne!(met, own);
    for world in [0, 1] {
        for change in [
            |hint: &mut Vec<u32>, _: &[Listed]| hint.rotate_left(1),
            |hint: &mut Vec<u32>, _: &[Listed]| {
                let half = hint.len() / 2;
                hint.rotate_left(half);
            },
            |hint: &mut Vec<u32>, listed: &[Listed]| leave_out(hint, listed, 5),
        ] {
            assert_eq!(run(world, &Deviation::hint(change)), *own);
        }
        let other = Deviation::hint(|hint, listed| leave_out(hint, listed, 9));
        assert_eq!(run(world, &other), honest[world], "of another tag");
    }
}

/// Two rows of one tag, each in one of the bins where the third is looked for: P1 chooses which of them
/// is met, and everybody else is nobody's partner.
#[test]
fn two_rows_in_both_bins_of_a_tag_meet_one() {
    let both = Deviation::hint(|hint, listed| {
        for (row, bin) in tagged(listed, 5).zip(0..) {
            put(hint, row, row.bins[bin]);
        }
    });
    for seed in 0..4 {
        let rows = rows(&[(5, 0), (5, 0), (5, 1), (7, 1)]);
        let heard = converse(seed, &rows, &both).heard();
        assert!(
            heard == [2, 1, 0, 3] || heard == [0, 2, 1, 3],
            "seed {seed}: {heard:?}"
        );
        let honest = converse(seed, &rows, &Deviation::none(P1)).heard();
        assert_eq!(honest, [0, 1, 2, 3], "a tag used three times meets nobody");
    }
}

/// A hint that is no permutation, a row in two bins or none in one, ends the round at once, whatever the
/// tags are.
#[test]
fn a_hint_that_is_no_permutation_ends_the_round() {
    for change in [
        |hint: &mut Vec<u32>, _: &[Listed]| hint[1] = hint[0],
        |hint: &mut Vec<u32>, _: &[Listed]| hint[0] = hint.len() as u32,
    ] {
        for world in [0, 1] {
            let [_, _, p2] = run("conversation", (6, world), &Deviation::hint(change)).results;
            assert!(matches!(p2, Err(Error::NotAPermutation { .. })), "{p2:?}");
        }
    }
}

/// Pads and rows without a tag match no value that a client can submit: here everyone's tag is zero.
#[test]
fn nobody_meets_a_pad() {
    for roles in [[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 1]] {
        let rows = rows(&roles.map(|role| (0, role)));
        for seed in 0..20 {
            let heard = converse(seed, &rows, &Deviation::none(P1)).heard();
            assert_eq!(heard, [0, 1, 2], "{roles:?}");
        }
    }
}

/// The same tag, the same keys of servers: in every round it has other bins, so that nobody can choose
/// tags that crowd some.
#[test]
fn nobody_knows_bins_before_the_round() {
    let program = Program::named("conversation");
    let rows = rows(&[(5, 0), (6, 1)]);
    let bins = (1..20).map(|round| {
        let played = play((7, &rows), &Deviation::none(P1), |context, shares| {
            program.run(context, (round, 0), shares)
        });
        tagged(&played.listed, 5)
            .next()
            .expect("a row of list A")
            .bins
    });
    let mut bins: Vec<_> = bins.collect();
    bins.sort_unstable();
    bins.dedup();
    assert_eq!(bins.len(), 19);
}
