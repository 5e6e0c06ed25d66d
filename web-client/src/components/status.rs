//! The line at the foot: servers, round, how many are online, traffic.

use std::rc::Rc;

use mcmix_shared::client::{LinkStatus, ServerView, StorageStatus, View};
use yew::prelude::*;

use super::home::Open;
use crate::cover::Cover;
use crate::texts;

/// What the line needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct StatusProps {
    pub(super) view: Rc<View>,
    pub(super) cover: Cover,
    /// Bytes a second.
    pub(super) rate: Option<u64>,
    pub(super) show: Callback<Open>,
}

/// Shows the state of the network on one line.
#[component]
pub(super) fn Status(props: &StatusProps) -> Html {
    let view = &props.view;
    let round = view.conversation.map(|round| round.round);
    let onclick = props.show.reform(|_: MouseEvent| Open::Network);
    let connected = view.connected();
    let failing = view.storage == StorageStatus::Failing;
    let away = |server: &ServerView| state_name(server.status) == "away";
    let trouble = failing || view.servers.iter().any(away);
    let summary = texts::network_summary(view, props.cover);
    html! {
        <button type="button" class={classes!("status", trouble.then_some("trouble"))} data-testid="status"
            data-connected={connected.to_string()} data-covered={(props.cover == Cover::Whole).to_string()} data-storage={storage_name(view.storage)} title={texts::NETWORK_DETAILS} {onclick}>
            <span class="item">
                <span class="dots">
                    { for view.servers.iter().map(|server| html! {
                        { dot(server.status, Some(format!("party-{}", server.party.index()))) }
                    }) }
                </span>
                <span role="status">{ summary }</span>
            </span>
            <span class="item calm-only" data-testid="round" data-round={round.map(|round| round.0.to_string())}>
                { texts::ROUND }{ " " }<b>{ texts::round(round) }</b>
                if let (true, Some(round)) = (connected, round) {
                    <span class="tick wide-only" aria-hidden="true"><i key={round.0}></i></span>
                }
            </span>
            <span class="item" data-testid="online" data-online={view.online().map(|online| online.to_string())}>
                <b>{ texts::people(view.online()) }</b>{ " " }{ texts::ONLINE_SHORT }
            </span>
            <span class="spacer"></span>
            if failing {
                <span class="item" data-testid="storage">{ texts::NOT_SAVED }</span>
            }
            <span class="item wide-only" data-testid="traffic">
                if let Some(rate) = props.rate { <b>{ texts::bytes(rate) }{ "/s" }</b> }
                <span>{ texts::traffic_so_far(view.traffic) }</span>
            </span>
        </button>
    }
}

/// Shows whether one server is connected. The words stand beside it.
pub(super) fn dot(status: LinkStatus, testid: Option<String>) -> Html {
    html! {
        <span class="dot" data-testid={testid} data-state={state_name(status)} aria-hidden="true"></span>
    }
}

/// Names the state of the store for tests.
const fn storage_name(status: StorageStatus) -> &'static str {
    match status {
        StorageStatus::Saved => "saved",
        StorageStatus::Saving => "saving",
        StorageStatus::Failing => "failing",
    }
}

/// Names a link's state for tests and styles.
pub(super) fn state_name(status: LinkStatus) -> &'static str {
    match status {
        LinkStatus::Connected => "connected",
        LinkStatus::Connecting => "connecting",
        LinkStatus::Waiting { .. } | LinkStatus::Replaced => "away",
    }
}
