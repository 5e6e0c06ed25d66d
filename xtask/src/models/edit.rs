//! Small changes to a model, written beside it like a patch without line numbers.

use anyhow::{Context as _, Result, bail};

/// Stands for any number of lines among those to be removed.
const ANY: &str = "...";

/// Some changes under one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) name: String,
    changes: Vec<Change>,
    /// Whether the next `-` belongs to the last change.
    goes_on: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// Lines that stand once, in this order, and what comes in their place.
    Lines { old: Vec<String>, new: Vec<String> },
    /// A piece of text in every line that ends with a comment.
    Everywhere {
        comment: String,
        old: String,
        new: String,
    },
}

impl Edit {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Takes one line of the edit: `- old`, `+ new`, or `* comment: old => new`.
    pub(super) fn take(&mut self, line: &str) -> Result<()> {
        let (sign, rest) = line.split_at_checked(1).context("an empty line")?;
        let text = rest.trim().to_owned();
        match (sign, self.changes.last_mut()) {
            ("-", Some(Change::Lines { old, new })) if self.goes_on && new.is_empty() => {
                old.push(text);
            }
            ("-", _) => self.changes.push(Change::Lines {
                old: vec![text],
                new: Vec::new(),
            }),
            ("+", Some(Change::Lines { new, .. })) => new.push(text),
            ("*", _) => self.changes.push(everywhere(&text)?),
            _ => bail!("expected '- old', '+ new' or '* comment: old => new', got '{line}'"),
        }
        self.goes_on = true;
        Ok(())
    }

    /// Ends a change, so that lines to be removed elsewhere can follow.
    pub(super) fn pause(&mut self) {
        self.goes_on = false;
    }

    /// Returns the model with the changes made.
    pub(super) fn apply(&self, model: &str) -> Result<String> {
        let mut lines: Vec<String> = model.lines().map(str::to_owned).collect();
        for change in &self.changes {
            lines = change
                .apply(lines)
                .with_context(|| format!("edit {}", self.name))?;
        }
        Ok(lines.join("\n") + "\n")
    }
}

fn everywhere(text: &str) -> Result<Change> {
    let parts = text
        .split_once(": ")
        .and_then(|(comment, change)| Some((comment, change.split_once(" => ")?)));
    let (comment, (old, new)) =
        parts.with_context(|| format!("expected 'comment: old => new', got '{text}'"))?;
    Ok(Change::Everywhere {
        comment: format!("// {comment}"),
        old: old.to_owned(),
        new: new.to_owned(),
    })
}

impl Change {
    fn apply(&self, mut lines: Vec<String>) -> Result<Vec<String>> {
        match self {
            Self::Lines { old, new } => {
                let mut found = (0..lines.len())
                    .filter_map(|start| Some(start..start + extent(old, lines.get(start..)?)?));
                let (Some(range), None) = (found.next(), found.next()) else {
                    bail!("these lines do not stand in the model once: {old:?}");
                };
                drop(lines.splice(range, new.iter().cloned()));
            }
            Self::Everywhere { comment, old, new } => {
                let mut changed = false;
                for line in &mut lines {
                    if line.ends_with(comment) && line.contains(old) {
                        *line = line.replace(old, new);
                        changed = true;
                    }
                }
                if !changed {
                    bail!("no line with '{old}' ends with '{comment}'");
                }
            }
        }
        Ok(lines)
    }
}

/// How many of the lines the pattern covers, if they begin with it.
fn extent(pattern: &[String], lines: &[String]) -> Option<usize> {
    let mut covered = 0;
    let mut skipping = false;
    for wanted in pattern {
        if wanted == ANY {
            skipping = true;
            continue;
        }
        let rest = lines.get(covered..)?;
        let mut is_wanted = rest.iter().map(|line| line.trim() == wanted.trim());
        let skipped = if skipping {
            is_wanted.position(|same| same)?
        } else {
            is_wanted.next().filter(|same| *same).map(|_| 0)?
        };
        covered += skipped + 1;
        skipping = false;
    }
    Some(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(lines: &[&str]) -> Edit {
        let mut edit = Edit::new("some");
        for line in lines {
            edit.take(line).unwrap();
        }
        edit
    }

    #[test]
    fn lines_are_replaced_where_they_stand() {
        let some = edit(&["- b", "+ x", "+ y", "- d", "* K: P( => Q("]);
        let model = "a\n\tb\nc\nd\nP(1) // K\nP(2)\n";
        assert_eq!(some.apply(model).unwrap(), "a\nx\ny\nc\nQ(1) // K\nP(2)\n");
    }

    #[test]
    fn dots_stand_for_what_is_between() {
        let some = edit(&["- b", "- ...", "- d", "+ x"]);
        assert_eq!(some.apply("a\nb\nc\nc\nd\ne\n").unwrap(), "a\nx\ne\n");
    }

    #[test]
    fn what_is_missing_or_stands_twice_is_an_error() {
        assert!(edit(&["- b"]).apply("a\n").is_err());
        assert!(edit(&["- b"]).apply("b\nb\n").is_err());
        assert!(edit(&["* K: P( => Q("]).apply("P(1)\n").is_err());
    }
}
