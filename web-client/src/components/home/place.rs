//! Whose conversation is shown, in step with the tab's history.

use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use crate::page;

/// Returns whose conversation is shown, if any, and the way to another place.
#[hook]
pub(super) fn use_place() -> (Option<ClientKey>, Callback<Option<ClientKey>>) {
    let place = use_state_eq(page::current_place);
    use_effect_with((), {
        let place = place.setter();
        move |()| page::on_window("popstate", move |_| place.set(page::current_place()))
    });
    let go = use_callback(place.setter(), |to: Option<ClientKey>, place| {
        page::push_place(to);
        place.set(to);
        // On a narrow screen the list is a page of its own.
        page::after_render(move || match to {
            Some(_) if page::is_wide() => page::focus("composer"),
            Some(_) => page::focus("conversation-title"),
            None => page::focus("contacts-title"),
        });
    });
    (*place, go)
}
