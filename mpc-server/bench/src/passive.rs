//! The same rounds by the passive engine: by the benchmark of the last commit that had it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use mcmix_shared::program::Program;

use crate::crowd::Case;
use crate::options::Options;
use crate::record::Record;
use crate::statistics::{Passive, Summary};

/// Measures a case with that program, under the same conditions.
///
/// # Errors
/// It does not run, fails, or prints no rounds.
pub fn measure(program: &Path, case: Case, threads: usize, options: &Options) -> Result<Passive> {
    let mut command = Command::new(program);
    command
        .arg("--json")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    for (option, value) in [
        ("--programs", case.algorithm.to_string()),
        ("--users", case.users.to_string()),
        ("--seed", case.seed.to_string()),
        ("--rounds", options.rounds.to_string()),
        ("--delay-ms", options.delay_ms.to_string()),
        ("--threads", threads.to_string()),
    ] {
        command.args([option, &value]);
    }
    if case.algorithm.program() == Program::Conversation {
        command.args(["--message-bytes", &case.message_bytes.to_string()]);
    }
    let output = command
        .output()
        .with_context(|| format!("can't run {}", program.display()))?;
    ensure!(
        output.status.success(),
        "{}: {}",
        program.display(),
        output.status
    );
    let records: Vec<Record> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("the passive engine's rounds can't be read")?;
    let summary = Summary::of(&records).context("no round of the passive engine counts")?;
    Ok(Passive {
        total: summary.total,
        cpu: summary.cpu(),
    })
}
