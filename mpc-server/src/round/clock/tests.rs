//! Three clocks, and every way to break their rules.

use std::collections::VecDeque;

use super::*;

mod aborts;
mod schedules;

const PERIODS: Periods = Periods {
    conversation: Duration::from_secs(1),
    dialing: Duration::from_secs(2),
};

const fn at(round: u64, turn: u64) -> Position {
    Position {
        round: RoundId(round),
        turn: Turn(turn),
    }
}

const PATIENCE: Patience = Patience {
    aborts: 3,
    within: Duration::from_mins(10),
};

fn clock(me: PartyId, position: Position) -> Clock {
    let start = RoundId(1_000_000_000);
    Clock::new(me, (PERIODS, PATIENCE), position, start)
}

/// Three clocks and the control messages between them, delivered at once.
struct Trio {
    clocks: [Clock; 3],
    now: Time,
    /// What each was asked to do, control messages aside.
    done: Vec<(PartyId, Output)>,
    /// Hears nothing, and nobody knows yet.
    deaf: Option<PartyId>,
}

impl Trio {
    fn new() -> Self {
        Self::at([at(10, 5); 3])
    }

    fn at(positions: [Position; 3]) -> Self {
        let clocks = PartyId::ALL.map(|me| clock(me, positions[me.index()]));
        Self {
            clocks,
            now: Time::ZERO,
            done: Vec::new(),
            deaf: None,
        }
    }

    fn linked() -> Self {
        let mut trio = Self::new();
        trio.link_all();
        trio
    }

    fn link_all(&mut self) {
        for party in PartyId::ALL {
            self.link(party);
        }
    }

    /// Brings up the link between a party and the next.
    fn link(&mut self, party: PartyId) {
        let ends = [(party, party.next()), (party.next(), party)];
        let ups = ends.map(|(me, peer)| {
            let position = self.clocks[peer.index()].position();
            (me, Input::LinkUp { peer, position })
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
                && (!self.clocks[me.index()].is_up(from) || self.deaf == Some(me))
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
        let next = self.clocks[0].next_tick();
        self.now = self.now.max(next.expect("a leader that waits for time"));
        self.input(PartyId::P0, Input::Tick);
        std::mem::take(&mut self.done)
    }

    fn finish(&mut self, round: RoundId, outcome: &Outcome) {
        for party in PartyId::ALL {
            let outcome = outcome.clone();
            self.input(party, Input::Finished { round, outcome });
        }
    }

    fn positions(&self) -> [Position; 3] {
        self.clocks.each_ref().map(Clock::position)
    }
}

/// Whose time limit ran out is known to the others, who would look at their links in vain.
#[test]
fn who_said_that_a_round_failed_is_known() {
    let mut trio = Trio::linked();
    let round = loop {
        let done = trio.tick();
        let closed = done.iter().find_map(|(_, output)| match output {
            Output::Compute { round } => Some(*round),
            _ => None,
        });
        if let Some(round) = closed {
            break round;
        }
    };
    let outcome = Outcome::Failed;
    trio.input(PartyId::P1, Input::Finished { round, outcome });
    let causes: Vec<_> = std::mem::take(&mut trio.done)
        .into_iter()
        .filter_map(|(party, output)| match output {
            Output::Fail { cause, .. } => Some((party, cause)),
            _ => None,
        })
        .collect();
    // P2 hears of it from P0, as of all that is about rounds.
    let expected = [
        (PartyId::P1, Cause::Broken),
        (PartyId::P0, Cause::Told(PartyId::P1)),
        (PartyId::P2, Cause::Told(PartyId::P0)),
    ];
    assert_eq!(causes, expected);
}

/// A thread that computes and never ends holds up no other round, at whichever party.
#[test]
fn a_round_whose_computing_never_ends_is_given_up() {
    let limit = Duration::from_secs(12);
    for stuck in PartyId::ALL {
        let mut trio = Trio::new();
        let [p0, p1, p2] = PartyId::ALL.map(|me| clock(me, at(10, 5)).limiting(limit));
        trio.clocks = [p0, p1, p2];
        trio.link_all();
        let (mut given_up, mut later) = (None, 0);
        for _ in 0..100 {
            let ticks = trio.clocks.iter().filter_map(Clock::next_tick);
            trio.now = trio.now.max(ticks.min().unwrap());
            for party in PartyId::ALL {
                trio.input(party, Input::Tick);
            }
            for (party, output) in std::mem::take(&mut trio.done) {
                match output {
                    Output::Compute { round } if party != stuck || given_up.is_some() => {
                        later += u64::from(given_up.is_some());
                        let outcome = Outcome::Done;
                        trio.input(party, Input::Finished { round, outcome });
                    }
                    Output::Fail { cause, .. } if party == stuck => {
                        assert_eq!(cause, Cause::Late);
                        given_up.get_or_insert(trio.now);
                    }
                    _ => {}
                }
            }
        }
        let given_up = given_up.expect("it is given up");
        assert!(given_up <= limit + 2 * PERIODS.dialing, "{given_up:?}");
        assert!(later > 10, "{later} rounds at {stuck}");
    }
}

fn opened(done: &[(PartyId, Output)], party: PartyId) -> Vec<(u64, Program, u64)> {
    done.iter()
        .filter_map(|(by, output)| match output {
            Output::Open {
                round,
                program,
                turn,
                ..
            } if *by == party => Some((round.0, *program, turn.0)),
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

fn is_blamed(done: &[(PartyId, Output)]) -> bool {
    let blames = |output: &Output| matches!(output, Output::Cut { .. } | Output::Decline { .. });
    done.iter().any(|(_, output)| blames(output))
}

#[test]
fn rounds_open_once_all_three_links_are_up() {
    let mut trio = Trio::new();
    trio.link(PartyId::P0);
    trio.link(PartyId::P2);
    assert!(trio.done.is_empty() && trio.clocks[0].next_tick().is_none());
    trio.link(PartyId::P1);
    let both = [(11, Program::Conversation, 6), (12, Program::Contacts, 6)];
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
    assert_eq!(opened(&done, PartyId::P2), [(13, Program::Conversation, 7)]);

    // Round 11 takes long: the dialing round closes in time, round 13 stays open.
    let done = trio.tick();
    assert_eq!(trio.now, Duration::from_secs(2));
    assert_eq!(
        computed(&done),
        PartyId::ALL.map(|party| (party, RoundId(12)))
    );
    trio.now = Duration::from_millis(3500);
    trio.finish(RoundId(11), &Outcome::Done);
    assert_eq!(
        computed(&trio.done),
        [
            (PartyId::P0, RoundId(13)),
            (PartyId::P1, RoundId(13)),
            (PartyId::P2, RoundId(13))
        ]
    );
}

/// Turns count conversation rounds, whatever becomes of them; contacts and open alternate.
#[test]
fn turns_and_dialing_programs_go_on_through_failures() {
    let mut trio = Trio::linked();
    let mut seen = Vec::new();
    for i in 0..12 {
        for party in PartyId::ALL {
            assert_eq!(opened(&trio.done, party), opened(&trio.done, PartyId::P0));
        }
        seen.extend(opened(&trio.done, PartyId::P0));
        let computing = computed(&trio.done);
        trio.done.clear();
        for (_, round) in computing.into_iter().filter(|(by, _)| *by == PartyId::P0) {
            let outcome = &[Outcome::Done, Outcome::Failed][usize::from(i % 3 == 0)];
            trio.finish(round, outcome);
        }
        let done = trio.tick();
        assert!(!is_blamed(&done));
        trio.done.splice(0..0, done);
    }
    let (dials, conversations): (Vec<_>, Vec<_>) = seen
        .iter()
        .partition(|(_, program, _)| program.is_dialing());
    let turns: Vec<u64> = conversations.iter().map(|(_, _, turn)| *turn).collect();
    let expected: Vec<u64> = (6..).take(turns.len()).collect();
    assert!(turns.len() > 4);
    assert_eq!(turns, expected);
    assert!(dials.len() > 2);
    for pair in dials.windows(2) {
        assert_ne!(pair[0].1, pair[1].1);
    }
    for (round, _, turn) in dials {
        let before = conversations.iter().filter(|(other, _, _)| *other < round);
        assert_eq!(turn, before.map(|(_, _, turn)| *turn).max().unwrap());
    }
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

/// A fault that lasts must not make rounds race, nor make the leader look like one that cheats.
#[test]
fn a_round_that_fails_at_once_is_followed_by_none_that_is_too_soon() {
    let mut trio = Trio::linked();
    for _ in 0..5 {
        let open = trio.clocks[0].conversation.open;
        let (round, _) = open.expect("an open conversation round");
        let before = trio.now;
        trio.finish(round, &Outcome::Failed);
        trio.done.clear();
        while trio.clocks[0].conversation.open.is_none() {
            let done = trio.tick();
            assert!(!is_blamed(&done));
        }
        assert_eq!(trio.now, before + 3 * PERIODS.conversation / 4);
    }
}

#[test]
fn a_lost_link_ends_all_rounds_and_they_resume_when_it_is_back() {
    for lost in PartyId::ALL {
        let mut trio = Trio::linked();
        trio.tick();
        let newest = trio.clocks[0].position().round;
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
        let done = [trio.tick(), trio.tick()].concat();
        for party in PartyId::ALL {
            assert_eq!(
                opened(&done, party).len(),
                2,
                "{party} after the link of {lost}"
            );
        }
        let mut rounds = opened(&done, PartyId::P0).into_iter();
        assert!(rounds.all(|(round, ..)| round > newest.0));
        assert!(!is_blamed(&done));
    }
}

/// What the leader opened while a link was breaking, one peer knows and the other doesn't.
#[test]
fn a_peer_that_missed_rounds_catches_up() {
    for deaf in [PartyId::P1, PartyId::P2] {
        let mut trio = Trio::linked();
        trio.deaf = Some(deaf);
        trio.tick();
        trio.finish(RoundId(11), &Outcome::Done);
        trio.tick();
        let [leader, ..] = trio.positions();
        assert_eq!(leader.turn.0, trio.positions()[deaf.index()].turn.0 + 2);
        trio.deaf = None;
        let link = if deaf == PartyId::P1 {
            PartyId::P0
        } else {
            PartyId::P2
        };
        trio.unlink(link);
        trio.link(link);
        let done = [trio.tick(), trio.tick(), trio.tick()].concat();
        assert!(!is_blamed(&done));
        assert!(!opened(&done, deaf).is_empty());
        assert_eq!(opened(&done, deaf), opened(&done, PartyId::P0));
    }
}

#[test]
fn a_leader_that_forgot_goes_on_where_its_peers_are() {
    let mut trio = Trio::linked();
    trio.tick();
    let [_, known, _] = trio.positions();
    trio.unlink(PartyId::P0);
    trio.unlink(PartyId::P2);
    trio.clocks[0] = clock(PartyId::P0, Position::default());
    trio.done.clear();
    trio.now += 2 * PERIODS.dialing;
    trio.link(PartyId::P2);
    trio.link(PartyId::P0);
    let (round, turn) = (known.round.0, known.turn.0);
    let expected = [
        (round + 1, Program::Conversation, turn + 1),
        (round + 2, Program::Contacts, turn + 1),
    ];
    for party in PartyId::ALL {
        assert_eq!(opened(&trio.done, party), expected, "{party}");
    }
    assert!(!is_blamed(&trio.done));
}

#[test]
fn a_peer_that_forgot_goes_on_where_the_others_are() {
    for (forgot, others) in [
        (PartyId::P1, [9, 9]),
        (PartyId::P2, [9, 9]),
        (PartyId::P1, [9, 8]),
    ] {
        let [leader, third] = others.map(|turn| at(5_000_000, turn));
        let mut positions = [leader, third, third];
        positions[forgot.index()] = Position::default();
        let mut trio = Trio::at(positions);
        trio.link_all();
        assert_eq!(opened(&trio.done, forgot).len(), 2);
        assert!(!is_blamed(&trio.done));
        assert_eq!(trio.clocks[forgot.index()].position(), at(5_000_002, 10));
    }
}

#[test]
fn where_nobody_knows_of_a_round_they_are_numbered_from_the_start() {
    let mut trio = Trio::at([Position::default(); 3]);
    trio.link_all();
    for party in PartyId::ALL {
        assert_eq!(
            opened(&trio.done, party)[0],
            (1_000_000_001, Program::Conversation, 1)
        );
    }
    assert!(!is_blamed(&trio.done), "{:?}", trio.done);
}

/// One peer alone can't make the leader leap, and so have it blamed by the other.
#[test]
fn a_peer_that_claims_to_be_far_ahead_moves_nobody() {
    for far in [at(1 << 40, 5), at(10, 1 << 40), at(u64::MAX, u64::MAX)] {
        let mut trio = Trio::new();
        trio.clocks[2] = clock(PartyId::P2, far);
        trio.link_all();
        assert_eq!(
            opened(&trio.done, PartyId::P0)[0],
            (11, Program::Conversation, 6)
        );
        assert_eq!(
            opened(&trio.done, PartyId::P1)[0],
            (11, Program::Conversation, 6)
        );
    }
    // As far as the leader goes for a peer's sake, the other one follows.
    let most = at(10 + MAX_LEAP, 5 + MAX_LEAP);
    let mut trio = Trio::new();
    trio.clocks[2] = clock(PartyId::P2, most);
    trio.link_all();
    let expected = (most.round.0 + 1, Program::Conversation, most.turn.0 + 1);
    assert_eq!(opened(&trio.done, PartyId::P1)[0], expected);
    assert!(!is_blamed(&trio.done));
}

/// A peer that restarts has passed numbers over, so P0 goes on behind them; turns it passes over
/// only if it lies, and P1, which missed nothing, would blame P0 for them.
#[test]
fn a_peer_that_comes_back_moves_numbers_but_no_turns() {
    let mut trio = Trio::linked();
    trio.unlink(PartyId::P1);
    trio.unlink(PartyId::P2);
    trio.clocks[2] = clock(PartyId::P2, at(1012, 500));
    trio.now += PERIODS.dialing;
    trio.done.clear();
    trio.link(PartyId::P1);
    trio.link(PartyId::P2);
    let expected = [(1013, Program::Conversation, 7), (1014, Program::Open, 7)];
    for party in [PartyId::P0, PartyId::P1] {
        assert_eq!(opened(&trio.done, party), expected);
    }
    let blames = |(by, output): &(PartyId, Output)| {
        matches!(output, Output::Cut { .. }) && *by != PartyId::P2
    };
    assert!(!trio.done.iter().any(blames));
}

/// P1 with both links up, P0's rounds at `position`, and what it says to P0's next rounds.
struct Follower {
    clock: Clock,
    now: Time,
}

impl Follower {
    fn at(own: Position, leader: Position, third: Position) -> Self {
        let mut follower = Self {
            clock: clock(PartyId::P1, own),
            now: Time::ZERO,
        };
        follower.link(PartyId::P2, third);
        follower.link(PartyId::P0, leader);
        follower
    }

    /// One that has just taken part in a conversation round, number 11 and turn 6, and a contacts
    /// round, number 12, which are over.
    fn new() -> Self {
        let mut follower = Self::at(at(10, 5), at(10, 5), at(10, 5));
        assert_eq!(follower.open(11, Program::Conversation, 6), Ok(()));
        assert_eq!(follower.open(12, Program::Contacts, 6), Ok(()));
        follower.now += PERIODS.dialing;
        follower
    }

    fn link(&mut self, peer: PartyId, position: Position) {
        self.handle(Input::LinkUp { peer, position });
    }

    fn relink(&mut self, position: Position) {
        self.handle(Input::LinkDown { peer: PartyId::P0 });
        self.link(PartyId::P0, position);
    }

    fn handle(&mut self, input: Input) -> Vec<Output> {
        self.clock.handle(self.now, input)
    }

    fn control(&mut self, control: Control) -> Vec<Output> {
        let from = PartyId::P0;
        self.handle(Input::Control { from, control })
    }

    /// P0 opens a round and, where it is taken part in, closes it again.
    fn open(&mut self, round: u64, program: Program, turn: u64) -> Result<(), Misdeed> {
        let before = self.clock.position();
        let round = RoundId(round);
        let out = self.control(Control::Open {
            round,
            program,
            turn: Turn(turn),
            closes_in_ms: 1,
            sort_ways: 2,
        });
        match &out[..] {
            &[
                Output::Open {
                    round: opened,
                    turn: told,
                    ..
                },
            ] => {
                assert_eq!((opened, told), (round, Turn(turn)));
                assert_eq!(
                    self.control(Control::Close { round }),
                    [Output::Compute { round }]
                );
                Ok(())
            }
            &[Output::Cut { peer, misdeed }] => {
                assert_eq!(peer, PartyId::P0);
                assert_eq!(self.clock.position(), before, "nothing of it counts");
                Err(misdeed)
            }
            [
                Output::Decline {
                    round: declined,
                    misdeed,
                },
                Output::Tell { to, control },
            ] => {
                assert_eq!((*declined, *to), (round, PartyId::P0));
                assert_eq!(*control, Control::Failed { round });
                Err(*misdeed)
            }
            _ => panic!("{out:?}"),
        }
    }
}

#[test]
fn a_turn_is_the_last_plus_one_or_in_dialing_the_last() {
    for (program, right) in [(Program::Conversation, 7), (Program::Open, 6)] {
        for turn in [0, 5, 6, 7, 8, u64::MAX] {
            let taken = Follower::new().open(13, program, turn);
            let expected = if turn == right {
                Ok(())
            } else {
                Err(Misdeed::WrongTurn)
            };
            assert_eq!(taken, expected, "{program} {turn}");
        }
    }
}

#[test]
fn the_same_dialing_program_is_not_taken_twice_running() {
    let mut follower = Follower::new();
    assert_eq!(
        follower.open(13, Program::Contacts, 6),
        Err(Misdeed::SameDialing)
    );
    // A conversation round in between makes no difference.
    assert_eq!(follower.open(13, Program::Conversation, 7), Ok(()));
    assert_eq!(
        follower.open(14, Program::Contacts, 7),
        Err(Misdeed::SameDialing)
    );
    assert_eq!(follower.open(14, Program::Open, 7), Ok(()));
    follower.now += PERIODS.dialing;
    assert_eq!(
        follower.open(15, Program::Open, 7),
        Err(Misdeed::SameDialing)
    );
    assert_eq!(follower.open(15, Program::Contacts, 7), Ok(()));
}

#[test]
fn numbers_do_not_jump() {
    for (round, expected) in [
        (12, Err(Misdeed::NumberWentBack)),
        (12 + MAX_JUMP, Ok(())),
        (12 + MAX_JUMP + 1, Err(Misdeed::NumberJumped)),
        (u64::MAX, Err(Misdeed::NumberJumped)),
    ] {
        assert_eq!(
            Follower::new().open(round, Program::Conversation, 7),
            expected
        );
    }
}

#[test]
fn a_round_less_than_half_a_period_after_the_last_is_declined() {
    for (program, after) in [
        (Program::Conversation, PERIODS.conversation / 2),
        (Program::Open, PERIODS.dialing / 2),
    ] {
        let turn = Turn(6).after(program).0;
        let just = Duration::from_nanos(1);
        let mut follower = Follower::new();
        follower.now = after.saturating_sub(just);
        assert_eq!(
            follower.open(13, program, turn),
            Err(Misdeed::TooSoon),
            "{program}"
        );
        // It counts all the same, but for the time: the next one is judged by the last that opened.
        assert_eq!(follower.clock.position(), at(13, turn));
        follower.now = after;
        let next = if program.is_dialing() {
            Program::Contacts
        } else {
            program
        };
        let turn = Turn(turn).after(next).0;
        assert_eq!(follower.open(14, next, turn), Ok(()), "{program}");
    }
    // The other lane's rounds have nothing to do with it.
    let mut follower = Follower::new();
    assert_eq!(follower.open(13, Program::Conversation, 7), Ok(()));
    assert_eq!(follower.open(14, Program::Open, 7), Ok(()));
}

/// After a break of the link with P0 there may be announcements that we missed.
#[test]
fn after_a_break_turns_may_be_missing_and_none_comes_again() {
    for (program, own) in [(Program::Conversation, 7), (Program::Open, 6)] {
        for (turn, expected) in [
            (own - 1, Err(Misdeed::WrongTurn)),
            (own, Ok(())),
            (own + 5, Ok(())),
            (6 + MAX_JUMP, Ok(())),
            (7 + MAX_JUMP, Err(Misdeed::WrongTurn)),
        ] {
            let mut follower = Follower::new();
            follower.relink(at(12, turn));
            assert_eq!(
                follower.open(13, program, turn),
                expected,
                "{program} {turn}"
            );
            if expected.is_ok() {
                // Only once.
                follower.now += PERIODS.dialing;
                let next = follower.open(14, Program::Conversation, turn + 2);
                assert_eq!(next, Err(Misdeed::WrongTurn));
            }
        }
    }
    // Which dialing program was the last one may be unknown, too; once.
    let mut follower = Follower::new();
    follower.relink(at(12, 6));
    assert_eq!(follower.open(13, Program::Contacts, 6), Ok(()));
    follower.now += PERIODS.dialing;
    assert_eq!(
        follower.open(14, Program::Contacts, 6),
        Err(Misdeed::SameDialing)
    );
}

/// Who knows nothing believes P0 what the third party confirms, and nothing else.
#[test]
fn who_was_away_takes_what_both_peers_say() {
    let open = |own, third, round, turn| {
        let mut follower = Follower::at(own, at(0, 0), third);
        follower.open(round, Program::Conversation, turn)
    };
    let (lost, far) = (Position::default(), 1 << 40);
    let (number, turn) = (Err(Misdeed::NumberJumped), Err(Misdeed::WrongTurn));
    assert_eq!(open(lost, at(far, far), far + MAX_JUMP, far + 1), Ok(()));
    assert_eq!(
        open(lost, at(far, far), far + MAX_JUMP + 1, far + 1),
        number
    );
    assert_eq!(open(lost, at(far, far), far, far + MAX_JUMP), Ok(()));
    assert_eq!(open(lost, at(far, far), far, far + MAX_JUMP + 1), turn);
    assert_eq!(
        open(lost, lost, far, far),
        Ok(()),
        "nobody knows of a round"
    );
    assert_eq!(open(at(5000, 100), lost, far, 101), number);
    assert_eq!(open(at(5000, 100), lost, 5001, far), turn);
    // Nobody is made to go back, whatever the others say.
    assert_eq!(open(at(5000, 100), at(10, 50), 5001, 51), turn);
    let back = Err(Misdeed::NumberWentBack);
    assert_eq!(open(at(5000, 100), at(10, 50), 60, 101), back);
}

#[test]
fn misdeeds_are_named_and_blamed() {
    let open = |round| Control::Open {
        round: RoundId(round),
        program: Program::Open,
        turn: Turn(6),
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
        let said = format!("{control:?}");
        let out = trio.clocks[me.index()].handle(trio.now, Input::Control { from, control });
        assert_eq!(
            out,
            [Output::Cut {
                peer: from,
                misdeed
            }],
            "{said}"
        );
    }
}

/// Opens a round after the other and returns how long each stays open, as all three say.
fn windows(trio: &mut Trio, program: Program, needs: &[[u16; 3]]) -> Vec<u128> {
    let mut windows = Vec::new();
    trio.done.clear();
    for needs in needs {
        for (clock, need) in trio.clocks.iter_mut().zip(needs) {
            clock.set_need(Need(*need));
        }
        let opened = loop {
            let done = trio.tick();
            assert!(!is_blamed(&done), "{done:?}");
            for (_, round) in computed(&done)
                .into_iter()
                .filter(|(by, _)| by.index() == 0)
            {
                trio.finish(round, &Outcome::Done);
            }
            let windows: Vec<_> = done
                .iter()
                .filter_map(|(_, output)| match output {
                    Output::Open {
                        program: of,
                        closes_in,
                        ..
                    } if of.is_dialing() == program.is_dialing() => Some(closes_in.as_millis()),
                    _ => None,
                })
                .collect();
            if !windows.is_empty() {
                break windows;
            }
        };
        let [leader, others @ ..] = &opened[..] else {
            panic!("expected three windows");
        };
        assert_eq!(others, [*leader; 2]);
        windows.push(*leader);
    }
    windows
}

/// What P0's clients need counts in the next round, what those of its peers need in the one after.
#[test]
fn rounds_stay_open_as_long_as_the_slowest_servers_clients_need() {
    for party in PartyId::ALL {
        let mut trio = Trio::linked();
        let needs = [0, 64, 64, 64, 0, 0, 0].map(|need| {
            let mut needs = [0; 3];
            needs[party.index()] = need;
            needs
        });
        let late = usize::from(party != PartyId::P0);
        let expected = [1000, 2000, 2500, 2500, 1250, 1000, 1000];
        let seen = windows(&mut trio, Program::Conversation, &needs);
        assert_eq!(seen[late..], expected[..7 - late], "{party}");
        assert_eq!(trio.clocks[0].stretch(), Stretch::NONE);
    }
}

/// Time-outs count rounds of both lanes, which therefore stay in step.
#[test]
fn dialing_rounds_stay_open_longer_as_well() {
    let mut trio = Trio::linked();
    windows(&mut trio, Program::Conversation, &[[128, 0, 0]; 3]);
    let dialing = windows(&mut trio, Program::Contacts, &[[128, 0, 0]; 2]);
    assert_eq!(dialing, [8000, 8000]);
}

/// A peer that asks for more than that gets no more, and nothing once it is gone.
#[test]
fn a_peer_stretches_rounds_no_further_than_clients_do() {
    let mut trio = Trio::linked();
    let seen = windows(
        &mut trio,
        Program::Conversation,
        &[[0, u16::MAX, u16::MAX]; 5],
    );
    assert_eq!(seen, [1000, 2000, 4000, 4000, 4000]);
    trio.unlink(PartyId::P1);
    trio.unlink(PartyId::P0);
    trio.unlink(PartyId::P2);
    for clock in &mut trio.clocks {
        clock.set_need(Need(0));
    }
    trio.link_all();
    let seen = windows(&mut trio, Program::Conversation, &[[0; 3]; 3]);
    assert_eq!(seen[1..], [1000, 1000]);
}

/// Whose clients are in time says nothing of it.
#[test]
fn peers_tell_what_their_clients_need_only_where_it_matters() {
    let told = |needs: &[u16]| -> Vec<u16> {
        let mut follower = Follower::new();
        let mut told = Vec::new();
        for (i, need) in (0..).zip(needs) {
            follower.clock.set_need(Need(*need));
            let (round, turn) = (RoundId(13 + i), Turn(7 + i));
            follower.control(Control::Open {
                round,
                program: Program::Conversation,
                turn,
                closes_in_ms: 1,
                sort_ways: 2,
            });
            for output in follower.control(Control::Close { round }) {
                if let Output::Tell {
                    control: Control::Needs { need },
                    ..
                } = output
                {
                    told.push(need);
                }
            }
            follower.now += PERIODS.conversation;
        }
        told
    };
    assert!(told(&[0, 12, 25]).is_empty());
    assert_eq!(told(&[40, 50, 25, 0]), [40, 50, 0]);
}

/// What has come for a round is taken in before it closes.
#[test]
fn it_is_known_beforehand_that_a_round_may_close() {
    let mut trio = Trio::linked();
    let [leader, follower, _] = &trio.clocks;
    let from = PartyId::P0;
    for (round, closes) in [(11, true), (12, true)] {
        let control = Control::Close {
            round: RoundId(round),
        };
        let input = Input::Control { from, control };
        assert_eq!(follower.may_close(trio.now, &input), closes);
    }
    let control = Control::Failed { round: RoundId(11) };
    assert!(!follower.may_close(trio.now, &Input::Control { from, control }));
    let soon = PERIODS.conversation;
    assert!(!leader.may_close(trio.now, &Input::Tick));
    assert!(leader.may_close(trio.now + soon, &Input::Tick));
    assert!(!follower.may_close(trio.now + soon, &Input::Tick));
    trio.tick();
    let finished = Input::Finished {
        round: RoundId(11),
        outcome: Outcome::Done,
    };
    let [leader, ..] = &trio.clocks;
    assert!(leader.may_close(trio.now + soon, &finished));
    assert!(!leader.may_close(trio.now, &finished));
}
