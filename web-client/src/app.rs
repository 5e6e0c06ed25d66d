//! The root: which stage the page is in, from loading to an open identity.

mod start;

use std::rc::Rc;

use mcmix_shared::client::View;
use mcmix_shared::identity::{Invite, Name};
use mcmix_shared::manifest::Deployment;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::components::front::{Fatal, Identities, Welcome, loading};
use crate::components::home::Home;
use crate::engine::Request;
use crate::store::{IdentityEntry, IdentityId, Store};
use crate::{page, texts};

/// Mounts the app in place of the page's loading text.
pub fn mount() {
    let root = page::document().and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        root.set_text_content(None);
        yew::set_custom_panic_hook(Box::new(|panic| {
            web_sys::console::error_1(&panic.to_string().into());
            page::give_up(texts::STOPPED_TITLE, texts::STOPPED);
        }));
        yew::Renderer::<App>::with_root(root).render();
    }
}

/// What all identities of this page share.
#[derive(Debug)]
pub struct Site {
    /// The servers.
    pub deployment: Deployment,
    /// Where identities are kept.
    pub store: Store,
}

impl PartialEq for Site {
    /// There is one site as long as the page lives.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

/// An identity of this browser, and whether some window has it open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub entry: IdentityEntry,
    /// Whether some window has it open.
    pub usage: Usage,
}

/// Whether some window has an identity open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// None has.
    Free,
    /// One has.
    Open,
}

/// Why the list of identities is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is a choice.
    Choice,
    /// Another window has just taken this one's identity over.
    TakenOver,
}

/// Why the page cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The deployment's manifest did not come.
    Unreachable,
    /// It came and is not usable.
    Manifest(String),
    /// The browser's storage failed.
    Storage(String),
    /// The identity's records can't be used.
    Records(String),
}

#[derive(Clone)]
enum Stage {
    Loading,
    Failed(Trouble),
    /// There is no identity yet, or a further one is wanted.
    Welcome,
    Choosing(Reason),
    Open(Callback<Request>, Rc<View>),
}

/// The state of the root.
#[derive(Clone)]
struct State {
    stage: Stage,
    site: Option<Rc<Site>>,
    listed: Rc<[Listed]>,
    /// The invite link that opened the page.
    invite: Option<String>,
}

enum Change {
    Failed(Trouble),
    Ready(Rc<Site>),
    Listed(Vec<Listed>),
    Welcome,
    Choose(Reason),
    Opened(Callback<Request>, Rc<View>),
    View(Rc<View>),
    Invited(String),
    InviteDone,
}

impl Reducible for State {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        let mut next = (*self).clone();
        match change {
            Change::Failed(trouble) => next.stage = Stage::Failed(trouble),
            Change::Ready(site) => next.site = Some(site),
            Change::Listed(listed) => next.listed = listed.into(),
            Change::Welcome => next.stage = Stage::Welcome,
            Change::Choose(reason) => next.stage = Stage::Choosing(reason),
            Change::Opened(request, view) => next.stage = Stage::Open(request, view),
            Change::View(view) => {
                if let Stage::Open(_, shown) = &mut next.stage {
                    *shown = view;
                }
            }
            Change::Invited(invite) => next.invite = Some(invite),
            Change::InviteDone if self.invite.is_none() => return self,
            Change::InviteDone => next.invite = None,
        }
        Rc::new(next)
    }
}

#[component]
fn App() -> Html {
    let state = use_reducer(|| State {
        stage: Stage::Loading,
        site: None,
        listed: Rc::new([]),
        invite: page::take_invite(),
    });
    let dispatch = state.dispatcher();
    use_effect_with((), {
        let dispatch = dispatch.clone();
        move |()| {
            spawn_local(start::boot(dispatch.clone()));
            // A link pasted into the address of an open page changes nothing but the fragment.
            page::on_window("hashchange", move |_| {
                if let Some(invite) = page::take_invite() {
                    dispatch.dispatch(Change::Invited(invite));
                }
            })
        }
    });

    let site = state.site.clone();
    let create = {
        let (site, dispatch) = (site.clone(), dispatch.clone());
        Callback::from(move |name: Name| {
            if let Some(site) = site.clone() {
                spawn_local(start::create(site, name, dispatch.clone()));
            }
        })
    };
    let open = {
        let (site, dispatch) = (site.clone(), dispatch.clone());
        Callback::from(move |(id, usage): (IdentityId, Usage)| {
            if let Some(site) = site.clone() {
                spawn_local(start::open(site, id, usage, dispatch.clone()));
            }
        })
    };
    let welcome = {
        let dispatch = dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Change::Welcome))
    };
    let choose = {
        let dispatch = dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Change::Choose(Reason::Choice)))
    };
    let refresh = {
        let (site, dispatch) = (site.clone(), dispatch.clone());
        Callback::from(move |()| {
            if let Some(site) = site.clone() {
                spawn_local(start::refresh(site, dispatch.clone()));
            }
        })
    };
    let invite_done = use_callback(dispatch, |(), dispatch| {
        dispatch.dispatch(Change::InviteDone);
    });

    let invite = state.invite.as_ref().zip(site.as_ref());
    let invite = invite.map(|(link, site)| Invite::from_link(link, &site.deployment.realm()));
    let inviter = invite
        .as_ref()
        .and_then(|invite| invite.as_ref().ok())
        .cloned();
    match (&state.stage, site) {
        (Stage::Failed(trouble), _) => html! { <Fatal trouble={trouble.clone()} /> },
        (Stage::Welcome, Some(_)) => html! {
            <Welcome {inviter} others={!state.listed.is_empty()} on_create={create} on_back={choose} />
        },
        (Stage::Choosing(reason), Some(_)) => html! {
            <Identities listed={Rc::clone(&state.listed)} reason={*reason} {inviter}
                on_open={open} on_new={welcome} on_refresh={refresh} />
        },
        (Stage::Open(request, view), Some(site)) => html! {
            <Home request={request.clone()} view={Rc::clone(view)} {site} {invite}
                on_invite_done={invite_done} />
        },
        _ => html! { { loading() } },
    }
}
