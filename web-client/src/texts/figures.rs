//! The network, in words and figures.

use mcmix_shared::client::{LinkStatus, Millis, Obstacle, ServerKeys, ServerView, Traffic, View};
use mcmix_shared::manifest::InCommon;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::RoundId;

use crate::clock;
use crate::cover::Cover;

/// A round.
pub const ROUND: &str = "Round";
/// How many are online.
pub const ONLINE: &str = "People online";
/// The same, after the number.
pub const ONLINE_SHORT: &str = "online";
/// Bytes sent.
pub const SENT: &str = "Sent";
/// Bytes received.
pub const RECEIVED: &str = "Received";
/// Bytes both ways in an hour, at the rate of now.
pub const AN_HOUR: &str = "In an hour, about";
/// Opens the details.
pub const NETWORK_DETAILS: &str = "Servers, rounds and traffic";
/// Where a question has to be answered first.
const NOT_CONNECTED: &str = "Not connected";
/// Where another browser has the identity.
const OPEN_SOMEWHERE_ELSE: &str = "Open in another browser";
/// The store fails.
pub const NOT_SAVED: &str = "Not saved yet";
/// Days of long ago.
pub const TODAY: &str = "Today";
/// The day before.
pub const YESTERDAY: &str = "Yesterday";
/// The day before, in "last here …".
pub const LAST_YESTERDAY: &str = "yesterday";
/// Days of the week, Sunday first.
pub const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
/// Months.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// What the servers are for.
pub const NETWORK_TEXT: &str = "All three servers must be reachable, each by its own connection: your messages travel as three shares, one to each. If one is away, rounds pause and nothing is lost.";
/// What the number of people means.
pub const ONLINE_TEXT: &str =
    "People online is the size of the crowd: whoever watches can’t tell you from any of them.";
/// What traffic means.
pub const TRAFFIC_TEXT: &str =
    "Traffic is the same whether you talk or not. That is what hides when you do.";

/// Whether the page is in every round, and what it means where it is not.
pub fn cover(cover: Cover, in_common: Option<InCommon>, now: Millis) -> String {
    match cover {
        Cover::NotYet => "This page has been in no round yet.".to_owned(),
        Cover::Whole if in_common.is_some() => "This page is in every round: who only watches the network can’t tell whether you talk.".to_owned(),
        Cover::Whole => "This page is in every round: nobody can tell whether you talk, as long as no two servers work together.".to_owned(),
        Cover::GoneSince(since) => format!(
            "This page has not been in every round since {}. Whoever watches sees that, but not whom you talk with. Nothing is lost: what you write, and what is written to you, waits.",
            clock::since(since, now)
        ),
    }
}

/// Heads the details.
pub fn network_title(deployment: &str) -> String {
    format!("Network: {deployment}")
}

/// A time of today, in "last here …".
pub fn last_at(time: &str) -> String {
    format!("at {time}")
}

/// A day, in "last here …".
pub fn last_on(day: &str) -> String {
    format!("on {day}")
}

/// What a round is, and how long a text takes.
pub fn round_text(period_ms: u32, turn_ms: u64) -> String {
    // In whole numbers: the code that prints a float is eleven kilobytes.
    let (seconds, tenths) = (period_ms / 1000, period_ms % 1000 / 100);
    let every = match (seconds, tenths) {
        (1, 0) => "second".to_owned(),
        (seconds, 0) => format!("{seconds} seconds"),
        (seconds, tenths) => format!("{seconds}.{tenths} seconds"),
    };
    format!(
        "Every {every}, or less often while too many people are here, the messages of all are exchanged in one round. Your contacts take turns: a text waits {} at most, and goes at once while you both have the conversation open.",
        span(turn_ms)
    )
}

/// Warns where one person may run several servers.
pub const fn in_common(in_common: InCommon) -> &'static str {
    match in_common {
        InCommon::Host => {
            "Not all servers are at addresses of their own, as in a demo on one machine: whoever runs two of them can see who talks with whom."
        }
        InCommon::Name => {
            "Two or more servers are under one name: if one person runs them, they can see who talks with whom."
        }
    }
}

/// What keeps rounds from completing.
pub fn obstacle(obstacle: Obstacle) -> String {
    match obstacle {
        Obstacle::Server(party) => format!(
            "Server {party} keeps rounds from being completed. Nothing is lost; messages go on when it is back. If it stays, ask its operator."
        ),
        Obstacle::Unknown => "Rounds are not completed for you, and it can’t be told which server is the cause; perhaps more people are here than they can serve. Nothing is lost; messages go on when it passes. If it stays, ask the operators.".to_owned(),
        Obstacle::Stopped => "Rounds are stopped: the servers found that one of them does not follow the protocol, again and again. Its operators must look. Nothing is lost; messages go on when rounds do.".to_owned(),
    }
}

/// Names a server.
pub fn server(party: PartyId) -> String {
    format!("Server {party}")
}

/// Whether a server is connected; none is before its keys are trusted.
pub const fn link_status(status: LinkStatus, keys: ServerKeys) -> &'static str {
    match status {
        LinkStatus::Connecting if matches!(keys, ServerKeys::Changed { .. }) => NOT_CONNECTED,
        LinkStatus::Connected => "Connected",
        LinkStatus::Connecting => "Connecting …",
        LinkStatus::Waiting { .. } => "Not reachable, trying again",
        LinkStatus::Replaced => OPEN_SOMEWHERE_ELSE,
    }
}

/// How many servers are connected.
pub fn network_summary(view: &View, cover: Cover) -> String {
    if view.server_keys != ServerKeys::Known {
        return NOT_CONNECTED.to_owned();
    }
    let replaced = |server: &ServerView| server.status == LinkStatus::Replaced;
    if view.servers.iter().any(replaced) {
        return OPEN_SOMEWHERE_ELSE.to_owned();
    }
    let missing: Vec<String> = view
        .servers
        .iter()
        .filter(|server| server.status != LinkStatus::Connected)
        .map(|server| server.party.to_string())
        .collect();
    match missing.as_slice() {
        [] if cover != Cover::Whole => "Connected, not in rounds yet".to_owned(),
        [] => "Connected".to_owned(),
        [_, _, _] => "Connecting …".to_owned(),
        some => format!("Waiting for {}", some.join(" and ")),
    }
}

/// A round's number.
pub fn round(round: Option<RoundId>) -> String {
    round.map_or_else(|| "–".to_owned(), |round| grouped_digits(round.0))
}

/// How many are online, or a dash before the first round that counted anyone.
pub fn people(online: Option<u32>) -> String {
    let some = online.filter(|online| *online > 0);
    some.map_or_else(|| "–".to_owned(), |some| grouped_digits(some.into()))
}

/// Bytes since the page was opened.
pub fn traffic_so_far(traffic: Traffic) -> String {
    format!(
        "↑ {} ↓ {}",
        bytes(traffic.sent_bytes),
        bytes(traffic.received_bytes)
    )
}

/// Writes a number with a comma before every three digits.
pub fn grouped_digits(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Writes a number of bytes, to two digits at least.
pub fn bytes(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let (whole, tenth) = (bytes / unit, bytes % unit * 10 / unit);
    if whole < 10 {
        format!("{whole}.{tenth} {name}")
    } else {
        format!("{whole} {name}")
    }
}

/// Writes a span of time in its largest unit.
pub fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => format!("{} h", seconds / 3600),
        86400..172_800 => "1 day".to_owned(),
        _ => format!("{} days", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, grouped_digits, span};

    #[test]
    fn numbers_are_grouped() {
        let written = [0, 999, 1000, 12_345, 1_234_567].map(grouped_digits);
        assert_eq!(written, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }

    #[test]
    fn bytes_have_a_unit() {
        let written = [0, 999, 1000, 9_950, 10_500, 2_500_000, 3_000_000_000].map(bytes);
        assert_eq!(
            written,
            [
                "0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "2.5 MB", "3.0 GB"
            ]
        );
    }

    #[test]
    fn spans_have_a_unit() {
        let written = [0, 59_999, 60_000, 7_200_000, 100_000_000, 200_000_000].map(span);
        assert_eq!(written, ["0 s", "59 s", "1 min", "2 h", "1 day", "2 days"]);
    }
}
