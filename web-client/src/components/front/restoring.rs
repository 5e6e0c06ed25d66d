//! The way back from a backup.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::worker::{Ask, Passphrase};
use crate::{page, texts};

/// What it needs.
#[derive(Debug, PartialEq, Properties)]
pub(super) struct RestoringProps {
    pub(super) ask: Callback<Ask>,
    /// Why the last one failed, and how many did.
    pub(super) failed: Option<(String, u32)>,
}

/// Takes a file and its passphrase.
#[component]
pub(super) fn Restoring(props: &RestoringProps) -> Html {
    let (file, passphrase) = (use_node_ref(), use_node_ref());
    let failures = props.failed.as_ref().map_or(0, |(_, times)| *times);
    // How many had failed when the last one was handed in.
    let tried = use_state_eq(|| None::<u32>);
    let no_file = use_state_eq(|| false);
    let busy = *tried == Some(failures);
    let onsubmit = {
        let (file, passphrase) = (file.clone(), passphrase.clone());
        let (tried, no_file, ask) = (tried.clone(), no_file.setter(), props.ask.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let fields = [&file, &passphrase].map(NodeRef::cast::<HtmlInputElement>);
            let [Some(file), Some(passphrase)] = fields else {
                return;
            };
            let typed = Passphrase::typed(&passphrase.value());
            let (ask, tried) = (ask.clone(), tried.setter());
            no_file.set(!page::read_file(&file, move |bytes| {
                tried.set(Some(failures));
                ask.emit(Ask::Restore(bytes, typed));
            }));
        })
    };
    html! {
        <details class="card">
            <summary data-testid="restore-backup">{ texts::RESTORE }</summary>
            <form class="field" {onsubmit} novalidate=true>
                <p class="muted small">{ texts::RESTORE_HINT }</p>
                <label for="backup-file">{ texts::BACKUP_FILE }</label>
                <input ref={file} id="backup-file" class="input" type="file" data-testid="backup-file" />
                <label for="backup-passphrase">{ texts::BACKUP_PASSPHRASE }</label>
                <input ref={passphrase} id="backup-passphrase" class="input" type="password"
                    data-testid="backup-passphrase" autocomplete="off" />
                <div role="status">
                    if busy {
                        <p class="hint">{ texts::OPENING }</p>
                    } else if *no_file {
                        <p class="error" data-testid="not-restored">{ texts::NO_FILE }</p>
                    } else if let Some((reason, _)) = &props.failed {
                        <p class="error" data-testid="not-restored">{ texts::sentence(reason) }</p>
                    }
                </div>
                <button type="submit" class="button wide" data-testid="restore" disabled={busy}>
                    { texts::RESTORE_NOW }
                </button>
            </form>
        </details>
    }
}
