//! What a round costs a client in each state, in instructions: the same, or a watcher's clock tells.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::setup::apt::{self, Package};
use crate::{place, process};

const VALGRIND: Package = Package {
    name: "valgrind",
    brings: "/usr/bin/valgrind",
};

/// How much the dearest state of a client may cost above the cheapest.
const SPREAD: f64 = 1.03;

/// Instructions of one thing that a client does, by the state that it was in.
type Counts = BTreeMap<String, u64>;

/// Counts instructions with callgrind and prints them.
///
/// # Errors
///
/// The set-up or the build fails, or one state costs more than 3 % above another.
pub fn run() -> Result<()> {
    apt::provide("counting instructions", &[VALGRIND])?;
    let folder = place::fresh("cost")?;
    let runner = format!(
        "target.'cfg(all())'.runner = ['valgrind', '--quiet', '--tool=callgrind', \
         '--collect-atstart=no', '--toggle-collect=*measured*', '--dump-before=*counted*', \
         '--callgrind-out-file={}']",
        folder.join("out").display()
    );
    let mut cargo = process::cargo("test");
    cargo.args(["--quiet", "--release", "--package", "mcmix-shared"]);
    cargo.args(["--features", "portable"]);
    cargo.args(["--test", "simulation", "--config", &runner]);
    cargo.args(["--", "--ignored", "--exact", "cost::rounds", "--nocapture"]);
    let printed = process::quietly(&mut cargo)?;
    let counts = read(&printed, |number| dumped(&folder, number))?;
    show(&counts)
}

/// Puts what was printed at each dump beside the dump's count.
fn read(
    printed: &str,
    mut count: impl FnMut(usize) -> Result<u64>,
) -> Result<BTreeMap<String, Counts>> {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let labels = printed
        .lines()
        .filter_map(|line| line.split_once("counted: ")?.1.split_once('|'));
    for (number, (what, state)) in (1..).zip(labels) {
        let counts = counts.entry(what.to_owned()).or_default();
        counts.insert(state.to_owned(), count(number)?);
    }
    if counts.is_empty() {
        bail!("nothing was counted:\n{printed}");
    }
    Ok(counts)
}

/// Returns the total of a dump of callgrind's.
fn dumped(folder: &Path, number: usize) -> Result<u64> {
    let file = folder.join(format!("out.{number}"));
    let dump = fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
    let total = dump.lines().find_map(|line| line.strip_prefix("totals: "));
    let total = total.with_context(|| format!("no total in {}", file.display()))?;
    Ok(total.trim().parse()?)
}

/// Prints the counts and tells whether they are alike.
fn show(counts: &BTreeMap<String, Counts>) -> Result<()> {
    let mut unlike = Vec::new();
    for (what, states) in counts {
        let by_count = |(_, count): &(&String, &u64)| **count;
        let (Some((least, low)), Some((most, high))) = (
            states.iter().min_by_key(by_count),
            states.iter().max_by_key(by_count),
        ) else {
            continue;
        };
        let ratio = ratio(*high, *low);
        println!("{what}: {low} instructions ({least}) to {high} ({most}), {ratio:.3} times");
        if ratio > SPREAD {
            unlike.push(what.as_str());
        }
    }
    if unlike.is_empty() {
        return Ok(());
    }
    bail!("the state of a client shows in {}", unlike.join("; "));
}

#[expect(
    clippy::cast_precision_loss,
    reason = "instructions of one round are below 2^52"
)]
fn ratio(most: u64, least: u64) -> f64 {
    most as f64 / least.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{read, show};

    #[test]
    fn unlike_states_are_named() {
        let printed = "running\ncounted: to send|idle\ncounted: to read|idle\ntest ok\n\
                       counted: to send|calls\ncounted: to read|calls\n";
        let counts = [100, 200, 103, 207];
        let counts = read(printed, |number| Ok(counts[number - 1])).unwrap();
        assert_eq!(counts["to send"]["calls"], 103);
        let error = show(&counts).unwrap_err().to_string();
        assert_eq!(error, "the state of a client shows in to read");
        assert!(read("nothing", |_| Ok(0)).is_err());
    }
}
