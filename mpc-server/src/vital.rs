//! Threads and tasks without which a party runs no rounds: where one of them ends, the party stops,
//! and its supervisor starts it again.

use std::fmt::Display;

use tokio_util::sync::CancellationToken;

/// Starts a thread. Unless it returns that all is well, `stop` is cancelled when it ends.
pub(crate) fn thread<E: Display>(
    name: String,
    stop: &CancellationToken,
    run: impl FnOnce() -> Result<(), E> + Send + 'static,
) -> std::io::Result<()> {
    let guard = Guard::new(name.clone(), stop);
    let run = move || guard.end(run());
    std::thread::Builder::new().name(name).spawn(run).map(drop)
}

/// Runs a task. Where it panics, `stop` is cancelled.
pub(crate) async fn task(name: &str, stop: CancellationToken, task: impl Future<Output = ()>) {
    let guard = Guard::new(name.to_owned(), &stop);
    task.await;
    guard.end(Ok::<_, String>(()));
}

/// Stops the party when it is dropped.
struct Guard {
    name: String,
    stop: CancellationToken,
    is_over: bool,
}

impl Guard {
    fn new(name: String, stop: &CancellationToken) -> Self {
        Self {
            name,
            stop: stop.clone(),
            is_over: false,
        }
    }

    fn end<E: Display>(mut self, result: Result<(), E>) {
        match result {
            Ok(()) => self.is_over = true,
            Err(error) => tracing::error!("{}: {error}", self.name),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_over && !self.stop.is_cancelled() {
            tracing::error!(
                "stopping: {} has ended, without which no rounds are run",
                self.name
            );
            self.stop.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whatever_ends_unasked_stops_the_party() {
        let stop = CancellationToken::new();
        thread("test".to_owned(), &stop, || Err("no sockets")).unwrap();
        stop.cancelled().await;

        let stop = CancellationToken::new();
        thread("test".to_owned(), &stop, || -> Result<(), String> {
            panic!("a defect")
        })
        .unwrap();
        stop.cancelled().await;

        let stop = CancellationToken::new();
        tokio::spawn(task("test", stop.clone(), async { panic!("a defect") }));
        stop.cancelled().await;
    }

    #[tokio::test]
    async fn what_is_over_stops_nothing() {
        let stop = CancellationToken::new();
        task("test", stop.clone(), async {}).await;
        let (sender, ended) = tokio::sync::oneshot::channel::<()>();
        thread("test".to_owned(), &stop, move || {
            drop(sender);
            Ok::<_, String>(())
        })
        .unwrap();
        assert!(ended.await.is_err());
        assert!(!stop.is_cancelled());
    }
}
