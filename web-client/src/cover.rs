//! Whether this page is in every round.

use mcmix_shared::client::{Millis, RoundOutcome, View};
use mcmix_shared::program::RoundId;

/// Whether whoever watches sees this page in every round, as everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// It has been in none yet.
    NotYet,
    /// It is in every round.
    Whole,
    /// It has not been since its last round, which was then.
    GoneSince(Millis),
}

/// Follows the rounds of one page.
#[derive(Debug, Default)]
pub struct Follower {
    /// The last round that it was in, and when that was over.
    last: Option<(RoundId, Millis)>,
    /// Whether it was left out since.
    gone: bool,
}

impl Follower {
    /// Takes what is shown now. Rounds that fail for everybody leave nobody out.
    pub fn follow(&mut self, view: &View, now: Millis) -> Cover {
        let outcome = view.conversation.and_then(|round| round.last);
        self.gone |= !view.connected() || matches!(outcome, Some(RoundOutcome::Missed(_)));
        if let (true, Some(RoundOutcome::Done(round))) = (view.connected(), outcome)
            && self.last.is_none_or(|(last, _)| last != round)
        {
            self.last = Some((round, now));
            self.gone = false;
        }
        match self.last {
            None => Cover::NotYet,
            Some((_, at)) if self.gone => Cover::GoneSince(at),
            Some(_) => Cover::Whole,
        }
    }
}
