//! The root: which stage the page is in, from loading to an open identity.

use std::rc::Rc;

use mcmix_shared::client::View;
use mcmix_shared::identity::{Invite, Name};
use mcmix_shared::manifest::Deployment;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::components::front::{Fatal, Identities, Locked, Welcome, loading};
use crate::components::home::Home;
use crate::engine::Request;
use crate::store::IdentityId;
use crate::worker::{Ask, Kept, Listed, Reason, Remote, Tell, Trouble, Usage};
use crate::{manifest, notify, page, texts};

/// Mounts the app in place of the page's loading text.
pub fn mount() {
    let root = page::document().and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        root.set_text_content(None);
        yew::set_custom_panic_hook(Box::new(|panic| {
            web_sys::console::error_1(&panic.to_string().into());
            stop();
        }));
        yew::Renderer::<App>::with_root(root).render();
    }
}

#[derive(Clone)]
enum Stage {
    Loading,
    Failed(Trouble),
    /// There is no identity yet, or a further one is wanted.
    Welcome,
    Choosing(Reason),
    /// One needs its passphrase; so many were wrong.
    Locked(Listed, u32),
    Open(Keeping, Rc<View>),
}

/// How the open identity is kept, and how often that was changed since it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Where.
    pub kept: Kept,
    /// How often that was changed.
    pub changes: u32,
    /// How often it could not be.
    pub failures: u32,
}

/// The state of the root.
#[derive(Clone)]
struct State {
    stage: Stage,
    /// Whether the worker listens.
    hears: bool,
    deployment: Option<Rc<Deployment>>,
    listed: Rc<[Listed]>,
    /// The invite link that opened the page.
    invite: Option<String>,
    /// Why the last backup could not be restored, and how many could not.
    not_restored: Option<(String, u32)>,
}

enum Change {
    Told(Tell),
    Manifest(Result<Rc<Deployment>, Trouble>),
    Welcome,
    Choose(Reason),
    Invited(String),
    InviteDone,
}

impl Reducible for State {
    type Action = Change;

    fn reduce(self: Rc<Self>, change: Change) -> Rc<Self> {
        let mut next = (*self).clone();
        match change {
            Change::Told(tell) => next.hear(tell),
            Change::Manifest(Ok(deployment)) => next.deployment = Some(deployment),
            Change::Manifest(Err(trouble)) => next.stage = Stage::Failed(trouble),
            Change::Welcome => next.stage = Stage::Welcome,
            Change::Choose(reason) => next.stage = Stage::Choosing(reason),
            Change::Invited(invite) => next.invite = Some(invite),
            Change::InviteDone if self.invite.is_none() => return self,
            Change::InviteDone => next.invite = None,
        }
        Rc::new(next)
    }
}

impl State {
    fn hear(&mut self, tell: Tell) {
        match tell {
            Tell::Listens => self.hears = true,
            Tell::Listed(listed) => self.listed = listed.into(),
            Tell::NoIdentity => self.stage = Stage::Welcome,
            Tell::Choose(reason) => self.stage = Stage::Choosing(reason),
            Tell::Opened(_, kept, view) => {
                let keeping = Keeping {
                    kept,
                    changes: 0,
                    failures: 0,
                };
                self.stage = Stage::Open(keeping, Rc::new(view.apply(None)));
            }
            Tell::Locked(listed) => self.stage = Stage::Locked(listed, 0),
            Tell::Wrong => {
                if let Stage::Locked(_, wrong) = &mut self.stage {
                    *wrong += 1;
                }
            }
            Tell::Kept(kept) => {
                if let Stage::Open(keeping, _) = &mut self.stage {
                    keeping.kept = kept;
                    keeping.changes += 1;
                }
            }
            Tell::Changed(changes) => {
                if let Stage::Open(_, shown) = &mut self.stage {
                    *shown = Rc::new(changes.apply(Some(shown)));
                }
            }
            Tell::Failed(trouble) => self.stage = Stage::Failed(trouble),
            Tell::NotKept => {
                if let Stage::Open(keeping, _) = &mut self.stage {
                    keeping.failures += 1;
                }
            }
            Tell::NotRestored(reason) => {
                let times = self.not_restored.as_ref().map_or(0, |(_, times)| *times);
                self.not_restored = Some((reason, times + 1));
            }
            Tell::Stopped | Tell::Erased | Tell::Shut | Tell::Backup(_) => {}
        }
    }
}

/// What the page around the views does when the worker tells something.
fn accompany(tell: &Tell) {
    if matches!(tell, Tell::Shut | Tell::Erased | Tell::Choose(_)) {
        notify::take_back();
    }
    match tell {
        Tell::Opened(id, ..) => page::keep_tab_identity(id.as_ref()),
        Tell::Locked(listed) => page::keep_tab_identity(Some(&listed.entry.id)),
        Tell::Erased => page::forget_everything(),
        Tell::Shut => page::reload(),
        Tell::Backup(bytes) => page::save_file(&texts::backup_name(&page::today()), bytes),
        Tell::Choose(Reason::TakenOver) => page::keep_tab_identity(None),
        Tell::Stopped => stop(),
        _ => {}
    }
}

fn stop() {
    page::give_up(texts::STOPPED_TITLE, texts::STOPPED);
}

#[component]
fn App() -> Html {
    let state = use_reducer(|| State {
        stage: Stage::Loading,
        hears: false,
        deployment: None,
        listed: Rc::new([]),
        invite: page::take_invite(),
        not_restored: None,
    });
    let dispatch = state.dispatcher();
    let remote = use_memo((), {
        let dispatch = dispatch.clone();
        move |()| {
            let hear = move |tell| {
                accompany(&tell);
                dispatch.dispatch(Change::Told(tell));
            };
            Remote::listen(hear, stop)
        }
    });
    use_effect_with((), {
        let dispatch = dispatch.clone();
        move |()| {
            spawn_local({
                let dispatch = dispatch.clone();
                async move { dispatch.dispatch(Change::Manifest(manifest::load().await.map(Rc::new))) }
            });
            // A link pasted into the address of an open page changes nothing but the fragment.
            page::on_window("hashchange", move |_| {
                if let Some(invite) = page::take_invite() {
                    dispatch.dispatch(Change::Invited(invite));
                }
            })
        }
    });
    let ask = use_callback(remote, |ask: Ask, remote| {
        if let Some(remote) = &**remote {
            remote.ask(&ask);
        }
    });
    use_effect_with((state.hears, state.deployment.clone()), {
        let ask = ask.clone();
        move |(hears, deployment)| {
            if let (true, Some(deployment)) = (hears, deployment) {
                let manifest = deployment.to_json();
                let tab = page::tab_identity();
                let guest = page::guest();
                ask.emit(Ask::Begin {
                    manifest,
                    tab,
                    guest,
                });
            }
        }
    });

    let create = use_callback(ask.clone(), |name: Name, ask| {
        page::ask_to_persist();
        ask.emit(Ask::Create(name));
    });
    let throw_away = use_callback(ask.clone(), |name: Name, ask| {
        ask.emit(Ask::Throwaway(name));
    });
    let open = use_callback(ask.clone(), |(id, usage): (IdentityId, Usage), ask| {
        ask.emit(Ask::Open(id, usage, None));
    });
    let refresh = use_callback(ask.clone(), |(), ask| ask.emit(Ask::List));
    let request = use_callback(ask.clone(), |request: Request, ask| {
        ask.emit(Ask::Engine(request));
    });
    let welcome = use_callback(dispatch.clone(), |(), dispatch| {
        dispatch.dispatch(Change::Welcome);
    });
    let choose = use_callback(dispatch.clone(), |(), dispatch| {
        dispatch.dispatch(Change::Choose(Reason::Choice));
    });
    let invite_done = use_callback(dispatch, |(), dispatch| {
        dispatch.dispatch(Change::InviteDone);
    });

    let deployment = state.deployment.clone();
    let invite = state.invite.as_ref().zip(deployment.as_ref());
    let invite = invite.map(|(link, deployment)| Invite::from_link(link, &deployment.realm()));
    let inviter = invite
        .as_ref()
        .and_then(|invite| invite.as_ref().ok())
        .cloned();
    match (&state.stage, deployment) {
        (Stage::Failed(trouble), _) => html! { <Fatal trouble={trouble.clone()} /> },
        (Stage::Welcome, Some(_)) => html! {
            <Welcome {inviter} others={!state.listed.is_empty()} on_create={create} on_try={throw_away}
                {ask} not_restored={state.not_restored.clone()} on_back={choose} />
        },
        (Stage::Choosing(reason), Some(_)) => html! {
            <Identities listed={Rc::clone(&state.listed)} reason={*reason} {inviter}
                on_open={open} on_new={welcome} on_refresh={refresh} />
        },
        (Stage::Locked(listed, wrong), Some(_)) => html! {
            <Locked listed={listed.clone()} wrong={*wrong} {ask} on_back={choose} />
        },
        (Stage::Open(keeping, view), Some(deployment)) => html! {
            <Home {request} {ask} keeping={*keeping} view={Rc::clone(view)} {deployment} {invite}
                on_invite_done={invite_done} />
        },
        _ => html! { { loading() } },
    }
}
