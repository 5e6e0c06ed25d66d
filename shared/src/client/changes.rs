//! What has changed in a view: that is all that crosses from the client to the page.

use std::{collections::BTreeMap, mem, sync::Arc};

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
    view: View,
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
            view,
            order,
            messages,
        }
    }

    /// Returns the new view; `shown` is the one that these changes were made for, or none.
    pub fn apply(mut self, shown: Option<&View>) -> View {
        let mut contacts: BTreeMap<_, _> = shown
            .map_or(&[][..], |shown| &shown.contacts)
            .iter()
            .map(|contact| (contact.key, contact.clone()))
            .collect();
        let changed = mem::take(&mut self.view.contacts);
        for (mut contact, messages) in changed.into_iter().zip(self.messages) {
            let before = contacts.remove(&contact.key);
            contact.messages = messages.apply(before.map(|it| it.messages).unwrap_or_default());
            contacts.insert(contact.key, contact);
        }
        let contacts = self.order.iter().filter_map(|key| contacts.remove(key));
        View {
            contacts: contacts.collect(),
            ..self.view
        }
    }
}

impl Messages {
    fn between(shown: &[Arc<MessageView>], next: &[Arc<MessageView>]) -> Self {
        let numbers = |messages: &[Arc<MessageView>]| -> BTreeMap<_, _> {
            messages
                .iter()
                .map(|it| (it.number, Arc::clone(it)))
                .collect()
        };
        let (before, after) = (numbers(shown), numbers(next));
        let gone = before.keys().filter(|number| !after.contains_key(number));
        let new = next.iter().filter(|it| before.get(&it.number) != Some(it));
        Self {
            gone: gone.copied().collect(),
            new: new.map(|it| (**it).clone()).collect(),
        }
    }

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
