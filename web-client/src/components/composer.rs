//! Where the next message is written. What is written is kept as a draft until it is sent.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use mcmix_shared::client::{Action, MAX_TEXT_BYTES};
use mcmix_shared::identity::ClientKey;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use super::icon::{Kind, icon};
use crate::texts::Outlook;
use crate::{page, texts};

/// So many bytes before the limit, the count shows.
const COUNT_FROM: usize = MAX_TEXT_BYTES - MAX_TEXT_BYTES / 8;
/// A draft is kept when nothing was typed for that many milliseconds.
const KEEP_AFTER: u32 = 400;

/// What the composer needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ComposerProps {
    pub(super) contact: ClientKey,
    pub(super) name: AttrValue,
    /// What was written before and not sent.
    pub(super) draft: AttrValue,
    /// Whether no more text fits into the outbox.
    pub(super) full: bool,
    /// What becomes of what was written,
    pub(super) outlook: Outlook,
    /// in words.
    pub(super) words: AttrValue,
    pub(super) act: Callback<Action>,
}

/// Takes a text: Enter sends it, Shift+Enter starts a new line.
#[component]
pub(super) fn Composer(props: &ComposerProps) -> Html {
    let ComposerProps {
        contact,
        name,
        draft: kept,
        full,
        outlook,
        words,
        act,
    } = props;
    let contact = *contact;
    let full = *full;
    let text = use_state(|| kept.to_string());
    let draft = use_memo(contact, |_| Draft::new(contact, kept.to_string()));
    use_keep(&draft, act);

    let oninput = {
        let (draft, text, act) = (Rc::clone(&draft), text.setter(), act.clone());
        Callback::from(move |event: InputEvent| {
            let area = event.target_dyn_into::<HtmlTextAreaElement>();
            let next = area.map(|area| area.value()).unwrap_or_default();
            draft.write(next.clone(), &act);
            text.set(next);
        })
    };
    let send = {
        let (draft, text, act) = (Rc::clone(&draft), text.setter(), act.clone());
        Callback::from(move |()| {
            // The draft, not the state: Enter may come before the last letter was rendered.
            let written = draft.written();
            if !full && sendable(&written) {
                act.emit(Action::SendText {
                    contact,
                    text: written.trim_end().to_owned(),
                });
                draft.clear(&act);
                text.set(String::new());
                page::focus("composer");
            }
        })
    };
    let onkeydown = {
        let send = send.clone();
        Callback::from(move |event: KeyboardEvent| {
            if page::is_enter(&event) && !event.shift_key() {
                event.prevent_default();
                send.emit(());
            }
        })
    };
    let onsubmit = Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        send.emit(());
    });
    let is_kept = *text == **kept;
    html! {
        <form class="composer" {onsubmit}>
            <div class="composer-row">
                <div class="composer-box">
                    <div class="composer-copy" aria-hidden="true">{ &*text }{ "\u{200b}" }</div>
                    <textarea id="composer" class="composer-input" data-testid="composer-input" rows="1"
                        placeholder={texts::write_to(name)} aria-label={texts::write_to(name)}
                        aria-describedby="composer-hint" dir="auto" data-draft={if is_kept { "kept" } else { "typing" }}
                        value={(*text).clone()} {oninput} {onkeydown} />
                </div>
                <button type="submit" class="icon-button send" data-testid="send"
                    disabled={full || !sendable(&text)} aria-label={texts::SEND} title={texts::SEND}>
                    { icon(Kind::Send) }
                </button>
            </div>
            <div class="composer-hint">
                <span id="composer-hint" role="status" data-testid="outlook" data-state={outlook.name()}
                    class={full.then_some("over")}>{ words }</span>
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

/// Keeps what was written when the page is hidden or the conversation left.
#[hook]
fn use_keep(draft: &Rc<Draft>, act: &Callback<Action>) {
    use_effect_with(
        (Rc::clone(draft), act.clone()),
        |(draft, act): &(Rc<Draft>, Callback<Action>)| {
            let (draft, act) = (Rc::clone(draft), act.clone());
            let stop = {
                let (draft, act) = (Rc::clone(&draft), act.clone());
                page::on_visibility(move |visible| {
                    if !visible {
                        draft.keep(&act);
                    }
                })
            };
            move || {
                stop();
                draft.keep(&act);
            }
        },
    );
}

/// What is being written to a contact, and how much of it the engine has been told.
struct Draft {
    contact: ClientKey,
    inner: RefCell<DraftState>,
}

struct DraftState {
    written: String,
    told: String,
    timer: Option<Timeout>,
}

impl PartialEq for Draft {
    /// There is one draft as long as a composer lives.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Draft {
    fn new(contact: ClientKey, kept: String) -> Self {
        let inner = DraftState {
            written: kept.clone(),
            told: kept,
            timer: None,
        };
        Self {
            contact,
            inner: RefCell::new(inner),
        }
    }

    fn written(&self) -> String {
        self.inner.borrow().written.clone()
    }

    /// Takes what is written now, and keeps it when the person pauses.
    fn write(self: &Rc<Self>, written: String, act: &Callback<Action>) {
        let timer = {
            let (draft, act) = (Rc::clone(self), act.clone());
            Timeout::new(KEEP_AFTER, move || draft.keep(&act))
        };
        let mut inner = self.inner.borrow_mut();
        inner.written = written;
        inner.timer = Some(timer);
    }

    /// Forgets what was written: it was sent.
    fn clear(&self, act: &Callback<Action>) {
        self.inner.borrow_mut().written.clear();
        self.keep(act);
    }

    /// Tells the engine what is written, unless it knows.
    fn keep(&self, act: &Callback<Action>) {
        let text = {
            let mut inner = self.inner.borrow_mut();
            inner.timer = None;
            if inner.told == inner.written {
                return;
            }
            let written = inner.written.clone();
            inner.told.clone_from(&written);
            written
        };
        act.emit(Action::SetDraft {
            contact: self.contact,
            text,
        });
    }
}
