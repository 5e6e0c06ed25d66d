//! A model of servers that have more to do than they can, and what the period makes of it.

use std::collections::VecDeque;

use mcmix_shared::identity::ClientId;

use super::*;
use crate::intake::Answers;

const PERIOD: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(1);

/// What there is to do, in microseconds of one machine's time: it can do 1,000 in a step.
#[derive(Clone, Copy)]
struct Costs {
    /// An announcement, the deal for it, and taking the answer.
    answer: i64,
    /// Refusing an answer that is late, beside that.
    refusal: i64,
    /// Computing on a submission that came in time.
    row: i64,
}

const COSTS: Costs = Costs {
    answer: 500,
    refusal: 200,
    row: 100,
};

/// How a round went.
#[derive(Clone, Copy, Debug)]
struct Round {
    clients: u32,
    in_time: u32,
    stretch: Stretch,
}

impl Round {
    fn is_normal(&self) -> bool {
        self.stretch == Stretch::NONE && self.in_time == self.clients
    }
}

/// One machine under clients that answer everything, in order.
struct World {
    next: fn(Stretch, Need) -> Stretch,
    now: Duration,
    opened_at: Duration,
    stretch: Stretch,
    /// Who is connected.
    clients: u32,
    /// Of them, who answers five periods late, on purpose and at no cost.
    idlers: u32,
    /// Whose turn it is to be announced to and to answer, in which round.
    queue: VecDeque<(u32, u32, Duration)>,
    budget: i64,
    in_time: u32,
    answers: Answers,
    rounds: Vec<Round>,
}

impl World {
    fn new(next: fn(Stretch, Need) -> Stretch) -> Self {
        Self {
            next,
            now: Duration::ZERO,
            opened_at: Duration::ZERO,
            stretch: Stretch::NONE,
            clients: 0,
            idlers: 0,
            queue: VecDeque::new(),
            budget: 0,
            in_time: 0,
            answers: Answers::new(PERIOD),
            rounds: Vec::new(),
        }
    }

    /// Lets so many rounds go by with so many clients, and returns them.
    fn run(&mut self, clients: u32, rounds: usize) -> &[Round] {
        self.clients = clients;
        let before = self.rounds.len();
        while self.rounds.len() < before + rounds {
            self.step();
        }
        &self.rounds[before..]
    }

    fn step(&mut self) {
        self.now += STEP;
        self.budget = (self.budget + 1000).min(1000);
        while self.budget > 0
            && let Some((client, round, opened_at)) = self.queue.pop_front()
        {
            // Whoever has left costs nothing more.
            if client >= self.clients {
                continue;
            }
            self.budget -= COSTS.answer;
            if round == self.round() {
                self.in_time += 1;
            } else {
                self.budget -= COSTS.refusal;
            }
            self.note(client, self.now.saturating_sub(opened_at));
        }
        if self.now >= self.opened_at + self.stretch.of(PERIOD) {
            self.close();
        }
    }

    fn close(&mut self) {
        self.budget -= i64::from(self.in_time) * COSTS.row;
        self.rounds.push(Round {
            clients: self.clients,
            in_time: std::mem::take(&mut self.in_time),
            stretch: self.stretch,
        });
        for idler in 0..self.idlers {
            self.note(u32::MAX - idler, 5 * PERIOD);
        }
        self.stretch = (self.next)(self.stretch, self.answers.need());
        self.answers.restart();
        self.opened_at = self.now;
        let round = self.round();
        self.queue
            .extend((0..self.clients).map(|client| (client, round, self.now)));
    }

    fn note(&mut self, client: u32, took: Duration) {
        let id = ClientId(u128::from(client).to_le_bytes());
        self.answers.note(id, took);
    }

    fn round(&self) -> u32 {
        u32::try_from(self.rounds.len()).unwrap()
    }
}

/// As it was: a window closes on time whoever has answered.
fn fixed(stretch: Stretch, _: Need) -> Stretch {
    stretch
}

/// Returns the share of those left out.
fn left_out(rounds: &[Round]) -> f64 {
    let [clients, in_time] = [|it: &Round| it.clients, |it: &Round| it.in_time]
        .map(|of| rounds.iter().map(of).sum::<u32>());
    1.0 - f64::from(in_time) / f64::from(clients)
}

/// A load that fits; so many clients that they don't, half a minute; the first load again.
fn surge(next: fn(Stretch, Need) -> Stretch, most: u32) -> [Vec<Round>; 3] {
    let mut world = World::new(next);
    let usual = 1000;
    [(usual, 10), (most, 30), (usual, 40)]
        .map(|(clients, rounds)| world.run(clients, rounds).into())
}

#[test]
fn with_a_fixed_period_overload_becomes_a_spiral() {
    let [before, during, after] = surge(fixed, 2500);
    assert!(before.iter().skip(2).all(Round::is_normal), "{before:?}");
    assert!(left_out(&during[20..]) > 0.9, "{during:?}");
    assert!(left_out(&after[..5]) > 0.9, "{after:?}");
}

#[test]
fn rounds_go_on_under_overload_and_are_normal_again_within_five() {
    for most in [1800, 2000, 2500, 4000] {
        let [before, during, after] = surge(Stretch::next, most);
        assert!(before.iter().skip(2).all(Round::is_normal), "{before:?}");
        assert!(left_out(&during) < 0.2, "{most}: {during:?}");
        assert!(left_out(&during[10..]) < 0.01, "{most}: {during:?}");
        assert!(after[5..].iter().all(Round::is_normal), "{most}: {after:?}");
        let taken = after.iter().take(5).map(|round| round.stretch.of(PERIOD));
        assert!(taken.sum::<Duration>() <= 15 * PERIOD, "{most}: {after:?}");
    }
}

/// More than the longest period can hold: most are left out, and it ends all the same.
#[test]
fn what_no_period_can_hold_ends_with_the_load() {
    let [_, during, after] = surge(Stretch::next, 20_000);
    assert!(during.iter().all(|round| round.stretch <= Stretch::MOST));
    // What had been announced to those who stay is worked off first.
    assert!(after[10..].iter().all(Round::is_normal), "{after:?}");
}

/// With a load that just does not fit the period neither comes and goes, nor grows.
#[test]
fn it_settles_near_what_is_needed() {
    for clients in [1700, 1800, 2000, 3000] {
        let mut world = World::new(Stretch::next);
        world.run(clients, 30);
        let rounds = world.run(clients, 30);
        let needed = f64::from(clients) * 0.6e-3;
        for round in rounds {
            let period = round.stretch.of(PERIOD).as_secs_f64();
            assert!(period <= 1.6 * needed, "{clients}: {rounds:?}");
        }
        assert!(left_out(rounds) < 0.01, "{clients}: {rounds:?}");
    }
}

#[test]
fn who_is_late_on_purpose_and_has_few_keys_stretches_nothing() {
    for idlers in [1, 20, 200, 300] {
        let mut world = World::new(Stretch::next);
        world.idlers = idlers;
        let rounds = world.run(1000, 30);
        assert!(rounds.iter().skip(2).all(Round::is_normal), "{idlers}");
    }
}

#[test]
fn it_doubles_and_halves_at_most_and_has_bounds() {
    let mut stretch = Stretch::NONE;
    let mut seen = Vec::new();
    for need in [32, 33, 48, 200, u16::MAX, 65, 0, 0, 0] {
        stretch = stretch.next(Need(need));
        seen.push(stretch.percent());
    }
    assert_eq!(seen, [100, 128, 187, 375, 400, 253, 125, 100, 100]);
    assert_eq!(Stretch::MOST.of(PERIOD), 4 * PERIOD);
    assert_eq!(Stretch::NONE.of(PERIOD), PERIOD);
}
