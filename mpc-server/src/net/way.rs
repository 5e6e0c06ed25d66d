//! The way to a peer: the addresses that its name has, and a connection with the first of them that
//! answers.
//!
//! Addresses are tried one shortly after the other, as RFC 8305 has it: one that takes everything and
//! says nothing holds up none. A name is looked up again for every connection; where nobody answers
//! that, the addresses from before still do.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Time that an address has before the next one is tried, too.
const HEAD_START: Duration = Duration::from_millis(250);
/// Time that an address has.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for looking up a name, where it is new and where addresses are known.
const LOOK_UP: Duration = Duration::from_secs(10);
const LOOK_UP_AGAIN: Duration = Duration::from_millis(500);
/// Addresses of a name that are used.
const MOST: usize = 8;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum NoWay {
    /// The name has no address.
    #[error("the name can't be looked up: {0}")]
    NoAddress(io::Error),
    /// The resolver is silent.
    #[error("nobody says what addresses the name has: the resolver does not answer")]
    NoResolver,
    /// None of its addresses answers.
    #[error("{}", Listed(.0))]
    NoAnswer(Vec<(SocketAddr, io::Error)>),
}

struct Listed<'a>(&'a [(SocketAddr, io::Error)]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (address, error) in self.0 {
            write!(f, "{between}{address}: {error}")?;
            between = "; ";
        }
        Ok(())
    }
}

/// Asks the system what addresses a name has.
type LookUp = Arc<dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// The way to host:port.
pub(super) struct Way {
    address: String,
    look_up: LookUp,
    known: Vec<SocketAddr>,
    /// A question that has no answer yet; there is one at a time.
    asked: Option<JoinHandle<io::Result<Vec<SocketAddr>>>>,
}

impl Way {
    pub(super) fn new(address: String) -> Self {
        let look_up = |address: &str| Ok(address.to_socket_addrs()?.take(MOST).collect());
        Self::with(address, Arc::new(look_up))
    }

    fn with(address: String, look_up: LookUp) -> Self {
        Self {
            address,
            look_up,
            known: Vec::new(),
            asked: None,
        }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Connects. Of several addresses another one is the first next time: what answers at one may be
    /// somebody else.
    pub(super) async fn connect(&mut self) -> Result<TcpStream, NoWay> {
        self.ask().await?;
        let connected = first_of(&self.known).await;
        if !self.known.is_empty() {
            self.known.rotate_left(1);
        }
        connected.map_err(|mut failed| {
            // In one order: what is the same each time is to read the same.
            failed.sort_unstable_by_key(|(address, _)| *address);
            NoWay::NoAnswer(failed)
        })
    }

    /// Finds out what addresses there are.
    async fn ask(&mut self) -> Result<(), NoWay> {
        if let Ok(address) = self.address.parse() {
            self.known = vec![address];
            return Ok(());
        }
        let (address, look_up) = (&self.address, &self.look_up);
        let asked = self.asked.get_or_insert_with(|| {
            let (address, look_up) = (address.clone(), Arc::clone(look_up));
            // It takes as long as the resolver likes.
            tokio::task::spawn_blocking(move || look_up(&address))
        });
        let is_known = !self.known.is_empty();
        let patience = if is_known { LOOK_UP_AGAIN } else { LOOK_UP };
        let Ok(answer) = timeout(patience, asked).await else {
            return if is_known {
                Ok(())
            } else {
                Err(NoWay::NoResolver)
            };
        };
        self.asked = None;
        match answer.unwrap_or_else(|_| Err(io::Error::other("it was broken off"))) {
            Ok(found) if found.is_empty() => {
                let none = ErrorKind::NotFound.into();
                if is_known {
                    Ok(())
                } else {
                    Err(NoWay::NoAddress(none))
                }
            }
            Ok(found) => {
                // What was tried first last time is not tried first again.
                if !same(&found, &self.known) {
                    self.known = found;
                }
                Ok(())
            }
            Err(_) if is_known => Ok(()),
            Err(error) => Err(NoWay::NoAddress(error)),
        }
    }
}

/// Says whether two lists have the same addresses, in whatever order.
fn same(one: &[SocketAddr], other: &[SocketAddr]) -> bool {
    one.len() == other.len() && one.iter().all(|address| other.contains(address))
}

/// Connects with the first address that answers, or says what was wrong with each.
async fn first_of(addresses: &[SocketAddr]) -> Result<TcpStream, Vec<(SocketAddr, io::Error)>> {
    let (mut running, mut failed) = (FuturesUnordered::new(), Vec::new());
    let mut rest = addresses.iter().copied();
    let mut next = rest.next();
    loop {
        if let Some(address) = next.take() {
            running.push(async move { (address, connect(address).await) });
        }
        tokio::select! {
            Some((address, ended)) = running.next() => match ended {
                Ok(socket) => return Ok(socket),
                Err(error) => {
                    failed.push((address, error));
                    next = rest.next();
                }
            },
            () = sleep(HEAD_START), if rest.len() > 0 => next = rest.next(),
            else => return Err(failed),
        }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    timeout(CONNECT, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| {
            let text = format!("no answer in {} s", CONNECT.as_secs());
            Err(io::Error::new(ErrorKind::TimedOut, text))
        })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream as StdStream};
    use std::sync::Mutex;
    use std::sync::mpsc;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// An address whose packets nobody answers: its queue of new connections is full.
    struct BlackHole {
        address: SocketAddr,
        _socket: Socket,
        _waiting: Vec<StdStream>,
    }

    impl BlackHole {
        fn dig() -> Self {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            socket.bind(&any.into()).unwrap();
            socket.listen(0).unwrap();
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            let mut waiting = Vec::new();
            let patience = Duration::from_millis(100);
            while let Ok(taken) = StdStream::connect_timeout(&address, patience) {
                waiting.push(taken);
            }
            Self {
                address,
                _socket: socket,
                _waiting: waiting,
            }
        }
    }

    fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn an_address_that_swallows_all_holds_up_no_other() {
        let hole = BlackHole::dig();
        let (_listener, good) = listener();
        let (gone, closed) = listener();
        drop(gone);
        let known = vec![hole.address, closed, good];
        let mut way = Way::with(
            "peer.example:1".to_owned(),
            Arc::new(move |_| Ok(known.clone())),
        );
        for _ in 0..3 {
            let reached = timeout(CONNECT / 2, way.connect()).await;
            let socket = reached.expect("it does not wait for the first").unwrap();
            assert_eq!(socket.peer_addr().unwrap(), good);
        }
    }

    #[tokio::test]
    async fn each_address_is_told_of() {
        let [a, b] = [listener(), listener()].map(|(_, address)| address);
        let mut way = Way::with(
            "peer.example:1".to_owned(),
            Arc::new(move |_| Ok(vec![a, b])),
        );
        let error = way.connect().await.unwrap_err().to_string();
        for address in [a, b] {
            assert!(error.contains(&format!("{address}: ")), "{error}");
        }
        let again = way.connect().await.unwrap_err().to_string();
        assert_eq!(error, again);
    }

    /// A name that had an address still has it, and nobody asks twice at a time.
    #[tokio::test]
    async fn a_resolver_that_dies_holds_up_nothing() {
        let (_listener, good) = listener();
        let (answer, answers) = mpsc::channel();
        let answers = Mutex::new(answers);
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let look_up = move |_: &str| {
            *count.lock().unwrap() += 1;
            let answer: Result<Vec<_>, _> = answers.lock().unwrap().recv();
            answer.map_err(io::Error::other)
        };
        let mut way = Way::with("peer.example:1".to_owned(), Arc::new(look_up));
        answer.send(vec![good]).unwrap();
        for _ in 0..3 {
            let reached = timeout(CONNECT / 2, way.connect()).await;
            assert!(reached.expect("it does not wait for the resolver").is_ok());
        }
        assert_eq!(*asked.lock().unwrap(), 2);
        drop(answer);
        assert!(way.connect().await.is_ok(), "nor does an error matter");
    }

    #[tokio::test]
    async fn a_name_that_is_not_found_is_no_peer_that_is_silent() {
        let look_up = |_: &str| Err(io::Error::other("no such host"));
        let mut way = Way::with("peer.example:1".to_owned(), Arc::new(look_up));
        let error = way.connect().await.unwrap_err();
        assert!(matches!(error, NoWay::NoAddress(_)), "{error}");
        assert!(error.to_string().contains("no such host"), "{error}");
    }
}
