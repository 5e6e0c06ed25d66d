//! The fuzz targets (fuzz/): builds them with the fuzzer's probes, and runs each for a while.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::setup::{apt, ready};
use crate::{crew, place, process, say};

/// How long each target runs where nothing else is said.
const HOUR: u32 = 3600;
/// How long each runs in CI.
const FAST: u32 = 1;

/// Which targets to run, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// For each.
    seconds: u32,
    /// Whether the fuzzer draws the same each time: nobody's push fails by chance.
    seeded: bool,
    /// Only these; all where there is none.
    names: Vec<String>,
}

impl Choice {
    /// Reads `[--fast | --seconds N] [TARGET..]`.
    ///
    /// # Errors
    ///
    /// There is another option.
    pub fn parse(mut words: &[&str]) -> Result<Self> {
        let mut choice = Self {
            seconds: HOUR,
            seeded: false,
            names: Vec::new(),
        };
        loop {
            words = match words {
                [] => return Ok(choice),
                ["--fast", rest @ ..] => {
                    (choice.seconds, choice.seeded) = (FAST, true);
                    rest
                }
                ["--seconds", number, rest @ ..] => {
                    let number = number.parse().ok().filter(|number| *number > 0);
                    choice.seconds = number.context("--seconds: expected a number")?;
                    rest
                }
                [name, rest @ ..] if !name.starts_with('-') => {
                    choice.names.push((*name).to_owned());
                    rest
                }
                [other, ..] => bail!("expected --fast, --seconds N or a target, got '{other}'"),
            };
        }
    }
}

/// Writes the committed seeds anew (fuzz/src/bin/seeds.rs).
///
/// # Errors
///
/// They do not build.
pub fn write_seeds() -> Result<()> {
    let seeds = folder().join("seeds");
    process::run(Command::new(build()?.join("seeds")).arg(seeds))
}

/// Returns the folder of the targets' crate.
fn folder() -> PathBuf {
    place::checkout().join("fuzz")
}

/// Returns the names of all targets, in order.
fn all() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder().join("fuzz_targets"))? {
        let file = entry?.path();
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        names.push(name.into_owned());
    }
    names.sort();
    Ok(names)
}

/// Builds the targets and runs those that are chosen, as many at a time as there are processors.
///
/// # Errors
///
/// There is no such target, it does not build, or it finds something.
pub fn run(choice: &Choice) -> Result<()> {
    let all = all()?;
    if let Some(name) = choice.names.iter().find(|name| !all.contains(name)) {
        bail!("no target is called {name}; there are: {}", all.join(", "));
    }
    let chosen = if choice.names.is_empty() {
        &all
    } else {
        &choice.names
    };
    let built = build()?;
    say(format_args!(
        "running {} targets, each for {} s",
        chosen.len(),
        choice.seconds
    ));
    let found = crew::failing(chosen, |name| Target::new(name, &built)?.run(choice))?;
    if found.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = found.into_iter().map(String::as_str).collect();
    bail!("something was found by {}", names.join(", "));
}

/// Sets up what the fuzzer itself, which is written in C++, is compiled with.
fn provide_compiler() -> Result<()> {
    if place::program("c++").is_some() {
        return Ok(());
    }
    apt::install("building the fuzzer", &["g++"])
}

/// Returns cargo for the targets' crate.
fn cargo(subcommand: &str) -> Command {
    let mut cargo = process::cargo(subcommand);
    cargo.arg("--manifest-path");
    cargo.arg(folder().join("Cargo.toml"));
    cargo
}

/// Checks the targets' formatting and lints them, as [`crate::ci::lint`] does with all else.
///
/// # Errors
///
/// Something is not as it should be.
pub fn lint() -> Result<()> {
    process::run(cargo("fmt").arg("--check"))?;
    provide_compiler()?;
    let mut clippy = cargo("clippy");
    // Where what they depend on was checked before.
    clippy.arg("--target-dir").arg(place::cargo_target());
    process::run(clippy.args(["--all-targets", "--", "--deny", "warnings"]))
}

/// Builds all targets and returns where they are.
fn build() -> Result<PathBuf> {
    let fuzz = ready::FUZZ.provide()?;
    provide_compiler()?;
    say("building the fuzz targets");
    let target = place::cargo_target().join("fuzz");
    let mut command = Command::new(fuzz);
    command
        .current_dir(place::checkout())
        // What a sanitizer finds is in unsafe code, of which there is none, and it needs a nightly compiler.
        .args(["build", "--sanitizer", "none", "--target-dir"])
        .arg(&target)
        // Our crates build one behind the other: all processors work on each.
        .args(["--codegen-units", "4"]);
    process::run(&mut command)?;
    let triple = process::quietly(Command::new("rustc").args(["--print", "host-tuple"]))?;
    Ok(target.join(triple.trim()).join("release"))
}

/// One target, and where it keeps what.
struct Target {
    name: String,
    program: PathBuf,
    /// Inputs that are committed, if there are any.
    seeds: PathBuf,
    /// Inputs that led somewhere new, from run to run.
    corpus: PathBuf,
    /// Inputs that were found to break something.
    found: PathBuf,
    log: PathBuf,
}

impl Target {
    fn new(name: &str, built: &Path) -> Result<Self> {
        let place = place::target().join("fuzz");
        let target = Self {
            name: name.to_owned(),
            program: built.join(name),
            seeds: folder().join("seeds").join(name),
            corpus: place.join("corpus").join(name),
            found: place.join("found").join(name),
            log: place.join(name).with_extension("log"),
        };
        fs::create_dir_all(&target.corpus)?;
        fs::create_dir_all(&target.found)?;
        Ok(target)
    }

    /// Runs the target and says what came out; tells whether nothing was found.
    fn run(&self, choice: &Choice) -> Result<bool> {
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-max_total_time={}", choice.seconds))
            .arg(format!("-artifact_prefix={}/", self.found.display()))
            // Long inputs from the start: a script of some steps is worth more than many short ones.
            .args(["-len_control=0", "-max_len=4096"])
            .args(["-timeout=20", "-rss_limit_mb=2048"])
            .arg(&self.corpus)
            .stdin(Stdio::null())
            .stdout(File::create(&self.log)?)
            .stderr(File::options().append(true).open(&self.log)?);
        if self.seeds.is_dir() {
            command.arg(&self.seeds);
        }
        if choice.seeded {
            command.arg("-seed=1");
        }
        // Not in a group of its own: Ctrl-C is meant for it, too.
        let status = command.status().context("a target does not start")?;
        let printed = fs::read(&self.log)?;
        let printed = String::from_utf8_lossy(&printed);
        if status.success() {
            println!("ok     {:16} {}", self.name, summary(&printed));
        } else {
            println!("{}", self.complaint(status, &printed));
        }
        Ok(status.success())
    }

    /// Says what was found and what to do about it.
    fn complaint(&self, status: ExitStatus, printed: &str) -> String {
        let mut lines = vec![format!("FOUND  {}: {status}", self.name)];
        let lead = printed.lines().skip_while(|line| !is_lead(line));
        lines.extend(lead.take(2).map(|line| format!("       {line}")));
        let mark = "Test unit written to ";
        let input = printed.lines().find_map(|line| line.split_once(mark));
        if let Some((_, input)) = input {
            let program = self.program.display();
            lines.push(format!("  again:   {program} {input}"));
            lines.push(format!(
                "  smaller: {program} -minimize_crash=1 -max_total_time=60 {input}"
            ));
            lines.push("  Mend the code, with a test that has these bytes.".to_owned());
        }
        lines.push(format!("  all that it printed: {}", self.log.display()));
        lines.join("\n")
    }
}

/// Returns whether a line begins to say what went wrong.
fn is_lead(line: &str) -> bool {
    line.contains("panicked at") || line.contains("ERROR: libFuzzer")
}

/// Says how much was run.
fn summary(printed: &str) -> String {
    let done = printed.lines().rev().find(|line| line.contains("\tDONE"));
    let words: Vec<_> = done.unwrap_or_default().split_whitespace().collect();
    let after = |key: &str| {
        let at = words.iter().position(|word| *word == key)?;
        words.get(at + 1).copied()
    };
    format!(
        "{:>12} runs, {:>8} a second, {:>5} places reached",
        words
            .first()
            .map_or("?", |runs| runs.trim_start_matches('#')),
        after("exec/s:").unwrap_or("?"),
        after("cov:").unwrap_or("?"),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn choices_are_read() {
        let parse = |words: &[&str]| Choice::parse(words);
        let choice = parse(&["--seconds", "5", "packet"]).unwrap();
        assert_eq!((choice.seconds, choice.seeded), (5, false));
        assert_eq!(choice.names, ["packet"]);
        assert!(parse(&["--fast"]).unwrap().seeded);
        for wrong in [&["--seconds"][..], &["--seconds", "0"], &["--slow"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_fuzzer_prints_is_read() {
        let line =
            "#29048\tDONE   cov: 794 ft: 1110 corp: 78/8566b lim: 128 exec/s: 3227 rss: 28Mb";
        let words: Vec<_> = summary(line)
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        assert_eq!(
            words.join(" "),
            "29048 runs, 3227 a second, 794 places reached"
        );
    }

    #[test]
    fn each_target_is_built() {
        let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
        for name in all().unwrap() {
            let path = format!("path = \"fuzz_targets/{name}.rs\"");
            assert!(manifest.contains(&path), "fuzz/Cargo.toml has no {name}");
        }
    }

    /// What is fuzzed is what is run.
    #[test]
    fn dependencies_have_the_same_versions() {
        let packages = |lock: &Path| -> BTreeSet<(String, String)> {
            let text = fs::read_to_string(lock).unwrap();
            let mut lines = text.lines();
            let value =
                |line: &str, key| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
            core::iter::from_fn(|| {
                lines.find_map(|line| value(line, "name = ")).map(|name| {
                    let version = lines.next().and_then(|line| value(line, "version = "));
                    (name, version.unwrap())
                })
            })
            .collect()
        };
        let ours = packages(&place::checkout().join("Cargo.lock"));
        let names: BTreeSet<_> = ours.iter().map(|(name, _)| name).collect();
        for package in packages(&folder().join("Cargo.lock")) {
            assert!(
                !names.contains(&package.0) || ours.contains(&package),
                "fuzz/Cargo.lock has {} {}; CONTRIBUTING.md says how it follows",
                package.0,
                package.1
            );
        }
    }
}
