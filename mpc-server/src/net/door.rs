//! The peer port: anybody can connect to it, one party is let in.
//!
//! A connection has at most two places in turn. *Knocking*: it may send one [`Knock`] and is read
//! no further. There are [`KNOCKING`] places; with one more, the oldest gives way. *Proving*: its
//! knock was the peer's, so now TLS is made with it. There are [`PROVING`] places; with one more,
//! the oldest knock gives way, by the time that it bears.
//!
//! So nothing that strangers without the peer's key send, and no number of connections, ends a
//! handshake of the peer: they never get past the first place, and cost no TLS. They can crowd a
//! peer out of the first place while its knock is on the way. It sends that with the end of the TCP
//! handshake, so strangers have to fill all places within what keeps the two packets apart: for
//! 5 ms that is 25,600 connections a second, for 300 ms, when the packet is lost once, 427. Then
//! the peer dials again, within two seconds ([`super::peers`]).
//!
//! Checking a signature costs about as much as taking a connection, and only one is checked at a
//! time. A knock that was overheard can be sent again, and has a place once at a time, which it can't
//! use; the peer's next knock bears a later time and has precedence. Whoever reads along can end
//! connections anyway.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use mcmix_shared::party::PartyId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::Request;

use super::PeerError;
use super::knock::{Knock, KnockedAt};
use super::link::{self, Socket};
use super::strand::Purpose;
use super::tls::{self, TlsContext};
use crate::keys::Fingerprint;
use crate::seldom::Seldom;

/// Connections that may not have knocked yet.
const KNOCKING: usize = 128;
/// Connections that may make TLS at one time.
const PROVING: usize = 4;
/// Sockets that the port can need at one time: one more while it makes room.
pub(super) const SOCKETS: usize = KNOCKING + PROVING + 1;
/// Time for a knock, and again for what comes after it.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause when the system has no sockets to give.
const PAUSE: Duration = Duration::from_millis(50);

/// A connection that proved to be the peer's.
pub(super) struct Proven {
    pub(super) socket: Socket,
    /// The secret of its TLS session.
    pub(super) session: [u8; 32],
    /// What the peer wants it for.
    pub(super) purpose: Purpose,
}

/// Why a connection that did not prove to be the peer's ended.
#[derive(Debug)]
pub(super) enum Misdeed {
    /// It sent no whole knock in time.
    Silent,
    /// It ended before its knock did.
    HungUp,
    /// It gave way to later ones before it knocked.
    Crowded,
    /// It sent something else than a knock.
    NoKnock,
    /// It knocked with a certificate that is not the pinned one.
    OtherCertificate(Fingerprint, &'static str),
    /// It knocked with the pinned certificate and without its key.
    Forged,
    /// Its knock was the peer's, but there were later ones.
    Outdated,
    /// Its knock was the peer's, but TLS was not made.
    Unproven(PeerError),
}

impl Misdeed {
    const fn what(&self) -> &'static str {
        match self {
            Self::Silent => "sent nothing that is whole in time",
            Self::HungUp => "hung up",
            Self::Crowded => "gave way to later ones",
            Self::NoKnock => "sent something else than a knock",
            Self::OtherCertificate(..) => "showed another certificate",
            Self::Forged => "showed the certificate without its key",
            Self::Outdated => "sent an old knock again",
            Self::Unproven(_) => "knocked rightly and then made no TLS",
        }
    }

    fn detail(&self, pinned: Fingerprint) -> Option<String> {
        match self {
            Self::OtherCertificate(shown, hint) => Some(format!(
                "the certificate shown is not the pinned one: expected {pinned}, got {shown}; {hint}"
            )),
            Self::Unproven(error) => Some(error.to_string()),
            _ => None,
        }
    }
}

/// What strangers did since the last line about them.
#[derive(Debug, Default)]
struct Strangers {
    counts: BTreeMap<&'static str, u64>,
    /// The last thing about which there is more to say.
    detail: Option<String>,
}

impl Strangers {
    fn add(&mut self, misdeed: &Misdeed, pinned: Fingerprint) {
        *self.counts.entry(misdeed.what()).or_default() += 1;
        self.detail = misdeed.detail(pinned).or(self.detail.take());
    }

    fn log(&self, peer: PartyId) {
        let strangers = self.counts.values().sum::<u64>();
        tracing::warn!(
            strangers,
            "at the peer port, none proved to be {peer}: {self}"
        );
    }
}

impl fmt::Display for Strangers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (what, count) in &self.counts {
            write!(f, "{between}{count} {what}")?;
            between = ", ";
        }
        self.detail
            .iter()
            .try_for_each(|detail| write!(f, "; the last: {detail}"))
    }
}

/// The peer port of one party.
pub(super) struct Door {
    peer: PartyId,
    tls: TlsContext,
    proven: mpsc::Sender<Proven>,
    knocking: JoinSet<Result<(Knock, TcpStream), Misdeed>>,
    oldest_first: VecDeque<AbortHandle>,
    proving: JoinSet<Result<(), Misdeed>>,
    places: Vec<(KnockedAt, AbortHandle)>,
    strangers: Seldom<Strangers>,
}

impl Door {
    /// Makes the door for `peer`; whoever proves to be it goes to `proven`.
    pub(super) fn new(peer: PartyId, tls: TlsContext, proven: mpsc::Sender<Proven>) -> Self {
        Self {
            peer,
            tls,
            proven,
            knocking: JoinSet::new(),
            oldest_first: VecDeque::new(),
            proving: JoinSet::new(),
            places: Vec::new(),
            strangers: Seldom::new(),
        }
    }

    /// Takes connections for ever.
    pub(super) async fn keep(mut self, listener: TcpListener) {
        let mut failures = Seldom::<u64>::new();
        loop {
            let due = self.strangers.due();
            tokio::select! {
                // What is there is dealt with before more is let in: nothing piles up.
                biased;
                Some(ended) = self.proving.join_next() => if let Ok(Err(misdeed)) = ended {
                    self.note(&misdeed);
                },
                Some(ended) = self.knocking.join_next() => match ended {
                    Ok(Ok((knock, socket))) => self.admit(&knock, socket),
                    Ok(Err(misdeed)) => self.note(&misdeed),
                    Err(_gave_way) => {}
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    if let Some(strangers) = self.strangers.take(Instant::now()) {
                        strangers.log(self.peer);
                    }
                }
                accepted = listener.accept() => match accepted {
                    Ok((socket, _address)) => self.hear(socket),
                    Err(error) => {
                        if let Some(times) = failures.add(Instant::now(), |times| *times += 1) {
                            tracing::warn!(times, "can't accept a peer's connection: {error}");
                        }
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn hear(&mut self, mut socket: TcpStream) {
        self.oldest_first.retain(|knocking| !knocking.is_finished());
        if self.oldest_first.len() >= KNOCKING
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            oldest.abort();
            self.note(&Misdeed::Crowded);
        }
        self.oldest_first.push_back(self.knocking.spawn(async move {
            let knock = timeout(HANDSHAKE, Knock::read(&mut socket)).await;
            Ok((knock.unwrap_or(Err(Misdeed::Silent))?, socket))
        }));
    }

    fn admit(&mut self, knock: &Knock, socket: TcpStream) {
        let at = match knock.check(&self.tls) {
            Ok(at) => at,
            Err(misdeed) => return self.note(&misdeed),
        };
        self.places.retain(|(_, proving)| !proving.is_finished());
        let had = self.places.len();
        let has_room = make_room(&mut self.places, at);
        if !has_room || self.places.len() < had {
            self.note(&Misdeed::Outdated);
        }
        if !has_room {
            return;
        }
        let (peer, tls, proven) = (self.peer, self.tls.clone(), self.proven.clone());
        let proving = self.proving.spawn(async move {
            match Box::pin(welcome(peer, &tls, socket)).await? {
                Ok(made) => drop(proven.send(made).await),
                // It is the peer: no stranger can make it say so often.
                Err(error) => tracing::warn!(%peer, "{error}"),
            }
            Ok(())
        });
        self.places.push((at, proving));
    }

    fn note(&mut self, misdeed: &Misdeed) {
        let pinned = self.tls.pins().prev;
        let add = |strangers: &mut Strangers| strangers.add(misdeed, pinned);
        if let Some(strangers) = self.strangers.add(Instant::now(), add) {
            strangers.log(self.peer);
        }
    }
}

/// Makes room for a knock unless it has a place already or all places are those of later ones; the
/// oldest gives way.
fn make_room(places: &mut Vec<(KnockedAt, AbortHandle)>, at: KnockedAt) -> bool {
    if places.iter().any(|(taken, _)| *taken == at) {
        return false;
    }
    if places.len() < PROVING {
        return true;
    }
    let oldest = places.iter().enumerate().min_by_key(|(_, (at, _))| *at);
    let Some((index, _)) = oldest.filter(|(_, (oldest, _))| *oldest < at) else {
        return false;
    };
    places.swap_remove(index).1.abort();
    true
}

/// Makes TLS, and then a WebSocket with whoever proved to be the peer.
async fn welcome(
    peer: PartyId,
    tls: &TlsContext,
    socket: TcpStream,
) -> Result<Result<Proven, PeerError>, Misdeed> {
    let stream = timeout(HANDSHAKE, tls.accept(peer, socket))
        .await
        .unwrap_or(Err(PeerError::Silent(peer)))
        .map_err(Misdeed::Unproven)?;
    let upgrade = async {
        let session = tls::export(peer, &stream)?;
        let mut purpose = None;
        #[expect(clippy::result_large_err, reason = "what the library asks for")]
        let note = |request: &Request, response| {
            purpose = Purpose::read(request.uri().path());
            Ok(response)
        };
        let socket = accept_hdr_async_with_config(stream, note, Some(link::config()))
            .await
            .map_err(|source| PeerError::broken(peer, source))?;
        let problem = "a request for something else than a link";
        let purpose = purpose.ok_or(PeerError::Malformed { peer, problem })?;
        Ok(Proven {
            socket,
            session,
            purpose,
        })
    };
    let upgraded = timeout(HANDSHAKE, upgrade).await;
    Ok(upgraded.unwrap_or(Err(PeerError::Silent(peer))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Old knocks that were overheard never keep a new one out, and a new one only ends older ones.
    #[tokio::test]
    async fn the_latest_knock_always_has_a_place() {
        let mut waiting = JoinSet::new();
        let mut place = |at| (KnockedAt(at), waiting.spawn(std::future::pending::<()>()));
        let mut places = vec![place(5), place(3), place(9)];
        assert!(!make_room(&mut places, KnockedAt(5)), "it has a place");
        assert!(make_room(&mut places, KnockedAt(1)), "there is room");
        places.push(place(4));
        assert!(
            !make_room(&mut places, KnockedAt(2)),
            "all others are later"
        );
        assert!(make_room(&mut places, KnockedAt(6)));
        let mut left: Vec<_> = places.iter().map(|(at, _)| at.0).collect();
        left.sort_unstable();
        assert_eq!(left, [4, 5, 9]);
        let ended = waiting.join_next().await.unwrap();
        assert!(ended.unwrap_err().is_cancelled());
    }

    #[test]
    fn strangers_are_told_apart_in_one_line() {
        let pinned = Fingerprint::of(&[1].as_slice().into());
        let shown = Fingerprint::of(&[2].as_slice().into());
        let mut strangers = Strangers::default();
        for misdeed in [
            Misdeed::OtherCertificate(shown, "compare fingerprints"),
            Misdeed::Silent,
            Misdeed::Silent,
        ] {
            strangers.add(&misdeed, pinned);
        }
        let line = strangers.to_string();
        assert!(line.contains("2 sent nothing"), "{line}");
        assert!(line.contains("1 showed another certificate"), "{line}");
        assert!(
            line.contains(&pinned.to_string()) && line.contains(&shown.to_string()),
            "{line}"
        );
    }
}
