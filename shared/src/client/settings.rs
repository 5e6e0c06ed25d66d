//! What is kept of oneself: identity, choices, the servers known, the task slots.

use serde::{Deserialize, Serialize};

use super::{
    Millis, OpenToCalls,
    moment::{Moment, Pace},
    stored::{Record, Unreadable, decode, encode},
};
use crate::{
    call::MeetingSeed,
    identity::{ClientKey, Name, SecretKey, ServerKey},
    kdf::Secret,
    manifest::Deployment,
    program::RoundId,
};

const VERSION: u8 = 2;
/// Calls that were declined and are not to ring again; the oldest give way.
const MAX_DEAF: usize = 100;
/// Strangers who are blocked; the oldest give way.
const MAX_BLOCKED: usize = 500;
const WEEK_MS: u64 = 7 * 86_400_000;

/// Who one is.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) secret: SecretKey,
    pub(super) name: Name,
}

#[derive(Serialize, Deserialize)]
struct ProfileRecord {
    secret: [u8; 32],
    name: String,
}

impl Record for Profile {
    fn encode(&self) -> Option<Vec<u8>> {
        let record = ProfileRecord {
            secret: *self.secret.as_bytes(),
            name: self.name.as_str().to_owned(),
        };
        Some(encode(VERSION, &record))
    }
}

impl Profile {
    /// Reads a record.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        let record: ProfileRecord = decode(VERSION, record)?;
        Ok(Self {
            secret: SecretKey::from_bytes(record.secret),
            name: Name::new(&record.name).map_err(|_| Unreadable::Damaged)?,
        })
    }
}

/// Choices, and secrets that belong to nobody else's record.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) open_to_calls: OpenToCalls,
    /// The own pass secret, κ: contacts have it.
    pub(super) pass: Secret,
    /// When the pass secret changes next: never because of what arrived.
    pub(super) pass_changes_at: Millis,
    /// Ranks places that are equally crowded. Fresh ties would tell colluding contacts how many
    /// are free.
    pub(super) ranking: Secret,
    /// Strangers who are not heard.
    pub(super) blocked: Vec<ClientKey>,
    /// Calls that were declined.
    pub(super) deaf: Vec<(ClientKey, MeetingSeed)>,
}

impl Settings {
    pub(super) fn new(pass: Secret, ranking: Secret) -> Self {
        Self {
            open_to_calls: OpenToCalls::default(),
            pass,
            pass_changes_at: Millis(0),
            ranking,
            blocked: Vec::new(),
            deaf: Vec::new(),
        }
    }

    /// Changes the pass secret; the next change is a week later.
    pub(super) fn change_pass(&mut self, now: Millis, pass: Secret) {
        self.pass = pass;
        self.pass_changes_at = now.after(WEEK_MS);
    }

    /// Returns whether it is time to change the pass secret, also where the clock was set back.
    pub(super) const fn is_pass_old(&self, now: Millis) -> bool {
        now.0 >= self.pass_changes_at.0 || self.pass_changes_at.0.saturating_sub(now.0) > WEEK_MS
    }

    pub(super) fn is_deaf_to(&self, caller: ClientKey, seed: &MeetingSeed) -> bool {
        let declined =
            |(key, declined): &(ClientKey, MeetingSeed)| *key == caller && declined == seed;
        self.deaf.iter().any(declined)
    }

    pub(super) fn decline(&mut self, caller: ClientKey, seed: MeetingSeed) {
        self.deaf.push((caller, seed));
        if self.deaf.len() > MAX_DEAF {
            self.deaf.remove(0);
        }
    }

    pub(super) fn block(&mut self, stranger: ClientKey) {
        if !self.blocked.contains(&stranger) {
            self.blocked.push(stranger);
        }
        if self.blocked.len() > MAX_BLOCKED {
            self.blocked.remove(0);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SettingsRecord {
    open_to_calls: OpenRecord,
    pass: [u8; 32],
    pass_changes_at: u64,
    ranking: [u8; 32],
    blocked: Vec<[u8; 32]>,
    deaf: Vec<([u8; 32], [u8; 16])>,
}

#[derive(Serialize, Deserialize)]
enum OpenRecord {
    Everyone,
    Contacts,
    Nobody,
}

impl Record for Settings {
    fn encode(&self) -> Option<Vec<u8>> {
        let deaf = self.deaf.iter();
        let record = SettingsRecord {
            open_to_calls: match self.open_to_calls {
                OpenToCalls::Everyone => OpenRecord::Everyone,
                OpenToCalls::Contacts => OpenRecord::Contacts,
                OpenToCalls::Nobody => OpenRecord::Nobody,
            },
            pass: *self.pass.as_bytes(),
            pass_changes_at: self.pass_changes_at.0,
            ranking: *self.ranking.as_bytes(),
            blocked: self.blocked.iter().map(|key| *key.as_bytes()).collect(),
            deaf: deaf
                .map(|(key, seed)| (*key.as_bytes(), *seed.as_bytes()))
                .collect(),
        };
        Some(encode(VERSION, &record))
    }
}

impl Settings {
    /// Reads a record.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        let record: SettingsRecord = decode(VERSION, record)?;
        let key = |bytes| ClientKey::from_bytes(bytes).map_err(|_| Unreadable::Damaged);
        let deaf = record.deaf.into_iter();
        Ok(Self {
            open_to_calls: match record.open_to_calls {
                OpenRecord::Everyone => OpenToCalls::Everyone,
                OpenRecord::Contacts => OpenToCalls::Contacts,
                OpenRecord::Nobody => OpenToCalls::Nobody,
            },
            pass: Secret::from_bytes(record.pass),
            pass_changes_at: Millis(record.pass_changes_at),
            ranking: Secret::from_bytes(record.ranking),
            blocked: record
                .blocked
                .into_iter()
                .map(key)
                .collect::<Result<_, _>>()?,
            deaf: deaf
                .map(|(caller, seed)| Ok((key(caller)?, MeetingSeed::from_bytes(seed))))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The servers' keys as this device has known them.
#[derive(Debug)]
pub(super) struct KnownServers(pub(super) [[u8; 32]; 3]);

impl KnownServers {
    pub(super) fn of(deployment: &Deployment) -> Self {
        Self(
            deployment
                .servers
                .each_ref()
                .map(|server| *server.key.as_bytes()),
        )
    }

    /// Returns which keys are others now, P0 first; `None` if none is.
    pub(super) fn changed(&self, deployment: &Deployment) -> Option<[bool; 3]> {
        let now = Self::of(deployment);
        let mut changed = [false; 3];
        for ((changed, known), now) in changed.iter_mut().zip(&self.0).zip(&now.0) {
            *changed = known != now;
        }
        changed.contains(&true).then_some(changed)
    }

    /// Reads a record.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        let keys: [[u8; 32]; 3] = decode(VERSION, record)?;
        let usable = keys.iter().all(|key| ServerKey::from_bytes(*key).is_ok());
        usable.then_some(Self(keys)).ok_or(Unreadable::Damaged)
    }
}

impl Record for KnownServers {
    fn encode(&self) -> Option<Vec<u8>> {
        Some(encode(VERSION, &self.0))
    }
}

/// Who has the task slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    pub(super) call: Option<Stay>,
    pub(super) answer: Option<Stay>,
}

/// A stay in a task slot. Its end is fixed when it begins: what opens meanwhile changes only what
/// its rows carry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stay {
    pub(super) peer: ClientKey,
    began: Moment,
    ends: RoundId,
}

impl Stay {
    pub(super) const fn new(peer: ClientKey, began: Moment, ends: RoundId) -> Self {
        Self { peer, began, ends }
    }

    pub(super) fn is_over(&self, now: Moment, pace: Pace) -> bool {
        now.is_past(self.began, self.ends, pace)
    }
}

#[derive(Serialize, Deserialize)]
struct StayRecord {
    peer: [u8; 32],
    began: Moment,
    ends: u64,
}

impl StayRecord {
    const fn of(stay: Stay) -> Self {
        Self {
            peer: *stay.peer.as_bytes(),
            began: stay.began,
            ends: stay.ends.0,
        }
    }

    fn read(self) -> Result<Stay, Unreadable> {
        Ok(Stay {
            peer: ClientKey::from_bytes(self.peer).map_err(|_weak| Unreadable::Damaged)?,
            began: self.began,
            ends: RoundId(self.ends),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct TasksRecord {
    call: Option<StayRecord>,
    answer: Option<StayRecord>,
}

impl Record for Tasks {
    fn encode(&self) -> Option<Vec<u8>> {
        let [call, answer] = [self.call, self.answer].map(|stay| stay.map(StayRecord::of));
        let some = call.is_some() || answer.is_some();
        some.then(|| encode(VERSION, &TasksRecord { call, answer }))
    }
}

impl Tasks {
    /// Reads a record.
    pub(super) fn decode(record: &[u8]) -> Result<Self, Unreadable> {
        let TasksRecord { call, answer } = decode(VERSION, record)?;
        Ok(Self {
            call: call.map(StayRecord::read).transpose()?,
            answer: answer.map(StayRecord::read).transpose()?,
        })
    }
}
