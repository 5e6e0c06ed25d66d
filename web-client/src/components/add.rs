//! A new contact, from a link that was pasted or that opened the page.

use std::rc::Rc;

use mcmix_shared::client::{Action, View};
use mcmix_shared::identity::{ClientKey, Invite, InviteError, Name};
use web_sys::{HtmlInputElement, HtmlTextAreaElement, InputEvent};
use yew::prelude::*;

use super::avatar::avatar;
use super::dialog::Dialog;
use crate::{page, texts};

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct AddProps {
    pub(super) view: Rc<View>,
    /// What the link that opened the page says.
    #[prop_or_default]
    pub(super) invite: Option<Result<Invite, InviteError>>,
    pub(super) act: Callback<Action>,
    /// Called with the new contact.
    pub(super) on_added: Callback<ClientKey>,
    pub(super) on_close: Callback<()>,
}

/// What follows after somebody was added.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// They are called.
    Call,
    /// Nothing.
    Nothing,
}

/// Adds a contact.
#[component]
pub(super) fn AddDialog(props: &AddProps) -> Html {
    let realm = &props.view.realm;
    let opened_by_link = props.invite.is_some();
    let link = use_state(|| match &props.invite {
        Some(Ok(invite)) => invite.to_link(&page::base_address(), realm),
        _ => String::new(),
    });
    // One's own name for the contact, once it was touched.
    let own_name = use_state(|| None::<String>);
    let submitted = use_state_eq(|| false);
    let parsed = match &props.invite {
        Some(Err(error)) if link.is_empty() => Err(*error),
        _ => Invite::from_link(&link, realm),
    };
    let invite = parsed.as_ref().ok();
    let is_own = invite.is_some_and(|invite| invite.key == props.view.own.key);
    let known = invite.and_then(|invite| props.view.contact(invite.key));
    let name = own_name.as_ref().map_or_else(
        || {
            invite
                .map(|invite| invite.name.as_str().to_owned())
                .unwrap_or_default()
        },
        String::clone,
    );

    let error = if is_own {
        Some(texts::OWN_LINK.to_owned())
    } else {
        let show = *submitted || !link.trim().is_empty() || opened_by_link;
        parsed
            .as_ref()
            .err()
            .filter(|_| show)
            .map(|error| texts::sentence(*error))
    };

    let onlink = {
        let link = link.setter();
        Callback::from(move |event: InputEvent| {
            let field = event.target_dyn_into::<HtmlTextAreaElement>();
            link.set(field.map(|field| field.value()).unwrap_or_default());
        })
    };
    let onname = {
        let own_name = own_name.setter();
        Callback::from(move |event: InputEvent| {
            let field = event.target_dyn_into::<HtmlInputElement>();
            own_name.set(field.map(|field| field.value()));
        })
    };
    let name_error = invite
        .and_then(|_| Name::new(&name).err())
        .filter(|_| *submitted);
    let confirm = {
        let (act, on_added, submitted) = (
            props.act.clone(),
            props.on_added.clone(),
            submitted.setter(),
        );
        let (invite, known, realm) = (invite.cloned(), known.is_some(), *realm);
        let name = Name::new(&name);
        Callback::from(move |then: Then| {
            submitted.set(true);
            let (Some(invite), false, Ok(name)) = (&invite, is_own, &name) else {
                return;
            };
            if !known {
                act.emit(Action::AddContact {
                    link: invite.to_link("", &realm),
                });
                if *name != invite.name {
                    act.emit(Action::RenameContact {
                        contact: invite.key,
                        name: name.clone(),
                    });
                }
                if then == Then::Call {
                    act.emit(Action::Call(invite.key));
                }
            }
            on_added.emit(invite.key);
        })
    };
    let onsubmit = confirm.reform(|event: SubmitEvent| {
        event.prevent_default();
        Then::Call
    });
    // A link takes several lines, and none of them is typed.
    let onkeydown = {
        let confirm = confirm.clone();
        Callback::from(move |event: KeyboardEvent| {
            if page::is_enter(&event) {
                event.prevent_default();
                confirm.emit(Then::Call);
            }
        })
    };
    let onlyadd = confirm.reform(|_: MouseEvent| Then::Nothing);
    use_effect_with((), move |()| {
        page::focus(if opened_by_link {
            "confirm-add"
        } else {
            "link"
        });
    });

    let title = match (opened_by_link, invite) {
        (true, Some(invite)) => texts::add_title(invite.name.as_str()),
        _ => texts::ADD_TITLE.to_owned(),
    };
    let preview = invite.filter(|_| !is_own);
    html! {
        <Dialog {title} testid="add-dialog" on_close={props.on_close.clone()}>
            <form class="stack" {onsubmit} novalidate=true>
                if !opened_by_link || preview.is_none() {
                    <div class="field">
                        <label for="link">{ texts::THEIR_LINK }</label>
                        <textarea id="link" class="input mono" data-testid="link-input" rows="3"
                            autocomplete="off" spellcheck="false" autocapitalize="off"
                            placeholder={texts::LINK_PLACEHOLDER} aria-describedby="link-hint"
                            aria-invalid={error.is_some().to_string()} value={(*link).clone()}
                            oninput={onlink} {onkeydown} />
                        <span id="link-hint" class="hint">{ texts::LINK_HINT }</span>
                    </div>
                }
                if let Some(error) = error {
                    <p class="error" role="alert" data-testid="add-error">{ error }</p>
                }
                if let Some(invite) = preview {
                    if let Some(known) = known {
                        <p class="invited">
                            { avatar(known.name.as_str(), known.key, "") }
                            <span>{ texts::already_contact(known.name.as_str()) }</span>
                        </p>
                    } else {
                        <div class="row">
                            { avatar(&name, invite.key, "large") }
                            <div class="field grow">
                                <label for="contact-name">{ texts::NAME_FOR_THEM }</label>
                                <input id="contact-name" class="input" data-testid="contact-name-input" type="text"
                                    maxlength="64" autocomplete="off" value={name} oninput={onname} />
                            </div>
                        </div>
                        if let Some(wrong) = name_error {
                            <p class="error" role="alert">{ texts::sentence(wrong) }</p>
                        }
                        <p class="muted small">{ texts::ADD_HINT }</p>
                    }
                }
                <div class="row end">
                    <button type="button" class="button" data-testid="cancel-add"
                        onclick={props.on_close.reform(|_: MouseEvent| ())}>{ texts::CANCEL }</button>
                    if known.is_some() {
                        <button type="submit" id="confirm-add" class="button primary" data-testid="confirm-add">
                            { texts::OPEN_CONVERSATION }
                        </button>
                    } else {
                        <button type="button" class="button" data-testid="confirm-add" onclick={onlyadd}>
                            { texts::ONLY_ADD }
                        </button>
                        <button type="submit" id="confirm-add" class="button primary" data-testid="add-and-call">
                            { texts::ADD_AND_CALL }
                        </button>
                    }
                </div>
            </form>
        </Dialog>
    }
}
