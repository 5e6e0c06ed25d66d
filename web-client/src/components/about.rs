//! What is promised, what is not, and whom one has to trust.

use std::rc::Rc;

use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use yew::prelude::*;

use super::dialog::Dialog;
use super::front::promises;
use crate::texts;

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct AboutProps {
    pub(super) deployment: Rc<Deployment>,
    pub(super) on_close: Callback<()>,
}

/// Says how it works and whom one has to trust.
#[component]
pub(super) fn AboutDialog(props: &AboutProps) -> Html {
    let deployment = &props.deployment;
    html! {
        <Dialog title={texts::HOW_IT_WORKS} testid="about-dialog" on_close={props.on_close.clone()}>
            <section>{ for texts::ABOUT.iter().map(paragraph) }</section>
            <section>
                <h3>{ texts::PROMISES_TITLE }</h3>
                { promises() }
            </section>
            <section>
                <h3>{ texts::CONTACTS_SEE_TITLE }</h3>
                { for texts::CONTACTS_SEE.iter().map(paragraph) }
            </section>
            <section>
                <h3>{ texts::STOLEN_TITLE }</h3>
                { for texts::STOLEN.iter().map(paragraph) }
            </section>
            <section>
                <h3>{ texts::SERVER_KEYS }</h3>
                <p class="muted small">{ texts::server_keys_text(&deployment.name) }</p>
                <ul class="facts">
                    { for PartyId::ALL.iter().map(|party| {
                        let server = deployment.server(*party);
                        html! {
                            <li>
                                <strong>{ texts::server(*party) }{ " · " }{ &server.url }</strong>
                                <span class="key mono">{ texts::grouped(&server.key.to_text()) }</span>
                            </li>
                        }
                    }) }
                </ul>
            </section>
        </Dialog>
    }
}

fn paragraph(text: &&str) -> Html {
    html! { <p>{ *text }</p> }
}
