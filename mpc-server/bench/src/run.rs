//! Goes through the cases, round by round, and shows what came out.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use indicatif::{ProgressBar, ProgressStyle};
use mcmix_engine::SortWidth;
use mcmix_shared::program::{Program, RoundId};

use crate::control::PartyReport;
use crate::crowd::{Case, Crowd, Person};
use crate::options::Options;
use crate::parties::Parties;
use crate::record::{Conditions, Record};
use crate::statistics::Summary;
use crate::{passive, plain, plot, table, verify};

/// Blocks of clients whose replies are checked in every round.
const SAMPLE_BLOCKS: usize = 64;
/// Round 1 is used up for measuring the round trip.
const FIRST_ROUND: u64 = 2;

/// Measures what the options say and prints it.
///
/// # Errors
/// A party fails, a reply is wrong, or a file can't be written.
pub fn run(options: &Options) -> Result<()> {
    if cfg!(debug_assertions) {
        eprintln!("mcmix-bench: built without optimisation; build with --release to measure");
    }
    let threads = options.threads.unwrap_or_else(cores);
    let cases = cases(options);
    let progress = progress(cases.len() * (options.rounds + 1));
    let mut summaries = Vec::new();
    for case in cases {
        let records = measure(case, threads, options, &progress)
            .with_context(|| format!("{} with {} users", case.algorithm, case.users))?;
        if options.json {
            for record in &records {
                progress
                    .suspend(|| serde_json::to_string(record).map(|line| println!("{line}")))?;
            }
        }
        if let Some(mut summary) = Summary::of(&records) {
            if let Some(program) = &options.passive {
                progress.set_message(format!("{}: the passive engine", case.algorithm));
                summary.passive = Some(passive::measure(program, case, threads, options)?);
            }
            summaries.push(summary);
        }
    }
    progress.finish_and_clear();
    if !options.json {
        println!("{}", conditions(options, threads));
        println!("{}", table::render(&summaries));
    }
    if let Some(path) = &options.plot {
        let message_bytes = options.message_bytes.first().copied().unwrap_or_default();
        write_plot(path, &summaries, message_bytes)?;
    }
    Ok(())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Returns the cases in the order of the table: by program, message size, users.
fn cases(options: &Options) -> Vec<Case> {
    let mut cases = Vec::new();
    for &algorithm in &options.programs {
        let sizes = match algorithm.program() {
            Program::Conversation => options.message_bytes.as_slice(),
            Program::Contacts | Program::Open => &[0],
        };
        for &message_bytes in sizes {
            cases.extend(options.users.iter().map(|&users| Case {
                algorithm,
                users,
                message_bytes,
                seed: options.seed,
            }));
        }
    }
    cases
}

fn progress(rounds: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} rounds  {msg}");
    let bar = ProgressBar::new(rounds as u64);
    bar.enable_steady_tick(Duration::from_millis(200));
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Measures all rounds of a case, the one that warms up first.
fn measure(
    case: Case,
    threads: usize,
    options: &Options,
    progress: &ProgressBar,
) -> Result<Vec<Record>> {
    let name = format!("{}, {} users", case.algorithm, case.users);
    progress.set_message(format!("{name}: in the clear"));
    let crowd = Crowd::new(case);
    let plain = plain::measure(&crowd);

    progress.set_message(format!("{name}: preparing"));
    let delay = Duration::from_millis(options.delay_ms);
    let mut parties = Parties::start(case, threads, delay, options.strands)?;
    let round_trip = parties.round_trip()?;
    let sort_width = SortWidth::for_round_trip(round_trip);
    let conditions = Conditions {
        case,
        threads,
        delay_ms: options.delay_ms,
        round_trip,
        sort_ways: u8::try_from(sort_width.ways()).unwrap_or(u8::MAX),
        plain,
    };
    parties.sort_width(conditions.sort_ways)?;
    let mut records = Vec::new();
    for (number, round) in (0..=options.rounds).zip(FIRST_ROUND..) {
        progress.set_message(name.clone());
        let blocks = sample(&crowd, number);
        let ids: Vec<[u8; 16]> = blocks.iter().flatten().map(|person| person.id.0).collect();
        let reports = parties.round(round, &ids)?;
        check(&crowd, RoundId(round), &blocks, &reports)?;
        records.push(Record::new(&conditions, number, &reports));
        progress.inc(1);
    }
    Ok(records)
}

/// Picks whole blocks, spread over the crowd and others in every round.
fn sample(crowd: &Crowd, round: usize) -> Vec<Vec<Person>> {
    let blocks = crowd.case().blocks();
    let step = (blocks / SAMPLE_BLOCKS).max(1);
    let picked = (round % step..blocks).step_by(step).take(SAMPLE_BLOCKS);
    picked.map(|block| crowd.block(block)).collect()
}

/// Checks the replies to the sampled blocks.
fn check(
    crowd: &Crowd,
    round: RoundId,
    blocks: &[Vec<Person>],
    reports: &[PartyReport; 3],
) -> Result<()> {
    let decode = |report: &PartyReport| {
        let bodies = report.replies.iter();
        bodies
            .map(|body| Base64::decode_vec(body))
            .collect::<Result<Vec<_>, _>>()
    };
    let [p0, p1, p2] = reports.each_ref().map(decode);
    let (p0, p1, p2) = (p0?, p1?, p2?);
    let bodies = p0.iter().zip(&p1).zip(&p2);
    let mut bodies = bodies.map(|((p0, p1), p2)| [p0, p1, p2].map(Vec::as_slice));
    for people in blocks {
        let bodies: Vec<_> = bodies.by_ref().take(people.len()).collect();
        verify::block(crowd, round, people, &bodies).context("the round's result is wrong")?;
    }
    Ok(())
}

/// Says under which conditions the table's numbers are.
fn conditions(options: &Options, threads: usize) -> String {
    let delay = match options.delay_ms {
        0 => String::new(),
        delay => format!(", {delay} ms one-way delay on every link"),
    };
    let threads = if threads == 1 {
        "1 thread".to_owned()
    } else {
        format!("{threads} threads")
    };
    let rounds = if options.rounds == 1 {
        "1 round".to_owned()
    } else {
        format!("{} rounds", options.rounds)
    };
    format!(
        "{}, {} cores for all three parties, {threads} each{delay}; \
         medians of {rounds} after one to warm up\n",
        processor(),
        cores(),
    )
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, name)| name.trim().to_owned(),
    )
}

fn write_plot(path: &Path, summaries: &[Summary], message_bytes: usize) -> Result<()> {
    let svg = plot::draw(summaries, message_bytes)?;
    fs::write(path, svg).with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::options::Cli;

    #[test]
    fn dialing_is_measured_once_for_all_message_sizes() {
        let options = Cli::parse_from(["mcmix-bench", "--users", "10,20"]).options;
        let cases = cases(&options);
        assert_eq!(cases.len(), 2 * 2 + 2 * 2 + 3 * 2);
    }

    #[test]
    fn a_sample_is_spread_and_moves() {
        let case = |users| Case {
            algorithm: crate::options::Algorithm::Conversation,
            users,
            message_bytes: 1,
            seed: 1,
        };
        assert_eq!(sample(&Crowd::new(case(13)), 5).len(), 4);
        let crowd = Crowd::new(case(4000));
        let (one, two) = (sample(&crowd, 1), sample(&crowd, 2));
        assert_eq!((one.len(), two.len()), (SAMPLE_BLOCKS, SAMPLE_BLOCKS));
        assert_ne!(one[0][0].id, two[0][0].id);
    }
}
