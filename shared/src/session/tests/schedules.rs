//! Every generation completes, whatever is lost, whoever is away, whenever a client starts again.

use super::{
    super::{Lane, Texts},
    world::{CALM, Fate, Part, Reply, Storing, World},
};
use crate::program::RoundId;
use rand_chacha::rand_core::Rng as _;

/// How unlucky a side is: one in so many rounds each.
#[derive(Clone, Copy, Debug)]
struct Luck {
    absent: u32,
    front: u32,
    lost: u32,
    forgotten: u32,
    reload: u32,
}

impl Luck {
    fn draw(self, world: &mut World) -> Fate {
        let part = if world.one_in(self.absent) {
            Part::Absent
        } else if world.one_in(self.front) {
            Part::Front
        } else {
            Part::Quick
        };
        let reply = if world.one_in(self.lost) {
            Reply::Lost
        } else if world.one_in(self.forgotten) {
            Reply::Forgotten
        } else if world.one_in(self.reload) {
            Reply::Reload
        } else {
            Reply::Comes
        };
        Fate { part, reply }
    }
}

/// Random schedules: the two are never further than one generation apart, go on while they
/// meet, and from every state that losses can leave behind calm rounds lead on.
fn complete_in_random_schedules(seeds: core::ops::Range<u64>) {
    let mut in_bad_times = 0;
    for seed in seeds.clone() {
        let mut world = World::new(seed);
        let luck = |world: &mut World| Luck {
            absent: 2 + world.rng.next_u32() % 8,
            front: 2 + world.rng.next_u32() % 8,
            lost: 2 + world.rng.next_u32() % 8,
            forgotten: 8 + world.rng.next_u32() % 30,
            reload: 8 + world.rng.next_u32() % 30,
        };
        let lucks = [luck(&mut world), luck(&mut world)];
        world.piece_bytes = if world.one_in(2) { 200 } else { 104 };
        if world.one_in(2) {
            world.storing = Storing::Vital;
        }
        for round in 0..60 {
            let [lower, higher] = lucks.map(|luck| luck.draw(&mut world));
            world.run(lower, higher);
            let [a, b] = world.generations();
            assert!(
                a.abs_diff(b) <= 1,
                "seed {seed}, round {round}: {a} and {b}"
            );
        }
        let reached = world.generation();
        in_bad_times += u64::from(reached);
        world.calm_until(reached + 1, 60);
    }
    let seeds = seeds.end - seeds.start;
    assert!(in_bad_times * 50 > seeds, "{in_bad_times} in {seeds}");
}

#[test]
fn every_generation_completes_in_random_schedules() {
    complete_in_random_schedules(0..150);
}

#[test]
#[ignore = "takes minutes"]
fn every_generation_completes_in_many_random_schedules() {
    complete_in_random_schedules(150..20_000);
}

/// Without losses: an offer of seven rows, an answer of six, and at most three rows more.
#[test]
fn a_generation_takes_so_many_rows() {
    for (piece_bytes, rows) in [(200, 13), (104, 23)] {
        let mut world = World::new(1);
        world.piece_bytes = piece_bytes;
        let mut last = 0;
        let mut most = 0;
        for generation in 1..40 {
            let from = world.round;
            world.calm_until(generation, 60);
            last += 1;
            most = most.max(world.round - from);
        }
        assert_eq!(last, 39);
        assert!((rows..=rows + 6).contains(&most), "{most} rows");
    }
}

/// Rows that meet only in every second round, or in one of sixteen in which one side has a row
/// each time: strictly in turn, the answerer would never meet the asker's new generation.
#[test]
fn generations_complete_where_rows_meet_in_a_pattern() {
    let patterns = [2, 3, 4, 8, 15, 16, 17].into_iter().flat_map(|period| {
        let parts = [Part::Front, Part::Quick].into_iter();
        parts.flat_map(move |part| [0, 1].map(|present| (period, part, present)))
    });
    for (period, part, present) in patterns {
        let mut world = World::new(period);
        for round in 0..period * 100 {
            let mut fates = [CALM; 2];
            if round % period != 0 {
                fates[present].part = part;
                fates[1 - present].part = Part::Absent;
            }
            let [lower, higher] = fates;
            world.run(lower, higher);
        }
        let reached = world.generation();
        assert!(
            reached >= 3,
            "one row in {period}, {part:?} {present}: {reached}"
        );
    }
}

/// Every second reply of one side, or of both, is lost for ever.
#[test]
fn generations_complete_where_every_second_reply_is_lost() {
    for losers in [[true, false], [false, true], [true, true]] {
        let mut world = World::new(3);
        for round in 0..400 {
            let mut fates = [CALM; 2];
            for (fate, loses) in fates.iter_mut().zip(losers) {
                if loses && round % 2 == 0 {
                    fate.reply = Reply::Lost;
                }
            }
            let [lower, higher] = fates;
            world.run(lower, higher);
        }
        let reached = world.generation();
        assert!(reached >= 3, "{losers:?}: {reached}");
    }
}

/// While one side is away the other does not take turns: what goes out comes back.
#[test]
fn nobody_takes_turns_with_who_is_away() {
    let away = Fate {
        part: Part::Absent,
        ..CALM
    };
    for seed in 0..10 {
        let mut world = World::new(seed);
        while world.higher.session.state.next.is_none() {
            world.calm_round();
        }
        for _ in 0..200 {
            world.run(away, CALM);
        }
        let next = world.higher.session.state.next.as_ref().unwrap();
        assert!(!next.outgoing.all_may_have_met(next.answer.len()));
        world.calm_until(1, 20);
    }
}

/// While texts wait a due ratchet has every fourth row of the quick slot, and no row of others.
#[test]
fn texts_go_first_in_three_rows_of_four() {
    let mut world = World::new(1);
    world.lower.texts = Texts::Waiting;
    world.higher.texts = Texts::Waiting;
    let front = Fate {
        part: Part::Front,
        ..CALM
    };
    for _ in 0..100 {
        world.run(front, front);
    }
    assert_eq!(world.generation(), 0);
    let from = world.round;
    world.calm_until(1, 80);
    let rows = world.round - from;
    assert!((4 * 13..=4 * 13 + 8).contains(&rows), "{rows} rows");
}

/// The next ratchet begins 4,096 conversation rounds, or a day, after the last was complete; the
/// first right after pairing.
#[test]
fn ratchets_keep_their_time() {
    let mut world = World::new(1);
    world.pace = 1;
    world.calm_until(1, 20);
    let from = world.round;
    while world.generation() < 2 {
        world.calm_round();
    }
    let rounds = world.round - from;
    assert!((4096..4096 + 30).contains(&rounds), "{rounds} rounds");
}

/// Who lost what it drew, or got older, begins again; the other side follows.
#[test]
fn an_offer_from_other_seeds_is_answered_anew() {
    for (seed, calm) in (0..10).flat_map(|seed| [0, 3, 8, 10, 12].map(|calm| (seed, calm))) {
        let mut world = World::new(seed);
        world.calm_round();
        let before = world.lower.stored.clone();
        for _ in 0..calm {
            world.calm_round();
        }
        if world.generation() > 0 {
            continue;
        }
        world.lower.stored = before;
        world.lower.load();
        assert!(world.lower.session.state.asked.is_none());
        world.calm_until(2, 120);
    }
}

/// When rows get shorter, offers and answers begin again with the same seeds.
#[test]
fn shorter_rows_begin_again() {
    for seed in 0..32 {
        let mut world = World::new(seed);
        for _ in 0..seed % 16 {
            world.calm_round();
        }
        world.piece_bytes = 104;
        let goal = world.generation() + 1;
        world.calm_until(goal, 80);
    }
}

/// Both sides' resume secrets in every state: what one names, the other has.
#[test]
fn resume_secrets_fit_in_every_state() {
    for seed in 0..100 {
        let mut world = World::new(seed);
        for _ in 0..60 {
            let luck = Luck {
                absent: 6,
                front: 10,
                lost: 3,
                forgotten: 8,
                reload: 9,
            };
            let [lower, higher] = [luck, luck].map(|luck| luck.draw(&mut world));
            world.run(lower, higher);
            let (a, b) = (&world.lower.session, &world.higher.session);
            for (one, other) in [(a, b), (b, a)] {
                assert!(one.resume_secrets().len() <= 2);
                if let Some(id) = one.resume_id() {
                    let has = other.resume_secret(&id).expect("the other side has it");
                    assert_eq!(has.as_bytes(), one.resume_secrets()[0].as_bytes());
                }
            }
        }
    }
}

/// Pictures' rows count for themselves, so that a lane that meets nobody stops no ratchet.
#[test]
fn lanes_take_turns_for_themselves() {
    let mut world = World::new(1);
    while world.higher.session.state.next.is_none() {
        world.calm_round();
    }
    for round in 1_000..1_012 {
        let session = &mut world.higher.session;
        let ticket = session.take_row(RoundId(round), Lane::Text).unwrap();
        let clock = super::RatchetClock {
            turn: 0,
            now_ms: 0,
            piece_bytes: 200,
        };
        session.ratchet_piece(&ticket, clock, Texts::None, &mut world.rng);
    }
    for lanes in [&[Lane::Text][..], &[Lane::Text, Lane::Picture]] {
        let session = &mut world.higher.session;
        let from = session.state.taken.round + 1;
        let mut seen = [0; 2];
        for round in from..from + 40 {
            for lane in lanes {
                let ticket = session.take_row(RoundId(round), *lane).unwrap();
                if *lane == Lane::Text {
                    seen[usize::try_from(ticket.generation).unwrap()] += 1;
                }
            }
        }
        assert_eq!(seen, [20, 20]);
    }
}
