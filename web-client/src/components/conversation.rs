//! One conversation: who, what is going on, the messages, and the next one.

mod call_bar;
mod log;

use mcmix_shared::client::{Action, CallState, ContactView};
use yew::prelude::*;

use self::call_bar::CallBar;
use self::log::Log;
use super::avatar::avatar;
use super::composer::Composer;
use super::home::{Drafts, Open};
use super::icon::{Kind, icon, mix_art};
use crate::{engine, page, texts};

/// What a conversation needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ConversationProps {
    pub(super) contact: ContactView,
    pub(super) free_slots: usize,
    pub(super) drafts: Drafts,
    pub(super) act: Callback<Action>,
    pub(super) on_back: Callback<()>,
    pub(super) show: Callback<Open>,
}

/// Shows a conversation.
#[component]
pub(super) fn Conversation(props: &ConversationProps) -> Html {
    let ConversationProps {
        contact,
        free_slots,
        drafts,
        act,
        on_back,
        show,
    } = props;
    let key = contact.key;
    let name = contact.name.as_str().to_owned();
    use_mark_read(contact, act);

    let onback = on_back.reform(|_: MouseEvent| ());
    let onmore = show.reform(move |_: MouseEvent| Open::Contact(key));
    let oncall = act.reform(move |_: MouseEvent| Action::Call(key));
    let onend = act.reform(move |_: MouseEvent| Action::EndConversation(key));
    let action = match contact.call {
        CallState::Idle => html! {
            <button type="button" class="button primary" data-testid="call" onclick={oncall}
                disabled={*free_slots == 0} title={(*free_slots == 0).then_some(texts::NO_SLOT)}>
                { icon(Kind::Phone) }{ texts::CALL }
            </button>
        },
        CallState::Talking => html! {
            <button type="button" class="button danger compact" data-testid="end" onclick={onend}>
                { icon(Kind::PhoneOff) }{ texts::END }
            </button>
        },
        _ => Html::default(),
    };
    html! {
        <main class="main" data-testid="conversation" data-name={name.clone()}
            data-state={texts::state_name(contact.call)}>
            <header class="bar">
                <button type="button" class="icon-button back" data-testid="back" aria-label={texts::BACK}
                    onclick={onback}>
                    { icon(Kind::Back) }
                </button>
                { avatar(&name, key, "") }
                <div class="titles">
                    <h1 id="conversation-title" class="title" tabindex="-1">{ &name }</h1>
                    <div class="subtitle" data-testid="presence">{ texts::presence(contact, engine::now()) }</div>
                </div>
                { action }
                <button type="button" class="icon-button" data-testid="contact-menu"
                    aria-label={texts::about_contact(&name)} title={texts::about_contact(&name)} onclick={onmore}>
                    { icon(Kind::More) }
                </button>
            </header>
            <CallBar contact={contact.clone()} free_slots={*free_slots} act={act.clone()} />
            <Log contact={contact.clone()} act={act.clone()} />
            <Composer contact={key} name={name} call={contact.call} drafts={drafts.clone()} act={act.clone()} />
        </main>
    }
}

/// Marks messages as read while the user can see them.
#[hook]
fn use_mark_read(contact: &ContactView, act: &Callback<Action>) {
    let visible = use_state_eq(page::is_visible);
    use_effect_with((), {
        let visible = visible.setter();
        move |()| page::on_visibility(move |now| visible.set(now))
    });
    let (key, act) = (contact.key, act.clone());
    use_effect_with(
        (contact.unread > 0 && *visible, contact.messages.len()),
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
