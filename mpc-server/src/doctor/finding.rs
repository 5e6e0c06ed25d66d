//! What was looked at, what is wrong, what that means and what to do.

use std::fmt;

use mcmix_shared::party::PartyId;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, and what it means.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

impl Finding {
    /// Makes one.
    pub fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            problem: plain(&problem.into()),
            advice: plain(&advice.into()),
        }
    }
}

/// Makes characters visible that a terminal would act on: some of a text may be what a server says.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_control() {
            plain.extend(c.escape_default());
        } else {
            plain.push(c);
        }
    }
    plain
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n      do: {}", self.problem, self.advice)
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Check {
    /// The server; none where it is all three.
    pub party: Option<PartyId>,
    /// What was looked at.
    pub what: &'static str,
    /// What is wrong.
    pub finding: Option<Finding>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.party {
            Some(party) => write!(f, "{party} ")?,
            None => write!(f, "all ")?,
        }
        match &self.finding {
            None => write!(f, "{}: ok", self.what),
            Some(finding) => write!(f, "{}: WRONG: {finding}", self.what),
        }
    }
}

/// Checks while they are made.
#[derive(Debug, Default)]
pub(super) struct Checks {
    party: Option<PartyId>,
    done: Vec<Check>,
}

impl Checks {
    pub(super) fn of(party: PartyId) -> Self {
        Self {
            party: Some(party),
            done: Vec::new(),
        }
    }

    /// Returns none, of the same server.
    pub(super) const fn beside(&self) -> Self {
        Self {
            party: self.party,
            done: Vec::new(),
        }
    }

    /// Notes how a check went, and returns what goes on with.
    pub(super) fn note<T>(&mut self, what: &'static str, result: Result<T, Finding>) -> Option<T> {
        let (right, finding) = match result {
            Ok(right) => (Some(right), None),
            Err(finding) => (None, Some(finding)),
        };
        let party = self.party;
        self.done.push(Check {
            party,
            what,
            finding,
        });
        right
    }

    pub(super) fn append(&mut self, others: Self) {
        self.done.extend(others.done);
    }
}

/// All that was looked at.
#[derive(Clone, Debug)]
pub struct Report(Vec<Check>);

impl From<Checks> for Report {
    fn from(checks: Checks) -> Self {
        Self(checks.done)
    }
}

impl Report {
    /// Returns all checks, in order.
    pub fn checks(&self) -> &[Check] {
        &self.0
    }

    /// Returns the checks that found something wrong.
    pub fn findings(&self) -> impl Iterator<Item = &Check> {
        self.0.iter().filter(|check| check.finding.is_some())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|check| writeln!(f, "{check}"))?;
        match self.findings().count() {
            0 => write!(f, "all is well"),
            1 => write!(f, "1 thing is wrong"),
            count => write!(f, "{count} things are wrong"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_no_order_to_the_terminal() {
        let finding = Finding::new("the link ended: \u{1b}[2Jall is well\n\u{9b}m", "é");
        assert_eq!(
            finding.to_string(),
            "the link ended: \\u{1b}[2Jall is well\\n\\u{9b}m\n      do: é"
        );
    }
}
