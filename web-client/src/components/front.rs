//! What stands before the main view: loading, trouble, the first visit, the choice of an identity.

mod identities;
mod welcome;

use yew::prelude::*;

pub use identities::Identities;
pub(crate) use welcome::Promises;
pub use welcome::Welcome;

use super::icon::{Icon, Kind, Mark};
use crate::app::Trouble;
use crate::{page, texts};

/// Shows that the page is loading.
#[component]
pub fn Loading() -> Html {
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
    html! {
        <main class="front" data-testid="fatal">
            <div class="front-inner single">
                <Brand />
                <section class="card" role="alert">
                    <h1 class="row"><Icon kind={Kind::Warning} />{ title }</h1>
                    <p>{ text }</p>
                    <button type="button" class="button primary" onclick={again}>{ texts::TRY_AGAIN }</button>
                </section>
            </div>
        </main>
    }
}

/// Shows the product's mark and name.
#[component]
pub(super) fn Brand() -> Html {
    html! { <div class="brand"><Mark /><span>{ texts::PRODUCT }</span></div> }
}

/// Whose invite is waiting.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct InvitedProps {
    pub(super) name: AttrValue,
}

/// Says whose invite is waiting until an identity is open.
#[component]
pub(super) fn Invited(props: &InvitedProps) -> Html {
    html! {
        <p class="invited" data-testid="invited">
            <Icon kind={Kind::Link} />
            <span>{ texts::invited_by(&props.name) }</span>
        </p>
    }
}
