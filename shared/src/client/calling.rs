//! What two people are about to become: the call that we make and the call that they make, as
//! one pure step from state and input to state and effects (docs/protocol.md §11.1).
//!
//! Beside it a person has a pair or none. All combinations have a meaning, and each part of the
//! state owns its secrets, so that what is over can't keep them.

use serde::{Deserialize, Serialize};

use super::{
    CallerDevice, EndReason,
    moment::{Lasts, Moment, Pace},
    stored::{Record, Unreadable, decode, encode},
};
use crate::{
    call::{
        AnswerSeed, CallKind, CallPayload, CallSecret, MESSAGE_BYTES, MeetingSeed, Place, Places,
        ResumeId, Validity, answer, meeting_tags,
    },
    identity::{ClientKey, Name, SecretKey},
    kdf::Secret,
    manifest::Realm,
    program::RoundId,
    session::{KeyTree, Session},
};

/// Dialing rounds in which a call is dialled.
pub(super) const CALL_DIALS: u64 = 30;
/// Dialing rounds in which a ring is dialled.
pub(super) const RING_DIALS: u64 = 4;
/// Dialing rounds in which a call is taken back.
pub(super) const WITHDRAW_DIALS: u64 = 2;
/// Dialing rounds after the first and the last message that a call rings.
const RING_AFTER_FIRST: u64 = 60;
const RING_AFTER_LAST: u64 = 30;
/// Conversation rounds that an answer has a task slot, and a call after its last dial.
pub(super) const TASK_TURNS: u64 = 24;
/// Conversation rounds after which a call goes on that was paused for the other side's.
const PAUSE_TURNS: u64 = 24;
const ANSWER_DAYS: u64 = 30;

/// Both calls with one person.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) own: Own,
    pub(super) theirs: Theirs,
}

/// The call or ring that we make.
#[derive(Debug, Default)]
pub(super) enum Own {
    #[default]
    Idle,
    /// It waits until another one has left its slot.
    Waiting {
        kind: CallKind,
        since: Moment,
    },
    Calling(Box<Outgoing>),
    /// Being taken back, since then.
    Withdrawing {
        call: Box<Outgoing>,
        since: Moment,
    },
}

/// A call or ring that is dialled.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) secret: CallSecret,
    pub(super) payload: CallPayload,
    pub(super) began: Moment,
    /// Since when the other side's call goes first.
    pub(super) paused: Option<Moment>,
    /// Where an answer is met; follows from the payload.
    pub(super) meeting: KeyTree,
}

/// The call that they make.
#[derive(Debug, Default)]
pub(super) enum Theirs {
    #[default]
    Idle,
    Ringing(Box<Incoming>),
    Answering(Box<Answering>),
}

/// A call that rings.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) message: [u8; MESSAGE_BYTES],
    pub(super) seed: MeetingSeed,
    pub(super) until: RoundId,
    pub(super) device: CallerDevice,
    pub(super) first: Moment,
    pub(super) last: Moment,
}

/// A call that we accepted, until their first packet opens.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) message: [u8; MESSAGE_BYTES],
    pub(super) meeting: MeetingSeed,
    pub(super) seed: AnswerSeed,
    /// The secret of an earlier session that both sides know.
    pub(super) resume: Option<Secret>,
    pub(super) place: Place,
    pub(super) device: CallerDevice,
    pub(super) since: Moment,
    /// When it got its task slot.
    pub(super) task: Option<Moment>,
    /// The row that answers: the same bytes in every round, made once.
    pub(super) row: Vec<u8>,
    /// Whether it is kept beside a pair that the own call has made meanwhile.
    pub(super) beside: Beside,
    /// Follows from all of the above.
    pub(super) session: Session,
    /// A newer call of theirs, which rings meanwhile.
    pub(super) newer: Option<Incoming>,
}

/// Whether an answer is kept beside a pair that the own call made.
///
/// Both called, both were answered: each side may hear the other's message 2 before it knows that
/// its own was heard. The greater key then keeps its answer until a packet shows which of the two
/// sessions the other side has; the smaller one drops its answer. With any other rule two such
/// people would split for good (docs/models/, glare).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Beside {
    NoPair,
    OwnPair,
}

/// What happens to the calls with one person.
pub(super) enum Input {
    /// The person presses Call or Ring.
    Press(CallKind),
    /// The slot for calls and rings is free: the one that waited begins.
    Begin(Box<Outgoing>),
    /// The person takes their own call back.
    Cancel,
    /// A dial of theirs arrived, not withdrawn.
    Dialled(Box<Incoming>),
    /// A dial arrived that takes a call back.
    TakenBack(MeetingSeed),
    /// The person accepts, or both called each other: the answer is ready.
    Answer(Box<Answering>),
    Decline,
    /// The person blocks them.
    Block,
    /// The answer got its task slot.
    AnswerBegins,
    /// Message 2 of theirs opened: the pair is there.
    Answered,
    /// A packet under our answer opened: the pair is there.
    Heard,
    /// A packet of the pair opened that our own call made.
    HeardPair,
    /// Time went by.
    Tick,
}

/// What follows, beside the new state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Both call each other: their call is to be answered without asking.
    AnswerTheirs,
    /// A call began to ring.
    Rings,
    /// A call of that side's is over.
    Over(EndReason),
    /// The own call gives its task slot up.
    ReleaseSlot,
}

/// What the step needs to know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) now: Moment,
    pub(super) pace: Pace,
    /// Which of the two keys is ours.
    pub(super) order: KeyOrder,
}

/// Which of the two keys is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOrder {
    OursIsSmaller,
    OursIsGreater,
}

impl Calls {
    /// Returns whether there is nothing to keep.
    pub(super) const fn is_idle(&self) -> bool {
        matches!(
            self,
            Self {
                own: Own::Idle,
                theirs: Theirs::Idle
            }
        )
    }

    /// Returns the call, not ring, that is waiting for an answer.
    pub(super) fn calling(&self) -> Option<&Outgoing> {
        match &self.own {
            Own::Calling(call) if call.payload.kind == CallKind::Call => Some(call),
            _ => None,
        }
    }

    pub(super) fn answering(&self) -> Option<&Answering> {
        match &self.theirs {
            Theirs::Answering(answering) => Some(answering),
            _ => None,
        }
    }

    pub(super) fn answering_mut(&mut self) -> Option<&mut Answering> {
        match &mut self.theirs {
            Theirs::Answering(answering) => Some(answering),
            _ => None,
        }
    }

    /// Returns the call of theirs that rings.
    pub(super) fn ringing(&self) -> Option<&Incoming> {
        match &self.theirs {
            Theirs::Ringing(incoming) => Some(incoming),
            Theirs::Answering(answering) => answering.newer.as_ref(),
            Theirs::Idle => None,
        }
    }

    /// Returns what a tick can change: as long as it stays the same, nothing must be stored.
    pub(super) fn shape(&self) -> impl PartialEq + use<> {
        let own = match &self.own {
            Own::Idle => 0,
            Own::Waiting { .. } => 1,
            Own::Calling(call) if call.paused.is_none() => 2,
            Own::Calling(_) => 3,
            Own::Withdrawing { .. } => 4,
        };
        let theirs = match &self.theirs {
            Theirs::Idle => 0,
            Theirs::Ringing(_) => 1,
            Theirs::Answering(answering) if answering.newer.is_none() => 2,
            Theirs::Answering(_) => 3,
        };
        (own, theirs)
    }

    fn wants_to_call(&self) -> bool {
        match &self.own {
            Own::Waiting { kind, .. } => *kind == CallKind::Call,
            _ => self.calling().is_some(),
        }
    }

    /// Takes an input.
    pub(super) fn step(self, input: Input, at: Circumstances) -> (Self, Vec<Effect>) {
        let mut effects = Vec::new();
        let Self { own, theirs } = self;
        let calls = match input {
            Input::Press(kind) => Self {
                own: press(own, kind, at.now),
                theirs,
            },
            Input::Begin(call) => Self {
                own: match own {
                    Own::Waiting { .. } => Own::Calling(call),
                    other => other,
                },
                theirs,
            },
            Input::Cancel => Self {
                own: cancel(own, at.now, &mut effects),
                theirs,
            },
            Input::Dialled(incoming) => Self { own, theirs }.dialled(*incoming, &mut effects),
            Input::TakenBack(seed) => Self {
                own,
                theirs: taken_back(theirs, &seed, &mut effects),
            },
            Input::Answer(answering) => Self { own, theirs }.answer(answering, at),
            Input::Decline => Self {
                own,
                theirs: decline(theirs, &mut effects),
            },
            Input::Block => Self {
                own: block_own(&own, &mut effects),
                theirs: block_theirs(theirs),
            },
            Input::AnswerBegins => Self {
                own,
                theirs: match theirs {
                    Theirs::Answering(mut answering) => {
                        answering.task = Some(at.now);
                        Theirs::Answering(answering)
                    }
                    other => other,
                },
            },
            Input::Answered => Self {
                own: Own::Idle,
                theirs: answered(theirs, at.order),
            },
            Input::Heard => Self::default(),
            Input::HeardPair => Self {
                own,
                theirs: match theirs {
                    Theirs::Answering(it) if it.beside == Beside::OwnPair => Theirs::Idle,
                    other => other,
                },
            },
            Input::Tick => Self {
                own: tick_own(own, at, &mut effects),
                theirs: tick_theirs(theirs, at, &mut effects),
            },
        };
        (calls, effects)
    }

    fn dialled(mut self, incoming: Incoming, effects: &mut Vec<Effect>) -> Self {
        let calls = self.wants_to_call();
        self.theirs = match self.theirs {
            Theirs::Answering(mut answering) => {
                // Their dials go on until they have heard us; another call of theirs rings.
                if answering.meeting != incoming.seed {
                    if answering
                        .newer
                        .as_ref()
                        .is_none_or(|newer| newer.seed != incoming.seed)
                    {
                        effects.push(Effect::Rings);
                    }
                    answering.newer = Some(refreshed(answering.newer.as_ref(), incoming));
                }
                Theirs::Answering(answering)
            }
            theirs => {
                let known = match &theirs {
                    Theirs::Ringing(known) => Some(known.as_ref()),
                    _ => None,
                };
                let news = known.is_none_or(|known| known.seed != incoming.seed);
                if calls {
                    effects.push(Effect::AnswerTheirs);
                } else if news {
                    effects.push(Effect::Rings);
                }
                Theirs::Ringing(Box::new(refreshed(known, incoming)))
            }
        };
        self
    }

    fn answer(mut self, answering: Box<Answering>, at: Circumstances) -> Self {
        self.own = match self.own {
            // Both call. The smaller key's call goes first; a forged one must not end ours.
            Own::Calling(mut call) if call.payload.kind == CallKind::Call => {
                if at.order == KeyOrder::OursIsGreater {
                    call.paused = Some(at.now);
                }
                Own::Calling(call)
            }
            own @ Own::Withdrawing { .. } => own,
            Own::Waiting { .. } | Own::Calling(_) | Own::Idle => Own::Idle,
        };
        self.theirs = Theirs::Answering(answering);
        self
    }
}

/// Decides about the answer when the own call is answered.
fn answered(theirs: Theirs, order: KeyOrder) -> Theirs {
    match (theirs, order) {
        (Theirs::Answering(mut answering), KeyOrder::OursIsGreater) => {
            answering.beside = Beside::OwnPair;
            Theirs::Answering(answering)
        }
        _ => Theirs::Idle,
    }
}

fn press(own: Own, kind: CallKind, now: Moment) -> Own {
    match own {
        Own::Idle => Own::Waiting { kind, since: now },
        other => other,
    }
}

fn cancel(own: Own, now: Moment, effects: &mut Vec<Effect>) -> Own {
    match own {
        Own::Calling(call) => {
            effects.push(Effect::ReleaseSlot);
            effects.push(Effect::Over(EndReason::ByUs));
            Own::Withdrawing { call, since: now }
        }
        Own::Waiting { .. } => {
            effects.push(Effect::Over(EndReason::ByUs));
            Own::Idle
        }
        own => own,
    }
}

/// A call that is dialled again keeps when it was first seen.
fn refreshed(known: Option<&Incoming>, incoming: Incoming) -> Incoming {
    match known {
        Some(known) if known.seed == incoming.seed => Incoming {
            first: known.first,
            ..incoming
        },
        _ => incoming,
    }
}

fn taken_back(theirs: Theirs, seed: &MeetingSeed, effects: &mut Vec<Effect>) -> Theirs {
    match theirs {
        Theirs::Ringing(incoming) if incoming.seed == *seed => {
            effects.push(Effect::Over(EndReason::Missed));
            Theirs::Idle
        }
        Theirs::Answering(mut answering) => {
            answering.newer = answering.newer.filter(|newer| newer.seed != *seed);
            Theirs::Answering(answering)
        }
        other => other,
    }
}

fn decline(theirs: Theirs, effects: &mut Vec<Effect>) -> Theirs {
    match theirs {
        Theirs::Ringing(_) => {
            effects.push(Effect::Over(EndReason::ByUs));
            Theirs::Idle
        }
        Theirs::Answering(mut answering) => {
            answering.newer = None;
            Theirs::Answering(answering)
        }
        Theirs::Idle => Theirs::Idle,
    }
}

/// Nothing more is said, not even that the call is taken back.
fn block_own(own: &Own, effects: &mut Vec<Effect>) -> Own {
    if matches!(own, Own::Calling(_)) {
        effects.push(Effect::ReleaseSlot);
    }
    Own::Idle
}

/// An answer stays, unheard while they are blocked. They may have heard it, and have moved to its
/// session from one that we share: without it the two would never meet again.
fn block_theirs(theirs: Theirs) -> Theirs {
    match theirs {
        Theirs::Answering(mut answering) => {
            answering.newer = None;
            Theirs::Answering(answering)
        }
        Theirs::Ringing(_) | Theirs::Idle => Theirs::Idle,
    }
}

fn tick_own(own: Own, at: Circumstances, effects: &mut Vec<Effect>) -> Own {
    let (now, pace) = (at.now, at.pace);
    match own {
        Own::Calling(call) if call.payload.kind == CallKind::Ring => {
            if now.is_over(call.began, Lasts::Dials(RING_DIALS), pace) {
                Own::Idle
            } else {
                Own::Calling(call)
            }
        }
        Own::Calling(mut call) => {
            let ends = stay_of_call(&call, pace);
            if now.is_past(call.began, ends, pace) {
                effects.push(Effect::Over(EndReason::NoAnswer));
                return Own::Idle;
            }
            let pause = Lasts::Conversations(PAUSE_TURNS);
            if call
                .paused
                .is_some_and(|since| now.is_over(since, pause, pace))
            {
                call.paused = None;
            }
            Own::Calling(call)
        }
        Own::Withdrawing { call, since } => {
            if now.is_over(since, Lasts::Dials(WITHDRAW_DIALS), pace) {
                Own::Idle
            } else {
                Own::Withdrawing { call, since }
            }
        }
        own => own,
    }
}

/// Returns the round at which a call gives its task slot up.
pub(super) fn stay_of_call(call: &Outgoing, pace: Pace) -> RoundId {
    let last_dial = Moment {
        round: call.payload.until.0,
        ..call.began
    };
    last_dial.ahead(TASK_TURNS, 0, pace)
}

fn tick_theirs(theirs: Theirs, at: Circumstances, effects: &mut Vec<Effect>) -> Theirs {
    match theirs {
        Theirs::Ringing(incoming) if has_rung_out(&incoming, at) => {
            effects.push(Effect::Over(EndReason::Missed));
            Theirs::Idle
        }
        Theirs::Answering(mut answering) => {
            if at
                .now
                .is_over(answering.since, Lasts::Days(ANSWER_DAYS), at.pace)
            {
                return Theirs::Idle;
            }
            answering.newer = answering.newer.filter(|newer| !has_rung_out(newer, at));
            Theirs::Answering(answering)
        }
        other => other,
    }
}

fn has_rung_out(incoming: &Incoming, at: Circumstances) -> bool {
    let Circumstances { now, pace, .. } = at;
    now.is_past(incoming.first, incoming.until, pace)
        || now.is_over(incoming.first, Lasts::Dials(RING_AFTER_FIRST), pace)
        || now.is_over(incoming.last, Lasts::Dials(RING_AFTER_LAST), pace)
}

/// Returns the payload that takes a call back.
pub(super) fn withdrawn(payload: &CallPayload) -> CallPayload {
    CallPayload {
        validity: Validity::Withdrawn,
        ..payload.clone()
    }
}

impl Record for Calls {
    fn encode(&self) -> Option<Vec<u8>> {
        let own = match &self.own {
            Own::Idle => OwnRecord::Idle,
            Own::Waiting { kind, since } => OwnRecord::Waiting {
                ring: *kind == CallKind::Ring,
                since: *since,
            },
            Own::Calling(call) => OwnRecord::Calling(OutgoingRecord::of(call)),
            Own::Withdrawing { call, since } => OwnRecord::Withdrawing {
                call: OutgoingRecord::of(call),
                since: *since,
            },
        };
        let theirs = match &self.theirs {
            Theirs::Idle => TheirsRecord::Idle,
            Theirs::Ringing(incoming) => TheirsRecord::Ringing(IncomingRecord::of(incoming)),
            Theirs::Answering(answering) => {
                TheirsRecord::Answering(Box::new(AnsweringRecord::of(answering)))
            }
        };
        (!self.is_idle()).then(|| encode(VERSION, &CallsRecord { own, theirs }))
    }
}

const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct CallsRecord {
    own: OwnRecord,
    theirs: TheirsRecord,
}

#[derive(Serialize, Deserialize)]
enum OwnRecord {
    Idle,
    Waiting { ring: bool, since: Moment },
    Calling(OutgoingRecord),
    Withdrawing { call: OutgoingRecord, since: Moment },
}

#[derive(Serialize, Deserialize)]
struct OutgoingRecord {
    secret: [u8; 32],
    ring: bool,
    name: String,
    resume: [u8; 8],
    until: u64,
    places: u32,
    began: Moment,
    paused: Option<Moment>,
}

#[derive(Serialize, Deserialize)]
enum TheirsRecord {
    Idle,
    Ringing(IncomingRecord),
    Answering(Box<AnsweringRecord>),
}

#[derive(Serialize, Deserialize)]
struct IncomingRecord {
    message: Vec<u8>,
    seed: [u8; 16],
    until: u64,
    new_device: bool,
    first: Moment,
    last: Moment,
}

#[derive(Serialize, Deserialize)]
struct AnsweringRecord {
    message: Vec<u8>,
    meeting: [u8; 16],
    seed: [u8; 32],
    resume: Option<[u8; 32]>,
    place: u8,
    new_device: bool,
    since: Moment,
    task: Option<Moment>,
    beside: Beside,
    newer: Option<IncomingRecord>,
}

/// Whose calls a record has.
#[derive(Clone, Copy)]
pub(super) struct Between<'a> {
    pub(super) secret: &'a SecretKey,
    pub(super) realm: &'a Realm,
    pub(super) own: ClientKey,
    pub(super) peer: ClientKey,
    /// Bytes of a row's message.
    pub(super) message_bytes: usize,
}

impl Calls {
    /// Reads a record.
    pub(super) fn decode(record: &[u8], between: Between<'_>) -> Result<Self, Unreadable> {
        let record: CallsRecord = decode(VERSION, record)?;
        Self::of(record, between).ok_or(Unreadable::Damaged)
    }

    fn of(record: CallsRecord, between: Between<'_>) -> Option<Self> {
        let own = match record.own {
            OwnRecord::Idle => Own::Idle,
            OwnRecord::Waiting { ring, since } => Own::Waiting {
                kind: kind(ring),
                since,
            },
            OwnRecord::Calling(call) => Own::Calling(Box::new(call.read(between)?)),
            OwnRecord::Withdrawing { call, since } => Own::Withdrawing {
                call: Box::new(call.read(between)?),
                since,
            },
        };
        let theirs = match record.theirs {
            TheirsRecord::Idle => Theirs::Idle,
            TheirsRecord::Ringing(incoming) => Theirs::Ringing(Box::new(incoming.read()?)),
            TheirsRecord::Answering(answering) => {
                Theirs::Answering(Box::new(answering.read(between)?))
            }
        };
        Some(Self { own, theirs })
    }
}

const fn kind(ring: bool) -> CallKind {
    if ring { CallKind::Ring } else { CallKind::Call }
}

const fn device(new: bool) -> CallerDevice {
    if new {
        CallerDevice::New
    } else {
        CallerDevice::Known
    }
}

impl OutgoingRecord {
    fn of(call: &Outgoing) -> Self {
        let payload = &call.payload;
        Self {
            secret: *call.secret.0.as_bytes(),
            ring: payload.kind == CallKind::Ring,
            name: payload.name.as_str().to_owned(),
            resume: *payload.resume.as_bytes(),
            until: payload.until.0,
            places: payload.places.mask(),
            began: call.began,
            paused: call.paused,
        }
    }

    fn read(self, between: Between<'_>) -> Option<Outgoing> {
        let payload = CallPayload {
            kind: kind(self.ring),
            validity: Validity::Stands,
            name: Name::new(&self.name).ok()?,
            seed: CallSecret(Secret::from_bytes(self.secret)).meeting_seed(),
            resume: ResumeId::from_bytes(self.resume),
            until: RoundId(self.until),
            places: Places::new(self.places)?,
        };
        let secret = CallSecret(Secret::from_bytes(self.secret));
        Some(Outgoing::new(
            secret,
            payload,
            self.began,
            self.paused,
            between,
        ))
    }
}

impl Outgoing {
    /// Puts a call together; where an answer is met follows from it.
    pub(super) fn new(
        secret: CallSecret,
        payload: CallPayload,
        began: Moment,
        paused: Option<Moment>,
        between: Between<'_>,
    ) -> Self {
        let meeting = meeting_tags(between.realm, &payload.seed, &between.own, &between.peer);
        Self {
            secret,
            payload,
            began,
            paused,
            meeting,
        }
    }
}

impl IncomingRecord {
    fn of(incoming: &Incoming) -> Self {
        Self {
            message: incoming.message.to_vec(),
            seed: *incoming.seed.as_bytes(),
            until: incoming.until.0,
            new_device: incoming.device == CallerDevice::New,
            first: incoming.first,
            last: incoming.last,
        }
    }

    fn read(self) -> Option<Incoming> {
        Some(Incoming {
            message: self.message.try_into().ok()?,
            seed: MeetingSeed::from_bytes(self.seed),
            until: RoundId(self.until),
            device: device(self.new_device),
            first: self.first,
            last: self.last,
        })
    }
}

impl AnsweringRecord {
    fn of(answering: &Answering) -> Self {
        Self {
            message: answering.message.to_vec(),
            meeting: *answering.meeting.as_bytes(),
            seed: *answering.seed.0.as_bytes(),
            resume: answering.resume.as_ref().map(|secret| *secret.as_bytes()),
            place: answering.place.code(),
            new_device: answering.device == CallerDevice::New,
            since: answering.since,
            task: answering.task,
            beside: answering.beside,
            newer: answering.newer.as_ref().map(IncomingRecord::of),
        }
    }

    fn read(self, between: Between<'_>) -> Option<Answering> {
        let newer = match self.newer {
            Some(newer) => Some(newer.read()?),
            None => None,
        };
        let accepted = Accepted {
            message: self.message.try_into().ok()?,
            meeting: MeetingSeed::from_bytes(self.meeting),
            seed: AnswerSeed(Secret::from_bytes(self.seed)),
            resume: self.resume.map(Secret::from_bytes),
            place: Place::new(self.place)?,
            device: device(self.new_device),
        };
        let answering = Answering::new(accepted, self.since, between)?;
        Some(Answering {
            task: self.task,
            beside: self.beside,
            newer,
            ..answering
        })
    }
}

/// What an answer consists of.
pub(super) struct Accepted {
    pub(super) message: [u8; MESSAGE_BYTES],
    pub(super) meeting: MeetingSeed,
    pub(super) seed: AnswerSeed,
    pub(super) resume: Option<Secret>,
    pub(super) place: Place,
    pub(super) device: CallerDevice,
}

impl Answering {
    /// Answers a call; `None` if it is none.
    pub(super) fn new(accepted: Accepted, since: Moment, between: Between<'_>) -> Option<Self> {
        let Accepted {
            message,
            meeting,
            seed,
            resume,
            place,
            device,
        } = accepted;
        let Between {
            secret,
            realm,
            own,
            peer,
            message_bytes,
        } = between;
        let answer = answer(
            secret,
            realm,
            &message,
            resume.as_ref(),
            place,
            &seed,
            message_bytes,
        )?;
        let tags = meeting_tags(realm, &meeting, &peer, &own);
        Some(Self {
            session: Session::new(realm, own, peer, answer.secret, tags),
            row: answer.row,
            message,
            meeting,
            seed,
            resume,
            place,
            device,
            since,
            task: None,
            beside: Beside::NoPair,
            newer: None,
        })
    }
}

#[cfg(test)]
mod tests;
