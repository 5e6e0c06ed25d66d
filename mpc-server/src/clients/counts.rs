//! What is counted of clients, for operators: of all together, and nothing by which one could be told.

use std::sync::atomic::{AtomicU64, Ordering};

use mcmix_shared::wire::Refusal;

/// Why a connection comes to no link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// Its page is of another origin.
    Origin,
    /// It does not offer our subprotocol.
    Subprotocol,
    /// It asks for no WebSocket.
    NoWebSocket,
    /// Too many connect at a time.
    Busy,
    /// The handshake took too long.
    Slow,
    /// The Noise handshake failed.
    Handshake,
    /// It broke the WebSocket protocol.
    Violation,
    /// It closed before it was there.
    Closed,
}

impl Unserved {
    pub(crate) const ALL: [Self; 8] = [
        Self::Origin,
        Self::Subprotocol,
        Self::NoWebSocket,
        Self::Busy,
        Self::Slow,
        Self::Handshake,
        Self::Violation,
        Self::Closed,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Subprotocol => "subprotocol",
            Self::NoWebSocket => "no_websocket",
            Self::Busy => "busy",
            Self::Slow => "slow",
            Self::Handshake => "handshake",
            Self::Violation => "violation",
            Self::Closed => "closed",
        }
    }
}

/// Returns what a reason is called here.
const fn name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::UnsupportedVersion => "version",
        Refusal::UnknownKind => "kind",
        Refusal::WrongSize => "size",
        Refusal::WrongProgram => "program",
        Refusal::WrongRound => "round",
        Refusal::Early => "early",
        Refusal::Late => "late",
        Refusal::Repeated => "repeated",
        Refusal::Replaced => "replaced",
        Refusal::IdTaken => "id_taken",
        Refusal::TooManyConnections => "full",
        Refusal::Malformed => "malformed",
        Refusal::TooFast => "too_fast",
        Refusal::Stopping => "stopping",
        _ => "other",
    }
}

/// Counts by reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals([AtomicU64; 16]);

impl Refusals {
    pub(super) fn add(&self, refusal: Refusal) {
        if let Some(count) = self.0.get(usize::from(refusal.code())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns what each reason is called, and how often it was.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL.iter().map(|&refusal| {
            let count = self.0.get(usize::from(refusal.code()));
            let count = count.map_or(0, |count| count.load(Ordering::Relaxed));
            (name(refusal), count)
        })
    }
}

/// What is counted of all clients.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Frames that were answered with a refusal.
    pub(crate) frames: Refusals,
    /// Connections that were closed with a refusal.
    pub(crate) links: Refusals,
    unserved: [AtomicU64; Unserved::ALL.len()],
    came: AtomicU64,
    sent: AtomicU64,
}

impl Counts {
    pub(super) fn turn_away(&self, why: Unserved) {
        let counts = Unserved::ALL.iter().zip(&self.unserved);
        for (_, count) in counts.filter(|(of, _)| **of == why) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn receive(&self, bytes: usize) {
        self.came.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn send(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns why connections came to no link or were closed, and how many.
    pub(crate) fn connections(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.unserved.iter().map(|it| it.load(Ordering::Relaxed));
        let unserved = Unserved::ALL.into_iter().map(Unserved::name).zip(counts);
        unserved.chain(self.links.each())
    }

    /// Returns the bytes that came from clients, and those that were sent to them, over links that
    /// had come about.
    pub(crate) fn bytes(&self) -> [u64; 2] {
        [&self.came, &self.sent].map(|bytes| bytes.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own_and_is_counted_under_it() {
        let counts = Counts::default();
        for &refusal in Refusal::ALL {
            counts.frames.add(refusal);
            counts.links.add(refusal);
        }
        for why in Unserved::ALL {
            counts.turn_away(why);
        }
        assert!(
            counts
                .frames
                .each()
                .all(|(name, count)| count == 1 && name != "other")
        );
        let names: BTreeSet<_> = counts.connections().map(|(name, _)| name).collect();
        assert_eq!(names.len(), Refusal::ALL.len() + Unserved::ALL.len());
        assert!(counts.connections().all(|(_, count)| count == 1));
    }
}
