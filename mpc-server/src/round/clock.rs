//! The round clock: P0 leads, P1 and P2 follow.
//!
//! Plain state: inputs and the time go in, outputs come out. There are two lanes, conversation
//! and dialing, where contacts and open alternate. In each lane at most one round is open and,
//! at P0, at most one is being computed; a round stays open until the one before is through, so
//! a period stretches by itself, as it does while clients answer late ([`super::stretch`]). One
//! counter numbers the rounds of all programs. A round that
//! fails is over. Where too many were aborted, each party for itself runs none until it is started
//! anew, and none runs while one of the three does so.
//!
//! P1 and P2 repeat to their clients what P0 opens, and clients believe what two servers say. So
//! what P0 says is held against the rules first: P0 and one honest peer are not enough to run
//! rounds fast, to jump ahead in numbers or turns, or to leave a dialing program out.

use std::collections::BTreeMap;
use std::time::Duration;

use mcmix_shared::manifest::Deployment;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId, Turn};

use super::abort::{Abort, Patience, Tally};
use super::stretch::Stretch;
use crate::intake::Need;
use crate::net::{Control, Position};

/// Time since the party started.
pub type Time = Duration;

/// Pause after a failed round, so that a lasting fault does not make rounds race.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);
/// How far numbers and turns may be from the last ones, as peers see it.
pub const MAX_JUMP: u64 = 1 << 20;
/// Rounds with a result of which it is remembered that they had one.
const REMEMBERED: usize = 8;
/// How far P0 goes for a peer's sake: less, so that no peer can make it break the rule.
const MAX_LEAP: u64 = MAX_JUMP / 2;

/// How often rounds come.
#[derive(Clone, Copy, Debug)]
pub struct Periods {
    /// From one conversation round to the next.
    pub conversation: Duration,
    /// From one dialing round to the next.
    pub dialing: Duration,
}

impl From<&Deployment> for Periods {
    fn from(deployment: &Deployment) -> Self {
        Self {
            conversation: Duration::from_millis(deployment.conversation_period_ms.into()),
            dialing: Duration::from_millis(deployment.dialing_period_ms.into()),
        }
    }
}

impl Periods {
    /// Returns a program of the lane whose rounds come more often, and its period: how long clients
    /// take to answer those decides how long all rounds stay open.
    pub fn pacing(self) -> (Program, Duration) {
        if self.conversation <= self.dialing {
            (Program::Conversation, self.conversation)
        } else {
            (Program::Contacts, self.dialing)
        }
    }

    fn paces(self, program: Program) -> bool {
        self.pacing().0.is_dialing() == program.is_dialing()
    }

    const fn of(self, program: Program) -> Duration {
        match program {
            Program::Conversation => self.conversation,
            Program::Contacts | Program::Open => self.dialing,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A link is up.
    LinkUp {
        /// The peer.
        peer: PartyId,
        /// How far it has come; it takes part in no round up to that one.
        position: Position,
    },
    /// A link is down.
    LinkDown {
        /// The peer.
        peer: PartyId,
    },
    /// A peer said something.
    Control {
        /// The peer.
        from: PartyId,
        /// What it said.
        control: Control,
    },
    /// Computing a round ended here.
    Finished {
        /// The round.
        round: RoundId,
        /// Whether there is a result.
        outcome: Outcome,
    },
    /// Time went by.
    Tick,
}

/// How computing a round ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a result.
    Done,
    /// Without one: a link failed, or time was up.
    Failed,
    /// Without one: a check found that a peer deviates.
    Aborted(Abort),
}

/// Why a round is over without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A link, or the time.
    Broken,
    /// A peer said so, and no more: a link of its own broke, its time was over, or it declined.
    Told(PartyId),
    /// Computing it did not end in time, though it has a limit of its own.
    Late,
    /// A check here or at a peer.
    Aborted,
}

/// Where rounds were stopped, after too many aborts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Here.
    Here,
    /// At a peer, which says so; here, too, rounds are not run without it.
    At(PartyId),
}

/// What is to be done about it, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Collect submissions for a round and tell the clients.
    Open {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
        /// Its turn.
        turn: Turn,
        /// When it is expected to close.
        closes_in: Duration,
        /// How wide the sort is, as P0 chose it.
        sort_ways: u8,
    },
    /// Freeze a round and compute it.
    Compute {
        /// The round.
        round: RoundId,
    },
    /// A round is over without a result, perhaps with one here alone: abandon it and tell the
    /// clients.
    Fail {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
        /// Why.
        cause: Cause,
    },
    /// A round was aborted, here or at a peer: log and count it.
    Abort {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
        /// What was found, and by whom.
        abort: Abort,
    },
    /// Tell a peer.
    Tell {
        /// The peer.
        to: PartyId,
        /// What.
        control: Control,
    },
    /// A peer broke the rules of the clock: cut its link.
    Cut {
        /// The peer.
        peer: PartyId,
        /// What it did.
        misdeed: Misdeed,
    },
    /// A round is not taken part in, as P0 is told; a slow wire can do this to an honest one.
    Decline {
        /// The round.
        round: RoundId,
        /// What is wrong with it.
        misdeed: Misdeed,
    },
}

/// How a peer can break the rules of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misdeed {
    /// Only P0 opens and closes rounds.
    #[error("it leads, but it is not P0")]
    NotTheLeader,
    /// A round number that is not new.
    #[error("it opened a round whose number is not new")]
    NumberWentBack,
    /// A round number too far ahead.
    #[error("it opened a round whose number is more than 2^20 ahead")]
    NumberJumped,
    /// A turn that does not follow the last one.
    #[error("it opened a round whose turn does not follow the last one")]
    WrongTurn,
    /// Contacts and open take turns.
    #[error("it opened the same dialing program twice running")]
    SameDialing,
    /// A round so soon after the last of its lane that rounds would race.
    #[error("it opened a round less than half a period after the last one")]
    TooSoon,
    /// Two rounds of one lane at a time.
    #[error("it opened a round while one of its kind was open")]
    TwoOpen,
    /// A round that was never opened.
    #[error("it spoke of a round that was never opened")]
    NeverOpened,
    /// Only P1 and P2 report on the link between them.
    #[error("it reported on a link that is not its to report on")]
    NotItsLink,
}

/// Conversation rounds, or dialing rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    open: Option<(RoundId, Program)>,
    /// When the last round opened.
    opened_at: Option<Time>,
    /// When the open round closes; the leader's business.
    closes_at: Time,
    /// When the next round may open; the leader's business.
    resumes_at: Time,
}

/// A round that is being computed.
#[derive(Clone, Copy, Debug)]
struct Computing {
    program: Program,
    /// When it is given up.
    until: Time,
}

/// The link with one peer.
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    up: bool,
    /// How far the peer had come when the link came up.
    position: Position,
    /// The peer has stopped rounds, it said over this link.
    has_stopped: bool,
    /// How long its clients took to answer, it said last over this link.
    need: Need,
}

/// The clock of one party.
#[derive(Debug)]
pub struct Clock {
    me: PartyId,
    periods: Periods,
    conversation: Lane,
    dialing: Lane,
    /// The program of the last dialing round; none where that may be unknown.
    last_dialing: Option<Program>,
    /// Rounds that are being computed here.
    computing: BTreeMap<RoundId, Computing>,
    /// How long that may take.
    limit: Time,
    /// The last rounds that had a result here.
    done: BTreeMap<RoundId, Program>,
    aborts: Tally,
    /// There were too many aborts; no rounds from now on.
    has_stopped: bool,
    position: Position,
    /// The number from which rounds start where no party knows of any.
    start: RoundId,
    /// Whether we may have missed rounds: none opened yet since we started or, at P1 and P2, since
    /// the link with P0 came up.
    unsettled: bool,
    next: Side,
    prev: Side,
    /// At P0: whether P1 and P2 say that the link between them is up.
    far_side: [bool; 2],
    /// At P0: how wide the sort is in the rounds that open from now on.
    sort_ways: u8,
    /// How long our clients took to answer since the last round of the pacing lane opened.
    need: Need,
    /// At P0: how much longer rounds stay open.
    stretch: Stretch,
    /// At P1 and P2: what P0 was told last of how long our clients take.
    told: Need,
}

impl Clock {
    /// Makes the clock of a party that has come that far. Where no party knows of any round, rounds
    /// are numbered from `start` on.
    pub fn new(
        me: PartyId,
        (periods, patience): (Periods, Patience),
        position: Position,
        start: RoundId,
    ) -> Self {
        Self {
            me,
            periods,
            conversation: Lane::default(),
            dialing: Lane::default(),
            last_dialing: None,
            computing: BTreeMap::new(),
            limit: Time::MAX,
            done: BTreeMap::new(),
            aborts: Tally::new(patience),
            has_stopped: false,
            position,
            start,
            unsettled: true,
            next: Side::default(),
            prev: Side::default(),
            far_side: [false; 2],
            sort_ways: 2,
            need: Need::default(),
            stretch: Stretch::NONE,
            told: Need::default(),
        }
    }

    /// Gives computing a round so much time, after which it is given up: whatever keeps a thread from
    /// ending it keeps no other round from coming.
    #[must_use]
    pub const fn limiting(mut self, limit: Time) -> Self {
        self.limit = limit;
        self
    }

    /// Sets how wide the sort is in the rounds that open from now on; P0's choice.
    pub const fn set_sort_ways(&mut self, ways: u8) {
        self.sort_ways = ways;
    }

    /// Sets how long our clients took to answer since the last round of the pacing lane opened.
    pub const fn set_need(&mut self, need: Need) {
        self.need = need;
    }

    /// Returns how much longer than a period rounds stay open; P0's choice.
    pub const fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// Returns whether a round may close when that is handled: what has come for it until then is
    /// to be taken in before.
    pub fn may_close(&self, now: Time, input: &Input) -> bool {
        match input {
            Input::Control { control, .. } => matches!(control, Control::Close { .. }),
            Input::Tick | Input::Finished { .. } => {
                let mut lanes = [&self.conversation, &self.dialing].into_iter();
                self.leads() && lanes.any(|lane| lane.open.is_some() && lane.closes_at <= now)
            }
            Input::LinkUp { .. } | Input::LinkDown { .. } => false,
        }
    }

    /// Returns how far the rounds have come.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Returns whether both links are up and, at P0, the third one too.
    pub const fn is_linked(&self) -> bool {
        let [p1, p2] = self.far_side;
        self.next.up && self.prev.up && (!self.leads() || (p1 && p2))
    }

    /// Returns the links that rounds need and that are not up, as far as is known here.
    pub fn missing(&self) -> Vec<[PartyId; 2]> {
        let peers = [self.me.prev(), self.me.next()].into_iter();
        let ours: Vec<_> = peers
            .filter(|&peer| !self.is_up(peer))
            .map(|peer| [self.me, peer])
            .collect();
        // Of the far link P0 hears over its own.
        if ours.is_empty() && !self.is_linked() {
            return vec![[PartyId::P1, PartyId::P2]];
        }
        ours
    }

    /// Returns where rounds were stopped after too many aborts, if they were.
    pub fn halt(&self) -> Option<Halt> {
        if self.has_stopped {
            return Some(Halt::Here);
        }
        let mut peers = [self.me.next(), self.me.prev()].into_iter();
        let stopped = |&peer: &PartyId| self.side(peer).has_stopped;
        peers.find(stopped).map(Halt::At)
    }

    fn may_run(&self) -> bool {
        self.is_linked() && self.halt().is_none()
    }

    /// Returns when the next [`Input::Tick`] can matter.
    pub fn next_tick(&self) -> Option<Time> {
        let late = self.computing.values().map(|it| it.until);
        late.chain(self.next_to_lead()).min()
    }

    /// Returns when P0 opens or closes a round next.
    fn next_to_lead(&self) -> Option<Time> {
        if !self.leads() || !self.may_run() {
            return None;
        }
        self.due()
            .into_iter()
            .filter_map(|program| {
                let lane = self.lane(program);
                match lane.open {
                    None => Some(lane.resumes_at),
                    Some(_) if !self.is_computing(program) => Some(lane.closes_at),
                    Some(_) => None,
                }
            })
            .min()
    }

    /// Takes in what happened and returns what is to be done.
    pub fn handle(&mut self, now: Time, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::LinkUp { peer, position } => self.link_up(peer, position, &mut out),
            Input::LinkDown { peer } => self.link_down(now, peer, &mut out),
            Input::Control { from, control } => self.control(now, from, control, &mut out),
            Input::Finished { round, outcome } => match outcome {
                Outcome::Done => self.finish(round),
                Outcome::Failed => self.fail(now, round, None, &mut out),
                Outcome::Aborted(abort) => self.abort(now, round, abort, &mut out),
            },
            Input::Tick => {}
        }
        self.give_up_late(now, &mut out);
        if self.leads() {
            self.lead(now, &mut out);
        }
        out
    }

    const fn leads(&self) -> bool {
        matches!(self.me, PartyId::P0)
    }

    fn link_up(&mut self, peer: PartyId, position: Position, out: &mut Vec<Output>) {
        *self.side_mut(peer) = Side {
            up: true,
            position,
            has_stopped: false,
            need: Need::default(),
        };
        if peer == PartyId::P0 {
            self.told = Need::default();
            self.unsettled = true;
            self.last_dialing = None;
        }
        if !self.leads() && self.is_up(PartyId::P0) {
            let up = self.is_up(self.far_peer());
            out.push(Output::Tell {
                to: PartyId::P0,
                control: Control::Linked { up },
            });
        }
        if self.has_stopped {
            out.push(Output::Tell {
                to: peer,
                control: Control::Stopped,
            });
        }
    }

    /// Every round needs every link: all that are under way are over.
    fn link_down(&mut self, now: Time, peer: PartyId, out: &mut Vec<Output>) {
        let side = self.side_mut(peer);
        side.up = false;
        side.has_stopped = false;
        side.need = Need::default();
        if self.leads() {
            self.set_far_side(peer, false);
        }
        self.fail_all(now, out);
        if !self.leads() && peer == self.far_peer() && self.is_up(PartyId::P0) {
            out.push(Output::Tell {
                to: PartyId::P0,
                control: Control::Linked { up: false },
            });
        }
    }

    fn control(&mut self, now: Time, from: PartyId, control: Control, out: &mut Vec<Output>) {
        let obeyed = match control {
            Control::Failed { round } => {
                if round > self.position.round {
                    Err(Misdeed::NeverOpened)
                } else {
                    if self.done.contains_key(&round) {
                        let account = "it has no result of a round that has one here".to_owned();
                        let abort = Abort::told(self.me, from, account);
                        self.abort(now, round, abort, out);
                    } else {
                        self.fail(now, round, Some(from), out);
                    }
                    Ok(())
                }
            }
            // Whoever was not told of the round by P0 has nothing to end.
            Control::Aborted { round, account } => {
                let abort = Abort::told(self.me, from, account);
                self.abort(now, round, abort, out);
                Ok(())
            }
            Control::Stopped => {
                self.side_mut(from).has_stopped = true;
                self.fail_all(now, out);
                Ok(())
            }
            Control::Linked { up } if self.leads() => {
                self.set_far_side(from, up);
                if !up {
                    self.fail_all(now, out);
                }
                Ok(())
            }
            Control::Linked { .. } => Err(Misdeed::NotItsLink),
            Control::Needs { need } => {
                self.side_mut(from).need = Need(need);
                Ok(())
            }
            Control::Open { .. } | Control::Close { .. } if from != PartyId::P0 => {
                Err(Misdeed::NotTheLeader)
            }
            Control::Open {
                round,
                program,
                turn,
                closes_in_ms,
                sort_ways,
            } => {
                let opened = Opened {
                    round,
                    program,
                    turn,
                    closes_in: Duration::from_millis(closes_in_ms.into()),
                    sort_ways,
                };
                self.follow_open(now, opened, out)
            }
            Control::Close { round } => self.follow_close(now, round, out),
        };
        if let Err(misdeed) = obeyed {
            out.push(Output::Cut {
                peer: from,
                misdeed,
            });
        }
    }

    fn follow_open(
        &mut self,
        now: Time,
        opened: Opened,
        out: &mut Vec<Output>,
    ) -> Result<(), Misdeed> {
        let Opened {
            round,
            program,
            turn,
            ..
        } = opened;
        if round <= self.position.round {
            return Err(Misdeed::NumberWentBack);
        }
        if !self.may_follow(round) {
            return Err(Misdeed::NumberJumped);
        }
        if !self.may_take_turn(program, turn) {
            return Err(Misdeed::WrongTurn);
        }
        if self.lane(program).open.is_some() {
            return Err(Misdeed::TwoOpen);
        }
        if program.is_dialing() && self.last_dialing == Some(program) {
            return Err(Misdeed::SameDialing);
        }
        self.advance(Position { round, turn }, program);
        let half = self.periods.of(program) / 2;
        let too_soon = |at: Time| now < at + half;
        if self.lane(program).opened_at.is_some_and(too_soon) {
            let misdeed = Misdeed::TooSoon;
            out.push(Output::Decline { round, misdeed });
            self.tell_all(&Control::Failed { round }, None, out);
        } else if self.may_run() {
            let lane = self.lane_mut(program);
            lane.open = Some((round, program));
            lane.opened_at = Some(now);
            out.push(opened.output());
        } else {
            self.tell_all(&Control::Failed { round }, None, out);
        }
        Ok(())
    }

    /// Returns whether the leader may go on with that round, which is after ours.
    fn may_follow(&self, round: RoundId) -> bool {
        let third = self.side(self.far_peer()).position.round;
        let own = self.position.round;
        is_near(round.0, own.0) || (self.unsettled && may_be_told(round.0, own.0, third.0))
    }

    /// Returns whether the leader may announce that turn: the one that follows or, where we may have
    /// missed some, a later one.
    ///
    /// How many we can have missed has no bound: a link may break again and again just when a round
    /// opens. Whoever breaks it to pass turns over could as well let their rounds fail.
    fn may_take_turn(&self, program: Program, turn: Turn) -> bool {
        let third = self.side(self.far_peer()).position.turn;
        let (own, next) = (self.position.turn, self.position.turn.after(program));
        turn == next || (self.unsettled && turn > next && may_be_told(turn.0, own.0, third.0))
    }

    fn advance(&mut self, position: Position, program: Program) {
        self.position = position;
        self.unsettled = false;
        if program.is_dialing() {
            self.last_dialing = Some(program);
        }
    }

    fn follow_close(
        &mut self,
        now: Time,
        round: RoundId,
        out: &mut Vec<Output>,
    ) -> Result<(), Misdeed> {
        if round > self.position.round {
            return Err(Misdeed::NeverOpened);
        }
        // Where it is not open it has failed here, and P0 is about to hear of it.
        if let Some(program) = self.program_of_open(round) {
            self.close(now, (round, program), out);
            if self.periods.paces(program) {
                self.tell_need(out);
            }
        }
        Ok(())
    }

    /// Tells P0 how long our clients took, where that matters or mattered.
    fn tell_need(&mut self, out: &mut Vec<Output>) {
        let need = if Stretch::is_needed_for(self.need) {
            self.need
        } else {
            Need::default()
        };
        if need != self.told || need != Need::default() {
            self.told = need;
            self.tell_all(&Control::Needs { need: need.0 }, None, out);
        }
    }

    /// Opens and closes what is due.
    fn lead(&mut self, now: Time, out: &mut Vec<Output>) {
        for program in self.due() {
            if let Some((round, program)) = self.lane(program).open
                && now >= self.lane(program).closes_at
                && !self.is_computing(program)
            {
                self.tell_all(&Control::Close { round }, None, out);
                self.close(now, (round, program), out);
            }
        }
        // The program of the next dialing round may be another than that of the one just closed.
        for program in self.due() {
            let lane = self.lane(program);
            if lane.open.is_none() && now >= lane.resumes_at && self.may_run() {
                self.open(now, program, out);
            }
        }
    }

    /// Returns the program of each lane's open round, or of its next one.
    const fn due(&self) -> [Program; 2] {
        let dialing = match (self.dialing.open, self.last_dialing) {
            (Some((_, open)), _) => open,
            (None, Some(Program::Contacts)) => Program::Open,
            (None, _) => Program::Contacts,
        };
        [Program::Conversation, dialing]
    }

    fn open(&mut self, now: Time, program: Program, out: &mut Vec<Output>) {
        let mut last = settle(self.position, [self.next.position, self.prev.position]);
        if !self.unsettled {
            // Peers know of turns from us alone; rounds they may have passed over by themselves.
            last.turn = self.position.turn;
            last.round = last.round.max(self.position.round);
        }
        if last.round == RoundId(0) {
            last.round = self.start;
        }
        let position = Position {
            round: last.round.next(),
            turn: last.turn.after(program),
        };
        self.advance(position, program);
        if self.periods.paces(program) {
            let peers = self.next.need.max(self.prev.need);
            self.stretch = self.stretch.next(self.need.max(peers));
        }
        let closes_in = self.stretch.of(self.periods.of(program));
        let opened = Opened {
            round: position.round,
            program,
            turn: position.turn,
            closes_in,
            sort_ways: self.sort_ways,
        };
        let lane = self.lane_mut(program);
        lane.open = Some((opened.round, program));
        lane.opened_at = Some(now);
        lane.closes_at = now + closes_in;
        self.tell_all(&opened.control(), None, out);
        out.push(opened.output());
    }

    fn close(&mut self, now: Time, (round, program): (RoundId, Program), out: &mut Vec<Output>) {
        self.lane_mut(program).open = None;
        let until = now.saturating_add(self.limit);
        self.computing.insert(round, Computing { program, until });
        out.push(Output::Compute { round });
    }

    /// Remembers that a round had a result.
    fn finish(&mut self, round: RoundId) {
        if let Some(computing) = self.computing.remove(&round) {
            self.done.insert(round, computing.program);
            if self.done.len() > REMEMBERED {
                self.done.pop_first();
            }
        }
    }

    /// Ends a round without a result, if it is under way, and tells those who don't know yet.
    fn fail(
        &mut self,
        now: Time,
        round: RoundId,
        heard_from: Option<PartyId>,
        out: &mut Vec<Output>,
    ) {
        let cause = heard_from.map_or(Cause::Broken, Cause::Told);
        if self.end(now, (round, cause), out).is_some() {
            self.tell_all(&Control::Failed { round }, heard_from, out);
        }
    }

    /// Ends rounds whose computing has taken too long.
    fn give_up_late(&mut self, now: Time, out: &mut Vec<Output>) {
        let late = self.computing.iter().filter(|(_, it)| it.until <= now);
        let late: Vec<_> = late.map(|(&round, _)| round).collect();
        for round in late {
            if self.end(now, (round, Cause::Late), out).is_some() {
                self.tell_all(&Control::Failed { round }, None, out);
            }
        }
    }

    fn fail_all(&mut self, now: Time, out: &mut Vec<Output>) {
        for round in self.under_way() {
            self.fail(now, round, None, out);
        }
    }

    /// Ends a round in which somebody deviates. One that has a result here counts as well: what a
    /// peer found then, or that it got none, is how it looks where results are kept from some.
    fn abort(&mut self, now: Time, round: RoundId, abort: Abort, out: &mut Vec<Output>) {
        let cause = Cause::Aborted;
        let Some(program) = self.end(now, (round, cause), out).or_else(|| {
            let program = self.done.remove(&round)?;
            // Its clients have this party's part, and are to know that it is worth nothing.
            out.push(Output::Fail {
                round,
                program,
                cause,
            });
            Some(program)
        }) else {
            return;
        };
        // To both peers and by every party: P0 may be the one that deviates.
        for to in [self.me.next(), self.me.prev()] {
            if self.is_up(to) && Some(to) != abort.told_by {
                let account = abort.retold();
                let control = Control::Aborted { round, account };
                out.push(Output::Tell { to, control });
            }
        }
        out.push(Output::Abort {
            round,
            program,
            abort,
        });
        if self.aborts.count(now) && !self.has_stopped {
            self.stop(now, out);
        }
    }

    /// Runs no more rounds.
    fn stop(&mut self, now: Time, out: &mut Vec<Output>) {
        self.has_stopped = true;
        self.fail_all(now, out);
        for to in [self.me.next(), self.me.prev()] {
            if self.is_up(to) {
                let control = Control::Stopped;
                out.push(Output::Tell { to, control });
            }
        }
    }

    /// Ends a round without a result, if it is under way, and returns its program.
    fn end(
        &mut self,
        now: Time,
        (round, cause): (RoundId, Cause),
        out: &mut Vec<Output>,
    ) -> Option<Program> {
        let open = self.program_of_open(round);
        let program = open.or_else(|| self.computing.remove(&round).map(|it| it.program))?;
        // Sooner, peers would decline the next one.
        let spaced = 3 * self.periods.of(program) / 4;
        let lane = self.lane_mut(program);
        if open.is_some() {
            lane.open = None;
        }
        let again = lane.opened_at.map_or(now, |at| at + spaced);
        lane.resumes_at = again.max(now + PAUSE_AFTER_FAILURE);
        out.push(Output::Fail {
            round,
            program,
            cause,
        });
        Some(program)
    }

    /// P0 tells both peers; P1 and P2 tell P0.
    fn tell_all(&self, control: &Control, but: Option<PartyId>, out: &mut Vec<Output>) {
        for to in [self.me.next(), self.me.prev()] {
            let concerned = self.leads() || to == PartyId::P0;
            if concerned && self.is_up(to) && Some(to) != but {
                let control = control.clone();
                out.push(Output::Tell { to, control });
            }
        }
    }

    fn under_way(&self) -> Vec<RoundId> {
        let open = [self.conversation.open, self.dialing.open];
        let open = open.into_iter().flatten().map(|(round, _)| round);
        open.chain(self.computing.keys().copied()).collect()
    }

    fn is_computing(&self, program: Program) -> bool {
        self.computing
            .values()
            .any(|computing| computing.program.is_dialing() == program.is_dialing())
    }

    fn program_of_open(&self, round: RoundId) -> Option<Program> {
        [self.conversation.open, self.dialing.open]
            .into_iter()
            .flatten()
            .find_map(|(open, program)| (open == round).then_some(program))
    }

    const fn lane(&self, program: Program) -> &Lane {
        match program {
            Program::Conversation => &self.conversation,
            Program::Contacts | Program::Open => &self.dialing,
        }
    }

    const fn lane_mut(&mut self, program: Program) -> &mut Lane {
        match program {
            Program::Conversation => &mut self.conversation,
            Program::Contacts | Program::Open => &mut self.dialing,
        }
    }

    /// The peer that is not P0, seen from P1 or P2.
    const fn far_peer(&self) -> PartyId {
        match self.me.next() {
            PartyId::P0 => self.me.prev(),
            peer => peer,
        }
    }

    fn is_up(&self, peer: PartyId) -> bool {
        peer != self.me && self.side(peer).up
    }

    fn side(&self, peer: PartyId) -> &Side {
        if peer == self.me.next() {
            &self.next
        } else {
            &self.prev
        }
    }

    fn side_mut(&mut self, peer: PartyId) -> &mut Side {
        if peer == self.me.next() {
            &mut self.next
        } else {
            &mut self.prev
        }
    }

    const fn set_far_side(&mut self, from: PartyId, up: bool) {
        let [p1, p2] = &mut self.far_side;
        match from {
            PartyId::P1 => *p1 = up,
            PartyId::P2 => *p2 = up,
            PartyId::P0 => {}
        }
    }
}

const fn is_near(to: u64, from: u64) -> bool {
    to.abs_diff(from) <= MAX_JUMP
}

/// Returns whether one who may have missed something believes the leader that it has come that far,
/// from where one is oneself and where the third party is; 0 is a party that knows nothing.
const fn may_be_told(to: u64, own: u64, third: u64) -> bool {
    is_near(to, own) || is_near(to, third) || (own == 0 && third == 0)
}

/// Returns where a leader goes on that knows `own` and whose peers say `peers`: at the furthest,
/// unless one party alone is far ahead.
fn settle(own: Position, [next, prev]: [Position; 2]) -> Position {
    let furthest = |mut all: [u64; 3]| {
        all.sort_unstable();
        let [_, middle, high] = all;
        if high - middle <= MAX_LEAP {
            high
        } else {
            middle
        }
    };
    let round = furthest([own.round.0, next.round.0, prev.round.0]);
    let turn = furthest([own.turn.0, next.turn.0, prev.turn.0]);
    Position {
        round: RoundId(round),
        turn: Turn(turn),
    }
}

/// A round as P0 opens it.
#[derive(Clone, Copy)]
struct Opened {
    round: RoundId,
    program: Program,
    turn: Turn,
    closes_in: Duration,
    sort_ways: u8,
}

impl Opened {
    fn control(self) -> Control {
        Control::Open {
            round: self.round,
            program: self.program,
            turn: self.turn,
            closes_in_ms: u32::try_from(self.closes_in.as_millis()).unwrap_or(u32::MAX),
            sort_ways: self.sort_ways,
        }
    }

    const fn output(self) -> Output {
        Output::Open {
            round: self.round,
            program: self.program,
            turn: self.turn,
            closes_in: self.closes_in,
            sort_ways: self.sort_ways,
        }
    }
}

#[cfg(test)]
mod tests;
