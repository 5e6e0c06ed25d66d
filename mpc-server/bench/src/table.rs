//! The table that people read, on a terminal or in a README.

use std::time::Duration;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use crate::batcher::Network;
use crate::statistics::Summary;

const HEADER: [&str; 13] = [
    "program",
    "message",
    "users",
    "rounds",
    "agree",
    "match",
    "route",
    "proofs",
    "total",
    "CPU user + kernel",
    "memory",
    "bytes/row",
    "in the clear",
];

/// Columns where the passive engine was measured, too.
const PASSIVE: [&str; 2] = ["to passive: total", "CPU"];

/// Renders a row for each case.
pub fn render(summaries: &[Summary]) -> String {
    let mut table = Table::new();
    let compares = summaries.iter().any(|summary| summary.passive.is_some());
    let header = HEADER.iter().chain(PASSIVE.iter().filter(|_| compares));
    table.load_style(ASCII_MARKDOWN).set_header(header);
    for summary in summaries {
        let message = summary.message_bytes.map(|bytes| format!("{bytes} B"));
        let to_passive = summary.to_passive().map_or_else(Vec::new, |ratios| {
            ratios.map(|ratio| format!("{ratio:.2} ×")).to_vec()
        });
        let row = [
            summary.algorithm.to_string(),
            message.unwrap_or_default(),
            grouped(summary.users),
            summary.rounds.to_string(),
            time(summary.agree),
            time(summary.matching),
            time(summary.routing),
            time(summary.proving),
            time(summary.total),
            format!("{} + {}", time(summary.cpu_user), time(summary.cpu_kernel)),
            memory(summary.peak_memory),
            format!("{:.0}", summary.bytes_per_row),
            time(summary.plain),
        ];
        table.add_row(row.into_iter().chain(to_passive));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let passive = if compares { PASSIVE_NOTE } else { "" };
    format!("{table}\n{NOTES}{passive}{}", networks(summaries))
}

/// What Batcher's network would need where a program sorts.
fn networks(summaries: &[Summary]) -> String {
    let mut lines: Vec<_> = summaries
        .iter()
        .filter_map(Network::of)
        .map(|network| format!("           {network}\n"))
        .collect();
    lines.dedup();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "Batcher's odd-even merge sort instead, counted and not run:\n{}",
        lines.concat()
    )
}

const NOTES: &str = "
rounds     of communication, in the program; the agreement has 3 more
proofs     of match and route: making them and examining those of the others
total      from the close of the round to the replies, with ordering what clients handed in
CPU        of all three parties, links included
memory     peak of one party in the round, with the submissions that it holds
bytes/row  sent by all three parties together in the program
";

const PASSIVE_NOTE: &str = "\
to passive multiples of what the same case took the passive engine, measured right after it
";

/// Writes a time with three digits.
pub(crate) fn time(time: Duration) -> String {
    let milliseconds = time.as_secs_f64() * 1000.0;
    match milliseconds {
        ..0.1 => format!("{:.0} µs", milliseconds * 1000.0),
        0.1..10.0 => format!("{milliseconds:.2} ms"),
        10.0..100.0 => format!("{milliseconds:.1} ms"),
        100.0..1000.0 => format!("{milliseconds:.0} ms"),
        1000.0..10_000.0 => format!("{:.2} s", milliseconds / 1000.0),
        _ => format!("{:.1} s", milliseconds / 1000.0),
    }
}

fn memory(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

/// Writes a count with its thousands apart.
pub(crate) fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Algorithm;
    use crate::record::Record;
    use crate::statistics::Passive;

    #[test]
    fn numbers_read_well() {
        let micros = |micros| time(Duration::from_micros(micros));
        let times = [62, 1234, 12_345, 234_567, 1_234_567, 65_432_100].map(micros);
        assert_eq!(
            times,
            ["62 µs", "1.23 ms", "12.3 ms", "235 ms", "1.23 s", "65.4 s"]
        );
        let counts = [7, 1000, 12_345, 1_000_000].map(grouped);
        assert_eq!(counts, ["7", "1,000", "12,345", "1,000,000"]);
    }

    #[test]
    fn a_row_for_each_case_under_the_header() {
        let one = Summary::of(&[Record::example()]).unwrap();
        let mut two = one.clone();
        (two.algorithm, two.message_bytes) = (Algorithm::DialingOpen, None);
        let text = render(&[one, two]);
        let cells = |line: &str| -> Vec<String> {
            line.trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().to_owned())
                .collect()
        };
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(cells(lines[0]), HEADER);
        let row = cells(lines[2]);
        assert_eq!(row[..4], ["conversation", "160 B", "1,000", "18"]);
        assert_eq!(
            row[8..],
            ["7.00 ms", "9.00 ms + 0 µs", "6 MB", "960", "70 µs"]
        );
        assert_eq!(cells(lines[3])[..2], ["dialing-open", ""]);
    }

    #[test]
    fn what_the_passive_engine_took_is_compared() {
        let mut summary = Summary::of(&[Record::example()]).unwrap();
        summary.passive = Some(Passive {
            total: Duration::from_millis(5),
            cpu: Duration::from_millis(6),
        });
        let text = render(&[summary]);
        for ratio in ["1.40 ×", "1.50 ×"] {
            assert!(text.contains(ratio), "{text}");
        }
    }
}
