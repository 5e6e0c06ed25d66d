//! Servers whose keys are others than before: shown, and asked about before anything is sent.

use std::rc::Rc;

use mcmix_shared::client::Action;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use yew::prelude::*;

use super::dialog::Dialog;
use crate::texts;

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct KeysProps {
    /// Which of the three have other keys, P0 first.
    pub(super) changed: [bool; 3],
    pub(super) deployment: Rc<Deployment>,
    pub(super) act: Callback<Action>,
    /// Called to stay disconnected.
    pub(super) on_close: Callback<()>,
}

/// Asks whether to go on with new keys.
#[component]
pub(super) fn KeysDialog(props: &KeysProps) -> Html {
    let deployment = &props.deployment;
    let changed = PartyId::ALL.into_iter().zip(props.changed);
    let changed = changed.filter(|(_, changed)| *changed).map(|(party, _)| {
        let server = deployment.server(party);
        html! {
            <li data-testid="changed-server" data-party={party.index().to_string()}>
                <strong>{ texts::server(party) }{ " · " }{ &server.url }</strong>
                <span class="key mono">{ texts::grouped(&server.key.to_text()) }</span>
            </li>
        }
    });
    let trust = props.act.reform(|_: MouseEvent| Action::TrustServers);
    let stay = props.on_close.reform(|_: MouseEvent| ());
    html! {
        <Dialog title={texts::KEYS_CHANGED_TITLE} testid="keys-dialog" on_close={props.on_close.clone()}>
            <p>{ texts::KEYS_CHANGED }</p>
            <ul class="facts">{ for changed }</ul>
            <p class="muted small">{ texts::KEYS_CHANGED_ADVICE }</p>
            <div class="row end">
                <button type="button" class="button" data-testid="stay-disconnected" onclick={stay}>
                    { texts::STAY_DISCONNECTED }
                </button>
                <button type="button" class="button danger" data-testid="trust-servers" onclick={trust}>
                    { texts::TRUST_SERVERS }
                </button>
            </div>
        </Dialog>
    }
}
