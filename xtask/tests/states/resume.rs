//! Which resume secret a caller names, and whether the callee still has it (docs/protocol.md 8).
//!
//! Ratchet steps between two sides that ask in turn. Rows and replies are lost at any time. A row
//! belongs to one generation: the asker uses its newest, the answerer its current one or the next,
//! until a packet of the next opens.

use super::explore::Explored;

/// Generations that are looked at.
const LAST: u8 = 3;

/// The side that begins the odd generations, or the one that begins the even ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Begins {
    Odd,
    Even,
}

impl Begins {
    fn of(generation: u8) -> Self {
        if generation.is_multiple_of(2) {
            Self::Even
        } else {
            Self::Odd
        }
    }
}

/// One side's generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    begins: Begins,
    current: u8,
    /// Whether a packet of the current generation opened.
    opened: bool,
    /// As answerer: the next generation, stored before the answer leaves.
    next: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    odd: Side,
    even: Side,
}

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

impl Side {
    const fn new(begins: Begins) -> Self {
        Self {
            begins,
            current: 0,
            opened: true,
            next: None,
        }
    }

    fn generations(self) -> impl Iterator<Item = u8> {
        [Some(self.current), self.next].into_iter().flatten()
    }

    fn last_opened(self) -> u8 {
        self.current - u8::from(!self.opened)
    }

    fn opens(mut self, generation: u8) -> Self {
        if self.next == Some(generation) {
            self.current = generation;
            self.next = None;
        }
        self.opened |= self.current == generation;
        self
    }

    fn keeps(self, rule: Keeps) -> Vec<u8> {
        let newest = self.next.unwrap_or(self.current);
        let two = vec![newest.saturating_sub(1), newest];
        let has_answered = Begins::of(newest) != self.begins && self.next.is_none();
        match rule {
            Keeps::Newest => vec![newest],
            Keeps::LastOpened => vec![self.last_opened()],
            Keeps::AnswererDropsOld if has_answered => vec![newest],
            Keeps::AnswererDropsOld | Keeps::TwoNewest => two,
        }
    }

    fn names(self, rule: Names) -> u8 {
        match rule {
            Names::AskersNewest if Begins::of(self.current) == self.begins => self.current,
            Names::AskersNewest | Names::LastOpened => self.last_opened(),
        }
    }
}

impl State {
    const START: Self = Self {
        odd: Side::new(Begins::Odd),
        even: Side::new(Begins::Even),
    };

    fn with(self, side: Side) -> Self {
        match side.begins {
            Begins::Odd => Self { odd: side, ..self },
            Begins::Even => Self { even: side, ..self },
        }
    }

    /// Each side, and the other one.
    fn sides(self) -> [(Side, Side); 2] {
        [(self.odd, self.even), (self.even, self.odd)]
    }
}

fn steps(state: &State) -> Vec<(&'static str, State)> {
    let mut steps = Vec::new();
    for (side, other) in state.sides() {
        // The asker offers once a packet of the current generation opened.
        let wanted = other.current + 1;
        let is_offered = Begins::of(wanted) == other.begins && other.opened && wanted <= LAST;
        if is_offered && side.current == other.current && side.next.is_none() {
            let answering = Side {
                next: Some(wanted),
                opened: true,
                ..side
            };
            steps.push((
                "a whole offer comes, in rows that open",
                state.with(answering),
            ));
        }
        if other.next == Some(side.current + 1) {
            let answered = Side {
                current: side.current + 1,
                opened: false,
                ..side
            };
            steps.push((
                "a whole answer comes, in rows that open",
                state.with(answered),
            ));
        }
        for generation in side.generations() {
            if other.generations().any(|others| others == generation) {
                steps.push(("a packet opens", state.with(side.opens(generation))));
            }
        }
    }
    steps
}

fn explored() -> Explored<State> {
    Explored::from(State::START, steps)
}

/// States in which a caller names what one of the two does not have.
fn failures(explored: &Explored<State>, names: Names, keeps: Keeps) -> Vec<State> {
    let fails = |state: &State| {
        state.sides().into_iter().any(|(caller, callee)| {
            let secret = caller.names(names);
            !caller.keeps(keeps).contains(&secret) || !callee.keeps(keeps).contains(&secret)
        })
    };
    let states = explored.states().copied();
    states.filter(fails).collect()
}

#[test]
fn what_a_caller_names_the_other_side_has() {
    let explored = explored();
    let is_last = |state: &State| state.odd.current == LAST && state.even.current == LAST;
    explored.expect_none(&explored.dead_ends(is_last));
    explored.expect_none(&failures(&explored, Names::LastOpened, Keeps::TwoNewest));
}

/// One lost reply, and a call of the old device is shown as a new one's.
#[test]
fn with_only_the_last_kept_a_lost_reply_shows_a_false_new_device() {
    let explored = explored();
    for keeps in [Keeps::LastOpened, Keeps::Newest] {
        assert!(!failures(&explored, Names::LastOpened, keeps).is_empty());
    }
}

/// Who read a device in generation g and calls in its owner's name is shown as the old device
/// until g + 2 is stored, though g + 1 has healed; and no longer.
#[test]
fn a_secret_that_was_read_counts_for_one_generation_more() {
    let explored = explored();
    let sides = || explored.states().flat_map(|state| [state.odd, state.even]);
    let oldest = |side: Side| side.keeps(Keeps::TwoNewest).into_iter().min();
    assert!(sides().any(|side| side.current == 1 && side.opened && oldest(side) == Some(0)));
    assert!(sides().all(|side| oldest(side) >= Some(side.current.saturating_sub(1))));
}

/// A rule that would halve that time: the asker names the next generation as soon as it has it, so
/// the answerer needs the old secret only until a packet of the next one opens.
#[test]
fn naming_the_askers_newest_lets_the_answerer_drop_the_old_secret() {
    let explored = explored();
    let failures = failures(&explored, Names::AskersNewest, Keeps::AnswererDropsOld);
    explored.expect_none(&failures);
}
