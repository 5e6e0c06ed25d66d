//! Two people call each other at once (docs/protocol.md 11.1, glare).
//!
//! Call 1 is the smaller key's, call 2 the greater's; each has a meeting point of its own. In a
//! round each side stands at any of the points where it may stand: coins and slots decide, and an
//! answer in the quick slot stands beside a call in the task slot. Replies come late, when the next
//! round's rows are written already. Dials and replies are lost at any time. A row carries random
//! bytes (who calls), message 2 (who answers), or a packet (who has a session).

use super::explore::Explored;

/// The call of which a session comes, and where it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Smallers,
    Greaters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Random,
    Answer,
    Packet,
}

/// What one side has under way with the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    calling: Calling,
    answering: Answering,
    paired: Option<Call>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Calling {
    No,
    Paused,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answering {
    No,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Smaller,
    Greater,
}

impl Who {
    fn own(self) -> Call {
        match self {
            Self::Smaller => Call::Smallers,
            Self::Greater => Call::Greaters,
        }
    }

    fn others(self) -> Call {
        match self {
            Self::Smaller => Call::Greaters,
            Self::Greater => Call::Smallers,
        }
    }
}

/// Who gives up an own answer when the other's message 2 to the own call opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum GivesUp {
    /// The smaller key: where there are two sessions, its call's is the one that stays.
    Smaller,
    Both,
    Nobody,
}

/// What the greater key does with its own call when it answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greater {
    Pauses,
    Drops,
}

/// What the smaller key does with its own call when the greater's ring comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Smaller {
    Keeps,
    Drops,
}

#[derive(Clone, Copy)]
struct Rules {
    gives_up: GivesUp,
    greater: Greater,
    smaller: Smaller,
}

/// The rules as docs/protocol.md has them.
const RULES: Rules = Rules {
    gives_up: GivesUp::Smaller,
    greater: Greater::Pauses,
    smaller: Smaller::Keeps,
};

impl Side {
    const CALLING: Self = Self {
        calling: Calling::Yes,
        answering: Answering::No,
        paired: None,
    };

    /// Where this side may stand, and with what.
    fn rows(self, who: Who) -> Vec<(Call, Row)> {
        let mut rows = Vec::new();
        if self.calling == Calling::Yes {
            rows.push((who.own(), Row::Random));
        }
        if self.answering == Answering::Yes {
            rows.push((who.others(), Row::Answer));
        }
        rows.extend(self.paired.map(|call| (call, Row::Packet)));
        rows
    }

    /// What becomes of this side when these rows came back to it.
    fn receives(mut self, who: Who, rows: &[(Call, Row)], rules: Rules) -> Self {
        let before = self;
        for &(call, row) in rows {
            let answers_own = call == who.own() && before.calling != Calling::No;
            if row == Row::Answer && answers_own {
                self.paired = Some(call);
                self.calling = Calling::No;
                let gives_up = match rules.gives_up {
                    GivesUp::Smaller => who == Who::Smaller,
                    GivesUp::Both => true,
                    GivesUp::Nobody => false,
                };
                if gives_up {
                    self.answering = Answering::No;
                }
            }
        }
        for &(call, row) in rows {
            let of_answer = call == who.others() && self.answering == Answering::Yes;
            if row == Row::Packet && (of_answer || before.paired == Some(call)) {
                self = Self {
                    calling: Calling::No,
                    answering: Answering::No,
                    paired: Some(call),
                };
            }
        }
        self
    }

    /// The other's ring arrives: it is answered at once by who calls, else by a person.
    fn is_rung(mut self, who: Who, rules: Rules) -> Option<Self> {
        if self.paired.is_some() || self.answering == Answering::Yes {
            return None;
        }
        self.answering = Answering::Yes;
        match (who, rules.greater, rules.smaller) {
            _ if self.calling == Calling::No => {}
            (Who::Greater, Greater::Pauses, _) => self.calling = Calling::Paused,
            (Who::Greater, Greater::Drops, _) | (Who::Smaller, _, Smaller::Drops) => {
                self.calling = Calling::No;
            }
            (Who::Smaller, _, Smaller::Keeps) => {}
        }
        Some(self)
    }
}

/// Both sides, and what met in rounds whose replies are still to come, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    smaller: Side,
    greater: Side,
    flying: Vec<Vec<Meeting>>,
}

/// Rows that met, and what each side sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Meeting {
    call: Call,
    smallers: Row,
    greaters: Row,
}

impl State {
    const START: Self = Self {
        smaller: Side::CALLING,
        greater: Side::CALLING,
        flying: Vec::new(),
    };

    fn with(&self, smaller: Side, greater: Side) -> Self {
        let flying = self.flying.clone();
        Self {
            smaller,
            greater,
            flying,
        }
    }

    /// One session on both sides, and nothing else under way.
    fn is_settled(&self) -> bool {
        let rows = self.smaller.rows(Who::Smaller);
        self.smaller == self.greater && matches!(rows[..], [(_, Row::Packet)])
    }

    /// Two sessions, and neither side does anything that could bring them together.
    fn is_split(&self) -> bool {
        let is_at_rest =
            |side: &Side| side.calling == Calling::No && side.answering == Answering::No;
        let (smaller, greater) = (&self.smaller, &self.greater);
        let at_rest = self.flying.is_empty() && is_at_rest(smaller) && is_at_rest(greater);
        at_rest && smaller.paired != greater.paired
    }
}

fn steps(state: &State, rules: Rules) -> Vec<(&'static str, State)> {
    let mut steps = dials(state, rules);
    let (smaller, greater) = (state.smaller, state.greater);
    if greater.calling == Calling::Paused && greater.paired.is_none() {
        let calling = Calling::Yes;
        let resumed = Side { calling, ..greater };
        steps.push(("24c: the greater calls again", state.with(smaller, resumed)));
    }
    if state.flying.len() < 2 {
        steps.extend(rounds(state));
    }
    steps.extend(replies(state, rules));
    steps
}

/// A dial arrives, only while its caller dials; a paused call dials no more.
fn dials(state: &State, rules: Rules) -> Vec<(&'static str, State)> {
    let (smaller, greater) = (state.smaller, state.greater);
    let mut steps = Vec::new();
    let smaller_rings = smaller.calling == Calling::Yes;
    let greater_rings = greater.calling == Calling::Yes;
    let rung_greater = greater
        .is_rung(Who::Greater, rules)
        .filter(|_| smaller_rings);
    let rung_smaller = smaller
        .is_rung(Who::Smaller, rules)
        .filter(|_| greater_rings);
    if let Some(greater) = rung_greater {
        steps.push(("the greater is rung", state.with(smaller, greater)));
    }
    if let Some(smaller) = rung_smaller {
        steps.push(("the smaller is rung", state.with(smaller, greater)));
    }
    if let (Some(smaller), Some(greater)) = (rung_smaller, rung_greater) {
        steps.push(("both are rung", state.with(smaller, greater)));
    }
    // The smaller's dial comes late, to a greater who has a session by its own call.
    let is_idle = greater.calling == Calling::No && greater.answering == Answering::No;
    if smaller_rings && is_idle && greater.paired == Some(Call::Greaters) {
        let answering = Answering::Yes;
        let greater = Side {
            answering,
            ..greater
        };
        steps.push(("a late dial is accepted", state.with(smaller, greater)));
    }
    steps
}

/// A conversation round: at any of the points where both may stand, their rows meet.
fn rounds(state: &State) -> Vec<(&'static str, State)> {
    let mut meetings = Vec::new();
    for (call, smallers) in state.smaller.rows(Who::Smaller) {
        for (other, greaters) in state.greater.rows(Who::Greater) {
            if other == call {
                meetings.push(Meeting {
                    call,
                    smallers,
                    greaters,
                });
            }
        }
    }
    let mut steps = Vec::new();
    for met in subsets(&meetings) {
        let mut to = state.clone();
        to.flying.push(met);
        steps.push(("a round", to));
    }
    steps
}

/// The replies of the oldest round under way come, to both, to one, or to none.
fn replies(state: &State, rules: Rules) -> Vec<(&'static str, State)> {
    let Some((met, rest)) = state.flying.split_first() else {
        return Vec::new();
    };
    let to_smaller: Vec<_> = met.iter().map(|it| (it.call, it.greaters)).collect();
    let to_greater: Vec<_> = met.iter().map(|it| (it.call, it.smallers)).collect();
    let smaller = state.smaller.receives(Who::Smaller, &to_smaller, rules);
    let greater = state.greater.receives(Who::Greater, &to_greater, rules);
    let after = |smaller, greater| State {
        smaller,
        greater,
        flying: rest.to_vec(),
    };
    vec![
        ("replies come", after(smaller, greater)),
        ("the smaller's reply comes", after(smaller, state.greater)),
        ("the greater's reply comes", after(state.smaller, greater)),
        ("both replies are lost", after(state.smaller, state.greater)),
    ]
}

fn subsets<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let mut subsets = vec![Vec::new()];
    for one in all {
        let with = subsets
            .iter()
            .map(|some: &Vec<T>| [&some[..], std::slice::from_ref(one)].concat());
        subsets.extend(with.collect::<Vec<_>>());
    }
    subsets
}

/// The steps, and the end of a call that nobody answered in time.
fn steps_and_ends(state: &State) -> Vec<(&'static str, State)> {
    let mut steps = steps(state, RULES);
    let (smaller, greater) = (state.smaller, state.greater);
    let calling = Calling::No;
    if smaller.calling != calling {
        let smaller = Side { calling, ..smaller };
        steps.push(("the smaller's call ends", state.with(smaller, greater)));
    }
    if greater.calling != calling {
        let greater = Side { calling, ..greater };
        steps.push(("the greater's call ends", state.with(smaller, greater)));
    }
    steps
}

fn explored(rules: Rules) -> Explored<State> {
    Explored::from(State::START, |state| steps(state, rules))
}

#[test]
fn every_state_leads_to_one_session() {
    let explored = explored(RULES);
    explored.expect_none(explored.states().filter(|state| state.is_split()));
    explored.expect_none(&explored.dead_ends(State::is_settled));
    for call in [Call::Smallers, Call::Greaters] {
        assert!(
            explored
                .states()
                .any(|state| state.is_settled() && state.smaller.paired == Some(call))
        );
    }
}

/// Nobody is left with a session that the other side cannot come to, and whoever still calls can be
/// answered.
#[test]
fn calls_that_end_leave_nobody_in_a_session_alone() {
    let explored = Explored::from(State::START, steps_and_ends);
    explored.expect_none(explored.states().filter(|state| state.is_split()));
    let dead = explored.dead_ends(State::is_settled);
    let is_lost = |side: &Side| side.calling != Calling::No || side.paired.is_some();
    let lost = dead
        .iter()
        .filter(|state| is_lost(&state.smaller) || is_lost(&state.greater));
    explored.expect_none(lost);
}

/// Both messages 2 arrive in one round: each side would keep the session of its own call.
#[test]
fn both_giving_up_their_answers_splits_them() {
    let gives_up = GivesUp::Both;
    assert!(
        explored(Rules { gives_up, ..RULES })
            .states()
            .any(State::is_split)
    );
}

/// Then both first packets do, and each side would take the session of the other's call.
#[test]
fn neither_giving_up_its_answer_splits_them() {
    let gives_up = GivesUp::Nobody;
    assert!(
        explored(Rules { gives_up, ..RULES })
            .states()
            .any(State::is_split)
    );
}

/// Each then stands at the other's meeting point alone.
#[test]
fn both_dropping_their_calls_never_meet() {
    let rules = Rules {
        greater: Greater::Drops,
        smaller: Smaller::Drops,
        ..RULES
    };
    let explored = explored(rules);
    assert!(!explored.dead_ends(State::is_settled).is_empty());
}
