//! Sorts a peer's frames by round.
//!
//! The link's reader never waits for the engine: two parties that both send before they read
//! would wait for each other for ever. Memory stays bounded by what a round can need at most.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, mpsc};

use bytes::Bytes;
use mcmix_shared::program::RoundId;

/// Where the frames of one peer go.
#[derive(Debug, Default)]
pub(super) struct Inboxes {
    state: Mutex<State>,
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
}

/// A frame that no inbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotWanted {
    /// Its round was never opened.
    UnknownRound,
    /// The round has had all that it can need.
    TooMuch,
}

impl Inboxes {
    /// Opens the inbox of a round, for as many bytes as it can need.
    pub(super) fn open(&self, round: RoundId, limit_bytes: usize) -> mpsc::Receiver<Bytes> {
        let (frames, receiver) = mpsc::channel();
        let mut state = self.lock();
        state.newest = state.newest.max(round);
        if !state.closed {
            let sender = Sender {
                frames,
                bytes_left: limit_bytes,
            };
            state.open.insert(round, sender);
        }
        receiver
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
    pub(super) fn deliver(&self, round: RoundId, frame: Bytes) -> Result<(), NotWanted> {
        let mut state = self.lock();
        let newest = state.newest;
        let Some(sender) = state.open.get_mut(&round) else {
            return if round > newest {
                Err(NotWanted::UnknownRound)
            } else {
                Ok(())
            };
        };
        // An empty frame costs memory too.
        sender.bytes_left = sender
            .bytes_left
            .checked_sub(frame.len() + 64)
            .ok_or(NotWanted::TooMuch)?;
        if sender.frames.send(frame).is_err() {
            state.open.remove(&round);
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

    #[test]
    fn frames_go_to_their_round() {
        let inboxes = Inboxes::default();
        let (one, two) = (
            inboxes.open(RoundId(1), 1000),
            inboxes.open(RoundId(2), 1000),
        );
        assert_eq!(inboxes.deliver(RoundId(2), FRAME), Ok(()));
        assert_eq!(two.try_recv(), Ok(FRAME));
        assert_eq!(one.try_recv(), Err(mpsc::TryRecvError::Empty));
        inboxes.close(RoundId(1));
        assert_eq!(one.try_recv(), Err(mpsc::TryRecvError::Disconnected));
        assert_eq!(
            inboxes.deliver(RoundId(1), FRAME),
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
            inboxes.deliver(RoundId(2), FRAME),
            Err(NotWanted::UnknownRound)
        );
        assert_eq!(inboxes.deliver(RoundId(1), FRAME), Ok(()));
        assert_eq!(inboxes.deliver(RoundId(1), FRAME), Err(NotWanted::TooMuch));
    }
}
