//! The first visit: what this is, what it promises, and one's name.

use mcmix_shared::identity::{Invite, Name, NameError};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::restoring::Restoring;
use super::{brand, invited};
use crate::components::icon::{Kind, icon};
use crate::worker::Ask;
use crate::{page, texts};

/// What the first visit needs.
#[derive(Debug, PartialEq, Properties)]
pub struct WelcomeProps {
    /// Who sent the link that opened the page.
    pub inviter: Option<Invite>,
    /// Whether this browser has identities already.
    pub others: bool,
    /// Creates an identity of that name.
    pub on_create: Callback<Name>,
    /// Creates one of that name that is kept nowhere.
    pub on_try: Callback<Name>,
    /// Takes what is asked of the store.
    pub ask: Callback<Ask>,
    /// Why the last backup could not be restored, and how many could not.
    pub not_restored: Option<(String, u32)>,
    /// Goes back to the list of identities.
    pub on_back: Callback<()>,
}

/// Says what this is and creates an identity.
#[component]
pub fn Welcome(props: &WelcomeProps) -> Html {
    let input = use_node_ref();
    let error = use_state(|| None::<NameError>);
    use_effect_with((), |()| {
        page::set_title(texts::PRODUCT);
        page::focus("name");
    });
    let onsubmit = {
        let (input, error, on_create) = (input.clone(), error.clone(), props.on_create.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let text = input.cast::<HtmlInputElement>().map(|input| input.value());
            match Name::new(&text.unwrap_or_default()) {
                Ok(name) => on_create.emit(name),
                Err(wrong) => {
                    error.set(Some(wrong));
                    page::focus("name");
                }
            }
        })
    };
    let ontry = {
        let (input, on_try) = (input.clone(), props.on_try.clone());
        Callback::from(move |_: MouseEvent| {
            let text = input.cast::<HtmlInputElement>().map(|input| input.value());
            // Whoever just tries need not think of a name.
            let name = Name::new(&text.unwrap_or_default()).or_else(|_| Name::new(texts::GUEST));
            if let Ok(name) = name {
                on_try.emit(name);
            }
        })
    };
    let onback = props.on_back.reform(|_: MouseEvent| ());
    html! {
        <main class="front" data-testid="welcome">
            <div class="front-inner">
                <div class="pitch">
                    { brand() }
                    <h1>{ texts::PITCH }</h1>
                    <p class="lead">{ texts::LEAD }</p>
                    <p><a href="demo.html" data-testid="see-demo">{ texts::SEE_DEMO }</a></p>
                </div>
                <div class="forms">
                <form class="card" {onsubmit} novalidate=true>
                    if let Some(invite) = &props.inviter {
                        { invited(invite.name.as_str()) }
                    }
                    <h2>{ texts::CREATE_TITLE }</h2>
                    <div class="field">
                        <label for="name">{ texts::YOUR_NAME }</label>
                        <input ref={input} id="name" class="input" data-testid="name-input" type="text"
                            maxlength="64" autocomplete="nickname" spellcheck="false"
                            aria-describedby="name-hint" aria-invalid={error.is_some().to_string()} />
                        <span id="name-hint" class="hint">{ texts::YOUR_NAME_HINT }</span>
                        if let Some(wrong) = *error {
                            <p class="error" role="alert">{ texts::sentence(wrong) }</p>
                        }
                    </div>
                    <button type="submit" class="button primary wide" data-testid="create-identity">
                        { texts::CREATE }
                    </button>
                    <p class="muted small">{ texts::CREATE_HINT }</p>
                    <button type="button" class="button wide" data-testid="throwaway" onclick={ontry}>
                        { texts::TRY }
                    </button>
                    <p class="muted small">{ texts::TRY_HINT }</p>
                    if props.others {
                        <button type="button" class="button quiet" onclick={onback}>
                            { texts::BACK_TO_IDENTITIES }
                        </button>
                    }
                </form>
                <Restoring ask={props.ask.clone()} failed={props.not_restored.clone()} />
                </div>
                { promises() }
            </div>
        </main>
    }
}

/// Lists what is promised and what is not.
pub(crate) fn promises() -> Html {
    let yes = texts::PROMISED.iter().map(|(strong, rest)| {
        html! {
            <li class="yes">{ icon(Kind::Shield) }<span><strong>{ *strong }</strong>{ " " }{ *rest }</span></li>
        }
    });
    let no = texts::NOT_PROMISED.iter().map(|(strong, rest)| {
        html! {
            <li class="no">{ icon(Kind::Eye) }<span><strong>{ *strong }</strong>{ " " }{ *rest }</span></li>
        }
    });
    html! { <ul class="promises">{ for yes }{ for no }</ul> }
}
