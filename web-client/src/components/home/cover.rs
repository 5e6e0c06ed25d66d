//! Whether this page is in every round now, and since when it is not; how much that costs.

use mcmix_shared::client::{Millis, RoundOutcome, View};
use yew::prelude::*;

use crate::engine;
use crate::meter::Meter;

/// Whether whoever watches sees this page in every round, as everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// It is in every round.
    Whole,
    /// It has not been since then.
    GoneSince(Millis),
}

/// Keeps whether the page is in every round.
#[hook]
pub(super) fn use_cover(view: &View) -> Cover {
    let gone = use_mut_ref(|| None::<Millis>);
    let last = view.conversation.and_then(|round| round.last);
    let is_whole = view.connected() && matches!(last, Some(RoundOutcome::Done(_)));
    let mut gone = gone.borrow_mut();
    if is_whole {
        *gone = None;
        return Cover::Whole;
    }
    Cover::GoneSince(*gone.get_or_insert_with(|| engine::now().wall))
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
