//! The identities of this browser: which one to open in this window.

use std::rc::Rc;

use gloo_timers::callback::Interval;
use mcmix_shared::identity::Invite;
use yew::prelude::*;

use super::{brand, invited};
use crate::components::icon::{Kind, icon};
use crate::store::IdentityId;
use crate::worker::{Listed, Reason, Usage};
use crate::{page, texts};

/// How often the list looks which identities are open, in milliseconds.
const REFRESH: u32 = 2_000;

/// What the choice needs.
#[derive(Debug, PartialEq, Properties)]
pub struct IdentitiesProps {
    /// The identities.
    pub listed: Rc<[Listed]>,
    /// Why they are shown.
    pub reason: Reason,
    /// Who sent the link that opened the page.
    pub inviter: Option<Invite>,
    /// Opens one.
    pub on_open: Callback<(IdentityId, Usage)>,
    /// Creates another.
    pub on_new: Callback<()>,
    /// Looks again which are open.
    pub on_refresh: Callback<()>,
}

/// Lists the identities of this browser.
#[component]
pub fn Identities(props: &IdentitiesProps) -> Html {
    use_effect_with(props.on_refresh.clone(), |refresh| {
        page::set_title(texts::PRODUCT);
        let refresh = refresh.clone();
        let interval = Interval::new(REFRESH, move || refresh.emit(()));
        move || drop(interval)
    });
    use_effect_with((), |()| page::focus("identities-title"));
    let on_new = props.on_new.reform(|_: MouseEvent| ());
    let title = match props.reason {
        Reason::Choice => texts::IDENTITIES_TITLE,
        Reason::TakenOver => texts::TAKEN_OVER_TITLE,
    };
    html! {
        <main class="front" data-testid="identities">
            <div class="front-inner single">
                { brand() }
                <section class="card">
                    if let Some(invite) = &props.inviter {
                        { invited(invite.name.as_str()) }
                    }
                    <h1 id="identities-title" tabindex="-1">{ title }</h1>
                    if props.reason == Reason::TakenOver {
                        <p data-testid="lost-identity">{ texts::TAKEN_OVER }</p>
                    }
                    <ul class="identity-list">
                        { for props.listed.iter().map(|listed| item(listed, &props.on_open)) }
                    </ul>
                    <button type="button" class="button wide" data-testid="new-identity" onclick={on_new}>
                        { icon(Kind::Plus) }{ texts::NEW_IDENTITY }
                    </button>
                    <p class="muted small">{ texts::IDENTITIES_HINT }</p>
                </section>
            </div>
        </main>
    }
}

fn item(listed: &Listed, on_open: &Callback<(IdentityId, Usage)>) -> Html {
    let (id, usage) = (listed.entry.id.clone(), listed.usage);
    let onclick = on_open.reform(move |_: MouseEvent| (id.clone(), usage));
    let name = listed.entry.name.clone();
    let (state, testid, label) = match usage {
        Usage::Free => ("free", "open-identity", texts::OPEN),
        Usage::Open => ("open", "take-over", texts::TAKE_OVER),
    };
    let class = if usage == Usage::Free {
        "button primary compact"
    } else {
        "button compact"
    };
    html! {
        <li key={listed.entry.id.as_str().to_owned()} class="identity" data-testid="identity"
            data-name={name.clone()} data-state={state}>
            <div class="grow">
                <strong>{ &name }</strong>
                if usage == Usage::Open {
                    <div class="muted small">{ texts::OPEN_ELSEWHERE }</div>
                }
            </div>
            <button type="button" {class} data-testid={testid} {onclick}
                aria-label={format!("{label}: {name}")}>{ label }</button>
        </li>
    }
}
