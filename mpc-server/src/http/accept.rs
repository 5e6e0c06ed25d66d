//! Takes connections: limits before anything is read, no delay, an end on time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::impatient::Impatient;
use crate::seldom::Seldom;

/// Bytes of a request's head at most.
const HEAD_BYTES: usize = 16 * 1024;
/// What the system holds for a client that does not read.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Pause when the system has no sockets to give.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection's place among all; the client link keeps it after the request.
pub(crate) type Permit = Arc<OwnedSemaphorePermit>;

/// What connections are held to.
#[derive(Clone, Copy, Debug)]
pub struct AcceptLimits {
    /// Connections at one time.
    pub connections: usize,
    /// Time for a request's head, and for whoever takes nothing of an answer.
    pub head: Duration,
}

/// Serves connections until `stop`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: AcceptLimits,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    // Inherited by every accepted socket. Where the system refuses, its default holds.
    let _kept = socket2::SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER_BYTES);
    let places = Arc::new(Semaphore::new(
        limits.connections.min(Semaphore::MAX_PERMITS),
    ));
    let mut failures = Seldom::<u64>::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((socket, permit)) => {
                let stop = stop.clone();
                tasks.spawn(connection(
                    socket,
                    router.clone(),
                    permit,
                    limits.head,
                    stop,
                ));
            }
            Err(error) => {
                if let Some(times) = failures.add(Instant::now(), |times| *times += 1) {
                    let at = listener.local_addr().ok();
                    tracing::warn!(times, ?at, "can't accept a connection: {error}");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Permit)> {
    let permit = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (socket, _address) = listener.accept().await?;
    socket.set_nodelay(true)?;
    Ok((socket, Arc::new(permit)))
}

async fn connection(
    socket: TcpStream,
    router: Router,
    permit: Permit,
    head: Duration,
    stop: CancellationToken,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&permit));
        let router = router.clone();
        router.oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Some probes close their end once they have asked.
        .half_close(true)
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Impatient::new(socket, head)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // What goes wrong with one request is its sender's affair.
    tokio::select! {
        _ended = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ended = tokio::time::timeout(head, connection).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn whoever_closes_its_end_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route(
            "/",
            get(async || {
                // As where a file is read.
                tokio::task::yield_now().await;
                "here"
            }),
        );
        let head = Duration::from_secs(10);
        let limits = AcceptLimits {
            connections: 1,
            head,
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tokio::spawn(serve(listener, router, limits, tasks, stop));
        // More than once: the only place is given back.
        for _ in 0..3 {
            let mut probe = TcpStream::connect(address).await.unwrap();
            probe
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .await
                .unwrap();
            probe.shutdown().await.unwrap();
            let mut answer = String::new();
            let read = tokio::time::timeout(head, probe.read_to_string(&mut answer)).await;
            read.expect("the end of the answer").unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
            assert!(answer.ends_with("here"), "{answer:?}");
        }
    }
}
