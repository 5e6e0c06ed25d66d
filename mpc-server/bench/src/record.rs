//! What one round took: a line of JSON.

use std::time::Duration;

use mcmix_shared::program::Program;
use serde::{Deserialize, Serialize};

use crate::control::PartyReport;
use crate::crowd::Case;
use crate::options::Algorithm;

/// One round. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What computed it.
    pub algorithm: Algorithm,
    /// Users, with one row each.
    pub users: usize,
    /// Bytes of a message; those of dialing are as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_bytes: Option<usize>,
    /// Which round it was of its case.
    pub round: usize,
    /// Whether it is left out of the medians.
    pub warm_up: bool,
    /// Threads that each party computed with.
    pub threads: usize,
    /// Delay added to every message.
    pub delay_ms: u64,
    /// Round trip as measured before the case.
    pub round_trip_ms: f64,
    /// How wide the sort was, chosen by the round trip.
    pub sort_ways: u8,
    /// Wall times, each of the slowest party.
    pub wall: Wall,
    /// The same work in the clear.
    pub plain_ms: f64,
    /// Communication rounds of the program; the agreement has 3 more.
    pub rounds: u32,
    /// Bytes that all parties sent per row for the program.
    pub bytes_per_row: f64,
    /// Bytes that all parties sent per row for the agreement.
    pub agree_bytes_per_row: f64,
    /// Each party's part.
    pub parties: Vec<PartyRecord>,
}

/// Wall times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wall {
    /// Digests of the submissions, as they come in: before the round, not in the total.
    pub intake_ms: f64,
    /// Agreeing on the clients.
    pub agree_ms: f64,
    /// Ordering submissions and making the program's input of them.
    pub close_ms: f64,
    /// The matcher.
    pub match_ms: f64,
    /// The router.
    pub route_ms: f64,
    /// Of both: making proofs, and examining those of the others; the passive engine has none.
    #[serde(default)]
    pub proof_ms: f64,
    /// Making reply bodies.
    pub reply_ms: f64,
    /// From the close to the last reply.
    pub total_ms: f64,
}

/// One party's part of a round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartyRecord {
    /// Processor time in the program.
    pub cpu_user_ms: f64,
    /// Processor time in the kernel.
    pub cpu_kernel_ms: f64,
    /// Processor time of the thread that runs the round, of all this: more threads don't shorten it.
    pub cpu_alone_ms: f64,
    /// Peak memory in the round, submissions included.
    pub peak_memory_bytes: u64,
    /// Bytes sent to the next party for the program.
    pub sent_to_next: u64,
    /// Bytes sent to the previous party for the program.
    pub sent_to_prev: u64,
    /// Bytes sent to both for the agreement.
    pub agree_sent: u64,
    /// Its wall times.
    pub wall: Wall,
    /// Its wall time in each phase of the program, in order.
    pub phases: Vec<(String, f64)>,
}

/// What is the same for all rounds of a case.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The case.
    pub case: Case,
    /// Threads that each party computes with.
    pub threads: usize,
    /// Delay added to every message.
    pub delay_ms: u64,
    /// Round trip as measured.
    pub round_trip: Duration,
    /// How wide the sort is.
    pub sort_ways: u8,
    /// The same work in the clear.
    pub plain: Duration,
}

impl Record {
    /// Puts together what the parties reported of a round; round 0 warms up.
    pub fn new(conditions: &Conditions, round: usize, reports: &[PartyReport; 3]) -> Self {
        let case = &conditions.case;
        let parties: Vec<PartyRecord> = reports.iter().map(PartyRecord::new).collect();
        let per_row = |bytes: u64| bytes as f64 / case.users as f64;
        let slowest = |of: fn(&Wall) -> f64| {
            let times = parties.iter().map(|party| of(&party.wall));
            times.fold(0.0, f64::max)
        };
        Self {
            algorithm: case.algorithm,
            users: case.users,
            message_bytes: match case.algorithm.program() {
                Program::Conversation => Some(case.message_bytes),
                Program::Contacts | Program::Open => None,
            },
            round,
            warm_up: round == 0,
            threads: conditions.threads,
            delay_ms: conditions.delay_ms,
            round_trip_ms: milliseconds(conditions.round_trip),
            sort_ways: conditions.sort_ways,
            wall: Wall {
                intake_ms: slowest(|wall| wall.intake_ms),
                agree_ms: slowest(|wall| wall.agree_ms),
                close_ms: slowest(|wall| wall.close_ms),
                match_ms: slowest(|wall| wall.match_ms),
                route_ms: slowest(|wall| wall.route_ms),
                proof_ms: slowest(|wall| wall.proof_ms),
                reply_ms: slowest(|wall| wall.reply_ms),
                total_ms: slowest(|wall| wall.total_ms),
            },
            plain_ms: milliseconds(conditions.plain),
            rounds: reports
                .iter()
                .map(|report| report.rounds)
                .max()
                .unwrap_or_default(),
            bytes_per_row: per_row(reports.iter().flat_map(|report| report.sent).sum()),
            agree_bytes_per_row: per_row(reports.iter().flat_map(|report| report.agree_sent).sum()),
            parties,
        }
    }

    /// Returns the processor time of all parties in the program.
    pub fn cpu_user_ms(&self) -> f64 {
        self.parties.iter().map(|party| party.cpu_user_ms).sum()
    }

    /// Returns the processor time of all parties in the kernel.
    pub fn cpu_kernel_ms(&self) -> f64 {
        self.parties.iter().map(|party| party.cpu_kernel_ms).sum()
    }

    /// Returns the peak memory of the party with the highest.
    pub fn peak_memory(&self) -> u64 {
        let peaks = self.parties.iter().map(|party| party.peak_memory_bytes);
        peaks.max().unwrap_or_default()
    }
}

impl PartyRecord {
    fn new(report: &PartyReport) -> Self {
        let [sent_to_next, sent_to_prev] = report.sent;
        let times = &report.times;
        let phases = report.phases.iter();
        Self {
            cpu_user_ms: milliseconds(report.cpu.user),
            cpu_kernel_ms: milliseconds(report.cpu.kernel),
            cpu_alone_ms: milliseconds(report.alone.total()),
            peak_memory_bytes: report.peak_memory,
            sent_to_next,
            sent_to_prev,
            agree_sent: report.agree_sent.iter().sum(),
            wall: Wall {
                intake_ms: milliseconds(times.intake),
                agree_ms: milliseconds(times.agree),
                close_ms: milliseconds(times.close),
                match_ms: milliseconds(times.matching),
                route_ms: milliseconds(times.routing),
                proof_ms: milliseconds(times.proving),
                reply_ms: milliseconds(times.reply),
                total_ms: milliseconds(times.total),
            },
            phases: phases
                .map(|(phase, time)| (phase.clone(), milliseconds(*time)))
                .collect(),
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    // Whole microseconds: more digits than that are noise.
    time.as_micros() as f64 / 1000.0
}

#[cfg(test)]
impl Record {
    /// A round of 1000 users.
    pub(crate) fn example() -> Self {
        let conditions = Conditions {
            case: Case {
                algorithm: Algorithm::Conversation,
                users: 1000,
                message_bytes: 160,
                seed: 1,
            },
            threads: 2,
            delay_ms: 0,
            round_trip: Duration::from_micros(150),
            sort_ways: 2,
            plain: Duration::from_micros(70),
        };
        let mut report = PartyReport {
            rounds: 18,
            sent: [300_000, 20_000],
            agree_sent: [48_000, 0],
            peak_memory: 5 << 20,
            ..PartyReport::default()
        };
        report.times.total = Duration::from_millis(7);
        report.cpu.user = Duration::from_millis(3);
        report
            .phases
            .push(("look up".to_owned(), Duration::from_millis(1)));
        Self::new(&conditions, 1, &[report.clone(), report.clone(), report])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_put_together() {
        let record = Record::example();
        assert!((record.bytes_per_row - 960.0).abs() < 1e-9);
        assert!((record.agree_bytes_per_row - 144.0).abs() < 1e-9);
        assert!((record.cpu_user_ms() - 9.0).abs() < 1e-9);
        assert!((record.wall.total_ms - 7.0).abs() < 1e-9);
        assert_eq!((record.rounds, record.peak_memory()), (18, 5 << 20));
    }

    #[test]
    fn a_round_is_one_line_of_json() {
        let line = serde_json::to_string(&Record::example()).unwrap();
        assert!(!line.contains('\n'));
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["algorithm"], "conversation");
        assert_eq!(json["message_bytes"], 160);
        assert_eq!(json["parties"][2]["phases"][0][0], "look up");
    }
}
