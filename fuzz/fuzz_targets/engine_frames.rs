//! One server's peer that changes its frames in a round: the round ends, or its replies are there, and
//! whoever is blamed for the end, that peer is among them.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mcmix_engine::Suspects;
use mcmix_fuzz::engine::{Recorded, Round};
use mcmix_fuzz::{Change, Party};
use mcmix_shared::party::PartyId;

#[derive(Debug, Arbitrary)]
struct Input {
    round: Round,
    me: Party,
    next_lies: bool,
    changes: Vec<(u16, Change)>,
}

fuzz_target!(|input: Input| {
    let me = PartyId::from(input.me);
    let liar = if input.next_lies {
        me.next()
    } else {
        me.prev()
    };
    let recorded = Recorded::of(input.round);
    let mut frames = recorded.frames(me);
    let theirs = &mut frames[liar.index()];
    for (which, change) in input.changes.iter().take(4) {
        let which = usize::from(*which) % theirs.len();
        change.make(&mut theirs[which]);
    }
    let suspects = match recorded.play(me, frames) {
        Ok(_) => return,
        Err(error) => error.suspects(me),
    };
    assert!(
        !input.changes.is_empty(),
        "an honest round failed: {suspects:?}"
    );
    let named = match suspects {
        Suspects::Nobody => false,
        Suspects::One(peer) => peer == liar,
        Suspects::Two(one, other) => one == liar || other == liar,
    };
    assert!(named, "{liar} lied to {me}, and {suspects} is blamed");
});
