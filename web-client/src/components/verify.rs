//! A contact's safety number, to compare and to mark as compared.

use mcmix_shared::client::{Action, ContactView, Verified};
use yew::prelude::*;

use super::dialog::Dialog;
use super::icon::{Kind, icon};
use super::qr::qr;
use crate::texts;

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct VerifyProps {
    pub(super) contact: ContactView,
    pub(super) act: Callback<Action>,
    pub(super) on_close: Callback<()>,
}

/// Shows a safety number as digits and as a code.
#[component]
pub(super) fn VerifyDialog(props: &VerifyProps) -> Html {
    let VerifyProps {
        contact,
        act,
        on_close,
    } = props;
    let key = contact.key;
    let name = contact.name.as_str();
    let number = &contact.safety_number;
    let mark = |verified: Verified| {
        act.reform(move |_: MouseEvent| Action::SetVerified {
            contact: key,
            verified,
        })
    };
    let compared = contact.verified == Verified::Yes;
    html! {
        <Dialog title={texts::compare_title(name)} testid="verify-dialog" on_close={on_close.clone()}>
            <p>{ texts::compare_text(name) }</p>
            <p class="digits mono" data-testid="safety-number" translate="no">
                { for number.to_string().split(' ').map(|group| html! { <span>{ group }{ " " }</span> }) }
            </p>
            { qr(&number.to_code(), "safety-qr", texts::SAFETY_QR_LABEL) }
            <p class="muted small">{ texts::compare_differs(name) }</p>
            <div role="status">
                if compared {
                    <p class="copied" data-testid="verified">
                        { icon(Kind::Shield) }<span>{ texts::verified_text(name) }</span>
                    </p>
                }
            </div>
            <div class="row end">
                if compared {
                    <button type="button" class="button" data-testid="unverify" onclick={mark(Verified::No)}>
                        { texts::UNVERIFY }
                    </button>
                } else {
                    <button type="button" class="button primary" data-testid="verify" onclick={mark(Verified::Yes)}>
                        { icon(Kind::Check) }{ texts::SAME }
                    </button>
                }
            </div>
        </Dialog>
    }
}
