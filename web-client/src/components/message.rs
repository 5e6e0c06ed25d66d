//! One message and how far it came.

use std::sync::Arc;

use mcmix_shared::client::{Action, MessageKind, MessageView, SendStatus};
use mcmix_shared::identity::ClientKey;
use web_sys::Element;
use yew::prelude::*;

use super::icon::{Kind, small_icon};
use super::links::with_links;
use crate::{clock, texts};

/// Where a message stands among those of its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Opens a group.
    pub(super) first: bool,
    /// Ends a group.
    pub(super) last: bool,
}

/// What a message needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct MessageProps {
    pub(super) contact: ClientKey,
    pub(super) from: AttrValue,
    pub(super) message: Arc<MessageView>,
    pub(super) place: Place,
    /// It was looked for.
    pub(super) found: bool,
    pub(super) act: Callback<Action>,
}

/// Shows a message.
#[component]
pub(super) fn Message(props: &MessageProps) -> Html {
    let MessageProps {
        contact,
        from,
        message,
        place,
        found,
        act,
    } = props;
    let node = use_node_ref();
    use_effect_with(*found, {
        let node = node.clone();
        move |found| {
            if let (true, Some(article)) = (*found, node.cast::<Element>()) {
                article.scroll_into_view();
            }
        }
    });
    let mine = matches!(message.kind, MessageKind::Outgoing(_));
    let (status, icon) = match message.kind {
        MessageKind::Received => ("received", None),
        MessageKind::Outgoing(SendStatus::Queued { .. }) => ("queued", Some(Kind::Clock)),
        MessageKind::Outgoing(SendStatus::Held) => ("held", Some(Kind::Warning)),
        MessageKind::Outgoing(SendStatus::Sent { .. }) => ("sent", Some(Kind::Check)),
        MessageKind::Outgoing(SendStatus::Delivered) => ("delivered", Some(Kind::Checks)),
        MessageKind::Outgoing(SendStatus::Cancelled) => ("cancelled", Some(Kind::Cross)),
    };
    let round = match message.kind {
        MessageKind::Outgoing(SendStatus::Sent { round }) => Some(round.0.to_string()),
        _ => None,
    };
    let cancellable = matches!(
        message.kind,
        MessageKind::Outgoing(SendStatus::Queued { cancellable: true })
    );
    let oncancel = {
        let (contact, number) = (*contact, message.number);
        act.reform(move |_: MouseEvent| Action::CancelText {
            contact,
            message: number,
        })
    };
    let class = classes!(
        "message",
        mine.then_some("mine"),
        place.first.then_some("first"),
        place.last.then_some("last"),
        found.then_some("found"),
    );
    html! {
        <article ref={node} {class} data-testid="message" data-from={if mine { "me" } else { "them" }}
            data-status={status} data-round={round}>
            <span class="visually-hidden">{ if mine { texts::YOU_SAY } else { from } }{ ": " }</span>
            <div class="bubble">
                <div class="message-text" data-testid="message-text" dir="auto">{ with_links(&message.text) }</div>
                <div class="message-meta">
                    <span>{ clock::time_of_day(message.at) }</span>
                    if let (MessageKind::Outgoing(send), Some(kind)) = (message.kind, icon) {
                        <span aria-hidden="true">{ "·" }</span>
                        <span data-testid="message-status">{ texts::send_status(send) }</span>
                        { small_icon(kind) }
                    }
                </div>
            </div>
            if cancellable {
                <button type="button" class="message-action" data-testid="cancel-message" onclick={oncancel}>
                    { texts::CANCEL_MESSAGE }
                </button>
            }
        </article>
    }
}
