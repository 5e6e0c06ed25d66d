//! What has changed in a view: that is all that crosses from the client to the page.

use core::mem;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ContactView, MessageNumber, MessageView, View};
use crate::identity::ClientKey;

/// What makes a new view of the one that is shown.
///
/// A message is named by its number, which is never used twice; so an arrival is one message, however
/// many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changes {
    /// The new view, with those of its contacts that differ, and without messages.
    view: Box<View>,
    /// All contacts, in their order.
    order: Vec<ClientKey>,
    /// Messages of the contacts that differ, in their order.
    messages: Vec<Messages>,
}

/// What has changed in the messages with somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Messages {
    /// Those that are there no longer.
    gone: Vec<MessageNumber>,
    /// Those that are new or differ.
    new: Vec<MessageView>,
}

impl Changes {
    /// Returns all of a view, for whoever shows nothing yet.
    pub fn whole(view: &View) -> Self {
        Self::of(view, |_| None)
    }

    /// Returns what leads from one view to the next, if they differ.
    pub fn between(shown: &View, next: &View) -> Option<Self> {
        (shown != next).then(|| Self::of(next, |key| shown.contact(key)))
    }

    fn of<'a>(next: &View, shown: impl Fn(ClientKey) -> Option<&'a ContactView>) -> Self {
        let order = next.contacts.iter().map(|contact| contact.key).collect();
        let mut view = next.clone();
        view.contacts
            .retain(|contact| shown(contact.key) != Some(contact));
        let messages = view.contacts.iter_mut().map(|contact| {
            let before = shown(contact.key).map_or(&[][..], |before| &before.messages);
            Messages::between(before, &mem::take(&mut contact.messages))
        });
        let messages = messages.collect();
        Self {
            view: Box::new(view),
            order,
            messages,
        }
    }

    /// Returns the new view; `shown` is the one that these changes were made for, or none.
    pub fn apply(mut self, shown: Option<&View>) -> View {
        let shown = |key| shown?.contact(key);
        let mut changed = mem::take(&mut self.view.contacts);
        for (contact, messages) in changed.iter_mut().zip(self.messages) {
            let before = shown(contact.key).map(|it| it.messages.clone());
            contact.messages = messages.apply(before.unwrap_or_default());
        }
        let contacts = self.order.iter().filter_map(|key| {
            let at = changed.iter().position(|contact| contact.key == *key);
            at.map(|at| changed.swap_remove(at))
                .or_else(|| shown(*key).cloned())
        });
        View {
            contacts: contacts.collect(),
            ..*self.view
        }
    }
}

impl Messages {
    fn between(shown: &[Arc<MessageView>], next: &[Arc<MessageView>]) -> Self {
        let gone = shown.iter().filter(|it| find(next, it.number).is_none());
        let new = next.iter().filter(|it| find(shown, it.number) != Some(it));
        Self {
            gone: gone.map(|it| it.number).collect(),
            new: new.map(|it| (**it).clone()).collect(),
        }
    }

    /// Both are in the order of their numbers.
    fn apply(self, mut shown: Vec<Arc<MessageView>>) -> Vec<Arc<MessageView>> {
        shown.retain(|message| !self.gone.contains(&message.number));
        for message in self.new {
            let at = shown.binary_search_by_key(&message.number, |it| it.number);
            let message = Arc::new(message);
            match at {
                Ok(at) => shown.splice(at..=at, [message]).for_each(drop),
                Err(at) => shown.insert(at, message),
            }
        }
        shown
    }
}

/// Finds a message among those in the order of their numbers.
fn find(messages: &[Arc<MessageView>], number: MessageNumber) -> Option<&Arc<MessageView>> {
    let at = messages.binary_search_by_key(&number, |it| it.number);
    messages.get(at.ok()?)
}
