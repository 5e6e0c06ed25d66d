//! A contact: one's own name for them, their safety number and key, and the ways to hear no more
//! of them.

use mcmix_shared::client::{Action, Blocked, ContactView, Verified};
use mcmix_shared::identity::{ClientKey, Name};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::dialog::Dialog;
use super::home::Open;
use super::icon::{Kind, icon};
use crate::{page, texts};

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ContactProps {
    pub(super) contact: ContactView,
    /// One's own name.
    pub(super) own: Name,
    pub(super) act: Callback<Action>,
    pub(super) show: Callback<Open>,
    pub(super) on_close: Callback<()>,
}

/// Shows a contact.
#[component]
pub(super) fn ContactDialog(props: &ContactProps) -> Html {
    let ContactProps {
        contact,
        own,
        act,
        show,
        on_close,
    } = props;
    let key = contact.key;
    let name = contact.name.as_str();
    let field = use_node_ref();
    let error = use_state(|| None);

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
    let onexport = {
        let (contact, own) = (contact.clone(), own.clone());
        Callback::from(move |_: MouseEvent| {
            let name = texts::export_name(contact.name.as_str(), &page::today());
            page::save_file(&name, texts::export(&contact, own.as_str()).as_bytes());
        })
    };
    let oncompare = show.reform(move |_: MouseEvent| Open::Verify(key));
    let (onblock, block, block_hint, block_testid) = match contact.blocked {
        Blocked::No => (
            act.reform(move |_: MouseEvent| Action::Block(key)),
            texts::BLOCK,
            texts::block_hint(name),
            "block",
        ),
        Blocked::Yes => (
            act.reform(move |_: MouseEvent| Action::Unblock(key)),
            texts::UNBLOCK,
            texts::unblock_hint(name),
            "unblock",
        ),
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
                <h3>{ texts::SAFETY_NUMBER }</h3>
                if contact.verified == Verified::Yes {
                    <p class="copied" data-testid="contact-verified">
                        { icon(Kind::Shield) }<span>{ texts::verified_text(name) }</span>
                    </p>
                } else {
                    <p class="muted small">{ texts::UNVERIFIED_HINT }</p>
                }
                <div class="row end">
                    <button type="button" class="button" data-testid="compare" onclick={oncompare}>
                        { icon(Kind::Shield) }{ texts::COMPARE }
                    </button>
                </div>
                <p class="small"><strong>{ texts::THEIR_KEY }</strong></p>
                <p class="key mono" data-testid="contact-key" translate="no">{ texts::grouped(&key.to_text()) }</p>
            </section>
            <section>
                <h3>{ texts::EXPORT }</h3>
                <p class="muted small">{ texts::EXPORT_HINT }</p>
                <div class="row end">
                    <button type="button" class="button" data-testid="export" onclick={onexport}
                        disabled={contact.messages.is_empty()}>
                        { texts::EXPORT_SAVE }
                    </button>
                </div>
            </section>
            <section>
                <h3>{ texts::BLOCKING }</h3>
                <p class="muted small">{ block_hint }</p>
                <div class="row end">
                    <button type="button" class="button" data-testid={block_testid} onclick={onblock}>
                        { icon(Kind::Block) }{ block }
                    </button>
                </div>
            </section>
            <section><Removal contact={key} name={name.to_owned()} act={act.clone()} {on_close} /></section>
        </Dialog>
    }
}

/// What the removal of a contact needs.
#[derive(Debug, PartialEq, Properties)]
struct RemovalProps {
    contact: ClientKey,
    name: AttrValue,
    act: Callback<Action>,
    on_close: Callback<()>,
}

/// Forgets a contact, after asking once more.
#[component]
fn Removal(props: &RemovalProps) -> Html {
    let key = props.contact;
    let asking = use_state_eq(|| false);
    let ask = |value: bool| {
        let asking = asking.setter();
        Callback::from(move |_: MouseEvent| asking.set(value))
    };
    let onremove = {
        let (act, on_close) = (props.act.clone(), props.on_close.clone());
        Callback::from(move |_: MouseEvent| {
            act.emit(Action::RemoveContact(key));
            on_close.emit(());
        })
    };
    if *asking {
        html! {
            <>
                <p role="alert">{ texts::remove_question(&props.name) }</p>
                <div class="row end">
                    <button type="button" class="button" onclick={ask(false)}>{ texts::KEEP }</button>
                    <button type="button" class="button danger-fill" data-testid="confirm-remove" onclick={onremove}>
                        { texts::REMOVE }
                    </button>
                </div>
            </>
        }
    } else {
        html! {
            <div class="row end">
                <button type="button" class="button danger" data-testid="remove" onclick={ask(true)}>
                    { texts::REMOVE_CONTACT }
                </button>
            </div>
        }
    }
}
