//! One conversation: who, what is going on, the messages, and the next one.

mod bar;
mod log;

use std::rc::Rc;

use mcmix_shared::client::{
    Action, Blocked, ContactState, ContactView, Notice, Outbox, RingState, Verified, View,
};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use self::bar::Bar;
use self::log::Log;
use super::avatar::avatar;
use super::composer::Composer;
use super::contacts::verified_mark;
use super::home::Open;
use super::icon::{Kind, icon, mix_art};
use super::search::Found;
use crate::texts::Outlook;
use crate::{engine, texts};

/// What a conversation needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ConversationProps {
    pub(super) view: Rc<View>,
    pub(super) contact: ContactView,
    /// Whose conversation the person looks at.
    pub(super) looking: Option<ClientKey>,
    /// The message that was looked for.
    pub(super) found: Option<Found>,
    pub(super) act: Callback<Action>,
    pub(super) on_back: Callback<()>,
    pub(super) show: Callback<Open>,
}

/// Shows a conversation.
#[component]
pub(super) fn Conversation(props: &ConversationProps) -> Html {
    let ConversationProps {
        view,
        contact,
        looking,
        found,
        act,
        on_back,
        show,
    } = props;
    let key = contact.key;
    let name = contact.name.as_str().to_owned();
    let looked_at = *looking == Some(key);
    use_mark_read(contact, looked_at, act);

    let now = engine::now().wall;
    let onback = on_back.reform(|_: MouseEvent| ());
    let onmore = show.reform(move |_: MouseEvent| Open::Contact(key));
    let blocked = contact.blocked == Blocked::Yes;
    let new_device = view.notices.iter().find_map(|it| match it.notice {
        Notice::NewDevice { contact, .. } if contact == key => Some(it.id),
        _ => None,
    });
    html! {
        <main class="main" data-testid="conversation" data-name={name.clone()}
            data-state={texts::state_name(contact.state)} data-looked-at={looked_at.to_string()}>
            <header class="bar">
                <button type="button" class="icon-button back" data-testid="back" aria-label={texts::BACK}
                    onclick={onback}>
                    { icon(Kind::Back) }
                </button>
                { avatar(&name, key, "") }
                <div class="titles">
                    <h1 id="conversation-title" class="title" tabindex="-1">
                        { &name }
                        if contact.verified == Verified::Yes { { verified_mark() } }
                    </h1>
                    <div class="subtitle" data-testid="presence">
                        { texts::presence(contact, view, now) }
                    </div>
                </div>
                if !blocked { { ring_button(contact, act) } }
                <button type="button" class="icon-button" data-testid="contact-menu"
                    aria-label={texts::about_contact(&name)} title={texts::about_contact(&name)} onclick={onmore}>
                    { icon(Kind::More) }
                </button>
            </header>
            <Bar contact={contact.clone()} {new_device} act={act.clone()} />
            <Log contact={contact.clone()} found={found.map(|it| it.message)} act={act.clone()} />
            <Composer contact={key} name={name} draft={contact.draft.clone()} full={contact.outbox == Outbox::Full}
                outlook={Outlook::of(contact, view, now)} words={texts::outlook(contact, view, now)}
                act={act.clone()} />
        </main>
    }
}

/// Asks a pair's other side for attention; what the ring does then stands in the bar.
fn ring_button(contact: &ContactView, act: &Callback<Action>) -> Html {
    let ContactState::Paired { ring, .. } = contact.state else {
        return Html::default();
    };
    let key = contact.key;
    let onclick = act.reform(move |_: MouseEvent| Action::Ring(key));
    html! {
        <button type="button" class="button compact" data-testid="ring" data-state={texts::ring_name(ring)}
            aria-label={texts::RING} title={texts::ring_hint(contact.name.as_str())}
            disabled={ring != RingState::Quiet} {onclick}>
            { icon(Kind::Bell) }<span class="wide-only">{ texts::RING }</span>
        </button>
    }
}

/// Marks messages as read while the person looks at them.
#[hook]
fn use_mark_read(contact: &ContactView, looked_at: bool, act: &Callback<Action>) {
    let (key, act) = (contact.key, act.clone());
    use_effect_with(
        (contact.unread > 0 && looked_at, contact.messages.len()),
        move |(unread, _)| {
            if *unread {
                act.emit(Action::MarkRead(key));
            }
        },
    );
}

/// What stands in place of a conversation.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct NoConversationProps {
    pub(super) contacts: usize,
    pub(super) show: Callback<Open>,
}

/// Says what to do next.
#[component]
pub(super) fn NoConversation(props: &NoConversationProps) -> Html {
    let (title, text) = if props.contacts == 0 {
        texts::NOBODY_YET
    } else {
        texts::NOBODY_SELECTED
    };
    let invite = props.show.reform(|_: MouseEvent| Open::Invite);
    let about = props.show.reform(|_: MouseEvent| Open::About);
    html! {
        <main class="main" data-testid="empty">
            <div class="empty">
                { mix_art() }
                <h2>{ title }</h2>
                <p>{ text }</p>
                <div class="row">
                    if props.contacts == 0 {
                        <button type="button" class="button primary" onclick={invite}>
                            { icon(Kind::Link) }{ texts::GET_LINK }
                        </button>
                    }
                    <button type="button" class="button quiet" onclick={about}>{ texts::HOW_IT_WORKS }</button>
                </div>
            </div>
        </main>
    }
}
