//! The three links: opened, kept, lost, tried again with growing pauses.

use core::mem;

use rand_core::CryptoRng;

use super::{
    Client, Command, LinkStatus, Millis, Notice, ServerKeys,
    rounds::{Said, Word},
};
use crate::{
    noise::{Initiator, Transport},
    party::PartyId,
    wire::{ClientFrame, Refusal, Reply, ServerFrame, Welcome},
};

/// How long a socket may take to open and greet.
const GREETING_MS: u64 = 10_000;
/// How long a link may be silent, beyond several rounds.
const SILENCE_MS: u64 = 15_000;
/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE_MS: u64 = 500;
const LONGEST_PAUSE_MS: u64 = 30_000;
/// Within which time two servers must say that another window took over. Also how long a link
/// waits of which one server alone says so.
const REPLACED_MS: u64 = 30_000;

/// The link to one server.
#[derive(Debug)]
pub(super) struct Link {
    state: State,
    /// Failures since a round was last replied to.
    failures: u32,
    /// Counts the connections.
    connections: u64,
    /// The server says that no rounds are run any more; it has opened none since.
    says_stopped: bool,
}

#[derive(Debug)]
enum State {
    /// Before the start.
    New,
    /// The socket is being opened.
    Connecting { since: Millis },
    /// Our first message is on its way.
    Greeting {
        initiator: Box<Initiator>,
        since: Millis,
    },
    /// Keys are agreed; the server's first frame is not there yet.
    Greeted { transport: Transport, since: Millis },
    /// Frames flow.
    Up {
        transport: Transport,
        last_frame: Millis,
    },
    /// Lost.
    Waiting { retry_at: Millis },
    /// Another start of this identity has taken the link, that server says.
    Replaced {
        since: Millis,
        retry_at: Option<Millis>,
    },
}

impl Default for Link {
    fn default() -> Self {
        Self {
            state: State::New,
            failures: 0,
            connections: 0,
            says_stopped: false,
        }
    }
}

impl Link {
    pub(super) const fn status(&self) -> LinkStatus {
        match self.state {
            State::New
            | State::Connecting { .. }
            | State::Greeting { .. }
            | State::Greeted { .. } => LinkStatus::Connecting,
            State::Up { .. } => LinkStatus::Connected,
            State::Replaced { retry_at: None, .. } => LinkStatus::Replaced,
            State::Waiting { retry_at }
            | State::Replaced {
                retry_at: Some(retry_at),
                ..
            } => LinkStatus::Waiting { retry_at },
        }
    }

    /// Returns the connection's number, if frames flow.
    pub(super) const fn number(&self) -> Option<u64> {
        match self.state {
            State::Up { .. } => Some(self.connections),
            _ => None,
        }
    }

    /// Learns that the server does its work.
    pub(super) fn has_worked(&mut self) {
        self.failures = 0;
    }

    /// Learns that the server opened a round.
    pub(super) const fn has_opened(&mut self) {
        self.says_stopped = false;
    }

    pub(super) const fn says_stopped(&self) -> bool {
        self.says_stopped
    }

    fn deadline(&self, silence_ms: u64) -> Option<Millis> {
        match self.state {
            State::New => None,
            State::Replaced { retry_at, .. } => retry_at,
            State::Connecting { since }
            | State::Greeting { since, .. }
            | State::Greeted { since, .. } => Some(since.after(GREETING_MS)),
            State::Up { last_frame, .. } => Some(last_frame.after(silence_ms)),
            State::Waiting { retry_at } => Some(retry_at),
        }
    }
}

impl Client {
    /// Connects to all servers, unless their keys have changed and nobody has looked at that.
    pub(super) fn connect_all(&mut self) {
        for party in PartyId::ALL {
            if self.server_keys() == ServerKeys::Known {
                self.connect(party);
            }
        }
    }

    fn connect(&mut self, party: PartyId) {
        let link = self.links.get_mut(party);
        link.connections += 1;
        link.state = State::Connecting {
            since: self.now.steady,
        };
        self.out.push(Command::Connect(party));
    }

    pub(super) fn opened(&mut self, party: PartyId, rng: &mut impl CryptoRng) {
        let link = self.links.get_mut(party);
        if let State::Connecting { since } = link.state {
            let key = &self.deployment.server(party).key;
            let realm = &self.realm.deployment;
            let secret = &self.profile.secret;
            let (initiator, hello) = Initiator::new(realm, party, secret, key, rng);
            link.state = State::Greeting {
                initiator: Box::new(initiator),
                since,
            };
            self.send_bytes(party, hello);
        }
    }

    pub(super) fn closed(&mut self, party: PartyId, rng: &mut impl CryptoRng) {
        let idle = matches!(
            self.links.get_mut(party).state,
            State::New | State::Waiting { .. } | State::Replaced { .. }
        );
        if !idle {
            self.lost(party, rng);
        }
    }

    /// Closes a link that is of no more use and tries again later.
    fn drop_link(&mut self, party: PartyId, rng: &mut impl CryptoRng) {
        self.out.push(Command::Disconnect(party));
        self.lost(party, rng);
    }

    fn lost(&mut self, party: PartyId, rng: &mut impl CryptoRng) {
        let link = self.links.get_mut(party);
        let pause = FIRST_PAUSE_MS
            .saturating_mul(1 << link.failures.min(16))
            .min(LONGEST_PAUSE_MS);
        // Between half the pause and all of it, so that clients do not come back all at once.
        let pause = pause / 2 + rng.next_u64() % (pause / 2 + 1);
        link.failures = link.failures.saturating_add(1);
        link.state = State::Waiting {
            retry_at: self.now.steady.after(pause),
        };
        // Rounds under way are finished over the next connection.
    }

    pub(super) fn received(&mut self, party: PartyId, bytes: &[u8], rng: &mut impl CryptoRng) {
        self.traffic.received_bytes = self
            .traffic
            .received_bytes
            .saturating_add(bytes.len() as u64);
        let now = self.now.steady;
        let link = self.links.get_mut(party);
        match mem::replace(&mut link.state, State::New) {
            State::Greeting { initiator, since } => {
                if let Ok(transport) = initiator.finish(bytes) {
                    link.state = State::Greeted { transport, since };
                    self.send(party, &ClientFrame::Ready);
                } else {
                    self.notify(Notice::WrongServer { party });
                    self.drop_link(party, rng);
                }
            }
            State::Greeted {
                mut transport,
                since,
            } => {
                let frame = transport.open(bytes).ok();
                link.state = State::Greeted { transport, since };
                self.frame_or_drop(party, frame, rng);
            }
            State::Up { mut transport, .. } => {
                let frame = transport.open(bytes).ok();
                link.state = State::Up {
                    transport,
                    last_frame: now,
                };
                self.frame_or_drop(party, frame, rng);
            }
            // Late bytes of a socket that we gave up.
            other => link.state = other,
        }
    }

    fn frame_or_drop(&mut self, party: PartyId, frame: Option<Vec<u8>>, rng: &mut impl CryptoRng) {
        let shape = self.deployment.shape();
        match frame.map(|bytes| ServerFrame::decode(party, shape, &bytes)) {
            Some(Ok(frame)) => self.take_frame(party, frame, rng),
            Some(Err(_)) | None => self.drop_link(party, rng),
        }
    }

    fn take_frame(&mut self, party: PartyId, frame: ServerFrame, rng: &mut impl CryptoRng) {
        let up = matches!(self.links.get(party).state, State::Up { .. });
        match frame {
            ServerFrame::Refused { reason } => self.refused(party, reason, rng),
            ServerFrame::Welcome(welcome) if !up => self.welcomed(party, &welcome, rng),
            ServerFrame::Open(open) if up => self.round_opened(party, &open, rng),
            ServerFrame::Reply(reply) if up => {
                let Reply {
                    round,
                    program,
                    body,
                } = reply;
                self.links.get_mut(party).has_worked();
                self.round_word(
                    party,
                    Said {
                        round,
                        program,
                        word: Word::Body(body),
                    },
                    rng,
                );
            }
            ServerFrame::Missed { round, program, .. } if up => {
                self.round_word(
                    party,
                    Said {
                        round,
                        program,
                        word: Word::Missed,
                    },
                    rng,
                );
            }
            ServerFrame::Failed {
                round,
                program,
                reason,
            } if up => {
                self.round_word(
                    party,
                    Said {
                        round,
                        program,
                        word: Word::Failed(reason),
                    },
                    rng,
                );
            }
            ServerFrame::Stopped if up => self.links.get_mut(party).says_stopped = true,
            _ => self.drop_link(party, rng),
        }
    }

    fn welcomed(&mut self, party: PartyId, welcome: &Welcome, rng: &mut impl CryptoRng) {
        if !welcome.fits(party, &self.deployment) {
            self.notify(Notice::OtherSettings { party });
            self.drop_link(party, rng);
            return;
        }
        let (now, link) = (self.now.steady, self.links.get_mut(party));
        link.state = match mem::replace(&mut link.state, State::New) {
            State::Greeted { transport, .. } => State::Up {
                transport,
                last_frame: now,
            },
            other => other,
        };
    }

    fn refused(&mut self, party: PartyId, reason: Refusal, rng: &mut impl CryptoRng) {
        match reason {
            Refusal::Replaced => self.replaced(party),
            // A slow line or a reload makes these now and then; the round is simply missed.
            Refusal::Early
            | Refusal::Late
            | Refusal::Repeated
            | Refusal::WrongRound
            | Refusal::Stopping => {}
            Refusal::IdTaken
            | Refusal::TooManyConnections
            | Refusal::Malformed
            | Refusal::TooFast
            | Refusal::UnsupportedVersion => {
                self.notify(Notice::Refused { party, reason });
                self.drop_link(party, rng);
            }
            Refusal::UnknownKind | Refusal::WrongSize | Refusal::WrongProgram => {
                self.notify(Notice::Refused { party, reason });
            }
        }
    }

    /// One server's word is not believed: it may want us to go away. Two within a short time are.
    fn replaced(&mut self, party: PartyId) {
        let now = self.now.steady;
        let others = [party.next(), party.prev()];
        let said_too = |link: &Link| matches!(link.state, State::Replaced { since, .. } if now.since(since) <= REPLACED_MS);
        let believed = others.iter().any(|other| said_too(self.links.get(*other)));
        self.out.push(Command::Disconnect(party));
        self.links.get_mut(party).state = State::Replaced {
            since: now,
            retry_at: Some(now.after(REPLACED_MS)),
        };
        if believed {
            self.notify(Notice::Replaced);
            for party in PartyId::ALL {
                self.out.push(Command::Disconnect(party));
                self.links.get_mut(party).state = State::Replaced {
                    since: now,
                    retry_at: None,
                };
            }
        }
    }

    pub(super) fn send(&mut self, party: PartyId, frame: &ClientFrame) {
        let (State::Greeted { transport, .. } | State::Up { transport, .. }) =
            &mut self.links.get_mut(party).state
        else {
            return;
        };
        if let Ok(sealed) = transport.seal(&frame.encode()) {
            self.send_bytes(party, sealed);
        }
    }

    fn send_bytes(&mut self, party: PartyId, bytes: Vec<u8>) {
        self.traffic.sent_bytes = self.traffic.sent_bytes.saturating_add(bytes.len() as u64);
        self.out.push(Command::Send(party, bytes));
    }

    /// Acts on deadlines that have passed.
    pub(super) fn wake(&mut self, rng: &mut impl CryptoRng) {
        self.wake_at = None;
        let silence_ms = self.silence_ms();
        for party in PartyId::ALL {
            let link = self.links.get_mut(party);
            if link
                .deadline(silence_ms)
                .is_some_and(|deadline| deadline <= self.now.steady)
            {
                match link.state {
                    State::Waiting { .. } | State::Replaced { .. } => self.connect(party),
                    _ => self.drop_link(party, rng),
                }
            }
        }
    }

    /// Tries lost links at once.
    pub(super) fn resumed(&mut self, rng: &mut impl CryptoRng) {
        for party in PartyId::ALL {
            if matches!(self.links.get(party).state, State::Waiting { .. }) {
                self.connect(party);
            }
        }
        self.wake(rng);
    }

    /// Asks to be woken at the next deadline, unless that is asked for already.
    pub(super) fn schedule(&mut self) {
        let silence_ms = self.silence_ms();
        let deadlines = self
            .links
            .0
            .iter()
            .filter_map(|link| link.deadline(silence_ms));
        let Some(next) = deadlines.min() else { return };
        if self
            .wake_at
            .is_none_or(|wake_at| next < wake_at || wake_at <= self.now.steady)
        {
            self.wake_at = Some(next);
            self.out
                .push(Command::WakeAfter(next.since(self.now.steady)));
        }
    }

    fn silence_ms(&self) -> u64 {
        let period = self
            .deployment
            .conversation_period_ms
            .max(self.deployment.dialing_period_ms);
        SILENCE_MS + 5 * u64::from(period)
    }
}
