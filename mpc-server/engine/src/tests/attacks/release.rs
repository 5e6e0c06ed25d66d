//! What is known of outputs before all is fixed, and what payload tells.

use super::play::{Deviation, P0, P1, P2, play, run};
use crate::{
    Phase, Step, ideal,
    stream::Stream,
    tests::{
        probe::{Change, Cheat},
        programs::Program,
    },
};

/// P0 gives no seeds before both others have told it that all is fixed.
#[test]
fn seeds_are_given_last() {
    for from in [P1, P2] {
        let cheat = Cheat {
            to: P0,
            step: Step::new(Phase::Deliver, 1),
            change: Change::Longer,
            at: 0,
        };
        let mut deviation = Deviation::none(from);
        deviation.cheats.push(cheat);
        let [p0, ..] = run("conversation", (9, 0), &deviation).results;
        assert!(p0.is_err(), "{from}");
    }
}

/// *Allowed*: P0 or P2 adds to each row's payload, by source, a δ of its own. It comes out where the row
/// goes and nowhere else: whoever gets a row learns which one it was, so a client in league with that
/// server learns its partner's wire, and nothing of anybody else.
#[test]
fn a_delta_by_source_is_seen_by_the_partner_alone() {
    const BYTES: usize = 8;
    let program = Program::named("conversation");
    for world in [0, 1] {
        let rows = program.input(world);
        let row_bytes = 9 + BYTES;
        let mut changed = rows.clone();
        let delta = Stream::new(&[3; 16]).bytes(rows.len());
        let add = |out: &mut Vec<u8>| {
            for (at, (out, delta)) in out.iter_mut().zip(&delta).enumerate() {
                *out ^= if at % row_bytes < 9 { 0 } else { *delta };
            }
        };
        add(&mut changed);
        for cheater in [P0, P2] {
            let deviation = Deviation::none(cheater);
            let played = play((10, &rows), &deviation, |context, [mut first, second]| {
                if context.party() == cheater {
                    add(&mut first);
                }
                program.run(context, (1, world), [first, second])
            });
            assert_eq!(played.replies(), ideal::conversation(&changed, BYTES));
        }
    }
}
