//! Tells what is new while nobody sees the page.

use std::collections::BTreeMap;

use mcmix_shared::client::{Blocked, Millis, View};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use crate::notify::{self, Notify};
use crate::{page, texts};

/// What waits for the person, of whom.
#[derive(Clone, Debug, Default, PartialEq)]
struct Waiting {
    calls: BTreeMap<ClientKey, String>,
    people: BTreeMap<ClientKey, Person>,
}

#[derive(Clone, Debug, PartialEq)]
struct Person {
    name: String,
    unread: usize,
    rang: Option<Millis>,
}

impl Waiting {
    fn of(view: &View) -> Self {
        let calls = view.incoming.iter();
        let people = view
            .contacts
            .iter()
            .filter(|contact| contact.blocked == Blocked::No);
        Self {
            calls: calls
                .map(|call| (call.key, call.name.as_str().to_owned()))
                .collect(),
            people: people
                .map(|contact| {
                    let person = Person {
                        name: contact.name.as_str().to_owned(),
                        unread: contact.unread,
                        rang: contact.rang,
                    };
                    (contact.key, person)
                })
                .collect(),
        }
    }

    /// Returns the most urgent of what is here and was not there, in a sentence.
    fn news(&self, before: &Self, notify: Notify) -> Option<String> {
        let name = |name: &str| (notify == Notify::Names).then(|| name.to_owned());
        let mut calls = self.calls.iter();
        if let Some((_, caller)) = calls.find(|(key, _)| !before.calls.contains_key(*key)) {
            return Some(texts::told_call(name(caller)));
        }
        let mut people = self.people.iter();
        let rings = |(key, person): &(&ClientKey, &Person)| {
            person.rang.is_some() && person.rang != before.people.get(*key).and_then(|it| it.rang)
        };
        if let Some((_, person)) = people.find(rings) {
            return Some(texts::told_ring(name(&person.name)));
        }
        let mut people = self.people.iter();
        let writes = |(key, person): &(&ClientKey, &Person)| {
            person.unread > before.people.get(*key).map_or(0, |it| it.unread)
        };
        let (_, person) = people.find(writes)?;
        Some(texts::told_message(name(&person.name)))
    }
}

/// Shows a notification of what comes while the page is hidden, if the person wants that.
#[hook]
pub(super) fn use_news(view: &View, notify: Option<Notify>) {
    let before = use_mut_ref(|| None::<Waiting>);
    use_effect_with((Waiting::of(view), notify), move |(now, notify)| {
        let before = before.replace(Some(now.clone()));
        let wanted = notify.filter(|notify| *notify != Notify::Never);
        // What was there when the page was opened is no news.
        if let (Some(before), Some(notify)) = (before, wanted)
            && let Some(news) = now.news(&before, notify)
        {
            notify::show(&news);
        }
    });
    use_effect_with((), |()| {
        page::on_visibility(|visible| {
            if visible {
                notify::take_back();
            }
        })
    });
}
