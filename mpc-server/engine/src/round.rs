//! One round at one party: what its blocks share.

use mcmix_shared::party::PartyId;

use crate::{
    context::Context,
    error::Error,
    open::{self, Coin},
    step::{Phase, Step},
    stream::Streams,
    verify::{Statement, Unproved},
};

/// Bytes of a round's nonce.
const NONCE_BYTES: usize = 32;

/// A round under way. Blocks send and receive through it, and leave in it what has to be proved
/// before anything is opened.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    pub(crate) context: &'a mut Context,
    pub(crate) streams: Streams,
    pub(crate) unproved: Unproved,
    /// A coin, opened after all inputs were fixed: what is proved depends on it.
    pub(crate) nonce: [u8; NONCE_BYTES],
}

impl<'a> Round<'a> {
    pub(crate) fn new(context: &'a mut Context, streams: Streams) -> Self {
        let mut this = Self {
            context,
            streams,
            unproved: Unproved::default(),
            nonce: [0; NONCE_BYTES],
        };
        this.hash_anew();
        this
    }

    pub(crate) fn party(&self) -> PartyId {
        self.context.party()
    }

    /// Leaves a statement to be proved; returns its number until then.
    pub(crate) fn state(&mut self, statement: Statement) -> usize {
        self.unproved.state(statement)
    }

    /// Sends this party's messages of the nonce's opening: in a round's first messages.
    pub(crate) fn send_nonce(&mut self) -> Result<open::Pending, Error> {
        let step = Step::new(Phase::OpenCoins, 0);
        Coin::draw(self, step, NONCE_BYTES).send(self, step)
    }

    /// Opens the nonce in a round of its own, before anything else is sent.
    pub(crate) fn open_nonce(&mut self) -> Result<(), Error> {
        let nonce = self.send_nonce()?;
        self.receive_nonce(nonce)
    }

    /// Opens the nonce, before anything is proved.
    pub(crate) fn receive_nonce(&mut self, nonce: open::Pending) -> Result<(), Error> {
        let nonce = nonce.receive(self)?.unwrap_or_default();
        self.nonce
            .iter_mut()
            .zip(nonce)
            .for_each(|(out, byte)| *out = byte);
        Ok(())
    }
}
