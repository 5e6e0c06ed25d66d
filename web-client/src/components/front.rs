//! What stands before the main view: loading, trouble, the first visit, the choice of an identity.

mod identities;
mod locked;
mod restoring;
mod welcome;

use yew::prelude::*;

pub use identities::Identities;
pub use locked::Locked;
pub use welcome::Welcome;
pub(crate) use welcome::promises;

use super::icon::{Kind, icon, mark};
use crate::worker::Trouble;
use crate::{page, texts};

/// Shows that the page is loading.
pub fn loading() -> Html {
    html! {
        <main class="boot">
            <h1>{ texts::PRODUCT }</h1>
            <p>{ texts::LOADING }</p>
        </main>
    }
}

/// Why the page cannot go on.
#[derive(Debug, PartialEq, Properties)]
pub struct FatalProps {
    /// Why.
    pub trouble: Trouble,
}

/// Says why the page cannot go on, and what to do.
#[component]
pub fn Fatal(props: &FatalProps) -> Html {
    let (title, text) = texts::trouble(&props.trouble);
    let again = |_: MouseEvent| page::reload();
    let switch = |_: MouseEvent| page::leave_identity();
    let another = matches!(props.trouble, Trouble::Records(_) | Trouble::Tampered);
    html! {
        <main class="front" data-testid="fatal">
            <div class="front-inner single">
                { brand() }
                <section class="card" role="alert">
                    <h1 class="row">{ icon(Kind::Warning) }{ title }</h1>
                    <p>{ text }</p>
                    <button type="button" class="button primary" onclick={again}>{ texts::TRY_AGAIN }</button>
                    if another {
                        <button type="button" class="button" data-testid="switch-identity" onclick={switch}>
                            { texts::SWITCH_IDENTITY }
                        </button>
                    }
                </section>
            </div>
        </main>
    }
}

/// Shows the product's mark and name.
pub(super) fn brand() -> Html {
    html! { <div class="brand">{ mark() }<span>{ texts::PRODUCT }</span></div> }
}

/// Says whose invite is waiting until an identity is open.
pub(super) fn invited(name: &str) -> Html {
    html! {
        <p class="invited" data-testid="invited">
            { icon(Kind::Link) }
            <span>{ texts::invited_by(name) }</span>
        </p>
    }
}
