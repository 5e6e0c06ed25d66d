//! Whether this page is in every round, and what it moves.

use mcmix_shared::client::View;
use yew::prelude::*;

use crate::cover::{Cover, Follower};
use crate::engine;
use crate::meter::Meter;

/// Keeps whether the page is in every round.
#[hook]
pub(super) fn use_cover(view: &View) -> Cover {
    let follower = use_mut_ref(Follower::default);
    follower.borrow_mut().follow(view, engine::now().wall)
}

/// Returns how many bytes go to and fro in a second, once that can be told.
#[hook]
pub(super) fn use_rate(view: &View) -> Option<u64> {
    let meter = use_mut_ref(Meter::default);
    let round = view.conversation.map(|round| round.round);
    let traffic = view.traffic;
    // One reading a round.
    *use_memo(round, |_| {
        meter.borrow_mut().read(engine::now().steady, traffic)
    })
}
