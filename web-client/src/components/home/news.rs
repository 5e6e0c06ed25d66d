//! Tells what is new while nobody sees the page.

use std::rc::Rc;

use mcmix_shared::client::{Blocked, Caller, ContactView, View};
use mcmix_shared::identity::Name;
use yew::prelude::*;

use crate::notify::{self, Notify};
use crate::{page, texts};

/// Shows a notification of what comes while the page is hidden, if the person wants that.
#[hook]
pub(super) fn use_news(view: &Rc<View>, notify: Option<Notify>) {
    let before = use_mut_ref(|| None::<Rc<View>>);
    let now = Rc::clone(view);
    use_effect(move || {
        let before = before.replace(Some(Rc::clone(&now)));
        let wanted = notify.filter(|notify| *notify != Notify::Never);
        // What was there when the page was opened is no news.
        if let (Some(before), Some(notify)) = (before, wanted)
            && !page::is_visible()
            && let Some(news) = news(&before, &now, notify)
        {
            notify::show(&news);
        }
        if now.unread() == 0 && now.incoming.is_empty() {
            notify::take_back();
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

/// Returns the most urgent of what is here now and was not before, in a sentence.
fn news(before: &View, now: &View, notify: Notify) -> Option<String> {
    let name = |name: &Name| (notify == Notify::Names).then(|| name.as_str().to_owned());
    let called_before = |key| before.incoming.iter().any(|call| call.key == key);
    if let Some(call) = now.incoming.iter().find(|call| !called_before(call.key)) {
        // A name that somebody gives themselves may be that of a contact.
        return Some(match call.caller {
            Caller::Contact => texts::told_call(name(&call.name)),
            Caller::Stranger => texts::TOLD_STRANGER.to_owned(),
        });
    }
    let heard = |contact: &&ContactView| contact.blocked == Blocked::No;
    let rings = |contact: &&ContactView| {
        let rang = before.contact(contact.key).and_then(|it| it.rang);
        contact.rang.is_some() && contact.rang != rang
    };
    if let Some(contact) = now.contacts.iter().filter(heard).find(rings) {
        return Some(texts::told_ring(name(&contact.name)));
    }
    let writes = |contact: &&ContactView| {
        let unread = before.contact(contact.key).map_or(0, |it| it.unread);
        contact.unread > unread
    };
    let contact = now.contacts.iter().filter(heard).find(writes)?;
    Some(texts::told_message(name(&contact.name)))
}
