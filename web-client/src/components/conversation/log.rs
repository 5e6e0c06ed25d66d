//! The messages of a conversation, by days, the newest in view.

use std::sync::Arc;

use mcmix_shared::client::{Action, ContactView, MessageKind, MessageNumber, MessageView, Millis};
use web_sys::Element;
use yew::prelude::*;

use crate::clock::{self, Day};
use crate::components::message::{Message, Place};
use crate::{engine, texts};

/// How many messages are shown at first, and how many more on demand.
const PAGE: usize = 200;
/// How many are shown before the one that was looked for.
const BEFORE: usize = 20;
/// Messages of one side within that many milliseconds stand together.
const TOGETHER: u64 = 5 * 60 * 1000;

/// What the messages need.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct LogProps {
    pub(super) contact: ContactView,
    /// The message that was looked for: it is in view.
    pub(super) found: Option<MessageNumber>,
    pub(super) act: Callback<Action>,
}

/// Shows the messages.
#[component]
pub(super) fn Log(props: &LogProps) -> Html {
    let contact = &props.contact;
    let node = use_node_ref();
    let shown = use_state(|| PAGE);

    // One's own new message comes into view; others do if the end was in view.
    let own = contact
        .messages
        .iter()
        .rev()
        .map(|message| (message.number, message.kind));
    let own = own.filter(|(_, kind)| matches!(kind, MessageKind::Outgoing(_)));
    let opened = use_mut_ref(|| false);
    use_effect_with(own.map(|(number, _)| number).next(), {
        let node = node.clone();
        let is_found = props.found.is_some();
        move |_| {
            // What was looked for is in view when the conversation opens.
            let opens = !opened.replace(true);
            if !(opens && is_found)
                && let Some(log) = node.cast::<Element>()
            {
                // The log is turned around: its end is at zero.
                log.set_scroll_top(0);
            }
        }
    });

    let earlier = contact.messages.len().saturating_sub(*shown);
    let is_found = |message: &Arc<MessageView>| Some(message.number) == props.found;
    let found = contact.messages.iter().position(is_found);
    let earlier = found.map_or(earlier, |place| earlier.min(place.saturating_sub(BEFORE)));
    let onearlier = {
        let shown = shown.clone();
        Callback::from(move |_: MouseEvent| shown.set(*shown + PAGE))
    };
    html! {
        <div ref={node} class="log" tabindex="0" role="group" aria-label={texts::messages_with(contact.name.as_str())}>
            <div class="messages" role="log" aria-live="polite" aria-relevant="additions" data-testid="messages">
                if contact.messages.is_empty() {
                    <div class="empty" data-testid="no-messages">
                        <p>{ texts::no_messages(contact.name.as_str(), contact.state) }</p>
                    </div>
                }
                if earlier > 0 {
                    <button type="button" class="button quiet compact" data-testid="earlier" onclick={onearlier}>{ texts::EARLIER }</button>
                }
                // A list of its own: beside what has no keys, keys would tell nothing, and all of it
                // would be made anew.
                <>{ for entries(props, earlier) }</>
            </div>
        </div>
    }
}

fn entries(props: &LogProps, skip: usize) -> Vec<Html> {
    let LogProps {
        contact,
        found,
        act,
    } = props;
    let now = engine::now().wall;
    let mut entries = Vec::new();
    let mut before: Option<&Arc<MessageView>> = None;
    let mut messages = contact.messages.iter().skip(skip).peekable();
    while let Some(message) = messages.next() {
        if before.is_none_or(|before| Day::of(before.at) != Day::of(message.at)) {
            entries.push(separator(message.at, now));
        }
        let place = Place {
            first: before.is_none_or(|before| !together(before, message)),
            last: messages.peek().is_none_or(|next| !together(message, next)),
        };
        entries.push(html! {
            <Message key={format!("message {}", message.number.0)} contact={contact.key}
                from={contact.name.as_str().to_owned()} message={Arc::clone(message)} {place}
                found={*found == Some(message.number)} act={act.clone()} />
        });
        before = Some(message);
    }
    entries
}

fn separator(at: Millis, now: Millis) -> Html {
    let day = clock::day(at, now);
    html! { <div class="day" key={format!("day {day}")} data-testid="day">{ day }</div> }
}

/// Says whether two messages in a row look like one.
fn together(one: &MessageView, next: &MessageView) -> bool {
    let mine = |message: &MessageView| matches!(message.kind, MessageKind::Outgoing(_));
    mine(one) == mine(next)
        && next.at.since(one.at) < TOGETHER
        && Day::of(one.at) == Day::of(next.at)
}
