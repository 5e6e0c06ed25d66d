//! What the user should know and does not see elsewhere.

use std::rc::Rc;

use mcmix_shared::client::{Action, Notice, NoticeView, View};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use super::icon::{Kind, icon};
use crate::texts;

/// So many are shown at once, the newest; the others show when these are dismissed.
const AT_ONCE: usize = 2;

/// What the notices need.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ToastsProps {
    pub(super) view: Rc<View>,
    pub(super) selected: Option<ClientKey>,
    pub(super) act: Callback<Action>,
}

/// Shows the notices until they are dismissed.
#[component]
pub(super) fn Toasts(props: &ToastsProps) -> Html {
    let ToastsProps {
        view,
        selected,
        act,
    } = props;
    // The bar of the open conversation says it already.
    let seen: Vec<_> = view
        .notices
        .iter()
        .filter(|notice| in_bar(&notice.notice) && notice.notice.contact() == *selected)
        .map(|notice| notice.id)
        .collect();
    use_effect_with(seen.clone(), {
        let act = act.clone();
        move |seen| {
            for id in seen {
                act.emit(Action::DismissNotice(*id));
            }
        }
    });
    html! {
        <section class="toasts" role="status" aria-label={texts::NOTICES}>
            { for view.notices.iter().rev().filter(|notice| !seen.contains(&notice.id)).take(AT_ONCE).map(|notice| toast(notice, act)) }
        </section>
    }
}

fn in_bar(notice: &Notice) -> bool {
    matches!(
        notice,
        Notice::Declined { .. } | Notice::NoAnswer { .. } | Notice::Ended { .. }
    )
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
