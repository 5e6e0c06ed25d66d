//! A two-sample test whose false alarms are counted: Fisher's exact one, with Bonferroni's bound
//! over everything that is asked.

use std::collections::BTreeMap;

/// How often a test that asks all of its questions may fail where nothing is wrong.
const FALSE_ALARM: f64 = 1e-9;

/// What was seen in two worlds: for each question the answers, one for each run.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    /// Question, answer, and how often it was given in world 0 and 1.
    answers: BTreeMap<&'static str, BTreeMap<u64, [u64; 2]>>,
}

impl Comparison {
    /// Notes a run's answer to a question. Runs are independent of each other; the answers of
    /// one run to different questions need not be.
    pub(crate) fn note(&mut self, world: usize, question: &'static str, answer: u64) {
        self.answers
            .entry(question)
            .or_default()
            .entry(answer)
            .or_default()[world] += 1;
    }

    /// Returns what tells the worlds apart, the least likely first.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let asked: usize = self.answers.values().map(BTreeMap::len).sum();
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let limit = FALSE_ALARM / asked.max(1) as f64;
        let mut leaks = Vec::new();
        for (question, answers) in &self.answers {
            let totals = answers
                .values()
                .fold([0, 0], |[a, b], [x, y]| [a + x, b + y]);
            for (answer, counts) in answers {
                let p = fisher(*counts, totals);
                if p < limit {
                    leaks.push((
                        p,
                        format!("{question} = {answer}: {counts:?} of {totals:?}"),
                    ));
                }
            }
        }
        leaks.sort_by(|a, b| a.0.total_cmp(&b.0));
        leaks.into_iter().map(|(_, leak)| leak).collect()
    }
}

/// Logarithms of factorials.
fn ln_factorial(n: u64) -> f64 {
    if n < 256 {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of runs")]
    let x = n as f64 + 1.0;
    // Stirling's series; its error is far below what the sums above have.
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * core::f64::consts::PI).ln() + 1.0 / (12.0 * x)
        - 1.0 / (360.0 * x.powi(3))
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Returns the chance of a table at least as unlikely as this one, were the answer equally likely
/// in both worlds.
fn fisher([a, b]: [u64; 2], [n, m]: [u64; 2]) -> f64 {
    let drawn = a + b;
    let ln = |k: u64| ln_choose(n, k) + ln_choose(m, drawn - k) - ln_choose(n + m, drawn);
    let seen = ln(a) + 1e-7;
    let possible = drawn.saturating_sub(m)..=drawn.min(n);
    let chance: f64 = possible.map(ln).filter(|p| *p <= seen).map(f64::exp).sum();
    chance.min(1.0)
}

#[test]
fn a_difference_is_found_and_none_is_not() {
    // Known values (R: fisher.test).
    assert!((fisher([3, 1], [4, 4]) - 0.485_714).abs() < 1e-5);
    assert!((fisher([10, 2], [100, 100]) - 0.032_970_8).abs() < 1e-4);
    assert!(fisher([0, 48], [100, 100]) < 1e-15, "an audit's leak");
    let mut same = Comparison::default();
    let mut leak = Comparison::default();
    for run in 0..5000_u64 {
        for world in 0..2_usize {
            let noise = run.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 13;
            same.note(world, "noise", noise % 7);
            // One run in fifty differs.
            let planted = world == 1 && run.is_multiple_of(50);
            leak.note(world, "noise", if planted { 100 } else { noise % 7 });
        }
    }
    assert!(same.leaks().is_empty());
    assert_eq!(leak.leaks().len(), 1, "{:?}", leak.leaks());
}
