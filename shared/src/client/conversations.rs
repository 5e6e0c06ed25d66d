//! What the conversations put into the rows of a round, and what the rows bring them.

use rand_core::CryptoRng;

use super::{
    CallState, Client, EndReason, Notice, SendStatus,
    conversation::{CONNECT_ROUNDS, Conversation, Phase, RING_ROUNDS, SILENT_ROUNDS, Side},
    people::Kind,
    storage::Key,
};
use crate::{
    delivery::{Bodies, Control, Incoming, Item, Outcome, Progress, Receipt},
    identity::ClientKey,
    program::{Program, RoundId},
    row::ConversationRow,
    session::Received,
};

/// Rounds after which erased keys are erased in storage, too, if nothing else was stored.
const STORE_EVERY_ROUNDS: u32 = 32;

/// Whose row it was and what it carried.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotUse {
    peer: ClientKey,
    conversation: u64,
    receipt: Option<Receipt>,
}

impl Client {
    /// Writes one row for each slot; rows that no conversation needs meet nobody.
    pub(super) fn compose_rows(
        &mut self,
        round: RoundId,
        rows: &mut Vec<ConversationRow>,
        rng: &mut impl CryptoRng,
    ) -> Vec<Option<SlotUse>> {
        let slots = self.deployment.shape().rows(Program::Conversation);
        let busy = self
            .people
            .iter()
            .filter(|(_, person)| person.conversation.is_some());
        let mut peers: Vec<_> = busy.map(|(key, _)| Some(*key)).take(slots).collect();
        peers.resize(slots, None);
        let mut uses = Vec::with_capacity(slots);
        for (slot, peer) in peers.into_iter().enumerate() {
            let mut row = self.compose_decoy(round, slot, rng);
            uses.push(peer.and_then(|peer| self.compose_row(round, peer, &mut row, rng)));
            rows.push(row);
        }
        uses
    }

    /// Writes a row that meets nobody: one of a conversation with nobody, by the same steps as
    /// any other, so that the time it takes does not tell idle slots from busy ones.
    fn compose_decoy(
        &self,
        round: RoundId,
        slot: usize,
        rng: &mut impl CryptoRng,
    ) -> ConversationRow {
        let mut row = ConversationRow::idle(self.deployment.message_bytes.into(), rng);
        if let Some(decoy) = self.decoys.get(slot)
            && let Some(tag) = decoy.tag(round)
            && let Some(message) = decoy.seal(round, self.epoch, &vec![0; self.packet_bytes()])
        {
            (row.tag, row.role, row.message) = (tag, decoy.role(), message);
        }
        row
    }

    fn compose_row(
        &mut self,
        round: RoundId,
        peer: ClientKey,
        row: &mut ConversationRow,
        rng: &mut impl CryptoRng,
    ) -> Option<SlotUse> {
        let (tick, stored) = (self.rounds.tick, self.store.stored());
        let (message_bytes, packet_bytes) = (row.message.len(), self.packet_bytes());
        let conversation = self.people.get_mut(&peer)?.conversation.as_mut()?;
        let mut slot = SlotUse {
            peer,
            conversation: conversation.number,
            receipt: None,
        };
        row.tag = conversation.session.tag(round)?;
        row.role = conversation.session.role();
        let durable = conversation.durable_with <= stored;
        let message = if !durable {
            None
        } else if conversation.session.is_established() {
            let (packet, receipt) = conversation.delivery.compose(tick, packet_bytes);
            slot.receipt = receipt;
            conversation.session.seal(round, self.epoch, &packet)
        } else {
            conversation.session.handshake_message(message_bytes, rng)
        };
        // With nothing to say yet, the row must still be there for the other side's to meet it;
        // what the decoy wrote opens for nobody.
        if let Some(message) = message {
            row.message = message;
        }
        Some(slot)
    }

    /// Returns the conversation that a row was for, if it is still the one.
    fn conversation_of(&mut self, slot: &SlotUse) -> Option<&mut Conversation> {
        let conversation = self.people.get_mut(&slot.peer)?.conversation.as_mut()?;
        (conversation.number == slot.conversation).then_some(conversation)
    }

    /// Learns what became of a row.
    pub(super) fn settle_row(&mut self, round: RoundId, slot: &SlotUse, outcome: Outcome) {
        let Some(receipt) = slot.receipt else { return };
        let Some(conversation) = self.conversation_of(slot) else {
            return;
        };
        if let Some(Item::Text { id, .. }) = conversation.delivery.settle(receipt, outcome) {
            self.set_status(slot.peer, id, SendStatus::Sent { round });
        }
    }

    /// Takes what a row met.
    pub(super) fn receive_row(&mut self, round: RoundId, slot: &SlotUse, message: &[u8]) {
        let (batch, now, peer) = (self.store.batch(), self.now, slot.peer);
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let Some(conversation) = &mut person.conversation else {
            return;
        };
        if conversation.number != slot.conversation {
            return;
        }
        let Some(received) = conversation.session.open(&self.secret, round, message) else {
            return;
        };
        conversation.silent_rounds = 0;
        person.last_heard = Some(now);
        match received {
            Received::Repeated => {}
            Received::Answered => {
                conversation.durable_with = batch;
                if conversation.is_active() {
                    person.dialing = None;
                }
                self.store.mark(Key::Session(peer));
                self.store.mark(Key::Contact(peer));
            }
            Received::Called { name } => {
                conversation.durable_with = batch;
                if conversation.is_active() {
                    person.dialing = None;
                }
                let incoming = conversation.phase == Phase::Incoming;
                if let Some(name) = name {
                    person.introduce(name);
                }
                let name = person.name.clone();
                self.store.mark(Key::Session(peer));
                self.store.mark(Key::Contact(peer));
                if incoming {
                    self.notify(Notice::IncomingCall {
                        contact: peer,
                        name,
                    });
                }
            }
            Received::Packet {
                epoch,
                packet,
                first,
            } => {
                // A contact that was removed is told that it is over and heard no more: what is
                // not kept must not be acknowledged.
                let forgotten = person.kind == Kind::Stranger
                    && matches!(conversation.phase, Phase::Leaving(Control::End));
                let bodies = if forgotten {
                    Bodies::Ignored
                } else {
                    Bodies::Taken
                };
                let progress = conversation.delivery.receive(round, epoch, &packet, bodies);
                let commit = (!progress.incoming.is_empty()).then_some(batch);
                conversation.delivery.commit_with(commit);
                if first || commit.is_some() {
                    self.store.mark(Key::Session(peer));
                }
                self.take_progress(peer, progress);
            }
        }
    }

    fn take_progress(&mut self, peer: ClientKey, progress: Progress) {
        for item in progress.delivered {
            match item {
                Item::Text { id, .. } => self.set_status(peer, id, SendStatus::Delivered),
                Item::Control(Control::Accept) => {}
                Item::Control(Control::Decline | Control::End) => self.drop_conversation(peer),
            }
        }
        for item in progress.incoming {
            match item {
                Incoming::Text { id, text } => self.take_text(peer, id, text),
                Incoming::Control(control) => self.take_control(peer, control),
            }
        }
    }

    fn take_text(&mut self, peer: ClientKey, id: u64, text: String) {
        let now = self.now;
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let invited = person
            .conversation
            .as_ref()
            .is_some_and(|it| it.phase != Phase::Incoming);
        if !invited || person.is_stranger() {
            return;
        }
        if let Some(number) = person.history.receive(id, text, now) {
            let name = person.name.clone();
            self.store.mark(Key::Message(peer, number));
            self.store.mark(Key::Contact(peer));
            self.trim_history(peer);
            self.notify(Notice::NewMessage {
                contact: peer,
                name,
            });
        }
    }

    fn take_control(&mut self, peer: ClientKey, control: Control) {
        let batch = self.store.batch();
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let Some(conversation) = &mut person.conversation else {
            return;
        };
        let name = person.name.clone();
        let (reason, notice) = match (control, conversation.phase) {
            (Control::Accept, Phase::Ringing) => {
                conversation.enter(Phase::Talking, batch);
                self.store.mark(Key::Session(peer));
                self.notify(Notice::Answered {
                    contact: peer,
                    name,
                });
                return;
            }
            (Control::Accept, _) | (_, Phase::Left) => return,
            (_, Phase::Leaving(_)) => {
                conversation.enter(Phase::Left, batch);
                self.store.mark(Key::Session(peer));
                return;
            }
            (Control::Decline, Phase::Ringing) => (
                EndReason::Declined,
                Some(Notice::Declined {
                    contact: peer,
                    name,
                }),
            ),
            (_, Phase::Incoming) => (EndReason::Missed, None),
            (_, Phase::Ringing | Phase::Talking) => (
                EndReason::ByPeer,
                Some(Notice::Ended {
                    contact: peer,
                    name,
                }),
            ),
        };
        conversation.enter(Phase::Left, batch);
        person.ended = Some(reason);
        self.store.mark(Key::Session(peer));
        self.store.mark(Key::Contact(peer));
        if let Some(notice) = notice {
            self.notify(notice);
        }
    }

    /// Counts a computed round: erases its keys, gives up what was silent too long.
    pub(super) fn conversation_round_over(&mut self, round: RoundId) {
        for decoy in &mut self.decoys {
            decoy.erase_before(round.next());
        }
        let peers: Vec<_> = self.people.keys().copied().collect();
        for peer in peers {
            let Some(person) = self.people.get_mut(&peer) else {
                continue;
            };
            let Some(conversation) = &mut person.conversation else {
                continue;
            };
            conversation.session.erase_before(round.next());
            conversation.silent_rounds += 1;
            conversation.phase_rounds += 1;
            conversation.unstored_rounds += 1;
            if conversation.unstored_rounds >= STORE_EVERY_ROUNDS {
                conversation.unstored_rounds = 0;
                self.store.mark(Key::Session(peer));
                self.store.mark(Key::Contact(peer));
            }
            self.give_up_if_silent(peer);
        }
    }

    fn give_up_if_silent(&mut self, peer: ClientKey) {
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        let Some(conversation) = &mut person.conversation else {
            return;
        };
        let silent = conversation.silent_rounds;
        let answered = conversation.session.is_answered();
        match (conversation.phase, conversation.side) {
            (Phase::Leaving(_) | Phase::Left, _) => {
                if conversation.rounds_left() == Some(0) {
                    self.drop_conversation(peer);
                }
            }
            (Phase::Ringing, _) if !answered => {
                if silent >= CONNECT_ROUNDS {
                    self.drop_conversation(peer);
                    self.give_up_dialing(peer);
                }
            }
            (Phase::Ringing, _) => {
                if conversation.phase_rounds >= RING_ROUNDS {
                    self.leave(peer, Control::End, EndReason::NoAnswer);
                    self.tell_no_answer(peer);
                }
            }
            (Phase::Incoming, _) => {
                if silent >= SILENT_ROUNDS {
                    if answered {
                        person.ended = Some(EndReason::Missed);
                        self.store.mark(Key::Contact(peer));
                    }
                    self.drop_conversation(peer);
                }
            }
            // Whoever called us is gone, so our own call goes on.
            (Phase::Talking, Side::Callee) if !answered && person.dialing.is_some() => {
                if silent >= CONNECT_ROUNDS {
                    self.drop_conversation(peer);
                    self.give_up_dialing(peer);
                }
            }
            (Phase::Talking, Side::Callee) if !conversation.session.is_established() => {
                if silent >= SILENT_ROUNDS {
                    person.ended = Some(EndReason::ByPeer);
                    self.store.mark(Key::Contact(peer));
                    self.drop_conversation(peer);
                }
            }
            (Phase::Talking, _) => {}
        }
    }

    /// Ends a conversation from this side: the other side is told for some rounds.
    pub(super) fn leave(&mut self, peer: ClientKey, control: Control, reason: EndReason) {
        let batch = self.store.batch();
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        person.dialing = None;
        person.ended = Some(reason);
        if let Some(conversation) = &mut person.conversation
            && conversation.is_active()
        {
            conversation.enter(Phase::Leaving(control), batch);
            self.store.mark(Key::Session(peer));
        }
        self.store.mark(Key::Contact(peer));
    }

    /// Forgets a conversation with all its keys, and a stranger with it.
    pub(super) fn drop_conversation(&mut self, peer: ClientKey) {
        let Some(person) = self.people.get_mut(&peer) else {
            return;
        };
        person.conversation = None;
        self.store.mark(Key::Session(peer));
        if person.is_stranger() {
            self.people.remove(&peer);
            self.store.mark(Key::Contact(peer));
        }
    }

    /// Gives texts to the delivery whose storing is done, in order, while both sides talk.
    pub(super) fn feed(&mut self) {
        let (batch, stored) = (self.store.batch(), self.store.stored());
        for (peer, person) in &mut self.people {
            let Some(conversation) = &mut person.conversation else {
                continue;
            };
            if conversation.phase != Phase::Talking {
                continue;
            }
            for number in person.history.release(batch) {
                self.store.mark(Key::Message(*peer, number));
            }
            while let Some((number, item)) = person.history.ready_from(conversation.fed, stored) {
                conversation.delivery.push(item);
                conversation.fed = number.next();
            }
        }
    }

    /// Returns what is going on with a person.
    pub(super) fn call_state(&self, peer: ClientKey) -> CallState {
        let Some(person) = self.people.get(&peer) else {
            return CallState::Idle;
        };
        if let Some(conversation) = person.conversation.as_ref().filter(|it| it.is_active()) {
            let established = conversation.session.is_established();
            match (conversation.phase, conversation.side) {
                (Phase::Ringing, _) if established => return CallState::Ringing,
                (Phase::Ringing, _) => return CallState::Connecting,
                (Phase::Incoming, _) if conversation.is_incoming() => return CallState::Incoming,
                // Not before the caller has proved to be there.
                (Phase::Incoming, _) => {}
                _ if established => return CallState::Talking,
                _ => return CallState::Connecting,
            }
        }
        match (&person.dialing, person.ended) {
            (Some(dialing), _) => dialing.state(),
            (None, Some(reason)) => CallState::Ended(reason),
            (None, None) => CallState::Idle,
        }
    }
}
