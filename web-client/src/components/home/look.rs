//! Whose conversation the person looks at (docs/protocol.md: the front slot serves it, so the
//! other side can tell).
//!
//! A page that was loaded, woken or uncovered shows what it showed before, but perhaps to nobody:
//! it looks at nothing until somebody touches it.

use mcmix_shared::client::{Action, Millis};
use mcmix_shared::identity::ClientKey;
use yew::prelude::*;

use crate::{engine, page};

/// What only a person does. Scripts can't: their events are not trusted.
const TOUCHES: [&str; 4] = ["keydown", "pointerdown", "pointermove", "wheel"];

/// Touches are told at least that many milliseconds apart.
const APART: u64 = 5_000;

/// Tells whom the person looks at, of the conversation that is shown, and that they are there.
#[hook]
pub(super) fn use_look(shown: Option<ClientKey>, act: &Callback<Action>) -> Option<ClientKey> {
    // From a touch until the page is hidden.
    let there = use_state_eq(|| false);
    let told = use_mut_ref(|| None::<Millis>);
    use_effect_with(act.clone(), {
        let there = there.setter();
        move |act| {
            let stops = TOUCHES.map(|name| {
                let (there, told, act) = (there.clone(), told.clone(), act.clone());
                page::on_window(name, move |event| {
                    if !event.is_trusted() || page::is_still(event) || !page::is_visible() {
                        return;
                    }
                    there.set(true);
                    let now = engine::now().steady;
                    let before = told.replace(Some(now));
                    if before.is_some_and(|before| now.since(before) < APART) {
                        told.replace(before);
                    } else {
                        act.emit(Action::Touch);
                    }
                })
            });
            let stop = page::on_visibility(move |visible| {
                if !visible {
                    there.set(false);
                }
            });
            move || {
                for stop in stops {
                    stop();
                }
                stop();
            }
        }
    });
    let looking = shown.filter(|_| *there);
    use_effect_with((looking, act.clone()), |(looking, act)| {
        act.emit(Action::Look(*looking));
    });
    looking
}
