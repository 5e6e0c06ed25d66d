//! An identity that needs its passphrase.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::brand;
use crate::components::icon::{Kind, icon};
use crate::components::protection::Erasing;
use crate::worker::{Ask, Listed, Passphrase};
use crate::{page, texts};

/// What it needs.
#[derive(Debug, PartialEq, Properties)]
pub struct LockedProps {
    /// Which identity.
    pub listed: Listed,
    /// How many passphrases were wrong.
    pub wrong: u32,
    /// Takes what is asked of the store.
    pub ask: Callback<Ask>,
    /// Goes back to the list of identities.
    pub on_back: Callback<()>,
}

/// Asks for the passphrase of an identity.
#[component]
pub fn Locked(props: &LockedProps) -> Html {
    let LockedProps {
        listed, wrong, ask, ..
    } = props;
    let field = use_node_ref();
    // How many were wrong when the last one was handed in: it is being tried until that changes.
    let tried = use_state_eq(|| None::<u32>);
    use_effect_with(*wrong, |_| {
        page::set_title(texts::PRODUCT);
        page::focus("unlock-passphrase");
    });
    let busy = *tried == Some(*wrong);
    let onsubmit = {
        let (field, tried, ask) = (field.clone(), tried.clone(), ask.clone());
        let (listed, wrong) = (listed.clone(), *wrong);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let Some(field) = field.cast::<HtmlInputElement>().filter(|_| !busy) else {
                return;
            };
            let passphrase = Passphrase::typed(&field.value());
            field.set_value("");
            tried.set(Some(wrong));
            ask.emit(Ask::Open(
                listed.entry.id.clone(),
                listed.usage,
                Some(passphrase),
            ));
        })
    };
    let onback = props.on_back.reform(|_: MouseEvent| ());
    html! {
        <main class="front" data-testid="locked" data-name={listed.entry.name.clone()}>
            <div class="front-inner single">
                { brand() }
                <form class="card" {onsubmit} novalidate=true>
                    <h1 class="row">{ icon(Kind::Lock) }{ &listed.entry.name }</h1>
                    <p>{ texts::LOCKED }</p>
                    <div class="field">
                        <label for="unlock-passphrase">{ texts::PASSPHRASE }</label>
                        <input ref={field} id="unlock-passphrase" class="input" type="password"
                            data-testid="unlock-passphrase" autocomplete="current-password"
                            aria-invalid={(*wrong > 0 && !busy).to_string()} />
                        <div role="status">
                            if busy {
                                <p class="hint">{ texts::OPENING }</p>
                            } else if *wrong > 0 {
                                <p class="error" data-testid="wrong-passphrase" data-count={wrong.to_string()}>
                                    { texts::WRONG_PASSPHRASE }
                                </p>
                            }
                        </div>
                    </div>
                    <button type="submit" class="button primary wide" data-testid="unlock" disabled={busy}>
                        { texts::UNLOCK }
                    </button>
                    <button type="button" class="button quiet" data-testid="other-identities" onclick={onback}>
                        { texts::BACK_TO_IDENTITIES }
                    </button>
                    <details>
                        <summary>{ texts::FORGOT }</summary>
                        <p class="muted small">{ texts::FORGOT_TEXT }</p>
                        <Erasing testid="erase-identity" label={texts::ERASE_IDENTITY}
                            question={texts::erase_question(&listed.entry.name)}
                            on_confirm={let (ask, id) = (ask.clone(), listed.entry.id.clone());
                                Callback::from(move |()| ask.emit(Ask::Erase(id.clone())))} />
                    </details>
                </form>
            </div>
        </main>
    }
}
