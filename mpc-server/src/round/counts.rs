//! What is counted of rounds, for operators: how they ended, and how long their phases took.
//!
//! All of it is of whole rounds, and a round's times depend on how many take part, not on what they
//! hand in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcmix_shared::program::Program;

use super::lane::RoundReport;

/// A part of a round's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Clients hand in.
    Collect,
    /// Submissions are put in order.
    Order,
    /// The parties agree on the clients.
    Agree,
    /// The parties compute.
    Compute,
    /// Replies are written.
    Reply,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 5] = [
        Self::Collect,
        Self::Order,
        Self::Agree,
        Self::Compute,
        Self::Reply,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Order => "order",
            Self::Agree => "agree",
            Self::Compute => "compute",
            Self::Reply => "reply",
        }
    }
}

/// How many rounds ended how, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundCounts {
    /// With a result.
    pub done: u64,
    /// Without one, for a link or the time.
    pub failed: u64,
    /// Aborted, since a check here or at a peer found that somebody deviates.
    pub aborted: u64,
}

/// Upper ends of the bins in which times are counted, in milliseconds; one more has the rest.
const BINS_MS: [u32; 11] = [1, 5, 20, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

/// How many times there were of which length.
#[derive(Debug, Default)]
pub struct Histogram {
    bins: [AtomicU64; BINS_MS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    fn note(&self, time: Duration) {
        let longer = |&&most: &&u32| time > Duration::from_millis(most.into());
        let bin = BINS_MS.iter().take_while(longer).count();
        if let Some(bin) = self.bins.get(bin) {
            bin.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns all times together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    /// Returns each bin's upper end, in seconds, and how many are in it. The last has no end.
    pub fn bins(&self) -> impl Iterator<Item = (f64, u64)> {
        let ends = BINS_MS.iter().map(|&most| f64::from(most) / 1000.0);
        let counts = self.bins.iter().map(|bin| bin.load(Ordering::Relaxed));
        ends.chain([f64::INFINITY]).zip(counts)
    }
}

/// What is counted of one program's rounds.
#[derive(Debug, Default)]
struct OfProgram {
    done: AtomicU64,
    failed: AtomicU64,
    aborted: AtomicU64,
    phases: [Histogram; Phase::ALL.len()],
}

/// What is counted of all rounds.
#[derive(Debug, Default)]
pub struct Counts {
    programs: [OfProgram; 3],
    /// Bytes that rounds with a result sent to the next and to the previous party.
    sent: [AtomicU64; 2],
}

impl Counts {
    /// Returns how many rounds of a program ended how.
    pub fn of(&self, program: Program) -> RoundCounts {
        let OfProgram {
            done,
            failed,
            aborted,
            ..
        } = self.program(program);
        RoundCounts {
            done: done.load(Ordering::Relaxed),
            failed: failed.load(Ordering::Relaxed),
            aborted: aborted.load(Ordering::Relaxed),
        }
    }

    /// Returns how many rounds of all programs ended how.
    pub fn all(&self) -> RoundCounts {
        let add = |sum: RoundCounts, program| {
            let of = self.of(program);
            RoundCounts {
                done: sum.done + of.done,
                failed: sum.failed + of.failed,
                aborted: sum.aborted + of.aborted,
            }
        };
        Program::ALL.into_iter().fold(RoundCounts::default(), add)
    }

    /// Returns how long a phase of a program's rounds took.
    pub fn times(&self, program: Program, phase: Phase) -> &Histogram {
        let [collect, order, agree, compute, reply] = &self.program(program).phases;
        match phase {
            Phase::Collect => collect,
            Phase::Order => order,
            Phase::Agree => agree,
            Phase::Compute => compute,
            Phase::Reply => reply,
        }
    }

    /// Returns the bytes that rounds with a result sent to the next and to the previous party.
    pub fn sent(&self) -> [u64; 2] {
        self.sent
            .each_ref()
            .map(|bytes| bytes.load(Ordering::Relaxed))
    }

    /// Counts a round that took submissions for so long.
    pub(super) fn collected(&self, program: Program, time: Duration) {
        self.times(program, Phase::Collect).note(time);
    }

    /// Counts a round with a result.
    pub(super) fn done(&self, program: Program, report: &RoundReport) {
        self.program(program).done.fetch_add(1, Ordering::Relaxed);
        for (phase, time) in [
            (Phase::Order, report.order),
            (Phase::Agree, report.agree),
            (Phase::Compute, report.compute),
            (Phase::Reply, report.reply),
        ] {
            self.times(program, phase).note(time);
        }
        let computing = &report.statistics;
        let computing = [computing.sent_to_next, computing.sent_to_prev];
        for (sum, (agreeing, computing)) in self
            .sent
            .iter()
            .zip(report.agree_sent.iter().zip(computing))
        {
            sum.fetch_add(agreeing + computing, Ordering::Relaxed);
        }
    }

    /// Counts a round without a result.
    pub(super) fn failed(&self, program: Program) {
        self.program(program).failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a round that was aborted.
    pub(super) fn aborted(&self, program: Program) {
        self.program(program)
            .aborted
            .fetch_add(1, Ordering::Relaxed);
    }

    const fn program(&self, program: Program) -> &OfProgram {
        let [conversation, contacts, open] = &self.programs;
        match program {
            Program::Conversation => conversation,
            Program::Contacts => contacts,
            Program::Open => open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_in_the_bin_that_they_fit_in() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 10_000, 10_001] {
            histogram.note(Duration::from_millis(millis));
        }
        let counts: Vec<_> = histogram.bins().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(histogram.sum(), Duration::from_millis(20_004));
        assert!(histogram.bins().map(|(end, _)| end).is_sorted());
    }

    #[test]
    fn programs_are_counted_apart() {
        let counts = Counts::default();
        let report = RoundReport {
            agree_sent: [1, 2],
            compute: Duration::from_millis(3),
            ..RoundReport::default()
        };
        counts.done(Program::Open, &report);
        counts.failed(Program::Conversation);
        counts.aborted(Program::Contacts);
        let all = RoundCounts {
            done: 1,
            failed: 1,
            aborted: 1,
        };
        assert_eq!(counts.all(), all);
        assert_eq!(counts.of(Program::Open).done, 1);
        assert_eq!(counts.of(Program::Contacts).done, 0);
        assert_eq!(counts.sent(), [1, 2]);
        let computed = counts.times(Program::Open, Phase::Compute).sum();
        assert_eq!(computed, report.compute);
    }
}
