//! Finds contacts by their name, and messages by their text.

use std::sync::Arc;

use mcmix_shared::client::{ContactView, MessageNumber, MessageView};
use mcmix_shared::identity::ClientKey;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::texts;

/// A message that was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// With whom.
    pub contact: ClientKey,
    /// Which.
    pub message: MessageNumber,
}

/// What is looked for, as it is compared: case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sought(String);

impl Sought {
    fn typed(text: &str) -> Self {
        Self(text.trim().to_lowercase())
    }

    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }

    /// Returns how a contact fits, if they do.
    pub(super) fn of<'a>(&self, contact: &'a ContactView) -> Option<Fit<'a>> {
        if self.0.is_empty() || self.is_in(contact.name.as_str()) {
            return Some(Fit::Name);
        }
        let mut newest_first = contact.messages.iter().rev();
        newest_first
            .find(|message| self.is_in(&message.text))
            .map(Fit::Message)
    }
}

/// How a contact fits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fit<'a> {
    /// By name, or since nothing is looked for.
    Name,
    /// By a message, the newest.
    Message(&'a Arc<MessageView>),
}

/// Shows the field that takes what is looked for.
pub(super) fn search(on_seek: &Callback<Sought>) -> Html {
    let oninput = on_seek.reform(|event: InputEvent| {
        let field = event.target_dyn_into::<HtmlInputElement>();
        Sought::typed(&field.map(|field| field.value()).unwrap_or_default())
    });
    html! {
        <div class="search">
            <input class="input" type="search" data-testid="search" placeholder={texts::SEARCH} aria-label={texts::SEARCH}
                autocomplete="off" spellcheck="false" {oninput} />
        </div>
    }
}
