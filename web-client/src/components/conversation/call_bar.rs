//! The bar under the heading: what is going on with this contact, and what to do about it.

use mcmix_shared::client::{Action, CallState, ContactView, EndReason};
use yew::prelude::*;

use crate::components::icon::{Kind, icon};
use crate::texts;

/// What the bar needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct CallBarProps {
    pub(super) contact: ContactView,
    pub(super) free_slots: usize,
    pub(super) act: Callback<Action>,
}

/// Shows a call that is under way or over. It stays in the page when it is empty, so that a screen
/// reader hears what comes into it.
#[component]
pub(super) fn CallBar(props: &CallBarProps) -> Html {
    html! { <div role="status">{ bar(props) }</div> }
}

fn bar(props: &CallBarProps) -> Html {
    let contact = &props.contact;
    let key = contact.key;
    let name = contact.name.as_str();
    let cancel = || {
        let onclick = props
            .act
            .reform(move |_: MouseEvent| Action::CancelCall(key));
        html! {
            <button type="button" class="button compact" data-testid="cancel-call" {onclick}>{ texts::CANCEL_CALL }</button>
        }
    };
    let again = || {
        let onclick = props.act.reform(move |_: MouseEvent| Action::Call(key));
        html! {
            <button type="button" class="button primary compact" data-testid="call" {onclick}
                disabled={props.free_slots == 0} title={(props.free_slots == 0).then_some(texts::NO_SLOT)}>
                { icon(Kind::Phone) }{ texts::CALL_AGAIN }
            </button>
        }
    };
    let text = texts::call_state(contact.call, name);
    match contact.call {
        CallState::Idle | CallState::Talking => Html::default(),
        CallState::Calling { .. } | CallState::Connecting | CallState::Ringing => html! {
            <div class="call-state" data-testid="call-state">
                { icon(Kind::Phone) }
                <span class="grow">{ text }</span>
                { cancel() }
            </div>
        },
        // The banner over every view has the buttons.
        CallState::Incoming => html! {
            <div class="call-state" data-testid="call-state">
                { icon(Kind::Phone) }<span class="grow">{ text }</span>
            </div>
        },
        CallState::Ended(reason) => {
            let trouble = matches!(
                reason,
                EndReason::Declined | EndReason::NoAnswer | EndReason::Missed
            );
            html! {
                <div class={classes!("call-state", trouble.then_some("trouble"))} data-testid="notice" data-reason={texts::end_name(reason)}>
                    { icon(if trouble { Kind::Warning } else { Kind::PhoneOff }) }
                    <span class="grow">{ text }</span>
                    { again() }
                </div>
            }
        }
    }
}
