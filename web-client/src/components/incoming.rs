//! Who calls or rings right now, over every view.

use std::rc::Rc;

use mcmix_shared::client::{
    Action, Blocked, Caller, CallerDevice, ContactView, IncomingView, Millis, View,
};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use super::avatar::avatar;
use super::icon::{Kind, icon};
use crate::{engine, texts};

/// What the banner needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct IncomingProps {
    pub(super) view: Rc<View>,
    /// Whose conversation is shown: it shows their ring itself.
    pub(super) selected: Option<ClientKey>,
    pub(super) act: Callback<Action>,
    /// Called with whose conversation to show: a call was accepted, or a ring heard.
    pub(super) on_select: Callback<ClientKey>,
}

/// Shows incoming calls and rings. It takes no focus from somebody who is writing: it is
/// announced, and stands first in the order of the page.
#[component]
pub(super) fn Incoming(props: &IncomingProps) -> Html {
    let now = engine::now().wall;
    let rings = props.view.contacts.iter().filter_map(|contact| {
        let heard = contact.blocked == Blocked::No && props.selected != Some(contact.key);
        let at = contact.rang.filter(|_| heard)?;
        Some(ring(contact, at, now, props))
    });
    html! {
        <section class="incoming" role="alert" aria-label={texts::INCOMING_CALLS}>
            { for props.view.incoming.iter().map(|caller| call(caller, props)) }
            { for rings }
        </section>
    }
}

fn call(caller: &IncomingView, props: &IncomingProps) -> Html {
    let key = caller.key;
    let name = caller.name.as_str().to_owned();
    let onaccept = {
        let (act, on_select) = (props.act.clone(), props.on_select.clone());
        Callback::from(move |_: MouseEvent| {
            act.emit(Action::Accept(key));
            on_select.emit(key);
        })
    };
    let ondecline = props.act.reform(move |_: MouseEvent| Action::Decline(key));
    let onblock = props.act.reform(move |_: MouseEvent| Action::Block(key));
    let stranger = caller.caller == Caller::Stranger;
    html! {
        <div key={key.to_text()} class="incoming-card" data-testid="incoming" data-name={name.clone()}>
            <div class="row">
                { avatar(&name, key, "") }
                <div class="grow">
                    <h2>{ texts::calls_you(&name) }</h2>
                    <p class="muted small">
                        { if stranger { texts::STRANGER } else { texts::CONTACT_CALLS } }
                    </p>
                </div>
            </div>
            if let Some(contact) = &caller.looks_like {
                { warning("looks-like", texts::looks_like(contact.as_str())) }
            }
            if caller.device == CallerDevice::New {
                { warning("new-device", texts::NEW_DEVICE_CALLS.to_owned()) }
            }
            <div class="actions">
                <button type="button" class="button" data-testid="decline" onclick={ondecline}>
                    { icon(Kind::PhoneOff) }{ texts::DECLINE }
                </button>
                <button type="button" class="button primary" data-testid="accept" onclick={onaccept}>
                    { icon(Kind::Phone) }{ texts::ACCEPT }
                </button>
                if stranger {
                    <button type="button" class="button quiet compact" data-testid="block-caller" onclick={onblock}>
                        { icon(Kind::Block) }{ texts::BLOCK }
                    </button>
                }
            </div>
        </div>
    }
}

fn warning(testid: &'static str, text: String) -> Html {
    html! { <p class="caution small" data-testid={testid}>{ icon(Kind::Warning) }<span>{ text }</span></p> }
}

fn ring(contact: &ContactView, at: Millis, now: Millis, props: &IncomingProps) -> Html {
    let key = contact.key;
    let name = contact.name.as_str().to_owned();
    let onopen = props.on_select.reform(move |_: MouseEvent| key);
    let ondismiss = props.act.reform(move |_: MouseEvent| Action::MarkRead(key));
    html! {
        <div key={format!("ring {}", key.to_text())} class="incoming-card" data-testid="rang" data-name={name.clone()}>
            <div class="row">
                { avatar(&name, key, "") }
                <h2 class="grow">{ texts::rang_you(&name, at, now) }</h2>
            </div>
            <div class="actions">
                <button type="button" class="button" data-testid="dismiss-ring" onclick={ondismiss}>
                    { texts::DISMISS }
                </button>
                <button type="button" class="button primary" data-testid="open-ring" onclick={onopen}>
                    { icon(Kind::Bell) }{ texts::OPEN }
                </button>
            </div>
        </div>
    }
}
