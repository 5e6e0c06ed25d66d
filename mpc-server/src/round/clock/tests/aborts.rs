//! Rounds in which somebody deviates: all hear of it, none is run again, and too many are the end.

use mcmix_engine::Suspects;

use super::*;

/// Something that a check found at a party.
fn found(me: PartyId) -> Outcome {
    Outcome::Aborted(Abort {
        told_by: None,
        account: "sort #3: a proof was rejected".to_owned(),
        suspects: Suspects::of_check(me),
    })
}

fn aborts(done: &[(PartyId, Output)]) -> Vec<(PartyId, RoundId, Abort)> {
    done.iter()
        .filter_map(|(by, output)| match output {
            Output::Abort { round, abort, .. } => Some((*by, *round, abort.clone())),
            _ => None,
        })
        .collect()
}

/// Lets the next conversation round be computed, and returns its number.
fn computing(trio: &mut Trio) -> RoundId {
    loop {
        let done = trio.tick();
        for (by, round) in computed(&done) {
            let program = trio.clocks[by.index()].computing[&round];
            if by == PartyId::P0 && !program.program.is_dialing() {
                return round;
            }
            trio.input(
                by,
                Input::Finished {
                    round,
                    outcome: Outcome::Done,
                },
            );
        }
    }
}

fn abort_at(trio: &mut Trio, me: PartyId, round: RoundId) {
    let outcome = found(me);
    trio.input(me, Input::Finished { round, outcome });
}

fn halts(trio: &Trio) -> [Option<Halt>; 3] {
    trio.clocks.each_ref().map(Clock::halt)
}

#[test]
fn an_abort_is_told_to_all_once_and_names_both_peers() {
    for me in PartyId::ALL {
        // Where P0 is the one that deviates it passes nothing on.
        for deaf in [None, Some(PartyId::P0)] {
            if deaf == Some(me) {
                continue;
            }
            let mut trio = Trio::linked();
            let round = computing(&mut trio);
            trio.deaf = deaf;
            trio.done.clear();
            abort_at(&mut trio, me, round);
            let aborts = aborts(&trio.done);
            for party in PartyId::ALL
                .into_iter()
                .filter(|&party| Some(party) != deaf)
            {
                let of_it: Vec<_> = aborts.iter().filter(|(by, ..)| *by == party).collect();
                let [(_, aborted, abort)] = &of_it[..] else {
                    panic!("{party}: {of_it:?}");
                };
                assert_eq!(*aborted, round);
                assert_eq!(abort.told_by, (party != me).then_some(me));
                assert_eq!(abort.suspects, Suspects::of_check(party));
                assert!(abort.account.contains("sort #3: a proof was rejected"));
            }
            let over: Vec<_> = failed(&trio.done)
                .into_iter()
                .filter(|(_, over)| *over == round)
                .collect();
            assert_eq!(over.len(), aborts.len());
            assert!(!is_blamed(&trio.done));
        }
    }
}

/// A party that tells one peer alone is heard by the other one, too.
#[test]
fn an_abort_that_one_is_told_of_reaches_the_other() {
    for (by, told) in [(PartyId::P1, PartyId::P2), (PartyId::P1, PartyId::P0)] {
        let mut trio = Trio::linked();
        let round = computing(&mut trio);
        trio.done.clear();
        let account = "a lie".to_owned();
        let control = Control::Aborted { round, account };
        trio.input(told, Input::Control { from: by, control });
        let aborted: Vec<_> = aborts(&trio.done).into_iter().map(|(by, ..)| by).collect();
        for party in [by.next(), by.prev()] {
            let times = aborted.iter().filter(|&&it| it == party).count();
            assert_eq!(times, 1, "{party}");
        }
    }
}

#[test]
fn too_many_aborts_stop_all_until_all_are_started_anew() {
    let mut trio = Trio::linked();
    for i in 1..=PATIENCE.aborts {
        assert_eq!(halts(&trio), [None; 3]);
        let round = computing(&mut trio);
        abort_at(&mut trio, PartyId::ALL[i % 3], round);
    }
    assert_eq!(halts(&trio), [Some(Halt::Here); 3]);
    assert!(trio.clocks[0].next_tick().is_none());
    for clock in &trio.clocks {
        assert!(clock.under_way().is_empty(), "open rounds are over, too");
    }
    trio.done.clear();
    trio.now += Duration::from_hours(24);
    trio.input(PartyId::P0, Input::Tick);
    assert!(trio.done.is_empty());
    // Operators restart one after the other: those that still stand keep the others from rounds.
    for (i, party) in PartyId::ALL.into_iter().enumerate() {
        let position = trio.clocks[party.index()].position();
        for link in [party, party.prev()] {
            trio.unlink(link);
        }
        trio.clocks[party.index()] = clock(party, position);
        assert!(opened(&trio.done, PartyId::P1).is_empty());
        trio.done.clear();
        for link in [party, party.prev()] {
            trio.link(link);
        }
        for (other, halt) in PartyId::ALL.into_iter().zip(halts(&trio)) {
            if other.index() > i {
                assert_eq!(halt, Some(Halt::Here));
            } else {
                let at_peer = matches!(halt, Some(Halt::At(peer)) if peer.index() > i);
                assert!(at_peer || i == 2, "{other} {halt:?}");
            }
        }
    }
    assert_eq!(halts(&trio), [None; 3]);
    assert!(!opened(&trio.done, PartyId::P1).is_empty());
    computing(&mut trio);
}

/// A party that has counted enough stops alone, and the others see it.
#[test]
fn one_party_that_stops_stops_all() {
    for party in PartyId::ALL {
        let mut trio = Trio::linked();
        let stopped = Control::Stopped;
        for peer in [party.next(), party.prev()] {
            let control = stopped.clone();
            trio.input(
                peer,
                Input::Control {
                    from: party,
                    control,
                },
            );
        }
        for peer in [party.next(), party.prev()] {
            assert_eq!(trio.clocks[peer.index()].halt(), Some(Halt::At(party)));
            assert!(trio.clocks[peer.index()].under_way().is_empty());
        }
        if party == PartyId::P0 {
            continue;
        }
        assert!(trio.clocks[0].next_tick().is_none());
        // A P0 that opens rounds all the same is followed by nobody.
        let honest = PartyId::ALL
            .into_iter()
            .find(|&it| it != party && it != PartyId::P0);
        let honest = honest.unwrap();
        let control = Control::Open {
            round: RoundId(13),
            program: Program::Conversation,
            turn: Turn(7),
            closes_in_ms: 1,
            sort_ways: 2,
        };
        let from = PartyId::P0;
        trio.now += PERIODS.conversation;
        let out = trio.clocks[honest.index()].handle(trio.now, Input::Control { from, control });
        let control = Control::Failed { round: RoundId(13) };
        assert_eq!(out, [Output::Tell { to: from, control }]);
    }
}

/// Links that break and time that runs out are denial that anybody on the way can do: no number of
/// them stops rounds for good.
#[test]
fn rounds_that_break_off_are_not_counted() {
    let mut trio = Trio::linked();
    for i in 0..4 * PATIENCE.aborts {
        let round = computing(&mut trio);
        if i % 2 == 0 {
            trio.input(
                PartyId::ALL[i % 3],
                Input::Finished {
                    round,
                    outcome: Outcome::Failed,
                },
            );
        } else {
            let link = PartyId::ALL[i % 3];
            trio.unlink(link);
            trio.link(link);
        }
    }
    assert_eq!(halts(&trio), [None; 3]);
    assert!(aborts(&trio.done).is_empty());
}

/// Some got their results and somebody says that it has none: so looks a server that keeps results
/// from those whom it chooses.
#[test]
fn a_round_that_only_some_finished_is_counted() {
    let mut trio = Trio::linked();
    let round = computing(&mut trio);
    trio.done.clear();
    let done = || Input::Finished {
        round,
        outcome: Outcome::Done,
    };
    trio.input(PartyId::P0, done());
    trio.input(PartyId::P2, done());
    trio.input(
        PartyId::P1,
        Input::Finished {
            round,
            outcome: Outcome::Failed,
        },
    );
    let counted: Vec<_> = aborts(&trio.done).into_iter().map(|(by, ..)| by).collect();
    assert_eq!(counted, [PartyId::P0, PartyId::P2], "{:?}", trio.done);
    for (party, cause) in [
        (PartyId::P0, Cause::Aborted),
        (PartyId::P1, Cause::Broken),
        (PartyId::P2, Cause::Aborted),
    ] {
        let program = Program::Conversation;
        let fail = Output::Fail {
            round,
            program,
            cause,
        };
        assert!(trio.done.contains(&(party, fail)), "clients are told");
    }
    // Once.
    let control = Control::Failed { round };
    let from = PartyId::P1;
    trio.input(PartyId::P0, Input::Control { from, control });
    assert_eq!(aborts(&trio.done).len(), 2);
}

/// An account of a round that is not under way here ends and counts nothing, and is no misdeed.
#[test]
fn aborts_of_other_rounds_are_passed_over() {
    let mut trio = Trio::linked();
    trio.done.clear();
    for round in [0, 3, 99] {
        let control = Control::Aborted {
            round: RoundId(round),
            account: "nothing".to_owned(),
        };
        let from = PartyId::P2;
        trio.input(PartyId::P1, Input::Control { from, control });
    }
    assert!(trio.done.is_empty(), "{:?}", trio.done);
}
