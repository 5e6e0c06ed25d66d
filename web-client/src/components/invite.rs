//! One's own invite link, to copy or to scan.

use mcmix_shared::identity::Invite;
use mcmix_shared::manifest::Realm;
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::dialog::Dialog;
use super::icon::{Kind, icon};
use super::qr::qr;
use crate::{page, texts};

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct InviteProps {
    pub(super) own: Invite,
    pub(super) realm: Realm,
    pub(super) on_close: Callback<()>,
}

#[derive(Clone, Copy, PartialEq)]
enum Copying {
    NotYet,
    Done,
    Refused,
}

/// Shows one's own invite link.
#[component]
pub(super) fn InviteDialog(props: &InviteProps) -> Html {
    let link = props.own.to_link(&page::base_address(), &props.realm);
    let copying = use_state_eq(|| Copying::NotYet);
    let field = use_node_ref();
    let oncopy = {
        let (link, copying, field) = (link.clone(), copying.setter(), field.clone());
        Callback::from(move |_: MouseEvent| {
            let (copying, field) = (copying.clone(), field.clone());
            let done = Callback::from(move |done: bool| {
                if !done && let Some(field) = field.cast::<HtmlInputElement>() {
                    field.select();
                }
                copying.set(if done {
                    Copying::Done
                } else {
                    Copying::Refused
                });
            });
            page::copy(&link, done);
        })
    };
    let onfocus = Callback::from(|event: FocusEvent| {
        if let Some(field) = event.target_dyn_into::<HtmlInputElement>() {
            field.select();
        }
    });
    let done = *copying == Copying::Done;
    html! {
        <Dialog title={texts::INVITE_TITLE} testid="invite-dialog" on_close={props.on_close.clone()}>
            <p>{ texts::INVITE_TEXT }</p>
            <div class="field">
                <label for="invite-link">{ texts::YOUR_LINK }</label>
                <div class="copy-row">
                    <input ref={field} id="invite-link" class="input mono" data-testid="invite-link"
                        readonly=true value={link.clone()} {onfocus} />
                    <button type="button" class="button primary" data-testid="copy-link" autofocus=true onclick={oncopy}>
                        { icon(if done { Kind::Check } else { Kind::Copy }) }
                        { if done { texts::COPIED } else { texts::COPY } }
                    </button>
                </div>
                <div role="status">
                    if done {
                        <p class="copied" data-testid="copied">{ texts::COPIED_TEXT }</p>
                    } else if *copying == Copying::Refused {
                        <p class="error">{ texts::COPY_REFUSED }</p>
                    }
                </div>
            </div>
            { qr(&link, texts::QR_LABEL) }
            <p class="muted small">{ texts::INVITE_HINT }</p>
        </Dialog>
    }
}
