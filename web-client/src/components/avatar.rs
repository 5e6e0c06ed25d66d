//! A person's first letter on a colour of their own.

use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

/// What an avatar shows.
#[derive(Debug, PartialEq, Properties)]
pub struct AvatarProps {
    /// Whose.
    pub name: AttrValue,
    /// Decides the colour, so that two people of one name differ.
    pub owner: ClientKey,
    /// Further classes.
    #[prop_or_default]
    pub class: Classes,
}

/// Draws an avatar. It says nothing to a screen reader: the name beside it does.
#[component]
pub fn Avatar(props: &AvatarProps) -> Html {
    let letter: String = props
        .name
        .chars()
        .take(1)
        .flat_map(char::to_uppercase)
        .collect();
    let hue = props.owner.as_bytes().first().map_or(0, |byte| byte % 8);
    html! {
        <span class={classes!("avatar", format!("hue-{hue}"), props.class.clone())} aria-hidden="true">
            { letter }
        </span>
    }
}
