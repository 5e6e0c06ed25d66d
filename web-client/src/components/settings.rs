//! Settings: one's name, who may call, the theme, and the way to another identity.

use std::rc::Rc;

use mcmix_shared::client::{Action, OpenToCalls, View};
use mcmix_shared::identity::Name;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::dialog::Dialog;
use super::home::Open;
use super::icon::{Kind, icon};
use super::notifications;
use crate::notify::Notify;
use crate::page::{self, Theme};
use crate::texts;
use crate::worker::Kept;

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct SettingsProps {
    pub(super) view: Rc<View>,
    pub(super) kept: Kept,
    pub(super) notify: Option<Notify>,
    pub(super) on_notify: Callback<Notify>,
    pub(super) act: Callback<Action>,
    pub(super) show: Callback<Open>,
    pub(super) on_close: Callback<()>,
}

/// Shows the settings.
#[component]
pub(super) fn SettingsDialog(props: &SettingsProps) -> Html {
    let SettingsProps {
        view,
        kept,
        notify,
        on_notify,
        act,
        show,
        on_close,
    } = props;
    let theme = use_state_eq(Theme::kept);
    let calls = OPENNESS.iter().map(|(value, id)| {
        let value = *value;
        let onchange = act.reform(move |_: Event| Action::SetOpenToCalls(value));
        html! {
            <label class="choice">
                <input type="radio" name="open-to-calls" data-testid={format!("open-to-calls-{id}")}
                    checked={view.open_to_calls == value} {onchange} />
                <span>{ texts::open_to_calls_choice(value) }</span>
            </label>
        }
    });
    let themes = Theme::ALL.map(|value| {
        let theme_setter = theme.setter();
        let onchange = Callback::from(move |_: Event| {
            value.keep();
            theme_setter.set(value);
        });
        html! {
            <label>
                <input type="radio" name="theme" data-testid={format!("theme-{}", value.as_str())}
                    checked={*theme == value} {onchange} />
                <span>{ texts::theme(value) }</span>
            </label>
        }
    });
    let protection = show.reform(|_: MouseEvent| Open::Protection);
    let about = show.reform(|_: MouseEvent| Open::About);
    let switch = Callback::from(|_: MouseEvent| page::leave_identity());
    html! {
        <Dialog title={texts::SETTINGS} testid="settings-dialog" on_close={on_close.clone()}>
            <section><OwnName name={view.own.name.as_str().to_owned()} act={act.clone()} /></section>
            <section>
                <h3 id="calls-title">{ texts::WHO_MAY_CALL }</h3>
                <div class="choice-list" role="radiogroup" aria-labelledby="calls-title">{ for calls }</div>
                <p class="muted small">{ texts::WHO_MAY_CALL_HINT }</p>
            </section>
            { blocked(view, act) }
            { notifications::choice(*notify, on_notify) }
            <section>
                <h3 id="theme-title">{ texts::THEME }</h3>
                <div class="choices" role="radiogroup" aria-labelledby="theme-title" data-testid="theme">{ for themes }</div>
            </section>
            <section>
                if *kept != Kept::Nowhere {
                    <button type="button" class="button wide" data-testid="protection" onclick={protection}>
                        { icon(Kind::Lock) }{ texts::PROTECTION }
                    </button>
                }
                <button type="button" class="button wide" data-testid="about" onclick={about}>
                    { icon(Kind::Shield) }{ texts::HOW_IT_WORKS }
                </button>
                <button type="button" class="button wide" data-testid="switch-identity" onclick={switch}>
                    { texts::SWITCH_IDENTITY }
                </button>
            </section>
        </Dialog>
    }
}

const OPENNESS: [(OpenToCalls, &str); 3] = [
    (OpenToCalls::Everyone, "everyone"),
    (OpenToCalls::Contacts, "contacts"),
    (OpenToCalls::Nobody, "nobody"),
];

/// Lists the strangers who are blocked; contacts have their own place for that.
fn blocked(view: &View, act: &Callback<Action>) -> Html {
    if view.blocked.is_empty() {
        return Html::default();
    }
    let strangers = view.blocked.iter().map(|key| {
        let key = *key;
        let onclick = act.reform(move |_: MouseEvent| Action::Unblock(key));
        html! {
            <li key={key.to_text()} class="row" data-testid="blocked-stranger">
                <span class="key mono grow" translate="no">{ texts::grouped(&key.to_text()) }</span>
                <button type="button" class="button compact" data-testid="unblock-stranger" {onclick}>
                    { texts::UNBLOCK }
                </button>
            </li>
        }
    });
    html! {
        <section>
            <h3>{ texts::BLOCKED_STRANGERS }</h3>
            <ul class="strangers">{ for strangers }</ul>
            <p class="muted small">{ texts::BLOCKED_STRANGERS_HINT }</p>
        </section>
    }
}

/// What the field for one's name needs.
#[derive(Debug, PartialEq, Properties)]
struct OwnNameProps {
    name: AttrValue,
    act: Callback<Action>,
}

/// Changes one's own name.
#[component]
fn OwnName(props: &OwnNameProps) -> Html {
    let field = use_node_ref();
    let outcome = use_state(|| None);
    let onsubmit = {
        let (field, outcome, act) = (field.clone(), outcome.clone(), props.act.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let text = field.cast::<HtmlInputElement>().map(|field| field.value());
            let name = Name::new(&text.unwrap_or_default());
            outcome.set(Some(name.as_ref().map(|_| ()).map_err(|wrong| *wrong)));
            if let Ok(name) = name {
                act.emit(Action::SetName(name));
            }
        })
    };
    html! {
        <form class="field" {onsubmit} novalidate=true>
            <label for="own-name">{ texts::YOUR_NAME }</label>
            <div class="copy-row">
                <input ref={field} id="own-name" class="input" data-testid="settings-name" type="text"
                    maxlength="64" autocomplete="nickname" value={props.name.clone()} />
                <button type="submit" class="button" data-testid="save-name">{ texts::SAVE }</button>
            </div>
            <span class="hint">{ texts::OWN_NAME_HINT }</span>
            <div role="status">
                { match &*outcome {
                    None => Html::default(),
                    Some(Ok(())) => html! { <p class="copied" data-testid="name-saved">{ texts::SAVED }</p> },
                    Some(Err(wrong)) => html! { <p class="error">{ texts::sentence(wrong) }</p> },
                } }
            </div>
        </form>
    }
}
