//! What the user should know and does not see elsewhere.

use std::rc::Rc;

use mcmix_shared::client::{Action, Notice, NoticeView, ServerKeys, View};
use mcmix_shared::identity::ClientKey;
use mcmix_shared::manifest::Deployment;
use yew::prelude::*;

use super::icon::{Kind, icon};
use crate::{page, texts};

/// So many are shown at once, the newest; the others show when these are dismissed.
const AT_ONCE: usize = 2;

/// What the notices need.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ToastsProps {
    pub(super) view: Rc<View>,
    pub(super) deployment: Rc<Deployment>,
    /// Whose conversation the person looks at.
    pub(super) looking: Option<ClientKey>,
    pub(super) act: Callback<Action>,
    /// Called to ask again about the servers' keys.
    pub(super) on_decide: Callback<()>,
}

/// Shows what keeps rounds from completing while it does, and the notices until they are dismissed.
#[component]
pub(super) fn Toasts(props: &ToastsProps) -> Html {
    let ToastsProps {
        view,
        deployment,
        looking,
        act,
        on_decide,
    } = props;
    // The bar of the conversation says it already.
    let in_bar = |it: &&NoticeView| looking.is_some() && it.notice.contact() == *looking;
    let seen: Vec<_> = view
        .notices
        .iter()
        .filter(in_bar)
        .filter(|it| matches!(it.notice, Notice::NoAnswer { .. } | Notice::Ended { .. }))
        .map(|it| it.id)
        .collect();
    use_effect_with(seen, {
        let act = act.clone();
        move |seen| {
            for id in seen {
                act.emit(Action::DismissNotice(*id));
            }
        }
    });
    let told = |it: &&NoticeView| {
        let bar = matches!(
            it.notice,
            Notice::NoAnswer { .. } | Notice::Ended { .. } | Notice::NewDevice { .. }
        );
        !(bar && in_bar(it))
    };
    // Until somebody has read it; in a frame there is no room for it.
    let is_read = use_state_eq(page::is_framed);
    let in_common = deployment.in_common().filter(|_| !*is_read);
    let read = {
        let is_read = is_read.setter();
        Callback::from(move |_: MouseEvent| is_read.set(true))
    };
    html! {
        <section class="toasts" role="status" aria-label={texts::NOTICES}>
            if let Some(in_common) = in_common {
                { banner("in-common", texts::in_common(in_common), html! {
                    <button type="button" class="icon-button" data-testid="dismiss-in-common" aria-label={texts::DISMISS}
                        onclick={read}>
                        { icon(Kind::Cross) }
                    </button>
                }) }
            }
            if let Some(obstacle) = view.obstacle {
                { banner("obstacle", &texts::obstacle(obstacle), Html::default()) }
            }
            if view.server_keys != ServerKeys::Known {
                { banner("keys-changed", texts::KEYS_CHANGED_BANNER, decide(on_decide)) }
            }
            // A list of its own, as in `log.rs`.
            <>{ for view.notices.iter().rev().filter(told).take(AT_ONCE).map(|notice| toast(notice, act)) }</>
        </section>
    }
}

fn banner(testid: &'static str, text: &str, action: Html) -> Html {
    html! {
        <div class="toast caution" key={testid} data-testid={testid}>
            { icon(Kind::Warning) }<p>{ text }</p>{ action }
        </div>
    }
}

fn decide(on_decide: &Callback<()>) -> Html {
    let onclick = on_decide.reform(|_: MouseEvent| ());
    html! {
        <button type="button" class="button compact" data-testid="decide-keys" {onclick}>{ texts::DECIDE }</button>
    }
}

fn toast(notice: &NoticeView, act: &Callback<Action>) -> Html {
    let id = notice.id;
    let onclick = act.reform(move |_: MouseEvent| Action::DismissNotice(id));
    html! {
        <div class="toast" key={id.0} data-testid="notice-toast">
            <p>{ texts::sentence(&notice.notice) }</p>
            <button type="button" class="icon-button" data-testid="dismiss" aria-label={texts::DISMISS} {onclick}>
                { icon(Kind::Cross) }
            </button>
        </div>
    }
}
