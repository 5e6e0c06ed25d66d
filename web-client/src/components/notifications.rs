//! What the browser tells while nobody sees the page: the choice, and the offer of it.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::notify::{self, Notify, Permission, Sound};
use crate::texts;

/// Takes a choice once the browser agrees.
fn choose(notify: Notify, on_choose: &Callback<Notify>) {
    if notify == Notify::Never {
        return on_choose.emit(notify);
    }
    let on_choose = on_choose.clone();
    notify::ask(Callback::from(move |permission| match permission {
        Permission::Granted => on_choose.emit(notify),
        Permission::Denied | Permission::Impossible => on_choose.emit(Notify::Never),
        // Whoever closes the browser's question has not answered it.
        Permission::Unasked => {}
    }));
}

/// Offers notifications, where nobody has chosen yet and the browser has some.
pub(super) fn offer(chosen: Option<Notify>, on_choose: &Callback<Notify>) -> Html {
    let possible = matches!(
        notify::permission(),
        Permission::Unasked | Permission::Granted
    );
    if chosen.is_some() || !possible {
        return Html::default();
    }
    let press = |notify| {
        let on_choose = on_choose.clone();
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
pub(super) fn choice(chosen: Option<Notify>, on_choose: &Callback<Notify>) -> Html {
    let permission = notify::permission();
    if permission == Permission::Impossible {
        return Html::default();
    }
    // What the browser forbids is not, whatever was chosen.
    let chosen = chosen.filter(|_| permission == Permission::Granted);
    let chosen = chosen.unwrap_or(Notify::Never);
    let choices = Notify::ALL.map(|value| {
        let on_choose = on_choose.clone();
        let onchange = Callback::from(move |_: Event| choose(value, &on_choose));
        html! {
            <label class="choice">
                <input type="radio" name="notify" data-testid={format!("notify-{}", value.as_str())}
                    checked={chosen == value} disabled={permission == Permission::Denied} {onchange} />
                <span>{ texts::notify_choice(value) }</span>
            </label>
        }
    });
    let onsound = Callback::from(|event: Event| {
        let field = event.target_dyn_into::<HtmlInputElement>();
        let is_on = field.is_some_and(|field| field.checked());
        (if is_on { Sound::On } else { Sound::Off }).keep();
    });
    let hint = if permission == Permission::Denied {
        texts::NOTIFY_DENIED
    } else {
        texts::NOTIFY_HINT
    };
    html! {
        <section>
            <h3 id="notify-title">{ texts::NOTIFY_TITLE }</h3>
            <div class="choice-list" role="radiogroup" aria-labelledby="notify-title">{ for choices }</div>
            if chosen != Notify::Never {
                <label class="choice">
                    <input type="checkbox" data-testid="notify-sound" checked={Sound::kept() == Sound::On}
                        onchange={onsound} />
                    <span>{ texts::NOTIFY_SOUND }</span>
                </label>
            }
            <p class="muted small">{ hint }</p>
        </section>
    }
}
