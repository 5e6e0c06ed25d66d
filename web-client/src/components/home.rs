//! The main view: list and conversation, side by side or one after the other.

mod place;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use mcmix_shared::client::View;
use mcmix_shared::identity::{ClientKey, Invite, InviteError};
use yew::prelude::*;

use self::place::use_place;
use super::about::AboutDialog;
use super::add::AddDialog;
use super::contact::ContactDialog;
use super::contacts::Contacts;
use super::conversation::{Conversation, NoConversation};
use super::incoming::Incoming;
use super::invite::InviteDialog;
use super::network::NetworkDialog;
use super::settings::SettingsDialog;
use super::status::Status;
use super::toasts::Toasts;
use crate::app::Site;
use crate::engine::Request;
use crate::{page, texts};

/// What the user has typed and not sent, per contact; it lasts as long as the page.
pub(super) type Drafts = Rc<RefCell<HashMap<ClientKey, String>>>;

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
    /// Settings.
    Settings,
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
    /// What to show.
    pub view: Rc<View>,
    /// The servers.
    pub site: Rc<Site>,
    /// What the link that opened the page says.
    pub invite: Option<Result<Invite, InviteError>>,
    /// Called when the link has been dealt with.
    pub on_invite_done: Callback<()>,
}

/// Shows the main view.
#[component]
pub fn Home(props: &HomeProps) -> Html {
    let view = &props.view;
    let act = props.request.reform(Request::User);
    let (place, go) = use_place();
    let open = use_state_eq(|| Open::Nothing);
    let drafts = use_memo((), |()| RefCell::new(HashMap::new()));
    let selected = place.and_then(|key| view.contact(key));

    use_resume(&props.request);
    use_effect_with((), |()| page::focus("contacts-title"));
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
    let select = {
        let (go, close) = (go.clone(), close.clone());
        Callback::from(move |key: ClientKey| {
            close.emit(());
            go.emit(Some(key));
        })
    };

    // A link that opened the page asks its question before anything else.
    let dialog = match (&props.invite, &*open) {
        (Some(invite), _) => html! {
            <AddDialog key="invited" view={Rc::clone(view)} invite={invite.clone()} act={act.clone()}
                on_added={select.clone()} on_close={close} />
        },
        (None, Open::Nothing) => Html::default(),
        (None, Open::Invite) => html! {
           <InviteDialog own={view.own.clone()} realm={view.realm} on_close={close} />
        },
        (None, Open::Add) => html! {
            <AddDialog key="add" view={Rc::clone(view)} act={act.clone()} on_added={select.clone()} on_close={close} />
        },
        (None, Open::Contact(key)) => view.contact(*key).map_or_else(Html::default, |contact| {
            html! {
                <ContactDialog contact={contact.clone()} act={act.clone()} on_close={close} />
            }
        }),
        (None, Open::Settings) => html! {
            <SettingsDialog view={Rc::clone(view)} act={act.clone()} show={show.clone()} on_close={close} />
        },
        (None, Open::Network) => html! {
            <NetworkDialog view={Rc::clone(view)} site={Rc::clone(&props.site)} on_close={close} />
        },
        (None, Open::About) => {
            html! { <AboutDialog site={Rc::clone(&props.site)} on_close={close} /> }
        }
    };

    let main = match selected {
        Some(contact) => html! {
            <Conversation key={contact.key.to_text()} contact={contact.clone()} free_slots={view.free_slots}
                {drafts} act={act.clone()} on_back={go.reform(|()| None)} show={show.clone()} />
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
            <Incoming callers={view.incoming.clone()} free_slots={view.free_slots}
                act={act.clone()} on_accepted={select.clone()} />
            <Contacts view={Rc::clone(view)} selected={place} on_select={select.clone()} show={show.clone()} />
            { main }
            <Status view={Rc::clone(view)} {show} />
            <Toasts view={Rc::clone(view)} selected={place} {act} />
            { dialog }
        </div>
    }
}

/// Tells the engine when the page becomes visible or the network comes back.
#[hook]
fn use_resume(request: &Callback<Request>) {
    use_effect_with(request.clone(), |request| {
        let stops = ["online", "pageshow"].map(|name| {
            let request = request.clone();
            page::on_window(name, move |_| request.emit(Request::Resumed))
        });
        let request = request.clone();
        let stop = page::on_visibility(move |visible| {
            if visible {
                request.emit(Request::Resumed);
            }
        });
        move || {
            for stop in stops {
                stop();
            }
            stop();
        }
    });
}

/// Keeps the page's title: how many messages are unread, who calls, whose conversation is shown.
#[hook]
fn use_title(view: &View, name: Option<&str>) {
    let caller = view.incoming.first().map(|caller| caller.name.as_str());
    use_effect_with(texts::title(view.unread(), caller, name), |title| {
        page::set_title(title);
    });
}
