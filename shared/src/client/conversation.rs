//! One conversation: session, delivery, and how far the two people are.

use super::{BatchId, MessageNumber, Millis};
use crate::{
    delivery::{Control, Delivery, Item},
    session::{Epoch, Session},
};

/// Conversation rounds without a word from the other side, after which whoever calls dials again.
pub(super) const CONNECT_ROUNDS: u32 = 12;
/// Conversation rounds that a callee waits for the first message, or for any during a call.
pub(super) const SILENT_ROUNDS: u32 = 30;
/// Conversation rounds that a call rings.
pub(super) const RING_ROUNDS: u32 = 60;
/// Conversation rounds in which we try to say that it is over.
pub(super) const LEAVE_ROUNDS: u32 = 40;
/// Conversation rounds in which we acknowledge that it is over.
pub(super) const LEFT_ROUNDS: u32 = 6;

/// A conversation from the match to its end.
#[derive(Debug)]
pub(super) struct Conversation {
    /// Tells it from an earlier one with the same person.
    pub(super) number: u64,
    pub(super) session: Session,
    pub(super) delivery: Delivery,
    pub(super) side: Side,
    pub(super) phase: Phase,
    /// Nothing of this stage leaves before that batch is stored.
    pub(super) durable_with: BatchId,
    /// Rounds computed since something last came.
    pub(super) silent_rounds: u32,
    /// Rounds computed in this phase.
    pub(super) phase_rounds: u32,
    /// Rounds computed since the erased keys were last erased in storage, too.
    pub(super) unstored_rounds: u32,
    /// Texts before this number were given to the delivery.
    pub(super) fed: MessageNumber,
    pub(super) since: Millis,
}

/// Which side of the match we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Caller,
    Callee,
}

/// How far the two people are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// We wait for them to accept.
    Ringing,
    /// They wait for us to accept.
    Incoming,
    /// Texts flow.
    Talking,
    /// We say that it is over.
    Leaving(Control),
    /// They said that it is over; we acknowledge.
    Left,
}

/// What a conversation starts with.
pub(super) struct Beginning {
    pub(super) number: u64,
    pub(super) session: Session,
    pub(super) side: Side,
    pub(super) phase: Phase,
    pub(super) durable_with: BatchId,
    pub(super) since: Millis,
}

impl Conversation {
    pub(super) fn new(beginning: Beginning, epoch: Epoch, packet_bytes: usize) -> Self {
        let Beginning {
            number,
            session,
            side,
            phase,
            durable_with,
            since,
        } = beginning;
        let mut conversation = Self {
            number,
            session,
            delivery: Delivery::new(epoch, packet_bytes),
            side,
            phase,
            durable_with,
            silent_rounds: 0,
            phase_rounds: 0,
            unstored_rounds: 0,
            fed: MessageNumber(0),
            since,
        };
        conversation.say_phase();
        conversation
    }

    /// Enters a phase and queues what the other side must hear about it, once that batch is
    /// stored.
    pub(super) fn enter(&mut self, phase: Phase, batch: BatchId) {
        self.phase = phase;
        self.durable_with = batch;
        self.phase_rounds = 0;
        self.say_phase();
    }

    fn say_phase(&mut self) {
        match (self.phase, self.side) {
            (Phase::Talking, Side::Callee) => self.delivery.push(Item::Control(Control::Accept)),
            (Phase::Leaving(control), _) => self.delivery.push(Item::Control(control)),
            _ => {}
        }
    }

    /// Returns whether it still takes a slot that a call could not have.
    pub(super) const fn is_active(&self) -> bool {
        matches!(
            self.phase,
            Phase::Ringing | Phase::Incoming | Phase::Talking
        )
    }

    /// Returns whether the user is to see an incoming call.
    pub(super) fn is_incoming(&self) -> bool {
        self.phase == Phase::Incoming && self.session.is_answered()
    }

    /// Returns how many rounds are left to one that is over.
    pub(super) const fn rounds_left(&self) -> Option<u32> {
        match self.phase {
            Phase::Leaving(_) => Some(LEAVE_ROUNDS.saturating_sub(self.phase_rounds)),
            Phase::Left => Some(LEFT_ROUNDS.saturating_sub(self.phase_rounds)),
            _ => None,
        }
    }
}
