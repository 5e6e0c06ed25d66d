//! Three clocks, and every way to break their rules.

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
