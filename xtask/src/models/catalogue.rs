//! Which models there are, which cases of each, and what is expected of every query.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::edit::Edit;

/// A model finds more attacks the more sessions of each principal run beside each other.
const SESSIONS: u8 = 2;

/// All models.
#[derive(Clone, Debug)]
pub(super) struct Catalogue {
    pub(super) models: Vec<Model>,
}

/// One model: a file for the tool, and the cases beside it.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: String,
    /// The file for the tool.
    pub(super) text: String,
    /// The file beside it.
    pub(super) beside: String,
    edits: Vec<Edit>,
    pub(super) cases: Vec<Case>,
}

/// A model under some assumption or with some mistake, and what then becomes of its queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) kind: Kind,
    edits: Vec<String>,
    pub(super) sessions: u8,
    pub(super) speed: Speed,
    asks: Option<Vec<String>>,
    expected: Expected,
}

/// What a case is there for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The protocol as built: what it promises, or where its promises end.
    Protocol,
    /// A mistake in the protocol that its queries find, made in the case of this name.
    Mutation { of: String },
    /// A mistake that no query finds: nothing is checked about it.
    Silent { of: String },
}

/// Whether a case belongs to the fast selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speed {
    Fast,
    Slow,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Breaks(Vec<String>),
    Holds(Vec<String>),
}

/// One question that a model asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) name: String,
    pub(super) line: String,
}

/// What the tool is to check.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) text: String,
    pub(super) queries: Vec<Query>,
    /// The tool's code: a letter for the kind of query, and 1 where it is to break.
    pub(super) code: String,
}

impl Catalogue {
    /// Reads the folder: `NAME.cases` beside each `NAME.vp`.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let mut models = Vec::new();
        for entry in fs::read_dir(folder)? {
            let file = entry?.path();
            if file.extension().is_some_and(|extension| extension == "vp") {
                models.push(Model::load(&file)?);
            }
        }
        models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { models })
    }

    /// Checks that the cases fit the models, and that each query of each is found to fail by a
    /// mutation: a query that nothing breaks shows nothing.
    pub(super) fn check(&self) -> Result<()> {
        for model in &self.models {
            model
                .check()
                .with_context(|| format!("docs/models/{}.cases", model.name))?;
        }
        Ok(())
    }
}

impl Model {
    fn load(file: &Path) -> Result<Self> {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let beside = file.with_extension("cases");
        let cases = fs::read_to_string(&beside).with_context(|| beside.display().to_string())?;
        Self::parse(&name, fs::read_to_string(file)?, &cases)
            .with_context(|| beside.display().to_string())
    }

    fn parse(name: &str, text: String, cases: &str) -> Result<Self> {
        let mut model = Self {
            name: name.to_owned(),
            text,
            beside: cases.to_owned(),
            edits: Vec::new(),
            cases: Vec::new(),
        };
        for (index, line) in cases.lines().enumerate() {
            model
                .take(line.trim())
                .with_context(|| format!("line {}: {line}", index + 1))?;
        }
        Ok(model)
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (subject, says) = rest.split_once(": ").unwrap_or((rest, ""));
        match word {
            "" => self.edits.iter_mut().for_each(Edit::pause),
            "#" => {}
            "edit" => self.edits.push(Edit::new(subject)),
            "-" | "+" | "*" => {
                let edit = self.edits.last_mut().context("no edit to belong to")?;
                edit.take(line)?;
            }
            "case" | "mutation" | "silent" => {
                ensure!(!says.is_empty(), "expected 'NAME: what it shows'");
                let case = self.case(word, subject)?;
                self.cases.push(case);
            }
            _ => {
                let case = self.cases.last_mut().context("no case to belong to")?;
                case.take(word, rest)?;
            }
        }
        Ok(())
    }

    fn case(&self, word: &str, subject: &str) -> Result<Case> {
        if word == "case" {
            return Ok(Case {
                name: subject.to_owned(),
                kind: Kind::Protocol,
                edits: Vec::new(),
                sessions: SESSIONS,
                speed: Speed::Fast,
                asks: None,
                expected: Expected::Breaks(Vec::new()),
            });
        }
        let (name, of) = subject
            .split_once(" of ")
            .context("expected 'NAME of CASE'")?;
        let base = self.find(of)?;
        let of = of.to_owned();
        Ok(Case {
            name: name.to_owned(),
            kind: match word {
                "mutation" => Kind::Mutation { of },
                _ => Kind::Silent { of },
            },
            ..base.clone()
        })
    }

    fn find(&self, name: &str) -> Result<&Case> {
        let mut cases = self.cases.iter();
        cases
            .find(|case| case.name == name)
            .with_context(|| format!("no case '{name}' before this"))
    }

    /// Returns what the tool is to check in a case.
    pub(super) fn task(&self, case: &Case) -> Result<Task> {
        let mut text = self.text.clone();
        for name in &case.edits {
            let edit = self.edits.iter().find(|edit| edit.name == *name);
            let edit = edit.with_context(|| format!("no edit '{name}'"))?;
            text = edit.apply(&text)?;
        }
        let (protocol, asked) = text
            .split_once("queries[")
            .context("the model asks nothing")?;
        let mut queries = Vec::new();
        for line in asked.lines().map(str::trim) {
            if line.contains('?') {
                queries.push(Query::parse(line)?);
            }
        }
        if let Some(asks) = &case.asks {
            for name in asks {
                ensure!(
                    queries.iter().any(|query| query.name == *name),
                    "no query '{name}'"
                );
            }
            queries.retain(|query| asks.contains(&query.name));
        }
        for name in case.expected.names() {
            ensure!(
                queries.iter().any(|query| query.name == *name),
                "'{name}' is not asked"
            );
        }
        let lines: Vec<_> = queries
            .iter()
            .map(|query| format!("\t{}\n", query.line))
            .collect();
        let text = format!("{protocol}queries[\n{}]\n", lines.concat());
        let code = queries.iter().map(|query| {
            let kind = query.line.chars().next().unwrap_or_default();
            format!("{kind}{}", u8::from(case.expected.breaks(&query.name)))
        });
        let code = code.collect();
        Ok(Task {
            text,
            queries,
            code,
        })
    }

    fn check(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        let mut unbroken = BTreeSet::new();
        let mut used = BTreeSet::new();
        for case in &self.cases {
            let say = || format!("case {}", case.name);
            ensure!(names.insert(&case.name), "two cases '{}'", case.name);
            used.extend(&case.edits);
            let task = self.task(case).with_context(say)?;
            if case.kind == Kind::Protocol {
                let held = task.queries.iter().map(|query| &query.name);
                unbroken.extend(held.filter(|name| !case.expected.breaks(name)).cloned());
            }
        }
        for case in &self.cases {
            let (Kind::Mutation { of } | Kind::Silent { of }) = &case.kind else {
                continue;
            };
            let base = self.find(of)?;
            let mut found = Vec::new();
            for query in self.task(case)?.queries {
                if case.expected.breaks(&query.name) && !base.expected.breaks(&query.name) {
                    found.push(query.name);
                }
            }
            let is_silent = matches!(case.kind, Kind::Silent { .. });
            let name = &case.name;
            ensure!(
                !is_silent || found.is_empty(),
                "'{name}' is silent but finds {found:?}"
            );
            ensure!(
                is_silent || !found.is_empty(),
                "'{name}' breaks nothing that '{of}' holds"
            );
            for name in found {
                unbroken.remove(&name);
            }
        }
        ensure!(unbroken.is_empty(), "no mutation breaks {unbroken:?}");
        for edit in &self.edits {
            ensure!(
                used.contains(&edit.name),
                "no case uses the edit '{}'",
                edit.name
            );
        }
        Ok(())
    }
}

impl Case {
    fn take(&mut self, word: &str, rest: &str) -> Result<()> {
        let names = || rest.split(", ").map(str::to_owned).collect::<Vec<_>>();
        match (word, rest) {
            ("with", _) => self.edits.extend(names()),
            ("sessions", count) => self.sessions = count.parse()?,
            ("slow", "") => self.speed = Speed::Slow,
            ("fast", "") => self.speed = Speed::Fast,
            ("asks", _) => self.asks = Some(names()),
            ("breaks", "nothing") => self.expected = Expected::Breaks(Vec::new()),
            ("breaks", "all") => self.expected = Expected::Holds(Vec::new()),
            ("breaks", _) => self.expected = Expected::Breaks(names()),
            ("holds", _) => self.expected = Expected::Holds(names()),
            _ => bail!("no such word: '{word}'"),
        }
        Ok(())
    }
}

impl Expected {
    fn names(&self) -> &[String] {
        let (Self::Breaks(names) | Self::Holds(names)) = self;
        names
    }

    fn breaks(&self, query: &String) -> bool {
        match self {
            Self::Breaks(names) => names.contains(query),
            Self::Holds(names) => !names.contains(query),
        }
    }
}

impl Query {
    /// Reads `QUERY // NAME`.
    fn parse(line: &str) -> Result<Self> {
        let parts = line.split_once(" // ");
        let (line, name) = parts.with_context(|| format!("a query without a name: {line}"))?;
        Ok(Self {
            name: name.to_owned(),
            line: line.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str =
        "key\nqueries[\n\tconfidentiality? a // a-secret\n\tfreshness? b // b-fresh\n]\n";

    fn checked(cases: &str) -> Result<()> {
        Model::parse("some", MODEL.to_owned(), cases)?.check()
    }

    #[test]
    fn every_query_needs_a_mutation_that_breaks_it() {
        let half = "edit no-key\n- key\ncase as-built: all\nmutation no-key of as-built: no key\nwith no-key\nbreaks a-secret\n";
        let error = checked(half).unwrap_err();
        assert_eq!(error.to_string(), "no mutation breaks {\"b-fresh\"}");
        checked(&half.replace("a-secret", "all")).unwrap();
    }

    #[test]
    fn a_mutation_that_breaks_nothing_more_is_refused() {
        let cases = "edit no-key\n- key\ncase stolen: all\nbreaks all\nmutation no-key of stolen: no key\nwith no-key\n";
        let error = checked(cases).unwrap_err();
        assert_eq!(
            error.to_string(),
            "'no-key' breaks nothing that 'stolen' holds"
        );
    }

    #[test]
    fn codes_follow_the_queries() {
        let cases = "case half: half\nbreaks b-fresh\ncase one: one\nasks b-fresh\n";
        let model = Model::parse("some", MODEL.to_owned(), cases).unwrap();
        let code = |name| model.task(model.find(name).unwrap()).unwrap().code;
        assert_eq!(code("half"), "c0f1");
        assert_eq!(code("one"), "f0");
    }

    #[test]
    fn the_models_fit_their_cases() {
        let catalogue = Catalogue::load(&super::super::folder()).unwrap();
        catalogue.check().unwrap();
    }

    /// README.md names every query as `model:query`, and no case or query that is not there.
    #[test]
    fn the_readme_names_what_there_is() {
        let folder = super::super::folder();
        let catalogue = Catalogue::load(&folder).unwrap();
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let named: BTreeSet<&str> = readme.split('`').skip(1).step_by(2).collect();
        let (mut cases, mut queries) = (BTreeSet::new(), BTreeSet::new());
        for model in &catalogue.models {
            for case in &model.cases {
                cases.insert(format!("{}/{}", model.name, case.name));
                let asked = model.task(case).unwrap().queries;
                queries.extend(asked.iter().map(|it| format!("{}:{}", model.name, it.name)));
            }
        }
        let is_ours = |name: &str| {
            let mut models = catalogue.models.iter();
            let model = name.split([':', '/']).next();
            models.any(|it| Some(it.name.as_str()) == model) && name.contains([':', '/'])
        };
        for name in named.iter().filter(|name| is_ours(name)) {
            assert!(
                cases.contains(*name) || queries.contains(*name),
                "no {name}"
            );
        }
        let missing: Vec<_> = queries
            .iter()
            .filter(|name| !named.contains(name.as_str()))
            .collect();
        assert!(missing.is_empty(), "not in README.md: {missing:?}");
    }
}
