//! Runs the tool on the chosen cases, as many at a time as there are processors.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::catalogue::{Case, Model, Task};
use crate::process::Group;
use crate::{crew, place, say};

/// How long one case may take.
const LIMIT: Duration = Duration::from_mins(20);

/// How often a case under way is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// Checks the cases and says of each what came out.
pub(super) fn all(tool: &Path, cases: &[(&Model, &Case)]) -> Result<()> {
    let folder = place::target().join("models");
    fs::create_dir_all(&folder)?;
    let start = Instant::now();
    let different = crew::failing(cases, |(model, case)| one(tool, &folder, model, case))?;
    if !different.is_empty() {
        let names = different.iter();
        let names: Vec<_> = names
            .map(|(model, case)| format!("{}/{}", model.name, case.name))
            .collect();
        bail!("not as written: {}", names.join(", "));
    }
    say(format_args!(
        "{} cases are as written: {:.0} s",
        cases.len(),
        start.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Checks one case and says what came out; tells whether that is what is written.
fn one(tool: &Path, folder: &Path, model: &Model, case: &Case) -> Result<bool> {
    let task = model.task(case)?;
    let file = folder.join(format!("{}-{}.vp", model.name, case.name));
    fs::write(&file, &task.text)?;
    let told = file.with_extension("txt");
    let start = Instant::now();
    let in_time = verify(tool, &file, &told, case.sessions)?;
    let seconds = start.elapsed().as_secs_f64();
    let printed = fs::read_to_string(&told)?;
    let code = printed.lines().last().unwrap_or_default().trim();
    let name = format!("{}/{}", model.name, case.name);
    if in_time && code == task.code {
        println!("ok    {name:44} {code:20} {seconds:6.1} s");
        return Ok(true);
    }
    println!("{}", complaint(&name, &task, code, in_time, &told));
    Ok(false)
}

/// Runs the tool; tells whether it was done in time.
fn verify(tool: &Path, file: &Path, told: &Path, sessions: u8) -> Result<bool> {
    let mut command = Command::new(tool);
    command
        .args(["verify", "--result-code", "--color", "never", "--sessions"])
        .arg(sessions.to_string())
        .arg(file)
        // Cases beside each other use the processors better than threads in each.
        .env("VERIFPAL_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(File::create(told)?)
        .stderr(File::options().append(true).open(told)?);
    let mut group = Group::spawn(&mut command)?;
    let start = Instant::now();
    while group.ended()?.is_none() {
        if start.elapsed() > LIMIT {
            return Ok(false);
        }
        thread::sleep(GLANCE);
    }
    Ok(true)
}

/// What differs, query by query.
fn complaint(name: &str, task: &Task, code: &str, in_time: bool, told: &Path) -> String {
    let told = told
        .strip_prefix(place::checkout())
        .unwrap_or(told)
        .display();
    if !in_time {
        return format!("DIFF  {name}: not done in {} min", LIMIT.as_secs() / 60);
    }
    let digits = |code: &str| -> Vec<char> { code.chars().skip(1).step_by(2).collect() };
    let (expected, got) = (digits(&task.code), digits(code));
    if expected.len() != got.len() || code.len() != task.code.len() {
        return format!("DIFF  {name}: the tool fails, see {told}");
    }
    let mut lines = vec![format!(
        "DIFF  {name}: expected {}, got {code}, see {told}",
        task.code
    )];
    for ((query, expected), got) in task.queries.iter().zip(expected).zip(got) {
        if expected != got {
            let verb = if got == '1' { "breaks" } else { "holds" };
            lines.push(format!("      {} {verb}: {}", query.name, query.line));
        }
    }
    lines.join("\n")
}
