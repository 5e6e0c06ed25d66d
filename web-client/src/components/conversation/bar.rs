//! The bar under the heading: what is going on with this contact, and what to do about it.

use mcmix_shared::client::{
    Action, Blocked, CallStage, ConnectAgain, ContactState, ContactView, EndReason, MessageKind,
    Millis, NoticeId, RingState, SendStatus,
};
use yew::prelude::*;

use crate::components::icon::{Kind, icon};
use crate::{engine, texts};

/// What the bar needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct BarProps {
    pub(super) contact: ContactView,
    /// The notice of the contact's new device, until it is dealt with.
    pub(super) new_device: Option<NoticeId>,
    pub(super) act: Callback<Action>,
}

/// Shows what is going on. It stays in the page when it is empty, so that a screen reader hears
/// what comes into it.
#[component]
pub(super) fn Bar(props: &BarProps) -> Html {
    let contact = &props.contact;
    let now = engine::now().wall;
    html! {
        <div role="status">
            if contact.blocked == Blocked::Yes {
                { blocked(props) }
            } else {
                { new_device(props) }
                { rang(props, now) }
                { state(props, now) }
            }
        </div>
    }
}

fn blocked(props: &BarProps) -> Html {
    let text = texts::is_blocked(props.contact.name.as_str());
    let unblock = Action::Unblock(props.contact.key);
    html! {
        <div class="call-state trouble" data-testid="blocked">
            { icon(Kind::Block) }
            <span class="grow">{ text }</span>
            { button(props, "unblock", texts::UNBLOCK, unblock) }
        </div>
    }
}

fn new_device(props: &BarProps) -> Html {
    let contact = &props.contact;
    let held = contact
        .messages
        .iter()
        .filter(|message| message.kind == MessageKind::Outgoing(SendStatus::Held))
        .count();
    if held == 0 && props.new_device.is_none() {
        return Html::default();
    }
    let key = contact.key;
    let (act, notice) = (props.act.clone(), props.new_device);
    let ondone = Callback::from(move |_: MouseEvent| {
        if held > 0 {
            act.emit(Action::SendHeld(key));
        }
        if let Some(notice) = notice {
            act.emit(Action::DismissNotice(notice));
        }
    });
    let (testid, done) = if held > 0 {
        ("send-held", texts::SEND_HELD)
    } else {
        ("dismiss-device", texts::DISMISS)
    };
    html! {
        <div class="call-state trouble" data-testid="new-device">
            { icon(Kind::Warning) }
            <span class="grow">{ texts::new_device(contact.name.as_str(), held) }</span>
            <button type="button" class="button compact" data-testid={testid} onclick={ondone}>{ done }</button>
        </div>
    }
}

fn rang(props: &BarProps, now: Millis) -> Html {
    let Some(at) = props.contact.rang else {
        return Html::default();
    };
    let name = props.contact.name.as_str();
    let dismiss = Action::MarkRead(props.contact.key);
    html! {
        <div class="call-state" data-testid="rang" data-name={name.to_owned()}>
            { icon(Kind::Bell) }
            <span class="grow">{ texts::rang_you(name, at, now) }</span>
            { button(props, "dismiss-ring", texts::DISMISS, dismiss) }
        </div>
    }
}

fn state(props: &BarProps, now: Millis) -> Html {
    let contact = &props.contact;
    let key = contact.key;
    let name = contact.name.as_str();
    match contact.state {
        ContactState::Known { ended } => known(props, ended),
        ContactState::Calling { stage, paired } => {
            let text = texts::calling(name, stage, paired);
            let cancel = match stage {
                CallStage::Withdrawing => Html::default(),
                CallStage::Waiting | CallStage::Ringing { .. } | CallStage::Late => {
                    let cancel = Action::CancelCall(key);
                    button(props, "cancel-call", texts::CANCEL_CALL, cancel)
                }
            };
            doing(Kind::Phone, texts::stage_name(stage), text, cancel)
        }
        // The banner over every view has the buttons.
        ContactState::Incoming { .. } => doing(
            Kind::Phone,
            "incoming",
            texts::is_calling(name),
            Html::default(),
        ),
        ContactState::Answering { call_back, .. } => {
            let offer = match call_back {
                ConnectAgain::Offered => {
                    button(props, "call-back", texts::CALL_BACK, Action::Call(key))
                }
                ConnectAgain::NotNeeded => Html::default(),
            };
            let text = texts::answering(name, call_back);
            doing(Kind::Phone, "answering", text, offer)
        }
        ContactState::Paired { ring, again } => html! {
            <>
                { ringing(props, ring) }
                if again == ConnectAgain::Offered { { again_offer(props, now) } }
            </>
        },
    }
}

fn known(props: &BarProps, ended: Option<EndReason>) -> Html {
    let contact = &props.contact;
    let (testid, class, kind, label) = match ended {
        None | Some(EndReason::ByUs) => ("call-offer", "call-state", Kind::Phone, texts::CALL),
        Some(EndReason::Missed) => (
            "notice",
            "call-state trouble",
            Kind::Warning,
            texts::CALL_BACK,
        ),
        Some(EndReason::NoAnswer | EndReason::ByPeer) => (
            "notice",
            "call-state trouble",
            Kind::Warning,
            texts::CALL_AGAIN,
        ),
    };
    let oncall = {
        let key = contact.key;
        props.act.reform(move |_: MouseEvent| Action::Call(key))
    };
    html! {
        <div {class} data-testid={testid} data-reason={ended.map(texts::end_name)}>
            { icon(kind) }
            <span class="grow">{ texts::call_offer(contact.name.as_str(), ended) }</span>
            <button type="button" class="button primary" data-testid="call" onclick={oncall}>
                { icon(Kind::Phone) }{ label }
            </button>
        </div>
    }
}

fn ringing(props: &BarProps, ring: RingState) -> Html {
    let contact = &props.contact;
    let Some(text) = texts::ringing(contact.name.as_str(), ring) else {
        return Html::default();
    };
    let stop = match ring {
        RingState::Waiting | RingState::Ringing => {
            let stop = Action::CancelCall(contact.key);
            button(props, "stop-ringing", texts::STOP_RINGING, stop)
        }
        RingState::Quiet | RingState::Withdrawing => Html::default(),
    };
    doing(Kind::Bell, texts::ring_name(ring), text, stop)
}

fn again_offer(props: &BarProps, now: Millis) -> Html {
    let contact = &props.contact;
    let text = texts::again_offer(contact.name.as_str(), contact.last_heard, now);
    let call = Action::Call(contact.key);
    html! {
        <div class="call-state" data-testid="again">
            { icon(Kind::Info) }
            <span class="grow">{ text }</span>
            { button(props, "connect-again", texts::CONNECT_AGAIN, call) }
        </div>
    }
}

/// Something that is under way, by the name of its stage for tests.
fn doing(kind: Kind, stage: &'static str, text: String, action: Html) -> Html {
    html! {
        <div class="call-state" data-testid="call-state" data-stage={stage}>
            { icon(kind) }
            <span class="grow">{ text }</span>
            { action }
        </div>
    }
}

fn button(props: &BarProps, testid: &'static str, label: &'static str, action: Action) -> Html {
    let onclick = props.act.reform(move |_: MouseEvent| action.clone());
    html! {
        <button type="button" class="button compact" data-testid={testid} {onclick}>{ label }</button>
    }
}
