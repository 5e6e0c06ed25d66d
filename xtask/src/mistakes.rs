//! Deliberate mistakes (xtask/mistakes/): each is put into a copy, where a test must fail.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{place, process};

/// Which mistakes to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// A few.
    Fast,
    /// All of them.
    All,
    /// Those of these names.
    Named(Vec<String>),
}

impl Choice {
    /// Reads `[--fast | NAME..]`.
    ///
    /// # Errors
    ///
    /// There is another option.
    pub fn parse(words: &[&str]) -> Result<Self> {
        match words {
            [] => Ok(Self::All),
            ["--fast"] => Ok(Self::Fast),
            names => match names.iter().find(|name| name.starts_with('-')) {
                None => Ok(Self::Named(names.iter().map(ToString::to_string).collect())),
                Some(option) => bail!("expected --fast or names of mistakes, got '{option}'"),
            },
        }
    }

    fn takes(&self, mistake: &Mistake) -> bool {
        match self {
            Self::Fast => mistake.fast,
            Self::All => true,
            Self::Named(names) => names.contains(&mistake.name),
        }
    }
}

/// A patch, and what notices it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mistake {
    /// The file's name.
    name: String,
    /// What is wrong, for people.
    what: String,
    /// Arguments of `cargo test`: package, target, and a filter of tests. Each must fail.
    tests: Vec<Vec<String>>,
    /// Whether it belongs to the few that are always tried.
    fast: bool,
    patch: PathBuf,
}

impl Mistake {
    /// Reads the lines in front of a patch.
    fn read(patch: &Path, text: &str) -> Result<Self> {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy();
        let head = text.split("diff --git").next().unwrap_or_default();
        let line = |key: &str| head.lines().find_map(|line| line.strip_prefix(key));
        let needed = |key: &str| line(key).with_context(|| format!("{name}: no line '{key}'"));
        needed("Fails: ")?;
        let tests = head.lines().filter_map(|line| line.strip_prefix("Fails: "));
        let words = |tests: &str| tests.split(' ').map(str::to_owned).collect();
        Ok(Self {
            name: name.to_string(),
            what: needed("Mistake: ")?.to_owned(),
            tests: tests.map(words).collect(),
            fast: line("Fast: ") == Some("yes"),
            patch: patch.to_owned(),
        })
    }

    /// Applies the patch to a copy in some way of git's.
    fn apply(&self, source: &Path, way: &str) -> Result<()> {
        let mut git = Command::new("git");
        git.current_dir(source)
            // Else git looks for the files in the checkout around this folder.
            .env("GIT_CEILING_DIRECTORIES", source.parent().unwrap_or(source))
            .args(["apply", "-C1", "--recount", "--whitespace=nowarn", way])
            .arg(&self.patch);
        process::quietly(&mut git)
            .with_context(|| format!("{} does not fit the code any more", self.name))?;
        Ok(())
    }

    /// Loads all, those of one part of the code together: less is built between two of them.
    fn all() -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for group in fs::read_dir(place::checkout().join("xtask/mistakes"))? {
            for file in fs::read_dir(group?.path())? {
                let path = file?.path();
                all.push(Self::read(&path, &fs::read_to_string(&path)?)?);
            }
        }
        all.sort_by(|a, b| a.patch.cmp(&b.patch));
        Ok(all)
    }
}

/// Makes each chosen mistake in a copy of the checkout and runs its tests there.
///
/// # Errors
///
/// A mistake does not fit the code any more or goes unnoticed, or a test fails without one.
pub fn run(choice: &Choice) -> Result<()> {
    let all = Mistake::all()?;
    let chosen: Vec<_> = all.iter().filter(|it| choice.takes(it)).collect();
    let unknown = |name: &String| all.iter().all(|it| it.name != *name);
    if let Choice::Named(wanted) = choice
        && let Some(name) = wanted.iter().find(|name| unknown(name))
    {
        bail!("no mistake is called {name}; there are: {}", names(&all));
    }
    let sandbox = Sandbox::make()?;
    // All that is sound first: each mistake changes the copy, and then it is built again.
    let tests: BTreeSet<_> = chosen.iter().flat_map(|it| &it.tests).collect();
    for tests in tests {
        if !sandbox.passes(tests)? {
            bail!("{} fail without a mistake", tests.join(" "));
        }
    }
    let mut unnoticed = Vec::new();
    for mistake in chosen {
        sandbox.patch(mistake, "--apply")?;
        let mut passed = Vec::new();
        for tests in &mistake.tests {
            if sandbox.passes(tests)? {
                passed.push(tests.join(" "));
            }
        }
        sandbox.patch(mistake, "--reverse")?;
        if passed.is_empty() {
            println!("noticed    {:36} {}", mistake.name, mistake.what);
        } else {
            println!("UNNOTICED  {:36} by {}", mistake.name, passed.join(", "));
            unnoticed.push(mistake.clone());
        }
    }
    if unnoticed.is_empty() {
        return Ok(());
    }
    bail!("no test noticed {}", names(&unnoticed));
}

fn names(mistakes: &[Mistake]) -> String {
    let names: Vec<_> = mistakes.iter().map(|it| it.name.as_str()).collect();
    names.join(", ")
}

/// A copy of the checkout, with what git tracks or could.
struct Sandbox {
    folder: PathBuf,
}

impl Sandbox {
    fn make() -> Result<Self> {
        // Beside what cargo builds, which may outlive the checkout.
        let folder = place::cargo_target().join("mistakes");
        let mut git = Command::new("git");
        git.current_dir(place::checkout());
        git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        let source = folder.join("source");
        if source.exists() {
            fs::remove_dir_all(&source)?;
        }
        for name in process::quietly(&mut git)?.lines() {
            let (from, to) = (place::checkout().join(name), source.join(name));
            // One that is deleted and not committed is still listed.
            if from.is_file() {
                fs::create_dir_all(to.parent().unwrap_or(&source))?;
                fs::copy(&from, &to)?;
            }
        }
        Ok(Self { folder })
    }

    /// Puts a mistake in, or takes it out.
    fn patch(&self, mistake: &Mistake, way: &str) -> Result<()> {
        mistake.apply(&self.folder.join("source"), way)
    }

    /// Runs tests; what does not build is an error.
    fn passes(&self, tests: &[String]) -> Result<bool> {
        let cargo = |last: &[&str]| {
            let mut cargo = Command::new("cargo");
            cargo
                .current_dir(self.folder.join("source"))
                .env("CARGO_TARGET_DIR", self.folder.join("target"))
                .env("RUST_BACKTRACE", "0")
                .args(["test", "--quiet", "--package"])
                .args(tests)
                .args(last);
            cargo
        };
        process::quietly(&mut cargo(&["--no-run"]))?;
        let status = cargo(&[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        // Else whatever ends the tests would count as having noticed.
        status.code().context("the tests were ended from outside")?;
        Ok(status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Mistake};
    use crate::place;
    use std::path::Path;

    #[test]
    fn heads_are_read() {
        let text = "Mistake: a mask is zero\nFails: engine --lib views\nFails: engine --lib uniform\nFast: yes\n\ndiff --git a b\n";
        let mistake = Mistake::read(Path::new("x/mask.patch"), text).unwrap();
        assert_eq!((mistake.name.as_str(), mistake.fast), ("mask", true));
        let tests = ["views", "uniform"].map(|filter| ["engine", "--lib", filter]);
        assert_eq!(mistake.tests, tests);
        assert!(Mistake::read(Path::new("mask.patch"), "Mistake: a mask is zero\n").is_err());
    }

    #[test]
    fn choices_are_read() {
        assert_eq!(Choice::parse(&[]).unwrap(), Choice::All);
        assert_eq!(Choice::parse(&["--fast"]).unwrap(), Choice::Fast);
        assert_eq!(
            Choice::parse(&["a"]).unwrap(),
            Choice::Named(vec!["a".into()])
        );
        assert!(Choice::parse(&["--all"]).is_err());
    }

    /// All say what notices them, and fit the code as it is.
    #[test]
    fn every_mistake_can_be_made() {
        let all = Mistake::all().unwrap();
        assert!(all.len() > 80);
        for mistake in all {
            mistake.apply(place::checkout(), "--check").unwrap();
        }
    }
}
