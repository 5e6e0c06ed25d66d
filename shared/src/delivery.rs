//! Reliable delivery inside the rows: once, in order, or still waiting (docs/protocol.md §9).
//!
//! One packet a round and direction. Packets of a stream are numbered from 0; a stream runs from
//! one start of the sender's client to one start of the receiver's. When either side starts
//! anew, both begin a new stream and the sender repeats every item that was not acknowledged, so
//! no number ever has to be stored. A packet is acknowledged once what it completed is stored;
//! items carry ids of their own, by which the receiver knows one that it stored before.

mod packet;
mod receiver;
mod sender;

pub(crate) use packet::{Body, Control};
use packet::{HEADER_BYTES, Packet};
pub(crate) use receiver::Incoming;
use receiver::Receiver;
use sender::Sender;
pub(crate) use sender::{Item, Outcome};

use crate::{client::BatchId, program::RoundId, session::Epoch};

/// Packets that may be under way.
const WINDOW: u32 = 32;

/// Both directions with one person, from this start of the client on.
#[derive(Debug)]
pub(crate) struct Delivery {
    own: Epoch,
    peer: Option<Peer>,
    sender: Sender,
    receiver: Receiver,
    /// Counts streams, so that receipts of an older one are known.
    stream: u64,
}

/// The start of the other side's client that we talk with.
#[derive(Clone, Copy, Debug)]
struct Peer {
    epoch: Epoch,
    last_round: RoundId,
}

/// Names a body that was put into a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    stream: u64,
    seq: u32,
}

/// Whether the bodies of packets are of interest. Ignored ones are never acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bodies {
    Taken,
    Ignored,
}

/// What a packet brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Items that are complete now, in order.
    pub(crate) incoming: Vec<Incoming>,
    /// Own items that the other side has stored now, in order.
    pub(crate) delivered: Vec<Item>,
}

impl Delivery {
    /// Starts with nothing to send; packets will have that many bytes.
    pub(crate) fn new(own: Epoch, packet_bytes: usize) -> Self {
        let sender = Sender::new(packet_bytes.saturating_sub(HEADER_BYTES));
        Self {
            own,
            peer: None,
            sender,
            receiver: Receiver::default(),
            stream: 0,
        }
    }

    /// Queues an item.
    pub(crate) fn push(&mut self, item: Item) {
        self.sender.push(item);
    }

    /// Takes a text back; `Err` if some of it has left.
    pub(crate) fn cancel(&mut self, text_id: u64) -> Result<(), TooLate> {
        self.sender.cancel(text_id)
    }

    /// Returns whether some of a text has left.
    pub(crate) fn has_left(&self, text_id: u64) -> bool {
        self.sender.has_left(text_id)
    }

    /// Returns whether every item was acknowledged.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.sender.is_idle()
    }

    /// Writes the packet for a row; `tick` counts the rows composed since the start.
    pub(crate) fn compose(&mut self, tick: u64, packet_bytes: usize) -> (Vec<u8>, Option<Receipt>) {
        let (to, ack, seen) = match self.peer {
            Some(peer) => (peer.epoch, self.receiver.committed(), self.receiver.seen()),
            None => (Epoch(0), 0, 0),
        };
        let next = self.peer.and_then(|_| self.sender.next(tick));
        let receipt = next.as_ref().map(|(seq, _)| Receipt {
            stream: self.stream,
            seq: *seq,
        });
        let packet = Packet {
            to,
            ack,
            seen,
            body: next,
        };
        (packet.encode(packet_bytes), receipt)
    }

    /// Takes a packet of a round; what is malformed or of an older start brings nothing.
    pub(crate) fn receive(
        &mut self,
        round: RoundId,
        epoch: Epoch,
        packet: &[u8],
        bodies: Bodies,
    ) -> Progress {
        let Some(packet) = Packet::decode(packet) else {
            return Progress::default();
        };
        if !self.meet(round, epoch) || packet.to != self.own {
            return Progress::default();
        }
        let delivered = self.sender.acknowledge(packet.ack, packet.seen);
        let incoming = match (packet.body, bodies) {
            (Some((seq, body)), Bodies::Taken) => self.receiver.take(seq, body),
            _ => Vec::new(),
        };
        Progress {
            incoming,
            delivered,
        }
    }

    /// Returns whether that is the start to talk with; begins new streams if it is new.
    fn meet(&mut self, round: RoundId, epoch: Epoch) -> bool {
        match &mut self.peer {
            Some(peer) if peer.epoch == epoch => {
                peer.last_round = peer.last_round.max(round);
                true
            }
            Some(peer) if round <= peer.last_round => false,
            _ => {
                self.peer = Some(Peer {
                    epoch,
                    last_round: round,
                });
                self.sender.restart();
                self.receiver = Receiver::default();
                self.stream += 1;
                true
            }
        }
    }

    /// Lets what came so far be acknowledged once that batch is stored; at once without one.
    pub(crate) fn commit_with(&mut self, batch: Option<BatchId>) {
        self.receiver.commit_with(batch);
    }

    /// Learns that all batches up to that one are stored.
    pub(crate) fn stored(&mut self, batch: BatchId) {
        self.receiver.stored(batch);
    }

    /// Learns what became of the round that carried a body; returns an item that has left as a
    /// whole now.
    pub(crate) fn settle(&mut self, receipt: Receipt, outcome: Outcome) -> Option<Item> {
        if receipt.stream != self.stream {
            return None;
        }
        self.sender.settle(receipt.seq, outcome)
    }
}

/// Some of a text has left already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLate;

#[cfg(test)]
mod tests;
