//! What is counted, in the text format that Prometheus reads.
//!
//! Nothing here is of one client: no label names one, and no number tells more than how many there
//! are, how much all of them send, and how often frames and connections were refused. What becomes
//! of what they send (who meets whom, how many do) no server knows.

use std::fmt;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use mcmix_shared::party::PartyId;
use mcmix_shared::program::Program;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::App;
use crate::round::counts::{Phase, RoundCounts};

/// Answers whoever collects metrics.
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    ([(header::CONTENT_TYPE, kind)], text(app))
}

fn text(app: App) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(app));
    let mut text = String::new();
    let written = encode(&mut text, &registry);
    debug_assert!(written.is_ok(), "a string takes everything");
    text
}

impl Collector for App {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.write_rounds(&mut page)?;
        self.write_clients(&mut page)?;
        self.write_peers(&mut page)
    }
}

impl App {
    fn write_rounds(&self, page: &mut Page<'_>) -> fmt::Result {
        let rounds = &self.0.rounds;
        let counts = rounds.counts();
        let ended = Program::ALL.into_iter().flat_map(|program| {
            let RoundCounts {
                done,
                failed,
                aborted,
            } = counts.of(program);
            [("done", done), ("failed", failed), ("aborted", aborted)].map(|(outcome, count)| {
                let labels = [
                    ("program", program.to_string()),
                    ("outcome", outcome.to_owned()),
                ];
                (labels, count)
            })
        });
        page.counters("mcmix_rounds", "Rounds that ended", ended)?;
        let age = rounds.age();
        let age = age.map_or(f64::INFINITY, |age| age.as_secs_f64());
        let help = "Age of the last round, if links were up and none has failed since";
        page.gauge("mcmix_seconds_since_round", help, &age)?;
        let ready = u32::from(rounds.is_ready());
        page.gauge(
            "mcmix_ready",
            "Whether rounds complete, as readyz says",
            &ready,
        )?;
        let stopped = u32::from(rounds.is_halted());
        let help = "Whether rounds are stopped after too many aborts";
        page.gauge("mcmix_rounds_stopped", help, &stopped)?;
        let help = "Rounds that are being computed, or wait for it";
        page.gauge("mcmix_rounds_computing", help, &rounds.computing())?;
        page.phases(self)
    }

    fn write_clients(&self, page: &mut Page<'_>) -> fmt::Result {
        let clients = &self.0.clients;
        page.gauge("mcmix_clients", "Clients connected", &clients.connected())?;
        let lanes = [
            ("conversation", Program::Conversation),
            ("dialing", Program::Contacts),
        ];
        let online = lanes.map(|(lane, program)| {
            (
                [("lane", lane.to_owned())],
                f64::from(clients.online(program)),
            )
        });
        let help = "Clients in the last round, as all clients are told";
        page.gauges("mcmix_clients_in_round", help, online)?;
        let help = "Handshakes of clients that wait or are under way";
        let waiting = clients.pace().waiting();
        page.gauge("mcmix_handshakes_waiting", help, &waiting)?;
        let counts = clients.counts();
        let by_reason = |(reason, count): (&str, u64)| ([("reason", reason.to_owned())], count);
        let frames = counts.frames.each().map(by_reason);
        let help = "Frames of clients that were refused";
        page.counters("mcmix_refused_frames", help, frames)?;
        let connections = counts.connections().map(by_reason);
        let help = "Connections of clients that came to no link, or were closed by this server";
        page.counters("mcmix_refused_connections", help, connections)?;
        let bytes = ["in", "out"].into_iter().zip(counts.bytes());
        let bytes = bytes.map(|(way, bytes)| ([("way", way.to_owned())], bytes));
        let help = "Bytes over the links of all clients";
        page.counters("mcmix_client_bytes", help, bytes)
    }

    fn write_peers(&self, page: &mut Page<'_>) -> fmt::Result {
        let (me, rounds) = (self.0.party, &self.0.rounds);
        let peers = [me.next(), me.prev()];
        let label = |peer: PartyId| [("peer", peer.to_string())];
        let missing = rounds.missing();
        let linked = peers.map(|peer| {
            let is_missing = missing
                .iter()
                .any(|ends| ends.contains(&me) && ends.contains(&peer));
            (label(peer), f64::from(u8::from(!is_missing)))
        });
        page.gauges("mcmix_peer_linked", "Whether the link is up", linked)?;
        let trips = peers.into_iter().zip(rounds.round_trips());
        let trips = trips.map(|(peer, time)| (label(peer), time.as_secs_f64()));
        let help = "Time of a message to a peer and its answer, as last measured";
        page.gauges("mcmix_peer_round_trip_seconds", help, trips)?;
        let sent = peers.into_iter().zip(rounds.counts().sent());
        let sent = sent.map(|(peer, bytes)| (label(peer), bytes));
        let help = "Bytes sent to a peer in rounds with a result";
        page.counters("mcmix_peer_sent_bytes", help, sent)
    }
}

/// What metrics are written on.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: &impl EncodeGaugeValue) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        metric.encode_gauge(value)
    }

    fn gauges<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, String); N], f64)>,
    ) -> fmt::Result {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// Writes counters, to whose name `_total` is added.
    fn counters<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = ([(&'static str, String); N], u64)>,
    ) -> fmt::Result {
        let kind = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in values {
            let mut counter = metric.encode_family(&labels)?;
            counter.encode_counter::<NoLabelSet, u64, f64>(&value, None)?;
        }
        Ok(())
    }

    fn phases(&mut self, app: &App) -> fmt::Result {
        let (name, help) = ("mcmix_round_phase_seconds", "Time of a phase of a round");
        let kind = MetricType::Histogram;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        let counts = app.0.rounds.counts();
        for program in Program::ALL {
            for phase in Phase::ALL {
                let times = counts.times(program, phase);
                let bins: Vec<_> = times.bins().collect();
                let count = bins.iter().map(|(_, count)| count).sum();
                let labels = [
                    ("program", program.to_string()),
                    ("phase", phase.name().to_owned()),
                ];
                let mut histogram = metric.encode_family(&labels)?;
                let sum = times.sum().as_secs_f64();
                histogram.encode_histogram::<NoLabelSet>(sum, count, &bins, None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::http::tests::party;

    const GUIDE: &str = include_str!("../../../docs/operations.md");
    const DASHBOARD: &str = include_str!("../../../docs/grafana.json");

    /// The names in a text that are metrics.
    fn names(text: &str) -> BTreeSet<&str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(|c| !is_part(c))
            .filter(|word| word.starts_with("mcmix_") && !word.ends_with("_server"))
            .collect()
    }

    fn rendered() -> String {
        let (_folder, app) = party();
        text(app)
    }

    #[tokio::test]
    async fn the_guide_has_every_metric_and_no_other() {
        let text = rendered();
        let described = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let metrics: BTreeSet<_> = described.filter_map(|it| it.split(' ').next()).collect();
        let table = GUIDE.lines().filter(|line| line.starts_with("| `mcmix_"));
        let table: BTreeSet<_> = table.flat_map(names).collect();
        assert_eq!(table, metrics);
    }

    #[tokio::test]
    async fn the_dashboard_shows_what_there_is() {
        let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
        let text = rendered();
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let series: BTreeSet<_> = series.flat_map(names).collect();
        let panels = dashboard["panels"].as_array().unwrap();
        assert!(!panels.is_empty());
        for panel in panels {
            for target in panel["targets"].as_array().unwrap() {
                let shown = names(target["expr"].as_str().unwrap());
                assert!(!shown.is_empty() && shown.is_subset(&series), "{shown:?}");
            }
        }
    }

    /// Quantiles are taken between ends: past the last one there is to be none.
    #[tokio::test]
    async fn the_last_bin_has_no_end() {
        let text = rendered();
        let ends = |line: &'_ str| Some(line.split_once("le=\"")?.1.split_once('"')?.0.to_owned());
        let ends: Vec<_> = text.lines().filter_map(ends).collect();
        for ends in ends.chunks(12) {
            let expected = [
                "0.001", "0.005", "0.02", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10",
                "+Inf",
            ];
            assert_eq!(ends, expected);
        }
        assert_eq!(ends.len(), 12 * Program::ALL.len() * Phase::ALL.len());
    }

    /// Whatever comes as a label later is looked at first: it is to be of all clients.
    #[tokio::test]
    async fn labels_are_of_few_kinds() {
        let text = rendered();
        let kinds: BTreeSet<_> = text
            .lines()
            .filter_map(|line| line.split_once('{')?.1.split_once('}'))
            .flat_map(|(labels, _)| labels.split(','))
            .filter_map(|label| label.split('=').next())
            .collect();
        let known = [
            "lane", "le", "outcome", "peer", "phase", "program", "reason", "way",
        ];
        assert_eq!(kinds, known.into());
    }
}
