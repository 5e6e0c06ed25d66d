//! Makes the view.

use std::{cmp::Reverse, sync::Arc};

use super::{
    CallState, Caller, Client, ContactView, IncomingView, MessageKind, MessageView, SendStatus,
    ServerView, StorageStatus, View,
    history::{Message, Release},
    people::Person,
};
use crate::{
    identity::{ClientKey, Invite},
    party::PartyId,
    program::Program,
};

impl Client {
    /// Returns everything that the page shows.
    pub fn view(&self) -> View {
        let mut contacts: Vec<_> = self
            .people
            .iter()
            .filter(|(_, person)| !person.is_stranger())
            .map(|(key, person)| self.show_contact(*key, person))
            .collect();
        contacts.sort_by_key(|contact| (rank(contact.call), Reverse(last_activity(contact))));
        View {
            own: Invite {
                key: self.own,
                name: self.name.clone(),
            },
            open_to_calls: self.open_to_calls,
            deployment: self.deployment.name.clone(),
            servers: PartyId::ALL.map(|party| ServerView {
                party,
                url: self.deployment.server(party).url.clone(),
                status: self.links.get(party).status(),
            }),
            conversation: self.rounds.latest(Program::Conversation),
            dialing: self.rounds.latest(Program::Open),
            contacts,
            incoming: self
                .people
                .iter()
                .filter_map(|(key, it)| show_incoming(*key, it))
                .collect(),
            slots: self.slots(),
            free_slots: self.free_slots(),
            traffic: self.traffic,
            storage: match (self.store.is_failing(), self.store.is_saved()) {
                (true, _) => StorageStatus::Failing,
                (false, true) => StorageStatus::Saved,
                (false, false) => StorageStatus::Saving,
            },
            notices: self.notices.list().to_vec(),
        }
    }

    fn show_contact(&self, key: ClientKey, person: &Person) -> ContactView {
        ContactView {
            key,
            name: person.name.clone(),
            call: self.call_state(key),
            last_heard: person.last_heard,
            unread: person.history.unread(),
            messages: person
                .history
                .iter()
                .map(|message| show_message(person, message))
                .collect(),
        }
    }
}

/// Shows a message; whether it can be taken back depends on what has left so far.
fn show_message(person: &Person, message: &Message) -> Arc<MessageView> {
    let Some(SendStatus::Queued { cancellable }) = message.status() else {
        return message.view.clone();
    };
    let has_left = person
        .conversation
        .as_ref()
        .is_some_and(|it| it.delivery.has_left(message.id));
    let can_cancel = message.release != Release::Earlier && !has_left;
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

fn show_incoming(key: ClientKey, person: &Person) -> Option<IncomingView> {
    let conversation = person.conversation.as_ref().filter(|it| it.is_incoming())?;
    let caller = if person.is_stranger() {
        Caller::Stranger
    } else {
        Caller::Contact
    };
    Some(IncomingView {
        key,
        name: person.name.clone(),
        caller,
        since: conversation.since,
    })
}

const fn rank(call: CallState) -> u8 {
    match call {
        CallState::Incoming => 0,
        CallState::Talking => 1,
        CallState::Calling { .. } | CallState::Connecting | CallState::Ringing => 2,
        CallState::Idle | CallState::Ended(_) => 3,
    }
}

fn last_activity(contact: &ContactView) -> u64 {
    let heard = contact.last_heard.map_or(0, |at| at.0);
    contact
        .messages
        .last()
        .map_or(heard, |message| message.at.0.max(heard))
}
