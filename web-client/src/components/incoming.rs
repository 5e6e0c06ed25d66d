//! Who calls right now, over every view.

use mcmix_shared::client::{Action, Caller, IncomingView};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use super::avatar::avatar;
use super::icon::{Kind, icon};
use crate::texts;

/// What the banner needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct IncomingProps {
    pub(super) callers: Vec<IncomingView>,
    pub(super) free_slots: usize,
    pub(super) act: Callback<Action>,
    /// Called with whoever's call was accepted.
    pub(super) on_accepted: Callback<ClientKey>,
}

/// Shows incoming calls. It takes no focus from somebody who is writing: it is announced, and
/// stands first in the order of the page.
#[component]
pub(super) fn Incoming(props: &IncomingProps) -> Html {
    html! {
        <section class="incoming" role="alert" aria-label={texts::INCOMING_CALLS}>
            { for props.callers.iter().map(|caller| card(caller, props)) }
        </section>
    }
}

fn card(caller: &IncomingView, props: &IncomingProps) -> Html {
    let key = caller.key;
    let name = caller.name.as_str().to_owned();
    let onaccept = {
        let (act, on_accepted) = (props.act.clone(), props.on_accepted.clone());
        Callback::from(move |_: MouseEvent| {
            act.emit(Action::Accept(key));
            on_accepted.emit(key);
        })
    };
    let ondecline = props.act.reform(move |_: MouseEvent| Action::Decline(key));
    html! {
        <div key={key.to_text()} class="incoming-card" data-testid="incoming" data-name={name.clone()}>
            <div class="row">
                { avatar(&name, key, "") }
                <div class="grow">
                    <h2>{ texts::calls_you(&name) }</h2>
                    <p class="muted small">
                        { if caller.caller == Caller::Stranger { texts::STRANGER } else { texts::CONTACT_CALLS } }
                    </p>
                </div>
            </div>
            <div class="actions">
                <button type="button" class="button" data-testid="decline" onclick={ondecline}>
                    { icon(Kind::PhoneOff) }{ texts::DECLINE }
                </button>
                <button type="button" class="button primary" data-testid="accept" onclick={onaccept}>
                    { icon(Kind::Phone) }{ texts::ACCEPT }
                </button>
            </div>
        </div>
    }
}
