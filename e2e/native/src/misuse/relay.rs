//! The wire to one server's peer port, which can be listened to and cut.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::raw::soon;

/// Magic and length of a knock.
const KNOCK_HEADER_BYTES: usize = 10;

/// Forwards whoever dials a server to it.
#[derive(Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    /// The last knock that passed.
    knock: watch::Receiver<Vec<u8>>,
    whole: watch::Sender<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Relay {
    pub(super) async fn start(to: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (heard, knock) = watch::channel(Vec::new());
        let (whole, is_whole) = watch::channel(true);
        let task = tokio::spawn(forward_all(listener, to, heard, is_whole));
        Ok(Self {
            address,
            knock,
            whole,
            _task: AbortOnDropHandle::new(task),
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the last knock that passed.
    pub(super) async fn knock(&self) -> Result<Vec<u8>> {
        let mut knock = self.knock.clone();
        let heard = soon("a knock", knock.wait_for(|knock| !knock.is_empty())).await?;
        Ok(heard.context("the wire is gone")?.clone())
    }

    /// Ends what passes, and lets nothing pass.
    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn forward_all(
    listener: TcpListener,
    to: SocketAddr,
    heard: watch::Sender<Vec<u8>>,
    mut whole: watch::Receiver<bool>,
) {
    let mut links = JoinSet::new();
    loop {
        tokio::select! {
            Ok((near, _)) = listener.accept() => {
                if *whole.borrow() {
                    links.spawn(forward(near, to, heard.clone()));
                }
            }
            changed = whole.changed() => {
                if changed.is_err() {
                    return;
                }
                if !*whole.borrow_and_update() {
                    links.abort_all();
                }
            }
            Some(_ended) = links.join_next() => {}
        }
    }
}

async fn forward(mut near: TcpStream, to: SocketAddr, heard: watch::Sender<Vec<u8>>) -> Result<()> {
    near.set_nodelay(true)?;
    let mut knock = vec![0; KNOCK_HEADER_BYTES];
    near.read_exact(&mut knock).await?;
    let length = knock
        .last_chunk()
        .map_or(0, |&bytes| u16::from_le_bytes(bytes));
    knock.resize(KNOCK_HEADER_BYTES + usize::from(length), 0);
    let body = knock.get_mut(KNOCK_HEADER_BYTES..).unwrap_or_default();
    near.read_exact(body).await?;
    let mut far = TcpStream::connect(to).await?;
    far.set_nodelay(true)?;
    far.write_all(&knock).await?;
    heard.send_replace(knock);
    tokio::io::copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}
