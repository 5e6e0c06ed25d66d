//! What the browser tells while nobody sees the page: the choice, and the offer of it.

use yew::prelude::*;

use crate::notify::{self, Notify, Permission, Sound};
use crate::texts;

/// What choice and offer need.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct NotificationsProps {
    /// What was chosen, if anything was.
    pub(super) notify: Option<Notify>,
    pub(super) on_choose: Callback<Notify>,
}

/// Takes a choice once the browser agrees.
fn choose(notify: Notify, on_choose: &Callback<Notify>) {
    if notify == Notify::Never {
        return on_choose.emit(notify);
    }
    let on_choose = on_choose.clone();
    notify::ask(Callback::from(move |permission| {
        on_choose.emit(match permission {
            Permission::Granted => notify,
            _ => Notify::Never,
        });
    }));
}

/// Offers notifications, where nobody has chosen yet and the browser has some.
#[component]
pub(super) fn NotifyOffer(props: &NotificationsProps) -> Html {
    let possible = matches!(
        notify::permission(),
        Permission::Unasked | Permission::Granted
    );
    if props.notify.is_some() || !possible {
        return Html::default();
    }
    let press = |notify| {
        let on_choose = props.on_choose.clone();
        Callback::from(move |_: MouseEvent| choose(notify, &on_choose))
    };
    html! {
        <div class="offer" data-testid="notify-offer">
            <p>{ texts::NOTIFY_OFFER }</p>
            <div class="offer-actions">
                <button type="button" class="button compact" data-testid="notify-yes" onclick={press(Notify::Something)}>
                    { texts::NOTIFY_YES }
                </button>
                <button type="button" class="button compact quiet" data-testid="notify-no" onclick={press(Notify::Never)}>
                    { texts::NOTIFY_NO }
                </button>
            </div>
        </div>
    }
}

/// Shows the choice.
#[component]
pub(super) fn NotifyChoice(props: &NotificationsProps) -> Html {
    let sound = use_state_eq(Sound::kept);
    let permission = notify::permission();
    if permission == Permission::Impossible {
        return Html::default();
    }
    // What the browser forbids is not, whatever was chosen.
    let chosen = props.notify.filter(|_| permission == Permission::Granted);
    let chosen = chosen.unwrap_or(Notify::Never);
    let choices = Notify::ALL.map(|value| {
        let on_choose = props.on_choose.clone();
        let onchange = Callback::from(move |_: Event| choose(value, &on_choose));
        html! {
            <label class="choice">
                <input type="radio" name="notify" data-testid={format!("notify-{}", value.as_str())}
                    checked={chosen == value} disabled={permission == Permission::Denied} {onchange} />
                <span>{ texts::notify_choice(value) }</span>
            </label>
        }
    });
    let switch = {
        let (value, setter) = (*sound, sound.setter());
        Callback::from(move |_: Event| {
            let other = if value == Sound::On {
                Sound::Off
            } else {
                Sound::On
            };
            other.keep();
            setter.set(other);
        })
    };
    html! {
        <section>
            <h3 id="notify-title">{ texts::NOTIFY_TITLE }</h3>
            <div class="choice-list" role="radiogroup" aria-labelledby="notify-title">{ for choices }</div>
            if chosen != Notify::Never {
                <label class="choice">
                    <input type="checkbox" data-testid="notify-sound" checked={*sound == Sound::On} onchange={switch} />
                    <span>{ texts::NOTIFY_SOUND }</span>
                </label>
            }
            if permission == Permission::Denied {
                <p class="muted small" data-testid="notify-denied">{ texts::NOTIFY_DENIED }</p>
            } else {
                <p class="muted small">{ texts::NOTIFY_HINT }</p>
            }
        </section>
    }
}
