//! Makes the view.

use std::{cmp::Reverse, sync::Arc};

use super::{
    CallStage, Client, ConnectAgain, ContactState, ContactView, IncomingView, LinkStatus,
    MAX_QUEUED_TEXTS, MessageKind, MessageView, Obstacle, Outbox, Paired, RingState, SendStatus,
    ServerKeys, ServerView, StorageStatus, View,
    calling::{Beside, CALL_DIALS, Incoming, Own},
    history::Message,
    person::Person,
};
use crate::{
    call::CallKind,
    identity::{ClientKey, Invite, SafetyNumber},
    party::PartyId,
    program::Program,
};

/// Milliseconds without hearing a contact after which connecting again is offered.
const CONNECT_AGAIN_MS: u64 = 7 * 86_400_000;

impl Client {
    /// Returns everything that the page shows.
    pub fn view(&self) -> View {
        let contacts = self.people.iter().filter(|(_, it)| it.is_contact());
        let mut contacts: Vec<_> = contacts
            .map(|(key, person)| self.show_contact(*key, person))
            .collect();
        contacts.sort_by_key(|contact| (rank(contact), Reverse(last_activity(contact))));
        let turn_ms = u64::from(self.deployment.quick_rounds)
            .saturating_mul(self.deployment.conversation_period_ms.into());
        View {
            own: Invite {
                key: self.own,
                name: self.profile.name.clone(),
            },
            realm: self.realm,
            open_to_calls: self.settings.open_to_calls,
            deployment: self.deployment.name.clone(),
            servers: PartyId::ALL.map(|party| ServerView {
                party,
                url: self.deployment.server(party).url.clone(),
                status: self.links.get(party).status(),
            }),
            server_keys: self.server_keys(),
            conversation: self.rounds.latest(Program::Conversation),
            dialing: self.rounds.latest(Program::Open),
            obstacle: self.obstacle(),
            contacts,
            incoming: self.show_incoming(),
            blocked: self.settings.blocked.clone(),
            turn_ms,
            traffic: self.traffic,
            storage: match (self.store.is_failing(), self.store.is_saved()) {
                (true, _) => StorageStatus::Failing,
                (false, true) => StorageStatus::Saved,
                (false, false) => StorageStatus::Saving,
            },
            notices: self.notices.list().to_vec(),
        }
    }

    pub(super) fn server_keys(&self) -> ServerKeys {
        self.known_servers
            .changed(&self.deployment)
            .map_or(ServerKeys::Known, |changed| ServerKeys::Changed { changed })
    }

    /// Returns what keeps rounds from completing: what servers say, what rounds show, or a link that
    /// is down alone.
    fn obstacle(&self) -> Option<Obstacle> {
        let stopped = self.links.0.iter().filter(|link| link.says_stopped());
        if stopped.count() >= 2 {
            return Some(Obstacle::Stopped);
        }
        let down = |party: &PartyId| self.links.get(*party).status() != LinkStatus::Connected;
        let mut down = PartyId::ALL.into_iter().filter(down);
        self.rounds
            .obstacle()
            .map(|shown| match (down.next(), down.next()) {
                (Some(party), None) => Obstacle::Server(party),
                (None, _) => shown,
                (Some(_), Some(_)) => Obstacle::Unknown,
            })
    }

    fn show_contact(&self, key: ClientKey, person: &Person) -> ContactView {
        let messages = person.history.iter();
        ContactView {
            key,
            name: person.card.name.clone(),
            state: self.contact_state(person),
            verified: person.card.verified,
            safety_number: SafetyNumber::of(&self.realm, &self.own, &key),
            blocked: person.card.blocked,
            last_heard: person.card.last_heard,
            rang: person.card.rang,
            unread: person.history.unread(person.card.read_upto),
            outbox: if person.history.waiting() < MAX_QUEUED_TEXTS {
                Outbox::Open
            } else {
                Outbox::Full
            },
            draft: person.draft.0.clone(),
            messages: messages
                .map(|message| show_message(person, message))
                .collect(),
        }
    }

    fn contact_state(&self, person: &Person) -> ContactState {
        let paired = if person.pair.is_some() {
            Paired::Yes
        } else {
            Paired::No
        };
        if let Some(Incoming { device, .. }) = person.calls.ringing() {
            let device = *device;
            return ContactState::Incoming { device, paired };
        }
        let own = self.own_call(&person.calls.own);
        // Beside a pair that the own call made there is nothing to wait for.
        let answering = person.calls.answering();
        let answering = answering.filter(|it| it.beside == Beside::NoPair);
        match (own, answering) {
            (Some((CallKind::Call, stage)), _) => ContactState::Calling { stage, paired },
            (ring, Some(answering)) => {
                let waits = |stay: super::settings::Stay| !stay.is_over(self.moment(), self.pace());
                let in_task_slot = answering.task.is_none() || self.tasks.answer.is_some_and(waits);
                let _ = ring;
                ContactState::Answering {
                    call_back: if in_task_slot {
                        ConnectAgain::NotNeeded
                    } else {
                        ConnectAgain::Offered
                    },
                    paired,
                }
            }
            (ring, None) if person.pair.is_some() => ContactState::Paired {
                ring: match ring {
                    None => RingState::Quiet,
                    Some((_, CallStage::Waiting)) => RingState::Waiting,
                    Some((_, CallStage::Withdrawing)) => RingState::Withdrawing,
                    Some((_, CallStage::Ringing { .. } | CallStage::Late)) => RingState::Ringing,
                },
                again: self.connect_again(person),
            },
            (_, None) => ContactState::Known {
                ended: person.card.ended,
            },
        }
    }

    fn own_call(&self, own: &Own) -> Option<(CallKind, CallStage)> {
        let now = self.moment();
        match own {
            Own::Idle => None,
            Own::Waiting { kind, .. } => Some((*kind, CallStage::Waiting)),
            Own::Withdrawing { call, .. } => Some((call.payload.kind, CallStage::Withdrawing)),
            Own::Calling(call) if now.round() > call.payload.until => {
                Some((call.payload.kind, CallStage::Late))
            }
            Own::Calling(call) => {
                let of = u32::try_from(CALL_DIALS).unwrap_or(u32::MAX);
                let dials = u32::try_from(now.dials_since(call.began))
                    .unwrap_or(of)
                    .min(of);
                Some((call.payload.kind, CallStage::Ringing { dials, of }))
            }
        }
    }

    fn connect_again(&self, person: &Person) -> ConnectAgain {
        let heard = person.card.last_heard;
        let long_ago = |at: super::Millis| self.now.wall.since(at) >= CONNECT_AGAIN_MS;
        if heard.is_none_or(long_ago) {
            ConnectAgain::Offered
        } else {
            ConnectAgain::NotNeeded
        }
    }

    fn show_incoming(&self) -> Vec<IncomingView> {
        let people = self.people.iter();
        let ringing = people.filter_map(|(key, person)| {
            let incoming = person.calls.ringing()?;
            Some(IncomingView {
                key: *key,
                name: person.card.name.clone(),
                looks_like: self.looks_like(person),
                device: incoming.device,
                caller: Self::caller_kind(person),
                since: incoming.first.wall(),
            })
        });
        ringing.collect()
    }

    /// Returns the contact that a stranger may want to be taken for.
    fn looks_like(&self, stranger: &Person) -> Option<crate::identity::Name> {
        if stranger.is_contact() {
            return None;
        }
        let name = &stranger.card.name;
        let contacts = self.people.values().filter(|it| it.is_contact());
        contacts
            .map(|contact| &contact.card.name)
            .find(|known| known.looks_like(name))
            .cloned()
    }
}

/// Shows a message; whether it can be taken back depends on what has left so far.
fn show_message(person: &Person, message: &Message) -> Arc<MessageView> {
    let Some(SendStatus::Queued { cancellable }) = message.status() else {
        return message.view.clone();
    };
    let can_cancel = !person.outbox.has_left(message.id);
    if can_cancel == cancellable {
        return message.view.clone();
    }
    let kind = MessageKind::Outgoing(SendStatus::Queued {
        cancellable: can_cancel,
    });
    Arc::new(MessageView {
        kind,
        ..MessageView::clone(&message.view)
    })
}

const fn rank(contact: &ContactView) -> u8 {
    match contact.state {
        ContactState::Incoming { .. } => 0,
        ContactState::Calling { .. } | ContactState::Answering { .. } => 1,
        ContactState::Paired { .. } | ContactState::Known { .. } => 2,
    }
}

fn last_activity(contact: &ContactView) -> u64 {
    let heard = contact.rang.map_or(0, |at| at.0);
    let message = contact.messages.last();
    message.map_or(heard, |message| message.at.0.max(heard))
}
