//! Sorts a peer's frames by round, and puts those of a round in order.
//!
//! The link's reader never waits for the engine: two parties that both send before they read
//! would wait for each other for ever. Memory stays bounded by what a round can need at most.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError, mpsc};

use bytes::Bytes;
use mcmix_shared::program::RoundId;
use tokio::sync::Notify;

use super::message::Place;

/// Where the frames of one peer go.
#[derive(Debug, Default)]
pub(super) struct Inboxes {
    state: Mutex<State>,
    opened: Notify,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<RoundId, Sender>,
    /// The newest round that was ever opened here. Frames of older ones may still come late.
    newest: RoundId,
    closed: bool,
}

#[derive(Debug)]
struct Sender {
    frames: mpsc::Sender<Bytes>,
    bytes_left: usize,
    /// The number of the frame that is next, and those behind it that came before it did.
    next: u32,
    early: BTreeMap<u32, Bytes>,
}

impl Sender {
    fn new(frames: mpsc::Sender<Bytes>, limit_bytes: usize) -> Self {
        Self {
            frames,
            bytes_left: limit_bytes,
            next: 0,
            early: BTreeMap::new(),
        }
    }

    /// Takes a frame in; says whether somebody still receives.
    fn take(&mut self, number: u32, frame: Bytes) -> Result<bool, NotWanted> {
        // An empty frame costs memory too.
        self.bytes_left = self
            .bytes_left
            .checked_sub(frame.len() + 64)
            .ok_or(NotWanted::TooMuch)?;
        if number < self.next || self.early.insert(number, frame).is_some() {
            return Err(NotWanted::Twice);
        }
        while let Some(frame) = self.early.remove(&self.next) {
            self.next = self.next.checked_add(1).ok_or(NotWanted::TooMuch)?;
            if self.frames.send(frame).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A frame that no inbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWanted {
    /// Its round was never opened.
    UnknownRound,
    /// The round has had all that it can need.
    TooMuch,
    /// A frame of this number came before.
    Twice,
}

impl Inboxes {
    /// Opens the inbox of a round, for as many bytes as it can need.
    pub(super) fn open(&self, round: RoundId, limit_bytes: usize) -> mpsc::Receiver<Bytes> {
        let (frames, receiver) = mpsc::channel();
        let mut state = self.lock();
        state.newest = state.newest.max(round);
        if !state.closed {
            state.open.insert(round, Sender::new(frames, limit_bytes));
        }
        drop(state);
        self.opened.notify_waiters();
        receiver
    }

    /// Waits until a round, or a later one, was opened here.
    pub(super) async fn until_open(&self, round: RoundId) {
        loop {
            let opened = self.opened.notified();
            if self.lock().newest >= round {
                return;
            }
            opened.await;
        }
    }

    /// Closes the inbox of a round: its receiver gets what is there and then an end.
    pub(super) fn close(&self, round: RoundId) {
        self.lock().open.remove(&round);
    }

    /// Closes all, for good: the link is gone.
    pub(super) fn close_all(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.open.clear();
    }

    /// Takes a frame in. Frames of rounds that are over are dropped.
    pub(super) fn deliver(&self, place: Place, frame: Bytes) -> Result<(), NotWanted> {
        let mut state = self.lock();
        let newest = state.newest;
        let Some(sender) = state.open.get_mut(&place.round) else {
            return if place.round > newest {
                Err(NotWanted::UnknownRound)
            } else {
                Ok(())
            };
        };
        if !sender.take(place.number, frame)? {
            state.open.remove(&place.round);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Bytes = Bytes::from_static(b"frame");

    const fn place(round: u64, number: u32) -> Place {
        Place {
            round: RoundId(round),
            number,
        }
    }

    #[test]
    fn frames_go_to_their_round() {
        let inboxes = Inboxes::default();
        let (one, two) = (
            inboxes.open(RoundId(1), 1000),
            inboxes.open(RoundId(2), 1000),
        );
        assert_eq!(inboxes.deliver(place(2, 0), FRAME), Ok(()));
        assert_eq!(two.try_recv(), Ok(FRAME));
        assert_eq!(one.try_recv(), Err(mpsc::TryRecvError::Empty));
        inboxes.close(RoundId(1));
        assert_eq!(one.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert_eq!(
            inboxes.deliver(place(1, 0), FRAME),
            Ok(()),
            "late, not wrong"
        );
        inboxes.close_all();
        assert_eq!(two.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        let three = inboxes.open(RoundId(3), 1000);
        assert_eq!(three.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn a_round_never_opened_or_overfilled_is_the_peers_fault() {
        let inboxes = Inboxes::default();
        let _one = inboxes.open(RoundId(1), 100);
        assert_eq!(
            inboxes.deliver(place(2, 0), FRAME),
            Err(NotWanted::UnknownRound)
        );
        assert_eq!(inboxes.deliver(place(1, 0), FRAME), Ok(()));
        assert_eq!(inboxes.deliver(place(1, 1), FRAME), Err(NotWanted::TooMuch));
    }

    #[tokio::test]
    async fn who_waits_for_a_round_is_woken_when_it_opens() {
        let inboxes = Inboxes::default();
        let _one = inboxes.open(RoundId(1), 100);
        inboxes.until_open(RoundId(1)).await;
        let mut waits = Box::pin(inboxes.until_open(RoundId(2)));
        assert!(futures_util::poll!(&mut waits).is_pending());
        let _two = inboxes.open(RoundId(2), 100);
        assert!(futures_util::poll!(&mut waits).is_ready());
    }

    #[test]
    fn frames_come_out_in_their_order_and_once() {
        let inboxes = Inboxes::default();
        let frames = inboxes.open(RoundId(1), 1000);
        for number in [2, 1, 4] {
            let frame = Bytes::from(vec![number; 3]);
            assert_eq!(inboxes.deliver(place(1, number.into()), frame), Ok(()));
            assert_eq!(frames.try_recv(), Err(mpsc::TryRecvError::Empty));
        }
        assert_eq!(inboxes.deliver(place(1, 0), FRAME), Ok(()));
        for expected in [FRAME, Bytes::from(vec![1; 3]), Bytes::from(vec![2; 3])] {
            assert_eq!(frames.try_recv(), Ok(expected));
        }
        for again in [0, 2, 4] {
            assert_eq!(
                inboxes.deliver(place(1, again), FRAME),
                Err(NotWanted::Twice)
            );
        }
    }
}
