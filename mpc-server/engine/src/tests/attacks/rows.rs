//! Changes of what moves and compares rows: a proof fails before what would tell is opened.

use super::play::{Deviation, P0, P1, P2, converse, rows, run};
use crate::{PartyId, Phase, Step};

/// The router's two hops.
const HOPS: [Step; 2] = [
    Step::new(Phase::ShufflePayload, 0),
    Step::new(Phase::ShufflePayload, 1),
];

/// Flipping a row of c on the way to its readers would tell from the opened list where that row's
/// partner stands; and whether what was opened is a permutation would tell it to all.
#[test]
fn a_flipped_row_of_c_is_never_opened() {
    for (from, to, hop) in [(P0, P2, 0), (P2, P0, 0), (P0, P1, 1), (P1, P0, 1)] {
        for row in 0..3 {
            let deviation = Deviation::flips(from, &[(to, HOPS[hop], 4 * row)]);
            for world in [0, 1] {
                let played = run("conversation", (3, world), &deviation);
                played.assert_proof_fails_before(&deviation, Phase::OpenPartners);
            }
        }
    }
}

/// Of two rows P0 flips one in the first hop, and one in the second: whether the two cancel would tell it
/// where the row went, and so who has which partner.
#[test]
fn guessing_where_a_row_went_is_no_use() {
    for pair in [[(5, 0), (5, 1)], [(5, 0), (6, 1)]] {
        for seed in 0..8 {
            for guess in [0, 1] {
                let flips = [(P2, HOPS[0], 0), (P1, HOPS[1], 4 * guess)];
                let deviation = Deviation::flips(P0, &flips);
                let played = converse(seed, &rows(&pair), &deviation);
                played.assert_proof_fails_before(&deviation, Phase::OpenPartners);
            }
        }
    }
}

/// A flip of whether the lower bits are less flips the outcome exactly if the upper ones are equal.
#[test]
fn a_flipped_prefix_of_a_comparison_is_never_opened() {
    for cheater in PartyId::ALL {
        for level in 0..7 {
            let step = Step::new(Phase::Sort, level);
            let deviation = Deviation::flips(cheater, &[(cheater.prev(), step, 8)]);
            for world in [0, 1] {
                let played = run("contacts", (4, world), &deviation);
                played.assert_proof_fails_before(&deviation, Phase::OpenOrder);
            }
        }
    }
}
