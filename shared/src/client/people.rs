//! One person: a contact, or a stranger while they call.

use super::{EndReason, Millis, conversation::Conversation, dialing::Dialing, history::History};
use crate::identity::Name;

/// One person.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: Name,
    pub(super) kind: Kind,
    pub(super) dialing: Option<Dialing>,
    pub(super) conversation: Option<Conversation>,
    /// Why the last call or conversation is over.
    pub(super) ended: Option<EndReason>,
    pub(super) last_heard: Option<Millis>,
    pub(super) history: History,
}

/// Whether a person is a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Contact,
    /// Forgotten as soon as their call is over.
    Stranger,
}

impl Person {
    pub(super) fn contact(name: Name) -> Self {
        Self {
            name,
            kind: Kind::Contact,
            dialing: None,
            conversation: None,
            ended: None,
            last_heard: None,
            history: History::default(),
        }
    }

    pub(super) fn stranger(name: Name) -> Self {
        Self {
            kind: Kind::Stranger,
            ..Self::contact(name)
        }
    }

    pub(super) fn is_stranger(&self) -> bool {
        self.kind == Kind::Stranger
    }

    /// Takes the name that a caller gives; a contact keeps the one that they have here.
    pub(super) fn introduce(&mut self, name: Name) {
        if self.is_stranger() {
            self.name = name;
        }
    }

    /// Returns whether the next dialing round may dial them.
    pub(super) fn may_be_dialed(&self) -> bool {
        self.is_dialing() && self.dialing.is_some_and(|dialing| !dialing.is_exhausted())
    }

    /// Returns whether we are calling them and nothing has come of it yet.
    pub(super) fn is_dialing(&self) -> bool {
        let busy = self
            .conversation
            .as_ref()
            .is_some_and(Conversation::is_active);
        self.dialing.is_some() && !busy
    }
}
