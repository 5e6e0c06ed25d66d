//! One client's link from its first sealed frame on, without its socket: bytes in, bytes out.

use mcmix_shared::noise::{HELLO_BYTES, SEAL_BYTES, Transport};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use mcmix_shared::row::Shape;
use mcmix_shared::wire::{ClientFrame, Refusal, ServerFrame, WireError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::framing::{self, Message, Violation};

/// What all links of a party are held to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) party: PartyId,
    pub(crate) shape: Shape,
    /// Refusals and keep-alives between two submissions that are taken.
    pub(crate) max_refusals: u32,
}

impl Rules {
    /// Returns the bytes of the longest message that is read: what is a little longer than any frame
    /// can still be told so.
    pub(crate) fn longest_in(&self) -> usize {
        HELLO_BYTES.max(ClientFrame::max_bytes(self.party, self.shape) + SEAL_BYTES)
    }

    /// Returns the bytes that may wait for a client: several rounds of replies.
    fn most_waiting(&self) -> usize {
        let replies = Program::ALL.map(|it| ServerFrame::reply_bytes(self.party, self.shape, it));
        4096 + 4 * replies.into_iter().fold(0, usize::max)
    }
}

/// Why a link is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client left, or takes nothing.
    Gone,
    /// It broke the WebSocket protocol, or ours of one frame a message.
    Violation(Violation),
    /// It is told why.
    Refused(Refusal),
}

/// Reads and writes the frames of one client.
#[derive(Debug)]
pub(super) struct Link {
    rules: Rules,
    transport: Transport,
    /// The start of a message that has not come whole.
    came: Vec<u8>,
    /// What the socket has not taken.
    out: Vec<u8>,
    /// Since the last submission that was taken.
    refusals: u32,
    /// Keep-alives of ours that may still be answered: a machine that slept answers many at once.
    asked: u32,
}

impl Link {
    pub(super) fn new(rules: Rules, transport: Transport) -> Self {
        Self {
            rules,
            transport,
            came: Vec::new(),
            out: Vec::new(),
            refusals: 0,
            asked: 0,
        }
    }

    /// Returns what is to be written.
    pub(super) const fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Takes in what came, and gives every frame, or what is wrong with it, to `take`, which says
    /// whether it is refused.
    pub(super) fn receive(
        &mut self,
        bytes: &mut [u8],
        mut take: impl FnMut(Result<ClientFrame, Refusal>) -> Result<(), Refusal>,
    ) -> Result<(), End> {
        if self.came.is_empty() {
            let read = self.read(bytes, &mut take)?;
            self.came
                .extend_from_slice(bytes.get(read..).unwrap_or_default());
            return Ok(());
        }
        self.came.extend_from_slice(bytes);
        let mut came = core::mem::take(&mut self.came);
        let read = self.read(&mut came, &mut take)?;
        came.drain(..read);
        // Nothing is kept where nothing waits.
        self.came = if came.is_empty() { Vec::new() } else { came };
        Ok(())
    }

    /// Reads all messages that came whole, and returns how many bytes they took.
    fn read(
        &mut self,
        bytes: &mut [u8],
        take: &mut impl FnMut(Result<ClientFrame, Refusal>) -> Result<(), Refusal>,
    ) -> Result<usize, End> {
        let longest = self.rules.longest_in();
        let mut read = 0;
        while let Some((message, len)) =
            framing::next(bytes.get_mut(read..).unwrap_or_default(), longest)
                .map_err(End::Violation)?
        {
            read += len;
            match message {
                Message::Binary(sealed) => match take(self.open(sealed)?) {
                    Ok(()) => self.refusals = 0,
                    Err(reason) => {
                        self.count_refusal()?;
                        self.tell(&ServerFrame::Refused { reason })?;
                    }
                },
                // Harmless, but not without end.
                Message::Ping(payload) => {
                    self.count_refusal()?;
                    framing::pong(payload, &mut self.out);
                }
                // An answer, where we asked.
                Message::Pong if self.asked > 0 => self.asked -= 1,
                Message::Pong => self.count_refusal()?,
                Message::Close => return Err(End::Gone),
            }
        }
        Ok(read)
    }

    /// Opens a sealed frame. The inner error is for the client, the outer one ends the link.
    fn open(&mut self, sealed: &[u8]) -> Result<Result<ClientFrame, Refusal>, End> {
        let frame = self.transport.open(sealed);
        let frame = frame.map_err(|_| End::Refused(Refusal::Malformed))?;
        let Rules { party, shape, .. } = self.rules;
        Ok(ClientFrame::decode(party, shape, &frame).map_err(WireError::refusal))
    }

    fn count_refusal(&mut self) -> Result<(), End> {
        self.refusals += 1;
        if self.refusals > self.rules.max_refusals {
            return Err(End::Refused(Refusal::TooFast));
        }
        Ok(())
    }

    /// Writes a keep-alive, which browsers answer by themselves.
    pub(super) fn keep_alive(&mut self) -> Result<(), End> {
        self.has_room()?;
        framing::ping(&mut self.out);
        self.asked = self.asked.saturating_add(1);
        Ok(())
    }

    /// Says whether more may wait for the client. One that takes nothing is given up.
    fn has_room(&self) -> Result<(), End> {
        if self.out.len() > self.rules.most_waiting() {
            return Err(End::Gone);
        }
        Ok(())
    }

    /// Writes a frame to the client. One that takes nothing is given up.
    pub(super) fn tell(&mut self, frame: &ServerFrame) -> Result<(), End> {
        self.tell_bytes(&frame.encode())
    }

    /// Writes an encoded frame to the client.
    pub(super) fn tell_bytes(&mut self, frame: &[u8]) -> Result<(), End> {
        self.has_room()?;
        framing::binary(frame.len() + SEAL_BYTES, &mut self.out);
        let sealed = self.transport.seal_behind(frame, &mut self.out);
        sealed.map_err(|_| End::Gone)
    }

    /// Writes the last frames.
    pub(super) fn farewell(&mut self, end: End) {
        match end {
            End::Gone => framing::close(CloseCode::Normal, "", &mut self.out),
            End::Refused(reason) => {
                let _full = self.tell(&ServerFrame::Refused { reason });
                framing::close(CloseCode::Policy, "refused", &mut self.out);
            }
            End::Violation(violation) => {
                framing::close(violation.code(), &violation.to_string(), &mut self.out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use getrandom::SysRng;
    use getrandom::rand_core::UnwrapErr;
    use mcmix_shared::identity::SecretKey;
    use mcmix_shared::noise;

    use super::*;

    const RULES: Rules = Rules {
        party: PartyId::P0,
        shape: Shape {
            slots: 3,
            message_bytes: 256,
        },
        max_refusals: 2,
    };

    fn link() -> Link {
        let mut rng = UnwrapErr(SysRng);
        let [server, client] = [1, 2].map(|byte| SecretKey::from_bytes([byte; 32]));
        let (digest, party) = ([3; 32], RULES.party);
        let key = server.server_key();
        let (_, hello) = noise::Initiator::new(&digest, party, &client, &key, &mut rng);
        let accepted = noise::accept(&digest, party, &server, &hello, &mut rng).unwrap();
        Link::new(RULES, accepted.transport)
    }

    /// A pong without bytes, as a browser masks it.
    const PONG: [u8; 6] = [0x8a, 0x80, 1, 2, 3, 4];

    /// A machine that slept answers at once what it was asked meanwhile.
    #[test]
    fn as_many_answers_are_taken_as_were_asked_for() {
        let mut link = link();
        for _ in 0..10 {
            link.keep_alive().unwrap();
        }
        let mut receive = |pongs| link.receive(&mut PONG.repeat(pongs), |_| Ok(()));
        assert_eq!(receive(10), Ok(()));
        assert_eq!(receive(2), Ok(()));
        assert_eq!(receive(1), Err(End::Refused(Refusal::TooFast)));
    }
}
