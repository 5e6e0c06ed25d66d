//! A person's first letter on a colour of their own.

use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

/// Draws an avatar with further classes; the key decides the colour, so that two people of one
/// name differ. It says nothing to a screen reader: the name beside it does.
pub fn avatar(name: &str, owner: ClientKey, class: impl Into<Classes>) -> Html {
    let letter: String = name.chars().take(1).collect();
    let hue = owner.as_bytes().first().map_or(0, |byte| byte % 8);
    html! {
        <span class={classes!("avatar", format!("hue-{hue}"), class.into())} aria-hidden="true">
            { letter }
        </span>
    }
}
