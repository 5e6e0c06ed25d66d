//! Who may open what this device keeps: passphrase, locking, erasing.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::dialog::Dialog;
use super::icon::{Kind, icon};
use crate::app::Keeping;
use crate::page::{self, LockAfter};
use crate::texts;
use crate::worker::{Ask, Kept, Passphrase};

/// The fewest characters of a passphrase.
const FEWEST: usize = 8;

/// What the dialog needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ProtectionProps {
    pub(super) keeping: Keeping,
    pub(super) ask: Callback<Ask>,
    pub(super) lock_after: LockAfter,
    pub(super) on_lock_after: Callback<LockAfter>,
    pub(super) on_close: Callback<()>,
}

/// Sets and removes the passphrase, locks, erases.
#[component]
pub(super) fn ProtectionDialog(props: &ProtectionProps) -> Html {
    let ProtectionProps { keeping, ask, .. } = props;
    let has = keeping.kept == Kept::Protected;
    let lock = ask.reform(|_: MouseEvent| Ask::Lock);
    let remove = ask.reform(|_: MouseEvent| Ask::Protect(None));
    let lock_after = LockAfter::ALL.map(|value| {
        let set = props.on_lock_after.clone();
        let onchange = Callback::from(move |_: Event| {
            value.keep();
            set.emit(value);
        });
        html! {
            <label>
                <input type="radio" name="lock-after" data-testid={format!("lock-after-{}", value.as_str())}
                    checked={props.lock_after == value} {onchange} />
                <span>{ texts::lock_after(value) }</span>
            </label>
        }
    });
    html! {
        <Dialog title={texts::PROTECTION} testid="protection-dialog" on_close={props.on_close.clone()}>
            <section>
                <p data-testid="protected" data-protected={has.to_string()}>
                    { if has { texts::HAS_PASSPHRASE } else { texts::HAS_NO_PASSPHRASE } }
                </p>
                <p class="muted small">{ texts::PROTECTION_HINT }</p>
                <NewPassphrase keeping={*keeping} ask={ask.clone()} />
                if has {
                    <div class="row end">
                        <button type="button" class="button" data-testid="remove-passphrase" onclick={remove}>
                            { texts::REMOVE_PASSPHRASE }
                        </button>
                    </div>
                }
            </section>
            <section>
                <h3>{ texts::BACKUP }</h3>
                <p class="muted small">{ texts::BACKUP_HINT }</p>
                <Passphrases field="backup" submit="save-backup" label={texts::SAVE_BACKUP}
                    on_new={ask.reform(Ask::Backup)} />
            </section>
            if has {
                <section>
                    <h3 id="lock-after-title">{ texts::LOCK_AFTER }</h3>
                    <div class="choices" role="radiogroup" aria-labelledby="lock-after-title">{ for lock_after }</div>
                    <p class="muted small">{ texts::LOCK_HINT }</p>
                    <button type="button" class="button wide" data-testid="lock-now" onclick={lock}>
                        { icon(Kind::Lock) }{ texts::LOCK_NOW }
                    </button>
                </section>
            }
            <section>
                <h3>{ texts::ERASING }</h3>
                <p class="muted small">{ texts::ERASING_HINT }</p>
                <Erasing testid="erase-all" label={texts::ERASE_ALL} question={texts::ERASE_ALL_QUESTION}
                    on_confirm={ask.reform(|()| Ask::EraseAll)} />
            </section>
        </Dialog>
    }
}

/// What the form for a new passphrase needs.
#[derive(Debug, PartialEq, Properties)]
struct NewProps {
    keeping: Keeping,
    ask: Callback<Ask>,
}

/// Sets a passphrase.
#[component]
fn NewPassphrase(props: &NewProps) -> Html {
    let NewProps { keeping, ask } = props;
    let has = keeping.kept == Kept::Protected;
    // What was so when this was handed in.
    let asked = use_state_eq(|| None::<Keeping>);
    let on_new = {
        let (asked, keeping, ask) = (asked.setter(), *keeping, ask.clone());
        Callback::from(move |passphrase| {
            asked.set(Some(keeping));
            ask.emit(Ask::Protect(Some(passphrase)));
        })
    };
    let label = if has {
        texts::CHANGE_PASSPHRASE
    } else {
        texts::SET_PASSPHRASE
    };
    html! {
        <>
            <Passphrases field="passphrase" submit="set-passphrase" {label} {on_new} />
            <div role="status">
                if *asked == Some(*keeping) {
                    <p class="hint">{ texts::OPENING }</p>
                } else if asked.is_some_and(|asked| asked.failures != keeping.failures) {
                    <p class="error" data-testid="passphrase-not-set">{ texts::PASSPHRASE_NOT_SET }</p>
                } else if asked.is_some() && has {
                    <p class="copied" data-testid="passphrase-set">{ texts::PASSPHRASE_SET }</p>
                }
            </div>
        </>
    }
}

/// What two fields for one passphrase need.
#[derive(Debug, PartialEq, Properties)]
struct PassphrasesProps {
    /// The first one's id; the other one's ends with `-again`.
    field: &'static str,
    /// The button's.
    submit: &'static str,
    label: AttrValue,
    on_new: Callback<Passphrase>,
}

/// Takes a new passphrase, twice.
#[component]
fn Passphrases(props: &PassphrasesProps) -> Html {
    let PassphrasesProps { field, submit, .. } = props;
    let (first, again) = (use_node_ref(), use_node_ref());
    let wrong = use_state_eq(|| None);
    let again_id = format!("{field}-again");
    let onsubmit = {
        let (first, again, again_id) = (first.clone(), again.clone(), again_id.clone());
        let (wrong, on_new, field) = (wrong.setter(), props.on_new.clone(), *field);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let fields = [&first, &again].map(NodeRef::cast::<HtmlInputElement>);
            let [Some(first), Some(again)] = fields else {
                return;
            };
            let typed = first.value();
            if typed.chars().count() < FEWEST {
                wrong.set(Some(texts::PASSPHRASE_TOO_SHORT));
                page::focus(field);
            } else if typed != again.value() {
                wrong.set(Some(texts::PASSPHRASES_DIFFER));
                page::focus(&again_id);
            } else {
                wrong.set(None);
                first.set_value("");
                again.set_value("");
                on_new.emit(Passphrase::typed(&typed));
            }
        })
    };
    html! {
        <form class="field" {onsubmit} novalidate=true>
            <label for={*field}>{ texts::NEW_PASSPHRASE }</label>
            <input ref={first} id={*field} class="input" data-testid={*field} type="password"
                autocomplete="new-password" aria-invalid={wrong.is_some().to_string()} />
            <label for={again_id.clone()}>{ texts::PASSPHRASE_AGAIN }</label>
            <input ref={again} id={again_id.clone()} class="input" data-testid={again_id} type="password"
                autocomplete="new-password" />
            <span class="hint">{ texts::PASSPHRASE_HINT }</span>
            if let Some(wrong) = *wrong {
                <p class="error" role="alert" data-testid={format!("{field}-wrong")}>{ wrong }</p>
            }
            <div class="row end">
                <button type="submit" class="button" data-testid={*submit}>{ &props.label }</button>
            </div>
        </form>
    }
}

/// What a deletion needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct ErasingProps {
    pub(super) testid: &'static str,
    pub(super) label: AttrValue,
    pub(super) question: AttrValue,
    pub(super) on_confirm: Callback<()>,
}

/// Deletes something, after asking once more.
#[component]
pub(super) fn Erasing(props: &ErasingProps) -> Html {
    let asking = use_state_eq(|| false);
    let ask = |value: bool| {
        let asking = asking.setter();
        Callback::from(move |_: MouseEvent| asking.set(value))
    };
    let confirm = {
        let on_confirm = props.on_confirm.clone();
        Callback::from(move |event: MouseEvent| {
            // The second press of a double click meant the question.
            if event.detail() < 2 {
                on_confirm.emit(());
            }
        })
    };
    if *asking {
        html! {
            <>
                <p role="alert">{ &props.question }</p>
                <div class="row end">
                    <button type="button" class="button" onclick={ask(false)}>{ texts::CANCEL }</button>
                    <button type="button" class="button danger-fill" data-testid={format!("confirm-{}", props.testid)}
                        onclick={confirm}>{ texts::ERASE }</button>
                </div>
            </>
        }
    } else {
        html! {
            <div class="row end">
                <button type="button" class="button danger" data-testid={props.testid} onclick={ask(true)}>
                    { &props.label }
                </button>
            </div>
        }
    }
}
