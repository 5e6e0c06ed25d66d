//! A line for clients that are turned away, at most once a period: how many and why, and nothing by
//! which one could be told. Not even the origin of a page: some browsers give each user one of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::seldom::Seldom;

/// Why a client is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Its page is of another origin.
    Origin,
    /// As many are connected as may be.
    Full,
    /// Too many connect at a time.
    Busy,
}

impl Reason {
    const fn text(self) -> &'static str {
        match self {
            Self::Origin => {
                "from a page whose origin clients.origins does not list (compare it with what the \
                 browser's address bar shows)"
            }
            Self::Full => {
                "with no room for more (clients.max_connections, and the system's open files)"
            }
            Self::Busy => "since too many connect at one time (they come back)",
        }
    }
}

#[derive(Debug, Default)]
struct Counts(BTreeMap<Reason, u64>);

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (reason, count) in &self.0 {
            write!(f, "{between}{count} {}", reason.text())?;
            between = ", ";
        }
        Ok(())
    }
}

/// Counts those who are turned away.
#[derive(Debug)]
pub(super) struct TurnedAway(Mutex<Seldom<Counts>>);

impl TurnedAway {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Seldom::new()))
    }

    /// Counts one, and says so where a line may be written now.
    pub(super) fn note(&self, reason: Reason) {
        let mut seldom = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let add = |counts: &mut Counts| *counts.0.entry(reason).or_default() += 1;
        if let Some(counts) = seldom.add(Instant::now(), add) {
            tracing::warn!("clients were turned away: {counts}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_apart() {
        let counts = Counts([(Reason::Origin, 2), (Reason::Full, 1)].into());
        let text = counts.to_string();
        assert!(text.starts_with("2 from a page whose origin"), "{text}");
        assert!(text.contains(", 1 with no room"), "{text}");
    }
}
