//! Which resume secret a caller names, and whether the callee still has it (docs/protocol.md 8).
//!
//! Two ratchet steps between two sides that ask in turn. Rows and replies are lost at any time. A
//! row belongs to one generation: the asker uses its newest, the answerer its current one or the
//! next, until a packet of the next opens.

use super::explore::Explored;

/// Generations that are looked at.
const LAST: u8 = 3;

/// One side's generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    current: u8,
    /// Whether a packet of the current generation opened.
    opened: bool,
    /// As answerer: the next generation, stored before the answer leaves.
    next: Option<u8>,
}

type State = [Side; 2];

const START: State = [Side {
    current: 0,
    opened: true,
    next: None,
}; 2];

/// Which resume secrets a side keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeps {
    TwoNewest,
    /// The answerer drops the old one with the first packet of the next generation.
    AnswererDropsOld,
    Newest,
    LastOpened,
}

/// Which resume secret a caller names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    LastOpened,
    /// The asker has the whole answer, so the answerer has what it answered with.
    AskersNewest,
}

/// The side that begins a generation.
fn asker(generation: u8) -> usize {
    usize::from(generation % 2 == 0)
}

impl Side {
    fn generations(self) -> Vec<u8> {
        [Some(self.current), self.next].into_iter().flatten().collect()
    }

    fn last_opened(self) -> u8 {
        if self.opened { self.current } else { self.current.saturating_sub(1) }
    }

    fn opens(mut self, generation: u8) -> Self {
        if self.next == Some(generation) {
            self.current = generation;
            self.next = None;
        }
        self.opened |= self.current == generation;
        self
    }

    fn keeps(self, own: usize, rule: Keeps) -> Vec<u8> {
        let newest = self.next.unwrap_or(self.current);
        let before = newest.saturating_sub(1);
        match rule {
            Keeps::TwoNewest => vec![before, newest],
            Keeps::AnswererDropsOld if self.next.is_none() && asker(newest) != own => vec![newest],
            Keeps::AnswererDropsOld => vec![before, newest],
            Keeps::Newest => vec![newest],
            Keeps::LastOpened => vec![self.last_opened()],
        }
    }

    fn names(self, own: usize, rule: Names) -> u8 {
        match rule {
            Names::AskersNewest if asker(self.current) == own => self.current,
            Names::LastOpened | Names::AskersNewest => self.last_opened(),
        }
    }
}

fn steps(state: &State) -> Vec<(&'static str, State)> {
    let mut steps = Vec::new();
    let mut step = |what, own: usize, side: Side| {
        let mut to = *state;
        to[own] = side;
        steps.push((what, to));
    };
    for own in [0, 1] {
        let (side, other) = (state[own], state[1 - own]);
        let generation = other.current + 1;
        // The asker offers once a packet of the current generation opened.
        let is_asked = asker(generation) != own && other.opened && side.current == other.current;
        if is_asked && side.next.is_none() && generation <= LAST {
            let next = Some(generation);
            let opened = true;
            step("a whole offer comes in rows that open", own, Side { next, opened, ..side });
        }
        let is_answered = other.next == Some(side.current + 1);
        if is_answered {
            let current = side.current + 1;
            let opened = false;
            step("the whole answer comes in rows that open", own, Side { current, opened, ..side });
        }
        for generation in side.generations() {
            if other.generations().contains(&generation) {
                step("a packet opens", own, side.opens(generation));
            }
        }
    }
    steps
}

fn explored() -> Explored<State> {
    Explored::from(START, steps)
}

/// States in which a caller names what the other side does not have.
fn failures(explored: &Explored<State>, names: Names, keeps: Keeps) -> Vec<State> {
    let fails = |state: &&State| {
        [0, 1].into_iter().any(|own| {
            let named = state[own].names(own, names);
            let has = |side: usize| state[side].keeps(side, keeps).contains(&named);
            !has(own) || !has(1 - own)
        })
    };
    explored.states().filter(fails).copied().collect()
}

#[test]
fn what_a_caller_names_the_other_side_has() {
    let explored = explored();
    let last = |state: &State| state[0].current == LAST && state[0] == state[1];
    assert!(explored.dead_ends(last).is_empty());
    let failures = failures(&explored, Names::LastOpened, Keeps::TwoNewest);
    explored.expect_none(&failures);
}

/// One lost reply, and a call of the old device is shown as a new one's.
#[test]
fn with_only_the_last_kept_a_lost_reply_shows_a_false_new_device() {
    let explored = explored();
    assert!(!failures(&explored, Names::LastOpened, Keeps::LastOpened).is_empty());
    assert!(!failures(&explored, Names::LastOpened, Keeps::Newest).is_empty());
}

/// Who read a device in generation g and calls in its owner's name is shown as the old device
/// until g + 2 begins, though g + 1 has healed (docs/threat-model.md).
#[test]
fn a_secret_that_was_read_counts_for_one_generation_more() {
    for state in explored().states() {
        for (own, side) in state.iter().enumerate() {
            let oldest = side.keeps(own, Keeps::TwoNewest)[0];
            assert!(oldest + 1 >= side.current, "{state:?}");
        }
    }
}

/// A rule that would halve that time: the asker names the next generation as soon as it has it, so
/// the answerer needs the old secret no longer than until a packet of the next one opens.
#[test]
fn naming_the_askers_newest_lets_the_answerer_drop_the_old_secret() {
    let explored = explored();
    let failures = failures(&explored, Names::AskersNewest, Keeps::AnswererDropsOld);
    explored.expect_none(&failures);
}
