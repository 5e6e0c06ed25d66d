//! A client's link, as far as it is needed: handshake, welcome, frames.

use futures_util::{SinkExt as _, StreamExt as _};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use mcmix_shared::identity::SecretKey;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::noise::{Initiator, Transport};
use mcmix_shared::party::PartyId;
use mcmix_shared::row::Shape;
use mcmix_shared::wire::{ClientFrame, ServerFrame, Welcome};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::PATIENCE;
use super::finding::Finding;
use super::http::Socket;

/// A link to one server.
pub(super) struct Link {
    pub(super) party: PartyId,
    shape: Shape,
    socket: Socket,
    transport: Transport,
}

impl Link {
    /// Makes the Noise link.
    pub(super) async fn make(
        deployment: &Deployment,
        party: PartyId,
        key: &SecretKey,
        mut socket: Socket,
    ) -> Result<Self, Finding> {
        let server = deployment.server(party);
        let digest = deployment.realm().deployment;
        let mut rng = UnwrapErr(SysRng);
        let (initiator, hello) = Initiator::new(&digest, party, key, &server.key, &mut rng);
        send(&mut socket, hello).await?;
        let answer = match next(&mut socket).await? {
            Came::Bytes(bytes) => bytes,
            Came::End(reason) => return Err(no_noise(&reason)),
        };
        let transport = initiator
            .finish(&answer)
            .map_err(|error| no_noise(&error.to_string()))?;
        Ok(Self {
            party,
            shape: deployment.shape(),
            socket,
            transport,
        })
    }

    /// Joins, and holds what the server says of itself against the manifest.
    pub(super) async fn welcome(&mut self, deployment: &Deployment) -> Result<(), Finding> {
        self.send(&ClientFrame::Ready).await?;
        let waited = timeout(PATIENCE, self.next()).await;
        let frame = waited.map_err(|_| ended("nothing is answered"))??;
        let welcome = match frame {
            ServerFrame::Welcome(welcome) => welcome,
            ServerFrame::Refused { reason } => {
                let advice = "where it is full, raise clients.max_connections and LimitNOFILE";
                return Err(Finding::new(reason.to_string(), advice));
            }
            other => return Err(ended(&format!("expected to be welcome, got {other:?}"))),
        };
        let expected = Welcome::new(self.party, deployment, welcome.online);
        if welcome != expected {
            return Err(Finding::new(
                format!(
                    "the server runs on another manifest: expected {expected:?}, got {welcome:?}"
                ),
                "give all three servers, and the page, this manifest, and restart what has another",
            ));
        }
        Ok(())
    }

    pub(super) async fn send(&mut self, frame: &ClientFrame) -> Result<(), Finding> {
        let sealed = self.transport.seal(&frame.encode());
        let sealed = sealed.map_err(|error| ended(&error.to_string()))?;
        send(&mut self.socket, sealed).await
    }

    /// Waits for the next frame, however long that takes.
    pub(super) async fn next(&mut self) -> Result<ServerFrame, Finding> {
        let sealed = match receive(&mut self.socket).await {
            Came::Bytes(bytes) => bytes,
            Came::End(reason) => return Err(ended(&reason)),
        };
        let frame = self.transport.open(&sealed);
        let frame = frame.map_err(|error| ended(&error.to_string()))?;
        ServerFrame::decode(self.party, self.shape, &frame)
            .map_err(|error| ended(&error.to_string()))
    }
}

/// What comes over a socket.
enum Came {
    Bytes(Vec<u8>),
    End(String),
}

async fn send(socket: &mut Socket, message: Vec<u8>) -> Result<(), Finding> {
    let sent = timeout(PATIENCE, socket.send(Message::Binary(message.into()))).await;
    let sent = sent.map_err(|_| ended("nothing that is sent is taken"))?;
    sent.map_err(|error| ended(&error.to_string()))
}

async fn next(socket: &mut Socket) -> Result<Came, Finding> {
    let came = timeout(PATIENCE, receive(socket)).await;
    came.map_err(|_| ended("nothing is answered"))
}

async fn receive(socket: &mut Socket) -> Came {
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => return Came::Bytes(bytes.into()),
            Some(Ok(Message::Close(Some(frame)))) => return Came::End(frame.reason.to_string()),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Came::End(error.to_string()),
            None => return Came::End("the connection was closed".to_owned()),
        }
    }
}

fn ended(reason: &str) -> Finding {
    Finding::new(
        format!("the link ended: {reason}"),
        "look at the server's log; where it says nothing, at the proxy's, and at its idle \
         time-outs (60 s or more)",
    )
}

fn no_noise(reason: &str) -> Finding {
    Finding::new(
        format!(
            "the server does not prove that it has the manifest's key: {reason}. Its noise.key is \
             another, another party's server answers at this address, or it runs on another \
             `first` or version"
        ),
        "compare the manifest's key with what `mcmix-server keygen --folder keys` prints there, \
         and the proxy's target with that party's clients.listen",
    )
}
