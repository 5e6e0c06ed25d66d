//! The three servers, the round, the traffic: what the status line stands for.

use std::rc::Rc;

use mcmix_shared::client::{ServerKeys, ServerView, View};
use mcmix_shared::manifest::Deployment;
use yew::prelude::*;

use super::dialog::Dialog;
use super::icon::{Kind, icon};
use super::status::{dot, state_name};
use crate::cover::Cover;
use crate::{engine, texts};

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct NetworkProps {
    pub(super) view: Rc<View>,
    pub(super) deployment: Rc<Deployment>,
    pub(super) cover: Cover,
    /// Bytes a second.
    pub(super) rate: Option<u64>,
    pub(super) on_close: Callback<()>,
}

/// Shows the servers.
#[component]
pub(super) fn NetworkDialog(props: &NetworkProps) -> Html {
    let NetworkProps {
        view,
        deployment,
        cover,
        rate,
        on_close,
    } = props;
    let (class, kind) = match cover {
        Cover::NotYet => ("muted", Kind::Clock),
        Cover::Whole => ("copied", Kind::Shield),
        Cover::GoneSince(_) => ("error", Kind::Warning),
    };
    let figure = |name: &str, value: String| html! { <div><dt>{ name.to_owned() }</dt><dd>{ value }</dd></div> };
    html! {
        <Dialog title={texts::network_title(&view.deployment)} testid="network-dialog" on_close={on_close.clone()}>
            <section>
                <p class={class} data-testid="cover">
                    { icon(kind) }
                    <span>{ texts::cover(*cover, deployment.in_common(), engine::now().wall) }</span>
                </p>
                <p>{ texts::NETWORK_TEXT }</p>
                <ul class="parties">
                    { for view.servers.iter().map(|it| server(it, view.server_keys)) }
                </ul>
            </section>
            <section>
                <dl class="figures">
                    { figure(texts::ROUND, texts::round(view.conversation.map(|round| round.round))) }
                    { figure(texts::ONLINE, texts::people(view.online())) }
                    { figure(texts::SENT, texts::bytes(view.traffic.sent_bytes)) }
                    { figure(texts::RECEIVED, texts::bytes(view.traffic.received_bytes)) }
                    if let Some(rate) = rate {
                        { figure(texts::AN_HOUR, texts::bytes(rate * 3600)) }
                    }
                </dl>
                <p class="muted small">{ texts::round_text(deployment.conversation_period_ms, view.turn_ms) }</p>
                <p class="muted small">{ texts::ONLINE_TEXT }</p>
                <p class="muted small">{ texts::TRAFFIC_TEXT }</p>
            </section>
        </Dialog>
    }
}

fn server(server: &ServerView, keys: ServerKeys) -> Html {
    html! {
        <li>
            { dot(server.status, None) }
            <strong>{ texts::server(server.party) }</strong>
            <span data-state={state_name(server.status)}>{ texts::link_status(server.status, keys) }</span>
            <span class="address">{ &server.url }</span>
        </li>
    }
}
