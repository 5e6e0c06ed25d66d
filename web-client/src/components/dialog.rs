//! A modal dialog: the browser's own, which traps the focus and closes on Escape.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};
use yew::prelude::*;

use super::icon::{Kind, icon};
use crate::texts;

/// What a dialog shows.
#[derive(Debug, PartialEq, Properties)]
pub struct DialogProps {
    /// Its heading.
    pub title: AttrValue,
    /// Its name for tests.
    pub testid: AttrValue,
    /// Called when it is closed, in whatever way.
    pub on_close: Callback<()>,
    /// What it holds.
    pub children: Html,
}

/// Shows a modal dialog as long as it is part of the page.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let node = use_node_ref();
    use_effect_with(node.clone(), |node| {
        let before = web_sys::window()
            .and_then(|window| window.document())
            .and_then(|document| document.active_element())
            .and_then(|element| element.dyn_into::<HtmlElement>().ok());
        let dialog = node.cast::<HtmlDialogElement>();
        if let Some(dialog) = &dialog {
            // It can only fail when the dialog is open already.
            let _ = dialog.show_modal();
        }
        // The one who opened it gets the focus back; an open dialog would keep it.
        move || {
            if let Some(dialog) = dialog {
                dialog.close();
            }
            if let Some(element) = before {
                let _ = element.focus();
            }
        }
    });
    // `close` does not bubble, so it is listened to where it happens.
    use_effect_with(
        (node.clone(), props.on_close.clone()),
        |(node, on_close)| {
            let on_close = on_close.clone();
            let listener = node
                .get()
                .map(|dialog| EventListener::new(&dialog, "close", move |_| on_close.emit(())));
            move || drop(listener)
        },
    );
    let on_backdrop = {
        let node = node.clone();
        let on_close = props.on_close.clone();
        Callback::from(move |event: MouseEvent| {
            let target = event.target().and_then(|target| target.dyn_into().ok());
            // The second press of a double click meant what the first one opened this with.
            if target.is_some() && target == node.get() && event.detail() < 2 {
                on_close.emit(());
            }
        })
    };
    let on_close = props.on_close.reform(|_: MouseEvent| ());
    let title_id = format!("{}-title", props.testid);
    html! {
        <dialog ref={node} class="dialog" data-testid={props.testid.clone()}
            aria-labelledby={title_id.clone()} onmousedown={on_backdrop}>
            <header class="dialog-head">
                <h2 id={title_id}>{ &props.title }</h2>
                <button type="button" class="icon-button" aria-label={texts::CLOSE}
                    data-testid="close-dialog" onclick={on_close}>
                    { icon(Kind::Cross) }
                </button>
            </header>
            <div class="dialog-body" tabindex="0">{ props.children.clone() }</div>
        </dialog>
    }
}
