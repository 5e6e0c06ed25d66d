//! One server alone decides nothing: whatever it says, withholds or changes, texts arrive once it
//! stops, none twice, and what the others say goes on meanwhile.

use mcmix_shared::{
    client::{Action, Event, LinkStatus, Notice, Obstacle, RoundOutcome, SendStatus},
    party::PartyId,
    program::Program,
    wire::Refusal,
};

use crate::{
    servers::{Forgery, Liar, Lie},
    world::World,
};

const A: usize = 0;
const B: usize = 1;

/// Two who have each other's conversation on the screen.
fn talking(seed: u64) -> World {
    let mut world = World::new(&["Ada", "Bob"], seed);
    world.pair(A, B);
    world.settle();
    world.look(A, Some(B));
    world.look(B, Some(A));
    world.conversations(6);
    world
}

fn stay_awake(world: &mut World) {
    world.act(A, Action::Touch);
    world.act(B, Action::Touch);
}

/// Whether a lie makes the client drop the link, which then comes back after a pause.
const fn drops_the_link(lie: Lie) -> bool {
    matches!(
        lie,
        Lie::Refuses(
            Refusal::Replaced
                | Refusal::TooManyConnections
                | Refusal::IdTaken
                | Refusal::UnsupportedVersion
                | Refusal::TooFast
                | Refusal::Malformed
        )
    )
}

/// Whatever one server did to a client, the very next round after it stopped delivers.
#[test]
fn clients_recover_in_the_next_round() {
    for lie in Lie::ALL {
        for party in PartyId::ALL {
            {
                let suspect = Some(A);
                let mut world = talking(1000);
                world.servers.liars = vec![Liar {
                    party,
                    lie,
                    suspect,
                }];
                world.say(A, B, "to Bob");
                world.say(B, A, "to Ada");
                for _ in 0..10 {
                    stay_awake(&mut world);
                    world.cycle();
                }
                world.stop_lying();
                if drops_the_link(lie) {
                    // Rounds go on meanwhile: a link that says nothing for long is dropped, too.
                    for _ in 0..31 {
                        world.pass(1000);
                        world.converse();
                    }
                    let servers = world.nodes[A].view().servers;
                    assert!(
                        world.nodes[A].view().connected(),
                        "{party} {lie:?} {servers:?}"
                    );
                }
                world.converse();
                assert_eq!(world.received(B, A), ["to Bob"], "{party} {lie:?}");
                assert_eq!(world.received(A, B), ["to Ada"], "{party} {lie:?}");
                world.say(A, B, "and again");
                world.until("delivered", |w| {
                    w.all_delivered(A, B) && w.all_delivered(B, A)
                });
                assert_eq!(world.received(B, A), ["to Bob", "and again"]);
            }
        }
    }
}

/// A server that announces what there is not, or other turns, or other programs, stands alone:
/// rounds that the two others vouch for are dealt for once, and bogus ones never.
#[test]
fn bogus_announcements_change_nothing() {
    for party in PartyId::ALL {
        for lie in [Lie::AnnouncesMore, Lie::AnnouncesCrowds] {
            let mut world = talking(1010);
            let mut honest = talking(1010);
            world.lie(party, lie);
            for step in 0..30 {
                for world in [&mut world, &mut honest] {
                    stay_awake(world);
                    world.nodes[A].sent.clear();
                    let text = format!("{step}");
                    world.say(A, B, &text);
                    world.round(match step % 3 {
                        1 => world.next_dialing(),
                        _ => Program::Conversation,
                    });
                }
                assert_eq!(world.nodes[A].sent, honest.nodes[A].sent, "{party} {lie:?}");
                assert_eq!(world.received(B, A), honest.received(B, A));
            }
            assert_eq!(world.nodes[A].view().online(), Some(2), "the median");
            assert!(world.servers.offences.is_empty());
        }
    }
}

/// A server that announces no round is handed no share of one, so that rounds whose number it
/// does not know are not shown to it.
#[test]
fn who_announces_nothing_is_handed_nothing() {
    for party in PartyId::ALL {
        let mut world = World::new(&["Ada"], 1015);
        world.tap();
        world.servers.heard.clear();
        world.lie(party, Lie::WithholdsRounds);
        world.cycles(2);
        let heard = &world.servers.heard;
        let [at_it, at_others] = [true, false].map(|it| {
            let of = heard.iter().filter(|heard| (heard.party == party) == it);
            of.count()
        });
        assert_eq!((at_it, at_others), (0, 12), "{party}");
    }
}

/// However many servers announce them, rounds that go back, and those further ahead than rounds
/// can come, are dealt for by nobody.
#[test]
fn rounds_of_the_past_or_far_ahead_are_not_dealt_for() {
    for (back, ahead) in [(1, 0), (2, 0), (0, 1 << 33)] {
        let mut world = World::new(&["Ada"], 1016);
        world.conversations(4);
        world.tap();
        world.converse();
        assert_eq!(world.servers.heard.len(), 3);
        world.servers.heard.clear();
        world.servers.go_back(back);
        world.servers.skip(ahead, 0);
        world.converse();
        assert!(world.servers.heard.is_empty(), "{back} back, {ahead} ahead");
    }
}

/// One server says that rows were left out, that the round failed, or garbles its reply, while
/// the partner got them: nothing is shown as unsent, nothing comes twice.
#[test]
fn what_one_server_says_of_a_round_shows_nothing() {
    let lies = [
        Lie::SaysMissed,
        Lie::SaysFailed,
        Lie::SaysAborted,
        Lie::SaysStopped,
        Lie::WithholdsReplies,
        Lie::Garbles,
        Lie::GarblesAll,
        Lie::BringsBack,
    ];
    for party in PartyId::ALL {
        for lie in lies {
            let mut world = talking(1020);
            world.lie_to(A, party, lie);
            world.say(A, B, "did it leave?");
            world.conversations(2);
            assert_eq!(world.received(B, A), ["did it leave?"]);
            let contact = world.key(B);
            let message = world.contact(A, B).messages[0].number;
            world.act(A, Action::CancelText { contact, message });
            assert!(
                !world.statuses(A, B).contains(&SendStatus::Cancelled),
                "{party} {lie:?}: what the other side has can't be taken back"
            );
            world.stop_lying();
            world.until("delivered", |world| world.all_delivered(A, B));
            assert_eq!(world.received(B, A), ["did it leave?"]);
        }
    }
}

/// Even an attack on the engine, with which all three replies agree, loses nothing where rows
/// carry random nonces: what seems to come back is sent again, and known again.
#[test]
fn rows_that_seem_to_come_back_are_not_lost() {
    let mut world = talking(1030);
    for (step, forgery) in [Forgery::ComesBack, Forgery::Noise].into_iter().enumerate() {
        world.servers.forged.insert(A, forgery);
        world.say(A, B, &format!("text {step}"));
        world.conversations(5);
        world.servers.forged.clear();
        world.until("delivered", |world| world.all_delivered(A, B));
    }
    assert_eq!(world.received(B, A), ["text 0", "text 1"]);
}

/// The rows of an answer are the same bytes in every round, so a partner and a server can make
/// one seem to have come back: the call comes about all the same.
#[test]
fn an_answer_that_seems_to_come_back_is_given_again() {
    let mut world = World::new(&["Ada", "Bob"], 1035);
    world.add(A, B);
    world.call(A, B);
    world.until("it rings", |world| world.rings(B, A));
    world.servers.forged.insert(B, Forgery::ComesBack);
    world.accept(B, A);
    world.conversations(8);
    world.servers.forged.clear();
    world.until("they are a pair", |world| world.are_paired(A, B));
}

/// One server says that another window took over: its link waits, and nothing else happens. Two
/// within half a minute are believed.
#[test]
fn another_window_is_believed_to_two_servers() {
    let mut world = talking(1040);
    world.lie_to(A, PartyId::P1, Lie::Refuses(Refusal::Replaced));
    world.conversations(10);
    let statuses = |world: &World| {
        let view = world.nodes[A].view();
        view.servers.map(|server| server.status)
    };
    assert!(!statuses(&world).contains(&LinkStatus::Replaced));
    assert!(!world.was_told(A, |n| matches!(n, Notice::Replaced)));
    world.stop_lying();
    for _ in 0..31 {
        world.pass(1000);
    }
    world.converse();
    assert!(world.nodes[A].view().connected());
    let liar = |party| Liar {
        party,
        lie: Lie::Refuses(Refusal::Replaced),
        suspect: Some(A),
    };
    // Lies ride on replies, and the first one cuts the client off from more of them.
    world.servers.liars = [PartyId::P1, PartyId::P2].map(liar).to_vec();
    world.conversations(2);
    assert_eq!(statuses(&world), [LinkStatus::Replaced; 3]);
    assert!(world.was_told(A, |n| matches!(n, Notice::Replaced)));
    world.stop_lying();
    for _ in 0..100 {
        world.pass(1000);
    }
    world.event(A, Event::Resumed);
    assert_eq!(
        statuses(&world),
        [LinkStatus::Replaced; 3],
        "two windows do not take it from each other for ever"
    );
}

/// Nothing completes for some periods: the person is told who is in the way.
#[test]
fn the_server_in_the_way_is_named() {
    for party in PartyId::ALL {
        for lie in [
            Lie::Withholds,
            Lie::WithholdsReplies,
            Lie::WithholdsRounds,
            Lie::SaysMissed,
            Lie::SaysFailed,
            Lie::SaysAborted,
            Lie::AnnouncesOtherTurns,
            Lie::AnnouncesOtherPrograms,
        ] {
            let mut world = talking(1050);
            assert_eq!(world.nodes[A].view().obstacle, None);
            world.lie(party, lie);
            world.cycles(12);
            let obstacle = world.nodes[A].view().obstacle;
            assert_eq!(
                obstacle,
                Some(Obstacle::Server(party)),
                "{party} {lie:?}: {:?}",
                world.nodes[A].view().servers
            );
            world.stop_lying();
            world.conversations(3);
            assert_eq!(world.nodes[A].view().obstacle, None, "{party} {lie:?}");
        }
    }
}

/// That a server deviates is believed to two servers, and never to one alone; no one server is named.
#[test]
fn aborts_are_believed_to_two_servers() {
    let told = |world: &mut World| world.was_told(A, |n| matches!(n, Notice::RoundAborted));
    let last = |world: &World| world.nodes[A].view().conversation.unwrap().last.unwrap();
    let mut world = talking(1070);
    for party in PartyId::ALL {
        world.lie(party, Lie::SaysAborted);
        world.cycles(2);
        assert!(!told(&mut world), "{party}");
        assert!(!matches!(last(&world), RoundOutcome::Aborted(_)), "{party}");
        world.stop_lying();
        world.conversations(1);
    }
    world.say(A, B, "and it is sent again");
    world.abort();
    assert!(told(&mut world));
    assert!(matches!(last(&world), RoundOutcome::Aborted(_)));
    for _ in 0..3 {
        world.abort();
    }
    assert_eq!(world.nodes[A].view().obstacle, Some(Obstacle::Unknown));
    world.until("delivered", |world| world.all_delivered(A, B));
    assert_eq!(world.received(B, A), ["and it is sent again"]);
    assert_eq!(world.nodes[A].view().obstacle, None);
}

/// That rounds are stopped is believed to two servers, until they open one again.
#[test]
fn stopped_rounds_are_believed_to_two_servers() {
    let obstacle = |world: &World| world.nodes[A].view().obstacle;
    let mut world = talking(1080);
    for party in PartyId::ALL {
        world.lie(party, Lie::SaysStopped);
        world.cycles(4);
        assert_eq!(obstacle(&world), None, "{party}");
        world.stop_lying();
        world.conversations(1);
    }
    // The third withholds it, which changes nothing.
    world.lie(PartyId::P2, Lie::Withholds);
    world.stop();
    assert_eq!(obstacle(&world), Some(Obstacle::Stopped));
    world.reload(A);
    world.stop();
    assert_eq!(
        obstacle(&world),
        Some(Obstacle::Stopped),
        "a new page is told, too"
    );
    world.stop_lying();
    world.conversations(1);
    assert_eq!(obstacle(&world), None);
}

/// A lying server makes nobody dial less, or ring longer: a call ends when its person says so or
/// its time is over, in rounds and on the clock.
#[test]
fn a_lying_server_ends_no_call() {
    for lie in [
        Lie::AnnouncesMore,
        Lie::SaysMissed,
        Lie::SaysFailed,
        Lie::WithholdsReplies,
    ] {
        let mut world = World::new(&["Ada", "Bob"], 1060);
        world.add(A, B);
        world.converse();
        world.call(A, B);
        world.lie(PartyId::P0, lie);
        world.cycles(10);
        world.stop_lying();
        world.until("it rings", |world| world.rings(B, A));
        world.accept(B, A);
        world.until("they are a pair", |world| world.are_paired(A, B));
    }
}
