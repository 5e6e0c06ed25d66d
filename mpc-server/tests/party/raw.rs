//! A client that can do everything wrong.

use futures_util::{SinkExt, StreamExt};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_native::{Socket, open_socket};
use mcmix_shared::identity::{ClientId, SecretKey};
use mcmix_shared::manifest::Deployment;
use mcmix_shared::noise::{Initiator, Transport};
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};
use mcmix_shared::row::{ConversationRow, DialRow, Pass, Submission};
use mcmix_shared::share::{DealtShare, ReplyRow, combine, deal};
use mcmix_shared::wire::{ClientFrame, MissedReason, Open, Refusal, Reply, ServerFrame, Submit};
use tokio_tungstenite::tungstenite::Message;

use crate::world::soon;

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// A link to one server.
pub(crate) struct RawLink {
    party: PartyId,
    deployment: Deployment,
    pub(crate) socket: Socket,
    transport: Transport,
}

impl RawLink {
    /// Makes the Noise link and stops there.
    pub(crate) async fn greet(deployment: &Deployment, party: PartyId, key: &SecretKey) -> Self {
        let socket = open_socket(&deployment.server(party).url).await.unwrap();
        Self::over(deployment, party, key, socket).await
    }

    /// Makes the Noise link over a socket that is there.
    pub(crate) async fn over(
        deployment: &Deployment,
        party: PartyId,
        key: &SecretKey,
        mut socket: Socket,
    ) -> Self {
        let server = deployment.server(party);
        let digest = deployment.realm().deployment;
        let (initiator, hello) = Initiator::new(&digest, party, key, &server.key, &mut rng());
        socket.send(Message::Binary(hello.into())).await.unwrap();
        let answer = soon("the answer to the handshake", socket.next()).await;
        let transport = initiator
            .finish(&answer.unwrap().unwrap().into_data())
            .unwrap();
        Self {
            party,
            deployment: deployment.clone(),
            socket,
            transport,
        }
    }

    /// Makes a link that is ready and welcome.
    pub(crate) async fn connect(deployment: &Deployment, party: PartyId, key: &SecretKey) -> Self {
        let mut link = Self::greet(deployment, party, key).await;
        link.send(&ClientFrame::Ready.encode()).await;
        let welcome = link.next().await.unwrap();
        assert!(matches!(welcome, ServerFrame::Welcome(_)), "{welcome:?}");
        link
    }

    /// Sends any bytes, sealed.
    pub(crate) async fn send(&mut self, frame: &[u8]) {
        let sealed = self.transport.seal(frame).unwrap();
        self.send_unsealed(sealed).await;
    }

    pub(crate) async fn send_unsealed(&mut self, bytes: Vec<u8>) {
        // Whether the server still listens is for the test to find out by reading.
        let _closed = self.socket.send(Message::Binary(bytes.into())).await;
    }

    /// Returns the next frame; `None` when the server closed the link.
    pub(crate) async fn next(&mut self) -> Option<ServerFrame> {
        loop {
            let message = soon("a frame", self.socket.next()).await?.ok()?;
            if let Message::Binary(sealed) = message {
                let frame = self.transport.open(&sealed).unwrap();
                let shape = self.deployment.shape();
                return Some(ServerFrame::decode(self.party, shape, &frame).unwrap());
            }
        }
    }

    /// Passes over frames until one fits.
    pub(crate) async fn find<T>(&mut self, mut fits: impl FnMut(ServerFrame) -> Option<T>) -> T {
        let find = async {
            loop {
                let frame = self.next().await.expect("a link that stays open");
                if let Some(found) = fits(frame) {
                    return found;
                }
            }
        };
        soon("a frame that fits", find).await
    }

    pub(crate) async fn open_round(&mut self, program: Program) -> Open {
        self.find(|frame| match frame {
            ServerFrame::Open(open) if open.program == program => Some(open),
            _ => None,
        })
        .await
    }

    pub(crate) async fn refusal(&mut self) -> Refusal {
        self.find(|frame| match frame {
            ServerFrame::Refused { reason } => Some(reason),
            _ => None,
        })
        .await
    }

    /// Reads until the server closes the link, and returns what it was told last.
    pub(crate) async fn farewell(&mut self) -> Option<Refusal> {
        let mut last = None;
        while let Some(frame) = self.next().await {
            if let ServerFrame::Refused { reason } = frame {
                last = Some(reason);
            }
        }
        last
    }
}

/// Returns the body of a round's reply, or `Late` where a share came too late for it.
fn reply(frame: ServerFrame, expected: RoundId) -> Option<Result<Vec<u8>, Late>> {
    match frame {
        ServerFrame::Reply(Reply { round, body, .. }) if round == expected => Some(Ok(body)),
        ServerFrame::Missed {
            round,
            reason: MissedReason::Absent,
            ..
        } if round == expected => Some(Err(Late)),
        ServerFrame::Refused {
            reason: Refusal::Late | Refusal::WrongRound,
        } => Some(Err(Late)),
        ServerFrame::Missed { round, reason, .. } if round == expected => {
            panic!("left out of round {round}: {reason}")
        }
        ServerFrame::Failed { round, .. } if round == expected => panic!("round {round} failed"),
        _ => None,
    }
}

/// A busy machine let a round close before all shares of a client had come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late;

/// A frame that hands in a share.
pub(crate) fn submit(round: RoundId, program: Program, share: DealtShare) -> Vec<u8> {
    ClientFrame::Submit(Submit {
        round,
        program,
        share,
    })
    .encode()
}

/// Deals rows that meet nobody and dial nobody.
pub(crate) fn deal_idle(deployment: &Deployment, program: Program) -> [DealtShare; 3] {
    let submission = if program.is_dialing() {
        Submission::dialing(&dial_nobody())
    } else {
        let shape = deployment.shape();
        let idle = || ConversationRow::idle(shape.message_bytes, &mut rng());
        let rows: Vec<_> = (0..shape.slots).map(|_| idle()).collect();
        Submission::conversation(shape, &rows)
    };
    deal(&submission, &mut rng())
}

/// The row of somebody who dials nobody and whom no contact can dial.
pub(crate) fn dial_nobody() -> DialRow {
    DialRow {
        id: ClientId(*Pass::random(&mut rng()).as_bytes()),
        pass: Pass::random(&mut rng()),
        own_pass: Pass::random(&mut rng()),
        message: [0; 200],
    }
}

/// A client with links to all three servers.
pub(crate) struct RawClient {
    pub(crate) links: [RawLink; 3],
}

impl RawClient {
    /// Combines the three replies to what was handed in for a round.
    pub(crate) async fn reply(
        &mut self,
        round: RoundId,
        program: Program,
    ) -> Result<Vec<ReplyRow>, Late> {
        let shape = self.links[0].deployment.shape();
        let mut bodies = Vec::new();
        for link in &mut self.links {
            bodies.push(link.find(|frame| reply(frame, round)).await);
        }
        let bodies: Result<Vec<_>, Late> = bodies.into_iter().collect();
        let bodies = bodies?;
        let [b0, b1, b2] = &bodies[..] else {
            panic!("three bodies")
        };
        Ok(combine(round, program, shape, [b0, b1, b2]).unwrap())
    }

    pub(crate) async fn connect(deployment: &Deployment, key: &SecretKey) -> Self {
        let [p0, p1, p2] = PartyId::ALL.map(|party| RawLink::connect(deployment, party, key));
        let (p0, p1, p2) = tokio::join!(p0, p1, p2);
        Self {
            links: [p0, p1, p2],
        }
    }

    /// Hands in one share each for the next round of a program, as `change` made them.
    pub(crate) async fn submit(
        &mut self,
        program: Program,
        shares: [Option<DealtShare>; 3],
    ) -> RoundId {
        let round = self.open_round(program).await.round;
        self.send(round, program, shares).await;
        round
    }

    /// Waits until all three servers have opened a round.
    pub(crate) async fn open_round(&mut self, program: Program) -> Open {
        let [p0, p1, p2] = &mut self.links;
        let mut opened = [
            p0.open_round(program).await,
            p1.open_round(program).await,
            p2.open_round(program).await,
        ];
        loop {
            let newest = opened.iter().map(|open| open.round).max().unwrap();
            let mut is_late = false;
            for (link, open) in self.links.iter_mut().zip(&mut opened) {
                // Whoever heard of an earlier round passes it over.
                if open.round < newest {
                    is_late = true;
                    *open = link.open_round(program).await;
                }
            }
            if !is_late {
                let [p0, p1, p2] = opened;
                assert!(p0.turn == p1.turn && p1.turn == p2.turn, "{opened:?}");
                return p0;
            }
        }
    }

    pub(crate) async fn send(
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
