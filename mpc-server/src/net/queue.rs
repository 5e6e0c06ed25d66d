//! What waits for the writers of a link's strands.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep_until};

/// Frames that may wait for a writer; then senders wait.
const FRAMES: usize = 32;

/// The senders' ends.
#[derive(Clone, Debug)]
pub(super) struct Senders {
    /// Goes past the frames that wait.
    pub(super) controls: mpsc::UnboundedSender<Bytes>,
    pub(super) frames: mpsc::Sender<Bytes>,
}

/// A writer's end.
pub(super) struct Queue {
    /// Of the first strand's writer alone: controls stay in order.
    controls: Option<mpsc::UnboundedReceiver<Bytes>>,
    /// Whoever is free takes the next.
    frames: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    /// Held back from every message: latency, not bandwidth.
    delay: Duration,
    held: VecDeque<(Instant, Bytes)>,
}

/// Makes both ends.
pub(super) fn new(delay: Duration) -> (Senders, Queue) {
    let (controls, control_queue) = mpsc::unbounded_channel();
    let (frames, frame_queue) = mpsc::channel(FRAMES);
    let queue = Queue {
        controls: Some(control_queue),
        frames: Arc::new(Mutex::new(frame_queue)),
        delay,
        held: VecDeque::new(),
    };
    (Senders { controls, frames }, queue)
}

impl Queue {
    /// Returns the end of another writer, who takes frames alone.
    pub(super) fn of_frames(&self) -> Self {
        Self {
            controls: None,
            frames: Arc::clone(&self.frames),
            delay: self.delay,
            held: VecDeque::new(),
        }
    }

    /// Waits for the next message; `None` when all senders are gone. Loses nothing when dropped.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            let due = self.held.front().map(|(at, _)| *at);
            let message = tokio::select! {
                biased;
                () = async { sleep_until(due.unwrap_or_else(Instant::now)).await }, if due.is_some() => {
                    return self.held.pop_front().map(|(_, message)| message);
                }
                Some(message) = receive(&mut self.controls) => message,
                Some(message) = async { self.frames.lock().await.recv().await } => message,
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
            let control = self.controls.as_mut().and_then(|it| it.try_recv().ok());
            // Where another writer has the lock, it waits for the next frame.
            let frame = || self.frames.try_lock().ok()?.try_recv().ok();
            return control.or_else(frame);
        }
        let (at, _) = self.held.front()?;
        if *at > Instant::now() {
            return None;
        }
        self.held.pop_front().map(|(_, message)| message)
    }
}

async fn receive(controls: &mut Option<mpsc::UnboundedReceiver<Bytes>>) -> Option<Bytes> {
    controls.as_mut()?.recv().await
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
