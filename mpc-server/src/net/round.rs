//! One round's part of both links: what the engine and the agreement talk through.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mcmix_engine::{LinkError, PartyId};
use mcmix_shared::program::RoundId;

use super::Link;

/// The links of one round, for use from a blocking thread. Dropping it ends the round's use
/// of them.
#[derive(Debug)]
pub struct RoundLink {
    round: RoundId,
    next: Side,
    prev: Side,
    deadline: Option<Instant>,
    abandoned: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Side {
    link: Link,
    frames: mpsc::Receiver<Bytes>,
}

impl Side {
    fn open(link: Link, round: RoundId, limit_bytes: usize) -> Self {
        let frames = link.inboxes().open(round, limit_bytes);
        Self { link, frames }
    }
}

impl RoundLink {
    /// Opens a round on the links with the next and the previous party. Each may send at most
    /// `limit_bytes` in it.
    pub fn open(round: RoundId, next: Link, prev: Link, limit_bytes: usize) -> Self {
        Self {
            round,
            next: Side::open(next, round, limit_bytes),
            prev: Side::open(prev, round, limit_bytes),
            deadline: None,
            abandoned: Arc::default(),
        }
    }

    /// Starts the time that the round has from here on.
    pub fn limit(&mut self, time: Duration) {
        self.deadline = Instant::now().checked_add(time);
    }

    /// Returns the round.
    pub const fn round(&self) -> RoundId {
        self.round
    }

    /// Returns the links with the next and the previous party.
    pub const fn links(&self) -> [&Link; 2] {
        [&self.next.link, &self.prev.link]
    }

    fn ended(&self) -> LinkError {
        if self.abandoned.load(Ordering::Relaxed) {
            LinkError::Abandoned
        } else {
            LinkError::Closed
        }
    }

    fn side(&self, peer: PartyId) -> Result<&Side, LinkError> {
        [&self.next, &self.prev]
            .into_iter()
            .find(|side| side.link.peer() == peer)
            .ok_or(LinkError::Closed)
    }
}

impl mcmix_engine::Link for RoundLink {
    fn send(&mut self, to: PartyId, frame: Vec<u8>) -> Result<(), LinkError> {
        if self.side(to)?.link.blocking_frame(self.round, frame) {
            Ok(())
        } else {
            Err(LinkError::Closed)
        }
    }

    fn recv(&mut self, from: PartyId) -> Result<Vec<u8>, LinkError> {
        let frames = &self.side(from)?.frames;
        let Some(deadline) = self.deadline else {
            return frames.recv().map(Vec::from).map_err(|_| self.ended());
        };
        // Nor is a frame taken that came in time if it is only looked at now: a peer must not gain
        // time by keeping us busy.
        let left = deadline
            .checked_duration_since(Instant::now())
            .ok_or(LinkError::TimedOut)?;
        match frames.recv_timeout(left) {
            Ok(frame) => Ok(frame.into()),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(LinkError::TimedOut),
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }
}

impl Drop for RoundLink {
    fn drop(&mut self) {
        self.next.link.inboxes().close(self.round);
        self.prev.link.inboxes().close(self.round);
    }
}

/// Ends a round's [`RoundLink`] from outside: its next receive fails.
#[derive(Clone, Debug)]
pub struct Abandon {
    round: RoundId,
    links: [Link; 2],
    abandoned: Arc<AtomicBool>,
}

impl RoundLink {
    /// Returns the means to end this round from outside.
    pub fn abandon_handle(&self) -> Abandon {
        Abandon {
            round: self.round,
            links: [self.next.link.clone(), self.prev.link.clone()],
            abandoned: Arc::clone(&self.abandoned),
        }
    }
}

impl Abandon {
    /// Ends the round.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
        for link in &self.links {
            link.inboxes().close(self.round);
        }
    }
}
