//! How a server answers, as seen from outside.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use mcmix_shared::wire::{MissedReason, Refusal};

use super::target::HANDSHAKE;

/// What may pass until a busy machine does what is due.
const GRACE: Duration = Duration::from_secs(3);

/// How a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Once by HTTP, with that status.
    Http(u16),
    /// By the code of a WebSocket that closes, then hangs up.
    Closed(u16),
    /// With a reason; the link goes on.
    Refused(Refusal),
    /// With a reason, and closes the link with 1008 (policy).
    Cut(Refusal),
    /// It leaves the client out of the round, and says why.
    LeftOut(MissedReason),
    /// It says nothing and hangs up, sooner than its patience would end.
    HungUp,
    /// It says nothing and hangs up when its patience (`clients.handshake_ms`) has ended.
    TimedOut,
    /// Not at all: what follows goes on as if nothing had been.
    GoesOn,
}

impl Answer {
    /// Says which end without a word it was.
    pub(super) fn hung_up(since: Instant) -> Result<Self> {
        let waited = since.elapsed();
        if waited < HANDSHAKE {
            Ok(Self::HungUp)
        } else if waited < HANDSHAKE + GRACE {
            Ok(Self::TimedOut)
        } else {
            bail!("hung up only after {} ms", waited.as_millis())
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Http(status) => write!(f, "HTTP {status}"),
            Self::Closed(code) => write!(f, "closed {code}"),
            Self::Refused(reason) => write!(f, "refused {reason:?}"),
            Self::Cut(reason) => write!(f, "refused {reason:?}, closed 1008"),
            Self::LeftOut(reason) => write!(f, "left out {reason:?}"),
            Self::HungUp => f.write_str("hung up"),
            Self::TimedOut => write!(f, "hung up after {} ms", HANDSHAKE.as_millis()),
            Self::GoesOn => f.write_str("goes on"),
        }
    }
}
