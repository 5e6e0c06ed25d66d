//! Where the next message is written.

use mcmix_shared::client::{Action, CallState, MAX_TEXT_BYTES};
use mcmix_shared::identity::ClientKey;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use super::home::Drafts;
use super::icon::{Kind, icon};
use crate::{page, texts};

/// So many bytes before the limit, the count shows.
const COUNT_FROM: usize = MAX_TEXT_BYTES - MAX_TEXT_BYTES / 8;

/// What the composer needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ComposerProps {
    pub(super) contact: ClientKey,
    pub(super) name: AttrValue,
    pub(super) call: CallState,
    pub(super) drafts: Drafts,
    pub(super) act: Callback<Action>,
}

/// Takes a text: Enter sends it, Shift+Enter starts a new line.
#[component]
pub(super) fn Composer(props: &ComposerProps) -> Html {
    let ComposerProps {
        contact,
        name,
        call,
        drafts,
        act,
    } = props;
    let contact = *contact;
    let text = use_state(|| drafts.borrow().get(&contact).cloned().unwrap_or_default());
    let set = {
        let (text, drafts) = (text.setter(), drafts.clone());
        Callback::from(move |next: String| {
            drafts.borrow_mut().insert(contact, next.clone());
            text.set(next);
        })
    };
    let oninput = set.reform(|event: InputEvent| {
        let area = event.target_dyn_into::<HtmlTextAreaElement>();
        area.map(|area| area.value()).unwrap_or_default()
    });
    let send = {
        let (drafts, act, set) = (drafts.clone(), act.clone(), set.clone());
        Callback::from(move |()| {
            // The draft, not the state: Enter may come before the last letter was rendered.
            let draft = drafts.borrow().get(&contact).cloned().unwrap_or_default();
            if sendable(&draft) {
                act.emit(Action::SendText {
                    contact,
                    text: draft.trim_end().to_owned(),
                });
                set.emit(String::new());
                page::focus("composer");
            }
        })
    };
    let onkeydown = {
        let send = send.clone();
        Callback::from(move |event: KeyboardEvent| {
            // While a word is being composed, Enter belongs to the input method.
            if event.key() == "Enter" && !event.shift_key() && !event.is_composing() {
                event.prevent_default();
                send.emit(());
            }
        })
    };
    let onsubmit = Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        send.emit(());
    });
    let hint = texts::composer_hint(*call, name);
    html! {
        <form class="composer" {onsubmit}>
            <div class="composer-row">
                <div class="composer-box">
                    <div class="composer-copy" aria-hidden="true">{ &*text }{ "\u{200b}" }</div>
                    <textarea id="composer" class="composer-input" data-testid="composer-input" rows="1"
                        placeholder={texts::write_to(name)} aria-label={texts::write_to(name)}
                        aria-describedby="composer-hint" dir="auto"
                        value={(*text).clone()} {oninput} {onkeydown} />
                </div>
                <button type="submit" class="icon-button send" data-testid="send" disabled={!sendable(&text)}
                    aria-label={texts::SEND} title={texts::SEND}>
                    { icon(Kind::Send) }
                </button>
            </div>
            <div class="composer-hint">
                <span id="composer-hint">{ hint }</span>
                if text.len() > MAX_TEXT_BYTES {
                    <span class="over" role="alert">{ texts::over_by(text.len() - MAX_TEXT_BYTES) }</span>
                } else if text.len() > COUNT_FROM {
                    <span class="numeric">{ texts::left(MAX_TEXT_BYTES - text.len()) }</span>
                }
            </div>
        </form>
    }
}

fn sendable(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= MAX_TEXT_BYTES
}
