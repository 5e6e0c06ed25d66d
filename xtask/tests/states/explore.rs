//! Visits every state that can be reached.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Debug;

/// All states that can be reached, each with how, and with the states that follow it.
#[derive(Debug)]
pub(crate) struct Explored<S> {
    found: BTreeMap<S, Option<(S, &'static str)>>,
    next: BTreeMap<S, BTreeSet<S>>,
}

impl<S: Ord + Clone + Debug> Explored<S> {
    /// Follows all steps from the start; a step says what happens.
    pub(crate) fn from(start: S, steps: impl Fn(&S) -> Vec<(&'static str, S)>) -> Self {
        let mut explored = Self {
            found: BTreeMap::from([(start.clone(), None)]),
            next: BTreeMap::new(),
        };
        let mut open = VecDeque::from([start]);
        while let Some(state) = open.pop_front() {
            let mut next = BTreeSet::new();
            for (what, to) in steps(&state) {
                if !explored.found.contains_key(&to) {
                    explored
                        .found
                        .insert(to.clone(), Some((state.clone(), what)));
                    open.push_back(to.clone());
                }
                next.insert(to);
            }
            explored.next.insert(state, next);
        }
        explored
    }

    /// The states that can be reached.
    pub(crate) fn states(&self) -> impl Iterator<Item = &S> {
        self.found.keys()
    }

    /// The states from which no goal can be reached any more.
    pub(crate) fn dead_ends(&self, is_goal: impl Fn(&S) -> bool) -> Vec<S> {
        let mut alive: BTreeSet<_> = self.states().filter(|state| is_goal(state)).collect();
        loop {
            let before = alive.len();
            for (state, next) in &self.next {
                if next.iter().any(|state| alive.contains(state)) {
                    alive.insert(state);
                }
            }
            if alive.len() == before {
                break;
            }
        }
        self.states()
            .filter(|state| !alive.contains(state))
            .cloned()
            .collect()
    }

    /// What happened until a state was reached first.
    pub(crate) fn way(&self, state: &S) -> String {
        let mut steps = vec![format!("{state:?}")];
        let mut state = state;
        while let Some(Some((from, what))) = self.found.get(state) {
            steps.push(format!("{from:?}: {what}"));
            state = from;
        }
        steps.reverse();
        steps.join("\n")
    }

    /// Fails with the way to the first of some states.
    pub(crate) fn expect_none<'a>(&self, states: impl IntoIterator<Item = &'a S>)
    where
        S: 'a,
    {
        let way = states.into_iter().next().map(|state| self.way(state));
        assert!(way.is_none(), "{}", way.unwrap_or_default());
    }
}
