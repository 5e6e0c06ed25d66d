//! From rounds to one row of the table: medians.

use core::cmp::Ordering;
use std::time::Duration;

use crate::options::Algorithm;
use crate::record::Record;

/// Medians of the rounds of one case, those that only warm up left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// What computed the rounds.
    pub algorithm: Algorithm,
    /// Users in a round.
    pub users: usize,
    /// Bytes of a message; those of dialing are as they are.
    pub message_bytes: Option<usize>,
    /// Communication rounds.
    pub rounds: u32,
    /// Wall time of the agreement.
    pub agree: Duration,
    /// Wall time of the matcher.
    pub matching: Duration,
    /// Wall time of the router.
    pub routing: Duration,
    /// Of both, wall time of proofs.
    pub proving: Duration,
    /// Wall time of the whole round.
    pub total: Duration,
    /// Processor time of all parties in the program.
    pub cpu_user: Duration,
    /// Processor time of all parties in the kernel.
    pub cpu_kernel: Duration,
    /// Peak memory of the party with the highest, in bytes.
    pub peak_memory: u64,
    /// Bytes that all parties sent per row.
    pub bytes_per_row: f64,
    /// Wall time of the same work in the clear.
    pub plain: Duration,
    /// The same by the passive engine, where that was measured, too.
    pub passive: Option<Passive>,
}

/// What a case took the passive engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passive {
    /// Wall time of the whole round.
    pub total: Duration,
    /// Processor time of all parties.
    pub cpu: Duration,
}

impl Summary {
    /// Summarises the rounds of one case; `None` without a round that counts.
    pub fn of(records: &[Record]) -> Option<Self> {
        let counted: Vec<&Record> = records.iter().filter(|record| !record.warm_up).collect();
        let first = counted.first()?;
        let time = |of: fn(&Record) -> f64| {
            let milliseconds = median(counted.iter().map(|record| of(record)))?;
            Some(Duration::from_secs_f64(milliseconds / 1000.0))
        };
        Some(Self {
            algorithm: first.algorithm,
            users: first.users,
            message_bytes: first.message_bytes,
            rounds: first.rounds,
            agree: time(|record| record.wall.agree_ms)?,
            matching: time(|record| record.wall.match_ms)?,
            routing: time(|record| record.wall.route_ms)?,
            proving: time(|record| record.wall.proof_ms)?,
            total: time(|record| record.wall.total_ms)?,
            cpu_user: time(Record::cpu_user_ms)?,
            cpu_kernel: time(Record::cpu_kernel_ms)?,
            peak_memory: counted.iter().map(|record| record.peak_memory()).max()?,
            bytes_per_row: median(counted.iter().map(|record| record.bytes_per_row))?,
            plain: time(|record| record.plain_ms)?,
            passive: None,
        })
    }

    /// Returns the processor time of all parties.
    pub fn cpu(&self) -> Duration {
        self.cpu_user + self.cpu_kernel
    }

    /// Returns wall and processor time as multiples of the passive engine's.
    pub fn to_passive(&self) -> Option<[f64; 2]> {
        let Passive { total, cpu } = self.passive?;
        Some([
            self.total.div_duration_f64(total),
            self.cpu().div_duration_f64(cpu),
        ])
    }
}

/// Returns the middle value, or the mean of the middle two; `None` of no values.
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    let upper = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *values.get(values.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle() {
        let of = |values: &[f64]| median(values.iter().copied());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3.0]), Some(3.0));
        assert_eq!(of(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(of(&[4.0, 1.0, 9.0, 2.0]), Some(3.0));
    }

    #[test]
    fn rounds_that_warm_up_do_not_count() {
        let rounds = [(900.0, true), (2.0, false), (1.0, false), (3.0, false)];
        let records = rounds.map(|(total_ms, warm_up)| {
            let mut record = Record::example();
            record.warm_up = warm_up;
            record.wall.total_ms = total_ms;
            record
        });
        let summary = Summary::of(&records).unwrap();
        assert_eq!(summary.total, Duration::from_millis(2));
        assert_eq!(Summary::of(&records[..1]), None);
    }
}
