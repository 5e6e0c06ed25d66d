//! The client engine: the state machine with its randomness, sockets, store and timer.
//!
//! In come [`Request`]s, out go [`Report`]s, and nothing here knows the page: it runs in a worker
//! ([`crate::worker`]).

mod journal;

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use getrandom::SysRng;
use gloo_timers::callback::Timeout;
use js_sys::{Date, Reflect};
use mcmix_shared::client::{
    Action, Client, Command, Event, Millis, Notice, Now, Record, RestoreError, View,
};
use mcmix_shared::identity::Name;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;
use rand_core::UnwrapErr;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast as _;
use web_sys::Performance;

pub use self::journal::Keeping;

use self::journal::{Journal, Whole};
use crate::store::StoreError;
use crate::tap::Tap;
use crate::transport::{SocketEvent, Transport};

/// What the page asks of the engine.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// The user did something.
    User(Action),
    /// The page became visible or the network came back.
    Resumed,
    /// The browser says that there is no network.
    Offline,
}

/// What the engine tells the page.
#[derive(Debug)]
pub enum Report {
    /// What to show from now on.
    View(Rc<View>),
    /// Something just happened.
    Notice(Notice),
    /// Nothing more can be kept, since another window has taken the identity over, say; this engine
    /// has to stop.
    Over(StoreError),
}

/// What an engine starts from.
#[derive(Debug)]
pub struct Setup {
    /// The servers.
    pub deployment: Deployment,
    /// Where the records are kept.
    pub keeping: Keeping,
    /// The records, none for a new identity.
    pub records: Vec<Record>,
    /// The name for a new identity.
    pub name: Name,
    /// What shows all that its sockets carry, if anything does.
    pub tap: Option<Tap>,
}

/// A running engine; dropping it closes its sockets.
pub struct Engine {
    core: Rc<RefCell<Core>>,
}

struct Core {
    client: Client,
    transport: Transport,
    tap: Option<Tap>,
    /// The newest round whose shares the tap has shown.
    shown_round: RoundId,
    journal: Journal,
    wake: Option<Timeout>,
    shown: Rc<View>,
    report: Rc<dyn Fn(Report)>,
    this: Weak<RefCell<Self>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts an engine and returns it with the first view.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the records.
    pub fn start(
        setup: Setup,
        report: impl Fn(Report) + 'static,
    ) -> Result<(Self, Rc<View>), RestoreError> {
        let Setup {
            deployment,
            keeping,
            records,
            name,
            tap,
        } = setup;
        let urls = PartyId::ALL.map(|party| deployment.server(party).url.clone());
        let rng = &mut UnwrapErr(SysRng);
        // A new identity whose first batch was never stored has a name in the list and no record.
        let mut client = match Client::restore(deployment.clone(), records, rng) {
            Err(RestoreError::NoIdentity) => Client::create(deployment, name, rng),
            restored => restored?,
        };
        let commands = client.start(now(), rng);
        let shown = Rc::new(client.view());
        let core = Rc::new_cyclic(|this: &Weak<RefCell<Core>>| {
            let socket_event = {
                let this = this.clone();
                move |party, event| Core::handle(&this, socket_event(party, event))
            };
            let journal_report = {
                let this = this.clone();
                move |outcome| Core::journal_report(&this, outcome)
            };
            let whole = {
                let this = this.clone();
                move || {
                    let core = this.upgrade()?;
                    let client = &core.borrow().client;
                    Some(Whole {
                        name: client.view().own.name,
                        records: client.records(),
                    })
                }
            };
            RefCell::new(Core {
                client,
                transport: Transport::new(urls, tap.clone(), socket_event),
                tap,
                shown_round: RoundId(0),
                journal: Journal::new(keeping, shown.own.name.clone(), journal_report, whole),
                wake: None,
                shown: Rc::clone(&shown),
                report: Rc::new(report),
                this: this.clone(),
            })
        });
        core.borrow_mut().obey(commands);
        Ok((Self { core }, shown))
    }

    /// Returns what says whether everything is stored, also once the engine is gone.
    pub fn settled(&self) -> impl Fn() -> bool + use<> {
        self.core.borrow().journal.settled()
    }

    /// Returns what looks whether all that was stored is still there, as long as the engine lives.
    pub fn storage_check(&self) -> impl Fn() + use<> {
        let core = Rc::downgrade(&self.core);
        move || {
            if let Some(core) = core.upgrade() {
                core.borrow().journal.look();
            }
        }
    }

    /// Returns what a backup holds.
    pub fn backup(&self) -> Vec<Record> {
        self.core.borrow().client.backup()
    }

    /// Hands in a request.
    pub fn request(&self, request: Request) {
        let core = Rc::downgrade(&self.core);
        match request {
            Request::User(action) => Core::handle(&core, Event::User(action)),
            Request::Resumed => Core::handle(&core, Event::Resumed),
            Request::Offline => {
                // It is believed: a socket may look open for half a minute yet.
                for party in PartyId::ALL {
                    self.core.borrow_mut().transport.disconnect(party);
                    Core::handle(&core, Event::Closed(party));
                }
            }
        }
    }
}

impl Core {
    /// Hands an event to the state machine, obeys its commands, and reports. A late event of an
    /// engine that is gone is dropped.
    fn handle(this: &Weak<RefCell<Self>>, event: Event) {
        let Some(core) = this.upgrade() else {
            return;
        };
        let (report, notices, view) = {
            let mut core = core.borrow_mut();
            let commands = core.client.handle(now(), event, &mut UnwrapErr(SysRng));
            core.show_dealt();
            let notices = core.obey(commands);
            (Rc::clone(&core.report), notices, core.changed_view())
        };
        // Nothing is borrowed here: whoever hears a report may hand in a request at once.
        if let Some(view) = view {
            report(Report::View(view));
        }
        for notice in notices {
            report(Report::Notice(notice));
        }
    }

    fn journal_report(this: &Weak<RefCell<Self>>, outcome: journal::Outcome) {
        match outcome {
            journal::Outcome::Stored(batch) => Self::handle(this, Event::Stored(batch)),
            journal::Outcome::Failed(batch, fault) => {
                Self::handle(this, Event::StoreFailed(batch, fault));
            }
            journal::Outcome::StoredAnew => Self::handle(this, Event::StoredAnew),
            journal::Outcome::Over(error) => {
                if let Some(core) = this.upgrade() {
                    let report = Rc::clone(&core.borrow().report);
                    report(Report::Over(error));
                }
            }
        }
    }

    /// Carries out commands in order; returns the notices among them.
    fn obey(&mut self, commands: Vec<Command>) -> Vec<Notice> {
        let mut notices = Vec::new();
        for command in commands {
            match command {
                Command::Connect(party) => self.transport.connect(party),
                Command::Send(party, bytes) => self.transport.send(party, &bytes),
                Command::Disconnect(party) => self.transport.disconnect(party),
                Command::WakeAfter(millis) => self.wake_after(millis),
                Command::Store(batch, writes) => self.journal.append(batch, writes),
                Command::Notify(notice) => notices.push(notice),
            }
        }
        notices
    }

    fn show_dealt(&mut self) {
        if let Some(tap) = &self.tap
            && let Some((round, shares)) = self.client.dealt(self.shown_round)
        {
            self.shown_round = round;
            tap.dealt(round, &shares);
        }
    }

    fn wake_after(&mut self, millis: u64) {
        let this = self.this.clone();
        let millis = u32::try_from(millis).unwrap_or(u32::MAX).min(MAX_TIMEOUT);
        self.wake = Some(Timeout::new(millis, move || {
            Self::handle(&this, Event::Wake);
        }));
    }

    fn changed_view(&mut self) -> Option<Rc<View>> {
        let view = self.client.view();
        if view == *self.shown {
            return None;
        }
        if view.own.name != self.shown.own.name {
            self.journal.rename(view.own.name.clone());
        }
        self.shown = Rc::new(view);
        Some(Rc::clone(&self.shown))
    }
}

/// The longest timeout of a browser, in milliseconds; an early wake does no harm.
const MAX_TIMEOUT: u32 = i32::MAX as u32;

fn socket_event(party: PartyId, event: SocketEvent) -> Event {
    match event {
        SocketEvent::Opened => Event::Opened(party),
        SocketEvent::Message(bytes) => Event::Frame(party, bytes),
        SocketEvent::Closed => Event::Closed(party),
    }
}

/// Returns the browser's time, on both its clocks.
pub fn now() -> Now {
    Now {
        wall: millis(Date::now()),
        steady: millis(steady()),
    }
}

/// Returns the browser's clock that never jumps, in milliseconds.
pub fn steady() -> f64 {
    Reflect::get(&js_sys::global(), &"performance".into())
        .ok()
        .and_then(|it| it.dyn_into::<Performance>().ok())
        // From one origin, so that page and worker mean the same.
        .map_or(0.0, |it| it.time_origin() + it.now())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both clocks are positive and far below 2^53; fractions of a millisecond may go"
)]
fn millis(time: f64) -> Millis {
    Millis(time as u64)
}
