//! What clients dealt, put together again, as no server can.

use std::collections::BTreeSet;

use mcmix_shared::{
    party::PartyId,
    program::{Program, RoundId},
};

use crate::servers::{Dealt, NodeId};
use crate::world::World;

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

/// What is shown of the newest round is what each server got in it.
#[test]
fn what_is_shown_was_dealt() {
    let mut world = World::new(&["Alice", "Bob"], 1);
    world.tap();
    let alice = 0;
    assert_eq!(
        world.nodes[0].client.dealt(RoundId(0)),
        None,
        "no round was announced"
    );
    for program in [Program::Conversation, Program::Contacts] {
        world.open(program);
    }
    let (round, shares) = world.nodes[0].client.dealt(RoundId(0)).unwrap();
    assert_eq!(
        world.nodes[0].client.dealt(round),
        None,
        "it is shown already"
    );
    for (party, share) in PartyId::ALL.into_iter().zip(shares) {
        let mut dealt = world.servers.dealt.iter();
        let is_it = |it: &&Dealt| (it.node, it.party, it.round) == (alice, party, round);
        let dealt = dealt.find(is_it).unwrap();
        assert_eq!(dealt.program, Program::Conversation);
        assert!(dealt.share.encode() == share, "{party} got something else");
    }
}
