//! The list of contacts.

use std::rc::Rc;

use mcmix_shared::client::{
    Action, Blocked, ContactState, ContactView, MessageKind, Millis, Verified, View,
};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use super::avatar::avatar;
use super::home::Open;
use super::icon::{Kind, icon, small_icon};
use super::notifications::offer;
use super::search::{Fit, Found, Sought, search};
use crate::notify::Notify;
use crate::worker::Kept;
use crate::{clock, engine, texts};

/// What the list needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ContactsProps {
    pub(super) view: Rc<View>,
    pub(super) kept: Kept,
    pub(super) selected: Option<ClientKey>,
    pub(super) on_select: Callback<ClientKey>,
    pub(super) on_find: Callback<Found>,
    pub(super) act: Callback<Action>,
    pub(super) show: Callback<Open>,
    pub(super) notify: Option<Notify>,
    pub(super) on_notify: Callback<Notify>,
}

/// Shows one's own name, the contacts, and the two ways to get one.
#[component]
pub(super) fn Contacts(props: &ContactsProps) -> Html {
    let ContactsProps {
        view,
        kept,
        act,
        show,
        ..
    } = props;
    let now = engine::now().wall;
    let sought = use_state_eq(Sought::default);
    let fitting: Vec<_> = view
        .contacts
        .iter()
        .filter_map(|contact| Some((contact, sought.of(contact)?)))
        .collect();
    let on_seek = {
        let sought = sought.setter();
        Callback::from(move |text| sought.set(text))
    };
    let own = view.own.name.as_str().to_owned();
    let open = |which: Open| show.reform(move |_: MouseEvent| which.clone());
    // Who was talked with and can't be written to: all, after a backup was restored.
    let lost: Vec<_> = view
        .contacts
        .iter()
        .filter(|it| is_lost(it))
        .map(|it| it.key)
        .collect();
    let connect_all = {
        let (lost, act) = (lost.clone(), act.clone());
        Callback::from(move |_: MouseEvent| {
            for key in &lost {
                act.emit(Action::Call(*key));
            }
        })
    };
    let add_class = if view.contacts.is_empty() {
        "button"
    } else {
        "button primary"
    };
    html! {
        <aside class="side" aria-label={texts::CONTACTS}>
            <header class="bar">
                { avatar(&own, view.own.key, "") }
                <div class="titles">
                    <h1 id="contacts-title" class="title" tabindex="-1" data-testid="own-name">{ own }</h1>
                    if *kept == Kept::Nowhere {
                        <div class="subtitle" data-testid="throwaway-note">{ texts::ONLY_IN_THIS_TAB }</div>
                    } else {
                        <div class="subtitle">{ texts::open_to_calls(view.open_to_calls) }</div>
                    }
                </div>
                <button type="button" class="icon-button" data-testid="settings" title={texts::SETTINGS}
                    aria-label={texts::SETTINGS} onclick={open(Open::Settings)}>
                    { icon(Kind::Gear) }
                </button>
            </header>
            if view.contacts.is_empty() {
                <div class="empty" data-testid="no-contacts">
                    <h2>{ texts::NO_CONTACTS_TITLE }</h2>
                    <ol class="steps">
                        { for texts::FIRST_STEPS.iter().map(|(strong, rest)| html! {
                            <li><span><strong>{ *strong }</strong>{ " " }{ *rest }</span></li>
                        }) }
                    </ol>
                </div>
            } else {
                if !lost.is_empty() {
                    <div class="row">
                        <button type="button" class="button wide" data-testid="connect-all" onclick={connect_all}>
                            { icon(Kind::Phone) }{ texts::connect_all(lost.len()) }
                        </button>
                    </div>
                }
                { search(&on_seek) }
                <nav class="contacts" data-testid="contacts" aria-label={texts::CONTACTS}>
                    <ul>{ for fitting.iter().map(|(contact, fit)| item(contact, *fit, props, now)) }</ul>
                    if fitting.is_empty() {
                        <p class="muted nothing-found" role="status" data-testid="nothing-found">{ texts::NOTHING_FOUND }</p>
                    }
                </nav>
            }
            // The first time that it is of use; a guest is gone before long.
            if *kept != Kept::Nowhere && view.contacts.iter().any(ContactView::is_paired) {
                { offer(props.notify, &props.on_notify) }
            }
            <div class="side-actions">
                <button type="button" class={add_class} data-testid="add-contact" onclick={open(Open::Add)}>
                    { icon(Kind::Plus) }{ texts::ADD_CONTACT }
                </button>
                <button type="button" class={if view.contacts.is_empty() { "button primary" } else { "button" }}
                    data-testid="invite" onclick={open(Open::Invite)}>
                    { icon(Kind::Link) }{ texts::INVITE }
                </button>
            </div>
        </aside>
    }
}

fn is_lost(contact: &ContactView) -> bool {
    matches!(contact.state, ContactState::Known { ended: None })
        && contact.blocked == Blocked::No
        && !contact.messages.is_empty()
}

fn item(contact: &ContactView, fit: Fit<'_>, props: &ContactsProps, now: Millis) -> Html {
    let key = contact.key;
    let name = contact.name.as_str().to_owned();
    let onclick = match fit {
        Fit::Name => props.on_select.reform(move |_: MouseEvent| key),
        Fit::Message(found) => {
            let message = found.number;
            let contact = key;
            props
                .on_find
                .reform(move |_: MouseEvent| Found { contact, message })
        }
    };
    let current = (props.selected == Some(key)).then_some("true");
    let (last, live) = match fit {
        Fit::Name => (contact.messages.last(), texts::state_in_list(contact)),
        Fit::Message(found) => (Some(found), None),
    };
    let blocked = contact.blocked == Blocked::Yes;
    let (class, text) = match (live, last) {
        (Some(live), _) if blocked => ("last", live.to_owned()),
        (Some(live), _) => ("last live", live.to_owned()),
        (None, Some(message)) => {
            let mine = matches!(message.kind, MessageKind::Outgoing(_));
            let text = message.text.chars().take(80).collect::<String>();
            ("last", if mine { texts::you_said(&text) } else { text })
        }
        (None, None) => ("last", texts::NEVER_TALKED.to_owned()),
    };
    let here = contact.is_paired()
        && !blocked
        && props.view.connected()
        && texts::is_here(contact.last_heard, props.view.turn_ms, now);
    html! {
        <li key={key.to_text()}>
            <button type="button" class="contact" data-testid="contact" data-name={name.clone()}
                data-state={texts::state_name(contact.state)} aria-current={current} {onclick}>
                { avatar(&name, key, classes!(here.then_some("here"))) }
                <span class="name">
                    { name }
                    if contact.verified == Verified::Yes { { verified_mark() } }
                </span>
                <span class="time">
                    if let (Some(message), None) = (last, live) {
                        { clock::short(message.at, now) }
                    }
                </span>
                <span {class}>{ text }</span>
                if contact.unread > 0 {
                    <span class="unread" data-testid="unread">
                        { contact.unread }<span class="visually-hidden">{ texts::UNREAD }</span>
                    </span>
                }
            </button>
        </li>
    }
}

/// Marks the name of a contact whose safety number was compared.
pub(super) fn verified_mark() -> Html {
    html! {
        <span class="verified" title={texts::VERIFIED} data-testid="verified-mark">
            { small_icon(Kind::Shield) }<span class="visually-hidden">{ " (" }{ texts::VERIFIED }{ ")" }</span>
        </span>
    }
}
