//! How fast links come about: a crowd at the door must not starve the rounds of those inside.
//!
//! A handshake costs as much as several rounds of a client. So all of them together get an eighth of
//! the machine; who comes meanwhile waits, and where too many wait is told to come back. Clients do,
//! after pauses that grow and differ.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Of the machine's time handshakes get one part in so many.
const PARTS: u32 = 8;
/// What may be spent at once, of a time that is still to come; less is not worth a timer.
const AHEAD: Duration = Duration::from_millis(20);
/// Clients that wait, at most: what a quick machine takes in within about two seconds.
const MOST_WAITING: usize = 1024;

/// There are too many who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// Lets handshakes happen one after the other, and not too many.
#[derive(Debug)]
pub(crate) struct Pace {
    cores: u32,
    /// Those that may be under way at one time.
    turns: Semaphore,
    waiting: AtomicUsize,
    budget: Mutex<Budget>,
}

impl Pace {
    /// Makes one for a machine of so many cores.
    pub(super) fn new(cores: usize) -> Self {
        Self {
            cores: u32::try_from(cores).unwrap_or(u32::MAX).max(1),
            turns: Semaphore::new(cores.div_ceil(PARTS as usize)),
            waiting: AtomicUsize::new(0),
            budget: Mutex::new(Budget {
                paid_until: Instant::now(),
            }),
        }
    }

    /// Returns whether whoever comes now is told to come back.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= MOST_WAITING
    }

    /// Returns how many handshakes wait or are under way.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Does the costly part of a handshake when its turn has come.
    ///
    /// # Errors
    /// When too many wait.
    pub(crate) async fn in_turn<T>(&self, work: impl FnOnce() -> T) -> Result<T, Busy> {
        let _place = self.wait()?;
        let _turn = self.turns.acquire().await.map_err(|_| Busy)?;
        let pause = self.with_budget(|budget| budget.pause(Instant::now()));
        if !pause.is_zero() {
            sleep(pause).await;
        }
        let began = Instant::now();
        let done = work();
        let cost = began.elapsed() * PARTS / self.cores;
        self.with_budget(|budget| budget.spend(began, cost));
        Ok(done)
    }

    fn wait(&self) -> Result<Place<'_>, Busy> {
        let place = Place(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING {
            Ok(place)
        } else {
            Err(Busy)
        }
    }

    fn with_budget<T>(&self, f: impl FnOnce(&mut Budget) -> T) -> T {
        f(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One who waits, and does no more when this is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Until when the time that handshakes get is spent.
#[derive(Debug)]
struct Budget {
    paid_until: Instant,
}

impl Budget {
    /// Returns how long the next one waits.
    fn pause(&self, now: Instant) -> Duration {
        let ahead = self.paid_until.saturating_duration_since(now);
        if ahead > AHEAD { ahead } else { Duration::ZERO }
    }

    fn spend(&mut self, now: Instant, cost: Duration) {
        self.paid_until = self.paid_until.max(now) + cost;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A handshake of half a millisecond, in a time that the test sets.
    const TAKES: Duration = Duration::from_micros(500);

    #[test]
    fn handshakes_get_their_part_of_the_time_and_no_more() {
        let mut now = Instant::now();
        let mut budget = Budget { paid_until: now };
        let (start, count) = (now, 1000);
        for _ in 0..count {
            now += budget.pause(now);
            budget.spend(now, TAKES * PARTS / 2);
            now += TAKES;
        }
        let took = now - start;
        let part = (TAKES * count).as_secs_f64() / took.as_secs_f64();
        assert!((0.24..0.26).contains(&part), "{part} of one of two cores");
        // What was not used is not saved up.
        now += Duration::from_mins(1);
        budget.spend(now, 2 * AHEAD);
        assert_eq!(budget.pause(now), 2 * AHEAD);
    }

    #[tokio::test]
    async fn who_finds_too_many_waiting_is_told_to_come_back() {
        let pace = Arc::new(Pace::new(2));
        let turn = pace.turns.acquire().await.unwrap();
        let come = || {
            let pace = Arc::clone(&pace);
            tokio::spawn(async move { pace.in_turn(|| ()).await })
        };
        let mut inside: Vec<_> = (0..MOST_WAITING).map(|_| come()).collect();
        let waiting = || pace.waiting.load(Ordering::Relaxed);
        while waiting() < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(pace.is_full());
        assert_eq!(come().await.unwrap(), Err(Busy));
        // Whoever hangs up makes room.
        inside.pop().unwrap().abort();
        while waiting() == MOST_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(!pace.is_full());
        inside.push(come());
        drop(turn);
        for waiter in inside {
            assert_eq!(waiter.await.unwrap(), Ok(()));
        }
        assert_eq!(waiting(), 0);
    }
}
