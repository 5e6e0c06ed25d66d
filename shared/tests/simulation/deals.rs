//! What clients dealt, put together again, as no server can.

use std::collections::BTreeSet;

use mcmix_shared::{
    party::PartyId,
    program::{Program, RoundId},
};

use crate::servers::{Dealt, NodeId};

/// One deal: which round it was for, and its rows in clear.
pub(crate) struct Deal {
    pub(crate) round: RoundId,
    pub(crate) program: Program,
    pub(crate) rows: Vec<u8>,
}

/// Puts together all that a node dealt, and checks that no two deals share a pad.
pub(crate) fn deals(dealt: &[Dealt], node: NodeId) -> Vec<Deal> {
    let of = |party| {
        let shares = dealt
            .iter()
            .filter(move |it| it.node == node && it.party == party);
        shares.map(|it| (it.round, it.program, it.share.clone()))
    };
    let mut pads = BTreeSet::new();
    let mut deals = Vec::new();
    let mut seen = BTreeSet::new();
    for (round, program, p0) in of(PartyId::P0) {
        let bytes = p0.encode();
        // The same share may go over a newer connection.
        if !seen.insert((round, bytes.clone())) {
            continue;
        }
        for seed in bytes.chunks(16) {
            assert!(pads.insert(seed.to_vec()), "a pad is used twice");
        }
        let p2 = of(PartyId::P2).find(|(other, _, p2)| {
            let own = p0.expand();
            *other == round && p2.expand().second == own.first
        });
        let Some((_, _, p2)) = p2 else { continue };
        let (p0, p2) = (p0.expand(), p2.expand());
        let rows = p0.first.iter().zip(&p0.second).zip(&p2.first);
        deals.push(Deal {
            round,
            program,
            rows: rows.map(|((x0, x1), x2)| x0 ^ x1 ^ x2).collect(),
        });
    }
    deals
}
