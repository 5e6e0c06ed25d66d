//! A contact: one's own name for them, their key, and the way to forget them.

use mcmix_shared::client::{Action, ContactView};
use mcmix_shared::identity::Name;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::dialog::Dialog;
use crate::texts;

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ContactProps {
    pub(super) contact: ContactView,
    pub(super) act: Callback<Action>,
    pub(super) on_close: Callback<()>,
}

/// Shows a contact.
#[component]
pub(super) fn ContactDialog(props: &ContactProps) -> Html {
    let ContactProps {
        contact,
        act,
        on_close,
    } = props;
    let key = contact.key;
    let name = contact.name.as_str();
    let field = use_node_ref();
    let error = use_state(|| None);
    let asking = use_state_eq(|| false);

    let onsubmit = {
        let (field, error) = (field.clone(), error.clone());
        let (act, on_close) = (act.clone(), on_close.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let text = field.cast::<HtmlInputElement>().map(|field| field.value());
            match Name::new(&text.unwrap_or_default()) {
                Ok(name) => {
                    act.emit(Action::RenameContact { contact: key, name });
                    on_close.emit(());
                }
                Err(wrong) => error.set(Some(wrong)),
            }
        })
    };
    let ask = |value: bool| {
        let asking = asking.setter();
        Callback::from(move |_: MouseEvent| asking.set(value))
    };
    let onremove = {
        let (act, on_close) = (act.clone(), on_close.clone());
        Callback::from(move |_: MouseEvent| {
            act.emit(Action::RemoveContact(key));
            on_close.emit(());
        })
    };
    html! {
        <Dialog title={name.to_owned()} testid="contact-dialog" on_close={on_close.clone()}>
            <section>
                <form class="field" {onsubmit} novalidate=true>
                    <label for="rename">{ texts::NAME_FOR_THEM }</label>
                    <div class="copy-row">
                        <input ref={field} id="rename" class="input" data-testid="rename" type="text" maxlength="64"
                            autocomplete="off" value={name.to_owned()} />
                        <button type="submit" class="button" data-testid="save-rename">{ texts::SAVE }</button>
                    </div>
                    <span class="hint">{ texts::RENAME_HINT }</span>
                    if let Some(wrong) = *error {
                        <p class="error" role="alert">{ texts::sentence(wrong) }</p>
                    }
                </form>
            </section>
            <section>
                <h3>{ texts::THEIR_KEY }</h3>
                <p class="key mono" data-testid="contact-key">{ texts::grouped(&key.to_text()) }</p>
                <p class="muted small">{ texts::key_hint(name) }</p>
            </section>
            <section>
                if *asking {
                    <p role="alert">{ texts::remove_question(name) }</p>
                    <div class="row end">
                        <button type="button" class="button" onclick={ask(false)}>{ texts::KEEP }</button>
                        <button type="button" class="button danger-fill" data-testid="confirm-remove" onclick={onremove}>
                            { texts::REMOVE }
                        </button>
                    </div>
                } else {
                    <div class="row end">
                        <button type="button" class="button danger" data-testid="remove" onclick={ask(true)}>
                            { texts::REMOVE_CONTACT }
                        </button>
                    </div>
                }
            </section>
        </Dialog>
    }
}
