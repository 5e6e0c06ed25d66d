//! One round's part of both links: what the engine and the agreement talk through.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mcmix_engine::{LinkError, PartyId};
use mcmix_shared::program::RoundId;

use super::Link;
use super::message::Place;

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
    sent: u64,
    /// The next frame's number.
    number: u32,
}

impl Side {
    fn open(link: Link, round: RoundId, limit_bytes: usize) -> Self {
        let frames = link.inboxes().open(round, limit_bytes);
        Self {
            link,
            frames,
            sent: 0,
            number: 0,
        }
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

    /// Returns the bytes sent so far to the next and to the previous party.
    pub const fn sent(&self) -> [u64; 2] {
        [self.next.sent, self.prev.sent]
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
        let round = self.round;
        let side = [&mut self.next, &mut self.prev]
            .into_iter()
            .find(|side| side.link.peer() == to)
            .ok_or(LinkError::Closed)?;
        side.sent += frame.len() as u64;
        let number = side.number;
        side.number = number.checked_add(1).ok_or(LinkError::Closed)?;
        if side.link.blocking_frame(Place { round, number }, frame) {
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
            .filter(|left| !left.is_zero())
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

/// Links in memory.
#[cfg(test)]
pub(crate) mod memory {
    use tokio_util::sync::CancellationToken;

    use super::super::hello::Hello;
    use super::super::link::{self, Ends, Pace};
    use super::super::{PairKey, Position};
    use super::*;

    /// What happens to a frame on its way from one party to another.
    pub(crate) type Change = fn((PartyId, PartyId), Vec<u8>) -> Vec<u8>;

    /// Both ends of a link between two parties.
    pub(super) fn pair(one: PartyId, two: PartyId) -> [(Link, Ends); 2] {
        let hello = |party| Hello::new(party, [0; 32], Position::default()).unwrap();
        let key = PairKey::derive(&hello(one), &hello(two), [0; 32]);
        let pace = Pace {
            idle: Duration::from_secs(1),
            delay: Duration::ZERO,
        };
        [two, one].map(|peer| {
            link::new(
                peer,
                key.clone(),
                pace,
                link::End::new(CancellationToken::new()),
            )
        })
    }

    /// Opens a round on links of all three parties. To be called in a runtime, which carries frames.
    pub(crate) fn open(round: RoundId, change: Change) -> [RoundLink; 3] {
        let next = PartyId::ALL.map(|party| {
            let [(next, to_next), (prev, to_prev)] = pair(party, party.next());
            for (ends, to, way) in [
                (to_next, prev.clone(), (party, party.next())),
                (to_prev, next.clone(), (party.next(), party)),
            ] {
                tokio::spawn(ends.carry(to, move |frame| change(way, frame)));
            }
            [next, prev]
        });
        PartyId::ALL.map(|party| {
            let ([next, _], [_, prev]) = (&next[party.index()], &next[party.prev().index()]);
            RoundLink::open(round, next.clone(), prev.clone(), 1 << 20)
        })
    }
}

#[cfg(test)]
mod tests {
    use mcmix_engine::Link as _;

    use super::*;

    const ROUND: RoundId = RoundId(5);

    fn link(peer: PartyId) -> Link {
        let [(link, _), _] = memory::pair(peer.next(), peer);
        link
    }

    /// A link of P0 on which P1 has sent a frame already.
    fn round_link() -> RoundLink {
        let link = RoundLink::open(ROUND, link(PartyId::P1), link(PartyId::P2), 1000);
        let frame = Bytes::from_static(b"frame");
        let first = Place {
            round: ROUND,
            number: 0,
        };
        link.next.link.inboxes().deliver(first, frame).unwrap();
        link
    }

    /// What a peer sends after the round's time is over changes nothing any more, nor what it sent
    /// before and we come to late: the time bounds what it can try out (docs/protocol.md §3).
    #[test]
    fn nothing_is_taken_once_the_time_is_over() {
        let mut link = round_link();
        link.limit(Duration::from_hours(1));
        assert_eq!(link.recv(PartyId::P1), Ok(b"frame".to_vec()));
        let mut link = round_link();
        link.limit(Duration::ZERO);
        assert_eq!(link.recv(PartyId::P1), Err(LinkError::TimedOut));
    }

    /// A round given up from outside is told apart from a link that broke.
    #[test]
    fn who_gave_a_round_up_is_known() {
        let mut link = round_link();
        link.limit(Duration::from_hours(1));
        link.next.link.inboxes().close_all();
        assert!(link.recv(PartyId::P1).is_ok());
        assert_eq!(link.recv(PartyId::P1), Err(LinkError::Closed));
        link.abandon_handle().abandon();
        assert_eq!(link.recv(PartyId::P2), Err(LinkError::Abandoned));
    }
}
