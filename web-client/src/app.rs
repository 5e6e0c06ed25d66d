//! The root component.

use yew::prelude::*;

use crate::texts;

/// Mounts the app in place of the page's loading text.
pub fn mount() {
    let Some(root) = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"))
    else {
        return;
    };
    root.replace_children_with_node_0();
    yew::Renderer::<App>::with_root(root).render();
}

#[component]
fn App() -> Html {
    html! { <main class="boot"><h1>{ texts::NAME }</h1></main> }
}
