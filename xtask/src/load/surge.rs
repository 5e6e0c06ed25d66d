//! More clients than servers can serve, for a while: who is left out before, meanwhile and after, and
//! when rounds are as before again.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Load, Round, Swarm, rounds};
use crate::servers::Servers;

/// How long the clients of before are watched after the others have gone, in periods.
const WATCHED: u32 = 30;
/// Rounds that were as before, after which they are so again.
const IN_A_ROW: usize = 3;

/// A round, and when it was seen in the log.
type Seen = (Instant, Round);

/// Lets `come` bring further clients, ends them, and prints what became of all.
pub(super) fn run(
    load: Load,
    log: &Path,
    servers: &mut Servers,
    come: impl Fn() -> Result<Vec<Swarm>>,
) -> Result<()> {
    let period = Duration::from_millis(load.period_ms.into());
    let third = Duration::from_secs(load.seconds) / 3;
    let mut known = rounds(log)?.len();
    let mut watch = |time: Duration| -> Result<Vec<Seen>> {
        let (until, mut seen) = (Instant::now() + time, Vec::new());
        while Instant::now() < until {
            servers.check()?;
            let now = Instant::now();
            let new = rounds(log)?.split_off(known);
            known += new.len();
            seen.extend(new.into_iter().map(|round| (now, round)));
            thread::sleep(Duration::from_millis(20));
        }
        Ok(seen)
    };
    let before = watch(third)?;
    let more = come()?;
    let joining = watch(Duration::from_secs(
        (load.surge / load.joins.max(1) + 1).into(),
    ))?;
    let during = watch(third)?;
    drop(more);
    let ended = Instant::now();
    let after = watch(third.max(WATCHED * period))?;

    println!(
        "{} clients, {} more for a while, a round every {} ms at best:\n",
        load.clients, load.surge, load.period_ms
    );
    println!("| | seconds | rounds | left out, on average | at worst |");
    println!("|---|---|---|---|---|");
    let all = load.clients + load.surge;
    line("before", &before, load.clients);
    line("while they join", &joining, 0);
    line("during", &during, all);
    line("after", &after, load.clients);
    match normal_again(&after, load.clients, period) {
        Some((at, count)) => println!(
            "\nas before again {:.1} s after they went, with round {count}",
            (at - ended).as_secs_f64()
        ),
        None => println!("\nnot as before again while it was watched"),
    }
    Ok(())
}

/// Prints a line of the table; of 0 clients it is not known how many there were.
fn line(name: &str, seen: &[Seen], clients: u32) {
    let shares = seen.iter().map(|(_, round)| round.missing(clients));
    let shares: Vec<f64> = shares.collect();
    let worst = shares.iter().copied().fold(0.0, f64::max);
    let count = u32::try_from(shares.len()).unwrap_or(u32::MAX);
    let mean = shares.iter().sum::<f64>() / f64::from(count.max(1));
    let spans = seen.first().zip(seen.last());
    let took = spans.map_or(Duration::ZERO, |((first, _), (last, _))| *last - *first);
    if clients == 0 {
        println!("| {name} | {:.1} | {count} | | |", took.as_secs_f64());
    } else {
        println!(
            "| {name} | {:.1} | {count} | {:.1} % | {:.1} % |",
            took.as_secs_f64(),
            100.0 * mean,
            100.0 * worst,
        );
    }
}

/// Returns when rounds were as before again, and with which round: nobody is left out, and the next
/// one comes after a period.
fn normal_again(after: &[Seen], clients: u32, period: Duration) -> Option<(Instant, usize)> {
    let normal = |pair: &[Seen]| match pair {
        [(earlier, round), (later, _)] => {
            round.clients >= clients && *later - *earlier < period * 5 / 4
        }
        _ => false,
    };
    let mut in_a_row = 0;
    for (at, pair) in after.windows(2).enumerate() {
        in_a_row = if normal(pair) { in_a_row + 1 } else { 0 };
        if in_a_row == IN_A_ROW {
            let first = at + 1 - IN_A_ROW;
            return after.get(first).map(|(seen, _)| (*seen, first + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_as_before_when_three_in_a_row_are() {
        let start = Instant::now();
        let seen = |all: &[(u64, u32)]| -> Vec<Seen> {
            all.iter()
                .map(|&(millis, clients)| {
                    let at = start + Duration::from_millis(millis);
                    let left_out = 10 - clients;
                    (at, Round { clients, left_out })
                })
                .collect()
        };
        let period = Duration::from_secs(1);
        let mut all = vec![(0, 4), (4000, 10), (8000, 10), (10_000, 10), (11_000, 9)];
        assert_eq!(normal_again(&seen(&all), 10, period), None);
        all.extend([(12_000, 10), (13_000, 10), (14_100, 10), (15_000, 10)]);
        let found = normal_again(&seen(&all), 10, period);
        assert_eq!(found, Some((start + Duration::from_secs(12), 6)));
    }
}
