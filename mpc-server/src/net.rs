//! Links to the two other parties.
//!
//! One long-lived link per pair: TLS with pinned certificates, WebSocket messages inside.
//! `P_i` dials `P_{i+1}` and is dialled by `P_{i-1}`, with further connections for one link where
//! there are cores for them; a link that ends is made again. Control
//! messages and the bulk vectors of every round share the link; vectors go in chunks, so that
//! a long one holds nothing up.

use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;
use tokio_tungstenite::tungstenite;

use crate::keys::Fingerprint;

mod door;
mod hello;
mod inbox;
mod knock;
mod link;
mod message;
mod peers;
mod queue;
mod round;
mod strand;
mod tls;
mod way;

pub use hello::{PairKey, reread_hello};
pub use knock::reread_knock;
pub use link::Link;
pub use message::{ACCOUNT_BYTES, Control, Position, reread_message};
pub use peers::{PeerEvent, PeerSettings, Peers};
#[cfg(test)]
pub(crate) use round::memory;
pub use round::{Abandon, RoundLink};
pub use strand::strands;
pub use tls::{Pins, TlsContext};
pub use way::NoWay;

/// Sockets that the links with both peers can need at one time: two links, an old one that ends
/// beside a new one, and whoever knocks.
pub(crate) const SOCKETS: usize = 4 * strand::MOST + door::SOCKETS;

/// What went wrong between us and a peer. Every variant that the peer caused blames it.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The peer's address can't be reached.
    #[error("can't reach {peer} at {address} (peers.next): {source}")]
    Unreachable {
        /// The peer.
        peer: PartyId,
        /// Its configured address.
        address: String,
        /// What was tried.
        source: NoWay,
    },
    /// Whoever answered does not hold the pinned certificate.
    #[error(
        "the certificate shown for {peer} is not the pinned one: expected {pinned}, got {shown}; \
         {hint}"
    )]
    WrongCertificate {
        /// The peer that should have answered.
        peer: PartyId,
        /// The pinned fingerprint.
        pinned: Fingerprint,
        /// The one that was shown.
        shown: Fingerprint,
        /// What this looks like.
        hint: &'static str,
    },
    /// The peer does not take our certificate.
    #[error(
        "{peer} refused our certificate: its configuration pins another one than ours, whose \
         fingerprint is {ours}; give that to its operator"
    )]
    Refused {
        /// The peer.
        peer: PartyId,
        /// The fingerprint that it should pin.
        ours: Fingerprint,
    },
    /// Something else than a peer port answers.
    #[error(
        "what answers at peers.next is no peer port; expected the address of {0}'s peers.listen, and \
         got that of its clients.listen perhaps, or of a proxy"
    )]
    NoPeerPort(PartyId),
    /// Our own certificate or key can't be used.
    #[error("our own keys.tls_certificate and keys.tls_key can't be used: {0}; run check-config")]
    OwnFiles(rustls::Error),
    /// The peer that dialled us can't agree on keys that outlast quantum computers.
    #[error("{0} does not offer the key exchange X25519MLKEM768; its server must be updated")]
    KeyExchange(PartyId),
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake with {peer} failed: {source}")]
    Tls {
        /// The peer.
        peer: PartyId,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The peer that we dialled hung up before it showed a certificate.
    #[error(
        "{peer} hung up on us: its operator may have another fingerprint than ours, which is {ours}; \
         or it runs another version; or peers.next is the address of no peer port"
    )]
    TurnedAway {
        /// The peer.
        peer: PartyId,
        /// The fingerprint that it should pin.
        ours: Fingerprint,
    },
    /// The connection broke, or the peer broke the WebSocket protocol or its limits.
    #[error("the link with {peer} broke: {source}")]
    Broken {
        /// The peer.
        peer: PartyId,
        /// What went wrong.
        source: Box<tungstenite::Error>,
    },
    /// The peer closed the link.
    #[error("{0} closed the link")]
    Closed(PartyId),
    /// The peer took a newer link with our keys.
    #[error(
        "{0} ended our link for a newer one that was made with our keys: a second server runs with \
         them; stop one of the two"
    )]
    Replaced(PartyId),
    /// The peer made a newer link.
    #[error("{0} made a newer link")]
    Renewed(PartyId),
    /// The peer said nothing for too long.
    #[error("{0} said nothing for too long")]
    Silent(PartyId),
    /// The peer took nothing for too long.
    #[error("{0} reads nothing that we send")]
    Stuck(PartyId),
    /// The peer's first message is none that a party of this deployment sends.
    #[error("{peer} introduced itself wrongly: {problem}")]
    BadHello {
        /// The peer.
        peer: PartyId,
        /// What is wrong.
        problem: &'static str,
    },
    /// The peer sent a message that can't be read.
    #[error("{peer} sent a malformed message: {problem}")]
    Malformed {
        /// The peer.
        peer: PartyId,
        /// What is wrong.
        problem: &'static str,
    },
    /// The peer sent a vector for a round that was never opened.
    #[error("{peer} sent a vector for round {round}, which was never opened")]
    UnknownRound {
        /// The peer.
        peer: PartyId,
        /// The round.
        round: RoundId,
    },
    /// The peer sent more than a round can need.
    #[error("{peer} sent more for round {round} than a round can need")]
    TooMuch {
        /// The peer.
        peer: PartyId,
        /// The round.
        round: RoundId,
    },
}

impl PeerError {
    fn broken(peer: PartyId, source: tungstenite::Error) -> Self {
        Self::Broken {
            peer,
            source: Box::new(source),
        }
    }
}
