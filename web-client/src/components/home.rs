//! The main view: list and conversation, side by side or one after the other.

mod cover;
mod look;
mod news;
mod place;

use std::rc::Rc;

use mcmix_shared::client::{Action, Blocked, ServerKeys, View};
use mcmix_shared::identity::{ClientKey, Invite, InviteError};
use mcmix_shared::manifest::Deployment;
use yew::prelude::*;

use self::cover::{use_cover, use_rate};
use self::look::use_look;
use self::news::use_news;
use self::place::use_place;
use super::about::AboutDialog;
use super::add::AddDialog;
use super::contact::ContactDialog;
use super::contacts::Contacts;
use super::conversation::{Conversation, NoConversation};
use super::incoming::Incoming;
use super::invite::InviteDialog;
use super::keys::KeysDialog;
use super::network::NetworkDialog;
use super::protection::ProtectionDialog;
use super::search::Found;
use super::settings::SettingsDialog;
use super::status::Status;
use super::toasts::Toasts;
use super::verify::VerifyDialog;
use crate::app::Keeping;
use crate::cover::Cover;
use crate::engine::{self, Request};
use crate::notify::Notify;
use crate::page::LockAfter;
use crate::worker::{Ask, Kept};
use crate::{page, texts};

/// Which dialog is open.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Open {
    /// None.
    Nothing,
    /// One's own invite link.
    Invite,
    /// A new contact.
    Add,
    /// A contact.
    Contact(ClientKey),
    /// A contact's safety number.
    Verify(ClientKey),
    /// Settings.
    Settings,
    /// Who may open what this device keeps.
    Protection,
    /// The three servers.
    Network,
    /// What is promised.
    About,
}

/// What the main view needs.
#[derive(Debug, PartialEq, Properties)]
pub struct HomeProps {
    /// Takes requests to the engine.
    pub request: Callback<Request>,
    /// Takes what is asked of the store.
    pub ask: Callback<Ask>,
    /// What to show.
    pub view: Rc<View>,
    /// How it is kept.
    pub keeping: Keeping,
    /// The servers.
    pub deployment: Rc<Deployment>,
    /// What the link that opened the page says.
    pub invite: Option<Result<Invite, InviteError>>,
    /// Called when the link has been dealt with.
    pub on_invite_done: Callback<()>,
}

/// Shows the main view.
#[component]
pub fn Home(props: &HomeProps) -> Html {
    let view = &props.view;
    let act = use_memo(props.request.clone(), |request| {
        request.reform(Request::User)
    });
    let act = (*act).clone();
    let (place, go) = use_place();
    let open = use_state_eq(|| Open::Nothing);
    let keys_put_off = use_state_eq(|| false);
    let selected = place.and_then(|key| view.contact(key));
    let looking = use_look(selected.map(|contact| contact.key), &act);

    use_resume(&props.request);
    let lock_after = use_state_eq(LockAfter::kept);
    use_idle_lock(props.keeping.kept, *lock_after, &props.ask);
    let notify = use_state_eq(Notify::kept);
    use_news(view, notify.filter(|_| !page::is_framed()));
    let (cover, rate) = (use_cover(view), use_rate(view));
    use_effect_with((), |()| page::focus("contacts-title"));
    use_effect_with(props.keeping.kept, |kept| {
        let stop = (*kept == Kept::Nowhere).then(page::ask_before_leaving);
        move || stop.into_iter().for_each(|stop| stop())
    });
    use_title(view, selected.map(|contact| contact.name.as_str()));

    let show = {
        let open = open.setter();
        Callback::from(move |which| open.set(which))
    };
    let close = use_callback(
        (open.setter(), props.on_invite_done.clone()),
        |(), (open, done)| {
            open.set(Open::Nothing);
            done.emit(());
        },
    );
    let found = use_state_eq(|| None::<Found>);
    let open_at = {
        let (go, close, found) = (go.clone(), close.clone(), found.setter());
        Callback::from(move |(key, message): (ClientKey, Option<Found>)| {
            close.emit(());
            found.set(message);
            go.emit(Some(key));
        })
    };
    let select = open_at.reform(|key: ClientKey| (key, None));
    let on_find = open_at.reform(|found: Found| (found.contact, Some(found)));

    let changed = match view.server_keys {
        ServerKeys::Changed { changed } => Some(changed),
        ServerKeys::Known => None,
    };
    let put_off = |value: bool| {
        let keys_put_off = keys_put_off.setter();
        Callback::from(move |()| keys_put_off.set(value))
    };
    let ways = Ways {
        act: act.clone(),
        show: show.clone(),
        select: select.clone(),
        close,
        notify: *notify,
        cover,
        rate,
        on_notify: {
            let notify = notify.setter();
            Callback::from(move |value: Notify| {
                value.keep();
                notify.set(Some(value));
            })
        },
    };
    let (notify, on_notify) = (ways.notify, ways.on_notify.clone());
    // Keys come first, then a link that opened the page.
    let dialog = match (changed.filter(|_| !*keys_put_off), &props.invite) {
        (Some(changed), _) => html! {
            <KeysDialog {changed} deployment={Rc::clone(&props.deployment)} act={act.clone()} on_close={put_off(true)} />
        },
        (None, Some(invite)) => html! {
            // Another link asks about somebody else.
            <AddDialog key={format!("{invite:?}")} view={Rc::clone(view)} invite={invite.clone()} act={ways.act}
                on_added={ways.select} on_close={ways.close} />
        },
        (None, None) if *open == Open::Protection => html! {
            <ProtectionDialog keeping={props.keeping} ask={props.ask.clone()} lock_after={*lock_after}
                on_lock_after={let set = lock_after.setter(); Callback::from(move |after| set.set(after))}
                on_close={ways.close} />
        },
        (None, None) => dialog(props, &open, ways),
    };

    let main = match selected {
        Some(contact) => html! {
            <Conversation key={contact.key.to_text()} view={Rc::clone(view)} contact={contact.clone()} {looking}
                found={found.filter(|found| found.contact == contact.key)} act={act.clone()} on_back={go.reform(|()| None)} show={show.clone()} />
        },
        None => html! { <NoConversation contacts={view.contacts.len()} show={show.clone()} /> },
    };
    let page = if selected.is_some() {
        "conversation"
    } else {
        "list"
    };
    html! {
        <div class="shell" data-testid="home" data-page={page}>
            <Incoming view={Rc::clone(view)} selected={place} act={act.clone()} on_select={select.clone()} />
            <Contacts view={Rc::clone(view)} kept={props.keeping.kept} selected={place} on_select={select.clone()} {on_find}
                act={act.clone()} show={show.clone()} {notify} {on_notify} />
            { main }
            <Status view={Rc::clone(view)} {cover} {rate} {show} />
            <Toasts view={Rc::clone(view)} deployment={Rc::clone(&props.deployment)} {looking} {act} on_decide={put_off(false)} />
            { dialog }
        </div>
    }
}

/// What dialogs lead to.
struct Ways {
    act: Callback<Action>,
    show: Callback<Open>,
    select: Callback<ClientKey>,
    close: Callback<()>,
    notify: Option<Notify>,
    on_notify: Callback<Notify>,
    cover: Cover,
    rate: Option<u64>,
}

/// Shows the dialog that is open.
fn dialog(props: &HomeProps, open: &Open, ways: Ways) -> Html {
    let HomeProps {
        view, deployment, ..
    } = props;
    let Ways {
        act,
        show,
        select,
        close,
        notify,
        on_notify,
        cover,
        rate,
    } = ways;
    let contact = match open {
        Open::Contact(key) | Open::Verify(key) => view.contact(*key).cloned(),
        _ => None,
    };
    match (open, contact) {
        (Open::Contact(_), Some(contact)) => {
            html! { <ContactDialog {contact} own={view.own.name.clone()} {act} {show} on_close={close} /> }
        }
        (Open::Verify(_), Some(contact)) => {
            html! { <VerifyDialog {contact} {act} on_close={close} /> }
        }
        (Open::Nothing | Open::Contact(_) | Open::Verify(_) | Open::Protection, _) => {
            Html::default()
        }
        (Open::Invite, _) => html! {
            <InviteDialog own={view.own.clone()} realm={view.realm} on_close={close} />
        },
        (Open::Add, _) => html! {
            <AddDialog key="add" view={Rc::clone(view)} {act} on_added={select} on_close={close} />
        },
        (Open::Settings, _) => html! {
            <SettingsDialog view={Rc::clone(view)} kept={props.keeping.kept} {notify} {on_notify} {act} {show}
                on_close={close} />
        },
        (Open::Network, _) => html! {
            <NetworkDialog view={Rc::clone(view)} deployment={Rc::clone(deployment)} {cover} {rate} on_close={close} />
        },
        (Open::About, _) => {
            html! { <AboutDialog deployment={Rc::clone(deployment)} on_close={close} /> }
        }
    }
}

/// Tells the engine when the page becomes visible, and when the network goes or comes back.
#[hook]
fn use_resume(request: &Callback<Request>) {
    use_effect_with(request.clone(), |request| {
        let (online, offline) = (request.clone(), request.clone());
        let stop_online = page::on_window("online", move |_| online.emit(Request::Resumed));
        let stop_offline = page::on_window("offline", move |_| offline.emit(Request::Offline));
        let request = request.clone();
        let stop = page::on_visibility(move |visible| {
            if visible {
                request.emit(Request::Resumed);
            }
        });
        move || {
            stop_online();
            stop_offline();
            stop();
        }
    });
}

/// Locks an identity that has a passphrase when nobody has touched the page for so long.
#[hook]
fn use_idle_lock(kept: Kept, after: LockAfter, ask: &Callback<Ask>) {
    use_effect_with((kept, after, ask.clone()), |(kept, after, ask)| {
        let minutes = after.minutes().filter(|_| *kept == Kept::Protected);
        let stop = minutes.map(|minutes| {
            let ask = ask.clone();
            page::on_idle(minutes, move || ask.emit(Ask::Lock))
        });
        move || stop.into_iter().for_each(|stop| stop())
    });
}

/// Keeps the page's title: how many messages are unread, who calls or rang, whose conversation is
/// shown.
#[hook]
fn use_title(view: &View, name: Option<&str>) {
    let caller = view.incoming.first();
    let mut rings = view.contacts.iter().filter_map(|contact| {
        let at = contact.rang.filter(|_| contact.blocked == Blocked::No)?;
        Some((contact.name.as_str(), at))
    });
    let asks = match caller {
        Some(caller) => Some(texts::calls_you(caller.name.as_str())),
        None => rings
            .next()
            .map(|(name, at)| texts::rang_you(name, at, engine::now().wall)),
    };
    use_effect_with(texts::title(view.unread(), asks, name), |title| {
        page::set_title(title);
    });
}
