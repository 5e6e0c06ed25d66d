//! The round clock: P0 leads, P1 and P2 follow.
//!
//! Plain state: inputs and the time go in, outputs come out. For each program at most one round
//! is open and, at P0, at most one is being computed; a round stays open until the one before
//! is through, so a period stretches by itself. One counter numbers the rounds of both
//! programs. A round that fails is over.

use std::collections::BTreeMap;
use std::time::Duration;

use mcmix_shared::party::PartyId;
use mcmix_shared::program::{Program, RoundId};

use crate::net::Control;

/// Time since the party started.
pub type Time = Duration;

/// Pause after a failed round, so that a lasting fault does not make rounds race.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(200);

/// How often rounds come.
#[derive(Clone, Copy, Debug)]
pub struct Periods {
    /// From one conversation round to the next.
    pub conversation: Duration,
    /// From one dialing round to the next.
    pub dialing: Duration,
}

impl Periods {
    const fn of(self, program: Program) -> Duration {
        match program {
            Program::Conversation => self.conversation,
            Program::Dialing => self.dialing,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A link is up; the peer takes part in no round up to `last_round`.
    LinkUp {
        /// The peer.
        peer: PartyId,
        /// The newest round it knows.
        last_round: RoundId,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a result.
    Done,
    /// Without one.
    Failed,
}

/// What is to be done about it, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Collect submissions for a round and tell the clients.
    Open {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
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
    /// A round is over without a result: abandon it and tell the clients.
    Fail {
        /// The round.
        round: RoundId,
        /// Its program.
        program: Program,
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
    /// Two rounds of one program at a time.
    #[error("it opened a round while one of that program was open")]
    TwoOpen,
    /// A round that was never opened.
    #[error("it spoke of a round that was never opened")]
    NeverOpened,
    /// Only P1 and P2 report on the link between them.
    #[error("it reported on a link that is not its to report on")]
    NotItsLink,
}

/// One program's rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    open: Option<RoundId>,
    /// When the open round closes; the leader's business.
    closes_at: Time,
    /// When the next round may open; the leader's business.
    resumes_at: Time,
}

/// The clock of one party.
#[derive(Debug)]
pub struct Clock {
    me: PartyId,
    periods: Periods,
    lanes: [Lane; 2],
    /// Rounds that are being computed here.
    computing: BTreeMap<RoundId, Program>,
    last: RoundId,
    next_up: bool,
    prev_up: bool,
    /// At P0: whether P1 and P2 say that the link between them is up.
    far_side: [bool; 2],
    /// At P0: how wide the sort is in the rounds that open from now on.
    sort_ways: u8,
}

impl Clock {
    /// Makes a party's clock. It takes part in no round up to `last`.
    pub fn new(me: PartyId, periods: Periods, last: RoundId) -> Self {
        Self {
            me,
            periods,
            lanes: [Lane::default(); 2],
            computing: BTreeMap::new(),
            last,
            next_up: false,
            prev_up: false,
            far_side: [false; 2],
            sort_ways: 2,
        }
    }

    /// Sets how wide the sort is in the rounds that open from now on; P0's choice.
    pub const fn set_sort_ways(&mut self, ways: u8) {
        self.sort_ways = ways;
    }

    /// Returns the newest round.
    pub const fn last_round(&self) -> RoundId {
        self.last
    }

    /// Returns whether both links are up and, at P0, the third one too.
    pub const fn is_linked(&self) -> bool {
        let [p1, p2] = self.far_side;
        self.next_up && self.prev_up && (!self.leads() || (p1 && p2))
    }

    /// Returns when the next [`Input::Tick`] can matter.
    pub fn next_tick(&self) -> Option<Time> {
        if !self.leads() || !self.is_linked() {
            return None;
        }
        Program::ALL
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
            Input::LinkUp { peer, last_round } => self.link_up(peer, last_round, &mut out),
            Input::LinkDown { peer } => self.link_down(now, peer, &mut out),
            Input::Control { from, control } => self.control(now, from, control, &mut out),
            Input::Finished { round, outcome } => {
                if outcome == Outcome::Failed {
                    self.fail(now, round, None, &mut out);
                } else {
                    self.computing.remove(&round);
                }
            }
            Input::Tick => {}
        }
        if self.leads() {
            self.lead(now, &mut out);
        }
        out
    }

    const fn leads(&self) -> bool {
        matches!(self.me, PartyId::P0)
    }

    fn link_up(&mut self, peer: PartyId, last_round: RoundId, out: &mut Vec<Output>) {
        self.last = self.last.max(last_round);
        self.set_up(peer, true);
        if !self.leads() && self.is_up(PartyId::P0) {
            let up = self.is_up(self.far_peer());
            out.push(Output::Tell {
                to: PartyId::P0,
                control: Control::Linked { up },
            });
        }
    }

    /// Every round needs every link: all that are under way are over.
    fn link_down(&mut self, now: Time, peer: PartyId, out: &mut Vec<Output>) {
        self.set_up(peer, false);
        if self.leads() {
            self.set_far_side(peer, false);
        }
        for round in self.under_way() {
            self.fail(now, round, None, out);
        }
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
                if round > self.last {
                    Err(Misdeed::NeverOpened)
                } else {
                    self.fail(now, round, Some(from), out);
                    Ok(())
                }
            }
            Control::Linked { up } if self.leads() => {
                self.set_far_side(from, up);
                if !up {
                    for round in self.under_way() {
                        self.fail(now, round, None, out);
                    }
                }
                Ok(())
            }
            Control::Linked { .. } => Err(Misdeed::NotItsLink),
            Control::Open { .. } | Control::Close { .. } if from != PartyId::P0 => {
                Err(Misdeed::NotTheLeader)
            }
            Control::Open {
                round,
                program,
                closes_in_ms,
                sort_ways,
            } => {
                let open = Output::Open {
                    round,
                    program,
                    closes_in: Duration::from_millis(closes_in_ms.into()),
                    sort_ways,
                };
                self.follow_open(round, program, open, out)
            }
            Control::Close { round } => self.follow_close(round, out),
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
        round: RoundId,
        program: Program,
        open: Output,
        out: &mut Vec<Output>,
    ) -> Result<(), Misdeed> {
        if round <= self.last {
            return Err(Misdeed::NumberWentBack);
        }
        if self.lane(program).open.is_some() {
            return Err(Misdeed::TwoOpen);
        }
        self.last = round;
        if self.is_linked() {
            self.lane_mut(program).open = Some(round);
            out.push(open);
        } else {
            out.push(Output::Tell {
                to: PartyId::P0,
                control: Control::Failed { round },
            });
        }
        Ok(())
    }

    fn follow_close(&mut self, round: RoundId, out: &mut Vec<Output>) -> Result<(), Misdeed> {
        if round > self.last {
            return Err(Misdeed::NeverOpened);
        }
        // Where it is not open it has failed here, and P0 is about to hear of it.
        if let Some(program) = self.program_of_open(round) {
            self.close(round, program, out);
        }
        Ok(())
    }

    /// Opens and closes what is due.
    fn lead(&mut self, now: Time, out: &mut Vec<Output>) {
        for program in Program::ALL {
            if let Some(round) = self.lane(program).open
                && now >= self.lane(program).closes_at
                && !self.is_computing(program)
            {
                self.tell_all(Control::Close { round }, None, out);
                self.close(round, program, out);
            }
            let lane = self.lane(program);
            if lane.open.is_none() && now >= lane.resumes_at && self.is_linked() {
                self.open(now, program, out);
            }
        }
    }

    fn open(&mut self, now: Time, program: Program, out: &mut Vec<Output>) {
        let (round, closes_in) = (self.last.next(), self.periods.of(program));
        let sort_ways = self.sort_ways;
        self.last = round;
        let lane = self.lane_mut(program);
        lane.open = Some(round);
        lane.closes_at = now + closes_in;
        let control = Control::Open {
            round,
            program,
            closes_in_ms: u32::try_from(closes_in.as_millis()).unwrap_or(u32::MAX),
            sort_ways,
        };
        self.tell_all(control, None, out);
        out.push(Output::Open {
            round,
            program,
            closes_in,
            sort_ways,
        });
    }

    fn close(&mut self, round: RoundId, program: Program, out: &mut Vec<Output>) {
        self.lane_mut(program).open = None;
        self.computing.insert(round, program);
        out.push(Output::Compute { round });
    }

    /// Ends a round without a result, if it is under way, and tells those who don't know yet.
    fn fail(
        &mut self,
        now: Time,
        round: RoundId,
        heard_from: Option<PartyId>,
        out: &mut Vec<Output>,
    ) {
        let open = self.program_of_open(round);
        let Some(program) = open.or_else(|| self.computing.remove(&round)) else {
            return;
        };
        let lane = self.lane_mut(program);
        if open.is_some() {
            lane.open = None;
        }
        lane.resumes_at = now + PAUSE_AFTER_FAILURE;
        out.push(Output::Fail { round, program });
        self.tell_all(Control::Failed { round }, heard_from, out);
    }

    /// P0 tells both peers; P1 and P2 tell P0.
    fn tell_all(&self, control: Control, but: Option<PartyId>, out: &mut Vec<Output>) {
        for to in [self.me.next(), self.me.prev()] {
            let concerned = self.leads() || to == PartyId::P0;
            if concerned && self.is_up(to) && Some(to) != but {
                out.push(Output::Tell { to, control });
            }
        }
    }

    fn under_way(&self) -> Vec<RoundId> {
        let open = self.lanes.iter().filter_map(|lane| lane.open);
        open.chain(self.computing.keys().copied()).collect()
    }

    fn is_computing(&self, program: Program) -> bool {
        self.computing
            .values()
            .any(|&computing| computing == program)
    }

    fn program_of_open(&self, round: RoundId) -> Option<Program> {
        Program::ALL
            .into_iter()
            .find(|&program| self.lane(program).open == Some(round))
    }

    const fn lane(&self, program: Program) -> &Lane {
        let [conversation, dialing] = &self.lanes;
        match program {
            Program::Conversation => conversation,
            Program::Dialing => dialing,
        }
    }

    const fn lane_mut(&mut self, program: Program) -> &mut Lane {
        let [conversation, dialing] = &mut self.lanes;
        match program {
            Program::Conversation => conversation,
            Program::Dialing => dialing,
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
        (peer == self.me.next() && self.next_up) || (peer == self.me.prev() && self.prev_up)
    }

    fn set_up(&mut self, peer: PartyId, up: bool) {
        if peer == self.me.next() {
            self.next_up = up;
        } else if peer == self.me.prev() {
            self.prev_up = up;
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

#[cfg(test)]
mod tests;
