//! Many checks, on all processors at once.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

use anyhow::{Result, bail};

/// Checks everything, and returns what did not pass, in the order in which it was given.
///
/// # Errors
///
/// The first of a worker that could not check.
pub(crate) fn failing<T: Sync>(
    all: &[T],
    passes: impl Fn(&T) -> Result<bool> + Sync,
) -> Result<Vec<&T>> {
    let next = Mutex::new(all.iter().enumerate());
    let failing = Mutex::new(Vec::new());
    let work = || -> Result<()> {
        // Taken and let go at once: the guard of a `while let` would live through the body.
        let take = || next.lock().ok().and_then(|mut rest| rest.next());
        while let Some((at, one)) = take() {
            if !passes(one)? {
                failing
                    .lock()
                    .iter_mut()
                    .for_each(|list| list.push((at, one)));
            }
        }
        Ok(())
    };
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut done = started.into_iter().map(thread::ScopedJoinHandle::join);
        done.try_for_each(|result| result.unwrap_or_else(|_| bail!("a worker panicked")))
    })?;
    let mut failing = failing.into_inner().unwrap_or_default();
    failing.sort_by_key(|(at, _)| *at);
    Ok(failing.into_iter().map(|(_, one)| one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_named_in_order_and_an_error_ends_it() {
        let numbers: Vec<u32> = (0..100).collect();
        let failed = failing(&numbers, |number| Ok(number % 40 != 7)).unwrap();
        assert_eq!(failed, [&7, &47, &87]);
        let broken = failing(&numbers, |number| match number {
            50 => bail!("broken"),
            _ => Ok(true),
        });
        assert!(broken.is_err());
    }
}
