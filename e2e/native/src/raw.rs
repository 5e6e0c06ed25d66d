//! Links that can do everything wrong: whoever holds one says what is sent, and when.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{SinkExt, StreamExt};
use getrandom::SysRng;
use getrandom::rand_core::{CryptoRng, UnwrapErr};
use mcmix_shared::identity::{ClientId, SecretKey};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::noise::{Initiator, Transport};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::{ConversationRow, DialRow, Pass, Shape, Submission};
use mcmix_shared::share::{DealtShare, ReplyRow, combine, deal};
use mcmix_shared::wire::{ClientFrame, MissedReason, Open, Refusal, Reply, ServerFrame, Submit};
use tokio_tungstenite::tungstenite::Message;

use crate::socket::{Socket, open_socket};

/// A state that does not come within this time never comes.
const NEVER: Duration = Duration::from_mins(1);

/// Waits for a state.
///
/// # Errors
/// When it does not come.
pub async fn soon<T>(what: &str, state: impl Future<Output = T>) -> Result<T> {
    let waited = tokio::time::timeout(NEVER, state).await;
    waited.with_context(|| format!("waited in vain for: {what}"))
}

/// Returns the system's randomness.
pub fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// A link to one server.
#[derive(Debug)]
pub struct RawLink {
    party: PartyId,
    shape: Shape,
    /// What it runs over.
    pub socket: Socket,
    transport: Transport,
    /// The code by which the server closed it.
    pub closed: Option<u16>,
}

impl RawLink {
    /// Makes the Noise link and stops there.
    ///
    /// # Errors
    /// When no link comes about.
    pub async fn greet(deployment: &Deployment, party: PartyId, key: &SecretKey) -> Result<Self> {
        let socket = open_socket(&deployment.server(party).url).await?;
        Self::over(deployment, party, key, socket).await
    }

    /// Makes the Noise link over a socket that is there.
    ///
    /// # Errors
    /// When no link comes about.
    pub async fn over(
        deployment: &Deployment,
        party: PartyId,
        key: &SecretKey,
        mut socket: Socket,
    ) -> Result<Self> {
        let server = deployment.server(party);
        let digest = deployment.realm().deployment;
        let (initiator, hello) = Initiator::new(&digest, party, key, &server.key, &mut rng());
        socket.send(Message::Binary(hello.into())).await?;
        let answer = soon("the answer to the handshake", socket.next()).await?;
        let answer = answer.context("no answer to the handshake")??;
        Ok(Self {
            party,
            shape: deployment.shape(),
            socket,
            transport: initiator.finish(&answer.into_data())?,
            closed: None,
        })
    }

    /// Makes a link that is ready and welcome.
    ///
    /// # Errors
    /// When it is not.
    pub async fn connect(deployment: &Deployment, party: PartyId, key: &SecretKey) -> Result<Self> {
        let mut link = Self::greet(deployment, party, key).await?;
        link.send(&ClientFrame::Ready.encode()).await;
        let welcome = link.next().await?;
        ensure!(
            matches!(welcome, Some(ServerFrame::Welcome(_))),
            "expected to be welcome, got {welcome:?}"
        );
        Ok(link)
    }

    /// Seals any bytes as the next frame.
    ///
    /// # Panics
    /// Where they are too long to be sealed.
    pub fn seal(&mut self, frame: &[u8]) -> Vec<u8> {
        self.transport.seal(frame).expect("a frame that fits")
    }

    /// Sends any bytes, sealed.
    pub async fn send(&mut self, frame: &[u8]) {
        let sealed = self.seal(frame);
        self.send_unsealed(sealed).await;
    }

    /// Sends any bytes where sealed ones are expected.
    pub async fn send_unsealed(&mut self, bytes: Vec<u8>) {
        // Whether the server still listens is found out by reading.
        let _closed = self.socket.send(Message::Binary(bytes.into())).await;
    }

    /// Returns the next frame; `None` when the server closed the link.
    ///
    /// # Errors
    /// When neither comes, or no frame of the server's.
    pub async fn next(&mut self) -> Result<Option<ServerFrame>> {
        loop {
            match soon("a frame", self.socket.next()).await? {
                Some(Ok(Message::Binary(sealed))) => {
                    let frame = self.transport.open(&sealed)?;
                    return Ok(Some(ServerFrame::decode(self.party, self.shape, &frame)?));
                }
                Some(Ok(Message::Close(frame))) => {
                    self.closed = frame.map(|frame| frame.code.into());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }

    /// Passes over frames until one fits.
    ///
    /// # Errors
    /// When none does.
    pub async fn find<T>(&mut self, mut fits: impl FnMut(ServerFrame) -> Option<T>) -> Result<T> {
        let find = async {
            loop {
                let frame = self.next().await?.context("the link is closed")?;
                if let Some(found) = fits(frame) {
                    return Ok(found);
                }
            }
        };
        soon("a frame that fits", find).await?
    }

    /// Waits for a round of a program.
    ///
    /// # Errors
    /// When none opens.
    pub async fn open_round(&mut self, program: Program) -> Result<Open> {
        self.find(|frame| match frame {
            ServerFrame::Open(open) if open.program == program => Some(open),
            _ => None,
        })
        .await
    }

    /// Waits for a refusal.
    ///
    /// # Errors
    /// When none comes.
    pub async fn refusal(&mut self) -> Result<Refusal> {
        self.find(|frame| match frame {
            ServerFrame::Refused { reason } => Some(reason),
            _ => None,
        })
        .await
    }

    /// Reads until the server closes the link, and returns what it was told last.
    ///
    /// # Errors
    /// When the server does not close it.
    pub async fn farewell(&mut self) -> Result<Option<Refusal>> {
        let mut last = None;
        while let Some(frame) = self.next().await? {
            if let ServerFrame::Refused { reason } = frame {
                last = Some(reason);
            }
        }
        Ok(last)
    }
}

/// Returns the body of a round's reply, or `Late` where a share came too late for it.
fn reply(frame: ServerFrame, expected: RoundId) -> Option<Result<Result<Vec<u8>, Late>>> {
    let body = match frame {
        ServerFrame::Reply(Reply { round, body, .. }) if round == expected => Ok(body),
        ServerFrame::Missed {
            round,
            reason: MissedReason::Absent,
            ..
        } if round == expected => Err(Late),
        ServerFrame::Refused {
            reason: Refusal::Late | Refusal::WrongRound,
        } => Err(Late),
        ServerFrame::Missed { round, .. } | ServerFrame::Failed { round, .. }
            if round == expected =>
        {
            return Some(Err(anyhow::anyhow!("no reply: {frame:?}")));
        }
        _ => return None,
    };
    Some(Ok(body))
}

/// A busy machine let a round close before all shares of a client had come.
#[derive(Clone, Copy, Debug)]
pub struct Late;

/// A frame that hands in a share.
pub fn submit(round: RoundId, program: Program, share: DealtShare) -> Vec<u8> {
    ClientFrame::Submit(Submit {
        round,
        program,
        share,
    })
    .encode()
}

/// Deals rows that meet nobody and dial nobody.
pub fn deal_idle(deployment: &Deployment, program: Program) -> [DealtShare; 3] {
    deal(&idle(deployment, program, &mut rng()), &mut rng())
}

/// Rows that meet nobody and dial nobody.
pub fn idle(deployment: &Deployment, program: Program, rng: &mut impl CryptoRng) -> Submission {
    if program.is_dialing() {
        return Submission::dialing(&dial_nobody(rng));
    }
    let shape = deployment.shape();
    let rows: Vec<_> = (0..shape.slots)
        .map(|_| ConversationRow::idle(shape.message_bytes, rng))
        .collect();
    Submission::conversation(shape, &rows)
}

/// The row of somebody who dials nobody and whom no contact can dial.
pub fn dial_nobody(rng: &mut impl CryptoRng) -> DialRow {
    DialRow {
        id: ClientId(*Pass::random(rng).as_bytes()),
        pass: Pass::random(rng),
        own_pass: Pass::random(rng),
        message: [0; 200],
    }
}

/// A client with links to all three servers.
#[derive(Debug)]
pub struct RawClient {
    /// P0's first.
    pub links: [RawLink; 3],
    shape: Shape,
}

impl RawClient {
    /// Makes three links that are ready and welcome.
    ///
    /// # Errors
    /// When one is not.
    pub async fn connect(deployment: &Deployment, key: &SecretKey) -> Result<Self> {
        let [p0, p1, p2] = PartyId::ALL.map(|party| RawLink::connect(deployment, party, key));
        let (p0, p1, p2) = tokio::try_join!(p0, p1, p2)?;
        Ok(Self {
            links: [p0, p1, p2],
            shape: deployment.shape(),
        })
    }

    /// Combines the three replies to what was handed in for a round.
    ///
    /// # Errors
    /// When there are not three that fit together. The inner error: it came too late.
    pub async fn reply(
        &mut self,
        round: RoundId,
        program: Program,
    ) -> Result<Result<Vec<ReplyRow>, Late>> {
        let [p0, p1, p2] = &mut self.links;
        let [b0, b1, b2] = [
            p0.find(|frame| reply(frame, round)).await??,
            p1.find(|frame| reply(frame, round)).await??,
            p2.find(|frame| reply(frame, round)).await??,
        ];
        let (Ok(b0), Ok(b1), Ok(b2)) = (b0, b1, b2) else {
            return Ok(Err(Late));
        };
        Ok(Ok(combine(round, program, self.shape, [&b0, &b1, &b2])?))
    }

    /// Hands in one share each for the next round of a program.
    ///
    /// # Errors
    /// When none opens.
    pub async fn submit(
        &mut self,
        program: Program,
        shares: [Option<DealtShare>; 3],
    ) -> Result<RoundId> {
        let round = self.open_round(program).await?.round;
        self.send(round, program, shares).await;
        Ok(round)
    }

    /// Waits until all three servers have opened a round.
    ///
    /// # Errors
    /// When they do not, or tell different turns.
    pub async fn open_round(&mut self, program: Program) -> Result<Open> {
        let [p0, p1, p2] = &mut self.links;
        let mut opened = [
            p0.open_round(program).await?,
            p1.open_round(program).await?,
            p2.open_round(program).await?,
        ];
        loop {
            let newest = opened.iter().map(|open| open.round).max();
            let mut is_late = false;
            for (link, open) in self.links.iter_mut().zip(&mut opened) {
                // Whoever heard of an earlier round passes it over.
                if Some(open.round) < newest {
                    is_late = true;
                    *open = link.open_round(program).await?;
                }
            }
            if !is_late {
                let [p0, p1, p2] = opened;
                if p0.turn != p1.turn || p1.turn != p2.turn {
                    bail!("expected one turn, got {opened:?}");
                }
                return Ok(p0);
            }
        }
    }

    /// Hands in one share each.
    pub async fn send(
        &mut self,
        round: RoundId,
        program: Program,
        shares: [Option<DealtShare>; 3],
    ) {
        for (link, share) in self.links.iter_mut().zip(shares) {
            if let Some(share) = share {
                link.send(&submit(round, program, share)).await;
            }
        }
    }
}
