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
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const PERIODS: Periods = Periods {
        conversation: Duration::from_secs(1),
        dialing: Duration::from_secs(2),
    };

    /// Three clocks and the control messages between them, delivered at once.
    struct Trio {
        clocks: [Clock; 3],
        now: Time,
        /// What each was asked to do, control messages aside.
        done: Vec<(PartyId, Output)>,
    }

    impl Trio {
        fn new() -> Self {
            Self {
                clocks: PartyId::ALL.map(|me| Clock::new(me, PERIODS, RoundId(10))),
                now: Time::ZERO,
                done: Vec::new(),
            }
        }

        fn linked() -> Self {
            let mut trio = Self::new();
            for party in PartyId::ALL {
                trio.link(party);
            }
            trio
        }

        /// Brings up the link between a party and the next.
        fn link(&mut self, party: PartyId) {
            let ends = [(party, party.next()), (party.next(), party)];
            let ups = ends.map(|(me, peer)| {
                let last_round = self.clocks[peer.index()].last_round();
                (me, Input::LinkUp { peer, last_round })
            });
            self.inputs(ups.into());
        }

        fn unlink(&mut self, party: PartyId) {
            for (me, peer) in [(party, party.next()), (party.next(), party)] {
                self.input(me, Input::LinkDown { peer });
            }
        }

        fn input(&mut self, party: PartyId, input: Input) {
            self.inputs([(party, input)].into());
        }

        fn inputs(&mut self, mut queue: VecDeque<(PartyId, Input)>) {
            while let Some((me, input)) = queue.pop_front() {
                // What is on its way when a link breaks is lost.
                if let Input::Control { from, .. } = input
                    && !self.clocks[me.index()].is_up(from)
                {
                    continue;
                }
                for output in self.clocks[me.index()].handle(self.now, input) {
                    if let Output::Tell { to, control } = output {
                        queue.push_back((to, Input::Control { from: me, control }));
                    } else {
                        self.done.push((me, output));
                    }
                }
            }
        }

        /// Lets time go by until the leader's next tick, and returns all that was done.
        fn tick(&mut self) -> Vec<(PartyId, Output)> {
            self.now = self.clocks[0]
                .next_tick()
                .expect("a leader that waits for time");
            self.input(PartyId::P0, Input::Tick);
            std::mem::take(&mut self.done)
        }

        fn finish(&mut self, round: RoundId, outcome: Outcome) {
            for party in PartyId::ALL {
                self.input(party, Input::Finished { round, outcome });
            }
        }
    }

    fn opened(done: &[(PartyId, Output)], party: PartyId) -> Vec<(RoundId, Program)> {
        done.iter()
            .filter_map(|(by, output)| match output {
                Output::Open { round, program, .. } if *by == party => Some((*round, *program)),
                _ => None,
            })
            .collect()
    }

    fn computed(done: &[(PartyId, Output)]) -> Vec<(PartyId, RoundId)> {
        done.iter()
            .filter_map(|(by, output)| match output {
                Output::Compute { round } => Some((*by, *round)),
                _ => None,
            })
            .collect()
    }

    fn failed(done: &[(PartyId, Output)]) -> Vec<(PartyId, RoundId)> {
        done.iter()
            .filter_map(|(by, output)| match output {
                Output::Fail { round, .. } => Some((*by, *round)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn rounds_open_once_all_three_links_are_up() {
        let mut trio = Trio::new();
        trio.link(PartyId::P0);
        trio.link(PartyId::P2);
        assert!(trio.done.is_empty() && trio.clocks[0].next_tick().is_none());
        trio.link(PartyId::P1);
        let both = [
            (RoundId(11), Program::Conversation),
            (RoundId(12), Program::Dialing),
        ];
        for party in PartyId::ALL {
            assert_eq!(opened(&trio.done, party), both);
        }
    }

    #[test]
    fn the_next_round_opens_when_one_closes_and_waits_for_it() {
        let mut trio = Trio::linked();
        trio.done.clear();
        let done = trio.tick();
        assert_eq!(trio.now, Duration::from_secs(1));
        assert_eq!(
            computed(&done),
            PartyId::ALL.map(|party| (party, RoundId(11)))
        );
        assert_eq!(
            opened(&done, PartyId::P2),
            [(RoundId(13), Program::Conversation)]
        );

        // Round 11 takes long: the dialing round closes in time, round 13 stays open.
        let done = trio.tick();
        assert_eq!(trio.now, Duration::from_secs(2));
        assert_eq!(
            computed(&done),
            PartyId::ALL.map(|party| (party, RoundId(12)))
        );
        trio.now = Duration::from_millis(3500);
        trio.finish(RoundId(11), Outcome::Done);
        assert_eq!(
            computed(&trio.done),
            [
                (PartyId::P0, RoundId(13)),
                (PartyId::P1, RoundId(13)),
                (PartyId::P2, RoundId(13))
            ]
        );
    }

    #[test]
    fn a_failed_round_is_over_everywhere_and_the_next_goes_on() {
        let mut trio = Trio::linked();
        trio.tick();
        trio.input(
            PartyId::P2,
            Input::Finished {
                round: RoundId(11),
                outcome: Outcome::Failed,
            },
        );
        let mut over = failed(&trio.done);
        over.sort();
        assert_eq!(over, PartyId::ALL.map(|party| (party, RoundId(11))));
        trio.done.clear();
        let done = trio.tick();
        assert!(computed(&done).contains(&(PartyId::P1, RoundId(13))));
    }

    #[test]
    fn a_lost_link_ends_all_rounds_and_they_resume_when_it_is_back() {
        for lost in PartyId::ALL {
            let mut trio = Trio::linked();
            trio.tick();
            let newest = trio.clocks[0].last_round();
            trio.unlink(lost);
            let mut over: Vec<_> = failed(&trio.done)
                .into_iter()
                .map(|(_, round)| round)
                .collect();
            over.sort();
            over.dedup();
            assert_eq!(
                over,
                [RoundId(11), RoundId(12), RoundId(13)],
                "link of {lost}"
            );
            assert_eq!(failed(&trio.done).len(), 9, "link of {lost}");
            assert!(trio.clocks[0].next_tick().is_none());
            trio.done.clear();
            trio.link(lost);
            let done = trio.tick();
            for party in PartyId::ALL {
                assert_eq!(
                    opened(&done, party).len(),
                    2,
                    "{party} after the link of {lost}"
                );
            }
            assert!(
                opened(&done, PartyId::P0)
                    .iter()
                    .all(|(round, _)| *round > newest)
            );
            assert!(
                !done
                    .iter()
                    .any(|(_, output)| matches!(output, Output::Cut { .. }))
            );
        }
    }

    #[test]
    fn a_leader_that_forgot_goes_on_where_its_peers_are() {
        let mut trio = Trio::linked();
        trio.tick();
        let newest = trio.clocks[1].last_round();
        trio.unlink(PartyId::P0);
        trio.unlink(PartyId::P2);
        trio.clocks[0] = Clock::new(PartyId::P0, PERIODS, RoundId(0));
        trio.done.clear();
        trio.link(PartyId::P2);
        trio.link(PartyId::P0);
        assert_eq!(opened(&trio.done, PartyId::P1).len(), 2);
        assert!(trio.clocks[0].last_round() > newest);
    }

    #[test]
    fn misdeeds_are_named_and_blamed() {
        let open = |round| Control::Open {
            round: RoundId(round),
            program: Program::Dialing,
            closes_in_ms: 1,
            sort_ways: 2,
        };
        let close = |round| Control::Close {
            round: RoundId(round),
        };
        for (me, from, control, misdeed) in [
            (PartyId::P1, PartyId::P2, open(99), Misdeed::NotTheLeader),
            (PartyId::P1, PartyId::P2, close(11), Misdeed::NotTheLeader),
            (PartyId::P1, PartyId::P0, open(12), Misdeed::NumberWentBack),
            (PartyId::P1, PartyId::P0, open(13), Misdeed::TwoOpen),
            (PartyId::P1, PartyId::P0, close(99), Misdeed::NeverOpened),
            (
                PartyId::P1,
                PartyId::P0,
                Control::Failed { round: RoundId(99) },
                Misdeed::NeverOpened,
            ),
            (
                PartyId::P1,
                PartyId::P2,
                Control::Linked { up: true },
                Misdeed::NotItsLink,
            ),
            (PartyId::P0, PartyId::P2, open(99), Misdeed::NotTheLeader),
        ] {
            let mut trio = Trio::linked();
            let out = trio.clocks[me.index()].handle(trio.now, Input::Control { from, control });
            assert_eq!(
                out,
                [Output::Cut {
                    peer: from,
                    misdeed
                }],
                "{control:?}"
            );
        }
    }
}
