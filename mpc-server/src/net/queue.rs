//! What waits for a link's writer.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Frames that may wait for the writer; then senders wait.
const FRAMES: usize = 32;

/// The senders' ends.
#[derive(Clone, Debug)]
pub(super) struct Senders {
    /// Goes past the frames that wait.
    pub(super) controls: mpsc::UnboundedSender<Bytes>,
    pub(super) frames: mpsc::Sender<Bytes>,
}

/// The writer's end.
pub(super) struct Queue {
    controls: mpsc::UnboundedReceiver<Bytes>,
    frames: mpsc::Receiver<Bytes>,
    /// Held back from every message: latency, not bandwidth.
    delay: Duration,
    held: VecDeque<(Instant, Bytes)>,
}

/// Makes both ends.
pub(super) fn new(delay: Duration) -> (Senders, Queue) {
    let (controls, control_queue) = mpsc::unbounded_channel();
    let (frames, frame_queue) = mpsc::channel(FRAMES);
    let queue = Queue {
        controls: control_queue,
        frames: frame_queue,
        delay,
        held: VecDeque::new(),
    };
    (Senders { controls, frames }, queue)
}

impl Queue {
    /// Waits for the next message; `None` when all senders are gone. Loses nothing when dropped.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let due = self.held.front().map(|(at, _)| *at);
            let message = tokio::select! {
                biased;
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    return self.held.pop_front().map(|(_, message)| message);
                }
                Some(message) = self.controls.recv() => message,
                Some(message) = self.frames.recv() => message,
                else => return None,
            };
            if self.delay.is_zero() {
                return Some(message);
            }
            self.held.push_back((Instant::now() + self.delay, message));
        }
    }

    /// Returns a message that can go at once.
    pub(super) fn try_next(&mut self) -> Option<Bytes> {
        if self.delay.is_zero() {
            return self
                .controls
                .try_recv()
                .ok()
                .or_else(|| self.frames.try_recv().ok());
        }
        let (at, _) = self.held.front()?;
        if *at > Instant::now() {
            return None;
        }
        self.held.pop_front().map(|(_, message)| message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn controls_go_first_and_nothing_is_lost() {
        for delay in [Duration::ZERO, Duration::from_millis(5)] {
            let (senders, mut queue) = new(delay);
            senders
                .frames
                .send(Bytes::from_static(b"frame"))
                .await
                .unwrap();
            senders
                .controls
                .send(Bytes::from_static(b"control"))
                .unwrap();
            let began = Instant::now();
            assert_eq!(queue.next().await.unwrap(), "control");
            assert_eq!(queue.next().await.unwrap(), "frame");
            assert!(began.elapsed() >= delay);
            assert_eq!(queue.try_next(), None);
            drop(senders);
            assert_eq!(queue.next().await, None);
        }
    }
}
