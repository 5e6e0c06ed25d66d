//! A party's process: nothing holds up its end, and no signal ends it without a farewell.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What ends a party.
const STOP: [SignalKind; 3] = [
    SignalKind::terminate(),
    SignalKind::interrupt(),
    SignalKind::quit(),
];

/// What would end a process that does not listen for it, and is no reason to: tools that ask other programs for something, a log file that has reached its limit.
fn harmless() -> [(&'static str, SignalKind); 5] {
    [
        ("USR1", SignalKind::user_defined1()),
        ("USR2", SignalKind::user_defined2()),
        ("ALRM", SignalKind::alarm()),
        ("IO", SignalKind::io()),
        // Its number on Linux, macOS and the BSDs.
        ("XFSZ", SignalKind::from_raw(25)),
    ]
}

/// Runs until `future` is done, and waits for nothing else: looking up a name may take half a minute
/// more, and can't be broken off.
///
/// # Errors
/// When the system gives no threads.
pub fn run<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Runtime::new()?;
    let value = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(value)
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The party is to stop.
    Stop,
    /// What can be read anew is to be.
    Reread,
}

/// The signals that come from outside.
#[derive(Debug)]
pub struct Signals {
    stop: [Signal; 3],
    hangup: Signal,
    harmless: Vec<(&'static str, Signal)>,
}

impl Signals {
    /// Listens for them from now on.
    ///
    /// # Errors
    /// When the system does not let us.
    pub fn listen() -> io::Result<Self> {
        let [terminate, interrupt, quit] = STOP.map(signal);
        let harmless = harmless()
            .into_iter()
            .map(|(name, kind)| Ok((name, signal(kind)?)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            stop: [terminate?, interrupt?, quit?],
            hangup: signal(SignalKind::hangup())?,
            harmless,
        })
    }

    /// Waits until one asks for something. The others are logged, and change nothing.
    pub async fn next(&mut self) -> Asked {
        let [terminate, interrupt, quit] = &mut self.stop;
        loop {
            tokio::select! {
                _ = terminate.recv() => return Asked::Stop,
                _ = interrupt.recv() => return Asked::Stop,
                _ = quit.recv() => return Asked::Stop,
                _ = self.hangup.recv() => return Asked::Reread,
                name = any(&mut self.harmless) => {
                    tracing::info!("SIG{name} came, and changes nothing");
                }
            }
        }
    }
}

/// Waits for one of several signals, and returns its name.
async fn any(signals: &mut [(&'static str, Signal)]) -> &'static str {
    poll_fn(|context| {
        for (name, signal) in signals.iter_mut() {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(*name);
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    /// As where the resolver is dead.
    #[test]
    fn what_blocks_a_thread_holds_up_no_end() {
        let (resolver, answer) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        std::thread::spawn(move || {
            let ran = run(async { drop(tokio::task::spawn_blocking(move || answer.recv())) });
            ended.send(ran.is_ok()).unwrap();
        });
        assert_eq!(end.recv_timeout(Duration::from_secs(10)), Ok(true));
        drop(resolver);
    }
}
